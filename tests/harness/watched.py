"""The real server in a process that can be asked what it holds: `chatserver demo`, which answers with its counts at the port in
DIRECTORY/watch-port. Nothing of this is in the product. `python -m tests.harness.watched DIRECTORY`"""

from __future__ import annotations

import gc
import inspect
import json
import os
import socket
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any, Final

from tests.harness.server import Server
from tests.harness.waiting import wait_until

KINDS: Final = (
    "AgentTalk",
    "Admission",
    "Bucket",
    "Connection",
    "CustomerTalk",
    "Event",
    "RequestProtocol",
    "SocketProtocol",
    "Task",
    "TimerHandle",
    "UVHandle",
    "_Subscription",
    "coroutine",
)
"""Types of which objects are counted, besides all of them together."""

DIRECTORY: Final = Path(sys.argv[-1])
Counts = dict[str, int]
_hubs: list[Any] = []


def counts() -> Counts:
    """Of this process, at this moment. `rss` and `database` (the file) in KiB."""
    gc.collect()
    objects = gc.get_objects()
    found = Counter(type(one).__name__ for one in objects)
    answer = {kind: found[kind] for kind in KINDS} | {"objects": len(objects)}
    for hub in _hubs:
        answer |= _of_hub(hub)
    for file in DIRECTORY.glob("*.db"):
        answer["database"] = file.stat().st_size // 1024
    del objects
    answer["fds"] = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a handle of its own counts the same each time
    answer["blocks"] = sys.getallocatedblocks()  # also what the garbage collector does not look at
    answer["threads"] = threading.active_count()
    status = Path("/proc/self/status").read_text()
    answer["rss"] = int(status.split("VmRSS:")[1].split()[0])
    return answer


def keepers(kind: str, deep: int = 6) -> list[str]:
    """Who refers to the objects of type `kind`: for some of them the chain of types from the object outwards."""
    gc.collect()
    ones = [one for one in gc.get_objects() if type(one).__name__ == kind][:4]
    return [line for one in ones for line in _chain(one, deep, {id(ones), id(_hubs)}, "")]


def _chain(one: Any, deep: int, seen: set[int], indent: str) -> list[str]:
    lines = [f"{indent}{type(one).__name__} {_told_short(one)}"]
    seen.add(id(one))
    if deep:
        referrers = gc.get_referrers(one)
        seen.add(id(referrers))
        for other in referrers[:8]:
            if id(other) not in seen and not (
                inspect.isframe(other) and other.f_code.co_filename == __file__
            ):
                lines += _chain(other, deep - 1, seen, indent + "  ")
    return lines


def _told_short(one: Any) -> str:
    if isinstance(one, dict):
        return " ".join(str(key) for key in list(one)[:12])[:120]
    return repr(one)[:160]


def _of_hub(hub: Any) -> Counts:
    return {
        "lines": len(hub),
        "customers": len(hub.customers_here._counts),
        "customers told": len(hub.customers_here._told),
        "doubtful": len(hub.customers_here._doubtful),
        "lingering": len(hub.customers_here._lingering) + len(hub.customers_here._heard),
        "messages": len(hub.messages._buckets),
        "openings": len(hub.openings._buckets),
        "hub tasks": len(hub._tasks),
        "topics": len(hub.house.bus._listeners),
        "attention": sum(len(listeners) for listeners in hub.attention._listeners.values()),
        "tickets": len(hub.house.books.tickets),
        "typed": len(hub.house.books.typed),
    }


class Watched(Server):
    """`Server`, and what it holds."""

    def counts(self) -> Counts:
        answer: Counts = json.loads(self._asked(""))
        return answer

    def keepers(self, kind: str) -> str:
        """Who keeps the objects of type `kind`, for a failed test to say."""
        return "\n".join(json.loads(self._asked(kind)))

    def _asked(self, question: str) -> bytes:
        port_file = self.directory / "watch-port"
        wait_until(port_file.exists, "the watch is set")
        with socket.create_connection(("127.0.0.1", int(port_file.read_text()))) as connection:
            connection.sendall(f"{question}\n".encode())
            return b"".join(iter(lambda: connection.recv(65_536), b""))

    def _program(self) -> list[str]:
        return [sys.executable, "-m", "tests.harness.watched", str(self.directory)]


def _answer_for_ever(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile() as asked:
            kind = asked.readline().strip()
            connection.sendall(json.dumps(keepers(kind) if kind else counts()).encode())


def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    (DIRECTORY / "watch-port").write_text(str(listener.getsockname()[1]))
    threading.Thread(target=_answer_for_ever, args=(listener,), daemon=True).start()
    from chatserver.cli.main import main as serve
    from chatserver.realtime.hub import Hub

    enter = Hub.__aenter__

    async def remembered(hub: Any) -> Any:
        _hubs.append(hub)
        return await enter(hub)

    setattr(Hub, "__aenter__", remembered)  # noqa: B010 - no type that mypy would take
    sys.argv = ["chatserver", "demo"]
    serve()


if __name__ == "__main__":
    main()
