"""The whole form, and what agents and customers do with a ticket that is answered later."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from msgspec.structs import replace

from chatserver.core.answers import Given
from chatserver.core.details import NOTHING
from chatserver.core.errors import Wrong
from chatserver.core.events import DeskChanged
from chatserver.core.forms import Case, Field, Form, Usual, Words
from chatserver.core.tickets import Classification, Ticket
from chatserver.services import followups, pairing, requests, talk, tickets
from chatserver.store.work import Who
from tests.services.scene import Scene, new_cid, refused, who

ANA, BEA = who("ana"), who("bea")
DAY = 86_400
OWN = Form(fields=(Field("version", "text", Words("Versión", "Version", "Versão"), required=True),))
WHOLE = Given(
    type="incident",
    priority=4,
    why="Caja detenida",
    case_kind="patient",
    case="Juana Paz",
    cc=("luz@example.com",),
)


async def mine(scene: Scene) -> Ticket:
    """Ana's, to be answered later, taken by the agent 1."""
    await scene.agent()
    return await scene.taken(ANA)


# — the form ———————————————————————————————————————————————————————————————————


async def test_a_whole_form_is_a_ticket_with_all_that_it_says(scene: Scene) -> None:
    ticket = await scene.request(ANA, form=WHOLE)
    assert (ticket.source, ticket.details.type, ticket.details.asked) == ("form", "incident", 4)
    assert (ticket.details.sensitive, ticket.details.cc) == (True, ("luz@example.com",))
    assert ticket.priority == 0, "a customer's own Urgente ranks nothing"
    assert await scene.ticket(ticket.id) == ticket
    assert (await scene.kinds(ticket))[0::2] == ["opened", "message"]


async def test_the_small_form_asks_no_more_than_it_did(scene: Scene) -> None:
    await scene.form(OWN)
    ticket = await scene.request(ANA)
    assert (ticket.details, ticket.source) == (NOTHING, "form")
    assert (await scene.request(ANA, source="mail")).source == "mail"
    assert (await scene.start(ANA)).source == "chat"


async def test_a_form_with_something_wrong_is_refused_as_a_whole_and_leaves_nothing(scene: Scene) -> None:
    await scene.form(OWN)
    with refused("bad_form") as bad:
        await scene.request(ANA, form=Given(priority=4), subject="a", text=" ", email="nobody")
    assert bad.refusal is not None
    assert {name: wrong.code for name, wrong in bad.refusal.fields.items()} == {
        "subject": "too_short",
        "text": "required",
        "email": "bad_email",
        "type": "required",
        "why": "required",
        "version": "required",
    }
    assert await scene.rows.all_tickets() == []
    assert await scene.rows.customer(1, ANA.key) is None


@pytest.mark.parametrize("address", ["v@v.com，b.com", "b＠gmail.com", "a@ex＜b＞.com"])
async def test_a_form_takes_no_address_that_mail_programs_read_as_another(scene: Scene, address: str) -> None:
    with refused("bad_form") as bad:
        await scene.request(ANA, form=Given(type="question", cc=(address,)), email=address)
    assert bad.refusal is not None
    assert {name: wrong.code for name, wrong in bad.refusal.fields.items()} == dict.fromkeys(
        ("email", "cc"), "bad_email"
    )
    assert await scene.rows.all_tickets() == []


@pytest.mark.parametrize(
    "address",
    ["soporte@acme.example", "SOPORTE@ACME.example", "soporte+x@acme.example", "ayuda@otra.example"],
)
async def test_no_address_at_which_mail_comes_in_is_put_in_copy_whoever_names_it(
    scene: Scene, address: str
) -> None:
    """Neither the app's own nor another app's: its agents would read the answers as a customer's mail."""
    await scene.app(2, support_address="soporte@acme.example")
    await scene.app(3, support_address="Ayuda@otra.example")
    ticket, house = await mine(scene), scene.house
    await requests.send_back(house, 1, ticket.id, ["cc"])
    before = await scene.ticket(ticket.id)
    named = ("eva@acme.example", f" {address} ")
    form = Given(type="question", cc=named)
    for refuse in (
        requests.copy_as_agent(house, 1, ticket.id, named),
        requests.copy_to(house, ANA, ticket.id, named),
        requests.complete_form(house, ANA, ticket.id, cid=new_cid(), form=form),
        scene.request(ANA, form=form),
    ):
        with refused("bad_form") as bad:
            await refuse
        assert bad.refusal is not None
        assert bad.refusal.fields == {"cc": Wrong("support_address", which=address)}
    assert await scene.rows.all_tickets() == [before]
    others = ["soporte2@acme.example", "xsoporte+x@acme.example"]
    assert (await requests.copy_as_agent(house, 1, ticket.id, others)).details.cc == tuple(others)


async def test_a_form_that_is_sent_twice_is_one_ticket(scene: Scene) -> None:
    cid = new_cid()
    both = await asyncio.gather(*(scene.request(ANA, cid=cid, form=WHOLE) for _ in range(2)))
    assert both[0] == both[1]
    assert len(await scene.rows.all_tickets()) == 1


async def test_the_requester_is_an_own_address_where_these_are_known(scene: Scene) -> None:
    with refused("bad_form") as bad:
        await scene.request(ANA, form=Given(type="question"), own=["other@example.com"])
    assert bad.refusal is not None
    assert bad.refusal.fields == {"email": Wrong("not_own")}
    given = Given(type="question", cc=("ana@example.com", "eva@example.com"))
    ticket = await scene.request(ANA, form=given, own=["Ana@example.com"])
    assert (ticket.email, ticket.details.cc) == ("Ana@example.com", ("eva@example.com",))


async def test_who_is_known_by_an_address_need_not_type_it(scene: Scene) -> None:
    known = replace(ANA, email="ana@corp.example")
    assert (await scene.request(known, form=Given(type="question"), email="")).email == "ana@corp.example"


async def test_the_day_of_a_customer_who_is_half_a_day_behind_is_not_past(scene: Scene) -> None:
    given = Given(type="question", wanted_why="Cierre")
    with refused("bad_form"):
        await scene.request(ANA, form=replace(given, wanted="2026-01-06"))
    scene.clock.now -= 3 * 3_600_000  # 11:00 UTC
    assert (await scene.request(ANA, form=replace(given, wanted="2026-01-06"))).details.wanted == "2026-01-06"


# — Pendiente ——————————————————————————————————————————————————————————————————


async def test_a_pending_ticket_returns_to_open_when_its_customer_writes(scene: Scene) -> None:
    ticket = await mine(scene)
    cid = new_cid()
    pend = partial(requests.pend, scene.house, 1, ticket.id, cid=cid, text="¿Me mandas la foto?")
    after = await pend()
    assert await pend() == after, "a repeat changes nothing"
    assert (after.state, after.answered_at) == ("pending", scene.clock.now)
    assert (await scene.kinds(ticket))[-2:] == ["pending", "message"]
    seq = await scene.says(ANA, ticket, "Va")
    after = await scene.ticket(ticket.id)
    assert (after.state, after.turn, seq) == ("open", "agent", after.last_seq)
    assert (await scene.kinds(ticket))[-2:] == ["resumed", "message"]


async def test_an_agent_takes_it_back_to_open_and_twice_is_once(scene: Scene) -> None:
    ticket = await mine(scene)
    await requests.pend(scene.house, 1, ticket.id)
    for _ in range(2):
        assert (await requests.resume(scene.house, 1, ticket.id)).state == "open"
    assert (await scene.kinds(ticket))[-2:] == ["pending", "resumed"]
    assert (await scene.ticket(ticket.id)).due_at is None


async def test_nobody_pends_a_chat_a_colleagues_ticket_or_a_closed_one(scene: Scene) -> None:
    ticket = await mine(scene)
    await scene.agent(2)
    await scene.app(2)
    await scene.agent(3, app_ids=(2,))
    chat = await scene.chat(BEA)
    house, told = scene.house, chat.agent_id or 0
    verbs: list[Callable[[int, int], Awaitable[Ticket]]] = [
        lambda agent, at: requests.pend(house, agent, at),
        lambda agent, at: requests.resume(house, agent, at),
        lambda agent, at: requests.send_back(house, agent, at, ["phone"]),
    ]
    for verb in verbs:
        with refused("ticket_live"):
            await verb(told, chat.id)
        with refused("not_yours"):
            await verb(2, ticket.id)
        with refused("not_found"):
            await verb(3, ticket.id)
    with refused("bad_frame"):
        await requests.pend(house, 1, ticket.id, text="Hola")
    await tickets.close(house, 1, ticket.id)
    with refused("ticket_closed"):
        await requests.pend(house, 1, ticket.id)


async def test_a_pending_ticket_is_reminded_once_and_closed_once_however_many_look(scene: Scene) -> None:
    ticket = await mine(scene)
    await requests.pend(scene.house, 1, ticket.id)
    began = scene.clock.now
    await scene.later(3 * DAY - 1)
    assert (await scene.kinds(ticket))[-1] == "pending"
    scene.clock.pass_seconds(1)
    await asyncio.gather(*(followups.due(scene.house) for _ in range(3)))
    await scene.later(4 * DAY - 1)
    assert (await scene.ticket(ticket.id)).state == "pending"
    scene.clock.pass_seconds(1)
    await asyncio.gather(*(followups.due(scene.house) for _ in range(3)))
    assert (await scene.kinds(ticket))[-3:] == ["pending", "reminder", "closed:inactivity"]
    closed = await scene.ticket(ticket.id)
    assert (closed.closed_at, closed.due_at) == (began + 7 * DAY * 1000, None)


async def test_the_timers_of_pending_outlive_a_restart_and_a_long_outage(scene: Scene) -> None:
    ticket = await mine(scene)
    await requests.pend(scene.house, 1, ticket.id)
    scene.clock.pass_seconds(30 * DAY)
    await scene.restart()
    await scene.later(0)
    assert (await scene.kinds(ticket))[-1] == "reminder", "nobody is closed unheard"
    await scene.later(4 * DAY)
    assert (await scene.ticket(ticket.id)).close_reason == "inactivity"


async def test_a_word_of_the_customer_stops_the_timer(scene: Scene) -> None:
    ticket = await mine(scene)
    await requests.pend(scene.house, 1, ticket.id)
    await scene.later(3 * DAY)
    await scene.says(ANA, ticket)
    await scene.later(30 * DAY)
    assert (await scene.ticket(ticket.id)).state == "open"


@pytest.mark.parametrize("restarted", [True, False])
async def test_pending_tickets_follow_a_new_rule_and_are_not_closed_at_once_by_it(
    scene: Scene, restarted: bool
) -> None:
    ticket, other = await mine(scene), await scene.taken(BEA)
    for one in (ticket, other):
        await requests.pend(scene.house, 1, one.id)
    await scene.later(3 * DAY)
    await scene.policy(pending_reminder_seconds=600, pending_close_seconds=3_600)
    if restarted:
        await scene.restart()
    else:
        await followups.rules_changed(scene.house, [1])
    now = scene.clock.now
    assert (await scene.ticket(ticket.id)).due_at == now + DAY * 1000
    await scene.policy(pending_reminder_seconds=600, pending_close_seconds=30 * DAY)
    await followups.rules_changed(scene.house, [1])
    assert ((await scene.ticket(ticket.id)).due_at or 0) > now + 20 * DAY * 1000
    assert (await scene.kinds(other)).count("reminder") == 1


async def test_a_customer_closes_their_own_pending_ticket(scene: Scene) -> None:
    ticket = await mine(scene)
    await requests.pend(scene.house, 1, ticket.id)
    closed = await tickets.end(scene.house, ANA, ticket.id)
    assert (closed.close_reason, closed.pending, closed.due_at) == ("customer", None, None)


# — sent back, completed, rejected —————————————————————————————————————————————


async def test_what_is_missing_is_completed_once_and_the_agents_turn_comes(scene: Scene) -> None:
    await scene.form(OWN)
    ticket = await mine(scene)
    back = await requests.send_back(
        scene.house, 1, ticket.id, ["version", "case", "version"], cid=new_cid(), text="Falta esto"
    )
    assert (back.state, back.details.missing) == ("pending", ("version", "case"))
    assert (await scene.kinds(ticket))[-2:] == ["sent_back:version,case", "message"]
    cid = new_cid()
    with refused("bad_form") as bad:
        await requests.complete_form(scene.house, ANA, ticket.id, cid=cid, form=Given(case="F-1"))
    assert bad.refusal is not None
    assert set(bad.refusal.fields) == {"case_kind", "version"}
    assert await scene.ticket(ticket.id) == back, "nothing of it was kept"
    form = Given(case="F-1", case_kind="invoice", fields={"version": "4.2"})
    done = await requests.complete_form(scene.house, ANA, ticket.id, cid=cid, form=form)
    assert await requests.complete_form(scene.house, ANA, ticket.id, cid=cid, form=form) == done
    assert (done.state, done.turn, done.details.missing) == ("open", "agent", ())
    assert (done.details.case, done.details.fields) == ("F-1", {"version": "4.2"})
    assert (await scene.kinds(ticket)).count("completed:version,case") == 1
    with refused("nothing_missing"):
        await requests.complete_form(scene.house, ANA, ticket.id, cid=new_cid(), form=form)


async def test_a_customer_who_writes_first_can_complete_it_all_the_same(scene: Scene) -> None:
    ticket = await mine(scene)
    await requests.send_back(scene.house, 1, ticket.id, ["phone"])
    await scene.says(ANA, ticket, "¿Cuál?")
    assert (await scene.ticket(ticket.id)).state == "open"
    done = await requests.complete_form(scene.house, ANA, ticket.id, cid=new_cid(), form=Given(phone="300"))
    assert (done.details.phone, done.details.missing) == ("300", ())


@pytest.mark.parametrize(
    "names", [[], ["strange"], ["subject"], ["text"], ["category"], ["phone", "strange"]]
)
async def test_only_what_can_be_completed_is_sent_back_for(scene: Scene, names: list[str]) -> None:
    ticket = await mine(scene)
    with refused("bad_form"):
        await requests.send_back(scene.house, 1, ticket.id, names)
    assert (await scene.ticket(ticket.id)).state == "open"


async def test_a_strangers_form_is_not_completed(scene: Scene) -> None:
    ticket = await mine(scene)
    await requests.send_back(scene.house, 1, ticket.id, ["phone"])
    for stranger in (BEA, Who(2, ANA.key)):
        with refused("not_found"):
            await requests.complete_form(
                scene.house, stranger, ticket.id, cid=new_cid(), form=Given(phone="1")
            )


async def test_a_rejection_has_a_reason_frees_the_place_and_is_not_rated_unanswered(scene: Scene) -> None:
    await scene.agent(capacity=1)
    chat = await scene.start(ANA)
    waiting = await scene.start(BEA)
    for bad, code in ((" \n", "too_short"), ("x" * 1_001, "too_long")):
        with refused(code):  # type: ignore[arg-type]
            await requests.reject(scene.house, 1, chat.id, bad)
    after = await requests.reject(scene.house, 1, chat.id, " Es de otro equipo ")
    assert (after.close_reason, after.rating) == ("rejected", None)
    assert (await scene.rows.items(chat.id))[-1].text == "Es de otro equipo"
    assert (await scene.ticket(waiting.id)).agent_id == 1
    with refused("not_rateable"):
        await tickets.rate(scene.house, ANA, chat.id, 5)
    await scene.agent(2)
    with refused("not_yours"):
        await requests.reject(scene.house, 2, waiting.id, "no")


# — classification —————————————————————————————————————————————————————————————


async def test_a_classification_moves_the_queue_and_says_who_and_what(scene: Scene) -> None:
    await scene.agent(status="busy")
    first, second = await scene.start(ANA), await scene.start(BEA)
    scene.bus.published.clear()
    after = await requests.classify(scene.house, 1, second.id, Classification(priority=4, type="incident"))
    assert (after.priority, after.details.type) == (4, "incident")
    assert await scene.house.reads.waiting_ids(1) == [second.id, first.id]
    assert scene.heard(DeskChanged) == [DeskChanged(1)]
    (item,) = (await scene.rows.items(second.id))[-1:]
    assert (item.kind, item.author_id, item.name, item.at) == ("classified", 1, "Agente 1", scene.clock.now)
    again = await requests.classify(scene.house, 1, second.id, Classification(priority=4))
    assert again == after


async def test_what_the_customer_asked_ranks_nothing(scene: Scene) -> None:
    ticket = await scene.request(ANA, form=WHOLE)
    assert (ticket.priority, ticket.queue_rank) == (0, None)
    await scene.agent()
    after = await requests.classify(scene.house, 1, ticket.id, Classification(priority=1))
    assert (after.priority, after.details.asked) == (1, 4)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (Classification(category="nothing"), "category"),
        (Classification(priority=5), "priority"),
        (Classification(impact=4), "impact"),
        (Classification(type="joke"), "type"),  # type: ignore[arg-type]
    ],
)
async def test_a_classification_that_is_none_is_refused(
    scene: Scene, said: Classification, name: str
) -> None:
    ticket = await mine(scene)
    with refused("bad_form") as bad:
        await requests.classify(scene.house, 1, ticket.id, said)
    assert bad.refusal is not None
    assert bad.refusal.fields == {name: Wrong("bad_choice")}


async def test_whose_it_is_decides_who_classifies(scene: Scene) -> None:
    ticket = await mine(scene)
    await scene.agent(2)
    with refused("not_yours"):
        await requests.classify(scene.house, 2, ticket.id, Classification(priority=1))
    await pairing.agent_gone(scene.house, 1)
    free = await scene.request(BEA)
    assert (await requests.classify(scene.house, 2, free.id, Classification(priority=1))).priority == 1


async def test_a_message_writes_none_of_what_a_form_says(scene: Scene) -> None:
    ticket = await scene.request(ANA, form=WHOLE)
    before = await scene.ticket(ticket.id)
    await talk.say(scene.house, ANA, ticket.id, new_cid(), "¿Hay novedades?")
    change = scene.changes_of(ticket)[-1]
    assert change.after.details is change.before.details if change.before else False
    assert (await scene.ticket(ticket.id)).details == before.details


async def test_a_kind_of_case_that_becomes_sensitive_later_needs_no_new_ticket(scene: Scene) -> None:
    ticket = await scene.request(ANA, form=replace(WHOLE, case_kind="invoice"))
    assert not ticket.details.sensitive
    await scene.form(Form(ask=Usual(), cases=(Case("invoice", sensitive=True),)))
    assert scene.house.people.form(1).cases[0].sensitive


async def test_an_agent_puts_people_in_copy_of_a_ticket_of_theirs_once(scene: Scene) -> None:
    await scene.agent(2)
    ticket = await mine(scene)
    after = await requests.copy_as_agent(scene.house, 1, ticket.id, ["luz@example.com"])
    assert after.details.cc == ("luz@example.com",)
    (item,) = scene.changes_of(ticket)[-1].items
    assert (item.kind, item.by, item.author_id, item.name) == ("copied", "agent", 1, "Agente 1")
    assert (item.seq, item.text) == (ticket.last_seq + 1, "luz@example.com")
    again = await requests.copy_as_agent(scene.house, 1, ticket.id, ["LUZ@example.com", ticket.address])
    assert again.details.cc == ("luz@example.com",)
    assert again.last_seq == item.seq, "nobody new is in copy"
    more = await requests.copy_as_agent(
        scene.house, 1, ticket.id, ["eva@example.com", "luz@example.com", "leo@x.test"]
    )
    assert scene.changes_of(ticket)[-1].items[0].text == "eva@example.com, leo@x.test"
    assert (more.turn, more.active_at, more.customer_unread) == (
        ticket.turn,
        ticket.active_at,
        ticket.customer_unread,
    )
    with refused("not_yours"):
        await requests.copy_as_agent(scene.house, 2, ticket.id, ["eva@example.com"])
    for wrong in (["no address"], [f"x{n}@example.com" for n in range(10)]):
        with refused("bad_form"):
            await requests.copy_as_agent(scene.house, 1, ticket.id, wrong)
    await tickets.close(scene.house, 1, ticket.id)
    with refused("ticket_closed"):
        await requests.copy_as_agent(scene.house, 1, ticket.id, ["eva@example.com"])
