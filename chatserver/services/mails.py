"""Mails that somebody asks for, and who wants none. What a ticket's own changes cause needs no verb (`core/outbox.CAUSES`)."""

from __future__ import annotations

from chatserver.core import messages, outbox
from chatserver.core.errors import Refused
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
        for letter in outbox.about(ticket, "transcript", now, cid, Facts(upto=ticket.last_seq)):
            if letter.address == ticket.address:  # who asked, and nobody else
                world.post(letter)

    await house.store.write(Needs(tickets=(ticket_id,)), decide)


async def closed_already(
    house: House, ticket: Ticket, address: str, *, effect: str, in_reply_to: str, confirmed: bool = False
) -> None:
    """Somebody who takes part wrote to a ticket that is closed: how to open a new one. `effect`: names what they wrote, so that
    each is answered once; `in_reply_to`: its Message-ID. Nothing where the app sends no mail."""
    facts = Facts(in_reply_to=in_reply_to)
    await _post(house, "closed_already", ticket.app_id, address, effect, facts, confirmed, ticket.id)


async def access(
    house: House,
    app_id: int,
    address: str,
    *,
    effect: str,
    link: str = "",
    in_reply_to: str = "",
    locale: str = "",
) -> None:
    """How to register, for the owner of an address. `effect`: names what asked for it. `link`: that of this one person, a secret;
    without one the mail has what `Links.access` gives when it leaves."""
    facts = Facts(link=_link(link), in_reply_to=in_reply_to, locale=locale)
    await _post(house, "access", app_id, address, effect, facts)


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
    facts = Facts(link=_link(link), name=name, about=about, locale=locale)
    await _post(house, kind, app_id, address, effect, facts, confirmed, lasts_ms=lasts_ms)


async def _post(
    house: House,
    kind: LetterKind,
    app_id: int,
    address: str,
    effect: str,
    facts: Facts,
    confirmed: bool = False,
    ticket_id: int | None = None,
    lasts_ms: int = outbox.TRIED_MS,
) -> None:
    if not house.people.policy(app_id).mail:
        return
    to = messages.email(address)

    def decide(world: World, now: int) -> None:
        world.post(
            Letter(
                key=f"{kind} {app_id} {effect} {to}",
                kind=kind,
                app_id=app_id,
                address=to,
                at=now,
                due_at=now,
                until_at=now + min(lasts_ms, outbox.TRIED_MS),
                ticket_id=ticket_id,
                confirmed=confirmed,
                facts=facts,
            )
        )

    await house.store.write(Needs(), decide)


def _link(text: str) -> str:
    if len(text) > LINK_MAX or not text.isascii() or not text.isprintable():
        raise ValueError("no link that a mail could hold")
    return text


def _require_mail(house: House, app_id: int) -> None:
    if not house.people.policy(app_id).mail:
        raise Refused("mail_off")
