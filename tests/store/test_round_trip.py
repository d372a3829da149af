"""Whatever a ticket can hold comes back as it was; random work leaves gap-free sequences."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, get_args

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import fields, replace
from sqlalchemy import create_engine

from chatserver.core.details import NOTHING, Details
from chatserver.core.people import Customer
from chatserver.core.policy import Policy
from chatserver.core.tickets import (
    By,
    CloseReason,
    Item,
    Kind,
    Last,
    MailProblem,
    Pending,
    Rating,
    Step,
    Ticket,
)
from chatserver.store.postgres import applying as postgres_applying
from chatserver.store.postgres import loading as postgres_loading
from chatserver.store.sqlite.applying import apply
from chatserver.store.sqlite.known import Known
from chatserver.store.sqlite.loading import load
from chatserver.store.tables import metadata
from chatserver.store.work import Needs, World
from tests.harness.postgres import Postgres
from tests.store.house import House

CUSTOMER = Customer(5, 1, "anon:k", "Ana", "ana@example.com", "es", "America/Bogota", 9)
AGENT_NAMES = {None: "", 1: "Eva", 2: "Luz"}

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
number = st.integers(0, 2**53)
small = st.integers(0, 2**31 - 1)
"""What a column of 32 bits holds: numbers within an app or a ticket."""
maybe = st.none() | number


PEOPLE = (
    "INSERT INTO apps (id, key, name, secret, created_at) VALUES (1, 'a', 'A', 's', 0)",
    *(
        "INSERT INTO agents (id, email, name, password_hash, created_at) "
        f"VALUES ({agent_id}, '{agent_id}@x.co', '{AGENT_NAMES[agent_id]}', 'x', 0)"
        for agent_id in (1, 2)
    ),
)


def one_of(literal: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(get_args(literal))


CHANGES = {
    "subject": text,
    "state": st.sampled_from(["open", "pending", "closed"]),
    "mode": st.sampled_from(["live", "later"]),
    "close_reason": st.none() | one_of(CloseReason),
    "closed_at": maybe,
    "follows": small,
    "email": text,
    "priority": st.integers(0, 4),
    "agent_id": st.sampled_from(list(AGENT_NAMES)),
    "assigned_at": maybe,
    "answer_due_at": maybe,
    "passed": st.lists(number, max_size=3).map(tuple),
    "reminded": st.booleans(),
    "answered_at": maybe,
    "queued_at": maybe,
    "queue_rank": st.none() | st.integers(-(2**53), 2**53),
    "queue_until": maybe,
    "turn": st.sampled_from(["customer", "agent"]),
    "active_at": number,
    "agent_spoke_at": number,
    "gone_at": maybe,
    "floor_at": number,
    "proposal": st.none() | small,
    "last_seq": small,
    "last": st.none() | st.builds(Last, text, one_of(By), number),
    "customer_seen": small,
    "agent_seen": small,
    "customer_unread": small,
    "agent_unread": small,
    "rating": st.none() | st.builds(Rating, st.integers(1, 5), text, number),
    "details": st.just(NOTHING)
    | st.builds(
        Details,
        type=st.sampled_from(["", "incident", "question"]),
        category=text,
        asked=st.integers(0, 4),
        why=text,
        case=text,
        sensitive=st.booleans(),
        cc=st.lists(text, max_size=3).map(tuple),
        fields=st.dictionaries(text, text, max_size=3),
        development=st.booleans(),
        missing=st.lists(text, max_size=3).map(tuple),
    ),
    "pending": st.none() | st.builds(Pending, number, maybe),
    "unseen_at": maybe,
    "mailed_seq": small,
    "mail_problem": st.sampled_from(["", *get_args(MailProblem)]),
}
FOLLOWING = {"agent_name", "due_at", "version"}
"""Made from the others."""
FIRST = {"id", "app_id", "number", "customer", "context", "opened_at", "source"}
"""Written once."""


Trip = Callable[[Callable[["Store"], None]], None]


class Store:
    """What writes a world and loads it again, in a transaction that is rolled back in the end."""

    def __init__(self, apply: Callable[[World], None], load: Callable[[World, list[Needs]], None]) -> None:
        self.apply = apply
        self._load = load

    def reloaded(self) -> Ticket | None:
        world = World()
        self._load(world, [Needs(tickets=(7,))])
        return world.ticket(7)


@pytest.fixture(scope="module")
def on_sqlite() -> Iterator[Trip]:
    engine = create_engine("sqlite://")
    with engine.connect() as outer:
        metadata.create_all(outer)
        db = outer.connection.driver_connection
        assert isinstance(db, sqlite3.Connection)
        outer.commit()
        db.isolation_level = None
        for statement in PEOPLE:
            db.execute(statement)

        def trip(test: Callable[[Store], None]) -> None:
            db.execute("BEGIN")
            try:
                test(Store(lambda w: apply(db, w), lambda w, needs: load(db, w, needs, Known())))
            finally:
                db.execute("ROLLBACK")

        yield trip
    engine.dispose()


@pytest.fixture(scope="module")
def on_postgres(postgres_server: Postgres) -> Iterator[Trip]:
    url = postgres_server.database()
    # The examples of a property are run by plain functions: the event loop has a thread of its own.
    with ThreadPoolExecutor(1) as aside, asyncio.Runner() as runner:

        def run(work: Any) -> Any:
            return aside.submit(runner.run, work).result()

        async def furnished() -> Any:
            db = await asyncpg.connect(url)
            await db.execute(";".join(PEOPLE))
            return db

        db = run(furnished())

        def trip(test: Callable[[Store], None]) -> None:
            run(db.execute("BEGIN"))
            try:
                applied = postgres_applying.apply
                loaded = postgres_loading.load
                test(Store(lambda w: run(applied(db, w, 0)), lambda w, needs: run(loaded(db, w, needs, 0))))
            finally:
                run(db.execute("ROLLBACK"))

        yield trip
        run(db.close())


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def trip(request: pytest.FixtureRequest) -> Trip:
    return request.getfixturevalue(f"on_{request.param}")  # type: ignore[no-any-return]


def test_every_field_of_a_ticket_is_tried() -> None:
    assert {f.name for f in fields(Ticket)} == CHANGES.keys() | FOLLOWING | FIRST


@given(first=st.fixed_dictionaries(CHANGES), then=st.fixed_dictionaries(CHANGES), context=text)
@settings(max_examples=150)
def test_every_field_of_a_ticket_comes_back(
    trip: Trip, first: dict[str, Any], then: dict[str, Any], context: str
) -> None:
    def ticket(changes: dict[str, Any]) -> Ticket:
        same = Ticket(7, 1, 1001, CUSTOMER, "", context, 3)
        return replace(same, **changes, agent_name=AGENT_NAMES[changes["agent_id"]])

    def test(store: Store) -> None:
        world = World()
        world.begin()
        world.new_customers[CUSTOMER.id] = CUSTOMER
        created = world.create(Step(ticket(first), ()), Policy(), "c")
        store.apply(world)
        assert store.reloaded() == created
        world = World()
        world.loaded_ticket(created)
        world.begin()
        after = replace(ticket(then), version=created.version)
        changed = world.put(created, Step(after, ()), Policy())
        store.apply(world)
        assert store.reloaded() == changed

    trip(test)


Home = Path | str
_names = itertools.count()
"""Other people in each example: they share a database."""


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Home:
    if request.param == "sqlite":
        return tmp_path_factory.mktemp("home") / "chat.db"
    return request.getfixturevalue("postgres_server").database()  # type: ignore[no-any-return]


@given(
    item=st.builds(
        Item,
        seq=st.just(1),
        at=number,
        kind=one_of(Kind),
        by=one_of(By),
        author_id=number,
        name=text,
        cid=text,
        text=text,
        reason=text,
        stars=st.integers(0, 5),
    ).filter(lambda item: item.by != "customer" or not item.name)  # a ticket's own customer is not named
)
@settings(max_examples=30)
def test_every_field_of_an_item_comes_back(home: Home, item: Item) -> None:
    from chatserver.store.items import items_after, items_before

    async def trip() -> None:
        house = await House.open(home)
        ticket = await house.start(house.who(f"i{next(_names)}"), 0)
        second = replace(item, seq=2)
        await house.change(ticket.id, lambda t, now: Step(replace(t, last_seq=2), (second,)))
        assert (await items_after(house.db, ticket.id, 1, 5)) == [second]
        assert (await items_before(house.db, ticket.id, 3, 1)) == [second]
        await house.db.close()

    asyncio.run(trip())


def crash(ticket: Ticket, now: int) -> Step:
    raise RuntimeError


# (who speaks, on which ticket, client id): few of each, so that repeats are common
spoken = st.tuples(
    st.sampled_from(["ana", "ben", "agent", "crash"]), st.sampled_from([0, 1]), st.integers(1, 6)
)


@given(groups=st.lists(st.lists(spoken, min_size=1, max_size=8), min_size=1, max_size=6))
@settings(max_examples=40)
def test_random_groups_leave_sequences_without_gaps_and_each_message_once(
    home: Home, groups: list[list[tuple[str, int, int]]]
) -> None:
    async def run() -> None:
        house = await House.open(home)
        names = {name: f"{name}{next(_names)}" for name in ("ana", "ben", "eva")}
        agent = await house.agent(names["eva"])
        tickets = [await house.start(house.who(names[name]), 0) for name in ("ana", "ben")]
        for ticket in tickets:
            await house.assign(ticket.id, agent)
        told: dict[tuple[str, int, int], Any] = {}

        def one(who: str, place: int, number: int) -> Any:
            ticket = tickets[place]
            if who == "agent":
                return house.agent_says(agent, ticket.id, number)
            if who == "crash":
                return house.change(ticket.id, crash)
            return house.say(house.who(names[who]), ticket.id, number)

        for group in groups:
            results = await house.together(*(one(*words) for words in group))
            for words, result in zip(group, results, strict=True):
                own = words[0] == "agent" or (words[0], words[1]) in {("ana", 0), ("ben", 1)}
                assert isinstance(result, int) == own, (words, result)
                if own:
                    assert told.setdefault(words, result) == result
        house = await house.reopen()
        for place, ticket in enumerate(tickets):
            mine = {words: seq for words, seq in told.items() if words[1] == place}
            assert house.sequence(ticket.id) == list(range(1, 3 + len(mine)))
            assert sorted(mine.values()) == list(range(3, 3 + len(mine)))
            assert house.stored("SELECT last_seq FROM tickets WHERE id = ?", ticket.id) == [(2 + len(mine),)]
        await house.db.close()

    asyncio.run(run())
