"""What `chatserver demo` puts into the database: two apps and two agents. A second run changes nothing that is right already."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from typing import Final, NamedTuple

from chatserver.core.hours import ALWAYS, DEFAULT, Schedule
from chatserver.core.people import App
from chatserver.services import apps
from chatserver.services.accounts import add_agent, set_password
from chatserver.services.letters import Letter
from chatserver.services.passwords import Passwords
from chatserver.settings import Settings, kept
from chatserver.store import accounts as rows
from chatserver.store import people
from chatserver.store.database import Database

log = logging.getLogger(__name__)

APPS: Final[tuple[tuple[str, str, Schedule], ...]] = (
    (apps.DEMO, "Demo", ALWAYS),
    (apps.DEMO_OFFICE, "Demo con horario", DEFAULT),
)
AGENTS: Final = (("ana@demo.test", "Ana Ríos"), ("luis@demo.test", "Luis Pardo"))


class Demo(NamedTuple):
    """`password`: of both agents."""

    password: str
    emails: tuple[str, ...]


class PrintedLetters:
    """Where the demo has no mail server: what would be mailed stands in its log, links and all, for whoever tries it out."""

    @property
    def sends(self) -> bool:
        return True

    async def ask(self, letter: Letter) -> None:
        log.info(
            "a mail that is not sent: the demo has no mail server",
            extra={"to": letter.address, "about": letter.kind, "link": letter.link},
        )


async def prepare(db: Database, settings: Settings, clock: Callable[[], int]) -> Demo:
    """Make what is missing, and put right what a changed port, address or password made wrong."""
    made = [await _app(db, settings, *entry, clock()) for entry in APPS]
    app_ids = [app.id for app in made]
    password = settings.demo_password
    if not password:
        password, _ = kept(settings.data_dir / "demo-password", lambda: secrets.token_urlsafe(9))
    passwords = Passwords()
    for email, name in AGENTS:
        if await people.listed_agent(db, email) is None:
            await add_agent(db, passwords, email, name, password, app_ids, clock())
            continue
        login = await people.agent_by_email(db, email)
        if login is None:  # somebody disabled them
            continue
        await rows.attach(db, login.agent.id, app_ids)
        if not await passwords.verify(login.password_hash, password):
            await set_password(db, passwords, email, password, clock())
    return Demo(password, tuple(email for email, _ in AGENTS))


async def _app(db: Database, settings: Settings, key: str, name: str, schedule: Schedule, now: int) -> App:
    wanted = origins(settings)
    try:
        app = await apps.find(db, key)
    except LookupError:
        return await apps.add(db, key=key, name=name, origins=wanted, schedule=schedule, now=now)
    await apps.set_origins(db, app, wanted)
    return app


def origins(settings: Settings) -> list[str]:
    """Where the demo page may be looked at: both loopback names, so that it and the widget can be two sites, and our address."""
    own = [f"http://localhost:{settings.port}", f"http://127.0.0.1:{settings.port}", settings.address]
    return list(dict.fromkeys(own))
