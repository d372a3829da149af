"""What is counted while the server works: plain numbers in memory, cheap enough for every message.

`Metrics.text` is what a Prometheus server reads (text format 0.0.4). No names, no texts, no addresses: counts and seconds only.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Final

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
SECONDS: Final = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1.0, 4.0)
"""Upper bounds of the buckets: delivery should take 1.5 ms in the median and 8 ms at p99."""


class Histogram:
    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(SECONDS) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(SECONDS, seconds)] += 1
        self.total += seconds

    def lines(self, name: str) -> Iterator[str]:
        count = 0
        for bound, more in zip((*map(str, SECONDS), "+Inf"), self.counts, strict=True):
            count += more
            yield f'{name}_bucket{{le="{bound}"}} {count}'
        yield f"{name}_sum {self.total:.6f}"
        yield f"{name}_count {count}"


class Metrics:
    """Counters only grow. The writing thread adds to `commits` and `stored`, the event loop to everything else."""

    def __init__(self) -> None:
        self.messages = Histogram()
        """From a message's last byte to its acknowledgement, which leaves after the commit."""
        self.commits = Histogram()
        self.stored = 0
        self.frames = 0
        self.refused: dict[str, int] = {}
        self.closed: dict[int, int] = {}
        self.redis_up: bool | None = None
        """None: there is no Redis to be connected to, and nothing is said about it."""
        self.redis_reconnects = 0
        self.hints_sent = 0
        self.hints_received = 0
        self.hints_dropped = 0
        self.hints_strange = 0

    def refuse(self, code: str) -> None:
        """An `error` frame was the answer."""
        self.refused[code] = self.refused.get(code, 0) + 1

    def close(self, code: int) -> None:
        """A connection ended; `code` says why."""
        self.closed[code] = self.closed.get(code, 0) + 1

    def text(self, connections: Mapping[str, int]) -> str:
        """`connections`: how many are open now, per audience."""
        return "\n".join([*self._lines(connections), ""])

    def _lines(self, connections: Mapping[str, int]) -> Iterator[str]:
        yield from _head("chatserver_connections", "gauge", "Open connections.")
        for audience, count in connections.items():
            yield f'chatserver_connections{{audience="{audience}"}} {count}'
        yield from _head("chatserver_frames_total", "counter", "Frames heard.")
        yield f"chatserver_frames_total {self.frames}"
        yield from _head("chatserver_message_seconds", "histogram", "From a message to its acknowledgement.")
        yield from self.messages.lines("chatserver_message_seconds")
        yield from _head(
            "chatserver_commit_seconds", "histogram", "A group of use cases: load, decide, apply, commit."
        )
        yield from self.commits.lines("chatserver_commit_seconds")
        yield from _head("chatserver_use_cases_total", "counter", "Use cases in committed groups.")
        yield f"chatserver_use_cases_total {self.stored}"
        yield from _head("chatserver_refused_total", "counter", "Frames answered with an error, by its code.")
        for reason, count in sorted(self.refused.items()):
            yield f'chatserver_refused_total{{code="{reason}"}} {count}'
        yield from _head("chatserver_closed_total", "counter", "Connections that ended, by close code.")
        for code, count in sorted(self.closed.items()):
            yield f'chatserver_closed_total{{code="{code}"}} {count}'
        if self.redis_up is not None:
            yield from self._redis_lines(self.redis_up)

    def _redis_lines(self, up: bool) -> Iterator[str]:
        yield from _head("chatserver_redis_up", "gauge", "Whether events of other nodes arrive at once.")
        yield f"chatserver_redis_up {int(up)}"
        yield from _head(
            "chatserver_redis_reconnects_total", "counter", "Times that Redis was away and came back."
        )
        yield f"chatserver_redis_reconnects_total {self.redis_reconnects}"
        yield from _head("chatserver_hints_total", "counter", "Events sent to and received from other nodes.")
        yield f'chatserver_hints_total{{way="sent"}} {self.hints_sent}'
        yield f'chatserver_hints_total{{way="received"}} {self.hints_received}'
        yield from _head(
            "chatserver_hints_dropped_total", "counter", "Events not sent: Redis was away or too slow."
        )
        yield f"chatserver_hints_dropped_total {self.hints_dropped}"
        yield from _head(
            "chatserver_hints_strange_total", "counter", "Messages on our channels that were not understood."
        )
        yield f"chatserver_hints_strange_total {self.hints_strange}"


def _head(name: str, kind: str, what: str) -> Iterator[str]:
    yield f"# HELP {name} {what}"
    yield f"# TYPE {name} {kind}"
