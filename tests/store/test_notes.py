"""The internal sequence of a ticket, as it is stored: gap-free, each note once, whoever writes at once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import chatserver
from chatserver.core import notes as core
from chatserver.core.errors import Refused
from chatserver.core.events import NoteWritten
from chatserver.core.people import Agent
from chatserver.store.notes import latest_notes, notes_after
from chatserver.store.work import Needs, World
from tests.harness.postgres import Postgres
from tests.harness.sizes import size
from tests.store.house import NOON, House, cid

NOTES = size(90, 1_500)


def agent(agent_id: int) -> Agent:
    return Agent(agent_id, f"{agent_id}@example.com", f"Agente {agent_id}", (1,), "available", 4, None, 0)


async def note(house: House, ticket_id: int, number: int, text: str = "Ojo", by: int = 1) -> int:
    def decide(world: World, now: int) -> int:
        house.decided += 1
        ticket = world.ticket(ticket_id)
        assert ticket is not None
        first = world.noted(ticket, by, cid(number))
        if first is not None:
            return first
        written = core.written(agent(by), text, cid(number), world.last_note(ticket), now)
        world.note(ticket, written)
        return written.seq

    return await house.db.write(Needs((ticket_id,), noted=((ticket_id, by, cid(number)),)), decide)


def numbers(house: House, ticket_id: int) -> list[int]:
    rows = house.stored("SELECT seq FROM notes WHERE ticket_id = ? ORDER BY seq", ticket_id)
    return [row[0] for row in rows]


async def test_what_was_written_is_read_as_it_was_in_pages(house: House) -> None:
    ticket = await house.start(house.who("ana"), 0)
    other = await house.start(house.who("bea"), 0)
    texts = ["¿Ñandú? 🙂\n<b>", "x" * 8000, "'); DROP TABLE notes; --"]
    for place, text in enumerate(texts):
        assert await note(house, ticket.id, place, text) == place + 1
    assert await note(house, other.id, 0) == 1
    await house.reopen()
    found = await notes_after(house.db, ticket.id, 0, 2)
    found += await notes_after(house.db, ticket.id, found[-1].seq, 2)
    assert [(n.seq, n.at, n.author_id, n.name, n.cid, n.text) for n in found] == [
        (place + 1, NOON, 1, "Agente 1", cid(place), text) for place, text in enumerate(texts)
    ]
    assert await notes_after(house.db, ticket.id, 3, 2) == []
    assert await notes_after(house.db, ticket.id, 2**53 - 1, 2) == []
    latest = await latest_notes(house.db, [house.app], (NOON, ticket.id, 2), 10)
    assert [(e.app_id, e.ticket_id, e.note.seq) for e in latest] == [(1, ticket.id, 3), (1, other.id, 1)]
    assert await latest_notes(house.db, [99], (0, 0, 0), 10) == []


async def test_notes_that_wait_share_one_commit_and_repeats_among_them_find_the_first(house: House) -> None:
    ticket = await house.start(house.who("ana"), 0)
    before = house.commits
    found = await house.together(*(note(house, ticket.id, n // 2) for n in range(20)))
    assert found == [1 + n // 2 for n in range(20)]
    assert house.commits == before + 1
    assert numbers(house, ticket.id) == list(range(1, 11))
    assert await note(house, ticket.id, 3) == 4


async def test_a_refused_use_case_leaves_no_note_and_no_gap(house: House) -> None:
    ticket = await house.start(house.who("ana"), 0)
    house.heard.clear()

    async def refused() -> int:
        def decide(world: World, now: int) -> int:
            found = world.ticket(ticket.id)
            assert found is not None
            world.note(found, core.written(agent(1), "nada", cid(50), world.last_note(found), now))
            raise Refused("rate_limited", retry_after=1)

        return await house.db.write(Needs((ticket.id,), noted=((ticket.id, 1, cid(50)),)), decide)

    first, problem, second = await house.together(
        note(house, ticket.id, 1), refused(), note(house, ticket.id, 2)
    )
    assert (first, type(problem), second) == (1, Refused, 2)
    assert [text for (text,) in house.stored("SELECT text FROM notes ORDER BY seq")] == ["Ojo", "Ojo"]
    told = [event for group in house.heard for event in group]
    assert [event.note.seq for event in told if isinstance(event, NoteWritten)] == [1, 2]


async def test_who_decides_knows_how_many_notes_mails_said_those_of_its_own_group_too(house: House) -> None:
    ticket = await house.start(house.who("ana"), 0)

    async def mailed(number: int) -> int:
        def decide(world: World, now: int) -> int:
            found = world.ticket(ticket.id)
            assert found is not None
            said = core.mailed("luz@x.co", "Ojo", cid(number), world.last_note(found), now, mail="m")
            before = world.mailed_notes(found)
            world.note(found, said)
            return before

        return await house.db.write(Needs((ticket.id,), noted=((ticket.id, 0, cid(number)),)), decide)

    assert await house.together(mailed(1), note(house, ticket.id, 2), mailed(3), mailed(4)) == [0, 2, 1, 2]
    assert await mailed(5) == 3


async def test_notes_and_messages_of_a_group_know_nothing_of_each_other(house: House) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    found = await house.together(
        *(one for n in range(1, 6) for one in (note(house, ticket.id, n), house.say(ana, ticket.id, n)))
    )
    assert found[::2] == [1, 2, 3, 4, 5]
    assert found[1::2] == [2, 3, 4, 5, 6]
    assert house.sequence(ticket.id) == list(range(1, 7))


def test_nobody_reads_notes_but_the_agents_socket_and_nodes_that_look_for_what_they_missed() -> None:
    """No page, mail, transcript, search or customer's socket can show what it cannot ask for."""
    package = Path(chatserver.__file__).parent
    wanted = re.compile(
        r"store\.notes\b|(store|tables) import (.*|\([^)]*)\bnotes\b|tables\.notes\b|(FROM|JOIN|INTO) notes\b"
    )
    found = {
        str(file.relative_to(package))
        for file in package.rglob("*.py")
        if wanted.search(file.read_text(encoding="utf-8"))
    }
    writing = {
        "store/rows.py",
        "store/postgres/applying.py",
        "store/sqlite/loading.py",
        "store/postgres/loading.py",
    }
    reading = {"store/notes.py", "store/versions.py", "realtime/agent.py"}
    assert found == writing | reading | {"services/originals.py"} | {"loops/canary.py", "store/wholeness.py"}


@pytest.fixture
async def nodes(postgres_server: Postgres, anyio_backend: str) -> AsyncIterator[list[House]]:
    url = postgres_server.database()
    made = [await House.open(url)]
    made += [await House.open(url) for _ in range(2)]
    yield made
    for node in made:
        await node.db.close()


async def test_three_nodes_note_on_one_ticket_at_once_and_nothing_is_missing_or_twice(
    nodes: list[House],
) -> None:
    """Each note is sent to two of the nodes."""
    ticket = await nodes[0].start(nodes[0].who("ana"), 0)
    answers = await asyncio.gather(
        *(note(nodes[n % 3], ticket.id, n // 2, f"{n // 2}") for n in range(2 * NOTES))
    )
    assert answers[::2] == answers[1::2]
    assert sorted(set(answers)) == list(range(1, NOTES + 1))
    assert numbers(nodes[0], ticket.id) == list(range(1, NOTES + 1))
    stored = nodes[0].stored("SELECT cid, seq FROM notes")
    assert dict(stored) == {cid(n): seq for n, seq in enumerate(answers[::2])}
    # The ticket's lock kept them apart: the primary key, which stands behind it, had nothing to do.
    assert sum(node.decided for node in nodes) == 2 * NOTES + 1
    told = [event for node in nodes for group in node.heard for event in group]
    assert sorted(event.note.seq for event in told if isinstance(event, NoteWritten)) == list(
        range(1, NOTES + 1)
    )
