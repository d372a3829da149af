"""moto's server: an S3-compatible store on loopback, in memory. It believes whoever asks."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import httpx2

from tests.harness.server import free_port
from tests.harness.waiting import wait_until

BUCKET = "lo-que-envian"
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "prueba", "AWS_SECRET_ACCESS_KEY": "prueba"}


class S3Server:
    def __init__(self, log: Path) -> None:
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._log = log
        self._prefix = "chat"
        self._numbers = count(1)

    def begin_anew(self) -> None:
        """What `url` leads to is empty, and nobody else's."""
        self._prefix = f"chat{next(self._numbers)}"

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"s3://{BUCKET}/{self._prefix}?endpoint={self.endpoint}&region=us-east-1"

    def start(self) -> None:
        """With an empty bucket."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        wait_until(self._listens, "moto listens")
        assert httpx2.put(f"{self.endpoint}/{BUCKET}").status_code == 200

    def stop(self) -> None:
        """All that it held is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(30)
            self.process = None

    def names(self) -> list[str]:
        """Of all objects, without the prefix."""
        told = httpx2.get(f"{self.endpoint}/{BUCKET}?list-type=2&prefix={self._prefix}/").text
        return sorted(name.removeprefix(f"{self._prefix}/") for name in re.findall(r"<Key>(.*?)</Key>", told))

    def half_uploads(self) -> int:
        return httpx2.get(f"{self.endpoint}/{BUCKET}?uploads").text.count("<UploadId>")

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self._log.read_text()
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=5):
            return True
        return False


@contextmanager
def s3_server(directory: Path) -> Iterator[S3Server]:
    server = S3Server(directory / "moto.log")
    try:
        server.start()
        yield server
    finally:
        server.stop()
