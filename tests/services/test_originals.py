"""The mail as which a message came, for those agents who may see its ticket; on both engines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chatserver.services import pairing, requests
from chatserver.services.originals import Original, Originals
from chatserver.store.database import Database
from tests.mail.arriving import arrived
from tests.mail.writing import mail
from tests.services.scene import Scene, refused, scene_on


@pytest.fixture(params=["sqlite", "postgres"])
async def stored(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene_on(request, tmp_path / "chat.db") as scene:
        await scene.app()
        yield scene


def raw_of(original: Original) -> bytes:
    return original.raw


def originals_of(scene: Scene) -> tuple[Originals, Database]:
    assert isinstance(scene.house.store, Database)
    return Originals(scene.house, scene.house.store), scene.house.store


async def test_each_message_leads_to_the_mail_that_it_was_and_the_ones_behind_it_too(stored: Scene) -> None:
    await stored.agent()
    originals, db = originals_of(stored)
    raw = mail()
    taken = await arrived(stored.house, db, raw)
    assert taken.ticket_id is not None
    assert taken.seq is not None
    # A long mail is several messages: what comes behind the first one leads to it.
    for seq in (taken.seq, taken.seq + 1):
        assert await originals.of(1, taken.ticket_id, seq, raw_of) == raw
    assert await originals.of(1, taken.ticket_id, taken.seq, lambda one: one.arrival.key) == taken.key


async def test_no_mail_is_found_through_another_apps_ticket_nor_by_nobody(stored: Scene) -> None:
    await stored.app(2)
    await stored.agent()
    await stored.agent(2, app_ids=(2,))
    originals, db = originals_of(stored)
    taken = await arrived(stored.house, db, mail())
    assert taken.ticket_id is not None
    assert taken.seq is not None
    with refused("not_found"):
        await originals.of(2, taken.ticket_id, taken.seq, raw_of)
    with refused("unauthorized"):
        await originals.of(9, taken.ticket_id, taken.seq, raw_of)
    for ticket_id, seq in ((taken.ticket_id + 1, taken.seq), (taken.ticket_id, taken.seq - 1)):
        with refused("not_found"):
            await originals.of(1, ticket_id, seq, raw_of)


async def test_whom_a_mail_names_besides_may_be_put_in_copy_but_none_of_ours_and_nobody_twice(
    stored: Scene,
) -> None:
    await stored.agent()
    originals, db = originals_of(stored)
    support = stored.house.people.app(1).support_address or "soporte@acme.example"
    tagged = support.replace("@", "+token@")
    named = f"Luz <LUZ@cliente.example>, luz@cliente.example, {support.upper()}, {tagged}, eva@otra.example"
    raw = mail(to=f"{support}, Leo <leo@cliente.example>", more={"Cc": f"{named}, ana@cliente.example"})
    taken = await arrived(stored.house, db, raw)
    ticket, seq = taken.ticket_id, taken.seq
    assert ticket is not None
    assert seq is not None

    async def offered() -> tuple[str, ...]:
        return await originals.of(1, ticket, seq, lambda one: one.others)

    assert await offered() == ("leo@cliente.example", "luz@cliente.example", "eva@otra.example")
    assert (await stored.ticket(ticket)).details.cc == (), "by itself nobody is put in copy"
    await pairing.claim(stored.house, 1, ticket)
    await requests.copy_as_agent(stored.house, 1, ticket, ["luz@cliente.example"])
    assert await offered() == ("leo@cliente.example", "eva@otra.example")
    await requests.copy_as_agent(stored.house, 1, ticket, [f"x{n}@cliente.example" for n in range(8)])
    assert await offered() == ("leo@cliente.example",), "ten at most"
