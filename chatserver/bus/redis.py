"""The bus of many nodes: within one node exactly the local bus, and beside it hints to the nodes that listen, through Redis.

Redis carries hints only and may vanish at any time: the row in the database is the truth. docs/architecture.md, "Between nodes",
says how hints travel and what is lost when they do not.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from typing import Final, Self

from chatserver.bus import envelope, redis_address
from chatserver.bus.base import Subscription
from chatserver.bus.envelope import VERSION, Announcement, Beat, Bye, Delta, NotUnderstood, Said, State
from chatserver.bus.interest import Interest
from chatserver.bus.local import LocalBus
from chatserver.bus.neighbours import Late, Neighbours, Other, Recent
from chatserver.bus.redis_finding import find
from chatserver.bus.redis_line import Command, Denied, Line, Unreachable
from chatserver.bus.redis_link import Link
from chatserver.bus.seal import Seal
from chatserver.core.events import Event
from chatserver.metrics import Metrics

HINTS_MAX: Final = 10_000
"""Hints on their way to a Redis that has not answered yet: two seconds, after which it counts as away, at 5,000 a second."""
BYTES_MAX: Final = 8 * 2**20
"""The same in bytes. Redis itself cuts off a listener for whom it has to keep more than 8 MiB for a minute."""
KEY_MS: Final = 15_000
"""How long a node is remembered that does not renew its key. Three renewals."""
DELTAS_MAX: Final = 500
"""Changes behind the state in a node's key, which everybody reads every five seconds, until the state is written anew."""
MISSED_SECONDS: Final = 0.1
"""One thing that goes wrong is noticed several times, by each number that does not fit: whoever catches up does it once."""
GOODBYE_SECONDS: Final = 0.5
"""At the end, for what is still on its way."""

OURS: Final = "chatserver"
"""What all channels and keys begin with, whosever they are. A cluster keeps all these keys in one place."""

_log = logging.getLogger(__name__)


class BusRefused(Exception):
    """Redis does not take the password, user or database of its address. The text names host and port, and no password."""


async def greet(url: str) -> None:
    """ValueError and BusRefused as `RedisBus.open`, before anything else is started; nothing where Redis is not there."""
    address = redis_address.parse(url)
    with suppress(Unreachable):
        try:
            place = await find(address, OURS)
            line = await Line.to(place, credentials=address.credentials, db=address.db, tls=address.tls)
            try:
                await line.ask(("PING",))
            finally:
                line.close()
        except Denied as why:
            raise BusRefused(str(why)) from None


class RedisBus:
    """Keeps the contract of `bus/base.py` within this node. Across nodes: at most once, in the order of each sender, and whoever
    may have missed something is told."""

    def __init__(
        self,
        address: redis_address.Address,
        node: str,
        installation: str,
        key: bytes,
        serves: bool,
        local: frozenset[str],
        missed: Callable[[], None],
        arrived: Callable[[Event], None],
        metrics: Metrics,
    ) -> None:
        """Use `open`."""
        self._arrived = arrived
        # A node that starts again under its old name is another one: the numbers begin anew.
        self._name = f"{node}~{secrets.token_hex(4)}"
        self._channels = f"{OURS}:{installation}"
        # What stands in braces decides where a cluster keeps a key.
        self._keys = f"{{{OURS}}}:{installation}"
        self._seal = Seal(key)
        self._serves = serves
        self._only_here = local
        self._tell_missed = missed
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._local = LocalBus(self._began, self._ended)
        self._interest = Interest(local)
        self._neighbours = Neighbours(self._name, self._missed, self._look, self._send_late)
        own_channel = self._channel(self._name)
        self._own_channel = own_channel.encode()
        self._everybody = f"{self._channels}:all"
        self._link = Link(address, OURS, (own_channel, self._everybody), self)
        self._up = False
        self._unheard: set[str] = set()
        self._said: list[tuple[Event, tuple[str, ...]]] = []
        self._gathered: dict[Other, list[bytes]] = {}
        self._gathered_hints = 0
        self._gathered_bytes = 0
        self._flush_due = False
        self._missed_due: asyncio.TimerHandle | None = None
        self._deltas = 0
        self._look_due = False
        self._looking: asyncio.Task[None] | None = None
        self._complained = False

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        node: str,
        installation: str,
        key: bytes,
        serves: bool = True,
        local: frozenset[str] = frozenset(),
        missed: Callable[[], None],
        arrived: Callable[[Event], None] = lambda event: None,
        metrics: Metrics | None = None,
    ) -> Self:
        """`node`: a name of this node, no other's. `installation` (letters, digits, hyphens): nodes of one hear each other, and
        nobody else who is at this Redis, in whichever of its databases. `key` (at most 64 bytes): theirs alone, and what is said
        without it is ignored. `serves`: it is one of the nodes that `hears` counts. `local`: topics of which other nodes hear
        nothing. `missed` is called on the event loop when events of other nodes may be lost: who shows something should look at
        the database. `arrived` hears of each event of another node before its listeners do.

        ValueError (a sentence about the URL) or BusRefused. A Redis that is not there yet is waited for meanwhile: a node that
        starts again while it is away must come up."""
        address = redis_address.parse(url)
        metrics = metrics or Metrics()
        bus = cls(address, node, installation, key, serves, local, missed, arrived, metrics)
        try:
            await bus._link.open()
        except Denied as why:
            raise BusRefused(str(why)) from None
        return bus

    @property
    def connected(self) -> bool:
        return self._up

    def hears(self, nodes: int) -> bool:
        serving = sum(other.serves for other in self._neighbours.others.values())
        return self._up and not self._unheard and serving + 1 >= nodes

    def others(self) -> set[str]:
        """The names of the other nodes that are known to be alive."""
        return {name.rpartition("~")[0] for name in self._neighbours.others}

    def publish(self, event: Event, topics: Iterable[str]) -> None:
        topics = tuple(topics)
        # First, so that what a listener publishes while it hears comes after: nothing leaves before the turn ends.
        self._said.append((event, topics))
        self._flush_soon()
        self._local.publish(event, topics)

    def here(self, event: Event, topics: Iterable[str]) -> None:
        self._local.publish(event, topics)

    def unsure(self) -> None:
        for other in self._neighbours.others.values():
            other.said += 1  # as of a hint that was never sent
        if self._up:
            self.beat()

    def listened(self) -> Collection[str]:
        return self._local.listened()

    def subscribe(
        self, topics: Iterable[str], deliver: Callable[[Event], bool], overflowed: Callable[[], None]
    ) -> Subscription:
        return self._local.subscribe(topics, deliver, overflowed)

    async def close(self) -> None:
        """The others forget this node at once. Takes half a second at most."""
        self._flush()
        if self._link.speaking is not None:
            with suppress(Unreachable, TimeoutError):
                async with asyncio.timeout(GOODBYE_SECONDS):
                    await self._link.speaking.ask(
                        ("DEL", self._key(self._name)),
                        ("SREM", self._nodes, self._name),
                        self._to_everybody(Bye(VERSION, self._name)),
                    )
        self._up = False
        if self._missed_due is not None:
            self._missed_due.cancel()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        await self._link.close()
        self._metrics.redis_up = False

    # — what this node says —

    def _flush_soon(self) -> None:
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        """The end of a turn: what changed in our interest, then one batch for each node that listens to what was said."""
        self._flush_due = False
        line = self._link.speaking if self._up else None
        if line is not None and self._interest.changed:
            self._announce(line)
        if self._said:
            self._gather_all(line)
        if line is not None and self._gathered:
            self._send(line)

    def _gather_all(self, line: Line | None) -> None:
        said, self._said = self._said, []
        now = self._loop.time()
        for event, topics in said:
            if not self._only_here.isdisjoint(topics):
                topics = tuple([topic for topic in topics if topic not in self._only_here])
            if not topics:
                continue
            one = Recent.of(event, topics, now)
            self._neighbours.remember(one)
            for other in self._neighbours.others.values():
                if other.wants(one.buckets):
                    self._gather(other, one, line)
        self._neighbours.forget_older(now)

    def _gather(self, other: Other, one: Recent, line: Line | None) -> None:
        one.to = (*one.to, other)
        if line is None or self._full(line):
            self._drop(other)
            return
        try:
            encoded = one.encoded()
        except Exception:
            _log.exception("an event cannot be told to other nodes: they have to catch up from the store")
            self._drop(other)
            return
        self._gathered.setdefault(other, []).append(encoded)
        self._gathered_hints += 1
        self._gathered_bytes += len(encoded)

    def _full(self, line: Line) -> bool:
        return (
            self._gathered_hints + line.unanswered_hints >= HINTS_MAX
            or self._gathered_bytes + line.unanswered_bytes >= BYTES_MAX
        )

    def _drop(self, other: Other) -> None:
        # A number that is never sent: the next one, or the next sign of life, tells the node that it missed something.
        other.said += 1
        self._metrics.hints_dropped += 1

    def _send(self, line: Line) -> None:
        commands: list[Command] = []
        for other, hints in self._gathered.items():
            other.said += 1
            channel = self._channel(other.node)
            batch = envelope.batch(self._name, other.said, hints)
            commands.append(("PUBLISH", channel, self._seal.put(channel, batch)))
        line.tell(*commands, hints=self._gathered_hints)
        self._metrics.hints_sent += self._gathered_hints
        self._gathered = {}
        self._gathered_hints = self._gathered_bytes = 0

    def _send_late(self, late: Late) -> None:
        line = self._link.speaking if self._up else None
        for one in late.hints:
            self._gather(late.other, one, line)
        self._flush_soon()

    # — what others say —

    def told(self, channel: bytes, message: bytes) -> None:
        try:
            said = self._seal.taken(channel.decode(), message)
            if channel == self._own_channel:
                self._hear(envelope.read_batch(said))
            else:
                self._learn(envelope.read_announcement(said))
        except NotUnderstood:
            self._strange(1)
        except Exception:
            _log.exception("a message of another node could not be dealt with")

    def _hear(self, said: Said) -> None:
        if said.node == self._name:
            raise NotUnderstood
        self._neighbours.hear(said, self._loop.time())
        if said.strange:
            self._strange(said.strange)
        self._metrics.hints_received += len(said.hints)
        for hint in said.hints:
            self._arrived(hint.event)
            self._local.publish(hint.event, hint.topics)

    def _learn(self, said: Announcement) -> None:
        if said.node == self._name:
            if isinstance(said, Beat):
                self._link.returned()
            return
        self._neighbours.learn(said, self._loop.time())
        if isinstance(said, Beat) and said.again and self._up:
            self.beat()

    def _strange(self, count: int) -> None:
        self._metrics.hints_strange += count
        if not self._complained:
            self._complained = True
            _log.warning("Something on our channels in Redis is not understood and ignored, now and later.")

    def _missed(self) -> None:
        if self._missed_due is None:
            self._missed_due = self._loop.call_later(MISSED_SECONDS, self._say_missed)

    def _say_missed(self) -> None:
        self._missed_due = None
        self._tell_missed()

    # — who listens to what —

    def _began(self, topic: str) -> None:
        if self._interest.began(topic):
            self._flush_soon()

    def _ended(self, topic: str) -> None:
        if self._interest.ended(topic):
            self._flush_soon()

    def _announce(self, line: Line) -> None:
        """What changed, behind our state in Redis and to everybody: in this order, so that who hears of it can read it."""
        changes = self._interest.changes()
        if changes is None:
            return
        said = Delta(VERSION, self._name, self._interest.version, *changes)
        line.tell(self._record(said), ("PEXPIRE", self._key(self._name), KEY_MS), self._to_everybody(said))
        self._deltas += 1
        if self._deltas > DELTAS_MAX:
            line.tell(*self._renewal())

    def _renewal(self) -> list[Command]:
        """Our state, whole. The first answer is how many records the key has then."""
        self._deltas = 0
        key = self._key(self._name)
        state = State(VERSION, self._name, self._interest.version, self._interest.bits.packed())
        return [
            self._record(state),
            ("LTRIM", key, -1, -1),
            ("PEXPIRE", key, KEY_MS),
            ("SADD", self._nodes, self._name),
        ]

    async def _read(self, line: Line) -> None:
        since = self._loop.time()
        (members,) = await line.ask(("SMEMBERS", self._nodes))
        names = [member.decode(errors="replace") for member in members]
        keys = await line.ask(*[("LRANGE", self._key(name), 0, -1) for name in names]) if names else []
        found = {name: [*self._records(name, key)] for name, key in zip(names, keys, strict=True) if key}
        gone = [name for name in names if name not in found]
        if gone:
            line.tell(("SREM", self._nodes, *gone))
        self._neighbours.read(found, since, self._loop.time())

    def _records(self, name: str, key: list[bytes]) -> Iterable[Announcement]:
        for record in key:
            try:
                yield envelope.read_announcement(self._seal.taken(self._key(name), record))
            except NotUnderstood:
                self._strange(1)

    def _look(self) -> None:
        self._look_due = True
        if self._up and (self._looking is None or self._looking.done()):
            self._looking = self._loop.create_task(self._read_while_due(), name="redis interests")

    async def _read_while_due(self, renewing: bool = False) -> None:
        line = self._link.speaking
        try:
            if renewing and line is not None:
                self._announce(line)
                records, *_ = await line.ask(*self._renewal())
                if records == 1:
                    self._missed()  # our key had run out: others may have forgotten us for a while
            while self._look_due and line is not None:
                self._look_due = False
                await self._read(line)
        except Unreachable as why:
            if line is self._link.speaking:
                self._link.fail(str(why))
        except Exception:
            if line is self._link.speaking:
                self._link.not_understood()

    # — what the link calls —

    async def join(self, speaking: Line) -> None:
        self._interest.changes()
        await speaking.ask(*self._renewal(), self._sign_of_life(again=True))
        await self._read(speaking)

    def up(self, again: bool) -> None:
        self._up = True
        self._metrics.redis_up = True
        if again:
            self._metrics.redis_reconnects += 1
            self._missed()
            self.beat()  # at once: the numbers say what was dropped since we joined
        if self._look_due:
            self._look()
        self._flush_soon()

    def down(self) -> None:
        self._up = False
        self._metrics.redis_up = False
        self._missed()  # nobody will say what others commit from now on

    def ticked(self) -> None:
        before, self._unheard = self._unheard, self._neighbours.unheard(self._loop.time())
        if self._unheard - before:
            self._missed()  # long before it is known what became of them

    def beat(self) -> None:
        self._neighbours.forget_older(self._loop.time())
        if self._link.speaking is not None:
            self._link.speaking.tell(self._sign_of_life())

    def renew(self) -> None:
        if self._looking is None or self._looking.done():
            self._look_due = True
            self._looking = self._loop.create_task(
                self._read_while_due(renewing=True), name="redis interests"
            )

    def _sign_of_life(self, again: bool = False) -> Command:
        said = self._neighbours.said()
        return self._to_everybody(
            Beat(VERSION, self._name, self._interest.version, said, again, self._serves)
        )

    def _to_everybody(self, said: Announcement) -> Command:
        return (
            "PUBLISH",
            self._everybody,
            self._seal.put(self._everybody, envelope.announcement(said)),
        )

    def _record(self, said: Announcement) -> Command:
        """Behind what stands under our key."""
        key = self._key(self._name)
        return ("RPUSH", key, self._seal.put(key, envelope.announcement(said)))

    # — names —

    @property
    def _nodes(self) -> str:
        return f"{self._keys}:nodes"

    def _key(self, name: str) -> str:
        return f"{self._keys}:node:{name}"

    def _channel(self, name: str) -> str:
        return f"{self._channels}:to:{name}"
