"""How much one connection, and one person over all connections, may send. Times are seconds of a monotonic clock."""

from __future__ import annotations

import ipaddress
from typing import Final

import msgspec

STRIKES: Final = 60
"""`rate_limited` answers per minute before the connection is closed: what waited offline may come in one burst."""


class Limits(msgspec.Struct, frozen=True):
    """⏱ Per minute, and at once."""

    messages: int = 100
    message_burst: int = 20
    frames: int = 600
    frame_burst: int = 120
    pending: int = 32
    """Frames of one connection that may wait for their commit at once; more are not read until one is done."""
    connections: int = 20_000
    address_connections: int = 2_000
    address_tickets: int = 300
    """The wide outer net: of one network address, whoever they say they are. Tickets per minute, and as many at once."""
    hello_seconds: float = 10
    poll_seconds: float = 20
    """Until a poll without news is answered (HTTP fallback)."""
    poll_absence_seconds: float = 15
    """Between two polls; then the line is lost."""
    customer_heartbeat: float = 25
    agent_heartbeat: float = 5
    """Seconds, give or take a tenth; after 2.4 of them without a frame a connection is dead."""


def network(host: str) -> str:
    """The address that is counted for a peer: an IPv6 customer has a whole /64. Empty for one that is not of the internet: it may
    be a proxy, with everybody behind it (`CHATSERVER_TRUSTED_PROXIES` tells us who they are)."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    if not address.is_global:
        return ""
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)


class Bucket:
    """A token bucket. Starts full."""

    def __init__(self, per_minute: float, burst: float, now: float) -> None:
        self._rate = per_minute / 60
        self._burst = burst
        self._tokens = burst
        self._at = now

    def take(self, now: float, cost: float = 1) -> float:
        """0 when there was room; else nothing was taken, and so many seconds have to pass."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens >= cost:
            self._tokens -= cost
            return 0
        return (cost - self._tokens) / self._rate

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
