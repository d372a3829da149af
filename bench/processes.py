"""Processes to be measured: started on a core of their own, their CPU and memory read from the kernel."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import resource
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final, cast

SERVER_CORE: Final = 0
GENERATOR_CORE: Final = 1
TICK: Final = 1 / os.sysconf("SC_CLK_TCK")
READY_SECONDS: Final = 180.0
"""To recover 100,000 open chats takes a while."""
ROOT: Final = Path(__file__).resolve().parent.parent
PRODUCT = ROOT
"""The checkout whose server is measured; `--product` names another one."""


class NotReady(Exception):
    """The server ended, or said nothing, before it was ready. The message holds what it printed."""


def pin_generator() -> None:
    """This process: to its own core, and with as many open files as it may have."""
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {GENERATOR_CORE})
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def take_precedence(nice: int) -> None:
    """For this process and all that it starts: below 0 before others. Raises PermissionError where that is not allowed."""
    if not nice:
        return
    os.nice(nice)
    # Where the kernel shares the machine among sessions first, a process's own niceness counts within its session only.
    group = Path("/proc/self/autogroup")
    if group.exists():
        before = group.read_text().split()[-1]
        group.write_text(str(nice))
        atexit.register(group.write_text, before)


class Process:
    """A running server with all it started."""

    def __init__(self, popen: subprocess.Popen[bytes], log: Path) -> None:
        self._popen = popen
        self.pid = popen.pid
        self.log = log

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    def cpu(self) -> float:
        """Seconds of CPU so far, user and system, of the process with its threads and descendants."""
        return sum(cpu_of(pid) for pid in tree(self.pid))

    def rss(self) -> int:
        """Resident bytes now, of the whole tree."""
        return sum(rss_of(pid) for pid in tree(self.pid))

    def stop(self) -> None:
        """Ask it to end, and end it when it does not."""
        if self.running:
            self._popen.send_signal(signal.SIGTERM)
            try:
                self._popen.wait(20)
            except subprocess.TimeoutExpired:
                self._popen.kill()
                self._popen.wait()

    def wait_for(self, word: bytes) -> bytes:
        """The rest of the first line of standard output that begins with `word`. Raises NotReady."""
        output = cast(IO[bytes], self._popen.stdout)
        deadline = time.monotonic() + READY_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while selector.select(max(0.0, deadline - time.monotonic())):
                line = output.readline()
                if not line:
                    break
                if line.startswith(word):
                    return line.removeprefix(word).strip()
        raise NotReady(self.printed())

    def rest(self) -> str:
        """What it wrote since to standard output, once it has ended."""
        return cast(IO[bytes], self._popen.stdout).read().decode().strip()

    def until(self, ready: Callable[[], bool]) -> None:
        """Returns as soon as it is. Raises NotReady when it ends before, or takes too long."""
        deadline = time.monotonic() + READY_SECONDS
        while not ready():
            if time.monotonic() > deadline or not self.running:
                raise NotReady(self.printed())
            time.sleep(0.01)  # another process changes, not an event of ours

    def printed(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]


@contextlib.contextmanager
def running(
    command: Sequence[str],
    environment: Mapping[str, str],
    log: Path,
    cwd: Path = ROOT,
    *,
    core: int = SERVER_CORE,
    user: str | None = None,
) -> Iterator[Process]:
    """Start `command`, with standard error in `log`; it ends with the block. `user`: who it becomes, None: stays."""
    with log.open("ab") as errors:
        popen = subprocess.Popen(
            command,
            env=dict(environment),
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=errors,
            user=user,
            preexec_fn=_end_with_us,
        )
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(popen.pid, {core})  # before it has threads, which inherit this
    process = Process(popen, log)
    try:
        yield process
    finally:
        process.stop()
        if popen.stdout is not None:
            popen.stdout.close()


_DEATH_SIGNAL: Final = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>
_libc: Final = ctypes.CDLL(None)


def _end_with_us() -> None:
    """In the child: no server is left behind, however this process ends."""
    _libc.prctl(_DEATH_SIGNAL, signal.SIGKILL)


def tree(pid: int) -> list[int]:
    """A process and all that descend from it, as far as they still run."""
    found = [pid]
    for parent in found:
        for task in _read(f"/proc/{parent}/task", listing=True).split():
            found += [int(child) for child in _read(f"/proc/{parent}/task/{task}/children").split()]
    return found


def cpu_of(pid: int) -> float:
    """Seconds, of all its threads, also those that ended; 0 when it is gone."""
    # The name in parentheses may hold anything, so fields are counted from the last parenthesis on.
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK if fields else 0.0


def cpu_of_ended(pid: int) -> float:
    """Seconds, of the children that ended and were waited for; 0 when it is gone itself."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) * TICK if fields else 0.0


def rss_of(pid: int) -> int:
    """Bytes; 0 when it is gone."""
    for line in _read(f"/proc/{pid}/status").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def own_cpu() -> float:
    """Seconds of CPU of this process, which generates the load."""
    return time.process_time()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _read(path: str, *, listing: bool = False) -> str:
    try:
        if listing:
            return " ".join(entry.name for entry in Path(path).iterdir())
        return Path(path).read_text()
    except OSError:
        return ""


def clean_environment() -> dict[str, str]:
    """Ours without settings of the server that somebody may have exported."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CHATSERVER_", "OTEL_"))
        and name not in ("HOST", "PORT", "DATABASE_URL", "REDIS_URL")
    }
    return inherited | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
