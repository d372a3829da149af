"""The fair inactivity clock: whose turn it is, when to warn, when to close, and as what (SPEC §6).

One rule in two languages: `widget/src/state/clock.ts` is its twin, so that both sides count down without asking; the
table `tests/cases/inactivity.json` holds them together. Instants are ms since 1970 UTC.
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

Turn = Literal["customer", "agent"]
Ending = Literal["inactivity", "abandoned", "later"]


class Clock(msgspec.Struct, frozen=True, gc=False):
    """The facts about one open live ticket that decide when it closes. Part of the ticket on the wire."""

    turn: Turn
    """Whose answer is due: the agent's while queued or after the customer spoke, the customer's after the agent spoke."""
    queued: bool
    active_at: int
    """The customer's last activity: message, typing, answer to the resolution question, "Sigo aquí"."""
    agent_spoke_at: int
    """The agent's last message; 0 when there is none."""
    gone_at: int | None
    """When the customer's last connection ended; None while one is open."""
    floor_at: int
    """Never close before this: the restart of the server plus the warning time, or the moment when a clock was set and the whole
    time. 0 when there was neither."""
    email: bool
    """An address is known, so the ticket can be answered later."""
    seconds: int
    warning_seconds: int
    strict: bool


class Facts(Protocol):
    """What of a clock a ticket holds itself; the rest is its app's policy."""

    @property
    def turn(self) -> Turn: ...
    @property
    def active_at(self) -> int: ...
    @property
    def agent_spoke_at(self) -> int: ...
    @property
    def gone_at(self) -> int | None: ...
    @property
    def floor_at(self) -> int: ...


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """When the ticket ends if nothing else happens. The warning begins `warning_seconds` before, never after, `close_at`."""

    warn_at: int
    close_at: int
    ending: Ending


def verdict(clock: Clock) -> Verdict | None:
    """When and how this ticket ends; None while the clock stands still (the agent's turn, and the customer is connected)."""
    close_at = closes_at(clock, clock.seconds, strict=clock.strict)
    if close_at is None:
        return None
    warn_at = close_at - min(clock.warning_seconds, clock.seconds) * 1000
    return Verdict(warn_at, close_at, _ending(clock))


def closes_at(facts: Facts, seconds: int, *, strict: bool) -> int | None:
    """When this ticket ends, as `verdict` says."""
    since = _running_since(facts, strict)
    return None if since is None else max(since + seconds * 1000, facts.floor_at)


def _running_since(facts: Facts, strict: bool) -> int | None:
    if strict:
        return facts.active_at
    if facts.turn == "customer":
        # Each agent message gives the whole time again; an open tab alone is no activity.
        return max(facts.active_at, facts.agent_spoke_at)
    # The agent's turn: nobody is closed for waiting, but somebody who left is not waiting. It runs from the drop, and never takes
    # away time that a later word of either side gave (a chat that went back to the queue while the customer was gone).
    return None if facts.gone_at is None else max(facts.gone_at, facts.active_at, facts.agent_spoke_at)


def _ending(clock: Clock) -> Ending:
    owed_to_the_absent = clock.turn == "agent" and clock.gone_at is not None
    if owed_to_the_absent and clock.email:
        return "later"
    return "abandoned" if clock.queued else "inactivity"
