"""Can somebody be reached now: hours and available agents together (SPEC §4, §5)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from chatserver.core.hours import Opening, Schedule, opening
from chatserver.core.people import Agent
from chatserver.core.policy import Policy
from chatserver.core.routing import attended


class Attention(msgspec.Struct, frozen=True):
    """What a customer is told. Instants are ms since 1970 UTC."""

    open: bool
    until: int | None
    """When open: closing time; None when the app never closes."""
    next: int | None
    """When closed: the next opening; None when none is known."""
    reason: str
    """The holiday's name when that is why it is closed."""
    attended: bool
    """At least one agent is available, free or at capacity."""
    chat: bool
    """A chat can be started now; otherwise only a request to be answered later."""


def attention(schedule: Schedule, policy: Policy, agents: Iterable[Agent], now: int) -> Attention:
    """The state of an app's attention at `now`; it holds until `until` or `next`, or until an agent comes or goes."""
    return attention_within(opening(schedule, datetime.fromtimestamp(now / 1000, UTC)), policy, agents, now)


def attention_within(hours: Opening, policy: Policy, agents: Iterable[Agent], now: int) -> Attention:
    """As `attention`, for hours that were already looked up for `now`."""
    somebody = attended(agents, now, policy.agent_fresh_seconds * 1000)
    return Attention(
        open=hours.open,
        until=in_ms(hours.until),
        next=in_ms(hours.next),
        reason=hours.reason,
        attended=somebody,
        chat=hours.open and (somebody or not policy.request_when_unattended),
    )


def in_ms(at: datetime | None) -> int | None:
    """An aware instant as ms since 1970 UTC."""
    return None if at is None else round(at.timestamp() * 1000)
