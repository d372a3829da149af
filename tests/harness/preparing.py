"""What an administrator would have set before the story begins; done in the database while the server is down."""

from __future__ import annotations

import json

from tests.harness.server import Server


def chats_at_once(server: Server, capacity: int) -> None:
    """For every agent; whoever comes then waits in the queue."""
    server.stop()
    with server.changing() as database:
        database.execute("UPDATE agents SET capacity = ?", (capacity,))
    server.start()


def closed_for_good(server: Server, app: str = "horario") -> None:
    """No interval on any day: out of hours at whatever time this runs."""
    schedule = {"zone": "America/Bogota", "week": [[], [], [], [], [], [], []]}
    server.stop()
    with server.changing() as database:
        changed = database.execute("UPDATE apps SET schedule = ? WHERE key = ?", (json.dumps(schedule), app))
        assert changed.rowcount == 1
    server.start()
