"""How a process without pages of its own lasts: until it is told to end, or its database is another one."""

from __future__ import annotations

import asyncio
import signal

from chatserver import systemd
from chatserver.store.database import Database, DatabaseUnusable


def told_to_end() -> asyncio.Event:
    """Set by SIGTERM and SIGINT."""
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    return ending


async def last(ending: asyncio.Event, db: Database, *tasks: asyncio.Task[None]) -> None:
    """Returns when the process has to end; systemd knows, and `tasks` are over. Raises the DatabaseUnusable that ended one."""
    ends = [asyncio.create_task(event.wait()) for event in (ending, db.outlived)]
    systemd.tell(systemd.READY)
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    ending.set()
    systemd.tell(systemd.STOPPING)
    for task in (*tasks, *ends):
        task.cancel()
    for ended in await asyncio.gather(*tasks, *ends, return_exceptions=True):
        if isinstance(ended, DatabaseUnusable):
            raise ended


def exit_code(db: Database) -> int:
    return systemd.BEGIN_ANEW if db.outlived.is_set() else 0
