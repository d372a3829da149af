"""A node that the database does not reach: whether its people stay or are sent to others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from chatserver.realtime.close_codes import GOING_AWAY, TRY_LATER
from chatserver.realtime.refuge import Refuge
from tests.realtime.chat import Chat, serving
from tests.realtime.test_forwarding import answering


class Told(Refuge):
    """Of a node that is alive, or not, and writes, or does not, among others that take people, or do not."""

    def __init__(self, chat: Chat) -> None:
        super().__init__(chat.hub, lambda: self.living, self._writes_now, self._anybody_ready_now)
        self.living, self.writes, self.others = False, False, True
        self.meanwhile: Callable[[], None] = lambda: None
        """While it is asked whether it writes."""

    async def turns(self) -> None:
        await self.turn()
        await self.turn()

    async def _writes_now(self) -> bool:
        self.meanwhile()
        return self.writes

    async def _anybody_ready_now(self) -> bool:
        return self.others


async def test_people_of_a_node_that_is_cut_off_are_sent_away_and_nobody_comes_in_until_it_is_back(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as chat:
        refuge = Told(chat)
        async with chat.customer() as ana:
            await asyncio.gather(refuge.turns(), ana.expect("goaway"))
            assert await ana.close_code() == GOING_AWAY
        async with chat.socket("/ws/customer") as ana:
            assert await ana.close_code() == TRY_LATER
        assert not chat.hub.draining
        refuge.living = True
        await refuge.turn()
        async with chat.customer() as ana:
            await ana.send(type="ping")
            await ana.expect("pong")


@pytest.mark.parametrize(
    ("living", "writes", "others"),
    [(True, True, True), (False, False, False), (False, True, True)],
    ids=["alive", "no better place", "about to join again"],
)
async def test_people_stay_where_they_are_served_or_will_be_at_once_or_where_no_other_node_serves(
    tmp_path: Path, living: bool, writes: bool, others: bool
) -> None:
    async with serving(tmp_path) as chat, chat.customer() as ana:
        refuge = Told(chat)
        refuge.living, refuge.writes, refuge.others = living, writes, others
        await refuge.turns()
        await ana.send(type="ping")
        await ana.expect("pong")


async def test_people_stay_at_a_node_that_joins_again_while_the_others_are_asked(tmp_path: Path) -> None:
    async with serving(tmp_path) as chat, chat.customer() as ana:
        refuge = Told(chat)

        def joins() -> None:
            refuge.living = True

        refuge.meanwhile = joins
        await refuge.turns()
        await ana.send(type="ping")
        await ana.expect("pong")


async def test_a_drain_that_begins_while_the_others_are_asked_goes_on_as_a_drain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path) as chat:
        refuge, sent_away = Told(chat), []

        async def send_everybody_away(seconds: float) -> None:
            sent_away.append(seconds)

        def drains() -> None:
            chat.hub.shut = True

        monkeypatch.setattr(chat.hub, "send_everybody_away", send_everybody_away)
        refuge.meanwhile = drains
        await refuge.turns()
        assert not sent_away, "cut after two seconds"


async def test_people_of_a_node_that_was_only_frozen_stay(tmp_path: Path) -> None:
    async with serving(tmp_path) as chat, chat.customer() as ana:
        refuge = Told(chat)
        await refuge.turn()
        refuge.living = True
        await refuge.turn()
        await ana.send(type="ping")
        await ana.expect("pong")


@pytest.mark.parametrize(("status", "ready"), [(b"200 OK", True), (b"503 Service Unavailable", False)])
async def test_another_node_is_ready_when_it_says_so(status: bytes, ready: bool) -> None:
    async with answering(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n") as forwarding:
        assert await forwarding.anybody_ready() == ready


async def test_nobody_is_ready_where_this_node_is_the_only_one() -> None:
    async with answering(None) as forwarding:
        forwarding.living(1, {1: "http://127.0.0.1:9"})
        assert not await forwarding.anybody_ready()
