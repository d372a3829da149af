"""Who does not read is sent away, and is nobody else's trouble."""

from __future__ import annotations

import asyncio

from chatserver.realtime.close_codes import SLOW
from chatserver.realtime.connection import Connection
from chatserver.realtime.frames import packed
from tests.realtime.chat import Chat, Client, new_cid, until
from tests.realtime.test_connection import Wire

TEXT = "x" * 8_000


def newest(chat: Chat) -> Connection:
    """The server's end of the socket that was opened last."""
    return chat.hub.peers[-1].connection


async def say_ten(client: Client, ticket: int) -> None:
    for _ in range(10):
        await client.send(type="say", ticket=ticket, cid=new_cid(), text=TEXT)
    for _ in range(10):
        await client.expect("ack")


async def count_messages(client: Client, wanted: int) -> None:
    heard = 0
    while heard < wanted:
        frame = await client.expect("changed")
        heard += sum(item["kind"] == "message" for item in frame.get("items", []))


async def test_a_reader_that_stops_is_ended_as_slow_and_the_others_hear_everything(chat: Chat) -> None:
    async with chat.customer() as talker, chat.customer() as other, chat.customer(narrow=True) as stuck:
        connection = newest(chat)
        stuck.ws.transport.pause_reading()
        ticket = await talker.start()
        for _ in range(100):
            await say_ten(talker, ticket)
            await count_messages(other, 10)
            if connection.code is not None:
                break
        assert connection.code == 4002
        await talker.still_speaks()
        # It takes not even the closing: it is cut, with what the server kept for it.
        await until(lambda: len(chat.server.server_state.connections) == 2)
        await other.still_speaks()
        stuck.ws.transport.abort()


async def test_a_slow_reader_that_wakes_up_is_told_that_it_was_slow(chat: Chat) -> None:
    async with chat.customer() as talker, chat.customer(narrow=True) as slow:
        connection = newest(chat)
        slow.ws.transport.pause_reading()
        ticket = await talker.start()
        while connection.code is None:
            await say_ten(talker, ticket)
        slow.ws.transport.resume_reading()
        assert await slow.close_code() == 4002
        versions = [frame["version"] for frame in slow.got if frame["type"] == "changed"]
        assert versions == list(range(1, len(versions) + 1)), "a hole before the end"


async def test_a_long_replay_waits_for_its_reader_and_what_happens_meanwhile_comes_after_it(
    chat: Chat,
) -> None:
    async with chat.customer() as talker:
        ticket = await talker.start()
        for _ in range(40):
            await say_ten(talker, ticket)
        async with chat.customer(narrow=True) as reader:
            connection = newest(chat)
            reader.ws.transport.pause_reading()
            await reader.send(type="open", ticket=ticket, after=0, epoch=reader.welcome["epoch"])
            await until(lambda: connection.waits_for_its_peer)
            await talker.say(ticket, "mientras tanto")
            reader.ws.transport.resume_reading()
            pages = [await reader.expect("items")]
            while pages[-1]["more"]:
                pages.append(await reader.expect("items"))
            assert max(len(str(page)) for page in pages) < 300_000
            assert [item["seq"] for page in pages for item in page["items"]] == list(range(1, 402))
            assert (await reader.expect("changed"))["view"]["last_seq"] == 401
            assert (await reader.expect("changed"))["items"][0]["text"] == "mientras tanto"
            await asyncio.gather(reader.still_speaks(), talker.still_speaks())


async def test_a_large_answer_on_its_way_is_no_sign_of_a_slow_reader() -> None:
    line = Wire()
    line.free = False
    connection = Connection(line, silence=60, now=lambda: 0.0)
    await connection.reply(packed(b"w" * 3_000_000))  # a desk with many waiting customers
    assert all(connection.offer(packed(b"e" * 50_000)) for _ in range(20))
    assert not connection.offer(packed(b"e" * 50_000))
    assert connection.code == SLOW
