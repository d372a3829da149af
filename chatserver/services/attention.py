"""What customers are told of an app: can somebody be reached, and how far along the queue is."""

from __future__ import annotations

from collections.abc import Sequence

from chatserver.core import routing
from chatserver.core.attention import Attention, attention_within
from chatserver.core.events import QueueMoved
from chatserver.core.people import Agent
from chatserver.services.house import House


async def attention(house: House, app_id: int) -> Attention:
    """The app's attention now. Refused(not_found) when there is no such app."""
    return attention_with(house, app_id, await house.reads.agents())


def attention_with(house: House, app_id: int, agents: Sequence[Agent]) -> Attention:
    """As `attention`, for agents that were just read (of all apps)."""
    policy = house.people.policy(app_id)
    return attention_within(house.opening(app_id), policy, _of(app_id, agents), house.now())


async def places(house: House, app_id: int) -> list[QueueMoved]:
    """Position, estimate and attendance of every waiting ticket of an app, in the order of the queue."""
    return await places_with(house, app_id, await house.reads.agents())


async def places_with(house: House, app_id: int, agents: Sequence[Agent]) -> list[QueueMoved]:
    """As `places`, for agents that were just read (of all apps)."""
    waiting = await house.reads.waiting_ids(app_id)
    if not waiting:
        return []
    fresh, now = house.people.policy(app_id).agent_fresh_seconds * 1000, house.now()
    attending = [a for a in _of(app_id, agents) if routing.attends(a, now, fresh)]
    handled = await house.reads.handled_seconds(app_id)
    capacity = sum(a.capacity for a in attending)
    return [
        QueueMoved(
            ticket_id=ticket_id,
            position=position,
            estimate_seconds=routing.estimate_seconds(position, handled, capacity),
            attended=bool(attending),
        )
        for position, ticket_id in enumerate(waiting, 1)
    ]


def _of(app_id: int, agents: Sequence[Agent]) -> list[Agent]:
    return [a for a in agents if app_id in a.app_ids]
