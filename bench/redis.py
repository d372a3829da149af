"""Debian's Redis with nothing on the disk, as the server's documentation asks for."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.processes import (
    SERVER_CORE,
    NotReady,
    Process,
    clean_environment,
    free_port,
    running,
)


@dataclass(frozen=True)
class Redis:
    process: Process
    port: int

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def cpu(self) -> float:
        """Seconds, of the one thread that does Redis' work, finer than ticks."""
        pid = self.process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]) / 1e9


@contextmanager
def started(directory: Path, core: int = SERVER_CORE) -> Iterator[Redis]:
    """Listening. Raises NotReady, also where there is none."""
    program = shutil.which("redis-server")
    if program is None:
        raise NotReady("no redis-server here: apt install redis-server")
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    command += ["--logfile", str(directory / "redis.log")]  # nobody reads what it prints
    with running(
        command, clean_environment(), directory / "redis-errors.log", directory, core=core
    ) as process:
        process.until(lambda: _listens(port))
        yield Redis(process, port)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
