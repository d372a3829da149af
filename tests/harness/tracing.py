"""What the server asked of the kernel, in order (Debian's strace); and a kernel that fails it on purpose."""

from __future__ import annotations

import codecs
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.server import Server
from tests.harness.waiting import wait_until

DISK_CALLS = ("pwrite64", "ftruncate", "fdatasync", "fsync")
SOCKET_CALLS = ("write", "writev", "sendto", "sendmsg")
TEXT_BYTES = 1_000_000
"""No write is cut short in the trace."""

_LINE = re.compile(r"(?P<pid>\d+) +(?P<rest>.*)")
_BEGUN = re.compile(r"(?P<begun>\w+\(.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(?P<more>.*)$")
_CALL = re.compile(
    r"(?P<name>\w+)\(\d+<(?P<file>[^>]*)>(?:, )?(?P<arguments>.*)\) += (?P<result>-?\d+)(?P<why>.*)$"
)
_WRITE = re.compile(r'"(?P<text>.*)", (?P<size>\d+), (?P<offset>\d+)$')


@dataclass(frozen=True)
class Call:
    """One system call on one open file. `began` and `ended` are places in the order of everything that was traced."""

    name: str
    file: str
    arguments: str
    result: int
    why: str
    began: int
    ended: int

    @property
    def is_sync(self) -> bool:
        return self.name in ("fdatasync", "fsync")

    @property
    def on_socket(self) -> bool:
        return self.name in SOCKET_CALLS

    def written(self) -> tuple[int, bytes]:
        """Of a `pwrite64`: where, and what."""
        found = _WRITE.match(self.arguments)
        assert found, self.arguments[-100:]
        text, _ = codecs.escape_decode(found["text"].encode())
        assert len(text) == int(found["size"]) == self.result
        return int(found["offset"]), text


def traced(trace: Path, calls: Sequence[str], *more: str) -> list[str]:
    """A command for `Server(under=…)`: the server itself is our child, and its tracer ends with it."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed: apt install strace")
    listed = ",".join(calls)
    # -D: the tracer is a grandchild; -y: files by name; with seccomp only what is listed is slowed down.
    options = ["-D", "-f", "--seccomp-bpf", "-qq", "-y", "-s", str(TEXT_BYTES), "-o", str(trace)]
    return ["strace", *options, "-e", f"trace={listed}", *more]


def ended(trace: Path) -> None:
    """Wait until the tracer of a killed or stopped server has written everything."""

    def complete() -> bool:
        with trace.open("rb") as file:
            file.seek(max(0, trace.stat().st_size - 4096))
            return b"+++ " in file.read().splitlines()[-1]

    wait_until(complete, "the trace is complete")


def read(trace: Path) -> Iterator[Call]:
    """In the order in which they ended. A call that another thread's interrupted is on two lines."""
    begun: dict[str, tuple[int, str]] = {}
    with trace.open(encoding="ascii") as lines:
        for place, line in enumerate(lines):
            found = _LINE.match(line.rstrip("\n"))
            assert found, line[:200]
            pid, text, began = found["pid"], found["rest"], place
            if unfinished := _BEGUN.match(text):
                begun[pid] = (place, unfinished["begun"])
                continue
            if resumed := _RESUMED.match(text):
                began, first = begun.pop(pid)
                text = first + resumed["more"]
            if call := _CALL.match(text):
                name, file, arguments, result, why = call.groups()
                yield Call(name, file, arguments, int(result), why, began, place)


def log_of(server: Server) -> str:
    """The write-ahead log's path."""
    return f"{server.database}-wal"
