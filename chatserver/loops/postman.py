"""The loop that sends what is in the outbox, wherever a server for outgoing mail is known (CHATSERVER_SMTP_URL).

As many as there are nodes may run: a mail is sent by whoever holds its lease, and whoever lost that writes nothing
(`store/outbox.py`). A mail that has left and of which that could not be written any more leaves once more, under the same
Message-ID. None is lost: it leaves, or agents see that it could not.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Final, Literal, NamedTuple, Self, TypeVar

from msgspec.structs import replace

from chatserver.bus.base import Subscription
from chatserver.core import events, outbox, tickets
from chatserver.core.addresses import alike
from chatserver.core.details import case_shown
from chatserver.core.errors import Refused
from chatserver.core.events import Event
from chatserver.core.people import App
from chatserver.core.tickets import Item, MailProblem, Ticket
from chatserver.i18n import DEFAULT, choose
from chatserver.loops.worker import LONGEST_SLEEP_MS, Alarm, forever
from chatserver.mail.addresses import Signer
from chatserver.mail.links import Links, links
from chatserver.mail.outgoing import Matter, Nothing, composed, domain_of, envelope
from chatserver.mail.smtp import FINAL, OWN, Line, NotSent
from chatserver.services.house import House
from chatserver.services.invitations import invite
from chatserver.settings import Settings
from chatserver.settings.addresses import Smtp
from chatserver.store import outbox as rows
from chatserver.store.base import StoreEnded, StoreFailed
from chatserver.store.database import Database
from chatserver.store.items import items_after, items_before
from chatserver.store.mails import last_from
from chatserver.store.outbox import Outcome, Waiting
from chatserver.store.tickets import ticket_for
from chatserver.store.work import Needs, World
from chatserver.telemetry import without_text

log = logging.getLogger(__name__)
R = TypeVar("R")

BATCH: Final = 20
"""Mails under one lease, sent one after the other on one connection."""
LOOKED_AT: Final = 100
"""Mails that are due and looked at for it: some of them may have to wait for their addresses."""
LEASE_MS: Final = 600_000
MAIL_SECONDS: Final = 120.0
"""For one mail, whatever the other side does meanwhile; none is begun with less of the lease left."""
ITEMS_MAX: Final = 200
"""Of a ticket, looked at for one mail."""
REST_FIRST_MS: Final = 2_000
REST_MAX_MS: Final = 60_000
"""Between two tries to reach the server for outgoing mail."""
LAST_SECONDS: Final = 2.0
"""At the end, for the mail that is under way."""
FORGET_EVERY_MS: Final = 3_600_000
AGAIN_SECONDS: Final = 1.0


class Batch(NamedTuple):
    """Mails that are ours to send until then, under this number."""

    number: int
    until: int
    mails: list[Waiting]


class Ready(NamedTuple):
    mail: Waiting
    ticket: Ticket | None
    sender: str
    receiver: str
    message_id: str
    data: bytes


class Postman:
    """`async with Postman(…)`: sends while the block lasts. Leaving it lets the mail under way arrive, for a moment.

    `sender`: for apps without an address of their own. `per_hour`: mails of one app in any hour. `may_act`: whether this process
    may do now what is due. `longest_sleep_ms`: look at least this often, because others put mails there too. `answerable`: mail
    to the apps' own addresses comes in here, or at another process of this database. `language`: of who is not known to read
    another one of ours.
    """

    def __init__(
        self,
        house: House,
        db: Database,
        server: Smtp,
        links: Links,
        signer: Signer,
        *,
        sender: str,
        per_hour: int,
        may_act: Callable[[], bool] = lambda: True,
        longest_sleep_ms: int = LONGEST_SLEEP_MS,
        answerable: bool = False,
        language: str = DEFAULT,
    ) -> None:
        self._house = house
        self._db = db
        self._server = server
        self._links = links
        self._signer = signer
        self._sender = sender
        self._per_hour = per_hour
        self._may_act = may_act
        self._answerable = answerable
        self._language = language
        self._alarm = Alarm(house.now, longest_sleep_ms)
        self._rest_until = 0
        self._rest_ms = REST_FIRST_MS
        self._forget_at = 0
        self._busy = False
        self._ending = False
        self._hearing: Subscription | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._house.metrics.mails = dict.fromkeys(("sent", "failed", "unneeded", "stopped", "again"), 0)
        self._hearing = self._house.bus.subscribe([events.MAIL_TOPIC], self._hear, _cannot_overflow)
        self._task = asyncio.create_task(
            forever(self._alarm, self.turn, "outgoing mail", self._house.store.explains)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending = True
        if self._hearing is not None:
            self._hearing.end()
        if self._task is None:
            return
        if self._busy:
            await asyncio.wait({self._task}, timeout=LAST_SECONDS)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def _hear(self, event: Event) -> bool:
        self._alarm.no_later_than(self._house.now())
        return True

    async def turn(self) -> int | None:
        """Send whatever may leave now; gives the next moment (ms) at which to look."""
        while not self._ending and self._may_act():
            now = self._house.now()
            if now < self._rest_until:
                return self._rest_until
            await self._forget(now)
            found = await self._take(now)
            if not isinstance(found, Batch):
                return found
            self._busy = True
            try:
                await self._deliver(found)
            finally:
                self._busy = False
        return None

    # — which ——————————————————————————————————————————————————————————————————

    async def _take(self, now: int) -> Batch | int | None:
        """A lease on what may leave now; else when (ms) to look again."""
        db, since = self._db, now - outbox.HOUR_MS
        seen = await rows.mark(db)
        at = await rows.next_due(db, ())
        if at is None or at > now:
            return at
        apps = await rows.used_by_apps(db, list(self._house.people.apps), since, now)
        full = {app_id: used.since for app_id, used in apps.items() if used.mails >= self._per_hour}
        due = await rows.due(db, now, full, LOOKED_AT)
        if not due:
            moments = [await rows.next_due(db, full), *(first + outbox.HOUR_MS for first in full.values())]
            return min((moment for moment in moments if moment is not None), default=None)
        strangers = [mail.address for mail in due if not mail.confirmed]
        mailboxes = await rows.used_by_mailboxes(db, strangers, since, now)
        asked = [outbox.Due(mail.id, mail.app_id, mail.address, mail.confirmed, mail.kind) for mail in due]
        go, wait, over = outbox.allot(asked, apps, mailboxes, self._per_hour, now, BATCH)
        until = now + LEASE_MS
        number = await rows.lease(db, seen, go, wait, now=now, until=until, over=over)
        if number is None:  # another node was first: what is left is asked for again
            return now
        for _ in over:
            self._count("unneeded")
        return Batch(number, until, [mail for mail in due if mail.id in go])

    async def _forget(self, now: int) -> None:
        if now >= self._forget_at:
            await rows.forget(self._db, now - outbox.KEPT_MS)
            self._forget_at = now + FORGET_EVERY_MS

    # — sending ————————————————————————————————————————————————————————————————

    async def _deliver(self, batch: Batch) -> None:
        ready = [one for mail in batch.mails if (one := await self._readied(batch, mail)) is not None]
        ids = {one.mail.id: one.message_id for one in ready}
        held = await self._surely(batch, partial(rows.begin, self._db, batch.number, ids))
        left = [one for one in ready if held and one.mail.id in held]
        line: Line | None = None
        try:
            while left and self._may_begin(batch):
                if line is None:
                    line = await Line.open(self._server)
                    self._reached()
                await self._send(batch, line, left[0])
                left.pop(0)
        except NotSent as problem:
            # What was not tried on this line is tried on the next one.
            self._rest(problem)
            if line is not None:
                line.drop()
                line = None
        finally:
            await self._put_back(batch, left)
            if line is not None:
                await line.close()

    def _may_begin(self, batch: Batch) -> bool:
        """A mail begun now ends before somebody else may take it."""
        in_time = self._house.now() + round(MAIL_SECONDS * 1000) < batch.until
        return in_time and not self._ending and self._may_act()

    async def _send(self, batch: Batch, line: Line, one: Ready) -> None:
        """Send it and write down what became of it. Raises NotSent where that has to do with the line."""
        try:
            async with asyncio.timeout(MAIL_SECONDS):
                await line.send(one.sender, one.receiver, one.data)
        except TimeoutError:
            problem = NotSent("cut")
        except NotSent as met:
            problem = met
        else:
            await self._settle(batch, one.mail, "sent")
            if one.ticket is not None and one.ticket.mail_problem:
                await self._tell(batch, one.mail, "")
            return
        if problem.fault in FINAL:
            await self._give_up(batch, one.mail, "refused", str(problem))
            return
        if problem.fault not in OWN or problem.fault == "cut":
            await self._again(batch, one.mail, str(problem))
        if problem.fault in OWN:
            raise problem

    async def _put_back(self, batch: Batch, left: Iterable[Ready]) -> None:
        """They were not begun: somebody may do so at once, or when the server can be reached again."""
        at = max(self._house.now(), self._rest_until)
        again = {one.mail.id: at for one in left}
        if again:
            later = partial(rows.put_off, self._db, batch.number, again, "", tried=False)
            await self._surely(batch, later)

    # — what became of it ——————————————————————————————————————————————————————

    async def _settle(self, batch: Batch, mail: Waiting, outcome: Outcome, error: str = "") -> None:
        now = self._house.now()
        done = partial(rows.settle, self._db, mail.id, batch.number, outcome, now, error)
        if await self._surely(batch, done):
            self._count(outcome)

    async def _again(self, batch: Batch, mail: Waiting, error: str) -> None:
        at = outbox.again_at(mail.tries + 1, self._house.now(), random.random())  # noqa: S311 - no secret
        if at > mail.until_at:
            await self._give_up(batch, mail, "expired", error)
            return
        later = partial(rows.put_off, self._db, batch.number, {mail.id: at}, error, tried=True)
        await self._surely(batch, later)
        self._count("again")

    async def _give_up(self, batch: Batch, mail: Waiting, problem: MailProblem, error: str) -> None:
        """For good. Agents see it first: should we die in between, it is given up once more, and they see the same."""
        log.warning(
            "a mail is given up", extra={"mail": mail.id, "kind": mail.kind, "problem": error or problem}
        )
        await self._tell(batch, mail, problem)
        await self._settle(batch, mail, "failed", f"{problem} ({error})" if error else problem)

    async def _tell(self, batch: Batch, mail: Waiting, problem: MailProblem | Literal[""]) -> None:
        """On the ticket, of mail to its customer."""
        ticket_id, people = mail.ticket_id, self._house.people
        if ticket_id is None:
            return

        def decide(world: World, now: int) -> None:
            ticket = world.ticket(ticket_id)
            if ticket is not None and alike(ticket.address) == alike(mail.address):
                world.put(ticket, tickets.mail_failed(ticket, problem), people.policy(ticket.app_id))

        await self._surely(batch, lambda: self._house.store.write(Needs(tickets=(ticket_id,)), decide))

    async def _surely(self, batch: Batch, write: Callable[[], Awaitable[R]]) -> R | None:
        """Written, however long the database is away; None once others may have taken the lease, or at the end."""
        while True:
            try:
                return await write()
            except (StoreFailed, Refused) as problem:
                lost = isinstance(problem, StoreEnded) or self._house.now() >= batch.until
                if lost or self._ending:
                    log.warning("what became of a mail could not be written: it may leave once more")
                    return None
                await asyncio.sleep(AGAIN_SECONDS)

    def _count(self, outcome: str) -> None:
        mails = self._house.metrics.mails
        if mails is not None:
            mails[outcome] += 1

    # — the server for outgoing mail ———————————————————————————————————————————

    def _rest(self, problem: NotSent) -> None:
        if self._house.metrics.mail_up is not False:
            log.error("the server for outgoing mail takes none: %s", problem)
        self._house.metrics.mail_up = False
        self._rest_until = self._house.now() + self._rest_ms
        self._rest_ms = min(self._rest_ms * 2, REST_MAX_MS)

    def _reached(self) -> None:
        if self._house.metrics.mail_up is False:
            log.info("the server for outgoing mail is there again")
        self._house.metrics.mail_up = True
        self._rest_until, self._rest_ms = 0, REST_FIRST_MS

    # — what it says ———————————————————————————————————————————————————————————

    async def _readied(self, batch: Batch, mail: Waiting) -> Ready | None:
        """`_prepared`; should that fail the others go on, and it is tried again later."""
        try:
            return await self._prepared(batch, mail)
        except Exception as surprise:
            log.error("a mail could not be written: %s", without_text(surprise), extra={"mail": mail.id})
            await self._again(batch, mail, type(surprise).__name__)
            return None

    async def _prepared(self, batch: Batch, mail: Waiting) -> Ready | None:
        """None: it does not leave, and that is written down."""
        now = self._house.now()
        if now > mail.until_at:
            await self._give_up(batch, mail, "expired", "")
            return None
        app = self._house.people.apps.get(mail.app_id)
        if app is None or not app.policy.mail:
            await self._settle(batch, mail, "stopped", "the app sends none")
            return None
        ticket = None
        if mail.ticket_id is not None:
            ticket = await ticket_for(self._db, (app.id,), mail.ticket_id)
            if ticket is None:
                await self._settle(batch, mail, "unneeded", "no such ticket")
                return None
        if await self._unwanted(mail, ticket):
            await self._settle(batch, mail, "stopped")
            return None
        try:
            return await self._composed(mail, app, ticket, now)
        except Nothing:
            await self._settle(batch, mail, "unneeded")
        except (ValueError, UnicodeError):
            await self._give_up(batch, mail, "refused", "no header holds this address")
        return None

    async def _unwanted(self, mail: Waiting, ticket: Ticket | None) -> bool:
        if mail.kind in outbox.ASKED_FOR:
            return False
        who = [mail.address]
        if ticket is not None and not outbox.is_copied(ticket, mail.address):
            who.append(rows.of_customer(ticket.customer.id))
        return await rows.MailStops(self._db).has(mail.app_id, *who)

    async def _composed(self, mail: Waiting, app: App, ticket: Ticket | None, now: int) -> Ready:
        sender = app.support_address or self._sender
        name, language = self._name(mail, ticket, sender), self._language
        matter = Matter(mail.kind, app, mail.address, mail.confirmed, mail.facts, name, language=language)
        if ticket is not None:
            matter = replace(
                matter, ticket=ticket, items=await self._items(mail, ticket), hidden=hidden(ticket, app)
            )
        matter = await self._threaded(await self._invited(matter, mail, now), sender)
        data = composed(matter, sender, self._links, now).as_bytes()
        return Ready(mail, ticket, envelope(sender), envelope(mail.address), matter.message_id, data)

    async def _invited(self, matter: Matter, mail: Waiting, now: int) -> Matter:
        """With the way to an account, for who wrote to us and has none: a link that is good for one use."""
        ticket, facts = matter.ticket, matter.facts
        if mail.kind not in ("created", "access") or facts.link:
            return matter
        if ticket is not None and alike(ticket.customer.key) != f"mail:{alike(mail.address)}":
            return matter
        token = self._signer.secret(mail.app_id, mail.key, mail.address)
        left = bool(mail.message_id)
        if not await invite(self._db, mail.app_id, mail.address, token, now, left=left):
            return matter
        link = self._links.access(matter.app, token, ticket)
        return replace(matter, facts=replace(facts, link=link), invited=True)

    def _name(self, mail: Waiting, ticket: Ticket | None, sender: str) -> str:
        """Its Message-ID: the one that it had before, if it was tried."""
        if mail.message_id:
            return mail.message_id
        about = ticket.id if ticket else 0
        return self._signer.message_id(mail.app_id, about, mail.key, mail.address, domain_of(sender))

    async def _threaded(self, matter: Matter, sender: str) -> Matter:
        """With what joins it to the conversation in its receiver's mail program, and answers to it to its ticket."""
        answers, ticket, app = matter.facts.in_reply_to, matter.ticket, matter.app
        if ticket is None:
            return replace(matter, answers=answers)
        of = (app.id, ticket.id, matter.address)
        known = app.support_address and self._answerable
        return replace(
            matter,
            thread_id=self._signer.thread_id(*of, domain_of(sender)),
            answers=answers or await last_from(self._db, ticket.id, matter.address),
            reply_to=self._signer.reply_address(sender, *of[:2], matter.address) if known else "",
        )

    async def _items(self, mail: Waiting, ticket: Ticket) -> list[Item]:
        """Those that the mail is about, the latest ones if they are many."""
        facts = mail.facts
        if mail.kind == "created":  # the request itself follows what caused the mail
            return await items_after(self._db, ticket.id, 0, ITEMS_MAX)
        if not facts.upto:
            return []
        after = facts.after
        if mail.kind in ("answers", "closed") and not outbox.is_copied(ticket, mail.address):
            after = max(after, ticket.customer_seen)  # what was seen meanwhile is no news
        latest = await items_before(self._db, ticket.id, facts.upto + 1, ITEMS_MAX)
        if mail.kind == "reminder":  # what it waits for was told before
            return latest
        ends = facts.upto if mail.kind == "closed" else 0  # the end itself says why
        return [item for item in latest if item.seq > after or item.seq == ends]


def hidden(ticket: Ticket, app: App) -> tuple[str, ...]:
    """What of a ticket must not be read in a mail."""
    case = ticket.details.case
    return (case,) if case != case_shown(ticket.details, app.form) else ()


@asynccontextmanager
async def mailing(
    settings: Settings,
    server: Smtp,
    house: House,
    db: Database,
    longest_sleep_ms: int,
    may_act: Callable[[], bool] = lambda: True,
) -> AsyncIterator[None]:
    """A postman at work, as these settings want it."""
    signer = Signer((settings.secret or db.secret).encode())
    async with Postman(
        house,
        db,
        server,
        links(settings.public_url, signer),
        signer,
        sender=settings.mail_from,
        per_hour=settings.mails_per_hour,
        may_act=may_act,
        longest_sleep_ms=longest_sleep_ms,
        answerable=settings.mails_come_in,
        language=choose(settings.language),
    ):
        yield


def _cannot_overflow() -> None:
    raise AssertionError("a mail that waits only moves an alarm")
