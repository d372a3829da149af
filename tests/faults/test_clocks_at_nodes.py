"""What is due at three nodes, two of whose clocks are an hour wrong, while they are killed one after the other: each thing
happens once, and in time."""

from __future__ import annotations

import asyncio
import http.client
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.faults.crowd import AT_EASE, MAILS
from tests.harness.crowd import Crowd, Patient, in_time, quantile
from tests.harness.faketime import wrong_by
from tests.harness.peers import AgentPeer
from tests.harness.postgres import Postgres, fetched
from tests.harness.redis import redis_server
from tests.harness.server import Server
from tests.harness.sign_in import Desk
from tests.harness.sizes import SEED, size
from tests.harness.three import Three, three_nodes
from tests.harness.waiting import soon, wait_until

pytestmark = [pytest.mark.fault, pytest.mark.alone]

TICKETS = size(30, 1_000)
INACTIVITY = size(8, 60)
"""Seconds, from the last thing that a customer does: the clock is strict, so nothing else matters."""
FIRST_ANSWER = size(2, 10)
GRACE = size(3, 10)
LATE = {"closed": 1.0, "passed": 2.0, "agent_gone": 2.0, "told": 2.0}
"""Seconds at p99, while a node is up (PROMISES P6)."""
MEANWHILE = size(4, 60)
"""So many chats close while a node is down."""
CLOCK_RIGHT = 1.0
"""Seconds by which a stored instant may differ from the test's clock."""
SETTINGS: dict[str, Any] = AT_EASE | {
    "inactivity_seconds": INACTIVITY,
    "inactivity_warning_seconds": INACTIVITY // 2,
    "inactivity_strict": True,
    "first_answer_seconds": FIRST_ANSWER,
    "agent_grace_seconds": GRACE,
    "linger_seconds": 1,  # nobody is said to be gone later than their grace ends
}


def hours_wrong(node: Server) -> int:
    """By what it says over HTTP, which is the machine's clock."""
    with closing(http.client.HTTPConnection("127.0.0.1", node.port, timeout=5)) as connection:
        connection.request("GET", "/healthz")
        said = parsedate_to_datetime(connection.getresponse().headers["date"])
    return round((said.timestamp() - time.time()) / 3600)


class Screens:
    """When customers were told of their chats' end, and since when each was connected then."""

    def __init__(self, people: list[Patient]) -> None:
        self._people = people
        self.closed: dict[str, float] = {}
        self.since: dict[str, float] = {}
        self._connections: dict[str, int] = {}

    async def look(self) -> None:
        """For ever. Times are the test's wall clock."""
        while True:
            now = time.time()
            for one in self._people:
                if one.name in self.closed:
                    continue
                if not one.online or self._connections.get(one.name) != one.connections:
                    self.since[one.name], self._connections[one.name] = now, one.connections
                if any(thread.view.get("state") == "closed" for thread in one.threads.values()):
                    self.closed[one.name] = now
            await asyncio.sleep(0.01)


@asynccontextmanager
async def people(three: Three) -> AsyncIterator[tuple[Crowd, Screens, asyncio.Task[None]]]:
    """All are in, both agents are available, nobody has a chat. Gives the task of an agent, too: cancelled, they leave."""
    crowd = Crowd(three.a.port, TICKETS, SEED)
    agents = [
        AgentPeer(mail, node.port, crowd.diary, crowd.dice, Desk(node, mail).token)
        for mail, node in zip(MAILS, three.others, strict=True)
    ]
    for one in crowd.people:
        one.before_connecting = partial(anywhere, crowd, one, three)
    screens = Screens(crowd.people)
    staying = [asyncio.create_task(agent.run(), name=agent.name) for agent in agents]
    tasks = [*staying, *(asyncio.create_task(one.run(), name=one.name) for one in crowd.people)]
    tasks += [asyncio.create_task(screens.look()), asyncio.create_task(crowd.give_signs_of_life())]
    try:
        await crowd.everybody_is_in(60)
        await soon(lambda: all(agent.online for agent in agents), "both agents are in")
        for agent in agents:
            await agent.is_available()
        yield crowd, screens, staying[0]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def anywhere(crowd: Crowd, one: Patient, three: Three) -> None:
    one.comes_to(crowd.dice.choice([node for node in three.nodes if node.process is not None]).port)


async def start_chats(crowd: Crowd) -> None:
    """One after the other, for half of the time that a chat lasts: so long closes go on."""
    began = time.monotonic()
    starting = []
    for number, one in enumerate(crowd.people):
        begins = began + number * INACTIVITY / 2 / TICKETS
        await asyncio.sleep(max(0, begins - time.monotonic()))  # the passing of time is what this is about
        starting.append(asyncio.create_task(one.starts_chat(f"Pregunta de {one.name}")))
    found = await asyncio.gather(*starting)
    crowd.ticket_of.update({one.name: ticket for one, ticket in zip(crowd.people, found, strict=True)})


def closed(screens: Screens, enough: int) -> bool:
    return len(screens.closed) >= enough


async def kill_and_start(nodes: list[Server], screens: Screens) -> None:
    """One after the other, for as long as chats close."""
    while len(screens.closed) < TICKETS:
        for victim in nodes:
            await asyncio.to_thread(victim.kill)
            enough = min(TICKETS, len(screens.closed) + MEANWHILE)
            await soon(partial(closed, screens, enough), "chats close", INACTIVITY + 30)
            victim.launch()
            await asyncio.to_thread(wait_until, victim.ready, "it is up again", 30)


async def late(three: Three) -> dict[str, list[float]]:
    """By what happened, how many seconds after its moment it was stored; in order."""
    rows = await fetched(
        three.url,
        "SELECT ticket_id, kind, reason, at, author_id FROM items WHERE kind <> 'message' ORDER BY ticket_id, seq",
    )
    opened = dict(await fetched(three.url, "SELECT id, opened_at FROM tickets"))
    # Who left for good; the other one's node may be down for longer than the grace, too.
    ((gone, gone_at),) = await fetched(three.url, "SELECT id, gone_at FROM agents WHERE email = ?", MAILS[0])
    found = defaultdict(list)
    assigned: dict[int, tuple[int, int]] = {}
    for ticket, kind, reason, at, agent in rows:
        if kind == "assigned":
            assigned[ticket] = (at, agent)
        elif kind == "closed":
            found["closed"].append((at - opened[ticket]) / 1000 - INACTIVITY)
        elif kind == "queued" and reason == "passed":
            found["passed"].append((at - assigned[ticket][0]) / 1000 - FIRST_ANSWER)
        elif kind == "queued" and reason == "agent_gone" and assigned[ticket][1] == gone:
            found["agent_gone"].append((at - gone_at) / 1000 - GRACE)
    return {kind: sorted(times) for kind, times in found.items()}


async def test_each_timer_fires_once_and_in_time_at_nodes_whose_clocks_are_an_hour_wrong_and_that_are_killed(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    wrong = (wrong_by(3600), (), wrong_by(-3600))
    with redis_server(tmp_path / "redis") as redis:
        async with (
            three_nodes(tmp_path, postgres_server, redis, under=wrong, straight=True, **SETTINGS) as three,
            people(three) as (crowd, screens, an_agent),
        ):
            assert [hours_wrong(node) for node in three.nodes] == [1, 0, -1]
            await fetched(three.url, f"UPDATE agents SET capacity = {TICKETS}")
            began = time.time()
            await start_chats(crowd)
            an_agent.cancel()
            await kill_and_start([three.victim, three.b, three.a], screens)

            opened = await fetched(three.url, "SELECT opened_at FROM tickets")
            assert len(opened) == TICKETS
            for (at,) in opened:
                assert began - CLOCK_RIGHT < at / 1000 < time.time(), "a node stored its own clock's time"
            closings = await fetched(
                three.url, "SELECT ticket_id, count(*) FROM items WHERE kind = 'closed' GROUP BY ticket_id"
            )
            assert sorted(count for _, count in closings) == [1] * TICKETS
            # Each of the two lets a ticket pass once at most, and the last one keeps it.
            returns = await fetched(
                three.url,
                "SELECT reason, ticket_id, count(*) FROM items WHERE kind = 'queued' AND reason <> '' "
                "GROUP BY reason, ticket_id",
            )
            assert {times for _, _, times in returns} == {1}, "the same thing happened twice"
            found = await late(three)
            rows = dict(await fetched(three.url, "SELECT id, opened_at FROM tickets"))
            due = {name: rows[ticket] / 1000 + INACTIVITY for name, ticket in crowd.ticket_of.items()}
            found["told"] = sorted(
                screens.closed[name] - at for name, at in due.items() if screens.since[name] < at - 0.5
            )
            for kind in ("closed", "passed", "agent_gone", "told"):
                times = found[kind]
                print(
                    f"{kind}: {len(times)}, p50 {quantile(times, 0.5):.3f} s, p99 {quantile(times, 0.99):.3f} s, "
                    f"at most {times[-1]:.3f} s late"
                )
                assert times[0] > -0.05 if kind == "told" else times[0] >= 0, "too early"
                assert in_time(times, LATE[kind])
