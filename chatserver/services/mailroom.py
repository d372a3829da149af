"""A mail becomes a ticket or a message of one, once, and nothing of it is lost.

First the original is kept, whole; then one use case decides what the mail becomes and stores that it was taken, in one commit. A
process that is killed between the two leaves a mail that was not taken: it comes again, and is.

A From is a claim. It finds the sender's tickets, so that what somebody says arrives where it belongs, marked as unverified; it
opens nothing, shows nothing, and acts as nobody's: mail never does anything in the name of an agent.
"""

from __future__ import annotations

import asyncio
import hashlib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from chatserver import i18n
from chatserver.core import messages, notes, tickets
from chatserver.core.addresses import alike, same_domain
from chatserver.core.answers import awaited
from chatserver.core.errors import Refused
from chatserver.core.files import File
from chatserver.core.mails import Answer, TakenMail, may_answer
from chatserver.core.outbox import is_copied, merely_typed
from chatserver.core.people import App, Customer
from chatserver.core.tickets import Step, Ticket
from chatserver.mail import finding, own_links
from chatserver.mail.access import only_asks_for_access
from chatserver.mail.addresses import Signer
from chatserver.mail.authentication import dmarc_domain
from chatserver.mail.automatic import Ours, Verdict, verdict
from chatserver.mail.finding import Candidate
from chatserver.mail.headers import unpadded
from chatserver.mail.language import language
from chatserver.mail.message import Arrival
from chatserver.services import mail_files
from chatserver.services import mails as leaving
from chatserver.services.files import Files, Uploader
from chatserver.services.house import House
from chatserver.services.mail_files import NAMED_AT_MOST, Kept
from chatserver.services.mail_keeping import Shelf
from chatserver.services.portal import hashed
from chatserver.store import mails
from chatserver.store.database import Database
from chatserver.store.portal import owner_of, revoke, spoken_as
from chatserver.store.work import Needs, Who, World

MESSAGES_AT_MOST: Final = 4
"""A mail that is longer than a message becomes so many, one behind the other; the rest of it is in the original."""

NOTES_AT_MOST: Final = 50
"""Of one ticket by strangers' mails, since anybody can write a number: further ones become tickets, whatever is set."""

Became = Literal["ticket", "message", "note", "closed", "access", "nothing", "again"]


class Outcome(msgspec.Struct, frozen=True):
    """`closed`: it answers a closed ticket, its sender is told how to open another. `again`: it was taken before."""

    became: Became
    mail: TakenMail


class _Chosen(msgspec.Struct, frozen=True):
    """A ticket in which the sender takes part."""

    ticket_id: int
    signed: bool
    elsewhere: bool = False
    """Its customer writes from another address than the ticket knows, which they confirmed."""


@dataclass(frozen=True)
class Mailroom:
    """`authserv_id`: the name under which the operator's own mail host writes Authentication-Results, "" for none is believed.
    `no_subject`: what a ticket is called whose mail says nothing. `files`: open, and where what comes with mails is kept.
    `language`: of who was never known to write in another one of ours."""

    house: House
    db: Database
    signer: Signer
    files: Files
    authserv_id: str = ""
    no_subject: str = "…"
    language: str = i18n.DEFAULT
    shelf: Shelf = field(default_factory=Shelf)

    def app_at(self, address: str) -> App | None:
        """The app whose support address this is, or one made of it for an answer (`soporte+…@`)."""
        whole = alike(address)
        local, _, domain = whole.rpartition("@")
        plain = f"{local.partition('+')[0]}@{domain}"
        for app in self.house.people.apps.values():
            if app.support_address and alike(app.support_address) in (plain, whole):
                return app
        return None

    async def taken_before(self, app: App, key: str) -> TakenMail | None:
        return await mails.taken(self.db, app.id, key)

    async def take(self, app: App, mail: Arrival, raw: bytes, original: str) -> Outcome:
        """`raw`: the mail as it came. `original`: a new random name for it. Durable when it returns.

        Raises what `Store.write` raises: nothing was taken then, and the mail has to come again.
        """
        outcome = await self._taken(app, mail, raw, original)
        self.house.metrics.came_in(outcome.became)
        return outcome

    async def _taken(self, app: App, mail: Arrival, raw: bytes, original: str) -> Outcome:
        before = await self.taken_before(app, mail.key)
        if before is not None:
            return Outcome("again", before)
        judged = verdict(mail, self._ours())
        chosen = await self._chosen(app, mail) if judged.kind == "person" else []
        about = await self._about(app, mail) if judged.kind == "person" and not chosen else 0
        verified = is_verified(mail, self.authserv_id)
        kept = Kept()
        if about:
            kept = Kept(left=mail_files.names(mail))
        elif judged.kind == "person":
            kept = await self._files_of(app, mail, verified)
        await self._make_worthless(raw)
        await self.shelf.take_in(self.house, self.db, app, len(raw))
        await mails.keep_original(self.db, original, raw, self.house.now())
        taken = TakenMail(
            app_id=app.id,
            key=mail.key,
            at=0,
            message_id=mail.message_id[:500],
            sender=sender_of(mail),
            recipient=(mail.envelope_to or ("",))[0],
            subject=mail.subject,
            original=original,
            kind=judged.kind,
            reason=judged.reason,
            verified=verified,
        )
        outcome = await self._write(_Taking(self, app, mail, judged, chosen, about, taken, kept))
        while outcome is None:
            # No note any more: looked at anew as what it is then, with what came with it. Its original lies there.
            chosen, kept = await self._chosen(app, mail), await self._files_of(app, mail, verified)
            outcome = await self._write(_Taking(self, app, mail, judged, chosen, 0, taken, kept))
        return outcome

    async def _files_of(self, app: App, mail: Arrival, verified: bool) -> Kept:
        """What came with it, kept as by its sender, whatever ticket they take part in."""
        who = Uploader(app.id, "customer", key_of(mail), unverified=not verified)
        return await mail_files.keep(self.files, who, mail, app.policy)

    async def _write(self, taking: _Taking) -> Outcome | None:
        key = (taking.app.id, taking.mail.key)
        who, sender = taking.who, taking.taken.sender
        needs = Needs(
            tickets=tuple(
                dict.fromkeys([*taking.bounced, *(one.ticket_id for one in taking.chosen), *taking.about])
            ),
            noted=tuple((one, 0, cid_of(key[1], 0)) for one in taking.about),
            customers=((who.app_id, who.key),),
            # The app's number locks the app, on many nodes too: whoever takes the same mail waits, and finds it taken.
            numbers=(taking.app.id,),
            files=taking.kept.ids,
            mails=(key,),
            answered=((taking.app.id, sender),),
        )
        return await self.house.store.write(needs, taking.decide)

    async def _make_worthless(self, raw: bytes) -> None:
        """A mail of ours that comes back brings the link that was in it. Agents and all who take part may come to read it: the
        link is nobody's any more before anything of it is kept."""
        if given := await asyncio.to_thread(own_links.tokens, raw):
            await revoke(self.db, [hashed(token) for token in given])

    def _ours(self) -> Ours:
        apps = self.house.people.apps
        return Ours(
            self.house.people.support_addresses, lambda one: any(self.signer.made(one, app) for app in apps)
        )

    async def _chosen(self, app: App, mail: Arrival) -> list[_Chosen]:
        """Of what the mail says the tickets in which its sender takes part: authorisation is this lookup."""
        found: list[_Chosen] = []
        for candidate in finding.candidates(mail, self.signer, app.id):
            ticket, signed = await self._looked_up(app, candidate), candidate.ticket_id > 0
            if ticket is None:
                continue
            if not takes_part(ticket, sender_of(mail)):
                if await self._is_customers(ticket, sender_of(mail)):
                    found.append(_Chosen(ticket.id, signed, elsewhere=True))
            elif signed or await self._is_known(ticket, sender_of(mail)):
                found.append(_Chosen(ticket.id, signed))
        return found

    async def _about(self, app: App, mail: Arrival) -> int:
        """Where strangers' mails become notes: the ticket, not closed, that this one names and in which its sender takes no part;
        0 for none. Who takes part and is not known, or whom nobody may know, has tickets of their own as ever."""
        if app.policy.mail_stranger != "note" or not sender_of(mail):
            return 0
        for candidate in finding.candidates(mail, self.signer, app.id):
            ticket = await self._looked_up(app, candidate)
            if ticket is not None and takes_note_of(ticket, sender_of(mail)):
                return ticket.id
        return 0

    async def _is_known(self, ticket: Ticket, sender: str) -> bool:
        """Whether a ticket's number, which anybody may write, leads a mail of this sender there. Not where a stranger may have
        typed their address, as the customer's or in copy: what they write about a number of their own would be that stranger's
        to read. Who has a mail of ours about the ticket answers that one, and is known from then on."""
        if await mails.last_from(self.db, ticket.id, sender):
            return True
        if is_copied(ticket, sender):
            return False
        if not merely_typed(ticket, sender):
            return True
        return await self._is_customers(ticket, sender)

    async def _is_customers(self, ticket: Ticket, sender: str) -> bool:
        """Whether the ticket's customer confirmed this address, or whoever did confirmed that of the ticket too, by which alone
        its customer is known."""
        owner = await owner_of(self.db, ticket.app_id, sender)
        if owner is None or owner.id == ticket.customer.id:
            return owner is not None
        return bool(await spoken_as(self.db, owner.id, [ticket.customer.id]))

    async def _looked_up(self, app: App, candidate: Candidate) -> Ticket | None:
        if candidate.ticket_id:
            return await self.house.reads.ticket((app.id,), candidate.ticket_id)
        return await mails.numbered(self.db, app.id, candidate.number)


class _Taking:
    """One mail while it is decided what it becomes. `decide` may run twice: it keeps nothing outside the world."""

    def __init__(
        self,
        room: Mailroom,
        app: App,
        mail: Arrival,
        judged: Verdict,
        chosen: list[_Chosen],
        about: int,
        taken: TakenMail,
        kept: Kept,
    ) -> None:
        self.room = room
        self.app = app
        self.mail = mail
        self.judged = judged
        self.chosen = chosen
        self.about = (about,) if about else ()
        self.taken = taken
        self.kept = kept
        # A name that nobody stands by is no name: we would write it to the address' owner. Agents see it as what it is.
        name = _name(mail)
        own = name if taken.verified else ""
        self.claimed = "" if taken.verified else _claim(name)
        locale = language(mail.headers, f"{mail.subject}\n{mail.said}", room.language)
        self.who = Who(app.id, key_of(mail), own, taken.sender, locale)
        self.said = list(_texts(mail))
        self.subject = _subject(mail, "".join(self.said[:1]), room.no_subject)
        self.answerable = judged.answerable and app.policy.mail
        self.bounced = _bounced(mail, room.signer, app.id) if judged.kind == "bounce" else {}
        self.only_access = (
            judged.kind == "person"
            and self.answerable
            and not chosen
            and not finding.candidates(mail, room.signer, app.id)
            and only_asks_for_access(mail)
        )

    def decide(self, world: World, now: int) -> Outcome | None:
        """None: it was to become a note and cannot any more. Nothing is stored then, and it has to be decided without that."""
        before = world.mail(self.app.id, self.mail.key)
        if before is not None:
            return Outcome("again", before)
        taken = replace(self.taken, at=now)
        if self.about:
            noted = self._noted(world, taken)
            if not noted:
                return None
            became: Became = "note"
            taken = replace(taken, seq=noted)
        else:
            became, taken = self._become(world, taken)
        world.take(taken)
        return Outcome(became, taken)

    def _become(self, world: World, taken: TakenMail) -> tuple[Became, TakenMail]:
        if self.judged.kind == "bounce":
            return "nothing", self._came_back(world, taken)
        if self.judged.kind != "person" or not taken.sender:
            return "nothing", taken
        ticket = self._ticket(world, taken.sender)
        if ticket is not None and ticket.state != "closed":
            return "message", self._said(world, ticket, taken)
        if ticket is not None and is_copied(ticket, taken.sender):
            # Of their own: what was closed is not theirs.
            return "ticket", self._opened(world, taken, follows=0)
        if ticket is not None and self.answerable:
            return "closed", self._answered(world, taken, "closed_already", ticket)
        if self.only_access:
            return "access", self._answered(world, taken, "access", None)
        # Who answers a closed ticket and cannot be told so has said it in a new one.
        return "ticket", self._opened(world, taken, follows=ticket.number if ticket else 0)

    def _ticket(self, world: World, sender: str) -> Ticket | None:
        """What is signed before what is only said, an open one before a closed one."""
        found = [(world.ticket(one.ticket_id), one) for one in self.chosen]
        own = [
            (t, one.signed) for t, one in found if t is not None and (one.elsewhere or takes_part(t, sender))
        ]
        if any(signed for _, signed in own):
            own = [(t, signed) for t, signed in own if signed]
        own.sort(key=lambda one: one[0].state == "closed")
        return own[0][0] if own else None

    def _noted(self, world: World, taken: TakenMail) -> int:
        """The number of the note that it became, the first of several; 0: it became none. The mail's row names no ticket: it is
        none of what its customer, or who is in copy, said there."""
        first, texts = 0, self._texts(world.customer(self.who))
        for ticket_id in self.about:
            ticket = world.ticket(ticket_id)
            if ticket is None or not takes_note_of(ticket, taken.sender):
                return 0
            if world.mailed_notes(ticket) + len(texts) > NOTES_AT_MOST:
                return 0
            first = world.last_note(ticket) + 1
            for place, text in enumerate(texts):
                cid, last = cid_of(taken.key, place), world.last_note(ticket)
                note = notes.mailed(
                    taken.sender, text, cid, last, taken.at, mail=taken.key, verified=taken.verified
                )
                world.note(ticket, note)
        return first

    def _said(self, world: World, ticket: Ticket, taken: TakenMail) -> TakenMail:
        policy, first = self.app.policy, ticket.last_seq + 1
        author = self._author(world, taken) if is_copied(ticket, taken.sender) else None
        if author is None and ticket.customer.key == self.who.key:
            ticket = replace(ticket, customer=self._author(world, taken))
        for place, text in enumerate(self._texts(author or ticket.customer)):
            cid = cid_of(taken.key, place)
            files = () if place else self._files(world)
            if author is not None:
                incomplete = bool(awaited(self.app.form, ticket.details))
                step = tickets.copied_said(ticket, author, text, cid, taken.at, files, incomplete=incomplete)
            else:
                step = tickets.customer_said(ticket, text, cid, taken.at, files)
            ticket = world.put(ticket, _marked(step, taken), policy)
        return replace(taken, ticket_id=ticket.id, seq=first)

    def _files(self, world: World) -> tuple[File, ...]:
        return world.uploads(self.kept.ids, self.app.id, "customer", self.who.key)

    def _author(self, world: World, taken: TakenMail) -> Customer:
        """Who has nothing but the address that the mail claims: never the account of which that address is confirmed. Called as
        the last mail calls them that somebody stands by; of the language that the last one is in which says any."""
        known = world.customer(self.who) or world.new_customer(self.who, taken.at)
        current = replace(
            known,
            name=self.who.name or known.name,
            claimed=self.claimed or known.claimed,
            locale=self.who.locale or known.locale,
        )
        if current != known:
            world.update_customer(current)
        return current

    def _texts(self, customer: Customer | None) -> list[str]:
        """What the mail says, with our remarks in the language that it is in, else this customer's."""
        lang = self._language(customer)
        return _with_remark(self.said or [i18n.say(lang, "mail.no_text")], self.kept.left, lang)

    def _language(self, customer: Customer | None) -> str:
        own = self.who.locale or (customer.locale if customer else "")
        return i18n.choose(own, self.room.language)

    def _opened(self, world: World, taken: TakenMail, *, follows: int) -> TakenMail:
        customer = self._author(world, taken)
        draft = world.draft(customer, self.subject, "{}", taken.at, email=taken.sender, follows=follows)
        draft = replace(draft, source="mail")
        cid, texts = cid_of(taken.key, 0), self._texts(customer)
        step = tickets.requested(draft, texts[0], cid, "mail", self._files(world))
        ticket = world.create(_marked(step, taken), self.app.policy, cid)
        first = ticket.last_seq
        for place, text in enumerate(texts[1:], 1):
            more = tickets.customer_said(ticket, text, cid_of(taken.key, place), taken.at)
            ticket = world.put(ticket, _marked(more, taken), self.app.policy)
        taken = replace(taken, ticket_id=ticket.id, seq=first)
        return self._answered(world, taken, "created", ticket) if self.answerable else taken

    def _answered(self, world: World, taken: TakenMail, answer: Answer, ticket: Ticket | None) -> TakenMail:
        """Something is sent back, unless that address had its share: then only the mail's row says what it was."""
        taken = replace(taken, ticket_id=ticket.id if ticket else None)
        if may_answer(world.mail_answers(taken.app_id, taken.sender), taken.at):
            taken = replace(taken, answer=answer)
            leaving.answer(world, taken, ticket, self._language(world.customer(self.who)))
        return taken

    def _came_back(self, world: World, taken: TakenMail) -> TakenMail:
        """A mail of ours did not arrive: agents see it, where it went to the ticket's customer and nobody tries any more."""
        for ticket_id, message_ids in self.bounced.items():
            ticket = world.ticket(ticket_id)
            if ticket is not None and any(
                self.room.signer.sent_to(one, ticket.address) for one in message_ids
            ):
                world.put(ticket, tickets.mail_failed(ticket, "refused"), self.app.policy)
                return replace(taken, ticket_id=ticket.id)
        return taken


# — what a mail says of itself —————————————————————————————————————————————————


def takes_part(ticket: Ticket, address: str) -> bool:
    """Whether this is an address of the ticket's customer, or of somebody in copy."""
    own = (alike(ticket.email), alike(ticket.customer.email))
    return bool(address) and (alike(address) in own or is_copied(ticket, address))


def takes_note_of(ticket: Ticket, address: str) -> bool:
    """Whether mail from this address can become a note there: a stranger's."""
    return ticket.state != "closed" and not takes_part(ticket, address)


def sender_of(mail: Arrival) -> str:
    """Who it claims to be from; where it does not say, who sent it."""
    return mail.sender.address or mail.envelope_from or ""


def _bounced(mail: Arrival, signer: Signer, app_id: int) -> dict[int, list[str]]:
    """The tickets of our mails that a mail host gave up, with these mails' ids. Nobody else knows them."""
    report = mail.report
    if report is None or report.action not in ("failed", "") or report.status.startswith("4"):
        return {}
    found: dict[int, list[str]] = {}
    for one in (*mail.references, *mail.in_reply_to, report.original_id):
        for ticket_id in signer.identified([one], app_id):
            found.setdefault(ticket_id, []).append(one)
    return found


def key_of(mail: Arrival) -> str:
    """Of the customer who has nothing but this address."""
    return f"mail:{sender_of(mail)}"


def is_verified(mail: Arrival, authserv_id: str) -> bool:
    """Whether the operator's own mail host found that the From's domain stands by the mail (DMARC), and could take no other
    address than we do for its sender."""
    domain = mail.sender.address.rpartition("@")[2]
    if not authserv_id or not domain or not mail.alone:
        return False
    passed = dmarc_domain(mail.headers.all("authentication-results"), authserv_id)
    return same_domain(passed) == same_domain(domain)


def cid_of(key: str, place: int) -> str:
    """A client id made of the mail: it is the same however often the mail comes."""
    return unpadded(hashlib.sha256(f"{key} {place}".encode()).digest()[:16])


def _name(mail: Arrival) -> str:
    try:
        return messages.name(mail.sender.name)
    except Refused:
        return ""


def _claim(name: str) -> str:
    """What agents are shown of a name that nobody stands by. None that looks like an address: theirs stands beside it, and it is
    not to be taken for another one."""
    return "" if "@" in unicodedata.normalize("NFKC", name) else name


def _subject(mail: Arrival, said: str, none: str) -> str:
    """The mail's own, else its first line."""
    for text in (own_links.masked(mail.subject), *said.splitlines()[:1]):
        try:
            return messages.subject(text[: messages.SUBJECT_MAX])
        except Refused:
            continue
    return none


def _texts(mail: Arrival) -> Iterator[str]:
    """What was newly said, in messages; of a mail that says nothing new the whole, or what came with it. None of an empty one."""
    given = 0
    for text in (
        mail.said,
        mail.text,
        "\n".join(file.name or file.type for file in mail.files),
        mail.subject,
    ):
        for part in _cut(own_links.masked(text)):
            try:
                yield messages.body(part)
            except Refused:
                continue
            given += 1
            if given == MESSAGES_AT_MOST:
                return
        if given:
            return


def _with_remark(texts: list[str], left: tuple[str, ...], lang: str) -> list[str]:
    """What of a mail is in the original alone is said at the end, where there is room for it."""
    if not left:
        return texts
    more = len(left) - NAMED_AT_MOST
    names = ", ".join(left[:NAMED_AT_MOST]) + (f" (+{more})" if more > 0 else "")
    remark = f"[{i18n.say(lang, 'mail.files_left', names=names)}]"
    whole = f"{texts[-1]}\n\n{remark}"
    return [*texts[:-1], whole] if len(whole) <= messages.TEXT_MAX else [*texts, remark]


def _cut(text: str) -> Iterator[str]:
    """At a paragraph where there is one in the second half, else at a line, a word, or anywhere."""
    while len(text) > messages.TEXT_MAX:
        ends = (text.rfind(end, messages.TEXT_MAX // 2, messages.TEXT_MAX) for end in ("\n\n", "\n", " "))
        at = next((end for end in ends if end > 0), messages.TEXT_MAX)
        yield text[:at]
        text = text[at:]
    yield text


def _marked(step: Step, taken: TakenMail) -> Step:
    """Its messages came by mail, and whether anybody stands by the address that they claim."""
    reason = "mail" if taken.verified else "unverified"
    items = tuple(replace(item, reason=reason) if item.kind == "message" else item for item in step.items)
    return Step(step.ticket, items)
