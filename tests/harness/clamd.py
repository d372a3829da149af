"""Debian's clamd on a Unix socket and a port, with one signature of our own: EICAR's test file. It needs no download."""

from __future__ import annotations

import hashlib
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.files.making import EICAR
from tests.harness.server import free_port
from tests.harness.waiting import wait_until

PATH = "/usr/sbin:/usr/bin:/usr/local/sbin"
NAME = "Prueba.De.Eicar"
CONFIG = """
LocalSocket {base}/clamd.ctl
TCPSocket {port}
TCPAddr 127.0.0.1
DatabaseDirectory {base}/signatures
TemporaryDirectory {base}
LogFile {base}/clamd.log
PidFile {base}/clamd.pid
Foreground yes
StreamMaxLength {most}
SelfCheck 3600
OfficialDatabaseOnly no
"""


class Clamd:
    def __init__(self, base: Path, most: str) -> None:
        self.base = base
        self.port = free_port()
        self.socket = base / "clamd.ctl"
        self.process: subprocess.Popen[bytes] | None = None
        (base / "signatures").mkdir()
        known = EICAR.encode()
        line = f"{hashlib.sha256(known).hexdigest()}:{len(known)}:{NAME}:73\n"
        (base / "signatures" / "own.hsb").write_text(line)
        (base / "clamd.conf").write_text(CONFIG.format(base=base, port=self.port, most=most))

    def start(self) -> None:
        program = shutil.which("clamd", path=PATH)
        assert program is not None
        with (self.base / "out.log").open("ab") as log:
            self.process = subprocess.Popen(
                [program, "--config-file", str(self.base / "clamd.conf")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        wait_until(self._listens, "clamd listens")

    def stop(self) -> None:
        if self.process is None:
            return
        self.go_on()
        self.process.kill()
        self.process.wait(30)
        self.process = None
        self.socket.unlink(missing_ok=True)

    def hang(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process is not None
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGCONT)

    def _listens(self) -> bool:
        assert self.process is not None
        said = (self.base / "out.log").read_text() + (
            (self.base / "clamd.log").read_text() if (self.base / "clamd.log").exists() else ""
        )
        assert self.process.poll() is None, said
        return self.socket.is_socket()


@contextmanager
def clamd(most: str = "25M") -> Iterator[Clamd]:
    if shutil.which("clamd", path=PATH) is None:
        pytest.skip("no clamd here: apt install clamav-daemon")
    with tempfile.TemporaryDirectory(prefix="chat-cl-") as directory:
        made = Clamd(Path(directory), most)
        try:
            made.start()
            yield made
        finally:
            made.stop()
