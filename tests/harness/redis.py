"""Debian's redis-server on loopback: killed, stopped, continued, started again on the same port. Nothing is kept on disk."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from chatserver.bus.redis_address import Credentials, Place
from chatserver.bus.redis_line import Command, Line, Unreachable
from tests.harness.server import free_port
from tests.harness.waiting import wait_until

EMPTY = ("--save", "", "--appendonly", "no")
START_WITHIN = 20.0


def program(name: str, package: str) -> str:
    """The path of one of Redis' programs; the test is skipped where there is none."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} here: apt install {package}")
    return found


class RedisServer:
    """`options`: as on its command line, added to those that keep it on loopback and off the disk."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory = directory
        self.port = free_port()
        self.options = options
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns when it listens."""
        assert self.process is None, "it runs already"
        self.directory.mkdir(exist_ok=True, parents=True)
        with (self.directory / "redis.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(self._listens, f"a redis-server listens:\n{self.log()}", START_WITHIN)

    def command(self) -> list[str]:
        server = program("redis-server", "redis-server")
        return [server, "--port", str(self.port), "--bind", "127.0.0.1", *EMPTY, *self.options]

    def kill(self) -> None:
        """SIGKILL: all that it held is gone."""
        self._signal(signal.SIGKILL)
        assert self.process is not None
        self.process.wait(10)
        self.process = None

    def hang(self) -> None:
        """It takes connections (the kernel does that) and answers nobody."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def log(self) -> str:
        with suppress(FileNotFoundError):
            return (self.directory / "redis.log").read_text(errors="replace")[-4000:]
        return ""

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None, "it does not run"
        self.process.send_signal(number)

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"it ended by itself:\n{self.log()}"
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False


class Sentinel(RedisServer):
    """Watches the server at `master`, as "chat"; two sentinels must agree that it is down."""

    def __init__(self, directory: Path, master: int, password: str) -> None:
        super().__init__(directory)
        directory.mkdir(parents=True)
        (directory / "sentinel.conf").write_text(
            f"port {self.port}\nbind 127.0.0.1\n"
            f"sentinel monitor chat 127.0.0.1 {master} 2\n"
            f"sentinel auth-pass chat {password}\n"
            "sentinel down-after-milliseconds chat 2000\n"
            "sentinel failover-timeout chat 6000\n"
        )

    def command(self) -> list[str]:
        return [program("redis-sentinel", "redis-sentinel"), "sentinel.conf"]


@contextmanager
def redis_server(directory: Path, *options: str) -> Iterator[RedisServer]:
    """One that listens, and is gone afterwards whatever happened."""
    server = RedisServer(directory, *options)
    try:
        server.start()
        yield server
    finally:
        if server.process is not None:
            server.kill()


async def say(port: int, *commands: Command, password: str = "") -> list[Any]:
    """The answers of the Redis at this port."""
    line = await Line.to(Place("127.0.0.1", port), credentials=Credentials("", password))
    try:
        return await line.ask(*commands)
    finally:
        line.close()


async def answers(port: int, *command: str | int) -> Any:
    """The answer to one command, None while nobody answers or it is refused."""
    try:
        (answer,) = await say(port, command)
    except Unreachable:
        return None
    return answer
