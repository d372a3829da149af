"""Which server to talk to: the one that was named, the one that sentinels name, or the member of a cluster that keeps our keys.

In a cluster every published message reaches every member, so nodes may be connected to any of them. All of ours take the one that
keeps the keys: keys and channels are then in one place and one order, and a cluster is as easy as a server.
"""

from __future__ import annotations

import binascii
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from chatserver.bus.redis_address import Address, Credentials, Place
from chatserver.bus.redis_line import Line, Unreachable

SLOTS: Final = 16_384
Found = TypeVar("Found")


async def find(address: Address, tag: str) -> Place:
    """`tag`: what stands in the braces of all our keys."""
    if address.kind == "sentinel":
        return await _first(
            address, address.sentinel_credentials, lambda line: _of_sentinel(line, address.master)
        )
    if address.kind == "cluster":
        return await _first(address, address.credentials, lambda line: _of_cluster(line, slot(tag)))
    return address.places[0]


def slot(tag: str) -> int:
    return binascii.crc_hqx(tag.encode(), 0) % SLOTS


async def _first(
    address: Address, credentials: Credentials, ask: Callable[[Line], Awaitable[Place]]
) -> Place:
    """What the first one says that answers; if none does, why the last one did not."""
    last = Unreachable(address, "nobody was asked")
    for place in address.places:
        try:
            line = await Line.to(place, credentials=credentials, tls=address.tls)
            try:
                return await ask(line)
            finally:
                line.close()
        except Unreachable as why:
            last = why
    raise last


async def _of_sentinel(line: Line, master: str) -> Place:
    (found,) = await line.ask(("SENTINEL", "GET-MASTER-ADDR-BY-NAME", master))
    if not found:
        raise Unreachable(line.place, f"this sentinel knows no server of the name {master}")
    host, port = found
    return Place(host.decode(), int(port))


async def _of_cluster(line: Line, wanted: int) -> Place:
    (ranges,) = await line.ask(("CLUSTER", "SLOTS"))
    for first, last, master, *_ in ranges:
        if first <= wanted <= last:
            return _member(master, line.place)
    raise Unreachable(line.place, "no member of the cluster keeps our keys just now")


def _member(member: list[Any], asked: Place) -> Place:
    """A member that does not know its own address says nothing, or ?: it is where it was asked."""
    host = (member[0] or b"").decode()
    return Place(asked.host if host in ("", "?") else host, int(member[1]))
