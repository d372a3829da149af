"""Agents' sessions below HTTP: what ends them, and who hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from chatserver.bus.local import LocalBus
from chatserver.core.errors import Refused
from chatserver.core.events import Event, SessionEnded, session_topic
from chatserver.core.people import App
from chatserver.services.accounts import Accounts, set_password
from chatserver.services.identity import Session, session_tokens
from chatserver.services.passwords import Passwords
from chatserver.settings import Settings
from chatserver.store.database import Database
from tests.web.conftest import EMAIL, PASSWORD, Clock


class Door:
    """Accounts, and everything that was published about sessions 1 to 9."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self.db = db
        self.clock = Clock()
        self.heard: list[Event] = []
        bus = LocalBus()
        bus.subscribe([session_topic(number) for number in range(1, 10)], self.hear, lambda: None)
        self.accounts = Accounts(db, bus, settings, secret="s" * 40, find_app=no_app, clock=self.clock)

    def hear(self, event: Event) -> bool:
        self.heard.append(event)
        return True


def no_app(key: str) -> App:
    raise Refused("not_found")


@pytest.fixture
async def door(settings: Settings) -> AsyncIterator[Door]:
    db = await Database.open(settings.database_path, clock=Clock(), committed=lambda events: None)
    try:
        yield Door(db, settings)
    finally:
        await db.close()


async def test_another_password_ends_all_sessions_of_that_agent(door: Door) -> None:
    first_token, _ = await door.accounts.sign_in(EMAIL, PASSWORD, "a")
    second_token, _ = await door.accounts.sign_in(EMAIL, PASSWORD, "b")
    other_token, _ = await door.accounts.sign_in("luis@demo.test", PASSWORD, "c")
    await set_password(door.db, Passwords(), EMAIL, "another-password", door.clock())
    assert await door.accounts.session(first_token) is None
    assert await door.accounts.session(second_token) is None
    assert await door.accounts.session(other_token) is not None
    with pytest.raises(Refused, match="unauthorized"):
        await door.accounts.sign_in(EMAIL, PASSWORD, "a")
    assert (await door.accounts.sign_in(EMAIL, "another-password", "a"))[1].email == EMAIL


async def test_who_signs_out_in_one_place_is_still_signed_in_elsewhere(door: Door) -> None:
    _, first = await door.accounts.sign_in(EMAIL, PASSWORD, "a")
    _, second = await door.accounts.sign_in(EMAIL, PASSWORD, "b")
    assert await door.accounts.sign_out(first) is False
    assert await door.accounts.sign_out(second) is True
    assert door.heard == [SessionEnded(first.id), SessionEnded(second.id)]


async def test_only_sessions_that_hold_are_live(door: Door) -> None:
    _, first = await door.accounts.sign_in(EMAIL, PASSWORD, "a")
    _, second = await door.accounts.sign_in(EMAIL, PASSWORD, "b")
    await door.accounts.sign_out(first)
    assert await door.accounts.live_sessions([first.id, second.id, 99]) == {second.id}
    door.clock.elapse(90_000)
    assert await door.accounts.live_sessions([second.id]) == set()


async def test_a_disabled_agent_is_out_at_once(door: Door) -> None:
    from sqlalchemy import update

    from chatserver.store.tables import agents

    token, session = await door.accounts.sign_in(EMAIL, PASSWORD, "a")
    await door.db.execute(update(agents).where(agents.c.email == EMAIL).values(disabled_at=door.clock.now))
    assert await door.accounts.session(token) is None
    assert await door.accounts.live_sessions([session.id]) == set()
    with pytest.raises(Refused, match="unauthorized"):
        await door.accounts.sign_in(EMAIL, PASSWORD, "a")


async def test_a_hash_of_older_parameters_is_made_anew_at_the_next_sign_in(door: Door) -> None:
    from argon2 import PasswordHasher
    from sqlalchemy import select, update

    from chatserver.store.tables import agents

    old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    await door.db.execute(update(agents).where(agents.c.email == EMAIL).values(password_hash=old))
    token, _ = await door.accounts.sign_in(EMAIL, PASSWORD, "a")
    ((stored,),) = await door.db.rows(select(agents.c.password_hash).where(agents.c.email == EMAIL))
    assert "m=19456,t=2,p=1" in stored
    assert await door.accounts.session(token) is not None


async def test_a_socket_token_is_good_once_also_when_it_comes_twice_at_once(door: Door) -> None:
    _, session = await door.accounts.sign_in(EMAIL, PASSWORD, "a")
    token = door.accounts.socket_token(session)
    tries = await asyncio.gather(
        *(door.accounts.authenticate_agent(token) for _ in range(3)), return_exceptions=True
    )
    assert [one.code for one in tries if isinstance(one, Refused)] == ["unauthorized"] * 2
    assert [one.id for one in tries if not isinstance(one, BaseException)] == [session.id]


async def test_a_used_socket_token_is_known_also_where_a_clock_is_behind(door: Door) -> None:
    """Nodes hear one by one, within a minute, that the database's clock was set; whoever comes in removes what is over."""
    _, session = await door.accounts.sign_in(EMAIL, PASSWORD, "a")
    token = door.accounts.socket_token(session)
    await door.accounts.authenticate_agent(token)
    door.clock.elapse(60)
    await door.accounts.authenticate_agent(door.accounts.socket_token(session))
    door.clock.elapse(-60)
    with pytest.raises(Refused, match="unauthorized"):
        await door.accounts.authenticate_agent(token)


async def test_a_customers_token_opens_no_agents_socket(door: Door) -> None:
    _, session = await door.accounts.sign_in(EMAIL, PASSWORD, "a")
    signed = session_tokens("s" * 40).sign(Session("demo", "user:ana", 2**40))
    for token in (signed, "", door.accounts.socket_token(session)[:-1]):
        with pytest.raises(Refused, match="unauthorized"):
            await door.accounts.authenticate_agent(token)
