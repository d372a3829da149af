"""From the start of a ticket to its rating."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from chatserver.services import pairing, talk, tickets
from chatserver.store.work import Who
from tests.services.scene import Scene, bogota, new_cid, refused, who

ANA, BEA = who("ana"), who("bea")
STRANGER = Who(1, "anon:stranger")


async def test_a_started_ticket_is_paired_at_once_with_a_free_agent(scene: Scene) -> None:
    await scene.agent()
    ticket = await scene.start(ANA, subject="  No puedo\n facturar ", context='{"url":"/x"}')
    assert (ticket.number, ticket.subject, ticket.agent_name) == (1001, "No puedo facturar", "Agente 1")
    assert await scene.kinds(ticket) == ["opened", "assigned"]
    assert (await scene.ticket(ticket.id)) == ticket
    assert (await scene.start(BEA)).number == 1002


async def test_with_nobody_available_the_ticket_waits_all_the_same(scene: Scene) -> None:
    await scene.agent(status="away")
    ticket = await scene.start(ANA)
    assert ticket.waiting
    assert ticket.agent_id is None


async def test_a_repeated_start_gives_the_first_ticket_even_after_closing_time(scene: Scene) -> None:
    cid = new_cid()
    first = await scene.start(ANA, cid=cid)
    await scene.hours()
    scene.clock.now = bogota(18)
    assert (await scene.start(ANA, cid=cid)).id == first.id
    assert len(await scene.rows.all_tickets()) == 1


async def test_the_same_cid_of_another_customer_is_another_ticket(scene: Scene) -> None:
    cid = new_cid()
    assert (await scene.start(ANA, cid=cid)).id != (await scene.start(BEA, cid=cid)).id


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"subject": " a "}, "too_short"),
        ({"subject": "x" * 201}, "too_long"),
        ({"name": "x" * 101}, "too_long"),
        ({"email": "nobody"}, "bad_email"),
        ({"email": "v@v.com，b.com"}, "bad_email"),
        ({"email": "a@ex＜b＞.com"}, "bad_email"),
        ({"cid": "short"}, "bad_frame"),
    ],
)
async def test_a_start_with_bad_input_is_refused_and_leaves_nothing(
    scene: Scene, given: dict[str, str], code: str
) -> None:
    with refused(code):  # type: ignore[arg-type]
        await scene.start(ANA, **given)
    assert await scene.rows.all_tickets() == []
    assert await scene.rows.customer(1, ANA.key) is None


async def test_what_the_app_asks_for_has_to_be_given(scene: Scene) -> None:
    await scene.policy(ask_name="required", ask_email="required")
    with refused("name_required"):
        await scene.start(STRANGER)
    with refused("email_required"):
        await scene.start(STRANGER, name="Eva")
    ticket = await scene.start(STRANGER, name=" Eva  Paz ", email="eva@Example.COM")
    assert (ticket.customer.name, ticket.email) == ("Eva Paz", "eva@example.com")


async def test_what_the_host_vouched_for_stands_above_what_was_typed(scene: Scene) -> None:
    vouched = replace(ANA, email="ana@corp.example")
    ticket = await scene.start(vouched, name="Otra", email="other@example.com")
    assert (ticket.customer.name, ticket.customer.email) == ("Ana", "ana@corp.example")


async def test_the_customer_row_follows_what_becomes_known(scene: Scene) -> None:
    await scene.start(STRANGER)
    await scene.start(replace(STRANGER, zone="America/Lima"), name="Eva")
    row = await scene.rows.customer(1, STRANGER.key)
    assert row is not None
    assert (row.name, row.zone) == ("Eva", "America/Lima")
    assert {t.customer.id for t in await scene.rows.all_tickets()} == {row.id}


async def test_outside_hours_no_chat_starts_and_the_next_opening_is_told(scene: Scene) -> None:
    await scene.agent()
    await scene.hours()
    scene.clock.now = bogota(12)
    with refused("outside_hours") as closed:
        await scene.start(ANA)
    assert closed.refusal is not None
    assert closed.refusal.next_at == bogota(14)
    scene.clock.now = bogota(14)
    assert (await scene.start(ANA)).agent_id == 1


async def test_an_app_may_start_no_chat_while_nobody_is_available(scene: Scene) -> None:
    await scene.policy(request_when_unattended=True)
    with refused("nobody_available"):
        await scene.start(ANA)
    await scene.agent()
    assert (await scene.start(ANA)).agent_id == 1


async def test_a_customer_has_at_most_three_open_chats(scene: Scene) -> None:
    first = await scene.start(ANA)
    await scene.start(ANA)
    await scene.start(ANA)
    with refused("too_many_open") as full:
        await scene.start(ANA)
    assert full.refusal is not None
    assert full.refusal.limit == 3
    await scene.start(BEA)
    await tickets.end(scene.house, ANA, first.id)
    await scene.start(ANA)


async def test_a_ticket_follows_an_own_one_only(scene: Scene) -> None:
    mine, theirs = await scene.start(ANA), await scene.start(BEA)
    assert (await scene.start(ANA, follows=mine.number)).follows == mine.number
    assert (await scene.start(ANA, follows=theirs.number)).follows == 0
    assert (await scene.start(BEA, follows=9999)).follows == 0


async def test_a_request_is_a_ticket_for_later_with_its_first_message(scene: Scene) -> None:
    await scene.hours()
    scene.clock.now = bogota(18)
    cid = new_cid()
    asked = {"cid": cid, "subject": "Factura", "text": "No sale", "email": "eva@example.com", "context": "{}"}
    ticket = await tickets.request(scene.house, STRANGER, **asked)  # type: ignore[arg-type]
    assert (ticket.mode, ticket.email, ticket.agent_id) == ("later", "eva@example.com", None)
    assert await scene.kinds(ticket) == ["opened", "later:outside_hours", "message"]
    again = await tickets.request(scene.house, STRANGER, **asked)  # type: ignore[arg-type]
    assert again == ticket
    with refused("email_required"):
        await tickets.request(scene.house, BEA, **(asked | {"email": " "}))  # type: ignore[arg-type]
    with refused("too_short"):
        await tickets.request(scene.house, BEA, **(asked | {"text": "\n "}))  # type: ignore[arg-type]


async def test_a_request_says_why_it_is_one(scene: Scene) -> None:
    asked: dict[str, Any] = {
        "subject": "Factura",
        "text": "No sale",
        "email": "eva@example.com",
        "context": "{}",
    }
    nobody = await tickets.request(scene.house, ANA, cid=new_cid(), **asked)
    await scene.agent()
    somebody = await tickets.request(scene.house, ANA, cid=new_cid(), **asked)
    assert (await scene.kinds(nobody))[1] == "later:unattended"
    assert (await scene.kinds(somebody))[1] == "later:form"


async def test_leaving_the_queue_keeps_the_same_ticket_and_adds_the_text_once(scene: Scene) -> None:
    ticket, cid = await scene.start(STRANGER), new_cid()
    with refused("email_required"):
        await tickets.leave(scene.house, STRANGER, ticket.id, cid=cid, email="")
    about: dict[str, str] = {"cid": cid, "email": "eva@example.com", "text": "Mañana"}
    left = await tickets.leave(scene.house, STRANGER, ticket.id, **about)
    assert await tickets.leave(scene.house, STRANGER, ticket.id, **about) == left
    assert (left.mode, left.waiting, left.email) == ("later", False, "eva@example.com")
    assert await scene.kinds(ticket) == ["opened", "later:customer", "message"]
    await scene.later(86_400)
    assert (await scene.ticket(ticket.id)).state == "open"


async def test_leaving_without_text_twice_is_harmless(scene: Scene) -> None:
    ticket = await scene.start(STRANGER)
    for _ in range(2):
        await tickets.leave(scene.house, STRANGER, ticket.id, cid=new_cid(), email="eva@example.com")
    assert await scene.kinds(ticket) == ["opened", "later:customer"]


async def test_leaving_under_the_id_of_an_earlier_message_leaves_the_queue_and_says_nothing_twice(
    scene: Scene,
) -> None:
    ticket, cid = await scene.start(STRANGER), new_cid()
    await talk.say(scene.house, STRANGER, ticket.id, cid, "¿Hola?")
    about: dict[str, str] = {"cid": cid, "email": "eva@example.com", "text": "¿Hola?"}
    left = await tickets.leave(scene.house, STRANGER, ticket.id, **about)
    assert (left.mode, left.waiting, left.email) == ("later", False, "eva@example.com")
    assert await tickets.leave(scene.house, STRANGER, ticket.id, **about) == left
    assert await scene.kinds(ticket) == ["opened", "message", "later:customer"]


@pytest.mark.parametrize("text", ["", "Mañana"])
async def test_a_leaving_that_is_repeated_after_the_ticket_was_closed_is_answered_as_the_first_was(
    scene: Scene, text: str
) -> None:
    ticket = await scene.start(STRANGER)
    about: dict[str, str] = {"cid": new_cid(), "email": "eva@example.com", "text": text}
    await tickets.leave(scene.house, STRANGER, ticket.id, **about)
    await scene.agent()
    await pairing.claim(scene.house, 1, ticket.id)
    closed = await tickets.close(scene.house, 1, ticket.id)
    assert await tickets.leave(scene.house, STRANGER, ticket.id, **about) == closed
    with refused("ticket_closed"):
        await tickets.leave(scene.house, STRANGER, ticket.id, cid=new_cid(), email="", text="Otra cosa")
    with refused("ticket_closed"):
        await tickets.leave(scene.house, STRANGER, ticket.id, cid=new_cid(), email="otra@example.com")


async def test_who_was_paired_meanwhile_does_not_leave_the_queue(scene: Scene) -> None:
    ticket = await scene.start(STRANGER)
    await scene.agent()
    await pairing.claim(scene.house, 1, ticket.id)
    with refused("ticket_not_waiting"):
        await tickets.leave(scene.house, STRANGER, ticket.id, cid=new_cid(), email="eva@example.com")


async def test_a_confirmed_solution_closes_and_frees_the_place_for_who_waits(scene: Scene) -> None:
    await scene.agent(capacity=1)
    first, second = await scene.chat(ANA), await scene.start(BEA)
    assert second.waiting
    await scene.proposes(first)
    closed = await tickets.answer(scene.house, ANA, first.id, True)
    assert (closed.state, closed.close_reason, closed.agent_id) == ("closed", "solved", 1)
    assert (await scene.ticket(second.id)).agent_id == 1


async def test_a_declined_solution_goes_on_and_is_the_agents_turn(scene: Scene) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    with refused("no_proposal"):
        await tickets.answer(scene.house, ANA, ticket.id, True)
    await scene.proposes(ticket)
    after = await tickets.answer(scene.house, ANA, ticket.id, False)
    assert (after.state, after.turn, after.proposal) == ("open", "agent", None)
    with refused("no_proposal"):
        await tickets.answer(scene.house, ANA, ticket.id, False)
    await scene.later(3600)
    assert (await scene.ticket(ticket.id)).state == "open"


async def test_talking_on_answers_the_proposal(scene: Scene) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    await scene.proposes(ticket)
    await scene.says(ANA, ticket)
    with refused("no_proposal"):
        await tickets.answer(scene.house, ANA, ticket.id, True)


async def test_an_unanswered_proposal_closes_by_inactivity(scene: Scene) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    await scene.proposes(ticket)
    await scene.later(299)
    assert (await scene.ticket(ticket.id)).state == "open"
    await scene.later(1)
    assert (await scene.ticket(ticket.id)).close_reason == "inactivity"


async def test_the_customer_ends_the_chat_and_the_queue(scene: Scene) -> None:
    waiting = await scene.start(ANA)
    assert (await tickets.end(scene.house, ANA, waiting.id)).close_reason == "abandoned"
    await scene.agent()
    chat = await scene.chat(ANA)
    assert (await tickets.end(scene.house, ANA, chat.id)).close_reason == "customer"
    with refused("ticket_closed"):
        await tickets.end(scene.house, ANA, chat.id)


async def test_the_tickets_agent_closes_it_and_nobody_else(scene: Scene) -> None:
    await scene.agent(1, capacity=1)
    ticket, waiting = await scene.chat(ANA), await scene.start(BEA)
    await scene.agent(2, status="busy")
    with refused("not_yours"):
        await tickets.close(scene.house, 2, ticket.id)
    closed = await tickets.close(scene.house, 1, ticket.id)
    assert closed.close_reason == "agent"
    assert (await scene.ticket(waiting.id)).agent_id == 1
    with refused("ticket_closed"):
        await tickets.close(scene.house, 1, ticket.id)
    with refused("unauthorized"):
        await tickets.close(scene.house, 99, ticket.id)


async def test_a_closed_ticket_takes_nothing_but_reading_and_rating(scene: Scene) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    await tickets.close(scene.house, 1, ticket.id)
    closed = await scene.ticket(ticket.id)
    for verb in (
        scene.says(ANA, ticket),
        talk.say_as_agent(scene.house, 1, ticket.id, new_cid(), "¿Sigues?"),
        tickets.propose(scene.house, 1, ticket.id, new_cid(), "¿Listo?"),
        tickets.answer(scene.house, ANA, ticket.id, True),
        tickets.leave(scene.house, ANA, ticket.id, cid=new_cid(), email="a@example.com"),
        talk.here(scene.house, ANA, ticket.id),
        talk.typing(scene.house, ANA, ticket.id),
        talk.typing_as_agent(scene.house, 1, ticket.id),
        pairing.claim(scene.house, 1, ticket.id),
    ):
        with refused("ticket_closed"):
            await verb
    assert await scene.ticket(ticket.id) == closed


async def test_a_rating_is_given_once_and_changeable_for_a_day(scene: Scene) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    with refused("not_rateable"):
        await tickets.rate(scene.house, ANA, ticket.id, 5)
    await tickets.close(scene.house, 1, ticket.id)
    await tickets.rate(scene.house, ANA, ticket.id, 2, " lento ")
    scene.clock.pass_seconds(86_399)
    rated = await tickets.rate(scene.house, ANA, ticket.id, 4)
    assert rated.rating is not None
    assert (rated.rating.stars, rated.rating.comment) == (4, "")
    assert (await scene.kinds(ticket)).count("rated") == 1
    scene.clock.pass_seconds(1)
    with refused("rating_over"):
        await tickets.rate(scene.house, ANA, ticket.id, 5)


async def test_a_rating_is_first_given_within_fourteen_days(scene: Scene) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    await tickets.close(scene.house, 1, ticket.id)
    scene.clock.pass_seconds(14 * 86_400)
    with refused("rating_over"):
        await tickets.rate(scene.house, ANA, ticket.id, 5)


async def test_nobody_rates_what_no_agent_answered(scene: Scene) -> None:
    ticket = await scene.start(ANA)
    await tickets.end(scene.house, ANA, ticket.id)
    with refused("not_rateable"):
        await tickets.rate(scene.house, ANA, ticket.id, 1)


async def test_a_strangers_ticket_looks_like_none_at_all(scene: Scene) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    await tickets.propose(scene.house, 1, ticket.id, new_cid(), "¿Listo?")
    await scene.app(2)
    await scene.agent(7, app_ids=(2,))
    before = await scene.ticket(ticket.id)
    for stranger in (BEA, who("ana", app_id=2)):
        for verb in (
            talk.say(scene.house, stranger, ticket.id, new_cid(), "Hola"),
            talk.seen(scene.house, stranger, ticket.id, 99),
            talk.here(scene.house, stranger, ticket.id),
            talk.typing(scene.house, stranger, ticket.id),
            tickets.answer(scene.house, stranger, ticket.id, True),
            tickets.end(scene.house, stranger, ticket.id),
            tickets.rate(scene.house, stranger, ticket.id, 1),
            tickets.leave(scene.house, stranger, ticket.id, cid=new_cid(), email="a@example.com"),
        ):
            with refused("not_found"):
                await verb
    for agent_verb in (
        talk.say_as_agent(scene.house, 7, ticket.id, new_cid(), "Hola"),
        talk.seen_by_agent(scene.house, 7, ticket.id, 99),
        talk.typing_as_agent(scene.house, 7, ticket.id),
        tickets.close(scene.house, 7, ticket.id),
        pairing.claim(scene.house, 7, ticket.id),
    ):
        with refused("not_found"):
            await agent_verb
    assert await scene.ticket(ticket.id) == before
