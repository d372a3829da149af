"""On PostgreSQL whoever only goes on with a ticket that the node knows is stored by one statement: as by the long way, or not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace
from sqlalchemy import update

from chatserver.core import outbox
from chatserver.core import tickets as core
from chatserver.core.errors import Refused
from chatserver.core.people import Agent
from chatserver.core.tickets import Ticket
from chatserver.store.base import StoreFailed
from chatserver.store.postgres import at_once
from chatserver.store.tables import tickets
from chatserver.store.work import Needs, World
from tests.harness.postgres import Postgres
from tests.store.house import NOON, POLICY, PostgresHouse, cid

Houses = tuple[PostgresHouse, PostgresHouse]


@pytest.fixture
async def houses(postgres_server: Postgres) -> AsyncIterator[Houses]:
    """Two nodes of one database. Neither hears of the other."""
    url = postgres_server.database()
    one = await PostgresHouse.open(url)
    other = await PostgresHouse.open(url)
    yield one, other
    for house in (one, other):
        await house.db.close()
    one.loads_are_counted()


@contextmanager
def steps(house: PostgresHouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is asked of the writing connection meanwhile, a round trip each."""
    seen: list[str] = []
    for name in ("execute", "fetch", "fetchval"):
        really = getattr(asyncpg.Connection, name)

        async def asked(self: Any, query: str, *values: Any, really: Any = really, **more: Any) -> Any:
            if self is of:
                seen.append(query)
            return await really(self, query, *values, **more)

        monkeypatch.setattr(asyncpg.Connection, name, asked)
    of = house.db._writer._db
    yield seen
    monkeypatch.undo()


async def test_a_message_is_one_round_trip(houses: Houses, monkeypatch: pytest.MonkeyPatch) -> None:
    house, ana = houses[0], houses[0].who("ana")
    ticket = await house.start(ana, 0)
    with steps(house, monkeypatch) as seen:
        assert await house.say(ana, ticket.id, 1) == 2
        assert await house.together(*(house.say(ana, ticket.id, n) for n in range(2, 60))) == list(
            range(3, 61)
        )
    assert len(seen) == 2
    assert house.sequence(ticket.id) == list(range(1, 61))


async def test_it_is_stored_as_by_the_long_way(houses: Houses) -> None:
    """The first house knows the ticket, the second one has to read it each time."""
    first, second = houses
    second.db.go_by(lambda ticket_id: None)
    eva = await first.agent("eva")
    stored = []
    for house, name in ((first, "ana"), (second, "ben")):
        house.clock.now = NOON
        ana = house.who(name)
        ticket = await house.start(ana, 0, email="a@example.com")
        await house.assign(ticket.id, eva)
        for number in range(1, 4):
            house.clock.now += 1_000
            await house.together(house.say(ana, ticket.id, number), house.change(ticket.id, read_by_agent))
            await speak(house, eva, ticket.id, number + 50)
            await house.change(ticket.id, lambda t, now: core.customer_saw(t, t.last_seq))
        stored.append(rows(house, ticket.id))
    assert stored[0] == stored[1]
    assert len(stored[0]) == 1 + 2 + 3 * 2


def rows(house: PostgresHouse, ticket_id: int) -> list[dict[str, Any]]:
    """All of a ticket and its items, but which one it is and where its people are."""
    found = house.stored("SELECT to_jsonb(tickets) - 'node' FROM tickets WHERE id = $1", ticket_id)
    found += house.stored("SELECT to_jsonb(items) FROM items WHERE ticket_id = $1 ORDER BY seq", ticket_id)
    told = [json.loads(row[0]) for row in found]
    mine = ("id", "number", "customer_id", "ticket_id")
    customer = told[0]["customer_id"]
    return [{k: v for k, v in row.items() if k not in mine and v != customer} for row in told]


def read_by_agent(ticket: Ticket, now: int) -> core.Step:
    return core.Step(replace(ticket, agent_seen=ticket.last_seq, agent_unread=0), ())


async def speak(house: PostgresHouse, agent_id: int, ticket_id: int, number: int) -> int:
    return await said_by(house, await loaded(house, agent_id), ticket_id, number)


async def said_by(house: PostgresHouse, agent: Agent, ticket_id: int, number: int) -> int:
    """As an agent's message is decided: by the people in memory, not by their rows."""

    def decide(world: World, now: int) -> int:
        ticket = world.ticket_for(agent, ticket_id)
        first = world.said(ticket, "agent", agent.id, cid(number))
        if first is not None:
            return first
        return world.put(ticket, core.agent_said(ticket, agent, "voy", cid(number), now), POLICY).last_seq

    needs = Needs(tickets=(ticket_id,), said=((ticket_id, "agent", agent.id, cid(number)),))
    return await house.db.write(needs, decide)


async def loaded(house: PostgresHouse, agent_id: int) -> Agent:
    return await house.db.write(Needs(agents=(agent_id,)), lambda world, now: world.agent(agent_id))


async def test_who_was_overtaken_takes_the_long_way_and_nothing_is_lost_or_said_twice(houses: Houses) -> None:
    one, other = houses
    ana, ben = one.who("ana"), one.who("ben")
    hers, his = await one.start(ana, 0), await one.start(ben, 0)
    await other.say(ana, hers.id, 1)  # of which the first house does not hear
    one.heard.clear()
    numbers = await one.together(one.say(ben, his.id, 2), one.say(ana, hers.id, 2), one.say(ben, his.id, 3))
    assert numbers == [2, 3, 3]
    assert one.sequence(hers.id) == one.sequence(his.id) == [1, 2, 3]
    assert [(e.after.id, e.after.version) for e in one.changes()] == [(his.id, 2), (hers.id, 3), (his.id, 3)]
    assert one.metrics.repeated["other node"] == 1


async def test_a_message_that_another_node_stored_is_found(houses: Houses) -> None:
    one, other = houses
    ana = one.who("ana")
    ticket = await one.start(ana, 0)
    assert await other.say(ana, ticket.id, 1) == 2
    one.known[ticket.id] = other.known.get(ticket.id, ticket)
    one.heard.clear()
    assert await one.together(one.say(ana, ticket.id, 1), one.say(ana, ticket.id, 2)) == [2, 3]
    assert one.sequence(ticket.id) == [1, 2, 3]
    assert [item.cid for event in one.changes() for item in event.items] == [cid(2)]


async def test_a_repeat_of_what_this_node_stored_is_found(houses: Houses) -> None:
    one, _ = houses
    ana = one.who("ana")
    ticket = await one.start(ana, 0)
    assert await one.say(ana, ticket.id, 1) == 2
    assert await one.say(ana, ticket.id, 1) == 2
    assert await one.together(one.say(ana, ticket.id, 2), one.say(ana, ticket.id, 2)) == [3, 3]
    await one.end(ticket.id)
    assert await one.say(ana, ticket.id, 1) == 2  # of a closed ticket, too
    with pytest.raises(Refused, match="ticket_closed"):
        await one.say(ana, ticket.id, 9)


async def test_no_refusal_rests_on_what_a_node_has_in_mind(houses: Houses) -> None:
    """It thinks that the ticket is closed, or another customer's; the other one knows better."""
    one, other = houses
    ana = one.who("ana")
    ticket = await one.start(ana, 0)
    one.known[ticket.id] = replace(ticket, state="closed", closed_at=1)
    assert await one.say(ana, ticket.id, 1) == 2
    one.known[ticket.id] = replace(one.known[ticket.id], customer=replace(ticket.customer, key="anon:zoe"))
    assert await one.say(ana, ticket.id, 2) == 3
    await other.end(ticket.id)
    one.known[ticket.id] = ticket
    with pytest.raises(Refused, match="ticket_closed"):
        await one.say(ana, ticket.id, 3)
    assert one.sequence(ticket.id) == other.sequence(ticket.id)


async def test_a_ticket_that_is_another_customers_by_now_is_not_written_by_the_one_before(
    houses: Houses,
) -> None:
    one, other = houses
    ana, ben = one.who("ana"), one.who("ben")
    ticket, his = await one.start(ana, 0), await one.start(ben, 1)
    moved = update(tickets).where(tickets.c.id == ticket.id)
    await other.db.execute(moved.values(customer_id=his.customer.id, version=tickets.c.version + 1))
    with pytest.raises(Refused, match="not_found"):
        await one.say(ana, ticket.id, 1)
    assert one.sequence(ticket.id) == [1]


async def test_what_a_customer_is_called_by_now_is_in_what_is_told(houses: Houses) -> None:
    """A version says nothing of the customer's row, and deadlines depend on whether there is an address."""
    one, other = houses
    ana = one.who("ana")
    ticket = await one.start(ana, 0)

    def named(world: World, now: int) -> None:
        customer = world.customer(ana)
        assert customer is not None
        world.update_customer(replace(customer, name="Ana", email="ana@example.com"))

    await other.db.write(Needs(customers=((ana.app_id, ana.key),)), named)
    one.heard.clear()
    await one.say(ana, ticket.id, 1)
    (told,) = one.changes()
    assert (told.after.customer.name, told.after.address) == ("Ana", "ana@example.com")
    assert one.metrics.repeated["other node"] == 1


async def test_what_else_a_group_does_is_done_the_long_way_with_it(
    houses: Houses, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = houses[0]
    ana, ben = house.who("ana"), house.who("ben")
    ticket = await house.start(ana, 0)
    with steps(house, monkeypatch) as seen:
        found = await house.together(house.say(ana, ticket.id, 1), house.start(ben, 0))
    assert found[0] == 2
    assert found[1].customer.key == ben.key
    assert seen[0].startswith("BEGIN")


async def test_two_nodes_that_write_the_same_tickets_neither_stand_in_each_others_way_nor_lose_a_message(
    houses: Houses,
) -> None:
    """Each hears of the other only by reading: most of their groups are overtaken."""
    people = [houses[0].who(f"c{n}") for n in range(8)]
    started = [await houses[0].start(who, 0) for who in people]
    houses[1].known.update(houses[0].known)

    async def talk(house: PostgresHouse, side: int) -> None:
        for number in range(12):
            order = list(zip(people, started, strict=True))
            said = [
                house.say(who, t.id, 1 + side * 100 + number)
                for who, t in (order if side else reversed(order))
            ]
            assert all(isinstance(seq, int) for seq in await asyncio.gather(*said))

    await asyncio.gather(talk(houses[0], 0), talk(houses[1], 1))
    for ticket in started:
        assert houses[0].sequence(ticket.id) == list(range(1, 26))
    assert all("deadlock" not in house.metrics.repeated for house in houses)


def doubts_of(house: PostgresHouse) -> list[bool]:
    """One for each commit from now on that nobody answered for."""
    doubts: list[bool] = []
    house.db.tell_doubts(lambda: doubts.append(True))
    return doubts


@pytest.mark.parametrize("stored", [True, False])
async def test_a_message_whose_connection_was_cut_is_stored_once_and_looked_for(
    houses: Houses, monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    """It may have been stored: nodes look for it, since nobody told them, and whoever said it gets its number."""
    house, ana = houses[0], houses[0].who("ana")
    ticket, doubts, really = await house.start(ana, 0), doubts_of(house), at_once.go_on

    async def cut(db: Any, world: World) -> None:
        monkeypatch.undo()
        if stored:
            await really(db, world)
        raise ConnectionResetError

    monkeypatch.setattr(at_once, "go_on", cut)
    assert await house.say(ana, ticket.id, 1) == 2
    assert doubts == [True]
    assert house.sequence(ticket.id) == [1, 2]
    assert len(house.changes()) == (1 if stored else 2)


async def test_a_message_that_nobody_answered_for_is_in_doubt(
    houses: Houses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same may take as long again: it is refused, and is found if it is said again."""
    house, ana = houses[0], houses[0].who("ana")
    ticket, doubts, really = await house.start(ana, 0), doubts_of(house), at_once.go_on

    async def lost(db: Any, world: World) -> None:
        await really(db, world)
        raise TimeoutError

    monkeypatch.setattr(at_once, "go_on", lost)
    with pytest.raises(StoreFailed):
        await house.say(ana, ticket.id, 1)
    monkeypatch.undo()
    assert doubts == [True]
    assert house.metrics.doubtful == 1
    assert await house.say(ana, ticket.id, 1) == 2
    assert house.sequence(ticket.id) == [1, 2]


async def test_a_verb_is_not_refused_for_what_a_node_has_in_mind(houses: Houses) -> None:
    one, _ = houses
    ticket = await one.start(one.who("ana"), 0)
    one.known[ticket.id] = replace(ticket, state="closed", closed_at=1)
    assert (await one.end(ticket.id)).state == "closed"
    assert one.stored("SELECT state FROM tickets WHERE id = $1", ticket.id) == [("closed",)]


async def test_a_repeat_beside_a_message_of_the_same_ticket_is_found(houses: Houses) -> None:
    """Said anew it would be refused: it is not this agent's chat any more."""
    house = houses[0]
    eva = await house.agent("eva")
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    await house.assign(ticket.id, eva)
    assert await speak(house, eva, ticket.id, 1) == 3
    agent = await loaded(house, eva)
    await house.change(ticket.id, lambda t, now: core.Step(replace(t, agent_id=None, agent_name=""), ()))
    assert await house.together(said_by(house, agent, ticket.id, 1), house.say(ana, ticket.id, 2)) == [3, 4]


async def test_mails_that_a_verb_causes_are_posted(houses: Houses) -> None:
    house = houses[0]
    ticket = await house.start(house.who("ana"), 0, email="ana@example.com")

    def gather(world: World, now: int) -> None:
        found = world.ticket(ticket.id)
        assert found is not None
        for letter in outbox.answers(found, now):
            world.post(letter)
        world.put(found, core.Step(replace(found, mailed_seq=1), ()), POLICY)

    await house.db.write(Needs(tickets=(ticket.id,)), gather)
    assert house.stored("SELECT kind FROM outbox") == [("answers",)]


async def test_who_asks_where_somebody_is_gets_an_answer(houses: Houses) -> None:
    """A version says nothing of that."""
    one, other = houses
    one.db.serve_as(1)
    other.db.serve_as(2)
    ticket = await one.start(one.who("ana"), 0)
    needs = Needs(tickets=(ticket.id,), claims=True)
    await other.db.write(needs, lambda world, now: world.claim("customer", ticket.id))

    def left(world: World, now: int) -> bool:
        if world.elsewhere("customer", ticket.id):
            return False
        world.put(ticket, core.customer_gone(ticket, now), POLICY)
        return True

    assert await one.db.write(needs, left) is False
