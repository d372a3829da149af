"""An agent's socket: `/ws/agent`."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from chatserver.core.errors import Refused
from chatserver.core.events import AgentGone, Event, agent_topic, desk_topic, session_topic
from chatserver.core.files import MIB
from chatserver.core.forms import form_mark
from chatserver.core.people import Agent
from chatserver.core.tickets import Ticket
from chatserver.realtime.connection import Connection
from chatserver.realtime.customer import LIST, jittered
from chatserver.realtime.endpoint import Endpoint
from chatserver.realtime.frames import Frames, pack, type_of
from chatserver.realtime.hub import Hub
from chatserver.realtime.ports import AuthenticateAgent, OriginAllowed
from chatserver.realtime.talk import Talk, first_page
from chatserver.realtime.views import agent_ticket, form_view, host_context, note_view
from chatserver.realtime.wire import (
    DESK_BYTES,
    DESK_PAGE,
    PAGE,
    VERSION,
    Ack,
    AgentChangedFrame,
    AgentFrame,
    AgentHello,
    AgentSnapshot,
    AgentTicket,
    AgentTickets,
    AgentWelcome,
    AppInfo,
    Claim,
    Classify,
    Close,
    Copy,
    DeskMore,
    DeskPage,
    Done,
    Find,
    Found,
    Frame,
    ItemView,
    Notes,
    Pend,
    Propose,
    ReadNotes,
    ReadUnreadNotes,
    Reject,
    Say,
    Search,
    Searched,
    Seen,
    SeenNotes,
    SendBack,
    SetStatus,
    Tickets,
    TypingFrame,
    UnreadNotes,
    UnreadNoteView,
    Waits,
    WriteNote,
)
from chatserver.services import finding, notes, pairing, requests, talk, tickets
from chatserver.store import people as people_rows
from chatserver.store import tickets as ticket_rows
from chatserver.store.base import Use
from chatserver.store.mails import numbered
from chatserver.store.notes import notes_after, unread_notes
from chatserver.telemetry import Traced, untraced

_FRAMES: Final = Frames[Frame](AgentFrame)
BEGINNING: Final = DeskMore("waiting").rank
"""Before every rank of a queue."""


class AgentEndpoint(Endpoint):
    def __init__(
        self,
        hub: Hub,
        origin_allowed: OriginAllowed,
        authenticate: AuthenticateAgent,
        traced: Traced = untraced,
    ) -> None:
        super().__init__(hub, origin_allowed)
        self._authenticate = authenticate
        self._made = traced(AgentTalk)

    @property
    def heartbeat(self) -> float:
        return self.hub.limits.agent_heartbeat

    def talk(self, connection: Connection) -> AgentTalk:
        return self._made(self.hub, connection, self._authenticate)


class AgentTalk(Talk[Frame]):
    audience = "agent"

    def __init__(self, hub: Hub, connection: Connection, authenticate: AuthenticateAgent) -> None:
        super().__init__(hub, connection, _FRAMES)
        self._authenticate = authenticate
        self._agent_id = 0
        self._counted: tuple[int, ...] = ()
        """The apps whose counts are told to this connection."""
        self._greeted_as: object = None

    async def greet(self, hello: AgentHello) -> None:
        session = await self._authenticate(hello.token)
        if session.agent_id not in self.hub.house.people.agents:
            await self.hub.house.refresh()  # an administrator let them in a moment ago
        self.session_id, self._agent_id = session.id, session.agent_id
        self.is_of(("agent", session.agent_id))
        with self.connection.holding():
            # What they hear of and are shown of apps is fixed here.
            app_ids = self._me.app_ids
            self._greeted_as = self._shown()
            self.listen(
                [
                    session_topic(session.id),
                    agent_topic(session.agent_id),
                    *(desk_topic(app_id) for app_id in app_ids),
                ]
            )
            # The session may have ended while nobody listened for that yet.
            live = await self.hub.live_sessions([session.id])
            agent = await people_rows.agent_by_id(self.hub.db, session.agent_id)
            if agent is None or session.id not in live:
                raise Refused("unauthorized")
            self._counted = app_ids
            for app_id in app_ids:
                self.hub.counts.join(app_id, self.connection.offer)
            waiting, requests = await self._page("waiting", BEGINNING, 0), await self._page("requests", 0, 0)
            # Last: what was taken between two of these reads is where the later one found it.
            mine = await ticket_rows.own_tickets(self.hub.db, app_ids, agent.id)
            own = _pages([self._view(ticket) for ticket in mine])
            await self.connection.reply(pack(await self._welcome(agent, own[0], waiting, requests)))
            for at, page in enumerate(own[1:], 2):
                await self.connection.reply(pack(DeskPage("mine", 0, 0, page, more=at < len(own))))
        self.hub.agents_here.enter(agent.id)

    async def _welcome(
        self, agent: Agent, own: list[AgentTicket], waiting: DeskPage, requests: DeskPage
    ) -> AgentWelcome:
        taken = {ticket.id for ticket in own}
        others = [ticket for page in (waiting, requests) for ticket in page.tickets if ticket.id not in taken]
        return AgentWelcome(
            v=VERSION,
            now=self.hub.house.now(),
            epoch=self.hub.db.epoch,
            id=agent.id,
            name=agent.name,
            email=agent.email,
            status=agent.status,
            capacity=agent.capacity,
            apps=[await self._app(app_id) for app_id in agent.app_ids],
            heartbeat=jittered(self.hub.limits.agent_heartbeat),
            tickets=own + others,
            more=[page.of for page in (waiting, requests) if page.more and page.of != "mine"],
        )

    async def _app(self, app_id: int) -> AppInfo:
        app = self.hub.house.people.app(app_id)
        waiting, requests = await ticket_rows.desk_counts(self.hub.db, app_id)
        file_bytes, each = app.policy.file_mib * MIB, app.policy.files_per_message
        mark = form_mark(app.form)
        return AppInfo(
            app.key, app.name, app.color, waiting, requests, file_bytes, each, mark, app.policy.mail
        )

    def outdated(self) -> bool:
        return self._greeted_as is not None and self._shown() != self._greeted_as

    def _shown(self) -> object:
        """What an administrator may change of what they were welcomed with; None once they are no more."""
        people = self.hub.house.people
        me = people.agents.get(self._agent_id)
        if me is None:
            return None
        apps = [people.app(app_id) for app_id in me.app_ids]
        shown = [(app.id, app.name, app.color, app.form, app.policy.mail) for app in apps]
        return me.name, me.email, me.capacity, shown

    def leave(self) -> None:
        self.hub.agents_here.leave(self._agent_id, self.connection.silent_seconds)

    def still_here(self, heard: float = 0) -> None:
        self.hub.agents_here.denied(self._agent_id, heard)

    def _deliver(self, event: Event) -> bool:
        if type(event) is AgentGone:
            self.still_here()
            return True
        return super()._deliver(event)

    def over(self) -> None:
        super().over()
        for app_id in self._counted:
            self.hub.counts.leave(app_id, self.connection.offer)

    async def ticket(self, ticket_id: int) -> Ticket:
        found = await ticket_rows.ticket_for(self.hub.db, self._me.app_ids, ticket_id)
        if found is None:
            raise Refused("not_found")
        return found

    def whole(self, ticket: Ticket) -> Frame:
        form = form_view(ticket.details)
        return AgentChangedFrame(
            ticket.id, ticket.version, ticket.version, view=self._view(ticket), form=form
        )

    def snapshot(self, ticket: Ticket, items: list[ItemView], more: bool) -> Frame:
        context = host_context(ticket.context)
        return AgentSnapshot(self._view(ticket), items, more, form_view(ticket.details), context)

    def saying(self, frame: Say) -> Use[int]:
        house, me = self.hub.house, self._agent_id
        return talk.saying_as(house, me, frame.ticket, frame.cid, frame.text, frame.files, proposal=False)

    async def carry_out(self, frame: Any) -> Frame | None:
        house, me = self.hub.house, self._agent_id
        match frame:
            case Propose():
                seq = await tickets.propose(house, me, frame.ticket, frame.cid, frame.text)
                return Ack(frame.cid, frame.ticket, seq)
            case TypingFrame():
                await talk.typing_as_agent(house, me, frame.ticket, frame.on)
                return None
            case Seen():
                await talk.seen_by_agent(house, me, frame.ticket, frame.seq)
                return None
            case SetStatus():
                await pairing.set_status(house, me, frame.status)
                return Done(type_of(frame))
            case Claim():
                await pairing.claim(house, me, frame.ticket)
            case Close():
                await tickets.close(house, me, frame.ticket)
            case Pend() | SendBack():
                await self._pend(frame)
            case Reject():
                await requests.reject(house, me, frame.ticket, frame.reason)
            case Copy():
                await requests.copy_as_agent(house, me, frame.ticket, frame.addresses)
            case Classify():
                await requests.classify(house, me, frame.ticket, frame.said)
            case WriteNote():
                seq = await notes.write(house, me, frame.ticket, frame.cid, frame.text)
                return Ack(frame.cid, frame.ticket, seq)
            case ReadNotes():
                await self._notes(frame)
                return None
            case ReadUnreadNotes():
                await self._unread_notes()
                return None
            case SeenNotes():
                await notes.seen(house, me, frame.ticket, frame.seq)
                return None
            case Find():
                return await self._find(frame)
            case Search():
                await self._search(frame.words)
                return None
            case Tickets():
                return await self._earlier(frame)
            case DeskMore():
                # As for `open`: what happens meanwhile comes after the page, and means more than it.
                with self.connection.holding():
                    await self.connection.reply(pack(await self._page(frame.of, frame.rank, frame.after)))
                return None
            case _:
                raise TypeError(f"no verb for {type(frame).__name__}")
        return Done(type_of(frame), frame.ticket)

    async def _pend(self, frame: Pend | SendBack) -> None:
        house, me = self.hub.house, self._agent_id
        if isinstance(frame, SendBack):
            missing = frame.missing
            await requests.send_back(house, me, frame.ticket, missing, cid=frame.cid, text=frame.text)
        elif frame.on:
            await requests.pend(house, me, frame.ticket, cid=frame.cid, text=frame.text)
        else:
            await requests.resume(house, me, frame.ticket)

    async def _notes(self, frame: ReadNotes) -> None:
        # As for `open`: what is written meanwhile comes after the page.
        async with self.reading():
            with self.connection.holding():
                ticket = await self.ticket(frame.ticket)
                after = frame.after if frame.epoch == self.hub.db.epoch else 0
                found = await notes_after(self.hub.db, ticket.id, after, PAGE + 1)
                read = first_page(found, lambda note: len(note.text.encode()))
                views = [note_view(note) for note in read]
                await self._reply(Notes(ticket.id, after, views, more=len(read) < len(found)))

    async def _unread_notes(self) -> None:
        # What is written or read meanwhile comes after it, and means more.
        with self.connection.holding():
            found = await unread_notes(self.hub.db, self._me.app_ids)
            views = [UnreadNoteView(*one[1:]) for one in found]
            await self._reply(UnreadNotes(views))

    async def _earlier(self, frame: Tickets) -> AgentTickets:
        found = await ticket_rows.earlier_tickets(
            self.hub.db, self._me.app_ids, frame.customer, frame.before, LIST + 1, closed=not frame.open
        )
        views = [self._view(ticket) for ticket in found[:LIST]]
        return AgentTickets(frame.customer, views, len(found) > LIST, frame.open)

    async def _find(self, frame: Find) -> Found:
        for app_id in self._me.app_ids:
            if self.hub.house.people.app(app_id).key == frame.app:
                ticket = await numbered(self.hub.db, app_id, frame.number)
                if ticket is not None:
                    return Found(frame.app, frame.number, ticket.id)
        raise Refused("not_found")

    async def _search(self, words: str) -> None:
        async with self.reading():
            found = await finding.search(self.hub.db, self._me.app_ids, words, LIST + 1)
            views = [self._view(ticket) for ticket in found[:LIST]]
            await self.connection.reply(pack(Searched(words, views, len(found) > LIST)))

    async def _page(self, name: Waits, rank: int, after: int) -> DeskPage:
        db, app_ids, limit = self.hub.db, self._me.app_ids, DESK_PAGE + 1
        if name == "waiting":
            found = await ticket_rows.waiting_tickets(db, app_ids, rank, after, limit)
        else:
            found = await ticket_rows.requested_tickets(db, app_ids, after, limit)
        page = _pages([self._view(ticket) for ticket in found])[0]
        return DeskPage(name, rank, after, page, more=len(page) < len(found))

    @property
    def _me(self) -> Agent:
        """Raises Refused(unauthorized) when the agent is no more."""
        return self.hub.house.people.agent(self._agent_id)

    def _view(self, ticket: Ticket) -> AgentTicket:
        self.hub.shown(ticket)
        return agent_ticket(ticket, self.hub.house.people.app(ticket.app_id))


def _pages(views: list[AgentTicket]) -> list[list[AgentTicket]]:
    """As many in each page as it may hold; one page at least, and in each of the others one ticket."""
    pages: list[list[AgentTicket]] = [[]]
    size = 0
    for view in views:
        more = len(msgspec.json.encode(view)) + 1
        if pages[-1] and (len(pages[-1]) == DESK_PAGE or size + more > DESK_BYTES):
            pages.append([])
            size = 0
        pages[-1].append(view)
        size += more
    return pages
