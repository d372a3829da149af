"""A crowd that comes back at once asks the database once, and little for each of them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chatserver.bus.local import LocalBus
from chatserver.core.events import DeskChanged, desk_topic
from chatserver.realtime.lately import KEPT_SECONDS, Lately
from tests.realtime.chat import Chat


class Asked:
    """Counts the lookups; the next one fails while `broken`."""

    def __init__(self) -> None:
        self.count = 0
        self.broken = False
        self.time = 0.0
        self.gate = asyncio.Event()
        self.gate.set()
        self.bus = LocalBus()
        self.lately = Lately(self.bus, self._lookup, lambda: self.time)

    async def _lookup(self, app_id: int) -> int:
        self.count += 1
        answer = self.count
        await self.gate.wait()
        if self.broken:
            raise OSError("busy")
        return answer

    def something_changes(self, app_id: int = 1) -> None:
        self.bus.publish(DeskChanged(app_id), [desk_topic(app_id)])


async def test_many_who_ask_at_once_are_one_lookup_per_app() -> None:
    asked = Asked()
    assert await asyncio.gather(*(asked.lately.of(1) for _ in range(100))) == [1] * 100
    assert await asked.lately.of(2) == 2
    assert await asked.lately.of(1) == 1
    asked.lately.stop()


async def test_a_change_is_seen_by_whoever_asks_after_it() -> None:
    asked = Asked()
    assert await asked.lately.of(1) == 1
    asked.something_changes()
    assert await asked.lately.of(1) == 2
    asked.gate.clear()
    asked.something_changes()
    early = asyncio.create_task(asked.lately.of(1))
    await asyncio.sleep(0)
    asked.something_changes()  # while it is looked up
    late = asyncio.create_task(asked.lately.of(1))
    await asyncio.sleep(0)
    asked.gate.set()
    assert [await early, await late] == [3, 4]
    asked.lately.stop()


async def test_nothing_is_kept_for_long() -> None:
    asked = Asked()
    assert await asked.lately.of(1) == 1
    asked.time = KEPT_SECONDS
    assert await asked.lately.of(1) == 1
    asked.time += 0.001
    assert await asked.lately.of(1) == 2
    asked.lately.stop()


async def test_a_lookup_that_fails_is_tried_again_by_the_next_one_and_who_gives_up_disturbs_nobody() -> None:
    asked = Asked()
    asked.broken = True
    with pytest.raises(OSError, match="busy"):
        await asked.lately.of(1)
    asked.broken = False
    asked.gate.clear()
    impatient, patient = (asyncio.create_task(asked.lately.of(1)) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()
    asked.gate.set()
    assert await patient == 2
    asked.lately.stop()


async def test_a_customer_who_comes_back_costs_two_reads_at_most(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    rows = chat.db.rows

    async def counted(statement: Any, **values: Any) -> Any:
        reads.append(str(statement))
        return await rows(statement, **values)

    async with chat.agent(), chat.customer() as first:
        ticket = await first.start()
        await first.say(ticket)
        monkeypatch.setattr(chat.db, "rows", counted)
        for kept in (chat.hub.attention_lately, chat.hub.places_lately):  # no second passes meanwhile
            monkeypatch.setattr(kept, "_now", lambda: 0.0)
        found = []
        for missed in (0, 1, 0, 1):
            before = len(reads)
            async with chat.customer() as again:
                (view,) = again.welcome["tickets"]
                await again.send(
                    type="open", ticket=ticket, after=view["last_seq"] - missed, epoch=again.welcome["epoch"]
                )
                items = await again.expect("items")
                assert len(items["items"]) == missed
                assert (await again.expect("changed"))["view"]["id"] == ticket
            found.append(len(reads) - before)
        # The first of a crowd also asks for what all of them share.
        assert found[0] <= 3
        assert found[1:] == [2, 1, 2]


async def test_a_stranger_does_not_find_a_ticket_that_is_known_by_heart(chat: Chat) -> None:
    async with chat.customer("ana") as ana, chat.customer("eva") as eva:
        ticket = await ana.start()
        await eva.send(type="open", ticket=ticket)
        assert (await eva.expect("error"))["code"] == "not_found"
