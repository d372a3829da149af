"""The whole form and the verbs of a ticket that is answered later, over real sockets: who sees what of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from chatserver.core.forms import Field, Form, Words
from tests.realtime.chat import Chat, Client, new_cid

FORM = {
    "type": "incident",
    "priority": 4,
    "why": "Caja detenida",
    "case_kind": "patient",
    "case": "Juana Paz Soto",
    "tax_country": "CL",
    "tax_id": "76.086.428-5",
    "cc": ["luz@example.com"],
}
ASKED = {"subject": "No sale", "text": "Desde ayer", "email": "ana@example.com"}


class Holder:
    """What a client holds of one ticket, kept right by what it hears, as the protocol says."""

    def __init__(self, client: Client, ticket: int) -> None:
        self.client = client
        self.ticket = ticket
        self.view: dict[str, Any] = {}
        self.form: dict[str, Any] = {}
        self.items: list[dict[str, Any]] = []
        self._heard = 0

    async def open(self) -> dict[str, Any]:
        await self.client.send(type="open", ticket=self.ticket)
        snapshot = await self.client.expect("snapshot")
        self._heard = len(self.client.got)
        return snapshot

    async def begin(self) -> None:
        snapshot = await self.open()
        self.view, self.form, self.items = snapshot["view"], snapshot["form"], snapshot["items"]

    async def is_right(self) -> None:
        """What was heard since leads to what a fresh snapshot says."""
        before = self._heard
        fresh = await self.open()
        for frame in self.client.got[before : self._heard]:
            if frame["type"] == "changed" and frame["version"] > self.view["version"]:
                assert "view" in frame or frame["base"] == self.view["version"]
                self.view = frame.get("view") or self.view | frame["patch"]
                self.form = frame.get("form") or self.form
                self.items += frame.get("items", [])
        assert (self.view, self.form) == (fresh["view"], fresh["form"])
        assert [item["seq"] for item in self.items] == list(range(1, self.view["last_seq"] + 1))
        assert self.items == fresh["items"]


async def asked(customer: Client, form: dict[str, Any] | None = None) -> int:
    cid = new_cid()
    await customer.send(type="request", cid=cid, form=form or FORM, **ASKED)
    return int((await customer.expect("ack", cid=cid))["ticket"])


async def does(client: Client, verb: str, ticket: int, **fields: Any) -> None:
    await client.send(type=verb, ticket=ticket, **fields)
    await client.expect("done", verb=verb)


async def with_fields(chat: Chat, *fields: Field) -> None:
    people = chat.house.people
    apps = {i: replace(app, form=Form(fields=fields)) for i, app in people.apps.items()}
    chat.house.people = type(people)(apps, people.agents, people.schedules, people.keys)


async def test_a_form_is_told_whole_to_who_opens_it_and_masked_in_lists(chat: Chat) -> None:
    async with chat.agent() as agent, chat.customer() as customer:
        ticket = await asked(customer)
        view = (await agent.expect("changed", ticket=ticket))["view"]
        assert (view["source"], view["type"], view["priority"]) == ("form", "incident", 0)
        assert (view["case_kind"], view["case"]) == ("patient", "••••••to")
        assert view["answer_by"] - view["opened_at"] == 8 * 3_600_000
        assert "Juana" not in json.dumps(agent.got)
        snapshot = await Holder(agent, ticket).open()
        assert snapshot["form"]["case"] == "Juana Paz Soto"
        assert (snapshot["form"]["asked"], snapshot["form"]["tax_id"]) == (4, "760864285")
        await customer.send(type="tickets")
        (listed,) = (await customer.expect("tickets"))["tickets"]
        assert listed["case"] == "••••••to"
        assert (await Holder(customer, ticket).open())["form"]["cc"] == ["luz@example.com"]


async def test_all_that_is_wrong_with_a_form_is_told_at_once_by_field(chat: Chat) -> None:
    await with_fields(chat, Field("version", "text", Words("a", "b", "c"), required=True))
    async with chat.customer() as customer:
        cid = new_cid()
        form = {"priority": 4, "company": "x" * 101, "url": "javascript:alert(1)", "type": "<b>"}
        await customer.send(type="request", cid=cid, subject="a", text="x", email="nobody", form=form)
        error = await customer.expect("error", cid=cid)
        assert (error["code"], error["verb"]) == ("bad_form", "request")
        assert error["fields"] == {
            "subject": {"code": "too_short", "limit": 3},
            "email": {"code": "bad_email"},
            "type": {"code": "bad_choice"},
            "why": {"code": "required"},
            "company": {"code": "too_long", "limit": 100},
            "url": {"code": "bad_url"},
            "version": {"code": "required"},
        }
        await customer.send(
            type="request", cid=cid, form={"fields": {"version": "1"}, "type": "question"}, **ASKED
        )
        assert (await customer.expect("ack", cid=cid))["number"] == 1001, "under the same id, mended"


@pytest.mark.parametrize(
    "form",
    [
        1,
        [],
        {"strange": 1},
        {"type": 1},
        {"fields": {"a": 1}},
        {"cc": "a@b.co"},
        {"cc": ["a"] * 51},
        {"priority": "4"},
    ],
)
async def test_a_form_of_another_shape_is_a_bad_frame(chat: Chat, form: Any) -> None:
    async with chat.customer() as customer:
        cid = new_cid()
        await customer.send(type="request", cid=cid, form=form, **ASKED)
        assert (await customer.expect("error", cid=cid))["code"] == "bad_frame"
        await customer.still_speaks()


async def test_what_both_sides_hear_of_every_verb_is_what_a_fresh_snapshot_says(chat: Chat) -> None:
    await with_fields(chat, Field("version", "text", Words("a", "b", "c")))
    async with chat.agent() as agent, chat.customer() as customer:
        ticket = await asked(customer)
        sides = Holder(customer, ticket), Holder(agent, ticket)
        for side in sides:
            await side.begin()

        async def all_right() -> None:
            for side in sides:
                await side.is_right()

        await does(
            agent,
            "classify",
            ticket,
            said={"priority": 2, "type": "question", "impact": 3, "development": True},
        )
        await all_right()
        assert sides[0].form["impact"] == sides[1].form["impact"] == 3
        await does(agent, "claim", ticket)
        await does(agent, "pend", ticket, cid=new_cid(), text="¿Y la foto?")
        await all_right()
        assert sides[0].view["state"] == "pending"
        assert sides[0].view["closes_at"] == sides[1].view["closes_at"] is not None
        await customer.say(ticket, "Va")
        await all_right()
        await does(agent, "pend", ticket)
        await does(agent, "pend", ticket, on=False)
        await all_right()
        await does(agent, "send_back", ticket, missing=["case", "version"], cid=new_cid(), text="Falta")
        await all_right()
        assert sides[0].view["missing"] == ["case", "version"]
        cid = new_cid()
        form = {"case_kind": "invoice", "case": "F-1", "fields": {"version": "4.2"}}
        for _ in range(2):
            await customer.send(type="complete", ticket=ticket, cid=cid, form=form)
            await customer.expect("ack", cid=cid)
        await all_right()
        assert sides[1].form["case"] == "F-1"
        assert sides[1].view["case"] == "F-1", "an invoice is no secret"
        await does(agent, "reject", ticket, reason="Es de otro equipo")
        await all_right()
        assert (sides[0].items[-1]["text"], sides[0].view["close_reason"]) == (
            "Es de otro equipo",
            "rejected",
        )
        for secret in ("priority", "development", "answer_by", "author"):
            assert secret not in json.dumps([frame for frame in customer.got if frame["type"] != "error"])


async def test_who_resumes_has_the_form_as_it_is_now(chat: Chat) -> None:
    async with chat.agent() as agent:
        async with chat.customer() as customer:
            ticket = await asked(customer)
            await does(agent, "claim", ticket)
            epoch = customer.welcome["epoch"]
        await does(agent, "classify", ticket, said={"impact": 3})
        async with chat.customer() as customer:
            await customer.send(type="open", ticket=ticket, after=1, epoch=epoch)
            assert (await customer.expect("changed", ticket=ticket))["form"]["impact"] == 3


@pytest.mark.parametrize(
    ("verb", "fields", "code"),
    [
        ("pend", {}, "ticket_live"),
        ("send_back", {"missing": ["phone"]}, "ticket_live"),
        ("send_back", {"missing": []}, "bad_frame"),
        ("send_back", {"missing": ["x" * 41]}, "bad_frame"),
        ("pend", {"cid": "short"}, "bad_frame"),
        ("reject", {"reason": " "}, "too_short"),
        ("reject", {"reason": "x" * 1_001}, "too_long"),
        ("classify", {"said": {"priority": 5}}, "bad_frame"),
        ("classify", {"said": {"agent_id": 1}}, "bad_frame"),
        ("classify", {"said": {"category": "none"}}, "bad_form"),
        ("classify", {}, "bad_frame"),
    ],
)
async def test_an_agents_verb_that_cannot_be_is_refused_and_closes_nothing(
    chat: Chat, verb: str, fields: dict[str, Any], code: str
) -> None:
    async with chat.agent() as agent, chat.customer() as customer:
        ticket = await customer.start()
        await agent.expect("changed", ticket=ticket)
        await agent.send(type=verb, ticket=ticket, **fields)
        assert (await agent.expect("error", verb=verb))["code"] == code
        await agent.still_speaks()


async def test_nothing_is_missing_of_a_ticket_that_was_not_sent_back(chat: Chat) -> None:
    async with chat.customer() as customer:
        ticket = await asked(customer)
        await customer.send(type="complete", ticket=ticket, cid=new_cid(), form={})
        assert (await customer.expect("error", verb="complete"))["code"] == "nothing_missing"
