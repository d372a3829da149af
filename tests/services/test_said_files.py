"""Messages with files: stored together or not at all, once, of what their author sent up."""

from __future__ import annotations

import asyncio
import itertools
from typing import Literal

import pytest

from chatserver.core.events import TicketChanged
from chatserver.core.files import File
from chatserver.core.tickets import Ticket
from chatserver.services import talk, tickets
from chatserver.store.work import Upload, Who
from tests.services.scene import Scene, new_cid, refused, who

ANA, BEA = who("ana"), who("bea")
_ids = (f"{number:022}" for number in itertools.count(1))


async def sent_up(
    scene: Scene,
    owner: Who | int = ANA,
    name: str = "captura.png",
    *,
    app_id: int = 1,
) -> File:
    file = File(next(_ids), name, "png", 48_213)
    by: Literal["agent", "customer"] = "agent" if isinstance(owner, int) else "customer"
    key = str(owner) if isinstance(owner, int) else owner.key
    await scene.rows.add_upload(Upload(file, app_id, by, key))
    return file


async def test_a_message_takes_what_its_author_sent_up_and_everybody_is_told(scene: Scene) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    files = [await sent_up(scene, ANA, f"{n}.png") for n in range(3)]
    seq = await talk.say(scene.house, ANA, ticket.id, new_cid(), " Mira \n", [f.id for f in files])
    last = (await scene.rows.items(ticket.id))[-1]
    assert (last.seq, last.kind, last.by, last.text, last.files) == (
        seq,
        "message",
        "customer",
        " Mira",
        tuple(files),
    )
    assert await scene.rows.attached() == {file.id: (ticket.id, seq) for file in files}
    assert scene.changes_of(ticket)[-1].items == (last,)


async def test_files_speak_for_themselves(scene: Scene) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    mine, theirs = await sent_up(scene, ANA, "a.png"), await sent_up(scene, 1, "b.png")
    await scene.later(200)
    await talk.say(scene.house, ANA, ticket.id, new_cid(), " ", [mine.id])
    said = await scene.ticket(ticket.id)
    assert said.last is not None
    assert (said.last.text, said.agent_unread, said.turn) == ("a.png", 1, "agent")
    assert said.active_at == scene.clock.now, "a file is a sign of life"
    await talk.say_as_agent(scene.house, 1, ticket.id, new_cid(), "", [theirs.id])
    said = await scene.ticket(ticket.id)
    assert said.last is not None
    assert (said.last.text, said.customer_unread) == ("b.png", 1)
    for verb in (
        talk.say(scene.house, ANA, ticket.id, new_cid(), ""),
        talk.say_as_agent(scene.house, 1, ticket.id, new_cid(), " "),
    ):
        with refused("too_short"):
            await verb


async def test_a_repeat_gives_the_first_number_whatever_became_of_its_files(scene: Scene) -> None:
    await scene.agent()
    ticket, cid = await scene.chat(ANA), new_cid()
    file = await sent_up(scene)
    numbers = await asyncio.gather(
        *(talk.say(scene.house, ANA, ticket.id, cid, "Mira", [file.id]) for _ in range(4))
    )
    await scene.says(ANA, ticket)
    assert set(numbers) == {await talk.say(scene.house, ANA, ticket.id, cid, "Mira", [file.id])}
    assert [i.files for i in await scene.rows.items(ticket.id) if i.cid == cid] == [(file,)]


async def test_a_file_is_in_one_message(scene: Scene) -> None:
    await scene.agent()
    ticket, other = await scene.chat(ANA), await scene.start(ANA)
    file = await sent_up(scene)
    tries = [
        talk.say(scene.house, ANA, one.id, new_cid(), f"{n}", [file.id])
        for n, one in enumerate((ticket, other, ticket, other))
    ]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert [str(r) for r in results if isinstance(r, BaseException)] == ["file_unknown"] * 3
    holding = [(t.id, i.seq) for t in (ticket, other) for i in await scene.rows.items(t.id) if i.files]
    assert [*(await scene.rows.attached()).values()] == holding
    assert len(holding) == 1
    with refused("file_unknown"):
        await talk.say(scene.house, ANA, other.id, new_cid(), "Otra vez", [file.id])


async def test_named_twice_it_is_there_once(scene: Scene) -> None:
    ticket = await scene.start(ANA)
    file = await sent_up(scene)
    await talk.say(scene.house, ANA, ticket.id, new_cid(), "", [file.id, file.id])
    assert (await scene.rows.items(ticket.id))[-1].files == (file,)


async def test_what_is_not_the_authors_own_is_refused_and_nothing_is_stored(scene: Scene) -> None:
    await scene.app(2)
    await scene.agent(1)
    ticket = await scene.chat(ANA)
    mine = await sent_up(scene, ANA)
    foreign = [
        await sent_up(scene, BEA),
        await sent_up(scene, 1),
        await sent_up(scene, ANA, app_id=2),
        File(next(_ids), "nada.png", "png", 1),
    ]
    before = (await scene.ticket(ticket.id), await scene.rows.items(ticket.id))
    published = len(scene.heard(TicketChanged))
    for file in foreign:
        with refused("file_unknown"):
            await talk.say(scene.house, ANA, ticket.id, new_cid(), "Mira", [mine.id, file.id])
    for file in (mine, await sent_up(scene, 2), await sent_up(scene, 1, app_id=2)):
        with refused("file_unknown"):
            await talk.say_as_agent(scene.house, 1, ticket.id, new_cid(), "Mira", [file.id])
    assert (await scene.ticket(ticket.id), await scene.rows.items(ticket.id)) == before
    assert len(scene.heard(TicketChanged)) == published
    assert await scene.rows.attached() == {}
    await talk.say(scene.house, ANA, ticket.id, new_cid(), "Mira", [mine.id])


async def test_a_closed_ticket_takes_no_files_and_they_stay_for_the_next_one(scene: Scene) -> None:
    await scene.agent()
    ticket, file = await scene.chat(ANA), await sent_up(scene)
    await tickets.close(scene.house, 1, ticket.id)
    with refused("ticket_closed"):
        await talk.say(scene.house, ANA, ticket.id, new_cid(), "Mira", [file.id])
    following = await scene.start(ANA, follows=ticket.number)
    await talk.say(scene.house, ANA, following.id, new_cid(), "Mira", [file.id])
    assert await scene.rows.attached() == {file.id: (following.id, 3)}


@pytest.mark.parametrize("by", ["customer", "agent"])
async def test_a_message_holds_so_many(scene: Scene, by: str) -> None:
    await scene.agent()
    await scene.policy(files_per_message=2)
    ticket = await scene.chat(ANA)
    files = [(await sent_up(scene, ANA if by == "customer" else 1)).id for _ in range(3)]

    async def say(ids: list[str]) -> int:
        if by == "customer":
            return await talk.say(scene.house, ANA, ticket.id, new_cid(), "", ids)
        return await talk.say_as_agent(scene.house, 1, ticket.id, new_cid(), "", ids)

    with refused("too_many_files") as too_many:
        await say(files)
    assert too_many.refusal is not None
    assert too_many.refusal.limit == 2
    await say(files[:2])


async def test_messages_with_and_without_files_keep_one_order(scene: Scene) -> None:
    await scene.agent()
    ticket: Ticket = await scene.chat(ANA)
    files = [await sent_up(scene) for _ in range(10)]
    numbers = await asyncio.gather(
        *(
            talk.say(scene.house, ANA, ticket.id, new_cid(), f"{n}", [files[n // 2].id] if n % 2 else [])
            for n in range(20)
        )
    )
    assert sorted(numbers) == numbers
    items = (await scene.rows.items(ticket.id))[-20:]
    assert [(i.text, bool(i.files)) for i in items] == [(f"{n}", bool(n % 2)) for n in range(20)]
