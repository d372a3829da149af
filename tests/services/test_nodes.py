"""Several nodes on one database: who speaks for whom, and how one hears of what another committed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import pytest
from sqlalchemy import text, update

from chatserver.bus.base import Subscription
from chatserver.bus.local import LocalBus
from chatserver.core.clocks import SETTLING_MS, Steps
from chatserver.core.errors import Refused
from chatserver.core.events import (
    AgentChanged,
    AgentGone,
    DeskChanged,
    Event,
    NotesRead,
    NoteWritten,
    TicketChanged,
    agent_topic,
    customer_topic,
    desk_topic,
)
from chatserver.core.notes import mailed as mailed_note
from chatserver.core.policy import Policy
from chatserver.core.tickets import Ticket
from chatserver.services import catching_up, followups, notes, pairing, requests, talk, tickets
from chatserver.services.books import Books
from chatserver.services.catching_up import ITEMS_MAX, CatchingUp, heard
from chatserver.services.house import House
from chatserver.services.nodes import BEAT_SECONDS, DEAD_MS, SILENT_MS, Membership, Watching
from chatserver.services.people import people
from chatserver.services.publishing import Publisher, learn
from chatserver.services.reads import DatabaseReads
from chatserver.store import tables
from chatserver.store.database import DatabaseUnusable
from chatserver.store.health import probe
from chatserver.store.postgres import database
from chatserver.store.postgres.clock import NOW
from chatserver.store.postgres.database import PostgresDatabase
from chatserver.store.postgres.nodes import Nodes, require_same_secret
from chatserver.store.postgres.unused import ALIVE_MS
from chatserver.store.tickets import OTHERS_MS
from chatserver.store.versions import Versions
from chatserver.store.work import Needs, Who, World
from tests.harness.postgres import Postgres, fetched
from tests.harness.waiting import PATIENCE, soon
from tests.memory_store import Clock, MemoryBus
from tests.services.scene import DatabaseRows, Scene, Soon, new_cid, who, written

ANA = who("ana")


class NodesClock(Clock):
    """What one node takes for the database's time: a clock of all that nobody sets, and how far it believes to be behind."""

    def __init__(self, steady: Clock) -> None:
        self.steady = steady
        self.ahead = 0

    @property
    def now(self) -> int:
        return self.steady.now + self.ahead

    @now.setter
    def now(self, now: int) -> None:
        self.steady.now = now - self.ahead


class Node(Scene):
    """A house of its own on the database of all. What it told its listeners is in `told`."""

    def __init__(self, db: PostgresDatabase, bus: LocalBus, books: Books, clock: NodesClock) -> None:
        house = House(db, DatabaseReads(db, Policy()), bus, clock, books, timer=clock.steady)
        super().__init__(house, clock, MemoryBus(), DatabaseRows(db))
        self.believes = clock
        self.db = db
        self.local = bus
        self.told: list[Event] = []
        self.claimed_again = 0
        self.asked_for: list[tuple[list[int], list[int]]] = []
        self.registry = Nodes(db)
        self.catching_up = CatchingUp(house, Versions(db), bus.listened, bus.publish)
        self.membership = Membership(house, self.registry, self._claim_again, self._claim)

    @classmethod
    async def open(cls, url: str, clock: NodesClock) -> Node:
        bus, books = LocalBus(), Books()
        db = await PostgresDatabase.opened(url, clock=clock, committed=Publisher(bus, books))
        return cls(db, bus, books, clock)

    def listens(self, *topics: str) -> Subscription:
        return self.local.subscribe(topics, self._hear, lambda: None)

    def _hear(self, event: Event) -> bool:
        self.told.append(event)
        return True

    def _claim_again(self) -> None:
        self.claimed_again += 1

    def _claim(self, tickets: list[int], agents: list[int]) -> None:
        self.asked_for.append((tickets, agents))

    def falls_silent(self) -> None:
        """It says nothing more, as if it had died."""
        for task in self.membership._tasks:
            task.cancel()

    async def lives_on(self, ms: int) -> None:
        """So much time passes, and it says before it and in the midst of it that it lives; at the end it speaks for the dead."""
        await self.membership.turn()
        for _ in range(2):
            self.clock.pass_seconds(ms / 2000)
            await self.membership.turn()
        await self.membership.bury()

    async def database_now(self) -> int:
        """As the database itself says it, whatever this node believes."""
        ((now,),) = await self.db.rows(text(NOW))
        return int(now)

    async def known(self) -> list[int]:
        """The nodes that were not forgotten."""
        return [node for node, _, _ in await self.registry.rows()]

    def changes(self) -> list[TicketChanged]:
        return [event for event in self.told if isinstance(event, TicketChanged)]


@pytest.fixture
async def nodes(postgres_server: Postgres) -> AsyncIterator[tuple[Node, Node, Node]]:
    """Three nodes, one app, agent 1 available. None of them is a member of anything yet."""
    url, steady = postgres_server.database(), Clock()
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(3):
            node = await Node.open(url, NodesClock(steady))
            stack.push_async_callback(node.house.store.close)  # type: ignore[attr-defined]
            made.append(node)
        await made[0].app()
        await made[0].agent()
        for node in made[1:]:
            await node.refresh()
        yield made[0], made[1], made[2]


# — catching up ————————————————————————————————————————————————————————————————


async def test_what_another_node_committed_is_told_here_once(nodes: tuple[Node, Node, Node]) -> None:
    a, b, _ = nodes
    ticket = await a.chat(ANA)
    b.listens(customer_topic(1, ANA.key))
    b.house.books.learn(await b.ticket(ticket.id))
    seq = await a.says(ANA, ticket, "¿Siguen ahí?")
    assert await b.catching_up.turn() == 1
    (change,) = b.changes()
    assert change.before is not None
    assert change.before.version == ticket.version
    assert [(item.seq, item.text) for item in change.items] == [(seq, "¿Siguen ahí?")]
    assert await b.catching_up.turn() == 0
    assert len(b.changes()) == 1


async def test_a_note_of_which_no_hint_came_is_told_to_agents_here_once(
    nodes: tuple[Node, Node, Node],
) -> None:
    """Customers hear nothing of it, not even that the ticket has another version."""
    a, b, c = nodes
    ticket = await a.chat(ANA)
    b.listens(desk_topic(1), customer_topic(1, ANA.key))
    c.listens(customer_topic(1, ANA.key))
    for node in (b, c):
        await node.catching_up.turn()
        node.told.clear()
    for number in (1, 2):
        assert await notes.write(a.house, 1, ticket.id, new_cid(), f"Nota {number}") == number
    assert [await b.catching_up.turn() for _ in range(3)] == [2, 0, 0]
    assert [(e.ticket_id, e.note.seq, e.note.text) for e in b.told if isinstance(e, NoteWritten)] == [
        (ticket.id, 1, "Nota 1"),
        (ticket.id, 2, "Nota 2"),
    ]
    assert len(b.told) == 2
    assert await c.catching_up.turn() == 0
    assert c.told == []


async def test_that_a_note_by_mail_was_read_elsewhere_is_told_here_though_no_hint_of_it_came(
    nodes: tuple[Node, Node, Node],
) -> None:
    a, b, _ = nodes
    ticket = await a.chat(ANA)
    b.listens(desk_topic(1), customer_topic(1, ANA.key))

    def mailed(world: World, now: int) -> None:
        found = world.ticket(ticket.id)
        assert found is not None
        world.note(found, mailed_note("luz@x.test", "Ojo", "n" * 22, 0, now, mail="clave"))

    await a.house.store.write(Needs((ticket.id,), noted=((ticket.id, 0, "n" * 22),)), mailed)
    await b.catching_up.turn()
    b.told.clear()
    await b.catching_up.turn()
    assert b.told == []
    await notes.seen(a.house, 1, ticket.id, 1)
    for _ in range(2):
        await b.catching_up.turn()
    assert b.told == [NotesRead(1, ticket.id, 1)]


async def test_notes_whose_hints_came_are_not_told_again_and_no_crowd_of_them_hides_a_later_one(
    nodes: tuple[Node, Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "BATCH", 3)
    a, b, _ = nodes
    ticket = await a.chat(ANA)
    b.listens(desk_topic(1))

    def hears(event: Event) -> bool:
        learn(b.house.books, event)
        return True

    heard = a.local.subscribe([desk_topic(1)], hears, lambda: None)
    await asyncio.gather(*(notes.write(a.house, 1, ticket.id, new_cid(), f"{n}") for n in range(5)))
    heard.end()
    await asyncio.gather(*(notes.write(a.house, 1, ticket.id, new_cid(), f"{n}") for n in range(5)))
    assert sum([await b.catching_up.turn() for _ in range(5)]) == 5
    told = [event.note.seq for event in b.told if isinstance(event, NoteWritten)]
    assert sorted(told) == [6, 7, 8, 9, 10]
    b.clock.pass_seconds(600)
    assert await b.catching_up.turn() == 0


async def test_what_nobody_here_listens_to_is_not_looked_at(nodes: tuple[Node, Node, Node]) -> None:
    a, b, _ = nodes
    ticket = await a.chat(ANA)
    b.house.books.learn(await b.ticket(ticket.id))
    await a.says(ANA, ticket)
    assert await b.catching_up.turn() == 0


async def test_more_tickets_than_the_house_remembers_are_told_once_and_then_when_they_change(
    nodes: tuple[Node, Node, Node],
) -> None:
    a, b, _ = nodes
    everybody = [who(f"c{number}") for number in range(12)]
    opened = [await a.start(one) for one in everybody]
    await pairing.set_status(a.house, 1, "busy")  # who has to wait waits on, when somebody's chat ends
    b.house.books = Books(10)
    ears = [b.listens(customer_topic(1, one.key)) for one in everybody]
    assert [await b.catching_up.turn() for _ in range(3)] == [12, 0, 0]
    goes_on, ends = [ticket for ticket in opened if b.house.books.tickets.peek(ticket.id) is None]
    await a.says(of(goes_on), goes_on)
    assert [await b.catching_up.turn() for _ in range(3)] == [1, 0, 0]
    assert b.changes()[-1].after == await a.ticket(goes_on.id)
    await tickets.end(a.house, of(ends), ends.id)
    assert [await b.catching_up.turn() for _ in range(3)] == [1, 0, 0]
    assert (b.changes()[-1].after.id, b.changes()[-1].after.state) == (ends.id, "closed")
    for ear in ears:
        ear.end()
    await b.catching_up.turn()
    assert not b.catching_up._told, "nobody listens any more"


def of(ticket: Ticket) -> Who:
    return Who(ticket.app_id, ticket.customer.key)


async def test_a_look_that_failed_in_its_midst_is_made_up_for(
    nodes: tuple[Node, Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b, _ = nodes
    ticket = await a.start(ANA)
    b.listens(customer_topic(1, ANA.key))

    async def fails(*_: object) -> None:
        raise TimeoutError

    with monkeypatch.context() as broken:
        broken.setattr(b.house.reads, "ticket", fails)
        with pytest.raises(TimeoutError):
            await b.catching_up.turn()
    assert b.changes() == []
    assert await b.catching_up.turn() == 1
    assert [change.after.id for change in b.changes()] == [ticket.id]


async def test_what_is_of_an_app_that_was_just_made_is_told_when_the_node_knows_it(
    nodes: tuple[Node, Node, Node],
) -> None:
    a, b, _ = nodes
    b.house.people = people([], [])
    b.listens(agent_topic(1))
    await a.chat(ANA)
    await b.catching_up.turn()
    assert b.changes() == []
    await b.refresh()
    await b.catching_up.turn()
    assert len(b.changes()) == 1


@pytest.mark.parametrize("topic", [customer_topic(1, ANA.key), agent_topic(1), desk_topic(1)])
async def test_a_ticket_that_is_new_is_found_by_whoever_it_concerns(
    nodes: tuple[Node, Node, Node], topic: str
) -> None:
    a, b, _ = nodes
    b.listens(topic)
    if topic == desk_topic(1):
        await pairing.set_status(a.house, 1, "away")
        await b.catching_up.turn()
    ticket = await a.start(ANA)
    assert await b.catching_up.turn() == 1
    (change,) = b.changes()
    assert (change.before, change.after.id, change.after.version) == (None, ticket.id, ticket.version)


async def test_a_long_absence_is_told_as_a_whole(nodes: tuple[Node, Node, Node]) -> None:
    a, b, _ = nodes
    ticket = await a.chat(ANA)
    b.listens(customer_topic(1, ANA.key))
    b.house.books.learn(await b.ticket(ticket.id))
    last = [await a.says(ANA, ticket) for _ in range(ITEMS_MAX + 1)][-1]
    await b.catching_up.turn()
    (change,) = b.changes()
    assert (change.before, change.items, change.after.last_seq) == (None, (), last)


async def test_a_chat_that_was_closed_elsewhere_is_closed_here(nodes: tuple[Node, Node, Node]) -> None:
    a, b, _ = nodes
    await a.chat(ANA)
    b.listens(agent_topic(1))
    await b.catching_up.turn()
    await a.later(10 * 60)
    await b.catching_up.turn()
    assert b.changes()[-1].after.state == "closed"
    assert b.changes()[-1].items[-1].kind == "closed"


async def test_an_agents_status_elsewhere_moves_queues_and_other_tabs_here(
    nodes: tuple[Node, Node, Node],
) -> None:
    a, b, _ = nodes
    b.listens(agent_topic(1), desk_topic(1))
    await b.catching_up.turn()
    await pairing.set_status(a.house, 1, "busy")
    await pairing.agent_gone(a.house, 1)
    await b.catching_up.turn()
    assert b.told == [DeskChanged(1), AgentChanged(1, "busy"), AgentGone(1)]


def test_topics_are_taken_apart_whatever_a_key_looks_like() -> None:
    found = heard(
        [customer_topic(1, "user:a:b"), customer_topic(1, "x"), agent_topic(3), desk_topic(4), "worker"]
    )
    assert (found.customers, found.agents, found.desks) == ({1: ["user:a:b", "x"]}, [3], [4])


# — who types —————————————————————————————————————————————————————————————————


async def test_an_agent_who_types_at_one_node_keeps_the_ticket_whichever_node_decides(
    nodes: tuple[Node, Node, Node],
) -> None:
    a, b, _ = nodes
    ticket = await a.start(ANA)
    await a.agent(2)
    await b.refresh()
    soon = Soon(a)
    for _ in range(7):
        soon.pass_ms(2_000)
        await talk.typing_as_agent(a.house, 1, ticket.id)
    soon.pass_ms(1_000)
    await written(a)
    await b.later(58.9)
    assert (await b.ticket(ticket.id)).agent_id == 1, "passed on while its agent was typing"
    await b.later(1)
    assert (await b.ticket(ticket.id)).agent_id == 2


async def test_a_customer_who_types_in_one_tab_is_closed_by_no_node_where_another_tab_of_theirs_says_nothing(
    nodes: tuple[Node, Node, Node],
) -> None:
    """What is due is done at once by the node to which the customer is connected, which knows when they typed. Here two are."""
    a, b, _ = nodes
    ticket = await a.start(ANA)
    await a.agent_says(ticket)
    soon = Soon(a)
    for ms in (290_000, 2_000, 2_000, 2_000):
        soon.pass_ms(ms)
        await talk.typing(a.house, ANA, ticket.id)
    for _ in range(30):
        soon.pass_ms(1_000)
        await written(a)
        await followups.due(b.house)
    assert (await b.ticket(ticket.id)).state == "open"
    await b.later(300 - 30 - 1)
    assert (await b.ticket(ticket.id)).state == "open", "the last keystroke was stored by nobody"
    await b.later(1)
    assert (await b.ticket(ticket.id)).state == "closed"


async def test_who_types_in_a_ticket_that_another_node_gave_to_somebody_else_moves_nothing(
    nodes: tuple[Node, Node, Node],
) -> None:
    a, b, _ = nodes
    ticket = await a.start(ANA)
    await b.agent(2)
    await pairing.agent_signed_out(b.house, 1)
    a.clock.pass_seconds(20)
    before = await b.ticket(ticket.id)
    assert before.agent_id == 2
    await talk.typing_as_agent(a.house, 1, ticket.id)
    assert await b.ticket(ticket.id) == before


# — who speaks for whom ————————————————————————————————————————————————————————


async def test_the_first_node_after_an_outage_puts_things_right_and_the_others_leave_them_alone(
    nodes: tuple[Node, Node, Node],
) -> None:
    a, b, _ = nodes
    ticket = await a.chat(ANA)
    a.clock.pass_seconds(3600)
    async with a.membership:
        after = await a.ticket(ticket.id)
        assert after.gone_at == a.clock.now
        await pairing.customer_connected(a.house, ANA)
        await pairing.agent_connected(a.house, 1)
        async with b.membership:
            assert (await a.ticket(ticket.id)).gone_at is None
            assert (await a.house.reads.agents())[0].gone_at is None


async def test_a_start_that_takes_longer_than_a_node_may_be_silent_makes_a_living_node_and_is_not_repeated(
    nodes: tuple[Node, Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b, _ = nodes
    recover, recovered = followups.recover, []

    async def slow(house: House) -> None:
        await recover(house)
        recovered.append(house)
        a.clock.pass_seconds(DEAD_MS / 1000 + 1)

    monkeypatch.setattr(followups, "recover", slow)
    async with a.membership:
        assert a.membership.living
        await pairing.agent_connected(a.house, 1)
        async with b.membership:
            assert recovered == [a.house]
            assert await b.known() == [a.membership.node, b.membership.node]
            assert (await b.house.reads.agents())[0].gone_at is None


async def test_a_node_waits_for_another_one_that_starts_for_longer_than_a_statement_may_take(
    postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "COMMAND_SECONDS", 0.2)
    db = await PostgresDatabase.opened(postgres_server.database(), committed=lambda events: None)
    registry = Nodes(db)

    async def start() -> None:
        async with registry.starting():
            pass

    async with registry.starting():
        other = asyncio.create_task(start())
        ended, _ = await asyncio.wait([other], timeout=3 * database.COMMAND_SECONDS)
        assert not ended, "it gave up, or did not wait"
    await other
    await db.close()


async def test_who_was_connected_to_a_node_that_died_is_gone_since_its_last_sign_of_life(
    nodes: tuple[Node, Node, Node],
) -> None:
    a, b, _ = nodes
    ben = who("ben")
    async with b.membership:
        await a.membership.__aenter__()
        died_at = a.clock.now
        await pairing.agent_connected(a.house, 1)
        here, there = await b.chat(ben), await a.chat(ANA)
        a.falls_silent()
        await b.lives_on(DEAD_MS)
        assert (await b.ticket(there.id)).gone_at == died_at
        assert (await b.ticket(here.id)).gone_at is None
        assert (await b.house.reads.agents())[0].gone_at == died_at
        assert await b.known() == [b.membership.node]
        # Their chats return 30 s after that sign, and the customer's clock runs from there.
        b.clock.pass_seconds(25)
        await followups.due(b.house)
        assert (await b.ticket(there.id)).agent_id is None


async def test_whoever_came_back_elsewhere_before_that_is_not_said_to_be_gone(
    nodes: tuple[Node, Node, Node],
) -> None:
    a, b, _ = nodes
    async with b.membership:
        await a.membership.__aenter__()
        await pairing.agent_connected(b.house, 1)
        ticket = await a.chat(ANA)
        a.falls_silent()
        await pairing.customer_connected(b.house, ANA)
        await b.lives_on(DEAD_MS)
        assert (await b.ticket(ticket.id)).gone_at is None


async def test_who_is_seen_here_too_is_claimed_before_anybody_says_that_they_are_gone(
    nodes: tuple[Node, Node, Node],
) -> None:
    a, b, _ = nodes
    async with b.membership:
        await a.membership.__aenter__()
        await pairing.agent_connected(a.house, 1)
        ticket = await a.chat(ANA)
        a.falls_silent()
        await b.lives_on(SILENT_MS)
        assert b.asked_for == [([ticket.id], [1])]
        before = (await b.ticket(ticket.id)).version
        await pairing.agent_connected(b.house, 1)
        await pairing.customer_connected(b.house, ANA)
        await b.lives_on(DEAD_MS - SILENT_MS)
        assert await b.known() == [b.membership.node]
        assert (await b.ticket(ticket.id)).version == before, "nobody was said to be gone"
        assert AgentGone(1) not in b.told
        assert (await b.house.reads.agents())[0].gone_at is None


async def test_a_node_that_was_taken_for_dead_joins_again_and_claims_its_people(
    nodes: tuple[Node, Node, Node],
) -> None:
    a, b, _ = nodes
    async with a.membership, b.membership:
        first = a.membership.node
        await b.lives_on(DEAD_MS)  # a was frozen meanwhile
        await a.membership.turn()
        assert a.claimed_again == 1
        assert a.membership.node not in (first, b.membership.node)
        await b.membership.turn()
        assert {a.membership.rank, b.membership.rank} == {0, 1}
        assert b.claimed_again == 0


async def test_what_a_frozen_node_says_late_of_those_who_left_it_is_refused(
    nodes: tuple[Node, Node, Node],
) -> None:
    a, b, _ = nodes
    async with a.membership, b.membership:
        await pairing.agent_connected(a.house, 1)
        ticket = await a.chat(ANA)
        a.falls_silent()
        await b.lives_on(DEAD_MS)
        await pairing.agent_connected(b.house, 1)
        await pairing.customer_connected(b.house, ANA)
        here = await b.ticket(ticket.id)
        long_ago = a.clock.now - 60_000
        await pairing.agent_gone(a.house, 1, long_ago)
        await pairing.customer_gone(a.house, ANA)
        await followups.due(a.house)
        assert (await b.house.reads.agents())[0].gone_at is None
        assert await b.ticket(ticket.id) == here
        # Whom nobody else claimed has left indeed.
        await pairing.agent_gone(b.house, 1)
        await pairing.customer_gone(b.house, ANA)
        assert (await b.house.reads.agents())[0].gone_at == b.clock.now
        assert (await b.ticket(ticket.id)).gone_at == b.clock.now


async def test_a_database_that_was_away_from_all_closes_nobodys_chat_and_takes_none_away(
    nodes: tuple[Node, Node, Node],
) -> None:
    a, b, _ = nodes
    async with a.membership, b.membership:
        for node in (a, b):
            node.falls_silent()
        await pairing.agent_connected(b.house, 1)
        ticket = await b.chat(ANA)
        await b.agent_says(ticket)
        a.clock.pass_seconds(3600)
        assert [node.membership.living for node in (a, b)] == [False, False]
        await a.membership.turn()
        assert [node.membership.living for node in (a, b)] == [True, False]
        assert a.claimed_again == 1
        await followups.due(a.house)
        after = await a.ticket(ticket.id)
        assert (after.state, after.agent_id) == ("open", 1)
        assert after.due_at is not None
        assert after.due_at > a.clock.now, "it was due long ago, when nobody could answer"
        assert (await a.house.reads.agents())[0].gone_at == a.clock.now
        await b.membership.turn()
        assert b.claimed_again == 1
        assert set(await a.known()) >= {a.membership.node, b.membership.node}


async def test_two_nodes_may_speak_for_a_third_at_once(nodes: tuple[Node, Node, Node]) -> None:
    a, b, c = nodes
    async with b.membership, c.membership:
        await a.membership.__aenter__()
        await pairing.agent_connected(b.house, 1)
        ticket = await a.chat(ANA)
        a.falls_silent()
        before = (await b.ticket(ticket.id)).version
        a.clock.pass_seconds(DEAD_MS / 1000)
        for node in (b, c):
            await node.membership._speak_for(a.membership.node, a.clock.now)
        assert (await b.ticket(ticket.id)).version == before + 1


async def test_the_first_of_the_nodes_alive_speaks_for_the_dead_at_once_and_another_one_a_beat_later(
    nodes: tuple[Node, Node, Node],
) -> None:
    a, b, c = nodes

    async def beats(count: int) -> None:
        for _ in range(count):
            a.clock.pass_seconds(BEAT_SECONDS)
            for node in (b, c):
                await node.membership.turn()

    async def comes_and_dies() -> int:
        node = await a.registry.join(a.clock.now)
        for other in (b, c):
            await other.membership.turn()
        return node

    async def dead_after(node: Node) -> list[int]:
        await node.membership.bury()
        return [known for known in await node.known() if known == dead]

    missed = round(DEAD_MS / 1000 / BEAT_SECONDS)
    async with b.membership, c.membership:
        for node in (b, c):
            node.falls_silent()
        dead = await comes_and_dies()
        await beats(missed)
        assert await dead_after(c) == [dead]
        assert await dead_after(b) == []
        dead = await comes_and_dies()
        await beats(missed)
        assert await dead_after(c) == [dead]
        await beats(1)
        assert await dead_after(c) == []


async def test_another_secret_is_refused_while_a_node_lives_that_signs_with_the_first(
    postgres_server: Postgres, nodes: tuple[Node, Node, Node]
) -> None:
    a, b, _ = nodes
    url = a.db._dsn
    await require_same_secret(url, "one" * 11)  # of nobody's
    await Nodes(a.db, secret="one" * 11).join(await a.database_now())
    await require_same_secret(url, "one" * 11)
    for another in ("two" * 11, ""):  # the database's own
        with pytest.raises(DatabaseUnusable, match="sign with another CHATSERVER_SECRET") as refused:
            await require_same_secret(url, another)
        assert "one" * 11 not in str(refused.value)
    # It died, and everybody comes with another one.
    await fetched(url, "UPDATE nodes SET seen_at = seen_at - ?", DEAD_MS)
    await require_same_secret(url, "")
    await Nodes(b.db).join(await b.database_now())
    await require_same_secret(url, "")
    with pytest.raises(DatabaseUnusable):
        await require_same_secret(url, "one" * 11)


async def test_of_nodes_that_start_at_one_moment_with_two_secrets_the_second_does_not_join(
    nodes: tuple[Node, Node, Node],
) -> None:
    """Both looked when nobody served."""
    a, b, _ = nodes
    url = a.db._dsn
    for secret in ("one" * 11, "two" * 11):
        await require_same_secret(url, secret)
    await Nodes(a.db, secret="one" * 11).join(await a.database_now())
    with pytest.raises(DatabaseUnusable, match="sign with another CHATSERVER_SECRET"):
        await Nodes(b.db, secret="two" * 11).join(await b.database_now())
    assert len(await b.known()) == 1
    await require_same_secret(url, "one" * 11)  # whose mark stays


async def test_a_node_that_was_frozen_while_all_got_another_secret_does_not_join_again(
    nodes: tuple[Node, Node, Node],
) -> None:
    a, b, _ = nodes
    url = a.db._dsn
    frozen = Nodes(a.db, secret="one" * 11)
    await frozen.join(await a.database_now())
    await fetched(url, "UPDATE nodes SET seen_at = seen_at - ?", DEAD_MS)
    await Nodes(b.db, secret="two" * 11).join(await b.database_now())
    with pytest.raises(DatabaseUnusable):
        await frozen.join(await a.database_now())
    await require_same_secret(url, "two" * 11)


async def test_a_node_that_runs_and_may_not_join_again_says_why_once_and_ends(
    nodes: tuple[Node, Node, Node], caplog: pytest.LogCaptureFixture
) -> None:
    a, b, _ = nodes
    frozen = Membership(a.house, Nodes(a.db, secret="one" * 11), a._claim_again, a._claim)
    await frozen._join()
    a.clock.pass_seconds(ALIVE_MS / 1000 + 1)
    await Nodes(b.db, secret="two" * 11).join(b.house.now())
    async with asyncio.timeout(PATIENCE):
        await frozen._beat()
    assert a.db.outlived.is_set()
    assert not frozen.living
    assert [one.exc_info for one in caplog.records if one.levelno > logging.WARNING] == [None]
    assert caplog.text.count("sign with another CHATSERVER_SECRET") == 1
    assert "a beat was missed" not in caplog.text
    assert a.claimed_again == 0


async def test_a_node_that_leaves_is_forgotten_at_once_and_says_what_was_not_said_of_who_was_with_it(
    nodes: tuple[Node, Node, Node],
) -> None:
    a, b, _ = nodes
    async with b.membership:
        async with a.membership:
            assert len(await b.known()) == 2
            await pairing.agent_connected(a.house, 1)
            ticket = await a.chat(ANA)
            a.clock.pass_seconds(1)
        assert await b.known() == [b.membership.node]
        assert (await b.house.reads.agents())[0].gone_at == a.clock.now
        assert (await b.ticket(ticket.id)).gone_at == a.clock.now


async def test_a_node_whose_people_could_not_be_spoken_for_is_kept_until_they_are(
    nodes: tuple[Node, Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b, _ = nodes

    async def too_many_wait(*_: object) -> None:
        raise Refused("rate_limited", retry_after=1)

    async with b.membership:
        b.falls_silent()  # it acts when the test says so
        await a.membership.__aenter__()
        died_at = a.clock.now
        await pairing.agent_connected(a.house, 1)
        ticket = await a.chat(ANA)
        a.falls_silent()
        with monkeypatch.context() as busy:
            busy.setattr(pairing, "agent_gone", too_many_wait)
            with pytest.raises(Refused):
                await b.lives_on(DEAD_MS)
        assert (await b.ticket(ticket.id)).gone_at == died_at, "the others are spoken for"
        await b.lives_on(1_000)
        assert (await b.house.reads.agents())[0].gone_at == died_at
        assert await b.known() == [b.membership.node]


async def test_an_agent_of_whom_a_node_has_not_heard_yet_is_spoken_for_when_it_has(
    nodes: tuple[Node, Node, Node],
) -> None:
    a, b, _ = nodes
    async with b.membership:
        b.falls_silent()
        await a.membership.__aenter__()
        died_at = a.clock.now
        await a.agent(2)
        await pairing.agent_connected(a.house, 2)
        a.falls_silent()
        await b.lives_on(DEAD_MS)
        assert a.membership.node in await b.known()
        await b.refresh()
        await b.lives_on(1_000)
        assert (await b.house.reads.agents())[1].gone_at == died_at
        assert await b.known() == [b.membership.node]


async def test_who_comes_elsewhere_while_a_node_is_about_to_speak_for_them_is_not_said_to_be_gone(
    nodes: tuple[Node, Node, Node],
) -> None:
    a, b, c = nodes
    async with a.membership, b.membership, c.membership:
        await pairing.agent_connected(a.house, 1)
        ticket = await a.chat(ANA)
        dead = a.membership.node
        await pairing.agent_connected(c.house, 1)
        await pairing.customer_connected(c.house, ANA)
        for other in (b, c):
            await pairing.agent_gone(other.house, 1, other.clock.now, dead)
            await pairing.customer_lost(other.house, ticket.id, other.clock.now, dead)
        # In one group with their coming, too.
        await asyncio.gather(
            pairing.agent_connected(b.house, 1),
            pairing.agent_gone(b.house, 1, b.clock.now, c.membership.node),
        )
        assert (await b.house.reads.agents())[0].gone_at is None
        assert (await b.ticket(ticket.id)).gone_at is None


async def test_a_node_looks_at_what_is_due_when_it_is_and_at_anothers_when_that_one_had_its_time(
    nodes: tuple[Node, Node, Node],
) -> None:
    a, b, c = nodes
    async with a.membership, b.membership, c.membership:
        await pairing.agent_connected(a.house, 1)
        first, second = await a.chat(ANA), await b.chat(who("ben"))
        for ticket, ms in ((first, 0), (second, OTHERS_MS // 2)):
            due = update(tables.tickets).where(tables.tickets.c.id == ticket.id)
            # The house knows a `Store`, which promises use cases alone; here it is the database.
            await a.house.store.execute(due.values(due_at=a.clock.now + ms))  # type: ignore[attr-defined]
        now = a.clock.now
        looks = [await node.house.reads.next_due() for node in (a, b, c)]
        assert looks == [now, now + OTHERS_MS // 2, now + OTHERS_MS]
        for node, at in zip((a, b, c), looks, strict=True):
            assert at is not None
            assert await node.house.reads.due(at - 1, 9) == []
            assert await node.house.reads.due(at, 9) != []


async def test_a_message_needs_no_node_of_its_own(nodes: tuple[Node, Node, Node]) -> None:
    a, b, c = nodes
    ticket = await a.chat(ANA)
    numbers = [await talk.say(node.house, ANA, ticket.id, new_cid(), "Hola") for node in (a, b, c, b, a)]
    assert numbers == list(range(ticket.last_seq + 1, ticket.last_seq + 6))


async def test_who_serves_nobody_speaks_for_the_dead_while_others_live_and_waits_while_none_does(
    nodes: tuple[Node, Node, Node],
) -> None:
    a, b, w = nodes
    watching = Watching(w.house, w.registry)
    dead = await a.registry.join(w.house.now())
    for _ in range(2):
        await watching.turn()
        await watching.bury()
        w.clock.pass_seconds(DEAD_MS / 1000 + BEAT_SECONDS)
    assert await w.known() == [dead]
    living = await b.registry.join(w.house.now())
    await watching.turn()
    await watching.bury()
    assert watching.living
    assert await w.known() == [living]


async def test_who_serves_nobody_believes_in_no_node_that_gives_no_sign_of_life_while_it_looks(
    nodes: tuple[Node, Node, Node],
) -> None:
    a, _, w = nodes
    watching, missed = Watching(w.house, w.registry), round(DEAD_MS / 1000 / BEAT_SECONDS)
    believed = [watching.living]
    node = await a.registry.join(a.house.now())  # and nobody knows how long ago that may have been
    for beat in range(missed + 2):
        if beat == 1:
            await a.registry.beat(node, a.house.now())
        await watching.turn()
        believed.append(watching.living)
        w.clock.pass_seconds(BEAT_SECONDS)
    assert believed == [False, False, *[True] * missed, False]


async def test_who_serves_nobody_believes_in_no_node_whose_sign_of_life_is_old(
    nodes: tuple[Node, Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, _, w = nodes
    watching = Watching(w.house, w.registry)
    await watching.turn()
    await a.registry.join(a.house.now())
    await watching.turn()
    assert watching.living
    looked = asyncio.Event()

    async def in_recovery() -> list[tuple[int, int, str]]:
        looked.set()
        raise asyncpg.CannotConnectNowError("the database system is in recovery mode")

    monkeypatch.setattr(w.registry, "rows", in_recovery)
    async with watching:
        await soon(looked.is_set, "it looks")
        a.clock.pass_seconds(DEAD_MS / 1000)
        assert not watching.living


async def test_who_serves_nobody_and_was_frozen_believes_in_no_node(nodes: tuple[Node, Node, Node]) -> None:
    a, _, w = nodes
    watching = Watching(w.house, w.registry)
    await watching.turn()
    await a.registry.join(a.house.now())
    await watching.turn()
    a.clock.pass_seconds(600)
    assert not watching.living


async def test_a_node_that_stands_still_in_a_probe_keeps_no_other_from_writing(
    postgres_server: Postgres, nodes: tuple[Node, Node, Node]
) -> None:
    a, b, _ = nodes
    async with a.membership, b.membership:
        for node in (a, b):
            node.falls_silent()
            await probe(node.db, a.clock.now)
        signs = await a.registry.rows()
        frozen = await asyncpg.connect(a.db._dsn)
        try:
            await frozen.execute("BEGIN")
            await frozen.execute(f"UPDATE nodes SET seen_at = seen_at WHERE id = {a.membership.node}")
            await frozen.execute("SELECT * FROM meta FOR UPDATE")
            row = f"SELECT xmin FROM nodes WHERE id = {b.membership.node}"
            before = await frozen.fetchval(row)
            await probe(b.db, a.clock.now)
            assert await frozen.fetchval(row) != before, "nothing was written"
        finally:
            await frozen.close()
        assert await a.registry.rows() == signs, "to be asked is no sign of life"


# — clocks that are set ————————————————————————————————————————————————————————


@pytest.mark.parametrize("set_by", [20_000, -20_000, 3_600_000, -3_600_000])
async def test_nodes_that_know_of_a_set_clock_and_nodes_that_do_not_take_nobody_for_dead(
    nodes: tuple[Node, Node, Node], set_by: int
) -> None:
    a, b, c = nodes
    async with a.membership, b.membership, c.membership:
        for node in nodes:
            node.falls_silent()  # each acts when the test says so
        await pairing.agent_connected(a.house, 1)
        there, here = await a.chat(ANA), await b.chat(who("ben"))
        ids = await a.known()
        for round_ in range(12):
            a.clock.pass_seconds(BEAT_SECONDS)
            if round_ in (3, 7):
                nodes[round_ // 3 - 1].believes.ahead += set_by
            for node in nodes:
                await node.membership.turn()
                assert node.membership.living
                await node.membership.bury()
        assert await a.known() == ids
        assert [node.claimed_again for node in nodes] == [0, 0, 0]
        assert [node.asked_for for node in nodes] == [[], [], []]
        assert [(await a.ticket(one.id)).gone_at for one in (there, here)] == [None, None]
        assert (await a.house.reads.agents())[0].gone_at is None


@pytest.mark.parametrize("knew", [True, False], ids=["it knew", "it did not"])
@pytest.mark.parametrize("set_by", [20_000, -20_000, 3_600_000, -3_600_000])
async def test_who_was_at_a_node_that_died_as_the_clock_was_set_is_gone_soon_and_since_about_then(
    nodes: tuple[Node, Node, Node], set_by: int, knew: bool
) -> None:
    a, b, _ = nodes
    async with b.membership:
        b.falls_silent()
        await a.membership.__aenter__()
        a.falls_silent()
        await pairing.agent_connected(a.house, 1)
        ticket = await a.chat(ANA)
        for node in (b, a) if knew else (b,):
            node.believes.ahead += set_by
        a.clock.pass_seconds(BEAT_SECONDS)
        await a.membership.turn()
        died_at = b.house.now()
        beats = 0
        while a.membership.node in await b.known():
            await b.membership.turn()
            await b.membership.bury()
            b.clock.pass_seconds(BEAT_SECONDS)
            beats += 1
            assert beats * BEAT_SECONDS < 12, (
                "its people are said to be gone 15 s after it died at the latest"
            )
        for gone_at in ((await b.ticket(ticket.id)).gone_at, (await b.house.reads.agents())[0].gone_at):
            assert gone_at is not None
            assert abs(gone_at - died_at) <= 2 * BEAT_SECONDS * 1000


async def test_a_judge_that_stood_still_finds_out_first_who_did_not(nodes: tuple[Node, Node, Node]) -> None:
    a, b, c = nodes
    async with b.membership, c.membership:
        await a.membership.__aenter__()
        for node in nodes:
            node.falls_silent()
        for node in (a, c, b):
            await node.membership.turn()
        b.clock.pass_seconds(BEAT_SECONDS)
        await (
            b.membership.turn()
        )  # just before c, of whom it finds nothing new; then it stands still, and a is dead
        await c.membership.turn()
        b.clock.pass_seconds(DEAD_MS / 1000 - 1)
        await c.membership.turn()
        assert b.membership.living
        await b.membership.bury()
        assert await b.known() == [b.membership.node, c.membership.node]


async def test_a_database_that_is_back_with_a_clock_behind_finds_nobody_who_lived_meanwhile(
    nodes: tuple[Node, Node, Node],
) -> None:
    """A standby took over whose clock is as late as the outage was long: what nodes said last looks as if it were of just now."""
    a, b, _ = nodes
    async with a.membership, b.membership:
        for node in (a, b):
            node.falls_silent()
            await node.membership.turn()
        await pairing.agent_connected(a.house, 1)
        ticket = await a.chat(ANA)
        a.clock.pass_seconds(290)
        for node in (a, b):
            node.believes.ahead -= 290_000
        await a.membership.turn()
        after = await a.ticket(ticket.id)
        assert (after.gone_at, after.floor_at) == (a.clock.now, a.clock.now + 60_000), (
            "nobody put things right"
        )


async def test_a_node_that_died_just_before_another_one_started_is_spoken_for_in_time(
    nodes: tuple[Node, Node, Node],
) -> None:
    a, b, _ = nodes
    await a.membership.__aenter__()
    a.falls_silent()
    await pairing.agent_connected(a.house, 1)
    ticket = await a.chat(ANA)
    died_at = a.clock.now
    a.clock.pass_seconds(DEAD_MS / 1000 - 1)
    async with b.membership:
        b.falls_silent()
        await b.lives_on(DEAD_MS)
        assert (await b.house.reads.agents())[0].gone_at == died_at
        assert b.clock.now - died_at <= 15_000
        b.clock.pass_seconds(30 - (b.clock.now - died_at) / 1000)
        await followups.due(b.house)
        assert (await b.ticket(ticket.id)).agent_id is None


@pytest.mark.parametrize("first", [0, 1])
async def test_a_clock_that_was_set_forward_closes_nobody_and_returns_no_chats_whichever_node_acts_first(
    nodes: tuple[Node, Node, Node], first: int
) -> None:
    a, b, _ = nodes
    async with a.membership, b.membership:
        for node in (a, b):
            node.falls_silent()
        await pairing.agent_connected(a.house, 1)
        ticket = await a.chat(ANA)
        await pairing.agent_gone(a.house, 1)
        for node in ((a, b), (b, a))[first]:
            node.believes.ahead += 3_600_000
            await followups.due(node.house)
            after = await node.ticket(ticket.id)
            assert (after.state, after.agent_id) == ("open", 1)
            a.clock.pass_seconds(1)
        late = [await node.house.reads.next_due() for node in (a, b)]
        assert all(at is not None and 0 < at - a.clock.now <= 300_000 + OTHERS_MS for at in late)
        await a.later(30)
        assert (await a.ticket(ticket.id)).agent_id is None, "the grace of their agent is over by now"


async def test_a_chat_that_begins_at_a_node_that_goes_by_the_old_time_is_closed_by_none_that_goes_by_the_new(
    nodes: tuple[Node, Node, Node],
) -> None:
    a, b, _ = nodes
    a.house.steps = Steps(a.believes.now, a.believes.steady.now, settling=SETTLING_MS)
    async with a.membership, b.membership:
        for node in (a, b):
            node.falls_silent()
        await pairing.agent_connected(a.house, 1)
        a.believes.ahead += 3_600_000
        look_at = await followups.due(a.house)
        ticket = await b.chat(ANA)  # an hour ago, as a sees it
        assert await followups.due(a.house) == look_at
        assert (await a.ticket(ticket.id)).state == "open"
        b.believes.ahead += 3_600_000
        a.clock.pass_seconds(SETTLING_MS / 1000)
        assert look_at == a.clock.now
        await followups.due(a.house)
        after = await a.ticket(ticket.id)
        assert (after.state, after.floor_at) == ("open", a.clock.now + 300_000), "all its time again"
        await a.later(301)
        assert (await a.ticket(ticket.id)).state == "closed"


async def test_a_pending_ticket_is_reminded_once_and_closed_once_by_all_nodes_together(
    nodes: tuple[Node, Node, Node],
) -> None:
    one = nodes[0]
    ticket = await one.taken(ANA)
    await requests.pend(one.house, 1, ticket.id)
    for days in (3, 4):
        one.clock.pass_seconds(days * 86_400 + 1)
        await asyncio.gather(*(followups.due(node.house) for node in nodes for _ in range(2)))
    assert (await one.kinds(ticket))[-3:] == ["pending", "reminder", "closed:inactivity"]
