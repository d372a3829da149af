"""How much one connection, and one person over all connections, may send. Times are seconds of a monotonic clock."""

from __future__ import annotations

import ipaddress
import random
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

STRIKES: Final = 60
"""`rate_limited` answers per minute before the connection is closed: what waited offline may come in one burst."""


class Limits(msgspec.Struct, frozen=True):
    """⏱ Per minute, and at once."""

    messages: int = 100
    message_burst: int = 20
    reads: int = 600
    read_burst: int = 340
    """What `talk.READINGS` names, of one person over all connections: ten tabs come back with thirty conversations each, the
    notes of one of them, which notes are unread, and a further page of two lists."""
    frames: int = 600
    frame_burst: int = 120
    large_bytes: int = 4_000_000
    large_burst: int = 500_000
    """Characters of one connection in frames of more than `talk.LARGE`; beyond them it is not read for a while."""
    pending: int = 32
    """Frames of one connection that may wait for their commit at once; more are not read until one is done."""
    connections_per_second: int = 100
    """New conversations in any one second. Agents have a door of their own, so that customers do not hold them up."""
    connections: int = 20_000
    person_connections: int = 50
    """Of one person to this server: what is said to them is written so many times."""
    address_connections: int = 2_000
    address_tickets: int = 300
    """The wide outer net: of one network address, whoever they say they are. Tickets per minute, and as many at once."""
    hello_seconds: float = 10
    poll_seconds: float = 20
    """Until a poll without news is answered (HTTP fallback)."""
    poll_absence_seconds: float = 12
    """Between two polls; then the line is lost, and its peer was last seen at the first of the two. As long as an agent's
    WebSocket may be silent: 15 s after a last sign of life they get no new chats."""
    customer_heartbeat: float = 25
    agent_heartbeat: float = 5
    """Seconds, give or take a tenth; after 2.4 of them without a frame a connection is dead."""
    linger: float = 5
    """Seconds after a last sign of life before anybody is said to be gone: who reloads, or comes to another node, is not."""


ADDRESS_SHARE: Final = 0.5
"""Of the new conversations, for one network address: nobody closes the door to everybody else."""
SLOT_SHARE: Final = 0.9
"""Of the new conversations, promised to those who were told when to come; the rest is for who comes unannounced."""
SLOT_SOONEST: Final = 1.0
"""Seconds: the crowd that has just come is through by then."""
SLOT_LATEST: Final = 60.0
"""Seconds that anybody is told to wait at most: who knocks without end cannot send everybody else away for hours."""


def network(host: str) -> str:
    """The address that is counted for a peer: an IPv6 customer has a whole /64. Empty for one that is not of the internet: it may
    be a proxy, with everybody behind it (`CHATSERVER_TRUSTED_PROXIES` tells us who they are)."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped  # a proxy that listens for both tells IPv4 so: all of it is one /64
    if not address.is_global:
        return ""
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)


class Bucket:
    """A token bucket. Starts full."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, per_minute: float, burst: float, now: float) -> None:
        self._rate = per_minute / 60
        self._burst = burst
        self._tokens = burst
        self._at = now

    def take(self, now: float, cost: float = 1) -> float:
        """0 when there was room; else nothing was taken, and so many seconds have to pass."""
        tokens = self._tokens + (now - self._at) * self._rate
        if tokens > self._burst:
            tokens = self._burst
        self._at = now
        self._tokens = tokens
        if tokens >= cost:
            self._tokens = tokens - cost
            return 0
        return (cost - tokens) / self._rate

    def full(self, now: float) -> bool:
        return self._tokens + (now - self._at) * self._rate >= self._burst


class Buckets:
    """One bucket of messages per person, shared by all of that person's connections."""

    def __init__(self, per_minute: float, burst: float) -> None:
        self._per_minute = per_minute
        self._burst = burst
        self._buckets: dict[object, Bucket] = {}

    def take(self, who: object, now: float) -> float:
        bucket = self._buckets.get(who)
        if bucket is None:
            bucket = self._buckets[who] = Bucket(self._per_minute, self._burst, now)
        return bucket.take(now)

    def forget(self, now: float) -> None:
        """Drop those that are full again: to keep them would be a memory of everybody who ever spoke."""
        self._buckets = {who: bucket for who, bucket in self._buckets.items() if not bucket.full(now)}


class Admission:
    """So many new conversations in any one second. Whoever finds no room is told when to come back: everybody at another moment,
    as many per second as there will be room for, so that a crowd is let in once and not turned away again and again.

    Nothing is kept of those who wait but the moment that the next one is given.
    """

    def __init__(self, per_second: int, random_number: Callable[[], float] = random.random) -> None:
        self._entered: deque[float] = deque(maxlen=per_second)
        self._spacing = 1 / (per_second * SLOT_SHARE)
        self._next_slot = 0.0
        self._random = random_number

    def enter(self, now: float) -> float:
        """0: come in. Else the seconds after which to come again."""
        if len(self._entered) < (self._entered.maxlen or 0) or now - self._entered[0] >= 1:
            self._entered.append(now)
            return 0
        slot = max(self._next_slot, now + SLOT_SOONEST)
        if slot - now > SLOT_LATEST:  # all are promised: some moment, and a second try
            return SLOT_LATEST * (1 + self._random()) / 2
        self._next_slot = slot + self._spacing
        return slot - now

    def give_back(self) -> None:
        """Who was let in just now does not come in after all."""
        self._entered.pop()

    def idle(self, now: float) -> bool:
        """As good as new."""
        return self._next_slot <= now and (not self._entered or now - self._entered[-1] >= 1)


class Door:
    """Admission to one endpoint: of everybody, and before that of each network address."""

    def __init__(self, per_second: int) -> None:
        self._share = max(1, round(per_second * ADDRESS_SHARE))
        self._everybody = Admission(per_second)
        self._addresses: dict[str, Admission] = {}

    def enter(self, address: str, now: float) -> float:
        """As `Admission.enter`. `address`: as `network` gives it."""
        if not address:
            return self._everybody.enter(now)
        own = self._addresses.get(address)
        if own is None:
            own = self._addresses[address] = Admission(self._share)
        if wait := own.enter(now):
            return wait
        if wait := self._everybody.enter(now):
            own.give_back()  # else a crowd of others would use up this address's share too
            return wait
        return 0

    def forget(self, now: float) -> None:
        """Drop the addresses that nobody comes from any more."""
        self._addresses = {name: own for name, own in self._addresses.items() if not own.idle(now)}
