"""A store and a bus in memory, by the same contracts as the real ones, with a clock that the test turns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from msgspec.structs import replace

from chatserver.core.events import Event
from chatserver.core.mails import ANSWERS_AT_MOST, TakenMail
from chatserver.core.notes import Note
from chatserver.core.outbox import Letter
from chatserver.core.people import Agent, App, Customer
from chatserver.core.policy import Policy
from chatserver.core.tickets import Item, Ticket, due, interrupted
from chatserver.store.base import Committed, Done
from chatserver.store.work import WAITING_HEAD, Needs, Upload, World

R = TypeVar("R")
_Case = tuple[Needs, Callable[[World, int], Any], Done]


class Clock:
    """ms since 1970 UTC; moves only when told to. Begins on a Wednesday at 09:00 in Bogotá."""

    def __init__(self, now: int = 1_767_794_400_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def pass_seconds(self, seconds: float) -> int:
        self.now += round(seconds * 1000)
        return self.now


class MemoryStore:
    """`store.base.Store` and `services.reads.Reads`: use cases of one turn of the event loop form one group."""

    epoch = "memory"

    def __init__(self, clock: Callable[[], int], committed: Committed) -> None:
        self._clock = clock
        self._committed = committed
        self._waiting: list[_Case] = []
        self._ids = {"ticket": 0, "customer": 0}
        self._cids: dict[tuple[int, str, str], int] = {}
        self._said: dict[tuple[int, str, int, str], int] = {}
        self._notes: dict[int, list[Note]] = {}
        self.unread_notes: dict[int, int] = {}
        self._customers: dict[tuple[int, str], Customer] = {}
        self._apps: dict[int, App] = {}
        self._agents: dict[int, Agent] = {}
        self._tickets: dict[int, Ticket] = {}
        self._items: dict[int, list[Item]] = {}
        self._uploads: dict[str, Upload] = {}
        self._attached: dict[str, tuple[int, int]] = {}
        self._letters: dict[str, Letter] = {}
        self._mails: dict[tuple[int, str], TakenMail] = {}

    # — what there is ——————————————————————————————————————————————————————————

    async def add_app(self, app: App) -> None:
        self._apps[app.id] = app

    async def add_agent(self, agent: Agent) -> None:
        self._agents[agent.id] = agent

    async def disable_agent(self, agent_id: int) -> None:
        del self._agents[agent_id]

    async def change_agent(self, agent_id: int, **fields: Any) -> None:
        self._agents[agent_id] = replace(self._agents[agent_id], **fields)

    async def add_upload(self, upload: Upload) -> None:
        self._uploads[upload.file.id] = upload

    async def attached(self) -> dict[str, tuple[int, int]]:
        return dict(self._attached)

    async def all_tickets(self) -> list[Ticket]:
        return list(self._tickets.values())

    async def items(self, ticket_id: int) -> list[Item]:
        return list(self._items[ticket_id])

    async def notes(self, ticket_id: int) -> list[Note]:
        return list(self._notes.get(ticket_id, ()))

    async def customer(self, app_id: int, key: str) -> Customer | None:
        return self._customers.get((app_id, key))

    async def letters(self) -> list[Letter]:
        return list(self._letters.values())

    async def close(self) -> None:
        """There is nothing to close."""

    # — writing ————————————————————————————————————————————————————————————————

    def explains(self, problem: BaseException) -> bool:
        """Memory is always there."""
        return False

    async def write(self, needs: Needs, decide: Callable[[World, int], R]) -> R:
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self.submit(needs, decide, partial(_answer, future))
        return await future

    def submit(self, needs: Needs, decide: Callable[[World, int], Any], done: Done) -> None:
        self._waiting.append((needs, decide, done))
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._commit)

    def _commit(self) -> None:
        group, self._waiting = self._waiting, []
        try:
            self._commit_group(group)
        except Exception as broken:  # a bug of a test or of a use case: let its callers show it
            for _, _, done in group:
                done(None, broken)

    def _commit_group(self, group: list[_Case]) -> None:
        world = World()
        for needs, _, _ in group:
            self._load(world, needs)
        world.loaded_ids(**self._ids)
        outcomes = [self._decide(world, *case) for case in group]
        self._apply(world)
        if world.events:
            self._committed(world.events)
        for answer in outcomes:
            answer()

    def _decide(
        self, world: World, needs: Needs, decide: Callable[[World, int], Any], done: Done
    ) -> Callable[[], None]:
        world.begin()
        try:
            result = decide(world, self._clock())
        except Exception as problem:
            world.roll_back()
            return partial(done, None, problem)
        return partial(done, result, None)

    def _load(self, world: World, needs: Needs) -> None:
        tickets = set(needs.tickets)
        for said in needs.said:
            world.loaded_said(said, self._said.get(said))
        for noted in needs.noted:
            written = self._notes.get(noted[0], [])
            same = [note.seq for note in written if (note.author_id, note.cid) == noted[1:]]
            world.loaded_noted(noted, same[0] if same else None)
            mailed = sum(not note.author_id for note in written)
            world.loaded_last_note(noted[0], len(written), mailed)
        for key in needs.customers:
            world.loaded_customer(key, self._customers.get(key))
            answered = [t for _, t in self._now() if t.state == "closed" and t.answered_at is not None]
            theirs = sorted((t.id, t.agent_id) for t in answered if (t.app_id, t.customer.key) == key)
            world.loaded_answered(key, theirs[-1][1] if theirs else None)
            tickets |= {i for i, t in self._now() if t.chatting and (t.app_id, t.customer.key) == key}
        for opened in needs.opened:
            found = self._cids.get(opened)
            world.loaded_opened(opened, found)
            tickets |= {found} if found else set()
        for mail in needs.mails:
            world.loaded_mail(mail, self._mails.get(mail))
        for app_id, address in needs.answered:
            mails = [
                m.at for m in self._mails.values() if (m.app_id, m.sender) == (app_id, address) and m.answer
            ]
            world.loaded_answers((app_id, address), tuple(mails[-ANSWERS_AT_MOST:]))
        for app_id in needs.numbers:
            numbers = (t.number for t in self._tickets.values() if t.app_id == app_id)
            world.loaded_number(app_id, max(numbers, default=1000))
        world.attended.update(needs.attended)
        world.desks.update(needs.desks)
        for app_id in needs.desks:
            tickets |= set(self._queue(app_id)[:WAITING_HEAD])
        for agent in self._loaded():
            if agent.id in needs.agents or not set(needs.desks).isdisjoint(agent.app_ids):
                world.loaded_agent(agent)
            if agent.id in needs.attended:
                tickets |= {i for i, t in self._now() if t.chatting and t.agent_id == agent.id}
        for file_id in needs.files:
            if file_id in self._uploads and file_id not in self._attached:
                world.loaded_upload(self._uploads[file_id])
        for ticket_id in tickets & set(self._tickets):
            world.loaded_ticket(self._as_now(self._tickets[ticket_id]))

    def _apply(self, world: World) -> None:
        for customer in world.new_customers.values():
            self._customers[customer.app_id, customer.key] = customer
            self._ids["customer"] = max(self._ids["customer"], customer.id)
        for ticket in world.tickets_to_apply():
            if ticket.id in world.new_tickets:
                cid, _ = world.new_tickets[ticket.id]
                self._cids[ticket.app_id, ticket.customer.key, cid] = ticket.id
                self._ids["ticket"] = max(self._ids["ticket"], ticket.id)
            self._tickets[ticket.id] = ticket
        for ticket_id, item in world.items:
            self._items.setdefault(ticket_id, []).append(item)
            if item.cid:
                author = 0 if item.by == "customer" else item.author_id
                key = (ticket_id, item.by, author, item.cid)
                assert key not in self._said, "stored twice"
                self._said[key] = item.seq
        for (ticket_id, _), note in world.new_notes.items():
            self._notes.setdefault(ticket_id, []).append(note)
            if note.mail:
                self.unread_notes[ticket_id] = note.seq
        for ticket_id, seq in world.read_notes.items():
            if self.unread_notes.get(ticket_id, seq + 1) <= seq:
                del self.unread_notes[ticket_id]
        self._attached |= world.attached
        for letter in world.letters:
            self._letters.setdefault(letter.key, letter)
        self._mails |= world.new_mails
        for agent in world.agents_to_apply():
            self._agents[agent.id] = replace(agent, load=0)

    def _now(self) -> Iterable[tuple[int, Ticket]]:
        return self._tickets.items()

    def _as_now(self, ticket: Ticket) -> Ticket:
        customer = self._customers[ticket.app_id, ticket.customer.key]
        agent = self._agents.get(ticket.agent_id or 0)
        return replace(ticket, customer=customer, agent_name=agent.name if agent else ticket.agent_name)

    def _loaded(self) -> list[Agent]:
        chats = [t.agent_id for t in self._tickets.values() if t.chatting]
        return [replace(a, load=chats.count(a.id)) for a in self._agents.values()]

    def _queue(self, app_id: int) -> list[int]:
        waiting = [t for t in self._tickets.values() if t.app_id == app_id and t.waiting]
        return [t.id for t in sorted(waiting, key=lambda t: (t.queue_rank or 0, t.id))]

    # — reading ————————————————————————————————————————————————————————————————

    async def apps(self) -> list[App]:
        return list(self._apps.values())

    async def agents(self) -> list[Agent]:
        return self._loaded()

    async def missed_agents(self, before: int) -> list[Agent]:
        missed = [(a.gone_at, a.id, a) for a in self._loaded() if a.gone_at is not None and a.load]
        return [agent for gone_at, _, agent in sorted(missed, key=lambda m: m[:2]) if gone_at <= before]

    async def next_missed(self, after: int) -> int | None:
        missed = [a.gone_at for a in self._loaded() if a.gone_at is not None and a.load]
        return min((gone_at for gone_at in missed if gone_at > after), default=None)

    async def ticket(self, app_ids: Sequence[int], ticket_id: int) -> Ticket | None:
        ticket = self._tickets.get(ticket_id)
        return self._as_now(ticket) if ticket is not None and ticket.app_id in app_ids else None

    async def customer_tickets(self, app_id: int, key: str, limit: int) -> list[Ticket]:
        own = [t for t in self._tickets.values() if (t.app_id, t.customer.key) == (app_id, key)]
        return [self._as_now(t) for t in reversed(own)][:limit]

    async def waiting_ids(self, app_id: int) -> list[int]:
        return self._queue(app_id)

    async def handled_seconds(self, app_id: int) -> list[int]:
        return [
            ((t.closed_at or 0) - t.assigned_at) // 1000
            for t in self._tickets.values()
            if t.app_id == app_id and t.state == "closed" and t.mode == "live" and t.answered_at
            if t.assigned_at is not None
        ][-20:]

    async def strays(self) -> list[tuple[int, int]]:
        held = [t for t in self._tickets.values() if t.state != "closed" and t.agent_id is not None]
        attended = {(a.id, app_id) for a in self._agents.values() for app_id in a.app_ids}
        return [(t.id, t.app_id) for t in held if (t.agent_id, t.app_id) not in attended]

    async def due(self, now: int, limit: int) -> list[tuple[int, int]]:
        found = [t for t in self._tickets.values() if t.due_at is not None and t.due_at <= now]
        return [(t.id, t.app_id) for t in sorted(found, key=lambda t: (t.due_at or 0, t.id))][:limit]

    async def next_due(self) -> int | None:
        return min((t.due_at for t in self._tickets.values() if t.due_at is not None), default=None)

    async def all_gone(self, app_ids: Collection[int], policy: Policy, now: int) -> None:
        for ticket in list(self._tickets.values()):
            if ticket.chatting and ticket.app_id in app_ids and ticket.gone_at is None:
                after = interrupted(ticket, policy, now).ticket
                self._tickets[ticket.id] = replace(
                    after, due_at=due(after, policy), version=ticket.version + 1
                )

    async def interrupted_ids(
        self, app_ids: Collection[int], policy: Policy, closing: Mapping[int, int | None], now: int
    ) -> AsyncIterator[list[int]]:
        floor, grace = (
            now + s * 1000 for s in (policy.inactivity_warning_seconds, policy.agent_grace_seconds)
        )
        for t in list(self._tickets.values()):
            if t.chatting and t.app_id in app_ids:
                right = t.due_at == due(t, policy) and (not t.waiting or t.queue_until == closing[t.app_id])
                early = (t.due_at or floor) < floor or (t.answer_due_at or grace) < grace
                if early or not right:
                    yield [t.id]
            elif t.pending is not None and t.app_id in app_ids and t.due_at != due(t, policy):
                yield [t.id]

    async def open_ids(self, app_ids: Collection[int]) -> AsyncIterator[list[int]]:
        live = [t for t in self._tickets.values() if t.chatting or t.pending is not None]
        yield [t.id for t in live if t.app_id in app_ids]


def _answer(future: asyncio.Future[Any], result: Any, problem: BaseException | None) -> None:
    if future.done():
        return
    if problem is None:
        future.set_result(result)
    else:
        future.set_exception(problem)


class MemoryBus:
    """`bus.base.Bus`, delivering at once; remembers what was published, with its topics."""

    def __init__(self) -> None:
        self.published: list[tuple[Event, tuple[str, ...]]] = []
        self._subscriptions: list[_Subscription] = []

    def publish(self, event: Event, topics: Iterable[str]) -> None:
        names = tuple(topics)
        self.published.append((event, names))
        for subscription in list(self._subscriptions):
            if not subscription.topics.isdisjoint(names) and not subscription.deliver(event):
                subscription.end()
                subscription.overflowed()

    def here(self, event: Event, topics: Iterable[str]) -> None:
        self.publish(event, topics)

    def hears(self, nodes: int) -> bool:
        return False

    def unsure(self) -> None: ...

    def listened(self) -> list[str]:
        return [topic for subscription in self._subscriptions for topic in subscription.topics]

    def subscribe(
        self, topics: Iterable[str], deliver: Callable[[Event], bool], overflowed: Callable[[], None]
    ) -> _Subscription:
        subscription = _Subscription(set(topics), deliver, overflowed, self._subscriptions)
        self._subscriptions.append(subscription)
        return subscription


class _Subscription:
    def __init__(
        self,
        topics: set[str],
        deliver: Callable[[Event], bool],
        overflowed: Callable[[], None],
        among: list[_Subscription],
    ) -> None:
        self.topics = topics
        self.deliver = deliver
        self.overflowed = overflowed
        self._among = among

    def add(self, topic: str) -> None:
        self.topics.add(topic)

    def drop(self, topic: str) -> None:
        self.topics.discard(topic)

    def end(self) -> None:
        if self in self._among:
            self._among.remove(self)
