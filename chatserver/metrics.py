"""What is counted while the server works: plain numbers in memory, cheap enough for every message.

`Metrics.text` is what a Prometheus server reads (text format 0.0.4). No names, no texts, no addresses: counts and seconds only.
`KNOWN` is all there is, with what each means.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
SECONDS: Final = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1.0, 4.0)
"""Upper bounds of the buckets: delivery should take 1.5 ms in the median and 8 ms at p99."""
SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
"""A group has 512 at most."""
LATENESS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0, 60.0)
"""A close is promised within 1 s, what else is due within 2 s at p99."""
WAITS: Final = (5, 15, 30, 60, 120, 300, 600, 1800, 3600)
"""People's time."""

KNOWN: Final = {
    "chatserver_build_info": ("gauge", "Always 1; its labels say which version runs on which engine."),
    "chatserver_connections": ("gauge", "Open connections."),
    "chatserver_draining": ("gauge", "1 while the server sends everybody away."),
    "chatserver_frames_total": ("counter", "Frames heard."),
    "chatserver_message_seconds": ("histogram", "From a message to its acknowledgement."),
    "chatserver_refused_total": ("counter", "Frames answered with an error, by its code."),
    "chatserver_closed_total": ("counter", "Connections that ended, by close code."),
    "chatserver_loop_lag_seconds": ("histogram", "How much later than asked for the event loop came round."),
    "chatserver_commit_seconds": ("histogram", "A group of use cases: load, decide, apply, commit."),
    "chatserver_group_size": ("histogram", "Use cases in a committed group."),
    "chatserver_use_cases_total": ("counter", "Use cases in committed groups."),
    "chatserver_write_queue": ("gauge", "Writes that were asked for and are not answered yet."),
    "chatserver_database_writable": (
        "gauge",
        "0 while the database takes no writes, as far as anybody tried.",
    ),
    "chatserver_database_readable": (
        "gauge",
        "Whether the database answered this scrape within two seconds.",
    ),
    "chatserver_database_bytes": ("gauge", "Size of the files of SQLite."),
    "chatserver_disk_free_bytes": ("gauge", "Room left where SQLite keeps its files."),
    "chatserver_groups_repeated_total": ("counter", "Groups done anew, by what they met (PostgreSQL)."),
    "chatserver_commits_doubtful_total": ("counter", "Commits whose answer was lost (PostgreSQL)."),
    "chatserver_held_up_total": ("counter", "Use cases refused since somebody held their rows (PostgreSQL)."),
    "chatserver_readers": ("gauge", "Connections that read, by what they do (PostgreSQL)."),
    "chatserver_nodes_alive": ("gauge", "Nodes that this one sees, itself among them (PostgreSQL)."),
    "chatserver_node_rank": ("gauge", "This node's place among those alive, from 0 (PostgreSQL)."),
    "chatserver_beats_missed_total": ("counter", "Signs of life that could not be given (PostgreSQL)."),
    "chatserver_nodes_buried_total": ("counter", "Dead nodes for whose people this one spoke (PostgreSQL)."),
    "chatserver_caught_up_total": ("counter", "Tickets whose change was found by looking (PostgreSQL)."),
    "chatserver_redis_up": ("gauge", "Whether events of other nodes arrive at once."),
    "chatserver_redis_reconnects_total": ("counter", "Times that Redis was away and came back."),
    "chatserver_hints_total": ("counter", "Events sent to and received from other nodes."),
    "chatserver_hints_dropped_total": ("counter", "Events not sent: Redis was away or too slow."),
    "chatserver_hints_strange_total": ("counter", "Messages on our channels that were not understood."),
    "chatserver_timer_lateness_seconds": ("histogram", "How late what was due was acted on."),
    "chatserver_first_answer_seconds": ("histogram", "From a ticket's start to an agent's first message."),
    "chatserver_tickets_waiting": ("gauge", "People in the queue, by app."),
    "chatserver_longest_wait_seconds": ("gauge", "How long who waits longest has waited, by app."),
    "chatserver_requests_waiting": ("gauge", "Tickets to be answered later that nobody took, by app."),
    "chatserver_agents_available": ("gauge", "Agents connected who take new chats, by app."),
    "chatserver_chats_attended": ("gauge", "Open chats that an agent attends."),
    "chatserver_mails_total": ("counter", "Mails by what became of them; again: to be tried once more."),
    "chatserver_mail_up": ("gauge", "Whether the server for outgoing mail took the last connection."),
    "chatserver_mails_waiting": ("gauge", "Mails that have not left yet."),
    "chatserver_mail_oldest_seconds": ("gauge", "How long the one that waits longest has waited."),
    "chatserver_scans_total": ("counter", "Files at which the virus scanner looked, by what it said."),
    "chatserver_mailbox_up": ("gauge", "Whether the mailbox could be read at the last look."),
    "chatserver_mailbox_mails_total": ("counter", "Mails of the mailbox; left: they stay there for people."),
    "chatserver_mailbox_waiting": ("gauge", "Mails that wait in the mailbox, as of the last look."),
    "chatserver_incoming_total": ("counter", "Mails that came in, by what became of them."),
    "chatserver_incoming_refused_total": (
        "counter",
        "Refusals that mail hosts heard, by code; 4xx: they come again.",
    ),
    "chatserver_canary_round_trip_seconds": ("histogram", "From a canary's message to its arrival here."),
    "chatserver_canary_lost_total": ("counter", "Canary's messages that did not arrive within ten seconds."),
    "chatserver_canary_last_seen_timestamp_seconds": (
        "gauge",
        "When a node's last canary was sent, by node.",
    ),
    "process_cpu_seconds_total": ("counter", "User and system time."),
    "process_resident_memory_bytes": ("gauge", "Memory in use."),
    "process_open_fds": ("gauge", "Open files, sockets among them."),
    "process_max_fds": ("gauge", "So many may be open."),
    "process_start_time_seconds": ("gauge", "When the process began, Unix time."),
}


class Histogram:
    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...] = SECONDS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def lines(self, name: str, label: str = "") -> Iterator[str]:
        """`label`: such as `from="self"`."""
        count = 0
        before = f"{label}," if label else ""
        for bound, more in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            count += more
            yield f'{name}_bucket{{{before}le="{bound}"}} {count}'
        of = f"{{{label}}}" if label else ""
        yield f"{name}_sum{of} {self.total:.6f}"
        yield f"{name}_count{of} {count}"


class Metrics:
    """Counters only grow. The writing thread adds to `commits`, `groups` and `stored`, the event loop to everything else."""

    def __init__(self) -> None:
        self.messages = Histogram()
        """From a message's last byte to its acknowledgement, which leaves after the commit."""
        self.commits = Histogram()
        self.groups = Histogram(SIZES)
        self.lag = Histogram()
        self.lateness = Histogram(LATENESS)
        self.first_answers = Histogram(WAITS)
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
        self.repeated: dict[str, int] = {}
        self.doubtful = 0
        self.held_up = 0
        self.nodes_alive: int | None = None
        """None: there is one process, and nothing is said about nodes."""
        self.node_rank = 0
        self.beats_missed = 0
        self.buried = 0
        self.caught_up = 0
        self.mails: dict[str, int] | None = None
        """By what became of them; None: none are sent here, and nothing is said about it."""
        self.mail_up: bool | None = None
        """None: there was nothing to send yet."""
        self.scans: dict[str, int] | None = None
        """By what the virus scanner said; None: there is none, and nothing is said about it."""
        self.mailbox: dict[str, int] | None = None
        """Of its mails what became of them; None: none is read here, and nothing is said about it."""
        self.mailbox_up: bool | None = None
        """None: it was not looked into yet."""
        self.mailbox_waiting = 0
        self.incoming: dict[str, int] | None = None
        """Mails that came in by what became of them; None: none are taken here, and nothing is said about it."""
        self.incoming_refused: dict[str, int] = {}
        self.canary: dict[str, Histogram] = {}
        """By whose message it was, "self" or "others"; empty: there is no canary here, and nothing is said about it."""
        self.canary_lost = {"self": 0, "others": 0}
        self.canary_seen: dict[int, float] = {}
        """Unix time, by node."""

    def refuse(self, code: str) -> None:
        """An `error` frame was the answer."""
        self.refused[code] = self.refused.get(code, 0) + 1

    def close(self, code: int) -> None:
        """A connection ended; `code` says why."""
        self.closed[code] = self.closed.get(code, 0) + 1

    def repeat(self, met: str) -> None:
        """A group is done anew; `met`: one of a few words."""
        self.repeated[met] = self.repeated.get(met, 0) + 1

    def came_in(self, became: str) -> None:
        """A mail was taken; `became`: one of a few words."""
        if self.incoming is not None:
            self.incoming[became] = self.incoming.get(became, 0) + 1

    def turn_away(self, code: str) -> None:
        """A mail host heard a refusal; `code`: three digits."""
        self.incoming_refused[code] = self.incoming_refused.get(code, 0) + 1

    def text(self, connections: Mapping[str, int], more: Iterable[str] = ()) -> str:
        """`connections`: how many are open now, per audience. `more`: lines (`one`, `by`) of what was looked up for this."""
        return "\n".join([*self._lines(connections), *more, ""])

    def _lines(self, connections: Mapping[str, int]) -> Iterator[str]:
        yield from by("chatserver_connections", "audience", connections)
        yield from one("chatserver_frames_total", self.frames)
        yield from one("chatserver_use_cases_total", self.stored)
        yield from by("chatserver_refused_total", "code", self.refused)
        yield from by("chatserver_closed_total", "code", self.closed)
        for name, histogram in (
            ("chatserver_message_seconds", self.messages),
            ("chatserver_commit_seconds", self.commits),
            ("chatserver_group_size", self.groups),
            ("chatserver_loop_lag_seconds", self.lag),
            ("chatserver_timer_lateness_seconds", self.lateness),
            ("chatserver_first_answer_seconds", self.first_answers),
        ):
            yield from _head(name)
            yield from histogram.lines(name)
        if self.nodes_alive is not None:
            yield from self._node_lines(self.nodes_alive)
        if self.redis_up is not None:
            yield from self._redis_lines(self.redis_up)
        if self.mails is not None:
            yield from by("chatserver_mails_total", "outcome", self.mails)
            yield from one("chatserver_mail_up", int(self.mail_up is not False))
        if self.scans is not None:
            yield from by("chatserver_scans_total", "outcome", self.scans)
        if self.mailbox is not None:
            yield from by("chatserver_mailbox_mails_total", "outcome", self.mailbox)
            yield from one("chatserver_mailbox_up", int(self.mailbox_up is True))
            yield from one("chatserver_mailbox_waiting", self.mailbox_waiting)
        if self.incoming is not None:
            yield from by("chatserver_incoming_total", "became", self.incoming)
            yield from by("chatserver_incoming_refused_total", "code", self.incoming_refused)
        if self.canary:
            yield from self._canary_lines()

    def _node_lines(self, alive: int) -> Iterator[str]:
        yield from one("chatserver_nodes_alive", alive)
        yield from one("chatserver_node_rank", self.node_rank)
        yield from one("chatserver_beats_missed_total", self.beats_missed)
        yield from one("chatserver_nodes_buried_total", self.buried)
        yield from one("chatserver_caught_up_total", self.caught_up)
        yield from by("chatserver_groups_repeated_total", "met", self.repeated)
        yield from one("chatserver_commits_doubtful_total", self.doubtful)
        yield from one("chatserver_held_up_total", self.held_up)

    def _redis_lines(self, up: bool) -> Iterator[str]:
        yield from one("chatserver_redis_up", int(up))
        yield from one("chatserver_redis_reconnects_total", self.redis_reconnects)
        yield from by(
            "chatserver_hints_total", "way", {"sent": self.hints_sent, "received": self.hints_received}
        )
        yield from one("chatserver_hints_dropped_total", self.hints_dropped)
        yield from one("chatserver_hints_strange_total", self.hints_strange)

    def _canary_lines(self) -> Iterator[str]:
        yield from _head("chatserver_canary_round_trip_seconds")
        for whose, histogram in self.canary.items():
            yield from histogram.lines("chatserver_canary_round_trip_seconds", f'from="{whose}"')
        yield from by("chatserver_canary_lost_total", "from", self.canary_lost)
        yield from by("chatserver_canary_last_seen_timestamp_seconds", "node", self.canary_seen)


def one(name: str, value: float) -> Iterator[str]:
    """The lines of a metric of `KNOWN` that has one value."""
    yield from _head(name)
    yield f"{name} {value}"


def by(name: str, label: str, values: Mapping[int, float] | Mapping[str, float]) -> Iterator[str]:
    """And of one that has a value for each of a few."""
    yield from _head(name)
    for key, value in sorted(values.items(), key=lambda item: str(item[0])):
        text = str(key).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
        yield f'{name}{{{label}="{text}"}} {value}'


def _head(name: str) -> Iterator[str]:
    kind, what = KNOWN[name]
    yield f"# HELP {name} {what}"
    yield f"# TYPE {name} {kind}"
