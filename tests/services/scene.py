"""A house with an app, agents and customers, on any store; time moves only when told to."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import func, insert, select

from chatserver.core.errors import Code, Refused
from chatserver.core.events import Event, TicketChanged
from chatserver.core.forms import Form
from chatserver.core.hours import ALWAYS, DEFAULT, Schedule
from chatserver.core.notes import Note
from chatserver.core.outbox import Facts, Letter
from chatserver.core.people import Agent, App, Customer, Status
from chatserver.core.policy import Policy
from chatserver.core.signs import REFRESH_MS
from chatserver.core.tickets import Item, Step, Ticket
from chatserver.services import followups, pairing, talk, tickets
from chatserver.services.books import Books
from chatserver.services.house import House
from chatserver.services.people import People
from chatserver.services.publishing import Publisher
from chatserver.services.reads import DatabaseReads
from chatserver.store import accounts
from chatserver.store import files as stored_files
from chatserver.store import items as stored_items
from chatserver.store import notes as stored_notes
from chatserver.store import people as stored_people
from chatserver.store.database import Database
from chatserver.store.rows import OPEN_LIVE, ticket_from, ticket_select
from chatserver.store.sqlite.database import SqliteDatabase
from chatserver.store.tables import agent_apps, agents, apps, files, outbox
from chatserver.store.tables import tickets as tickets_table
from chatserver.store.work import Upload, Who
from tests.memory_store import Clock, MemoryBus, MemoryStore
from tests.store.house import knows_what_is_stored

_t = tickets_table.c
_COUNT = select(func.count()).where(_t.agent_id == agents.c.id, OPEN_LIVE).scalar_subquery()
ATTACHED = select(files.c.id, files.c.ticket_id, files.c.seq).where(files.c.ticket_id.is_not(None))
COUNTED = select(agents.c.id, agents.c.load, _COUNT).where(agents.c.load != _COUNT)

_cids = (f"{number:022}" for number in itertools.count())


def new_cid() -> str:
    return next(_cids)


def bogota(hour: int, minute: int = 0) -> int:
    """On the Wednesday on which the clock begins (at 09:00)."""
    return round(datetime(2026, 1, 7, hour + 5, minute, tzinfo=UTC).timestamp() * 1000)


def who(name: str = "ana", app_id: int = 1) -> Who:
    return Who(app_id, f"user:{name}", name.title())


class Rows(Protocol):
    """What the tests put into a store and look up in it."""

    async def add_app(self, app: App) -> None: ...

    async def add_agent(self, agent: Agent) -> None: ...

    async def disable_agent(self, agent_id: int) -> None: ...

    async def change_agent(self, agent_id: int, **fields: Any) -> None:
        """`fields`: `app_ids` and others of an agent."""

    async def add_upload(self, upload: Upload) -> None: ...

    async def attached(self) -> dict[str, tuple[int, int]]:
        """Files that are in a message: its ticket and number."""

    async def all_tickets(self) -> list[Ticket]: ...

    async def items(self, ticket_id: int) -> list[Item]: ...

    async def notes(self, ticket_id: int) -> list[Note]: ...

    async def customer(self, app_id: int, key: str) -> Customer | None: ...

    async def letters(self) -> list[Letter]:
        """All that were put into the outbox, in order."""


class DatabaseRows:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def add_app(self, app: App) -> None:
        row: dict[str, Any] = {
            "id": app.id,
            "key": app.key,
            "name": app.name,
            "secret": app.secret,
            "policy": msgspec.json.encode(app.policy).decode(),
            "schedule": app.schedule,
            "form": msgspec.json.encode(app.form).decode(),
            "support_address": app.support_address,
            "created_at": 0,
        }
        await self._db.execute(insert(apps).values(row))

    async def add_agent(self, agent: Agent) -> None:
        row = msgspec.structs.asdict(agent)
        del row["app_ids"], row["load"]
        await self._db.execute(
            insert(agents).values(row | {"password_hash": "", "created_at": 0}),
            *(insert(agent_apps).values(agent_id=agent.id, app_id=app_id) for app_id in agent.app_ids),
        )

    async def disable_agent(self, agent_id: int) -> None:
        await accounts.disable_agent(self._db, agent_id, 1)

    async def change_agent(self, agent_id: int, **fields: Any) -> None:
        await accounts.change_agent(self._db, agent_id, **fields)

    async def add_upload(self, upload: Upload) -> None:
        await stored_files.add(
            self._db,
            upload.file,
            app_id=upload.app_id,
            by=upload.by,
            owner=upload.owner,
            cid=new_cid(),
            key=upload.file.id,
            sha256="",
            day=0,
            counted={},
            now=0,
        )

    async def attached(self) -> dict[str, tuple[int, int]]:
        rows = await self._db.rows(ATTACHED)
        return {row[0]: (row[1], row[2]) for row in rows}

    async def all_tickets(self) -> list[Ticket]:
        return [ticket_from(row) for row in await self._db.rows(ticket_select)]

    async def items(self, ticket_id: int) -> list[Item]:
        return await stored_items.items_after(self._db, ticket_id, 0, 1000)

    async def notes(self, ticket_id: int) -> list[Note]:
        return await stored_notes.notes_after(self._db, ticket_id, 0, 1000)

    async def customer(self, app_id: int, key: str) -> Customer | None:
        return await stored_people.customer(self._db, app_id, key)

    async def letters(self) -> list[Letter]:
        columns = [
            *(outbox.c.key, outbox.c.kind, outbox.c.app_id, outbox.c.address, outbox.c.created_at),
            *(outbox.c.due_at, outbox.c.until_at, outbox.c.ticket_id, outbox.c.confirmed, outbox.c.facts),
        ]
        found = await self._db.rows(select(*columns).order_by(outbox.c.id))
        names = ("key", "kind", "app_id", "address", "at", "due_at", "until_at", "ticket_id")
        return [
            Letter(
                **dict(zip(names, row[:8], strict=True)),
                confirmed=row[8] == 1,
                facts=msgspec.json.decode(row[9], type=Facts),
            )
            for row in found
        ]


class Scene:
    """The house, and shorthands that speak of the domain."""

    def __init__(self, house: House, clock: Clock, bus: MemoryBus, rows: Rows) -> None:
        self.house = house
        self.clock = clock
        self.bus = bus
        self.rows = rows
        self._policy: dict[int, Policy] = {}
        self._schedule: dict[int, Schedule] = {}
        self._form: dict[int, Form] = {}

    async def refresh(self) -> None:
        """Apps and agents as stored, with what the test decided for its apps."""
        await self.house.refresh()
        read = self.house.people
        apps = {
            i: replace(app, policy=self._policy.get(i, app.policy), form=self._form.get(i, app.form))
            for i, app in read.apps.items()
        }
        self.house.people = People(apps, read.agents, {**read.schedules, **self._schedule}, read.keys)

    async def policy(self, app_id: int = 1, **policy: Any) -> None:
        """The app's policy from now on."""
        self._policy[app_id] = Policy(**policy)
        await self.refresh()

    async def form(self, form: Form, app_id: int = 1) -> None:
        """The app's ticket form from now on."""
        self._form[app_id] = form
        await self.refresh()

    async def hours(self, schedule: Schedule = DEFAULT, app_id: int = 1) -> None:
        """The app's hours from now on; without more: Monday to Friday 08:00-12:00 and 14:00-17:30 in Bogotá."""
        self._schedule[app_id] = schedule
        await self.refresh()

    # — who is there ———————————————————————————————————————————————————————————

    async def app(
        self, app_id: int = 1, schedule: Schedule = ALWAYS, support_address: str = "", **policy: Any
    ) -> None:
        text = msgspec.json.encode(schedule).decode()
        app = App(app_id, f"app{app_id}", "Acme", (), "secret", "", Policy(**policy), text)
        app = replace(app, support_address=support_address)
        await self.rows.add_app(app)
        await self.refresh()

    async def agent(
        self,
        agent_id: int = 1,
        *,
        status: Status = "available",
        capacity: int = 4,
        app_ids: tuple[int, ...] = (1,),
        connected: bool = True,
    ) -> int:
        name = f"Agente {agent_id}"
        gone_at = None if connected else 0
        agent = Agent(agent_id, f"a{agent_id}@example.com", name, app_ids, status, capacity, gone_at, 0)
        await self.rows.add_agent(agent)
        await self.refresh()
        return agent_id

    async def disable(self, agent_id: int) -> None:
        """As an administrator orders it and the server notices."""
        await self.rows.disable_agent(agent_id)
        await self.changed()

    async def change(self, agent_id: int, **fields: Any) -> None:
        """As above."""
        await self.rows.change_agent(agent_id, **fields)
        await self.changed()

    async def changed(self) -> None:
        """What a server does when it notices that people are others now."""
        before = self.house.people
        await self.refresh()
        await followups.people_changed(self.house, self.house.people.staffed_otherwise(before))

    # — what they do ———————————————————————————————————————————————————————————

    async def start(self, who: Who, **more: Any) -> Ticket:
        given: dict[str, Any] = {"cid": new_cid(), "subject": "No puedo facturar", "context": "{}"} | more
        return await tickets.start(self.house, who, **given)

    async def request(self, who: Who, **more: Any) -> Ticket:
        """A ticket to be answered later."""
        given: dict[str, Any] = {"cid": new_cid(), "subject": "Factura", "text": "No sale", "context": "{}"}
        return await tickets.request(self.house, who, **(given | {"email": "ana@example.com"} | more))

    async def taken(self, who: Who, agent_id: int = 1, **more: Any) -> Ticket:
        """The same, and an agent took it."""
        ticket = await self.request(who, **more)
        return await pairing.claim(self.house, agent_id, ticket.id)

    async def chat(self, who: Who) -> Ticket:
        """A ticket that an agent attends and has answered."""
        ticket = await self.start(who)
        assert ticket.agent_id is not None, "an agent was expected to be free"
        await self.agent_says(ticket)
        return await self.ticket(ticket.id)

    async def says(self, who: Who, ticket: Ticket, text: str = "Hola") -> int:
        return await talk.say(self.house, who, ticket.id, new_cid(), text)

    async def agent_says(self, ticket: Ticket, text: str = "¿En qué te ayudo?") -> int:
        current = await self.ticket(ticket.id)
        assert current.agent_id is not None
        return await talk.say_as_agent(self.house, current.agent_id, ticket.id, new_cid(), text)

    async def proposes(self, ticket: Ticket) -> int:
        current = await self.ticket(ticket.id)
        assert current.agent_id is not None
        return await tickets.propose(self.house, current.agent_id, ticket.id, new_cid(), "¿Quedó resuelto?")

    async def later(self, seconds: float) -> None:
        """Time passes, and the worker does what is due at each moment on the way."""
        end = self.clock.now + round(seconds * 1000)
        for _ in range(1000):
            following = await followups.due(self.house)
            if following is None or following > end:
                break
            self.clock.now = max(self.clock.now, following)
        else:
            raise AssertionError("the follow-ups do not come to rest")
        self.clock.now = end
        await followups.due(self.house)

    async def restart(self) -> None:
        """What was in memory only is lost."""
        self.house.books.forget()
        await self.refresh()
        await followups.recover(self.house)

    # — what is seen ———————————————————————————————————————————————————————————

    async def ticket(self, ticket_id: int) -> Ticket:
        return next(t for t in await self.rows.all_tickets() if t.id == ticket_id)

    async def kinds(self, ticket: Ticket) -> list[str]:
        return [
            f"{item.kind}:{item.reason}" if item.reason else item.kind
            for item in await self.rows.items(ticket.id)
        ]

    def heard(self, of: type[Event]) -> list[Any]:
        return [event for event, _ in self.bus.published if isinstance(event, of)]

    def changes_of(self, ticket: Ticket) -> list[TicketChanged]:
        return [event for event in self.heard(TicketChanged) if event.after.id == ticket.id]


class Soon:
    """What was put off, until the clock is moved."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.calls: list[tuple[int, Callable[[], None]]] = []
        scene.house.later = self.later

    def later(self, seconds: float, what: Callable[[], None]) -> None:
        self.calls.append((self.scene.clock.now + round(seconds * 1000), what))

    @property
    def signs(self) -> list[int]:
        """When typing is looked at again for who sees it; to be stored it may wait for longer."""
        return [at for at, _ in self.calls if at - self.scene.clock.now <= REFRESH_MS]

    def pass_ms(self, ms: int) -> None:
        self.scene.clock.now += ms
        due = [call for call in self.calls if call[0] <= self.scene.clock.now]
        self.calls = [call for call in self.calls if call not in due]
        for _, what in due:
            what()


async def written(scene: Scene) -> None:
    """Whatever was handed to the store before."""
    await followups.each(scene.house, [], lambda ticket, policy, now: Step(ticket, ()))


class refused:
    """`with refused("not_found"):` expects exactly that refusal."""

    def __init__(self, code: Code) -> None:
        self._code = code
        self.refusal: Refused | None = None

    def __enter__(self) -> refused:
        return self

    def __exit__(self, kind: Any, value: BaseException | None, trace: Any) -> bool:
        if isinstance(value, Refused):
            assert value.code == self._code
            self.refusal = value
            return True
        assert value is not None, f"expected to be refused: {self._code}"
        return False


def memory_scene(clock: Clock | None = None) -> Scene:
    clock = clock or Clock()
    bus, books = MemoryBus(), Books()
    store = MemoryStore(clock, Publisher(bus, books))
    return Scene(House(store, store, bus, clock, books), clock, bus, store)


@asynccontextmanager
async def database_scene(path: Path, clock: Clock | None = None) -> AsyncIterator[Scene]:
    clock, bus, books = clock or Clock(), MemoryBus(), Books()
    db = await SqliteDatabase.opened(path, clock=clock, committed=Publisher(bus, books))
    db._writer._db.execute("PRAGMA synchronous=OFF")  # durability has tests of its own, these are many
    try:
        reads = DatabaseReads(db, Policy())
        yield Scene(House(db, reads, bus, clock, books), clock, bus, DatabaseRows(db))
    finally:
        await db.close()
    knows_what_is_stored(db, path)


@asynccontextmanager
async def postgres_scene(url: str, clock: Clock | None = None) -> AsyncIterator[Scene]:
    clock, bus, books = clock or Clock(), MemoryBus(), Books()
    db = await Database.open(url, clock=clock, committed=Publisher(bus, books))
    db.go_by(books.tickets.peek)
    try:
        yield Scene(House(db, DatabaseReads(db, Policy()), bus, clock, books), clock, bus, DatabaseRows(db))
        assert await db.rows(COUNTED) == [], "an agent's load is not what can be counted"
    finally:
        await db.close()


def scene_on(request: pytest.FixtureRequest, path: Path) -> AbstractAsyncContextManager[Scene]:
    """On the engine that a fixture's parameter names, each time with a database of its own. `path`: of SQLite's."""
    if request.param == "sqlite":
        return database_scene(path)
    return postgres_scene(request.getfixturevalue("postgres_server").database())
