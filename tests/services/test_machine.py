"""Customers, agents, drops, restarts and time in any order: what must hold at every moment holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hypothesis.strategies as st
import msgspec
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from chatserver.core import inactivity, routing
from chatserver.core import tickets as core
from chatserver.core.answers import Given
from chatserver.core.errors import Refused
from chatserver.core.events import TicketChanged
from chatserver.core.people import Agent
from chatserver.core.tickets import Classification, Item, Ticket
from chatserver.services import followups, pairing, requests, talk, tickets
from chatserver.store.work import Who
from tests.memory_store import Clock
from tests.services.scene import Scene, database_scene, memory_scene, new_cid, who

CUSTOMERS = [who(name, app_id) for name in ("ana", "bea", "eva") for app_id in (1, 2)]
AGENTS = (1, 2, 3)
SECONDS = st.sampled_from([0.5, 1, 4, 14, 16, 29, 31, 59, 61, 100, 240, 299, 301, 1000])
customers = st.sampled_from(CUSTOMERS)
agents = st.sampled_from(AGENTS)
picks = st.integers(0, 50)
DAY = 86_400_000


class House(RuleBasedStateMachine):
    """Ana, Bea and Eva in two apps, three agents (one in both apps), small capacities."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = Clock()
        self.rooms = AsyncExitStack()
        self.scene: Scene = self.runner.run(self.enter())
        self.closed: dict[int, tuple[Ticket, list[Item]]] = {}
        self.active: dict[int, int] = {}
        self.connected: set[str] = set()
        self.restarted = 0
        self.heard = 0

    async def enter(self) -> Scene:
        return memory_scene(self.clock)

    def run(self, verb: Coroutine[Any, Any, Any]) -> bool:
        """Carry out a verb; a refusal is an answer like any other."""
        try:
            self.runner.run(verb)
        except Refused:
            return False
        return True

    def teardown(self) -> None:
        self.runner.run(self.rooms.aclose())
        self.runner.close()

    @initialize(email=st.booleans(), manual=st.booleans(), strict=st.booleans())
    def opens(self, email: bool, manual: bool, strict: bool) -> None:
        self.email = "c@example.com" if email else ""

        async def people() -> None:
            await self.scene.app(1, inactivity_strict=strict)
            await self.scene.app(2, assignment="manual" if manual else "auto")
            await self.scene.agent(1, capacity=1)
            await self.scene.agent(2, capacity=2, app_ids=(1, 2), status="away")
            await self.scene.agent(3, capacity=1, app_ids=(2,))

        self.runner.run(people())

    # — who does what ——————————————————————————————————————————————————————————

    @rule(customer=customers, here=st.booleans())
    def start(self, customer: Who, here: bool) -> None:
        self.run(self.scene.start(customer, email=self.email, connected=here))

    @rule(customer=customers, agent=agents, pend=st.booleans())
    def request(self, customer: Who, agent: int, pend: bool) -> None:
        """A request; perhaps taken at once, to wait for its customer."""
        form = Given(type="incident", priority=4, why="Ya")
        asked = self.run(self.scene.request(customer, email=self.email or "x@example.com", form=form))
        if asked and pend:
            ticket = self._tickets()[-1]
            if self.run(pairing.claim(self.scene.house, agent, ticket.id)):
                self.run(requests.pend(self.scene.house, agent, ticket.id))

    @rule(customer=customers, typed=st.booleans())
    def chat(self, customer: Who, typed: bool) -> None:
        """A chat as most are: answered at once; perhaps with a keystroke that the disk does not hear of."""
        if not self.run(self.scene.start(customer, email=self.email)):
            return
        ticket = self._tickets()[-1]
        if ticket.agent_id is None:
            return
        self.run(self.scene.agent_says(ticket))
        self.active[ticket.id] = self._strictly(ticket)
        if typed:
            self.clock.pass_seconds(14)
            self.run(talk.typing(self.scene.house, customer, ticket.id))
            self.active[ticket.id] = self.clock.now

    @rule(
        pick=picks,
        what=st.sampled_from(
            ["say", "here", "typing", "yes", "no", "end", "leave", "rate", "seen", "complete"]
        ),
    )
    def customer_does(self, pick: int, what: str) -> None:
        ticket = self._any(pick)
        if ticket is None:
            return
        house, by = self.scene.house, Who(ticket.app_id, ticket.customer.key)
        verbs: dict[str, Callable[[], Coroutine[Any, Any, object]]] = {
            "say": lambda: talk.say(house, by, ticket.id, new_cid(), "Hola"),
            "here": lambda: talk.here(house, by, ticket.id),
            "typing": lambda: talk.typing(house, by, ticket.id),
            "yes": lambda: tickets.answer(house, by, ticket.id, True),
            "no": lambda: tickets.answer(house, by, ticket.id, False),
            "end": lambda: tickets.end(house, by, ticket.id),
            "leave": lambda: tickets.leave(house, by, ticket.id, cid=new_cid(), email="x@example.com"),
            "rate": lambda: tickets.rate(house, by, ticket.id, 3),
            "seen": lambda: talk.seen(house, by, ticket.id, 999),
            "complete": lambda: requests.complete_form(
                house, by, ticket.id, cid=new_cid(), form=Given(phone="300")
            ),
        }
        if self.run(verbs[what]()) and what in {"say", "here", "typing", "no"}:
            self.active[ticket.id] = self.clock.now

    @rule(
        pick=picks,
        agent=agents,
        what=st.sampled_from(
            [
                *("say", "typing", "propose", "close", "claim", "seen"),
                *("pend", "resume", "send back", "reject", "classify"),
            ]
        ),
    )
    def agent_does(self, pick: int, agent: int, what: str) -> None:
        ticket = self._any(pick)
        if ticket is None:
            return
        house = self.scene.house
        verbs: dict[str, Callable[[], Coroutine[Any, Any, object]]] = {
            "say": lambda: talk.say_as_agent(house, agent, ticket.id, new_cid(), "Hola"),
            "typing": lambda: talk.typing_as_agent(house, agent, ticket.id),
            "propose": lambda: tickets.propose(house, agent, ticket.id, new_cid(), "¿Listo?"),
            "close": lambda: tickets.close(house, agent, ticket.id),
            "claim": lambda: pairing.claim(house, agent, ticket.id),
            "seen": lambda: talk.seen_by_agent(house, agent, ticket.id, 999),
            "pend": lambda: requests.pend(house, agent, ticket.id, cid=new_cid(), text="¿Y la foto?"),
            "resume": lambda: requests.resume(house, agent, ticket.id),
            "send back": lambda: requests.send_back(house, agent, ticket.id, ["phone"]),
            "reject": lambda: requests.reject(house, agent, ticket.id, "Aquí no"),
            "classify": lambda: requests.classify(
                house, agent, ticket.id, Classification(priority=pick % 5, development=pick > 25)
            ),
        }
        if self.run(verbs[what]()) and what in {"say", "propose"}:
            self.active[ticket.id] = max(self.active.get(ticket.id, 0), self._strictly(ticket))

    @rule(agent=agents, status=st.sampled_from(["available", "available", "busy", "away"]))
    def status(self, agent: int, status: Any) -> None:
        self.run(pairing.set_status(self.scene.house, agent, status))

    @rule(
        agent=agents,
        what=st.sampled_from([pairing.agent_connected, pairing.agent_gone, pairing.agent_signed_out]),
    )
    def agent_moves(self, agent: int, what: Any) -> None:
        self.run(what(self.scene.house, agent))

    @rule(customer=customers, what=st.sampled_from([pairing.customer_connected, pairing.customer_gone]))
    def customer_moves(self, customer: Who, what: Any) -> None:
        self.run(what(self.scene.house, customer))

    @rule(pick=picks)
    def everybody_claims_at_once(self, pick: int) -> None:
        ticket = self._any(pick)
        if ticket is not None:

            async def race() -> list[Any]:
                claims = (pairing.claim(self.scene.house, agent, ticket.id) for agent in AGENTS)
                return await asyncio.gather(*claims, return_exceptions=True)

            outcomes = self.runner.run(race())
            assert all(isinstance(o, Ticket | Refused) for o in outcomes)
            assert len({o.agent_id for o in outcomes if isinstance(o, Ticket)}) <= 1

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.run(self.scene.later(seconds))

    @rule(days=st.sampled_from([1, 3, 4, 7]))
    def days_pass(self, days: int) -> None:
        """In which nobody looked: the worker was busy elsewhere."""
        self.clock.pass_seconds(days * 86_400)
        self.run(followups.due(self.scene.house))

    @rule(seconds=SECONDS)
    def the_server_is_away(self, seconds: float) -> None:
        self.clock.pass_seconds(seconds)
        self.run(self.scene.restart())
        self.restarted = self.clock.now
        for ticket in self._tickets():
            # Keystrokes are stored now and then (`talk.TYPING_STEP`), not while the clock stands still: the rest is forgotten.
            said = 0 if self._is_strict(ticket) else ticket.agent_spoke_at
            self.active[ticket.id] = min(self.active.get(ticket.id, 0), max(ticket.active_at, said))

    @rule(app_id=st.sampled_from((1, 2)), inactivity=st.sampled_from([120, 300, 600]))
    def the_policy_is_another_after_a_restart(self, app_id: int, inactivity: int) -> None:
        policy = self.scene.house.people.policy(app_id)
        changed = msgspec.structs.asdict(policy) | {"inactivity_seconds": inactivity}
        self.runner.run(self.scene.policy(app_id, **changed))
        self.the_server_is_away(1)

    @rule()
    def the_worker_looks_twice(self) -> None:
        async def both() -> None:
            await asyncio.gather(followups.due(self.scene.house), followups.due(self.scene.house))

        self.run(both())

    # — what must hold —————————————————————————————————————————————————————————

    @invariant()
    def capacity_is_never_exceeded_and_loads_are_counted_right(self) -> None:
        owners = [t.agent_id for t in self._tickets() if t.chatting]
        for agent in self._agents():
            assert agent.load == owners.count(agent.id) <= agent.capacity

    @invariant()
    def an_open_chat_is_either_attended_or_waits(self) -> None:
        for ticket in self._tickets():
            if ticket.chatting:
                assert (ticket.agent_id is None) == ticket.waiting == (ticket.queue_rank is not None)
            else:
                assert not ticket.waiting
                assert ticket.answer_due_at is None

    @invariant()
    def only_what_is_answered_later_and_taken_is_pending(self) -> None:
        for ticket in self._tickets():
            assert (ticket.state == "pending") == (ticket.pending is not None)
            if ticket.pending is not None:
                assert ticket.mode == "later"
                assert ticket.agent_id is not None

    @invariant()
    def only_an_agent_ranks(self) -> None:
        for ticket in self._tickets():
            items = self.runner.run(self.scene.rows.items(ticket.id))
            assert not ticket.priority or any(item.kind == "classified" for item in items)
            if ticket.queue_rank is not None:
                plain = ticket.queue_rank + ticket.priority * self._step(ticket)
                assert plain in (ticket.queued_at, ticket.opened_at - core.FRONT)

    @invariant()
    def nobody_waits_while_an_eligible_agent_is_free(self) -> None:
        people = self._agents()
        for ticket in self._tickets():
            if ticket.waiting and self.scene.house.people.policy(ticket.app_id).assignment == "auto":
                free = [a.id for a in people if routing.takes_new(a) and routing.eligible(a, ticket)]
                assert not [a for a in people if a.id in free and a.load < a.capacity]

    @invariant()
    def sequences_have_no_gaps(self) -> None:
        for ticket in self._tickets():
            items = self.runner.run(self.scene.rows.items(ticket.id))
            assert [i.seq for i in items] == list(range(1, ticket.last_seq + 1))

    @invariant()
    def a_closed_ticket_changes_only_by_reading_and_rating(self) -> None:
        for ticket in self._tickets():
            if ticket.state != "closed":
                assert ticket.id not in self.closed, "opened again"
                continue
            items = [i for i in self.runner.run(self.scene.rows.items(ticket.id)) if i.kind != "rated"]
            first = self.closed.setdefault(ticket.id, (_but_for_reading(ticket), items))
            assert first == (_but_for_reading(ticket), items)

    @invariant()
    def nothing_closes_by_itself_before_its_time(self) -> None:
        events = [e for e, _ in self.scene.bus.published[self.heard :] if isinstance(e, TicketChanged)]
        self.heard = len(self.scene.bus.published)
        for event in events:
            for item in event.items:
                if item.reason in {"inactivity", "customer_gone"} or (
                    item.reason == "abandoned" and item.by == "system"
                ):
                    self._was_due(event, item)

    @invariant()
    def every_due_time_is_the_one_that_follows_from_the_ticket(self) -> None:
        for ticket in self._tickets():
            policy = self.scene.house.people.policy(ticket.app_id)
            assert core.due(ticket, policy) == ticket.due_at

    @precondition(lambda self: self.scene.house.people.apps)
    @rule()
    def nothing_is_overdue_once_the_worker_has_looked(self) -> None:
        self.run(followups.due(self.scene.house))
        now = self.clock.now
        assert [t for t in self._tickets() if t.due_at is not None and t.due_at <= now] == []
        over = [a for a in self._agents() if a.gone_at is not None and a.load and a.gone_at + 30_000 <= now]
        assert over == []

    # — inner ——————————————————————————————————————————————————————————————————

    def _step(self, ticket: Ticket) -> int:
        return self.scene.house.people.policy(ticket.app_id).priority_step_seconds * 1000

    def _was_due(self, event: TicketChanged, item: Item) -> None:
        assert event.before is not None
        if event.before.pending is not None:
            reminded = event.before.pending.reminded_at
            assert reminded is not None
            assert item.at >= max(event.before.pending.since + 7 * DAY, reminded + 4 * DAY)
            return
        facts = core.clock(event.before, self.scene.house.people.policy(event.after.app_id))
        assert facts is not None
        end = inactivity.verdict(facts)
        assert end is not None
        assert end.close_at <= item.at
        policy = self.scene.house.people.policy(event.after.app_id)
        assert item.at >= self.active.get(event.after.id, 0) + policy.inactivity_seconds * 1000
        if event.before.opened_at < self.restarted:
            assert item.at >= self.restarted + 60_000

    def _strictly(self, ticket: Ticket) -> int:
        """Where the clock is strict an agent's message gives no time."""
        return 0 if self._is_strict(ticket) else self.clock.now

    def _is_strict(self, ticket: Ticket) -> bool:
        return self.scene.house.people.policy(ticket.app_id).inactivity_strict

    def _any(self, pick: int) -> Ticket | None:
        """The newest tickets most of all."""
        found = self._tickets()
        return found[-1 - pick % min(len(found), 6)] if found else None

    def _tickets(self) -> list[Ticket]:
        return self.runner.run(self.scene.rows.all_tickets())

    def _agents(self) -> list[Agent]:
        return self.runner.run(self.scene.house.reads.agents())


def _but_for_reading(ticket: Ticket) -> Ticket:
    return replace(
        ticket,
        customer_seen=0,
        agent_seen=0,
        customer_unread=0,
        agent_unread=0,
        unseen_at=None,
        rating=None,
        last_seq=0,
        version=0,
        customer=replace(ticket.customer, email=""),
    )


TestHouse = House.TestCase
TestHouse.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


class StoredHouse(House):
    """The same on SQLite, where loads are kept in a column and what a restart means for all chats is said in SQL."""

    async def enter(self) -> Scene:
        path = Path(self.rooms.enter_context(TemporaryDirectory())) / "chat.db"
        return await self.rooms.enter_async_context(database_scene(path, self.clock))


TestStoredHouse = StoredHouse.TestCase
TestStoredHouse.settings = settings(TestHouse.settings, max_examples=15)
