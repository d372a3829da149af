"""Several nodes on one database: one order, one owner, one number, each thing once."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack

import pytest

from chatserver.core.errors import Refused
from chatserver.core.events import Event, TicketChanged
from chatserver.core.tickets import Ticket
from chatserver.services import followups, pairing
from chatserver.services import tickets as service
from chatserver.store.work import Needs, Who, World
from tests.harness.postgres import Postgres
from tests.harness.sizes import SEED, size
from tests.harness.waiting import soon
from tests.memory_store import Clock
from tests.services.scene import Scene, postgres_scene, who
from tests.store.house import WAITING, House, Ticking, cid

NODES = 3
WRITERS = 50
"""Of each node."""
MESSAGES = size(600, 10_000)
SENT = size(300, 10_000)
RACES = size(240, 10_000)
STARTS = size(120, 3_000)
DUE = size(60, 1_000)


@pytest.fixture(params=["by locks", "at once"])
def way(request: pytest.FixtureRequest) -> str:
    """How messages are stored."""
    return str(request.param)


@pytest.fixture
async def nodes(way: str, postgres_server: Postgres, anyio_backend: str) -> AsyncIterator[list[House]]:
    """They hear nothing of each other: where they write at once (`store/postgres/at_once.py`) they are often overtaken."""
    url, clock = postgres_server.database(), Ticking()
    nodes = [await House.open(url, clock) for _ in range(NODES)]
    if way == "by locks":
        for node in nodes:
            node.db.go_by(lambda ticket_id: None)
    yield nodes
    for node in nodes:
        await node.db.close()
    nodes[0].loads_are_counted()


@pytest.fixture
async def scenes(postgres_server: Postgres, anyio_backend: str) -> AsyncIterator[list[Scene]]:
    """The services of three nodes, whose clocks are one."""
    url, clock = postgres_server.database(), Clock()
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(postgres_scene(url, clock)) for _ in range(NODES)]


async def everybody_knows(scenes: list[Scene]) -> None:
    for scene in scenes:
        await scene.refresh()


def in_one_chain(happened: Iterable[Iterable[Event]]) -> dict[int, list[TicketChanged]]:
    """Each node tells of what it committed in the order of the ticket, and all together tell one story without a gap: every
    change begins where the one before it ended. Gives the story of each ticket."""
    stories: dict[int, list[TicketChanged]] = defaultdict(list)
    for of_a_node in happened:
        mine: dict[int, int] = defaultdict(int)
        for event in of_a_node:
            if isinstance(event, TicketChanged):
                assert event.after.version > mine[event.after.id], (
                    "a node tells of its own commits out of order"
                )
                mine[event.after.id] = event.after.version
                stories[event.after.id].append(event)
    for story in stories.values():
        story.sort(key=lambda event: event.after.version)
        assert [event.after.version for event in story] == list(range(1, 1 + len(story)))
        assert story[0].before is None
        for one, following in itertools.pairwise(story):
            assert following.before == one.after
    return stories


def told(nodes: list[House]) -> list[list[Event]]:
    return [[event for group in node.heard for event in group] for node in nodes]


# — messages ———————————————————————————————————————————————————————————————————


@pytest.mark.fault
async def test_three_nodes_write_into_one_ticket_and_everybody_sees_one_order(
    nodes: list[House], way: str
) -> None:
    ana = nodes[0].who("ana")
    ticket = await nodes[0].start(ana, 0)
    shares = [iter(range(1 + place, MESSAGES + 1, NODES)) for place in range(NODES)]
    answered: dict[int, int] = {}

    async def writer(node: House, share: Iterator[int]) -> None:
        for number in share:
            answered[number] = await node.say(ana, ticket.id, number)

    await asyncio.gather(
        *(writer(node, share) for node, share in zip(nodes, shares, strict=True) for _ in range(WRITERS))
    )
    assert sorted(answered.values()) == list(range(2, MESSAGES + 2))
    assert nodes[0].sequence(ticket.id) == list(range(1, MESSAGES + 2))
    stored = nodes[0].stored("SELECT cid, seq FROM items WHERE kind = 'message'")
    assert dict(stored) == {cid(number): seq for number, seq in answered.items()}
    (story,) = in_one_chain(told(nodes)).values()
    assert [item.seq for event in story for item in event.items] == list(range(1, MESSAGES + 2))
    # No group has more of a node than it has writers: its share took it several, whoever the ticket's lock went to.
    assert all(node.commits >= MESSAGES // NODES // WRITERS for node in nodes)
    if (
        way == "by locks"
    ):  # the version of the ticket and the unique indexes, which stand behind, had nothing to do
        assert sum(node.decided for node in nodes) == MESSAGES + 1
    print(f"{MESSAGES} messages in {sum(node.commits for node in nodes)} commits of {NODES} nodes")


@pytest.mark.fault
async def test_whatever_is_sent_again_on_two_nodes_at_once_is_stored_once(
    nodes: list[House], way: str
) -> None:
    chance = random.Random(SEED)
    print(f"seed {SEED}")
    ana = nodes[0].who("ana")
    tickets = [(await nodes[0].start(ana, n)).id for n in range(5)]
    copies = {number: chance.randint(1, 5) for number in range(10, 10 + SENT)}
    sends = [number for number, times in copies.items() for _ in range(times)]
    chance.shuffle(sends)
    answers: dict[int, set[int]] = defaultdict(set)

    async def send(place: int, number: int) -> None:
        node, ticket = nodes[place % 2], tickets[number % len(tickets)]
        answers[number].add(await node.say(ana, ticket, number))

    for start in range(0, len(sends), 300):
        await asyncio.gather(*(send(place, n) for place, n in enumerate(sends[start : start + 300])))
    assert {number for number, seqs in answers.items() if len(seqs) > 1} == set()
    if way == "by locks":
        assert sum(node.decided for node in nodes) == len(sends) + len(tickets)
    stored = nodes[0].stored("SELECT cid, seq FROM items WHERE kind = 'message'")
    assert sorted(stored) == sorted((cid(number), *seqs) for number, seqs in answers.items())
    for ticket in tickets:
        sequence = nodes[0].sequence(ticket)
        assert sequence == list(range(1, len(sequence) + 1))


# — tickets ————————————————————————————————————————————————————————————————————


@pytest.mark.fault
async def test_numbers_have_no_gap_and_no_id_is_given_twice_when_all_nodes_open_tickets(
    nodes: list[House],
) -> None:
    other = await nodes[0].new_app("other")
    numbers = iter(range(STARTS))
    opened: list[Ticket] = []

    async def opener(node: House) -> None:
        for number in numbers:
            who = node.who(str(number))
            opened.append(await node.start(who if number % 2 else who.__class__(other, who.key), 1))

    await asyncio.gather(*(opener(node) for node in nodes for _ in range(10)))
    by_app: dict[int, list[int]] = defaultdict(list)
    for ticket in opened:
        by_app[ticket.app_id].append(ticket.number)
    assert {app: sorted(numbers) for app, numbers in by_app.items()} == {
        app: list(range(1001, 1001 + STARTS // 2)) for app in (nodes[0].app, other)
    }
    assert len({ticket.id for ticket in opened}) == STARTS
    assert len({ticket.customer.id for ticket in opened}) == STARTS
    assert len(in_one_chain(told(nodes))) == STARTS
    assert sum(node.decided for node in nodes) == STARTS


async def test_a_start_that_is_repeated_on_every_node_opens_one_ticket_for_one_customer(
    nodes: list[House],
) -> None:
    for number in range(20):
        ana = nodes[0].who(f"ana{number}")
        opened = await asyncio.gather(*(node.start(ana, 1) for node in nodes for _ in range(2)))
        assert len({ticket.id for ticket in opened}) == 1
    assert nodes[0].stored("SELECT count(*) FROM customers") == [(20,)]
    assert nodes[0].stored("SELECT max(number), count(*) FROM tickets") == [(1020, 20)]


async def test_a_customers_limit_of_open_chats_holds_over_all_nodes(scenes: list[Scene]) -> None:
    await scenes[0].app()
    await everybody_knows(scenes)
    for name in ("ana", "ben", "leo"):
        starts = [scene.start(who(name)) for scene in scenes for _ in range(4)]
        answers = await asyncio.gather(*starts, return_exceptions=True)
        assert sum(isinstance(answer, Ticket) for answer in answers) == 3
        assert Counter(answer.code for answer in answers if isinstance(answer, Refused)) == {
            "too_many_open": 9
        }


# — owners —————————————————————————————————————————————————————————————————————


@pytest.mark.fault
async def test_a_ticket_that_many_claim_on_all_nodes_has_one_owner_and_nobody_more_than_they_can(
    scenes: list[Scene],
) -> None:
    chance = random.Random(SEED)
    print(f"seed {SEED}")
    agents, capacity = range(1, 51), 2
    await scenes[0].app()
    for agent_id in agents:
        await scenes[0].agent(agent_id, capacity=capacity)
    for scene in scenes:
        await scene.policy(assignment="manual")
    refusals: Counter[str] = Counter()
    raced, number = 0, 0
    while raced < RACES or refusals.keys() != {"ticket_not_waiting", "at_capacity"}:
        opened = [await scenes[0].start(who(f"c{number + n}")) for n in range(40)]
        number += len(opened)
        claims = [(ticket, agent) for ticket in opened for agent in chance.sample(agents, 4)]
        chance.shuffle(claims)
        raced += len(claims)
        answers = await asyncio.gather(
            *(
                pairing.claim(scenes[place % NODES].house, agent, ticket.id)
                for place, (ticket, agent) in enumerate(claims)
            ),
            return_exceptions=True,
        )
        won = Counter[int]()
        for (ticket, agent), answer in zip(claims, answers, strict=True):
            if isinstance(answer, Ticket):
                assert answer.agent_id == agent
                won[ticket.id] += 1
            else:
                assert isinstance(answer, Refused), answer
                refusals[answer.code] += 1
        assert refusals.keys() <= {"ticket_not_waiting", "at_capacity"}
        assert max(won.values()) == 1
        stored = await scenes[0].rows.all_tickets()
        attended = Counter(t.agent_id for t in stored if t.chatting and t.agent_id is not None)
        assert max(attended.values()) <= capacity
        assert sum(attended.values()) == len(won)
        ends = [(scenes[n % NODES], t) for n, t in enumerate(t for t in stored if t.chatting)]
        await asyncio.gather(*(service.end(scene.house, of(t), t.id) for scene, t in ends))
    in_one_chain([event for event, _ in scene.bus.published] for scene in scenes)
    print(f"{raced} claims, refused: {dict(refusals)}")


def of(ticket: Ticket) -> Who:
    return who(ticket.customer.key.removeprefix("user:"), ticket.app_id)


@pytest.mark.fault
async def test_closing_leaving_claiming_and_passing_on_at_once_leave_one_story_of_each_ticket(
    scenes: list[Scene],
) -> None:
    """Agents who leave pass their chats on to whoever is free, while these and others close, claim and answer them."""
    chance = random.Random(SEED)
    print(f"seed {SEED}")
    agents = range(1, 9)
    await scenes[0].app()
    for agent_id in agents:
        await scenes[0].agent(agent_id, capacity=3)
    await everybody_knows(scenes)
    happened: Counter[str] = Counter()
    for round_ in range(size(12, 150)):
        opened = [await scenes[n % NODES].start(who(f"c{round_}.{n}")) for n in range(12)]
        acts = [
            (what, ticket, ticket.agent_id or 1)
            for ticket in opened
            for what in chance.sample(["end", "close", "claim", "say", "leave"], 4)
        ]
        chance.shuffle(acts)

        async def act(place: int, what: str, ticket: Ticket, holder: int) -> object:
            scene = scenes[place % NODES]
            match what:
                case "end":
                    return await service.end(scene.house, of(ticket), ticket.id)
                case "close":
                    return await service.close(scene.house, holder, ticket.id)
                case "claim":
                    return await pairing.claim(scene.house, 1 + holder % 8, ticket.id)
                case "say":
                    return await scene.says(of(ticket), ticket)
            await pairing.agent_signed_out(scene.house, holder)
            await pairing.agent_connected(scene.house, holder)
            return None

        answers = await asyncio.gather(
            *(act(place, *one) for place, one in enumerate(acts)), return_exceptions=True
        )
        for (what, _, _), answer in zip(acts, answers, strict=True):
            assert not isinstance(answer, BaseException) or isinstance(answer, Refused), answer
            happened[f"{what} refused" if isinstance(answer, Refused) else what] += 1
        attended = Counter(t.agent_id for t in await scenes[0].rows.all_tickets() if t.chatting)
        assert all(count <= 3 for agent, count in attended.items() if agent is not None)
        left = [t for t in await scenes[0].rows.all_tickets() if t.chatting]
        await asyncio.gather(*(service.end(scenes[0].house, of(t), t.id) for t in left))
    stories = in_one_chain([event for event, _ in scene.bus.published] for scene in scenes)
    for story in stories.values():
        states = [event.after.state for event in story]
        assert states.count("closed") == 1
        assert states[-1] == "closed"
    assert {"end", "close", "claim refused", "say", "leave", "close refused"} <= happened.keys()
    print(dict(happened))


# — timers —————————————————————————————————————————————————————————————————————


@pytest.mark.fault
async def test_what_is_due_takes_effect_once_though_all_nodes_see_to_it(scenes: list[Scene]) -> None:
    await scenes[0].app()
    for agent_id in range(1, 5):
        await scenes[0].agent(agent_id, capacity=DUE)
    for scene in scenes:
        await scene.policy(assignment="auto", first_answer_seconds=30, inactivity_seconds=300)
    tickets = [await scenes[n % NODES].start(who(f"c{n}")) for n in range(DUE)]
    for n, ticket in enumerate(tickets):
        if n % 2:  # half of them wait for an answer, which passes them on; the others' customers leave
            await scenes[0].agent_says(ticket)
            await pairing.customer_gone(scenes[0].house, who(f"c{n}"))
    scenes[0].clock.pass_seconds(301)
    nexts = await asyncio.gather(*(followups.due(scene.house) for scene in scenes for _ in range(2)))
    assert all(following is None or following > scenes[0].clock.now for following in nexts)
    stored = {t.id: t for t in await scenes[0].rows.all_tickets()}
    for n, ticket in enumerate(tickets):
        kinds = Counter(await scenes[0].kinds(ticket))
        if n % 2:
            assert stored[ticket.id].state == "closed"
            assert sum(count for kind, count in kinds.items() if kind.startswith("closed")) == 1
        else:
            assert kinds["queued:passed"] == 1
            assert kinds["assigned"] == 2
    in_one_chain([event for event, _ in scene.bus.published] for scene in scenes)


# — locks ——————————————————————————————————————————————————————————————————————


async def test_nodes_that_lock_in_opposite_orders_both_commit_and_nobody_is_told(
    nodes: list[House], caplog: pytest.LogCaptureFixture
) -> None:
    """To end a chat is to take it from its agent, whose row is locked after the ticket's: the other way round than by those who
    ask for both. PostgreSQL ends one of them, who does it again."""
    caplog.set_level(logging.INFO)
    one, other = nodes[:2]
    eva, ana = await one.agent("eva"), one.who("ana")
    ticket = await one.start(ana, 0)
    await one.assign(ticket.id, eva)
    for node in (one, other):
        await node.becomes_patient()

    def named(world: World, now: int) -> tuple[int, str]:
        found = world.ticket(ticket.id)
        assert found is not None
        return world.agent(eva).load, found.state

    async with one.held("SELECT id FROM tickets WHERE id = $1 FOR UPDATE", ticket.id):
        first = asyncio.ensure_future(one.end(ticket.id))
        await soon(lambda: one.stored(WAITING) == [(1,)], "the first waits for the ticket")
        needs = Needs(agents=(eva,), tickets=(ticket.id,))
        second = asyncio.ensure_future(other.db.write(needs, named))
        await soon(lambda: one.stored(WAITING) == [(2,)], "the second has the agent, and waits too")
    assert (await first).state == "closed"
    assert await second in ((1, "open"), (0, "closed"))
    # Once, or again: who gave way may have the agent once more before the other one wakes up.
    assert repeated(one, other).keys() == {"deadlock"}
    assert caplog.records == []


def repeated(*nodes: House) -> Counter[str]:
    """How many groups were done again, by what they met."""
    return sum((Counter(node.metrics.repeated) for node in nodes), Counter())


@pytest.mark.parametrize("table", ["tickets", "agents", "apps"])
async def test_rows_named_in_any_order_are_locked_in_one(nodes: list[House], table: str) -> None:
    """Somebody holds the one in the middle: the two who come then would else have one end each, and wait for the other's."""
    if table == "tickets":
        rows = [(await nodes[0].start(nodes[0].who(str(n)), 0)).id for n in range(5)]
    elif table == "agents":
        rows = [await nodes[0].agent(name) for name in ("eva", "luz", "ines", "leo", "paz")]
    else:
        rows = [await nodes[0].new_app(name) for name in ("b", "c", "d", "e", "f")]
    for node in nodes:
        await node.becomes_patient()

    async def lock(node: House, ids: Iterable[int]) -> None:
        given = tuple(ids)
        needs = {
            "tickets": Needs(tickets=given),
            "agents": Needs(agents=given),
            "apps": Needs(numbers=given),
        }
        await node.db.write(needs[table], lambda world, now: None)

    async with nodes[0].held(f"SELECT id FROM {table} WHERE id = $1 FOR UPDATE", rows[2]):
        locks = []
        for node, ids in zip(nodes, (rows, rows[::-1], rows[2:] + rows[:2]), strict=True):
            locks.append(asyncio.ensure_future(lock(node, ids)))
            await soon(lambda: nodes[0].stored(WAITING) == [(len(locks),)], "it waits")
    await asyncio.gather(*locks)
    assert not repeated(*nodes)
