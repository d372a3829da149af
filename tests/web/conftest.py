"""The whole application on a prepared demo database, a clock that stands still, and a front end that was built."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient, WebSocketTestSession

from chatserver.app import build_app
from chatserver.demo.scene import prepare
from chatserver.settings import Settings, load
from chatserver.store.database import Database
from tests.harness.asgi_line import with_lines
from tests.harness.letters import Mailbox
from tests.harness.waiting import PATIENCE

if TYPE_CHECKING:
    from tests.web.portal_visitor import Desk, Visitor

PASSWORD = "una-clave-para-probar"
EMAIL = "ana@demo.test"
HOME = "http://127.0.0.1:8000"
START = 1_790_000_000_000
HASHED = "frame.0123456789ab.js"


class Clock:
    """ms since 1970 UTC; moved by hand."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now

    def elapse(self, seconds: float) -> None:
        self.now += int(seconds * 1000)


@dataclass
class Served:
    """A started application."""

    client: TestClient
    app: Starlette
    clock: Clock
    settings: Settings
    mail: Mailbox

    @contextmanager
    def socket(self, path: str, origin: str = HOME) -> Iterator[WebSocketTestSession]:
        """A WebSocket; at the end it is closed and the server has noticed."""
        headers = {"origin": origin}
        with self.client.websocket_connect(f"ws://127.0.0.1:8000{path}", headers=headers) as ws:
            yield ws
            ws.close()
            assert self.client.portal is not None
            self.client.portal.call(self._nobody_connected)

    async def _nobody_connected(self) -> None:
        hub = self.app.state.hub
        async with asyncio.timeout(PATIENCE):
            # The hub tells nobody when it is empty.
            while len(hub):  # noqa: ASYNC110 - a condition, bounded
                await asyncio.sleep(0.001)

    def sign_in(self, email: str = EMAIL, password: str = PASSWORD, **headers: str) -> int:
        """The HTTP status. The cookie stays with the client."""
        answer = self.client.post(
            "/console/session",
            json={"email": email, "password": password},
            headers={"origin": str(self.client.base_url).rstrip("/"), **headers},
        )
        return answer.status_code


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory as `chatserver demo` leaves it."""
    directory = tmp_path_factory.mktemp("prepared")
    settings = settings_in(directory)

    async def fill() -> None:
        clock = Clock()
        db = await Database.open(settings.database_path, clock=clock, committed=lambda events: None)
        try:
            await prepare(db, settings, clock)
        finally:
            await db.close()

    asyncio.run(fill())
    return directory


def settings_in(directory: Path, **environ: str) -> Settings:
    return load(
        {
            "CHATSERVER_DATA_DIR": str(directory),
            "CHATSERVER_DEMO_PASSWORD": PASSWORD,
            "CHATSERVER_SECRET": "s" * 40,
        }
        | environ
    )


@pytest.fixture
def settings(prepared: Path, tmp_path: Path) -> Settings:
    directory = tmp_path / "var"
    shutil.copytree(prepared, directory)
    return settings_in(directory)


@pytest.fixture(scope="session")
def static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built files, as far as the server looks at them."""
    directory = tmp_path_factory.mktemp("static")
    (directory / "build").mkdir()
    names = {"widget.js": "widget.js", "frame.js": HASHED, "frame.css": "frame.0123456789ab.css"}
    for name in names.values():
        (directory / "build" / name).write_text("/* a built file that is long enough to be packed */" * 20)
    (directory / "build" / "manifest.json").write_text(json.dumps(names))
    (directory / "page.css").write_text("body { margin: 0 }")
    (directory / "icon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    return directory


@pytest.fixture
def served(settings: Settings, static: Path) -> Iterator[Served]:
    with started(settings, static) as found:
        yield found


@pytest.fixture
def desk(served: Served) -> Desk:
    from tests.web.portal_visitor import Desk  # which knows this module

    return Desk(served)


@pytest.fixture
def ana(served: Served, desk: Desk) -> Visitor:
    """At the portal, signed up, nothing written yet. `desk`: what it asks for in advance is asked of her."""
    from tests.web.portal_visitor import ADDRESS, Visitor

    return Visitor(served).signs_up(ADDRESS)


class started:
    """`with started(settings, static, base_url) as served`: the application between its start and its end."""

    def __init__(
        self,
        settings: Settings,
        static: Path,
        base_url: str = HOME,
        mail: Mailbox | None = None,
        **changes: object,
    ) -> None:
        self.settings = replace(settings, **changes)  # type: ignore[arg-type]
        self.clock = Clock()
        self.mail = mail or Mailbox()
        self.app = build_app(self.settings, clock=self.clock, static=static, letters=self.mail)
        self.client = TestClient(with_lines(self.app), base_url=base_url, raise_server_exceptions=True)

    def __enter__(self) -> Served:
        self.client.__enter__()
        return Served(self.client, self.app, self.clock, self.settings, self.mail)

    def __exit__(self, *error: object) -> None:
        self.client.__exit__(*error)
