"""Apps and agents as last read: small, asked for all the time, changed by administrators only.

Replaced as a whole, never changed, so that the writing thread may read it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import msgspec

from chatserver.core.addresses import alike
from chatserver.core.errors import Refused
from chatserver.core.forms import Form
from chatserver.core.hours import Schedule
from chatserver.core.people import CANARY, Agent, App
from chatserver.core.policy import Policy

T = TypeVar("T")


@dataclass(frozen=True)
class People:
    """Who there is. An agent's status, presence and load are as old as the last `House.refresh`: decide with the world's."""

    apps: Mapping[int, App] = field(default_factory=dict)
    agents: Mapping[int, Agent] = field(default_factory=dict)
    schedules: Mapping[int, Schedule] = field(default_factory=dict)
    keys: Mapping[str, int] = field(default_factory=dict)

    def app(self, app_id: int) -> App:
        """Refused(not_found) when there is no such app (any more)."""
        return _found(self.apps.get(app_id))

    def app_by_key(self, key: str) -> App:
        """By the public key that stands in the host's page. Refused(not_found)."""
        return self.app(self.keys.get(key, 0))

    def policy(self, app_id: int) -> Policy:
        return self.app(app_id).policy

    def form(self, app_id: int) -> Form:
        """What its ticket form asks."""
        return self.app(app_id).form

    def schedule(self, app_id: int) -> Schedule:
        return _found(self.schedules.get(app_id))

    def agent(self, agent_id: int) -> Agent:
        """Name and apps of an agent. Refused(unauthorized) when they are no more."""
        agent = self.agents.get(agent_id)
        if agent is None:
            raise Refused("unauthorized")
        return agent

    def name(self, agent_id: int) -> str:
        agent = self.agents.get(agent_id)
        return agent.name if agent else ""

    @cached_property
    def support_addresses(self) -> frozenset[str]:
        """At which mail comes in, of all apps: each as `alike` gives it."""
        return frozenset(alike(app.support_address) for app in self.apps.values() if app.support_address)

    def staffed_otherwise(self, before: People) -> set[int]:
        """Apps that other agents attend than before, or the same with other places; those that are there no more left out."""
        apps: set[int] = set()
        for agent_id in self.agents.keys() | before.agents.keys():
            now, then = self.agents.get(agent_id), before.agents.get(agent_id)
            if now is None or then is None or (now.app_ids, now.capacity) != (then.app_ids, then.capacity):
                apps.update(*(agent.app_ids for agent in (now, then) if agent is not None))
        return apps & self.apps.keys()

    def circle(self, app_id: int) -> tuple[int, ...]:
        """The app and all that share an agent with it: when one of its chats ends, any of their queues may move."""
        apps = {app_id}
        for agent in self.agents.values():
            if app_id in agent.app_ids:
                apps.update(agent.app_ids)
        return tuple(sorted(apps))


def people(apps: Iterable[App], agents: Iterable[Agent]) -> People:
    """As read from the store. Raises msgspec.ValidationError for a schedule that is none."""
    by_id = {app.id: app for app in apps}
    return People(
        apps=by_id,
        agents={agent.id: agent for agent in agents},
        schedules={app.id: msgspec.json.decode(app.schedule, type=Schedule) for app in by_id.values()},
        keys={app.key: app.id for app in by_id.values() if app.key != CANARY},
    )


def _found(value: T | None) -> T:
    if value is None:
        raise Refused("not_found")
    return value
