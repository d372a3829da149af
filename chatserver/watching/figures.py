"""What an operator's Prometheus is told: what was counted (`metrics.py`), and what is looked up when it asks."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, Self

from sqlalchemy import func, select

from chatserver import __version__
from chatserver.core.people import CANARY, Agent
from chatserver.core.routing import takes_new
from chatserver.metrics import Metrics, by, one
from chatserver.services.house import House
from chatserver.store import outbox
from chatserver.store.database import Database
from chatserver.store.tables import tickets
from chatserver.store.tickets import LATER

LAG_SECONDS: Final = 1.0
"""How often the event loop is asked to come round at a moment."""
FRESH_SECONDS: Final = 5.0
"""Whoever scrapes more often gets what was found then: who waits is counted row by row."""
PATIENCE_SECONDS: Final = 2.0
APPS_MAX: Final = 100
"""Apps with lines of their own, the oldest; Prometheus keeps a series for each."""

_WAITING: Final = (
    select(tickets.c.app_id, func.count(), func.min(tickets.c.queued_at))
    .where(tickets.c.queue_rank.is_not(None))
    .group_by(tickets.c.app_id)
)
_REQUESTS: Final = select(tickets.c.app_id, func.count()).where(LATER).group_by(tickets.c.app_id)


class Found(NamedTuple):
    """What the database said of the service as people meet it. `waiting`: how many and since when (ms), by app."""

    waiting: dict[int, tuple[int, int]]
    requests: dict[int, int]
    agents: list[Agent]
    mails: tuple[int, int | None] | None
    """How many wait to leave, and since when (ms) the first of them; None: none are sent here."""


class Watch:
    """`async with Watch(…)` while the server runs; `text` answers a scrape."""

    def __init__(
        self,
        house: House,
        db: Database,
        metrics: Metrics,
        *,
        connections: Callable[[], Mapping[str, int]],
        draining: Callable[[], bool],
        file: Path | None,
    ) -> None:
        """`file`: SQLite's; None on PostgreSQL."""
        self._house = house
        self._db = db
        self._metrics = metrics
        self._connections = connections
        self._draining = draining
        self._file = file
        self._turn = asyncio.Lock()
        self._found: Found | None = None
        self._looked_at = -FRESH_SECONDS
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        self._look_again(asyncio.get_running_loop())
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    async def text(self) -> str:
        found = await self._look()
        process = await asyncio.to_thread(lambda: list(process_lines()))
        return self._metrics.text(self._connections(), [*self._lines(found), *process])

    def _look_again(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_at(
            loop.time() + LAG_SECONDS, self._came_round, loop, loop.time() + LAG_SECONDS
        )

    def _came_round(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self._metrics.lag.add(max(0.0, loop.time() - due))
        self._look_again(loop)

    async def _look(self) -> Found | None:
        """None: the database does not say."""
        async with self._turn:
            now = asyncio.get_running_loop().time()
            if now - self._looked_at >= FRESH_SECONDS:
                self._found = None
                with suppress(
                    Exception
                ):  # whatever an engine raises: that it does not answer is told by a metric
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        self._found = await self._ask()
                self._looked_at = now if self._found else -FRESH_SECONDS
            return self._found

    async def _ask(self) -> Found:
        waiting = {row[0]: (row[1], row[2] or 0) for row in await self._db.rows(_WAITING)}
        requests = {row[0]: row[1] for row in await self._db.rows(_REQUESTS)}
        mails = None if self._metrics.mails is None else await outbox.state(self._db)
        return Found(waiting, requests, await self._house.reads.agents(), mails)

    def _lines(self, found: Found | None) -> Iterator[str]:
        db = self._db
        engine = "postgresql" if self._file is None else "sqlite"
        yield from by("chatserver_build_info", f'version="{__version__}",engine', {engine: 1})
        yield from one("chatserver_draining", int(self._draining()))
        yield from one("chatserver_write_queue", db.unanswered)
        yield from one("chatserver_database_writable", int(not db.failing))
        yield from one("chatserver_database_readable", int(found is not None))
        if self._file is not None:
            yield from _file_lines(self._file)
        else:
            busy, idle = db.readers
            yield from by("chatserver_readers", "state", {"busy": busy, "idle": idle})
        if found is not None:
            yield from self._service_lines(found)

    def _service_lines(self, found: Found) -> Iterator[str]:
        now = self._house.now()
        apps = [app for app in self._house.people.apps.values() if app.key != CANARY][:APPS_MAX]
        nobody = (0, now)
        counts = {app.key: found.waiting.get(app.id, nobody) for app in apps}
        free = [agent for agent in found.agents if takes_new(agent)]
        yield from by("chatserver_tickets_waiting", "app", {key: count for key, (count, _) in counts.items()})
        yield from by(
            "chatserver_longest_wait_seconds",
            "app",
            {key: max(0, now - since) / 1000 for key, (_, since) in counts.items()},
        )
        yield from by(
            "chatserver_requests_waiting", "app", {app.key: found.requests.get(app.id, 0) for app in apps}
        )
        yield from by(
            "chatserver_agents_available",
            "app",
            {app.key: sum(app.id in agent.app_ids for agent in free) for app in apps},
        )
        yield from one("chatserver_chats_attended", sum(agent.load for agent in found.agents))
        if found.mails is not None:
            count, since = found.mails
            yield from one("chatserver_mails_waiting", count)
            yield from one("chatserver_mail_oldest_seconds", max(0, now - (since or now)) / 1000)


def _file_lines(file: Path) -> Iterator[str]:
    files = {"main": file, "wal": file.with_name(file.name + "-wal")}
    sizes = {name: path.stat().st_size for name, path in files.items() if path.exists()}
    yield from by("chatserver_database_bytes", "file", sizes)
    yield from one("chatserver_disk_free_bytes", shutil.disk_usage(file.parent).free)


def process_lines() -> Iterator[str]:
    """Of this process, by the names that all Prometheus clients give them. Only Linux says all of it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    yield from one("process_cpu_seconds_total", round(used.ru_utime + used.ru_stime, 3))
    yield from one("process_max_fds", resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    here = Path("/proc/self")
    if not here.is_dir():
        return
    # Behind the name, which may have spaces in it: the fields from the third one on.
    stat = (here / "stat").read_text().rpartition(")")[2].split()
    booted = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
    started = int(booted.split()[1]) + int(stat[19]) / os.sysconf("SC_CLK_TCK")
    yield from one("process_start_time_seconds", round(started, 2))
    yield from one("process_resident_memory_bytes", int(stat[21]) * resource.getpagesize())
    # New kernels say the number as the directory's size: with 20,000 sockets a walk through them takes a while.
    directory = here / "fd"
    count = directory.stat().st_size or sum(1 for _ in directory.iterdir())
    yield from one("process_open_fds", count)
