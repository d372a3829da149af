"""Notes over real sockets: every agent hears of them, once and in order; to a customer it is as if there were none."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from chatserver.core import notes as core
from chatserver.realtime.limits import Limits
from chatserver.store import accounts
from chatserver.store.work import Needs, World
from tests.realtime.chat import WIDE, Chat, Client, new_cid, serving
from tests.realtime.test_talking import hears

SECRET = "Ojo: dice que demandará"


async def write(client: Client, ticket: int, text: str = SECRET, cid: str = "") -> int:
    cid = cid or new_cid()
    await client.send(type="note", ticket=ticket, cid=cid, text=text)
    return int((await client.expect("ack", cid=cid, ticket=ticket))["seq"])


async def read(client: Client, ticket: int, after: int = 0, epoch: str | None = None) -> list[dict[str, Any]]:
    """As a client reads that holds what is up to `after`."""
    notes: list[dict[str, Any]] = []
    while True:
        known = client.welcome["epoch"] if epoch is None else epoch
        await client.send(type="notes", ticket=ticket, after=after, epoch=known)
        page = await client.expect("notes", ticket=ticket)
        notes += page["notes"]
        if not page["more"]:
            return notes
        after = notes[-1]["seq"]
        epoch = None


async def test_a_note_is_heard_by_every_tab_of_every_agent_and_by_its_author_too(chat: Chat) -> None:
    async with (
        chat.agent(1) as agent,
        chat.agent(1) as tab,
        chat.agent(2, status="away") as colleague,
        chat.customer() as customer,
    ):
        ticket = await customer.start()
        await agent.expect("changed", ticket=ticket)
        cid = new_cid()
        await agent.send(type="note", ticket=ticket, cid=cid, text=f" {SECRET}\n")
        for client in (agent, tab, colleague):
            note = (await client.expect("noted", ticket=ticket))["note"]
            assert (note["seq"], note["author"], note["name"], note["text"], note["cid"]) == (
                *(1, 1, "Lucia"),
                *(f" {SECRET}", cid),
            )
        assert await write(colleague, ticket, "Lo llamo yo") == 2
        for client in (agent, tab, colleague):
            assert [(n["seq"], n["name"]) for n in await read(client, ticket)] == [(1, "Lucia"), (2, "Mateo")]


async def test_a_customer_hears_nothing_of_notes_not_even_that_there_are_any(chat: Chat) -> None:
    """Neither live nor when they read everything there is to read, nor by a version that jumped."""
    async with chat.agent() as agent, chat.customer() as customer, chat.customer() as tab:
        ticket = await customer.start()
        await agent.expect("changed", ticket=ticket)
        await agent.say(ticket, "Buenas")
        version = (await hears(customer, "Buenas"))["version"]
        assert (await hears(tab, "Buenas"))["version"] == version
        customer.got.clear()
        tab.got.clear()
        for _ in range(3):
            await write(agent, ticket)
        for client in (customer, tab):
            await client.still_speaks()
            assert [frame["type"] for frame in client.got] == ["pong"]
        await agent.say(ticket, "¿Sigues ahí?")
        change = await customer.expect("changed", ticket=ticket)
        assert (change["base"], change["version"]) == (version, version + 1)
        epoch = customer.welcome["epoch"]
        for after in (-1, 0):
            await customer.send(type="open", ticket=ticket, after=after, epoch=epoch)
        await customer.send(type="history", ticket=ticket, before=2**40)
        await customer.send(type="tickets")
        await customer.expect("tickets")
        async with chat.customer() as again:
            seen = str(customer.got + tab.got + [again.welcome] + again.got)
        assert "demandará" not in seen
        assert "note" not in seen


async def test_a_customer_has_no_verb_for_notes(chat: Chat) -> None:
    async with chat.agent() as agent, chat.customer() as customer:
        ticket = await customer.start()
        await agent.expect("changed", ticket=ticket)
        await write(agent, ticket)
        for frame in (
            {"type": "note", "ticket": ticket, "cid": new_cid(), "text": "yo"},
            {"type": "notes", "ticket": ticket, "after": 0},
        ):
            await customer.send(**frame)
            assert (await customer.expect("error"))["code"] == "unknown_type"
        assert len(await read(agent, ticket)) == 1


async def test_who_comes_back_reads_every_note_that_was_missed_in_pages_and_once(chat: Chat) -> None:
    async with chat.agent(1) as agent, chat.customer() as customer:
        ticket = await customer.start()
        for number in range(1, 251):
            await agent.send(type="note", ticket=ticket, cid=new_cid(), text=f"n.º {number}")
        for number in range(1, 251):
            assert (await agent.expect("ack"))["seq"] == number
    async with chat.agent(1) as agent:
        for after in (0, 1, 149, 150, 249, 250):
            got = await read(agent, ticket, after)
            assert [note["seq"] for note in got] == list(range(after + 1, 251))
            assert [note["text"] for note in got] == [f"n.º {n}" for n in range(after + 1, 251)]
        assert len(await read(agent, ticket, 2**53 - 1)) == 0
        # Known of another database: from the beginning.
        await agent.send(type="notes", ticket=ticket, after=200, epoch="another")
        page = await agent.expect("notes")
        assert (page["after"], page["notes"][0]["seq"], len(page["notes"]), page["more"]) == (0, 1, 100, True)


async def test_a_page_holds_no_more_text_than_a_slow_line_takes(chat: Chat) -> None:
    async with chat.agent() as agent, chat.customer() as customer:
        ticket = await customer.start()
        for _ in range(40):
            await write(agent, ticket, "ñ" * 8_000)
        await agent.send(type="notes", ticket=ticket, after=0, epoch=agent.welcome["epoch"])
        page = await agent.expect("notes")
        assert (len(page["notes"]), page["more"]) == (16, True)
        assert [note["seq"] for note in await read(agent, ticket)] == list(range(1, 41))


async def test_a_repeat_is_stored_once_also_on_two_sockets_at_once(chat: Chat) -> None:
    async with chat.agent() as one, chat.agent() as two, chat.customer() as customer:
        ticket, cid = await customer.start(), new_cid()
        note = {"type": "note", "ticket": ticket, "cid": cid, "text": SECRET}
        await asyncio.gather(one.send(**note), two.send(**note), one.send(**note))
        assert {(await client.expect("ack", cid=cid))["seq"] for client in (one, two, one)} == {1}
        assert len(await read(one, ticket)) == 1
        # A message under the same id is a message.
        await one.send(**note | {"type": "say", "text": "Hola"})
        assert (await one.expect("ack", cid=cid))["seq"] > 1
        assert len(await read(one, ticket)) == 1


async def test_notes_and_messages_keep_the_order_in_which_one_connection_said_them(chat: Chat) -> None:
    async with chat.agent() as agent, chat.customer() as customer:
        ticket = await customer.start()
        await agent.expect("changed", ticket=ticket)
        frames = [
            {"type": "note" if n % 2 else "say", "ticket": ticket, "cid": new_cid(), "text": f"{n}"}
            for n in range(20)
        ]
        await agent.send_together(*frames)
        for _ in frames:
            await agent.expect("ack")
        assert [note["text"] for note in await read(agent, ticket)] == [f"{n}" for n in range(1, 20, 2)]
        await customer.send(type="history", ticket=ticket, before=1_000)
        items = (await customer.expect("items"))["items"]
        assert [i["text"] for i in items if i["kind"] == "message"] == [f"{n}" for n in range(0, 20, 2)]


async def test_an_agent_of_another_app_neither_reads_nor_writes_nor_hears_them(tmp_path: Path) -> None:
    async with serving(tmp_path, limits=WIDE) as chat:
        other = await accounts.add_app(chat.db, key="otra", name="Otra", secret="s" * 32, created_at=0)
        await accounts.add_agent(
            chat.db, email="eva@x.test", name="Eva", password_hash="-", app_ids=[other], now=0
        )
        await chat.house.refresh()
        async with chat.agent(1) as agent, chat.agent(3) as stranger, chat.customer() as customer:
            ticket = await customer.start()
            await write(agent, ticket)
            for frame in (
                {"type": "note", "ticket": ticket, "cid": new_cid(), "text": "yo"},
                {"type": "notes", "ticket": ticket, "after": 0},
            ):
                stranger.got.clear()
                await stranger.send(**frame)
                assert (await stranger.expect("error"))["code"] == "not_found"
                assert "noted" not in str(stranger.got)
            assert len(await read(agent, ticket)) == 1


async def test_notes_count_with_messages_for_how_much_somebody_may_write(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, limits=Limits(linger=0)) as chat,
        chat.agent() as agent,
        chat.customer() as customer,
    ):
        ticket = await customer.start()
        await agent.expect("changed", ticket=ticket)
        chat.stop_the_clock()
        for number in range(20):
            kind = "note" if number % 2 else "say"
            await agent.send(type=kind, ticket=ticket, cid=new_cid(), text="ya")
            await agent.expect("ack")
        cid = new_cid()
        await agent.send(type="note", ticket=ticket, cid=cid, text="una más")
        refusal = await agent.expect("error", cid=cid)
        assert refusal["code"] == "rate_limited"
        assert refusal["retry_after"] > 0


async def test_a_note_that_is_none_is_refused_with_a_code_and_the_connection_goes_on(chat: Chat) -> None:
    async with chat.agent() as agent, chat.customer() as customer:
        ticket = await customer.start()
        for text, code in ((" \n", "too_short"), ("x" * 8_001, "too_long"), ("x" * 20_001, "bad_frame")):
            cid = new_cid()
            await agent.send(type="note", ticket=ticket, cid=cid, text=text)
            assert (await agent.expect("error", cid=cid))["code"] == code
        assert await write(agent, ticket) == 1


# — what mails said ————————————————————————————————————————————————————————————


async def mailed(chat: Chat, ticket_id: int, text: str = SECRET) -> int:
    """As the mailroom notes it; gives the note's number."""
    cid = new_cid()

    def decide(world: World, now: int) -> int:
        ticket = world.ticket(ticket_id)
        assert ticket is not None
        note = core.mailed("luz@x.test", text, cid, world.last_note(ticket), now, mail=cid, verified=True)
        world.note(ticket, note)
        return note.seq

    return await chat.house.store.write(Needs((ticket_id,), noted=((ticket_id, 0, cid),)), decide)


async def unread(client: Client) -> list[tuple[int, int]]:
    await client.send(type="unread_notes")
    return [(one["ticket"], one["seq"]) for one in (await client.expect("unread_notes"))["notes"]]


async def test_what_a_mail_said_is_told_to_all_agents_with_its_ticket_and_unread_until_its_agent_read_it(
    chat: Chat,
) -> None:
    async with chat.agent(1) as agent, chat.customer() as customer:
        ticket = await customer.start()
        number = (await agent.expect("changed", ticket=ticket))["view"]["number"]
        assert await unread(agent) == []
        async with chat.agent(2) as colleague:
            assert await write(agent, ticket) == 1
            customer.got.clear()
            assert await mailed(chat, ticket) == 2
            for client in (agent, colleague):
                told = await client.expect("noted", number=number)
                assert told["agent_id"] == 1
                assert (told["note"]["mail"], told["note"]["verified"]) == (True, True)
            await colleague.send(type="seen_notes", ticket=ticket, seq=2)
            await colleague.still_speaks()
            assert await unread(colleague) == [(ticket, 2)]
        async with chat.agent(1) as tab:
            assert await unread(tab) == [(ticket, 2)]
            await tab.send(type="seen_notes", ticket=ticket, seq=2**53 - 1)
            for client in (tab, agent):
                assert (await client.expect("notes_seen"))["ticket"] == ticket
            assert await unread(tab) == []
        await customer.still_speaks()
        assert [frame["type"] for frame in customer.got] == ["pong"]


async def test_what_agents_note_says_nothing_of_its_ticket_and_waits_for_nobody(chat: Chat) -> None:
    async with chat.agent() as agent, chat.customer() as customer:
        ticket = await customer.start()
        await agent.send(type="note", ticket=ticket, cid=new_cid(), text=SECRET)
        assert set(await agent.expect("noted")) == {"type", "ticket", "note"}
        assert await unread(agent) == []


async def test_ten_tabs_of_an_agent_come_back_with_thirty_conversations_each_and_none_is_refused(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, limits=Limits(linger=0)) as chat, AsyncExitStack() as stack:
        customer = await stack.enter_async_context(chat.customer())
        ticket = await customer.start()
        tabs = [await stack.enter_async_context(chat.agent()) for _ in range(10)]
        chat.stop_the_clock()
        # What a console asks after its welcome: console.ts.
        asked: list[dict[str, Any]] = [{"type": "open", "ticket": ticket} for _ in range(30)]
        asked += [{"type": "unread_notes"}, {"type": "notes", "ticket": ticket}]
        asked += [{"type": "desk", "of": of} for of in ("waiting", "requests")]
        refused = 0
        for tab in tabs:
            for frame in asked:
                await tab.send(**frame)
            answers = 0
            while answers < len(asked):
                kind = (await tab.receive())["type"]
                answers += kind in ("snapshot", "unread_notes", "notes", "desk", "error")
                refused += kind == "error"
        assert refused == 0
        await tabs[0].send(type="open", ticket=ticket)
        assert (await tabs[0].expect("error", verb="open"))["code"] == "rate_limited"
