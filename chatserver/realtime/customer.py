"""A customer's socket: `/ws/customer`. Who is speaking comes from the first frame's token, never from a later one."""

from __future__ import annotations

import base64
import hashlib
import random
from typing import Any, Final

import msgspec

from chatserver.core.errors import Refused
from chatserver.core.events import Event, TicketChanged, customer_topic
from chatserver.core.files import MIB
from chatserver.core.people import Customer
from chatserver.core.tickets import Ticket
from chatserver.realtime.connection import Connection
from chatserver.realtime.endpoint import Endpoint
from chatserver.realtime.frames import INT_MAX, Frames, pack, type_of
from chatserver.realtime.hub import Hub
from chatserver.realtime.ports import AuthenticateCustomer, OriginAllowed
from chatserver.realtime.talk import Talk
from chatserver.realtime.views import customer_ticket, form_view, person, queue
from chatserver.realtime.wire import (
    VERSION,
    Ack,
    Answer,
    Complete,
    Context,
    CustomerChanged,
    CustomerFrame,
    CustomerHello,
    CustomerSnapshot,
    CustomerTicket,
    CustomerTickets,
    Done,
    End,
    Frame,
    Here,
    ItemView,
    Leave,
    Rate,
    Request,
    Say,
    Seen,
    Start,
    Tickets,
    TypingFrame,
    Welcome,
)
from chatserver.services import requests, talk, tickets
from chatserver.store import tickets as ticket_rows
from chatserver.store.base import Use
from chatserver.store.work import Who
from chatserver.telemetry import Traced, untraced

LIST: Final = 20
"""Tickets in `welcome` and in one `tickets` frame."""
HOST_KEY: Final = 100
HOST_VALUE: Final = 500

_FRAMES: Final = Frames[Frame](CustomerFrame)


class CustomerEndpoint(Endpoint):
    def __init__(
        self,
        hub: Hub,
        origin_allowed: OriginAllowed,
        authenticate: AuthenticateCustomer,
        traced: Traced = untraced,
    ) -> None:
        super().__init__(hub, origin_allowed)
        self._authenticate = authenticate
        self._made = traced(CustomerTalk)

    @property
    def heartbeat(self) -> float:
        return self.hub.limits.customer_heartbeat

    def talk(self, connection: Connection) -> CustomerTalk:
        return self._made(self.hub, connection, self._authenticate)


class CustomerTalk(Talk[Frame]):
    audience = "customer"

    def __init__(self, hub: Hub, connection: Connection, authenticate: AuthenticateCustomer) -> None:
        super().__init__(hub, connection, _FRAMES)
        self._authenticate = authenticate
        self.who = Who(0, "")

    async def greet(self, hello: CustomerHello) -> None:
        identity = await self._authenticate(hello)
        self.who = identity.who
        self.is_of(("customer", self.who.app_id, self.who.key))
        with self.connection.holding():
            self.listen([customer_topic(self.who.app_id, self.who.key)])
            self.hub.attention.join(self.who.app_id, self.connection.offer)
            found = await self._found(0)
            own = self._views(found)
            welcome = Welcome(
                v=VERSION,
                now=self.hub.house.now(),
                epoch=self.hub.db.epoch,
                token=identity.token,
                who=_public_name(self.who),
                customer=person(self._customer(found)),
                app=identity.app.name,
                color=identity.app.color,
                ask_name=identity.app.policy.ask_name,
                ask_email=identity.app.policy.ask_email,
                file_bytes=identity.app.policy.file_mib * MIB,
                files_per_message=identity.app.policy.files_per_message,
                mails=identity.app.policy.mail,
                offer_seconds=identity.app.policy.queue_offer_seconds,
                heartbeat=jittered(self.hub.limits.customer_heartbeat),
                attention=await self.hub.attention_lately.of(self.who.app_id),
                tickets=own.tickets,
                more=own.more,
            )
            await self.connection.reply(pack(welcome))
            await self._places(own.tickets)
        self.hub.customers_here.enter(self._key)

    @property
    def _key(self) -> Who:
        return Who(app_id=self.who.app_id, key=self.who.key)

    def leave(self) -> None:
        self.hub.customers_here.leave(self._key, self.connection.silent_seconds)

    def still_here(self, heard: float = 0) -> None:
        self.hub.customers_here.denied(self._key, heard)

    def _deliver(self, event: Event) -> bool:
        if type(event) is TicketChanged and event.after.gone_at is not None and event.after.chatting:
            self.still_here(self.hub.house.moment(event.after.gone_at))
        return super()._deliver(event)

    def over(self) -> None:
        super().over()
        if self.who.app_id:
            self.hub.attention.leave(self.who.app_id, self.connection.offer)

    async def ticket(self, ticket_id: int) -> Ticket:
        known = self.hub.house.books.tickets.get(ticket_id)
        if known is not None and (known.app_id, known.customer.key) == (self.who.app_id, self.who.key):
            return known  # as last committed: nothing newer was told to anybody
        found = await ticket_rows.ticket_of(self.hub.db, self.who.app_id, self.who.key, ticket_id)
        if found is None:
            raise Refused("not_found")
        return found

    def whole(self, ticket: Ticket) -> Frame:
        form = form_view(ticket.details)
        return CustomerChanged(ticket.id, ticket.version, ticket.version, view=self._view(ticket), form=form)

    def snapshot(self, ticket: Ticket, items: list[ItemView], more: bool) -> Frame:
        return CustomerSnapshot(self._view(ticket), items, more, form_view(ticket.details))

    def saying(self, frame: Say) -> Use[int]:
        return talk.saying(self.hub.house, self.who, frame.ticket, frame.cid, frame.text, frame.files)

    async def carry_out(self, frame: Any) -> Frame | None:
        house, who = self.hub.house, self.who
        match frame:
            case TypingFrame():
                await talk.typing(house, who, frame.ticket, frame.on)
                return None
            case Seen():
                await talk.seen(house, who, frame.ticket, frame.seq)
                return None
            case Start():
                return _opened(frame.cid, await self._start(frame))
            case Request():
                return _opened(frame.cid, await self._request(frame))
            case Leave():
                left = await tickets.leave(
                    house, who, frame.ticket, cid=frame.cid, email=frame.email, text=frame.text
                )
                return _opened(frame.cid, left)
            case Complete():
                after = await requests.complete_form(house, who, frame.ticket, cid=frame.cid, form=frame.form)
                return _opened(frame.cid, after)
            case Here():
                await talk.here(house, who, frame.ticket)
            case Answer():
                await tickets.answer(house, who, frame.ticket, frame.solved)
            case End():
                await tickets.end(house, who, frame.ticket)
            case Rate():
                await tickets.rate(house, who, frame.ticket, frame.stars, frame.comment)
            case Tickets():
                return self._views(await self._found(frame.before))
            case _:
                raise TypeError(f"no verb for {type(frame).__name__}")
        return Done(type_of(frame), frame.ticket)

    async def _start(self, frame: Start) -> Ticket:
        started = await tickets.start(
            self.hub.house,
            self.who,
            cid=frame.cid,
            subject=frame.subject,
            context=_context(frame.context),
            name=frame.name,
            email=frame.email,
            follows=_number(frame.follows),
        )
        self.hub.customers_here.supposed(self._key)
        return started

    async def _request(self, frame: Request) -> Ticket:
        return await tickets.request(
            self.hub.house,
            self.who,
            cid=frame.cid,
            subject=frame.subject,
            text=frame.text,
            email=frame.email,
            context=_context(frame.context),
            name=frame.name,
            follows=_number(frame.follows),
            form=frame.form,
            files=frame.files,
        )

    async def _found(self, before: int) -> list[Ticket]:
        """One more than are shown at once."""
        return await ticket_rows.customer_tickets(
            self.hub.db, self.who.app_id, self.who.key, before, LIST + 1
        )

    def _views(self, found: list[Ticket]) -> CustomerTickets:
        return CustomerTickets([self._view(t) for t in found[:LIST]], len(found) > LIST)

    def _customer(self, found: list[Ticket]) -> Customer:
        """As stored, which is with the first ticket; before it, as they introduced themselves."""
        if found:
            return found[0].customer
        who = self.who
        return Customer(
            0, who.app_id, who.key, who.name, who.email, who.locale, who.zone, self.hub.house.now()
        )

    async def _places(self, own: list[CustomerTicket]) -> None:
        """Where the waiting ones stand: the next move may be minutes away."""
        waiting = {view.id for view in own if view.waiting}
        if waiting:
            for place in await self.hub.places_lately.of(self.who.app_id):
                if place.ticket_id in waiting:
                    await self.connection.reply(pack(queue(place)))

    def _view(self, ticket: Ticket) -> CustomerTicket:
        self.hub.shown(ticket)
        return customer_ticket(ticket, self.hub.house.people.app(ticket.app_id))


def jittered(seconds: float) -> float:
    """Give or take a tenth, so that connections made together do not ping together."""
    return round(seconds * random.uniform(0.9, 1.1), 3)  # noqa: S311 - keeps no secret


def _opened(cid: str, ticket: Ticket) -> Ack:
    return Ack(cid, ticket.id, number=ticket.number)


def _number(number: int) -> int:
    return number if 0 < number <= INT_MAX else 0


def _context(context: Context) -> str:
    host = {key[:HOST_KEY]: value[:HOST_VALUE] for key, value in context.host.items()}
    return msgspec.json.encode(msgspec.structs.replace(context, host=host)).decode()


def _public_name(who: Who) -> str:
    """The same for each visit of a customer, and no way back to the key."""
    digest = hashlib.sha256(f"{who.app_id}:{who.key}".encode()).digest()
    return base64.urlsafe_b64encode(digest[:12]).decode()
