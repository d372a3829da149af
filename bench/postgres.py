"""Debian's PostgreSQL as it is by default: on the disk, durable, on the servers' core, the CPU of all its processes counted."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from bench import processes
from bench.processes import NotReady, Process, clean_environment, free_port, running
from chatserver.store.postgres.programs import places

SHOWN: Final = (
    "server_version",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_sync_method",
    "shared_buffers",
)
"""Settings that say what the figures are worth."""

_names = itertools.count(1)


class NoPostgres(Exception):
    """PostgreSQL cannot be measured here; the message says why."""


class Postgres:
    """A running server with databases of our making."""

    def __init__(self, process: Process, programs: Path, port: int) -> None:
        self._process = process
        self._programs = programs
        self._port = port

    def cpu(self) -> float:
        """Seconds of CPU so far of all its processes, those that ended too."""
        return self._process.cpu() + processes.cpu_of_ended(self._process.pid)

    def url(self, database: str) -> str:
        return f"postgresql://chat@127.0.0.1:{self._port}/{database}"

    def create(self, template: str = "template1") -> str:
        """A new database like `template`, to which nobody may be connected: its name."""
        name = f"bench_{next(_names)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, database: str) -> None:
        self.run(f"DROP DATABASE {database} WITH (FORCE)")

    def run(self, *statements: str, database: str = "postgres") -> str:
        """By an administrator, each by itself; gives what they printed, a row a line and | between values."""
        told = [part for statement in statements for part in ("-c", statement)]
        done = subprocess.run(
            [
                str(self._programs / "psql"),
                *self._where(),
                "-d",
                database,
                "-XAtq",
                "-v",
                "ON_ERROR_STOP=1",
                *told,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NotReady(done.stderr)
        return done.stdout.strip()

    def settings(self) -> dict[str, str]:
        return {name: self.run(f"SHOW {name}") for name in SHOWN}

    def answers(self) -> bool:
        asking = [str(self._programs / "pg_isready"), *self._where()]
        return subprocess.run(asking, capture_output=True, check=False).returncode == 0

    def _where(self) -> list[str]:
        return ["-h", "127.0.0.1", "-p", str(self._port), "-U", "chat"]


@contextlib.contextmanager
def started(where: Path, settings: Mapping[str, str] | None = None) -> Iterator[Postgres]:
    """With its data in a fresh directory below `where`. Raises NoPostgres."""
    programs = _programs()
    where.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="postgres-", dir=where) as name:
        directory = Path(name)
        user = _somebody(directory)
        _make(programs, directory, user)
        port = free_port()
        given = {
            "port": str(port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": name,
            **(settings or {}),
        }
        options = [part for key, value in given.items() for part in ("-c", f"{key}={value}")]
        command = [str(programs / "postgres"), "-D", str(directory / "data"), *options]
        with running(command, clean_environment(), directory / "log", Path("/"), user=user) as process:
            server = Postgres(process, programs, port)
            process.until(server.answers)
            yield server


def _programs() -> Path:
    found = places("postgres", "initdb", "pg_isready", "psql")
    if not found:
        raise NoPostgres("no PostgreSQL here: apt install postgresql")
    return found[0]


def _somebody(directory: Path) -> str | None:
    """PostgreSQL refuses root: then it is nobody who runs it, in a directory of nobody's."""
    if os.geteuid() != 0:
        return None
    of = pwd.getpwnam("nobody")
    os.chown(directory, of.pw_uid, of.pw_gid)
    return of.pw_name


def _make(programs: Path, directory: Path, user: str | None) -> None:
    options = ["-U", "chat", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
    command = [str(programs / "initdb"), "-D", str(directory / "data"), *options]
    done = subprocess.run(command, user=user, cwd="/", capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoPostgres(
            f"{done.stderr}\n(the directory has to be one that {user or 'you'} may enter: see --data)"
        )
