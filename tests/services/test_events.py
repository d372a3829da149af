"""Old snapshot + events = fresh snapshot, for whoever may see a ticket, after every verb."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from chatserver.core.answers import Given
from chatserver.core.events import Event, TicketChanged, agent_topic, customer_topic, desk_topic
from chatserver.core.tickets import Classification, Item, Ticket
from chatserver.services import pairing, requests, talk, tickets
from chatserver.store.work import Who
from tests.services.scene import Scene, bogota, new_cid, who

ANA, BEA = who("ana"), who("bea")


class Held(NamedTuple):
    ticket: Ticket
    items: tuple[Item, ...]


class Client:
    """Holds tickets as of a snapshot and applies what it hears, as the protocol says."""

    def __init__(self, scene: Scene, *topics: str) -> None:
        self.held: dict[int, Held] = {}
        self.gaps: list[TicketChanged] = []
        self._scene = scene
        scene.bus.subscribe(topics, self._hear, lambda: None)

    async def snapshot(self, mine: Callable[[Ticket], bool]) -> dict[int, Held]:
        return {
            t.id: Held(t, tuple(await self._scene.rows.items(t.id)))
            for t in await self._scene.rows.all_tickets()
            if mine(t)
        }

    def _hear(self, event: Event) -> bool:
        if isinstance(event, TicketChanged):
            before = self.held.get(event.after.id)
            if before is None:  # new to this client: it asks for a snapshot, which a whole ticket is
                self.held[event.after.id] = Held(event.after, event.items)
            else:
                if event.before != before.ticket or event.after.version != before.ticket.version + 1:
                    self.gaps.append(event)
                self.held[event.after.id] = Held(event.after, before.items + event.items)
        return True


def of(who: Who) -> Callable[[Ticket], bool]:
    return lambda t: (t.app_id, t.customer.key) == (who.app_id, who.key)


async def _prepared(scene: Scene) -> Ticket:
    """Two agents, Ana's chat with a proposal open, and Bea waiting."""
    await scene.agent(1, capacity=1)
    chat = await scene.chat(ANA)
    await scene.says(ANA, chat)
    await scene.proposes(chat)
    await scene.agent(2, status="busy")
    await scene.start(BEA)
    return await scene.ticket(chat.id)


async def bea(scene: Scene) -> Ticket:
    return next(t for t in await scene.rows.all_tickets() if of(BEA)(t))


async def _closing_time(scene: Scene) -> None:
    await scene.hours()
    scene.clock.now = bogota(11, 59)
    extra = await scene.start(BEA)
    assert extra.waiting
    await scene.later(60)
    assert (await scene.ticket(extra.id)).mode == "later"


async def _request(scene: Scene) -> None:
    about: dict[str, Any] = {
        "subject": "Factura",
        "text": "No sale",
        "email": "a@example.com",
        "context": "{}",
    }
    await tickets.request(scene.house, ANA, cid=new_cid(), **about)


async def _rate(scene: Scene, chat: Ticket) -> None:
    await tickets.close(scene.house, 1, chat.id)
    await tickets.rate(scene.house, ANA, chat.id, 5, "bien")
    await tickets.rate(scene.house, ANA, chat.id, 4)


async def _leave(scene: Scene) -> None:
    waiting = await bea(scene)
    await tickets.leave(scene.house, BEA, waiting.id, cid=new_cid(), email="b@example.com", text="Luego")
    await pairing.claim(scene.house, 2, waiting.id)
    await talk.say_as_agent(scene.house, 2, waiting.id, new_cid(), "Te escribo")


async def _pass_on(scene: Scene) -> None:
    waiting = await bea(scene)
    await pairing.claim(scene.house, 2, waiting.id)
    await scene.agent(3)
    await scene.later(61)
    assert (await scene.ticket(waiting.id)).agent_id == 3


async def _says_and_is_read(scene: Scene, chat: Ticket) -> None:
    await scene.says(ANA, chat)
    await talk.seen_by_agent(scene.house, 1, chat.id, 99)


async def _typing(scene: Scene, chat: Ticket) -> None:
    scene.clock.pass_seconds(20)
    await talk.typing(scene.house, ANA, chat.id)
    await talk.typing_as_agent(scene.house, 1, chat.id)


async def _gone_agent(scene: Scene) -> None:
    await pairing.agent_gone(scene.house, 1)
    await scene.later(31)
    await pairing.agent_connected(scene.house, 1)


async def _come_and_go(scene: Scene) -> None:
    await pairing.customer_gone(scene.house, BEA)
    await pairing.customer_connected(scene.house, BEA)


async def _claimed(scene: Scene) -> None:
    await pairing.claim(scene.house, 2, (await bea(scene)).id)


async def _form(scene: Scene) -> Ticket:
    """Ana's form, taken by the agent 2."""
    form = Given(type="incident", priority=4, why="Ya", case_kind="patient", case="Juana")
    return await scene.taken(ANA, 2, form=form)


async def _pend(scene: Scene) -> None:
    ticket = await _form(scene)
    await requests.pend(scene.house, 2, ticket.id, cid=new_cid(), text="¿Y la foto?")
    await requests.resume(scene.house, 2, ticket.id)
    await requests.pend(scene.house, 2, ticket.id)
    await scene.says(ANA, ticket)


async def _send_back(scene: Scene) -> None:
    ticket = await _form(scene)
    await requests.send_back(scene.house, 2, ticket.id, ["phone"], cid=new_cid(), text="Falta")
    await requests.complete_form(scene.house, ANA, ticket.id, cid=new_cid(), form=Given(phone="300"))


async def _wait_in_vain(scene: Scene) -> None:
    await tickets.end(scene.house, BEA, (await bea(scene)).id)
    ticket = await _form(scene)
    await requests.pend(scene.house, 2, ticket.id)
    await scene.later(8 * 86_400)
    assert (await scene.ticket(ticket.id)).close_reason == "inactivity"


async def _classify(scene: Scene) -> None:
    said = Classification(type="question", priority=3, development=True)
    await requests.classify(scene.house, 2, (await bea(scene)).id, said)


async def _reject_form(scene: Scene) -> None:
    await requests.reject(scene.house, 2, (await _form(scene)).id, "Es de otro equipo")


Verb = Callable[[Scene, Ticket], Awaitable[object]]
VERBS: dict[str, Verb] = {
    "start": lambda s, t: s.start(ANA),
    "start under a new name": lambda s, t: s.start(replace(ANA, name="Ana Paz"), email="ana@example.com"),
    "request": lambda s, t: _request(s),
    "form, pend, resume, reply": lambda s, t: _pend(s),
    "send back and complete": lambda s, t: _send_back(s),
    "pend, remind and close": lambda s, t: _wait_in_vain(s),
    "classify": lambda s, t: _classify(s),
    "reject": lambda s, t: requests.reject(s.house, 1, t.id, "Es de otro equipo"),
    "reject a form": lambda s, t: _reject_form(s),
    "leave, claim and talk": lambda s, t: _leave(s),
    "answer yes": lambda s, t: tickets.answer(s.house, ANA, t.id, True),
    "answer no": lambda s, t: tickets.answer(s.house, ANA, t.id, False),
    "end": lambda s, t: tickets.end(s.house, ANA, t.id),
    "close and rate": _rate,
    "close": lambda s, t: tickets.close(s.house, 1, t.id),
    "propose": lambda s, t: s.proposes(t),
    "say": lambda s, t: s.says(ANA, t),
    "say as agent": lambda s, t: s.agent_says(t),
    "seen": lambda s, t: talk.seen(s.house, ANA, t.id, 99),
    "seen by agent": _says_and_is_read,
    "here": lambda s, t: talk.here(s.house, ANA, t.id),
    "typing": _typing,
    "claim": lambda s, t: _claimed(s),
    "status": lambda s, t: pairing.set_status(s.house, 2, "available"),
    "signed out": lambda s, t: pairing.agent_signed_out(s.house, 1),
    "agent gone": lambda s, t: _gone_agent(s),
    "customer comes and goes": lambda s, t: _come_and_go(s),
    "silence": lambda s, t: s.later(301),
    "passed on": lambda s, t: _pass_on(s),
    "closing time": lambda s, t: _closing_time(s),
}


@pytest.mark.parametrize("verb", VERBS)
async def test_old_snapshot_and_events_are_the_fresh_snapshot(scene: Scene, verb: str) -> None:
    chat = await _prepared(scene)
    ana = Client(scene, customer_topic(1, ANA.key))
    other = Client(scene, customer_topic(1, BEA.key))
    console = Client(scene, desk_topic(1), *(agent_topic(n) for n in (1, 2, 3)))
    for client, mine in ((ana, of(ANA)), (other, of(BEA)), (console, lambda t: True)):
        client.held = await client.snapshot(mine)
    before = {t.id: t for t in await scene.rows.all_tickets()}

    scene.clock.pass_seconds(1)
    await VERBS[verb](scene, chat)

    assert {t.id: t for t in await scene.rows.all_tickets()} != before, (
        "the verb was expected to do something"
    )
    for client, mine in ((ana, of(ANA)), (other, of(BEA)), (console, lambda t: True)):
        assert client.gaps == []
        assert client.held == await client.snapshot(mine)


async def test_nobody_hears_of_tickets_that_are_not_theirs(scene: Scene) -> None:
    await _prepared(scene)
    await scene.app(2)
    strangers = Client(scene, customer_topic(2, ANA.key), desk_topic(2), agent_topic(9))
    quiet = Client(scene, agent_topic(2))
    await scene.says(ANA, next(t for t in await scene.rows.all_tickets() if of(ANA)(t)))
    await scene.start(BEA)
    assert strangers.held == quiet.held == {}


async def test_a_chat_in_progress_is_no_news_for_the_desk(scene: Scene) -> None:
    chat = await _prepared(scene)
    desk = Client(scene, desk_topic(1))
    await scene.says(ANA, chat)
    assert desk.held == {}


async def test_a_refused_verb_is_told_nobody(scene: Scene) -> None:
    chat = await _prepared(scene)
    await tickets.close(scene.house, 1, chat.id)
    scene.bus.published.clear()
    with pytest.raises(Exception, match="ticket_closed"):
        await scene.says(ANA, chat)
    assert scene.bus.published == []
