"""Three nodes as an operator runs them: `serve` on one PostgreSQL and one Redis, behind nginx with the files of deploy/."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.harness.nginx import NGINX
from tests.harness.redis import RedisServer, redis_server
from tests.harness.server import ROOT, START_WITHIN, Server
from tests.harness.waiting import wait_until

FILES = ROOT / "deploy" / "nginx"


def nginx_files(where: Path, port: int, nodes: list[int], *, nodes_file: str = "nodes.conf") -> Path:
    """The committed files with other ports, in `where`; gives the main one."""
    upstream = (FILES / nodes_file).read_text(encoding="utf-8")
    named = re.findall(r"server ([\d.]+:\d+)", upstream)
    assert len(named) == len(nodes)
    for old, new in zip(named, nodes, strict=True):
        upstream = upstream.replace(old, f"127.0.0.1:{new}")
    server = (FILES / "chatserver.conf").read_text(encoding="utf-8")
    assert server.count("listen 8080;") == 1
    where.mkdir(parents=True, exist_ok=True)
    (where / "nodes.conf").write_text(upstream)
    (where / "chatserver.conf").write_text(server.replace("listen 8080;", f"listen 127.0.0.1:{port};"))
    main = where / "nginx.conf"
    main.write_text((FILES / "nginx.conf").read_text(encoding="utf-8"))
    return main


def nginx_program() -> str:
    if NGINX is None:
        pytest.skip("no nginx here: apt install nginx")
    return NGINX


class Balanced(Server):
    """Seen from outside: a server like any, whose port is nginx's. `nodes` are behind it."""

    def __init__(self, directory: Path, url: str, redis: RedisServer, **settings: Any) -> None:
        super().__init__(directory, database_url=url)
        self.redis = redis
        shared = settings | {
            "database_url": url,
            "redis_url": redis.url,
            "public_url": self.origin,
            "trusted_proxies": "127.0.0.1",
        }
        self.nodes = []
        for number in range(3):
            where = directory / f"node-{number}"
            where.mkdir()
            self.nodes.append(Server(where, command="serve", **shared))
        # Makes the demo's apps and agents, and ends.
        self.first = Server(directory / "node-0", **shared)
        self.first.port = self.port  # the demo's host page is where nginx will be

    def begin(self) -> None:
        self.first.start()
        self.first.stop()
        for node in self.nodes:  # all at once
            node.launch()
        for node in self.nodes:
            wait_until(node.ready, "a node is ready", START_WITHIN)
        main = nginx_files(self.directory / "nginx", self.port, [node.port for node in self.nodes])
        with self.log_file.open("ab") as log:
            command = [
                nginx_program(),
                "-p",
                str(main.parent),
                "-c",
                str(main),
                "-e",
                "stderr",
                "-g",
                "daemon off;",
            ]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        wait_until(self.ready, "nginx passes on", START_WITHIN)

    def end(self) -> None:
        if self.process is not None:
            self.stop()
        for node in (self.first, *self.nodes):
            if node.process is not None:
                node.kill()

    def roll(self, node: Server) -> float:
        """SIGTERM, and start again when it has ended; gives how long the end took."""
        began = time.monotonic()
        node.terminate()
        node.wait()
        took = time.monotonic() - began
        node.start()
        return took


@contextmanager
def balanced(directory: Path, url: str, **settings: Any) -> Iterator[Balanced]:
    nginx_program()
    with ExitStack() as stack:
        (directory / "redis").mkdir()
        redis = stack.enter_context(redis_server(directory / "redis"))
        door = Balanced(directory, url, redis, **settings)
        stack.callback(door.end)
        door.begin()
        yield door
