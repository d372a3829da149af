"""Debian's PostgreSQL on loopback: one for a run of the tests, a database of its own for each test that asks for one."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from chatserver.store.migrations.postgres import migrate
from chatserver.store.postgres.programs import places
from tests.harness.furnished import furnish, own_life
from tests.harness.server import free_port
from tests.harness.waiting import wait_until

MEMORY_NEEDED = 6 * 2**30
"""Some hundreds of databases of 8 MB, and as much again."""

_names = itertools.count(1)


def programs() -> Path | None:
    """Where those of the server and those that speak to it are."""
    return next(iter(places("postgres", "initdb", "pg_isready")), None)


class Postgres:
    """A running server. `relaxed`: commits do not wait for the disk, for all tests that are not about that. `counting`: it counts
    the statements of everybody (`statements`). `environment`: another one than ours, for it alone."""

    def __init__(
        self,
        bin_directory: Path,
        directory: Path,
        *,
        relaxed: bool,
        counting: bool = False,
        environment: dict[str, str] | None = None,
    ) -> None:
        self._bin = bin_directory
        self.directory = directory
        self.port = free_port()
        self._relaxed = relaxed
        self._counting = counting
        self._environment = environment
        # PostgreSQL refuses root: then it is nobody who runs it, in a directory of nobody's.
        self._user = "nobody" if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        self._furnished = self._has_demo = False

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def make(self) -> None:
        if self._user is not None:
            of = pwd.getpwnam(self._user)
            os.chown(self.directory, of.pw_uid, of.pw_gid)
        data = str(self.directory / "data")
        options = ["-U", "chat", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
        self._run("initdb", "-D", data, *options)

    def start(self) -> None:
        settings = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.directory),
            "max_connections": "200",
            "log_min_messages": "error",
            "shared_buffers": "64MB",
            "fsync": "off" if self._relaxed else "on",
            "full_page_writes": "off" if self._relaxed else "on",
            "shared_preload_libraries": "pg_stat_statements" if self._counting else "",
        }
        given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._bin / "postgres"), "-D", str(self.directory / "data"), *given],
                stdout=log,
                stderr=log,
                user=self._user,
                cwd="/",
                env=self._environment,
            )
        wait_until(self._answers, "PostgreSQL answers", within=30)
        if self._counting:
            self.run("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: at once and cleanly; SIGQUIT: as after a crash. Harmless twice."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    @contextlib.contextmanager
    def passwords(self) -> Iterator[None]:
        """The role `guest` has a password, which it is asked for meanwhile."""
        rules = self.directory / "data" / "pg_hba.conf"
        before = rules.read_text()
        self.run("CREATE ROLE guest LOGIN PASSWORD 'right'")
        rules.write_text(f"host all guest 127.0.0.1/32 scram-sha-256\n{before}")
        self._reload()
        try:
            yield
        finally:
            rules.write_text(before)
            self._reload()
            self.run("DROP ROLE guest")

    def _reload(self) -> None:
        """Returns when who connects from now on meets the new rules."""
        since = self.run("SELECT pg_conf_load_time()")
        self.run("SELECT pg_reload_conf()")
        wait_until(lambda: self.run("SELECT pg_conf_load_time()") != since, "PostgreSQL read its rules")

    def run(self, *statements: str, database: str = "postgres") -> str:
        """By an administrator; gives the last one's first value."""
        told = [part for statement in statements for part in ("-c", statement)]
        return self._run("psql", *self._where(), "-d", database, "-XAtq", *told).strip()

    def kill(self) -> None:
        """SIGKILL to every process of it, as when the machine loses its power (but the disk keeps what it was told)."""
        everyone = [self.pid, *self._children()]
        for pid in everyone:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert self._process is not None
        self._process.wait(30)
        self._process = None
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in everyone), "all are gone")

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """SIGSTOP to every process of it: the kernel still accepts connections, and nobody ever answers."""
        stopped = [self.pid, *self._children()]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in stopped:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def count_anew(self) -> None:
        """`statements` begins at nothing."""
        self.run("SELECT pg_stat_statements_reset()")

    def statements(self, url: str) -> dict[str, int]:
        """How often each was run in the database at `url` since `count_anew`, by its text."""
        counts = (
            "json_object_agg(query, calls) FROM (SELECT query, sum(calls) AS calls FROM pg_stat_statements"
        )
        where = f"WHERE dbid = (SELECT oid FROM pg_database WHERE datname = '{url.rpartition('/')[2]}')"
        found: dict[str, int] = json.loads(
            self.run(f"SELECT {counts} {where} GROUP BY query) AS each") or "{}"
        )
        return found

    def _children(self) -> list[int]:
        found = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(pid) for pid in found.split()]

    def empty(self) -> str:
        """The URL of a new, empty database."""
        return self._create(f"empty_{next(_names)}", "template0")

    def database(self) -> str:
        """The URL of a new database with the schema in it."""
        if not self._furnished:
            url = self._create("furnished", "template0")
            # In a thread, since the test that asks first may run on an event loop.
            with ThreadPoolExecutor(1) as aside:
                aside.submit(asyncio.run, migrate(url)).result()
            self._furnished = True
        return self._create(f"test_{next(_names)}", "furnished")

    def demo(self) -> str:
        """The URL of a new database as a server's first `demo` leaves it, with a life of its own."""
        if not self._has_demo:
            try:
                furnish(self._create("demo", "template0"))
            except BaseException:  # what was left half done is never copied
                self.run("DROP DATABASE IF EXISTS demo WITH (FORCE)")
                raise
            self._has_demo = True
        name = f"demo_{next(_names)}"
        url = self._create(name, "demo")
        self.run(*own_life(), database=name)
        return url

    def _create(self, name: str, template: str) -> str:
        # As files: by way of the log, which is what PostgreSQL does by itself, it takes twice as long.
        self._run("createdb", *self._where(), "-T", template, "--strategy", "FILE_COPY", name)
        return f"postgresql://chat@127.0.0.1:{self.port}/{name}"

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.directory / "log").read_text()
        ready = subprocess.run(
            [str(self._bin / "pg_isready"), *self._where()], capture_output=True, check=False
        )
        return ready.returncode == 0

    def _where(self) -> list[str]:
        return ["-h", "127.0.0.1", "-p", str(self.port), "-U", "chat"]

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [str(self._bin / program), *arguments],
            user=self._user,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def _memory() -> str | None:
    """Where files cost nothing, if there is room: each database is 300 of them."""
    place = Path("/dev/shm")
    return str(place) if place.is_dir() and shutil.disk_usage(place).free > MEMORY_NEEDED else None


@contextlib.contextmanager
def postgres(
    *, relaxed: bool = True, counting: bool = False, environment: dict[str, str] | None = None
) -> Iterator[Postgres]:
    """A server of its own, stopped at the end. `counting`, `environment`: as for `Postgres`."""
    found = programs()
    if found is None:
        pytest.skip("no PostgreSQL here: apt install postgresql")
    with tempfile.TemporaryDirectory(prefix="chat-pg-", dir=_memory() if relaxed else None) as where:
        server = Postgres(found, Path(where), relaxed=relaxed, counting=counting, environment=environment)
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop(signal.SIGQUIT)  # nobody will ever read it again


async def fetched(url: str, query: str, *values: object) -> list[Any]:
    """The rows of one statement by a connection of its own."""
    numbers = itertools.count(1)
    numbered = "".join(f"${next(numbers)}" if part == "?" else part for part in re.split(r"(\?)", query))
    other = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await other.fetch(numbered, *values)]
    finally:
        await other.close()
