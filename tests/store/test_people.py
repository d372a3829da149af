"""Agents and their sessions while an administrator changes them, also in the very same moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from chatserver.core.errors import Refused
from chatserver.services import pairing
from chatserver.store import accounts, people
from tests.harness.postgres import Postgres
from tests.harness.waiting import until
from tests.services.scene import Scene, postgres_scene, who
from tests.store.house import NOON, WAITING, House

HASH = "x"
"""What `House.agent` gives as a password's."""


async def session(house: House, agent_id: int, token: str, password_hash: str = HASH) -> int | None:
    return await accounts.begin_session(
        house.db, token, agent_id, password_hash, now=NOON, expires_at=NOON + 60_000
    )


async def test_a_session_begins_by_the_password_that_was_looked_at_or_not_at_all(house: House) -> None:
    eva = await house.agent("eva")
    assert await session(house, eva, "one")
    await accounts.set_password(house.db, eva, "another", NOON)
    assert await session(house, eva, "two") is None
    assert await session(house, eva, "three", "another")


async def test_who_is_disabled_has_no_session_and_those_of_before_stay_ended(house: House) -> None:
    eva, leo = await house.agent("eva"), await house.agent("leo")
    held, other = await session(house, eva, "one"), await session(house, leo, "two")
    assert held
    assert other
    await accounts.disable_agent(house.db, eva, NOON)
    assert await session(house, eva, "three") is None
    assert await accounts.live_sessions(house.db, [held, other], NOON) == {other}
    assert [agent.id for agent in await people.agents(house.db)] == [leo]
    listed = {one.agent.id: one.disabled_at for one in await people.listed_agents(house.db)}
    assert listed == {eva: NOON, leo: None}
    await accounts.disable_agent(house.db, eva, NOON + 5)
    await accounts.change_agent(house.db, eva, disabled_at=None)
    assert await accounts.live_sessions(house.db, [held, other], NOON) == {other}
    back = await people.agent_by_id(house.db, eva)
    assert back is not None
    assert (back.status, back.gone_at) == ("available", 0), "who is not connected would be given chats"


async def test_the_apps_that_an_agent_attends_are_replaced_as_a_whole(house: House) -> None:
    apps = [house.app, *[await house.new_app(key) for key in ("b", "c")]]
    eva, leo = await house.agent("eva", *apps[:2]), await house.agent("leo", *apps)
    for wanted in ([apps[2]], apps, [apps[1], apps[1]]):
        mark = await accounts.people_mark(house.db)
        await accounts.change_agent(house.db, eva, wanted, capacity=len(wanted))
        found = await people.agent_by_id(house.db, eva)
        assert found is not None
        assert (found.app_ids, found.capacity) == (tuple(sorted(set(wanted))), len(wanted))
        assert await accounts.people_mark(house.db) != mark
    kept = await people.agent_by_id(house.db, leo)
    assert kept is not None
    assert kept.app_ids == tuple(apps)


async def test_a_socket_token_is_spent_by_who_has_it_whatever_they_attend(house: House) -> None:
    other = await house.new_app("b")
    eva, leo = await house.agent("eva", house.app, other), await house.agent("leo")
    times = {"expires_at": NOON + 30_000, "now": NOON}
    assert await accounts.spend(house.db, eva, "token", **times)
    assert await accounts.spend(house.db, leo, "token", **times)
    await accounts.change_agent(house.db, eva, [other])
    assert not await accounts.spend(house.db, eva, "token", **times)
    assert await accounts.spend(house.db, eva, "token", expires_at=NOON + 90_000, now=NOON + 60_000)


async def test_a_hash_made_anew_does_not_undo_a_changed_password(house: House) -> None:
    eva = await house.agent("eva")
    await accounts.set_password(house.db, eva, "another", NOON)
    await accounts.rehash(house.db, eva, HASH, "the old one, hashed anew")
    assert await session(house, eva, "one", "another")


# — in the same moment, with several nodes ————————————————————————————————————


@pytest.fixture
async def scene(postgres_server: Postgres) -> AsyncIterator[Scene]:
    """Two apps; agent 1 attends both, and is busy. A customer waits in the first."""
    async with postgres_scene(postgres_server.database()) as made:
        await made.app()
        await made.app(2)
        await made.agent(1, app_ids=(1, 2), status="busy")
        yield made


class Administrator:
    """At another node, in the middle of a change."""

    def __init__(self, scene: Scene) -> None:
        self.url = scene.house.store._dsn  # type: ignore[attr-defined]

    async def __aenter__(self) -> asyncpg.Connection:
        self.connection = await asyncpg.connect(self.url)
        self.transaction = self.connection.transaction()
        await self.transaction.start()
        return self.connection

    async def commit_when_waited_for(self) -> None:
        async def waited_for() -> bool:
            return bool(await self.connection.fetchval(WAITING))

        await until(waited_for, "somebody waits for the administrator")
        await self.transaction.commit()

    async def __aexit__(self, *error: object) -> None:
        self.connection.terminate()


TAKES_THE_APP_AWAY = (
    "SELECT id FROM apps ORDER BY id FOR NO KEY UPDATE",
    "SELECT id FROM agents WHERE id = 1 FOR NO KEY UPDATE",
    "DELETE FROM agent_apps WHERE agent_id = 1 AND app_id = 1",
)
"""What `accounts.change_agent` does."""
DISABLES = ("UPDATE agents SET disabled_at = 1, gone_at = 0 WHERE id = 1",)


@pytest.mark.parametrize(
    ("statements", "code"), [(TAKES_THE_APP_AWAY, "not_found"), (DISABLES, "unauthorized")]
)
async def test_a_claim_that_waits_for_an_administrator_goes_by_what_they_ordered(
    scene: Scene, statements: tuple[str, ...], code: str
) -> None:
    waiting = await scene.start(who("ana"))
    administrator = Administrator(scene)
    async with administrator as connection:
        for statement in statements:
            await connection.execute(statement)
        claim = asyncio.create_task(pairing.claim(scene.house, 1, waiting.id))
        await administrator.commit_when_waited_for()
        with pytest.raises(Refused, match=code):
            await claim
    assert (await scene.ticket(waiting.id)).waiting


@pytest.mark.parametrize("statements", [TAKES_THE_APP_AWAY, DISABLES])
async def test_nor_is_anybody_paired_with_who_is_being_shut_out(
    scene: Scene, statements: tuple[str, ...]
) -> None:
    await pairing.set_status(scene.house, 1, "available")
    administrator = Administrator(scene)
    async with administrator as connection:
        for statement in statements:
            await connection.execute(statement)
        start = asyncio.create_task(scene.start(who("ana")))
        await administrator.commit_when_waited_for()
        assert (await start).waiting


async def test_an_administrator_waits_for_a_chat_that_is_just_being_given(scene: Scene) -> None:
    """So what is looked for after the change finds it."""
    db = scene.house.store
    administrator = Administrator(scene)
    async with administrator as pairing_node:
        await pairing_node.execute("SELECT id FROM apps WHERE id = 1 FOR NO KEY UPDATE")
        change = asyncio.create_task(accounts.change_agent(db, 1, [2]))  # type: ignore[arg-type]
        await administrator.commit_when_waited_for()
        await change
    async with administrator as pairing_node:
        await pairing_node.execute("SELECT id FROM agents WHERE id = 1 FOR NO KEY UPDATE")
        order = asyncio.create_task(accounts.disable_agent(db, 1, 1))  # type: ignore[arg-type]
        await administrator.commit_when_waited_for()
        await order


async def test_no_session_survives_a_change_of_the_password_in_the_same_moment(scene: Scene) -> None:
    db = scene.house.store

    def begin() -> asyncio.Task[int | None]:
        begun = accounts.begin_session(db, "hash", 1, "", now=1, expires_at=9)  # type: ignore[arg-type]
        return asyncio.create_task(begun)

    administrator = Administrator(scene)
    async with administrator as connection:
        await connection.execute("UPDATE agents SET password_hash = 'another' WHERE id = 1")
        session = begin()
        await administrator.commit_when_waited_for()
        assert await session is None
