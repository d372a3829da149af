"""Coming back: the whole gap or a snapshot, never a part."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.realtime.chat import Chat, Client, new_cid


async def long_ticket(client: Client, items: int) -> int:
    """A ticket with so many items."""
    ticket = await client.start()
    for number in range(2, items + 1):
        await client.send(type="say", ticket=ticket, cid=new_cid(), text=f"n.º {number}")
    for _ in range(2, items + 1):
        await client.expect("ack")
    return ticket


async def open_from(client: Client, ticket: int, after: int, epoch: str) -> tuple[list[int], dict[str, Any]]:
    """The numbers that came, and the last frame of the answer."""
    await client.send(type="open", ticket=ticket, after=after, epoch=epoch)
    seqs: list[int] = []
    while True:
        frame = await client.receive()
        if frame["type"] == "snapshot":
            return [item["seq"] for item in frame["items"]], frame
        if frame["type"] == "items":
            assert len(frame["items"]) <= 100
            seqs += [item["seq"] for item in frame["items"]]
            if not frame["more"]:
                return seqs, await client.expect("changed", ticket=ticket)


@pytest.mark.parametrize("gap", [0, 1, 99, 100, 101, 499, 500])
async def test_a_gap_of_up_to_500_items_is_filled_whole(chat: Chat, gap: int) -> None:
    async with chat.customer() as customer:
        ticket = await long_ticket(customer, 510)
        seqs, last = await open_from(customer, ticket, 510 - gap, customer.welcome["epoch"])
        assert seqs == list(range(511 - gap, 511))
        assert last["view"]["last_seq"] == 510


async def test_a_longer_gap_another_epoch_or_an_impossible_number_gives_a_snapshot(chat: Chat) -> None:
    async with chat.customer() as customer:
        ticket = await long_ticket(customer, 510)
        epoch = customer.welcome["epoch"]
        for after, known in ((9, epoch), (0, epoch), (509, "another"), (509, ""), (511, epoch), (-1, epoch)):
            seqs, last = await open_from(customer, ticket, after, known)
            assert last["type"] == "snapshot"
            assert seqs == list(range(461, 511))
            assert last["more"] is True
            assert last["view"]["last_seq"] == 510


async def test_history_pages_lead_back_to_the_beginning(chat: Chat) -> None:
    async with chat.customer() as customer:
        ticket = await long_ticket(customer, 250)
        seqs: list[int] = []
        before, more = 251, True
        while more:
            await customer.send(type="history", ticket=ticket, before=before)
            page = await customer.expect("items", back=True)
            seqs = [item["seq"] for item in page["items"]] + seqs
            before, more = page["items"][0]["seq"], page["more"]
        assert seqs == list(range(1, 251))


async def test_pages_of_long_messages_are_short_and_lead_to_the_beginning_too(chat: Chat) -> None:
    async with chat.customer() as customer:
        ticket = await customer.start()
        for _ in range(60):
            await customer.send(type="say", ticket=ticket, cid=new_cid(), text="€" * 8_000)
        for _ in range(60):
            await customer.expect("ack")
        _, snapshot = await open_from(customer, ticket, -1, "")
        assert snapshot["more"] is True
        seqs = [item["seq"] for item in snapshot["items"]]
        assert seqs == list(range(62 - len(seqs), 62))
        assert 1 < len(seqs) < 20
        while seqs[0] > 1:
            await customer.send(type="history", ticket=ticket, before=seqs[0])
            page = await customer.expect("items", back=True)
            assert page["more"] is (page["items"][0]["seq"] > 1)
            seqs = [item["seq"] for item in page["items"]] + seqs
        assert seqs == list(range(1, 62))
        replayed, last = await open_from(customer, ticket, 0, customer.welcome["epoch"])
        assert replayed == seqs
        assert last["view"]["last_seq"] == 61


async def test_nothing_is_missing_when_the_other_side_talks_on_during_a_replay(chat: Chat) -> None:
    async with chat.customer() as customer, chat.customer() as talker:
        ticket = await long_ticket(customer, 300)
        saying = asyncio.create_task(_say(talker, ticket, 60))
        seen: list[int] = []
        view: dict[str, Any] = {}
        await customer.send(type="open", ticket=ticket, after=0, epoch=customer.welcome["epoch"])
        while not seen or seen[-1] < 360:
            frame = await customer.receive()
            if frame["type"] == "changed" and frame["version"] > view.get("version", 0):
                assert "view" in frame or frame["base"] == view["version"]
                view = frame.get("view") or {**view, **frame["patch"]}
            if frame["type"] in ("items", "changed"):
                # Each item comes in order; what came by both ways is known by its number.
                for item in frame.get("items", []):
                    if frame["type"] == "changed" and seen and item["seq"] <= seen[-1]:
                        continue
                    if frame["type"] == "changed" and not seen:
                        continue  # before the replay
                    assert item["seq"] == (seen[-1] if seen else 0) + 1
                    seen.append(item["seq"])
        await saying
        assert seen == list(range(1, 361))
        assert view["last_seq"] == 360


async def _say(client: Client, ticket: int, count: int) -> None:
    for number in range(count):
        await client.say(ticket, f"más {number}")
