"""Coming back: the whole gap or a snapshot, never a part."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from tests.realtime.chat import WIDE, Chat, Client, new_cid, serving

LONG = 50_000


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


@pytest.fixture
async def aged(tmp_path: Path) -> AsyncIterator[tuple[Chat, int, int]]:
    """A ticket to which a very long conversation was added while the server was down; gives its id and its last number."""
    async with serving(tmp_path, limits=WIDE) as chat, chat.customer() as customer:
        ticket = await long_ticket(customer, 10)
    with closing(sqlite3.connect(tmp_path / "chat.db")) as database:
        database.execute(
            """WITH RECURSIVE more(seq) AS (SELECT 11 UNION ALL SELECT seq + 1 FROM more WHERE seq < 10 + ?)
            INSERT INTO items (ticket_id, seq, at, kind, "by", author_id, cid, text)
            SELECT ticket_id, more.seq, at, kind, "by", author_id, printf('%022d', more.seq), 'n.º ' || more.seq
            FROM more, items WHERE ticket_id = ? AND items.seq = 10""",
            (LONG, ticket),
        )
        database.execute("UPDATE tickets SET last_seq = ?, version = version + ?", (10 + LONG, LONG))
        database.commit()
    async with serving(tmp_path, limits=WIDE) as chat:
        yield chat, ticket, 10 + LONG


async def test_after_fifty_thousand_items_only_a_short_gap_is_filled(aged: tuple[Chat, int, int]) -> None:
    chat, ticket, end = aged
    async with chat.customer() as customer:
        epoch = customer.welcome["epoch"]
        for gap in (0, 1, 499, 500):
            seqs, last = await open_from(customer, ticket, end - gap, epoch)
            assert last["type"] == "changed"
            assert seqs == list(range(end - gap + 1, end + 1))
        for gap in (501, LONG, end):
            seqs, last = await open_from(customer, ticket, end - gap, epoch)
            assert last["type"] == "snapshot"
            assert seqs == list(range(end - 49, end + 1))
            assert last["view"]["last_seq"] == end


# — a copy of the database comes back ——————————————————————————————————————————


@asynccontextmanager
async def restored(where: Path, after: int, *, new_epoch: bool) -> AsyncIterator[tuple[Chat, int, str]]:
    """The copy that was made at the ticket's 5th item is put back when it had 8, and it goes on to number `after`.

    Gives the server, the ticket, and the epoch that clients still hold.
    """
    path, copy = where / "chat.db", where / "copy.db"
    async with serving(where, limits=WIDE) as chat, chat.customer() as customer:
        ticket = await long_ticket(customer, 5)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        for _ in range(3):
            await customer.say(ticket, "lost with the disk")
        epoch = customer.welcome["epoch"]
    shutil.copy(copy, path)
    if new_epoch:
        with closing(sqlite3.connect(path)) as database:
            database.execute("UPDATE meta SET value = 'after-the-restore' WHERE key = 'epoch'")
            database.commit()
    async with serving(where, limits=WIDE) as chat, chat.customer() as customer:
        for _ in range(after - 5):
            await customer.say(ticket, "said after the restore")
        yield chat, ticket, epoch


@pytest.mark.parametrize("after", [5, 7])
async def test_a_client_that_is_ahead_of_a_restored_database_starts_afresh(
    tmp_path: Path, after: int
) -> None:
    async with (
        restored(tmp_path, after, new_epoch=False) as (chat, ticket, epoch),
        chat.customer() as customer,
    ):
        assert customer.welcome["epoch"] == epoch
        seqs, last = await open_from(customer, ticket, 8, epoch)
        assert last["type"] == "snapshot"
        assert seqs == list(range(1, after + 1))


@pytest.mark.parametrize("after", [5, 7, 8, 12])
async def test_a_restored_database_with_an_epoch_of_its_own_is_noticed_however_far_it_has_come(
    tmp_path: Path, after: int
) -> None:
    async with (
        restored(tmp_path, after, new_epoch=True) as (chat, ticket, epoch),
        chat.customer() as customer,
    ):
        assert customer.welcome["epoch"] != epoch
        seqs, last = await open_from(customer, ticket, 8, epoch)
        assert last["type"] == "snapshot"
        assert seqs == list(range(1, after + 1))


async def test_a_message_that_a_restore_lost_is_taken_when_it_is_sent_again(tmp_path: Path) -> None:
    async with restored(tmp_path, 5, new_epoch=True) as (chat, ticket, _), chat.customer() as customer:
        cid = new_cid()
        for _ in range(2):
            await customer.send(type="say", ticket=ticket, cid=cid, text="still in my outbox")
            assert (await customer.expect("ack", cid=cid))["seq"] == 6


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
