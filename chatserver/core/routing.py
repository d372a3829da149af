"""Which agent takes which ticket, who is next in the queue, and the honest estimate (SPEC §5). Instants are ms UTC."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil

from chatserver.core.people import Agent
from chatserver.core.tickets import Ticket


def pairs(waiting: Sequence[Ticket], agents: Iterable[Agent]) -> list[tuple[Ticket, Agent]]:
    """Who takes what, now: tickets in the order of the queue, each to the least-loaded eligible agent, idle longest first.

    A ticket nobody is eligible for does not hold up the next one. Loads are counted up as pairs are made.
    """
    free = {a.id: a for a in agents if has_place(a)}
    places = sum(a.capacity - a.load for a in free.values())
    loads = {a.id: a.load for a in free.values()}
    given = dict.fromkeys(free, 0)  # whoever was given a chat just now is the one idle least
    out: list[tuple[Ticket, Agent]] = []
    for ticket in sorted(waiting, key=_place) if free else ():
        if len(out) == places:
            break
        able = [a for a in free.values() if eligible(a, ticket) and loads[a.id] < a.capacity]
        if able:
            chosen = min(able, key=lambda a: (loads[a.id], given[a.id], a.last_chat_at, a.id))
            loads[chosen.id] += 1
            out.append((ticket, chosen))
            given[chosen.id] = len(out)
    return out


def again(ticket: Ticket, agents: Iterable[Agent], agent_id: int | None) -> Agent | None:
    """The agent whom the customer knows already, if that one is free for this ticket, however loaded others are."""
    known = (a for a in agents if a.id == agent_id)
    return next((a for a in known if has_place(a) and eligible(a, ticket)), None)


def takes_new(agent: Agent) -> bool:
    """Available and connected. At capacity is another question: such an agent still attends the queue."""
    return agent.status == "available" and agent.gone_at is None


def has_place(agent: Agent) -> bool:
    """Could be given a chat now."""
    return takes_new(agent) and agent.load < agent.capacity


def eligible(agent: Agent, ticket: Ticket) -> bool:
    """May be offered this ticket: of its app, and did not already let it pass."""
    return ticket.app_id in agent.app_ids and agent.id not in ticket.passed


def attended(agents: Iterable[Agent], now: int, fresh_ms: int) -> bool:
    """At least one agent is available, free or at capacity; one who dropped a moment ago (a reload) still counts."""
    return any(attends(a, now, fresh_ms) for a in agents)


def attends(agent: Agent, now: int, fresh_ms: int) -> bool:
    """Available, and connected or gone for less than `fresh_ms`. Signed out (`gone_at` 0) is gone at once."""
    if agent.status != "available":
        return False
    return agent.gone_at is None or (agent.gone_at > 0 and now - agent.gone_at < fresh_ms)


def estimate_seconds(position: int, handled: Sequence[int], places: int) -> int | None:
    """An honest wait for this position (1 = next), in seconds rounded up to whole minutes; None when we do not know.

    `handled`: how long (seconds) the last chats took from pairing to close; `places`: capacity of those who attend. With P
    places a place comes free every median/P seconds. Fewer than three chats tell nothing.
    """
    if len(handled) < 3 or places < 1:
        return None
    middle = sorted(handled)[len(handled) // 2]
    return ceil(position * middle / places / 60) * 60


def _place(ticket: Ticket) -> tuple[int, int]:
    return (ticket.queue_rank if ticket.queue_rank is not None else 0, ticket.id)
