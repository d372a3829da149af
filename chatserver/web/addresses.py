"""Where a request comes from, and whether what it carries is safe on its way."""

from __future__ import annotations

import ipaddress

from starlette.requests import Request

from chatserver.web.rooms import Rooms


def network(request: Request) -> str:
    """Where a request comes from, for counting: one IPv6 customer has a whole /64."""
    try:
        address = ipaddress.ip_address(request.client.host if request.client else "")
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(
                address.ipv4_mapped
            )  # as a proxy that listens for both tells IPv4: all of it is one /64
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def internet(request: Request) -> str:
    """The network that is counted; "" for one that is not of the internet: it may be a proxy, with everybody behind it."""
    found = network(request)
    return found if found and ipaddress.ip_network(found).is_global else ""


def may_carry_passwords(house: Rooms, request: Request) -> bool:
    """Over https, or within the machine."""
    return house.origins.scheme(request.scope) == "https" or house.origins.is_loopback(request.scope)
