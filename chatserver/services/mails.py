"""Mails that somebody asks for, and who wants none. What a ticket's own changes cause needs no verb (`core/outbox.CAUSES`)."""

from __future__ import annotations

from msgspec.structs import replace

from chatserver.core import messages, outbox
from chatserver.core.errors import Refused
from chatserver.core.mails import TakenMail
from chatserver.core.outbox import Facts, Letter, LetterKind
from chatserver.core.tickets import Ticket
from chatserver.services.house import House
from chatserver.store.work import Needs, Who, World

LINK_MAX = 2_000


async def transcript(house: House, who: Who, ticket_id: int, *, cid: str) -> None:
    """The customer wants the conversation by mail; a repeat of `cid` is the same wish. Refused: not_found, bad_frame (cid),
    email_required where none is known, mail_off where none is sent, not_answered: before an agent answered nothing goes to an
    address that anybody may have typed.
    """
    cid = messages.cid(cid)
    _require_mail(house, who.app_id)

    def decide(world: World, now: int) -> None:
        ticket = world.ticket_of(who, ticket_id)
        if not ticket.address:
            raise Refused("email_required")
        if ticket.answered_at is None and not outbox.confirmed(ticket.customer, ticket.address):
            raise Refused("not_answered")
        facts = Facts(upto=ticket.last_seq)
        world.post(outbox.about(ticket, ticket.address, "transcript", now, cid, facts))

    await house.store.write(Needs(tickets=(ticket_id,)), decide)


def answer(world: World, taken: TakenMail, ticket: Ticket | None, locale: str) -> None:
    """What `taken.answer` says leaves for the sender of a mail that came in: part of the use case that takes it, once per mail.
    `ticket`: what it became, or the closed one that it is about; without one `locale` is its language."""
    if not taken.answer:
        raise ValueError("nothing is to be answered")
    # Whoever stands by this mail need not have opened the ticket that it answers: its subject and name may be a stranger's.
    own = taken.verified and taken.answer != "closed_already"
    known = own or (ticket is not None and outbox.confirmed(ticket.customer, taken.sender))
    facts = Facts(
        in_reply_to=f"<{taken.message_id}>" if taken.message_id else "", locale="" if ticket else locale
    )
    ticket_id = ticket.id if ticket else None
    world.post(
        _letter(taken.answer, taken.app_id, taken.sender, taken.key, taken.at, facts, known, ticket_id)
    )


async def about_account(
    house: House,
    kind: LetterKind,
    app_id: int,
    address: str,
    *,
    effect: str,
    link: str = "",
    name: str = "",
    about: str = "",
    locale: str = "",
    confirmed: bool,
    lasts_ms: int = outbox.TRIED_MS,
) -> None:
    """What the portal tells the owner of an account, or who wants one. `link`: a secret of this one person. `confirmed`: the
    address is known to be theirs. Not sent once it lasts no longer."""
    if not house.people.policy(app_id).mail:
        return
    to = messages.email(address)
    facts = Facts(link=_link(link), name=name, about=about, locale=locale)

    def decide(world: World, now: int) -> None:
        letter = _letter(kind, app_id, to, effect, now, facts, confirmed)
        world.post(replace(letter, until_at=now + min(lasts_ms, outbox.TRIED_MS)))

    await house.store.write(Needs(), decide)


def _letter(
    kind: LetterKind,
    app_id: int,
    address: str,
    effect: str,
    now: int,
    facts: Facts,
    confirmed: bool,
    ticket_id: int | None = None,
) -> Letter:
    return Letter(
        key=f"{kind} {app_id} {effect} {address}",
        kind=kind,
        app_id=app_id,
        address=address,
        at=now,
        due_at=now,
        until_at=now + outbox.TRIED_MS,
        ticket_id=ticket_id,
        confirmed=confirmed,
        facts=facts,
    )


def _link(text: str) -> str:
    if len(text) > LINK_MAX or not text.isascii() or not text.isprintable():
        raise ValueError("no link that a mail could hold")
    return text


def _require_mail(house: House, app_id: int) -> None:
    if not house.people.policy(app_id).mail:
        raise Refused("mail_off")
