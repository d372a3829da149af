"""The outbox on both engines: who sends a mail, how often, and what is kept of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from chatserver.core.outbox import HOUR_MS, Facts, Letter
from chatserver.store import outbox
from chatserver.store.outbox import MailStops, Waiting
from chatserver.store.work import Needs, World
from tests.store.house import NOON, House

LEASED = NOON + 600_000


def letter(number: int, address: str = "ana@example.com", **more: Any) -> Letter:
    made = Letter(f"k{number}", "test", 1, address, NOON, NOON, NOON + 10 * HOUR_MS)
    return replace(made, **more)


async def post(house: House, *letters: Letter) -> list[Waiting]:
    """Give what is due then."""

    def decide(world: World, now: int) -> None:
        for one in letters:
            world.post(one)

    await house.db.write(Needs(), decide)
    return await outbox.due(house.db, NOON + HOUR_MS, (), 100)


async def lease(house: House, mails: list[Waiting], seen: str | None = None) -> int | None:
    seen = await outbox.mark(house.db) if seen is None else seen
    return await outbox.lease(house.db, seen, [m.id for m in mails], {}, now=NOON, until=LEASED)


async def taken(house: House, *letters: Letter) -> tuple[int, list[Waiting]]:
    mails = await post(house, *letters)
    number = await lease(house, mails)
    assert number is not None
    return number, mails


def stored(house: House, columns: str) -> list[Any]:
    return house.stored(f"SELECT {columns} FROM outbox ORDER BY id")


async def test_a_letter_comes_back_as_it_was_put_there(house: House) -> None:
    facts = Facts(3, 9, "agent", "https://x.co/?a=\"<'", "<1@x>", "Ñandú", "Áé", "pt")
    (found,) = await post(house, letter(1, "Ana@Éxample.com", confirmed=True, facts=facts))
    assert found.facts == facts
    assert (found.key, found.kind, found.address, found.confirmed) == ("k1", "test", "Ana@Éxample.com", True)
    assert (found.ticket_id, found.tries, found.message_id) == (None, 0, "")
    assert (found.created_at, found.until_at) == (NOON, NOON + 10 * HOUR_MS)


async def test_one_effect_is_one_mail(house: House) -> None:
    await post(house, letter(1), letter(1))
    assert len(await post(house, letter(1))) == 1


async def test_a_refused_use_case_leaves_no_mail_and_its_neighbours_do(house: House) -> None:
    def fails(world: World, now: int) -> None:
        world.post(letter(1))
        raise RuntimeError

    outcomes = await house.together(
        house.db.write(Needs(), fails), house.db.write(Needs(), lambda world, now: world.post(letter(2)))
    )
    assert isinstance(outcomes[0], RuntimeError)
    assert stored(house, "key") == [("k2",)]


async def test_mails_are_due_in_their_order_and_not_before(house: House) -> None:
    await post(
        house, letter(1, due_at=NOON + 9), letter(2, due_at=NOON + 5), letter(3, due_at=NOON + 2 * HOUR_MS)
    )
    assert [m.key for m in await outbox.due(house.db, NOON + 9, (), 10)] == ["k2", "k1"]
    assert [m.key for m in await outbox.due(house.db, NOON + 9, (), 1)] == ["k2"]
    assert await outbox.due(house.db, NOON + 4, (), 10) == []
    assert await outbox.next_due(house.db, ()) == NOON + 5
    assert await outbox.due(house.db, NOON + 9, (1,), 10) == []
    assert await outbox.next_due(house.db, (1,)) is None
    assert await outbox.state(house.db) == (3, NOON)


async def test_of_two_who_saw_the_same_one_gets_the_lease(house: House) -> None:
    mails = await post(house, letter(1), letter(2))
    seen = await outbox.mark(house.db)
    first, second = await asyncio.gather(lease(house, mails[:1], seen), lease(house, mails, seen))
    assert [first, second].count(None) == 1
    assert len(await outbox.due(house.db, NOON + 1, (), 10)) == 2 - (1 if second is None else 2)


async def test_what_is_leased_is_nobodys_until_the_lease_ends(house: House) -> None:
    await taken(house, letter(1))
    assert await outbox.due(house.db, LEASED - 1, (), 10) == []
    (again,) = await outbox.due(house.db, LEASED, (), 10)
    assert again.tries == 1


async def test_who_lost_the_lease_writes_nothing(house: House) -> None:
    old, (mail,) = await taken(house, letter(1))
    new = await lease(house, [mail])
    assert new == old + 1
    assert await outbox.begin(house.db, old, {mail.id: "<late@x>"}) == set()
    assert not await outbox.settle(house.db, mail.id, old, "failed", NOON)
    await outbox.put_off(house.db, old, {mail.id: NOON}, "late", tried=True)
    assert stored(house, "message_id, outcome, error, due_at") == [("", "", "", LEASED)]
    assert await outbox.begin(house.db, new, {mail.id: "<a@x>"}) == {mail.id}
    assert await outbox.settle(house.db, mail.id, new, "sent", NOON)
    assert not await outbox.settle(house.db, mail.id, new, "failed", NOON), "it is settled"


async def test_a_settled_mail_keeps_no_secret(house: House) -> None:
    number, (mail,) = await taken(house, letter(1, facts=Facts(link="https://x.co/secret")))
    await outbox.begin(house.db, number, {mail.id: "<a@x>"})
    await outbox.settle(house.db, mail.id, number, "sent", NOON + 5)
    assert stored(house, "facts, outcome, settled_at, due_at, leased_until, message_id") == [
        ("{}", "sent", NOON + 5, None, None, "<a@x>")
    ]
    assert await outbox.state(house.db) == (0, None)


async def test_what_is_put_off_comes_back_with_its_name(house: House) -> None:
    number, mails = await taken(house, letter(1), letter(2))
    await outbox.begin(house.db, number, {mail.id: f"<{mail.id}@x>" for mail in mails})
    first, second = (mail.id for mail in mails)
    await outbox.put_off(house.db, number, {first: NOON + 7}, "later 451", tried=True)
    await outbox.put_off(house.db, number, {second: NOON + 8}, "", tried=False)
    back = await outbox.due(house.db, NOON + 8, (), 10)
    assert [(m.id, m.tries, m.message_id) for m in back] == [
        (first, 1, f"<{first}@x>"),
        (second, 0, f"<{second}@x>"),
    ]


async def test_a_mail_that_waits_for_its_address_is_put_off_with_the_lease(house: House) -> None:
    mails = await post(house, letter(1), letter(2))
    seen = await outbox.mark(house.db)
    wait = {mails[1].id: NOON + HOUR_MS}
    assert await outbox.lease(house.db, seen, [mails[0].id], wait, now=NOON, until=LEASED)
    assert stored(house, "due_at") == [(LEASED,), (NOON + HOUR_MS,)]
    # Seen from before: nothing of it is written.
    assert await outbox.lease(house.db, seen, [], {mails[1].id: NOON}, now=NOON, until=LEASED) is None
    assert stored(house, "due_at") == [(LEASED,), (NOON + HOUR_MS,)]


async def test_what_left_and_what_is_leaving_is_counted(house: House) -> None:
    number, mails = await taken(
        house, letter(1, "Ana@x.co"), letter(2, "ana@X.co"), letter(3, "eva@x.co"), letter(4, "ana@x.co")
    )
    for mail, at in zip(mails[:3], (NOON - 5, NOON - HOUR_MS, NOON - 7), strict=True):
        await outbox.settle(house.db, mail.id, number, "sent", at)
    since = NOON - HOUR_MS
    by_app = await outbox.used_by_apps(house.db, [1, 2], since, NOON)
    by_mailbox = await outbox.used_by_mailboxes(house.db, ["ANA@x.co", "leo@x.co"], since, NOON)
    assert by_app == {1: (3, NOON - 7)}
    assert by_mailbox == {"ana@x.co": (2, NOON - 5)}
    assert await outbox.used_by_mailboxes(house.db, ["ana@x.co"], since, LEASED) == {
        "ana@x.co": (1, NOON - 5)
    }


async def test_settled_mails_are_forgotten_after_a_while(house: House) -> None:
    number, mails = await taken(house, letter(1), letter(2), letter(3))
    await outbox.settle(house.db, mails[0].id, number, "sent", NOON - 10)
    await outbox.settle(house.db, mails[1].id, number, "failed", NOON)
    await outbox.forget(house.db, NOON)
    assert stored(house, "key") == [("k2",), ("k3",)]


async def test_whoever_wants_no_mail_is_known_by_address_or_as_a_customer(house: House) -> None:
    stops = MailStops(house.db)
    other = await house.new_app("other")
    await stops.stop(house.app, "Ana@Example.com")
    await stops.stop(house.app, "ana@example.com")
    await stops.stop(house.app, outbox.of_customer(7))
    assert await stops.has(house.app, "eva@x.co", "ANA@example.com")
    assert await stops.has(house.app, "eva@x.co", outbox.of_customer(7))
    assert not await stops.has(house.app, "eva@x.co", outbox.of_customer(8))
    assert not await stops.has(other, "ana@example.com", outbox.of_customer(7))
    await stops.resume(house.app, "ana@example.com")
    assert not await stops.has(house.app, "ana@example.com")


@pytest.mark.parametrize("known", [0, 1])
async def test_the_writer_knows_its_tickets_after_mail_was_written(sqlite_house: Any, known: int) -> None:
    """What is done with mails touches nothing that a ticket is made of: nothing has to be read again."""
    house = sqlite_house
    ticket = await house.start(house.who("ana"), 1)
    if known:
        number, (mail,) = await taken(house, letter(1))
        await outbox.settle(house.db, mail.id, number, "sent", NOON)
    assert house.db._writer._known.ticket(ticket.id) is not None
