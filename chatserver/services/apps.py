"""Host applications: made and changed by an administrator. A running server learns of it by `House.refresh`."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final

import msgspec

from chatserver.core.hours import DEFAULT, Schedule
from chatserver.core.people import App
from chatserver.core.policy import Policy
from chatserver.store import accounts as rows
from chatserver.store import people
from chatserver.store.database import Database, Reader

DEMO: Final = "demo"
DEMO_OFFICE: Final = "horario"
"""The keys of the demo's apps: always open, and with the default office hours."""


def new_key() -> str:
    """Public: it stands in the host's page."""
    return secrets.token_hex(8)


async def add(
    db: Database,
    *,
    key: str,
    name: str,
    origins: Sequence[str],
    now: int,
    schedule: Schedule = DEFAULT,
    color: str = "",
) -> App:
    """A new app with the server's default policy. `origins`: exact ones. Raises `store.accounts.Taken` for a key in use."""
    await rows.add_app(
        db,
        key=key,
        name=name,
        origins=_json(list(origins)),
        secret=secrets.token_urlsafe(32),
        color=color,
        schedule=_json(schedule),
        created_at=now,
    )
    return await find(db, key)


async def find(db: Reader, key: str) -> App:
    """Raises LookupError for an unknown key."""
    app = await people.app_by_key(db, key, Policy())
    if app is None:
        raise LookupError(key)
    return app


async def set_origins(db: Database, app: App, origins: Sequence[str]) -> None:
    if tuple(origins) != app.origins:
        await rows.change_app(db, app.key, origins=_json(list(origins)))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
