"""`submit`, for who does not wait: its callbacks."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest
from msgspec.structs import replace

from chatserver.core import tickets as core
from chatserver.core.errors import Refused
from chatserver.core.people import Customer
from chatserver.store.base import StoreFailed
from chatserver.store.work import Needs, Who, World
from tests.store.house import POLICY, House, cid


async def test_callbacks_come_in_order_after_the_events_on_the_loop(house: House) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    order: list[Any] = []
    all_told = asyncio.Event()
    house.db._writer._committed = lambda events: order.append("published")
    loop = asyncio.get_running_loop()

    def say(number: int, who: Who) -> None:
        def decide(world: World, now: int) -> int:
            current = world.ticket_of(who, ticket.id)
            return world.put(current, core.customer_said(current, "hola", cid(number), now), POLICY).last_seq

        def done(result: Any, problem: BaseException | None) -> None:
            assert asyncio.get_running_loop() is loop
            order.append(result if problem is None else type(problem).__name__)
            if number == 3:
                all_told.set()

        house.db.submit(Needs(tickets=(ticket.id,)), decide, done)
        order.append("submitted")

    async with house.writer_busy():
        say(1, ana)
        say(2, house.who("ben"))
        say(3, ana)
    await asyncio.wait_for(all_told.wait(), 20)
    assert order == ["submitted"] * 3 + ["published", 2, "Refused", 3]


async def test_a_callback_that_raises_does_not_keep_the_others_from_theirs(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    text = "mi contraseña es 1234"

    def broken(result: Any, problem: BaseException | None) -> None:
        raise RuntimeError(text)

    async with house.writer_busy():
        house.db.submit(Needs(), lambda world, now: None, broken)
        after = asyncio.ensure_future(house.db.write(Needs(), lambda world, now: 7))
        await asyncio.sleep(0)
    assert await after == 7
    assert "an answer failed" in caplog.text
    assert "contraseña" not in caplog.text


async def test_a_callback_hears_of_a_failed_commit(house: House) -> None:
    ana = house.who("ana")
    heard: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def decide(world: World, now: int) -> Customer:
        return world.new_customer(replace(ana, app_id=999), now)

    house.db.submit(
        Needs(numbers=(999,)), decide, lambda result, problem: heard.set_result((result, problem))
    )
    result, problem = await heard
    assert result is None
    assert isinstance(problem, StoreFailed)


async def test_a_refusal_keeps_nothing_of_its_group(house: House) -> None:
    """Nor anything that only the garbage collector would find: it looks seldom."""
    gc.collect()
    gc.disable()
    try:
        others = await _refused_in_company(house)
        assert [other() for other in others] == [None, None]
    finally:
        gc.enable()


async def _refused_in_company(house: House) -> list[weakref.ref[Any]]:
    """References to what else was in the group of a use case that is refused, and of one that fails."""

    def refuse(world: World, now: int) -> None:
        raise Refused("not_found")

    def fail(world: World, now: int) -> None:
        raise LookupError

    answers: list[type] = []
    found: list[weakref.ref[Any]] = []
    for broken in (refuse, fail):
        other = _Caller()
        found.append(weakref.ref(other))
        async with house.writer_busy():
            refused = asyncio.ensure_future(house.db.write(Needs(), broken))
            house.db.submit(Needs(), other.decide, other.done)
            del other
            await asyncio.sleep(0)
        await asyncio.wait({refused})
        answers.append(type(refused.exception()))
        del refused
    await house.db.write(Needs(), lambda world, now: None)  # the group after it
    assert answers == [Refused, LookupError]
    return found


class _Caller:
    def decide(self, world: World, now: int) -> None:
        """Succeeds."""

    def done(self, result: Any, problem: BaseException | None) -> None:
        assert problem is None


async def test_nothing_is_taken_after_closing(house: House) -> None:
    await house.db.close()
    with pytest.raises(StoreFailed, match="closed"):
        house.db.submit(Needs(), lambda world, now: None, lambda result, problem: None)
