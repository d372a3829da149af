"""What `Needs` asks for is what a use case finds."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from sqlalchemy import update

from chatserver.core import tickets as core
from chatserver.core.errors import Refused
from chatserver.core.people import Agent
from chatserver.store import people
from chatserver.store.tables import agents
from chatserver.store.work import WAITING_HEAD, Desk, Needs, World
from tests.store.house import POLICY, House


async def loaded(house: House, agent_id: int) -> Agent:
    return await house.db.write(Needs(agents=(agent_id,)), lambda world, now: world.agent(agent_id))


async def desk(house: House, app_id: int) -> Desk:
    return await house.db.write(Needs(desks=(app_id,)), lambda world, now: world.desk(app_id))


async def test_the_load_of_an_agent_counts_open_live_tickets_only(house: House) -> None:
    eva = await house.agent("eva")
    live, closed, later = [await house.start(house.who(str(n)), 0, "x@example.com") for n in range(3)]
    for ticket in (live, closed):
        await house.assign(ticket.id, eva)
    await house.end(closed.id)
    await house.change(later.id, lambda t, now: core.left_for_later(t, "customer", now))
    await house.assign(later.id, eva)
    assert (await loaded(house, eva)).load == 1
    assert [a.load for a in await people.agents(house.db)] == [1]
    chats = await house.db.write(Needs(attended=(eva,)), lambda world, now: world.chats_at(eva))
    assert [t.id for t in chats] == [live.id]


async def test_loads_follow_the_tickets_within_one_group(house: House) -> None:
    eva = await house.agent("eva")
    tickets = [await house.start(house.who(str(n)), 0) for n in range(3)]
    results = await house.together(
        loaded(house, eva),
        house.assign(tickets[0].id, eva),
        house.assign(tickets[1].id, eva),
        loaded(house, eva),
        house.end(tickets[0].id),
        loaded(house, eva),
    )
    assert [results[0].load, results[3].load, results[5].load] == [0, 2, 1]
    assert (await loaded(house, eva)).load == 1


async def test_a_ticket_whose_agent_is_not_loaded_moves_without_counting(house: House) -> None:
    eva = await house.agent("eva")
    ticket = await house.start(house.who("ana"), 0)
    await house.assign(ticket.id, eva)
    await house.end(ticket.id)  # needs the ticket alone
    assert (await loaded(house, eva)).load == 0


async def test_a_desk_is_its_apps_agents_and_the_head_of_its_queue_in_order(house: House) -> None:
    other = await house.new_app("other")
    eva, luz = await house.agent("eva", house.app, other), await house.agent("luz")
    await house.agent("far", other)
    gone = await house.agent("gone")
    await house.db.execute(update(agents).where(agents.c.id == gone).values(disabled_at=1))
    tickets = []
    for n in range(4):
        house.clock.now += 1000
        tickets.append(await house.start(house.who(str(n)), 0))
    await house.assign(tickets[0].id, eva)
    await house.change(
        tickets[0].id, lambda t, now: core.requeued(t, "agent_gone", POLICY, now, closes_at=None)
    )  # to the head
    await house.end(tickets[2].id)
    found = await desk(house, house.app)
    assert [a.id for a in found.agents] == [eva, luz]
    assert found.agents[0].app_ids == (house.app, other)
    assert [t.id for t in found.waiting] == [tickets[0].id, tickets[1].id, tickets[3].id]


async def test_only_the_head_of_a_long_queue_is_loaded(house: House) -> None:
    await house.together(*(house.start(house.who(str(n)), 0) for n in range(WAITING_HEAD + 5)))
    waiting = (await desk(house, house.app)).waiting
    assert [t.number for t in waiting] == list(range(1001, 1001 + WAITING_HEAD))


async def test_a_customer_comes_with_all_open_chats(house: House) -> None:
    ana = house.who("ana")
    first, second, third = [await house.start(ana, n, "a@example.com") for n in range(3)]
    await house.end(first.id)
    await house.change(second.id, lambda t, now: core.left_for_later(t, "customer", now))
    await house.start(house.who("ben"), 0)
    needs = Needs(customers=((house.app, ana.key),))
    chats = await house.db.write(needs, lambda world, now: world.chats_of(ana))
    assert [t.id for t in chats] == [third.id]
    nobody = house.who("nobody")
    needs = Needs(customers=((house.app, nobody.key),))
    assert await house.db.write(needs, lambda world, now: world.customer(nobody)) is None


async def test_strangers_and_disabled_agents_find_nothing(house: House) -> None:
    other = await house.new_app("other")
    far, gone = await house.agent("far", other), await house.agent("gone")
    await house.db.execute(update(agents).where(agents.c.id == gone).values(disabled_at=1))
    ticket = await house.start(house.who("ana"), 0)
    codes = []
    for attempt in (
        house.say(house.who("ben"), ticket.id, 1),
        house.agent_says(far, ticket.id, 1),
        house.agent_says(gone, ticket.id, 1),
    ):
        with pytest.raises(Refused) as refused:
            await attempt
        codes.append(refused.value.code)
    assert codes == ["not_found", "not_found", "unauthorized"]


async def test_a_customers_and_an_agents_new_values_are_stored(house: House) -> None:
    ana, eva = house.who("ana"), await house.agent("eva")
    await house.start(ana, 0)

    def change(world: World, now: int) -> None:
        customer = world.customer(ana)
        assert customer is not None
        world.update_customer(replace(customer, name="Ana", email="a@example.com", locale="pt", zone="UTC"))
        world.put_agent(replace(world.agent(eva), status="busy", gone_at=7, last_chat_at=8))

    needs = Needs(customers=((house.app, ana.key),), agents=(eva,))
    await house.db.write(needs, change)
    customer = await people.customer(house.db, house.app, ana.key)
    assert customer is not None
    assert (customer.name, customer.email, customer.locale, customer.zone) == (
        "Ana",
        "a@example.com",
        "pt",
        "UTC",
    )
    (agent,) = await people.agents(house.db)
    assert (agent.status, agent.gone_at, agent.last_chat_at) == ("busy", 7, 8)
