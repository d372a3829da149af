"""Mails are put into the outbox with the change that causes them, and not without it."""

from __future__ import annotations

from typing import Any

import pytest

from chatserver.core.outbox import TRIED_MS, Facts, Letter
from chatserver.core.tickets import Ticket
from chatserver.services import mails, pairing, talk, tickets
from chatserver.services.letters import Letter as PortalLetter
from chatserver.services.letters import LetterKind as PortalKind
from chatserver.services.letters import MailedLetters
from chatserver.store.work import Needs, Who, World
from tests.services.scene import Scene, new_cid, refused, who

ANA = Who(1, "user:ana", "Ana", "ana@example.com")
VISITOR = Who(1, "anon:x", "", "", "es")


@pytest.fixture
async def desk(scene: Scene) -> Scene:
    """With mail, and an agent who is free."""
    await scene.policy(mail=True)
    await scene.agent()
    return scene


async def request(scene: Scene, by: Who = ANA, **more: str) -> Ticket:
    """Left for later."""
    given: dict[str, Any] = {
        "cid": new_cid(),
        "subject": "Factura 12",
        "text": "No cuadra",
        "email": by.email,
        "context": "{}",
    }
    return await tickets.request(scene.house, by, **(given | more))


async def kinds(scene: Scene) -> list[str]:
    return [letter.kind for letter in await scene.rows.letters()]


async def test_a_request_left_later_has_its_confirmation_in_the_outbox(desk: Scene) -> None:
    cid = new_cid()
    ticket = await request(desk, cid=cid)
    await request(desk, cid=cid)
    (letter,) = await desk.rows.letters()
    assert (letter.kind, letter.address, letter.ticket_id) == ("created", "ana@example.com", ticket.id)
    assert letter.confirmed
    await request(desk, VISITOR, email="x@x.co")
    assert not (await desk.rows.letters())[-1].confirmed, "anybody may have typed it"


async def test_without_a_server_for_mail_no_row_is_written(scene: Scene) -> None:
    await scene.agent()
    ticket = await request(scene)
    await tickets.leave(scene.house, ANA, ticket.id, cid=new_cid(), email="b@x.co")
    await pairing.claim(scene.house, 1, ticket.id)
    await scene.agent_says(ticket)
    await scene.later(100_000)
    await tickets.close(scene.house, 1, ticket.id)
    await mails.about_account(scene.house, "access", 1, "b@x.co", effect="1", confirmed=False)
    assert await scene.rows.letters() == []
    with refused("mail_off"):
        await mails.transcript(scene.house, ANA, ticket.id, cid=new_cid())


async def test_a_chat_that_goes_on_writes_none(desk: Scene) -> None:
    chat = await desk.chat(ANA)
    for _ in range(3):
        await desk.says(ANA, chat)
        await desk.agent_says(chat)
    await talk.seen(desk.house, ANA, chat.id, 100)
    await tickets.close(desk.house, 1, chat.id)
    assert await desk.rows.letters() == []


async def test_answers_that_nobody_saw_are_gathered_in_one_mail(desk: Scene) -> None:
    ticket = await request(desk)
    await pairing.claim(desk.house, 1, ticket.id)
    began = (await desk.ticket(ticket.id)).last_seq
    await desk.agent_says(ticket, "Ya lo reviso")
    await desk.later(300)
    await desk.agent_says(ticket, "Listo")
    await desk.later(299)
    assert await kinds(desk) == ["created"]
    await desk.later(1)
    assert await kinds(desk) == ["created", "answers"]
    letter = (await desk.rows.letters())[-1]
    assert letter.facts.upto == (await desk.ticket(ticket.id)).last_seq == began + 2
    await desk.later(100_000)
    assert len(await desk.rows.letters()) == 2, "told once"
    await desk.agent_says(ticket, "¿Te sirvió?")
    await desk.later(600)
    last = (await desk.rows.letters())[-1]
    assert (last.kind, last.facts.after) == ("answers", letter.facts.upto)


async def test_answers_that_were_read_meanwhile_are_not_mailed(desk: Scene) -> None:
    ticket = await request(desk)
    await pairing.claim(desk.house, 1, ticket.id)
    seq = await desk.agent_says(ticket)
    await desk.later(500)
    await talk.seen(desk.house, ANA, ticket.id, seq)
    await desk.later(100_000)
    assert await kinds(desk) == ["created"]
    assert (await desk.ticket(ticket.id)).due_at is None


async def test_a_chat_that_ends_without_its_customer_is_told_with_what_they_missed(desk: Scene) -> None:
    chat = await desk.chat(ANA)
    await pairing.customer_gone(desk.house, ANA)
    await desk.agent_says(chat, "¿Sigues ahí?")
    await desk.later(300)
    closed = await desk.ticket(chat.id)
    assert closed.close_reason == "inactivity"
    (letter,) = await desk.rows.letters()
    assert (letter.kind, letter.facts.reason, letter.facts.upto) == ("closed", "inactivity", closed.last_seq)


async def test_mail_that_is_switched_off_meanwhile_comes_to_rest(desk: Scene) -> None:
    ticket = await request(desk)
    await pairing.claim(desk.house, 1, ticket.id)
    await desk.agent_says(ticket)
    await desk.policy(mail=False)
    await desk.later(100_000)  # which fails where the worker does not come to rest
    assert await kinds(desk) == ["created"]
    assert (await desk.ticket(ticket.id)).due_at is None


async def test_a_use_case_that_fails_leaves_no_mail(desk: Scene) -> None:
    async def attempt() -> None:
        def decide(world: World, now: int) -> None:
            world.post(Letter("k", "test", 1, "a@x.co", now, now, now))
            raise RuntimeError

        await desk.house.store.write(Needs(), decide)

    with pytest.raises(RuntimeError):
        await attempt()
    assert await desk.rows.letters() == []


async def test_what_is_asked_for_twice_is_one_mail(desk: Scene) -> None:
    for _ in range(2):
        await mails.about_account(
            *(desk.house, "reset_password", 1, "eva@example.com"),
            effect="t1",
            link="https://x.co/r/1",
            confirmed=True,
            lasts_ms=60_000,
        )
    (letter,) = await desk.rows.letters()
    assert (letter.kind, letter.until_at - letter.at, letter.facts.link) == (
        *("reset_password", 60_000),
        "https://x.co/r/1",
    )


async def test_a_transcript_goes_to_who_asked_once_somebody_answered(desk: Scene) -> None:
    other = Who(1, "anon:y", "Eva", "eva@example.com")
    chat = await desk.start(VISITOR, email="x@x.co")
    with refused("not_answered"):
        await mails.transcript(desk.house, VISITOR, chat.id, cid=new_cid())
    with refused("not_found"):
        await mails.transcript(desk.house, other, chat.id, cid=new_cid())
    await desk.agent_says(chat)
    cid = new_cid()
    for _ in range(2):
        await mails.transcript(desk.house, VISITOR, chat.id, cid=cid)
    (letter,) = await desk.rows.letters()
    assert (letter.kind, letter.address) == ("transcript", "x@x.co")
    silent = await desk.start(who("bea"))
    with refused("email_required"):
        await mails.transcript(desk.house, who("bea"), silent.id, cid=new_cid())


LINK = "https://chat.example.com/portal/demo/link?token=secret"


@pytest.mark.parametrize(
    ("asked", "sent", "confirmed", "seconds"),
    [
        ("sign_up", "access", False, 86_400),
        ("have_account", "have_account", True, 3_600),
        ("reset", "reset_password", True, 3_600),
        ("confirm", "confirm_address", False, 86_400),
        ("password_changed", "password_changed", True, 0),
        ("address_added", "address_added", True, 0),
    ],
)
async def test_what_the_portal_asks_for_is_in_the_outbox_and_leaves_while_its_link_is_good(
    desk: Scene, asked: PortalKind, sent: str, confirmed: bool, seconds: int
) -> None:
    letters = MailedLetters(desk.house)
    assert letters.sends(1)
    link = LINK if seconds else ""
    await letters.ask(
        PortalLetter(asked, 1, "Demo", "ana@example.com", "pt", link, "Ana", seconds, "ana@casa.example")
    )
    (letter,) = await desk.rows.letters()
    assert (letter.kind, letter.confirmed, letter.address) == (sent, confirmed, "ana@example.com")
    assert letter.until_at - letter.at == (seconds * 1000 or TRIED_MS)
    assert letter.facts == Facts(link=link, name="Ana", about="ana@casa.example", locale="pt")


async def test_each_time_that_the_portal_asks_is_a_mail_of_its_own(desk: Scene) -> None:
    letters = MailedLetters(desk.house)
    for _ in range(2):
        await letters.ask(PortalLetter("reset", 1, "Demo", "ana@example.com", "es", LINK, seconds=3_600))
    assert await kinds(desk) == ["reset_password"] * 2


async def test_an_app_without_mail_promises_none_in_its_portal(desk: Scene) -> None:
    await desk.policy(mail=False)
    letters = MailedLetters(desk.house)
    assert not letters.sends(1)
    await letters.ask(PortalLetter("reset", 1, "Demo", "ana@example.com", "es", LINK, seconds=3_600))
    assert await kinds(desk) == []
