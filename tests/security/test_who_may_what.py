"""Every verb of the wire against a ticket that is not the speaker's: nothing is read, nothing is written, nobody hears of it.

The table is held against the wire's unions: a frame type without a row fails.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, get_args

import pytest

from chatserver.realtime.wire import AgentFrame, CustomerFrame
from chatserver.store import accounts
from tests.realtime.chat import WIDE, Chat, Client, new_cid, serving

CID = "cid"
# verb → the fields of a frame that is right but for its ticket; None: it names no ticket, and has a test of its own below
CUSTOMER: dict[str, dict[str, Any] | None] = {
    "hello": None,
    "start": None,
    "request": None,
    "tickets": None,
    "ping": None,
    "complete": {"cid": CID, "form": {"phone": "300"}},
    "leave": {"cid": CID, "email": "eva@x.test", "text": "hola"},
    "say": {"cid": CID, "text": "hola"},
    "typing": {"on": True},
    "seen": {"seq": 1},
    "here": {},
    "answer": {"solved": True},
    "end": {},
    "rate": {"stars": 1, "comment": "mal"},
    "open": {},
    "history": {"before": 100},
    "links": {"seq": 1},
}
AGENT: dict[str, dict[str, Any] | None] = {
    "hello": None,
    "tickets": None,
    "ping": None,
    "status": None,
    "desk": None,
    "say": {"cid": CID, "text": "hola"},
    "propose": {"cid": CID, "text": "¿Quedó resuelto?"},
    "typing": {"on": True},
    "seen": {"seq": 1},
    "claim": {},
    "close": {},
    "pend": {},
    "send_back": {"missing": ["phone"]},
    "reject": {"reason": "no"},
    "classify": {"said": {"priority": 4}},
    "copy": {"addresses": ["luz@x.test"]},
    "note": {"cid": CID, "text": "cuidado"},
    "notes": {},
    "unread_notes": None,
    "find": None,
    "search": None,
    "seen_notes": {"seq": 1},
    "open": {},
    "history": {"before": 100},
    "links": {"seq": 1},
}
ALLOWED = ("open", "history", "seen", "links", "note", "notes", "seen_notes")
"""What an agent may do with a colleague's ticket."""


def verbs(union: Any) -> set[str]:
    return {struct.__struct_config__.tag for struct in get_args(union)}


def naming_a_ticket(union: Any) -> set[str]:
    return {s.__struct_config__.tag for s in get_args(union) if "ticket" in s.__struct_fields__}


@pytest.mark.parametrize(("union", "table"), [(CustomerFrame, CUSTOMER), (AgentFrame, AGENT)])
def test_every_frame_has_a_row(union: Any, table: dict[str, dict[str, Any] | None]) -> None:
    assert verbs(union) == set(table)
    assert naming_a_ticket(union) == {verb for verb, fields in table.items() if fields is not None}


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Chat]:
    """Two apps: `demo` with the agents 1 and 2, `otra` with the agent 3."""
    async with serving(tmp_path, limits=WIDE) as chat:
        now = time.time_ns() // 1_000_000
        other = await accounts.add_app(
            chat.db, key="otra", name="Otra", secret="o" * 32, schedule='{"always":true}', created_at=now
        )
        await accounts.add_agent(
            chat.db, email="eva@x.test", name="Eva", password_hash="-", app_ids=[other], now=now
        )
        await chat.house.refresh()
        yield chat


async def attended(chat: Chat, exit: AsyncExitStack) -> tuple[Client, Client, int]:  # noqa: A002
    """A customer, the agent 1 who attends them, and their ticket with a message each."""
    agent = await exit.enter_async_context(chat.agent(1))
    owner = await exit.enter_async_context(chat.customer("owner"))
    ticket = await owner.start()
    await owner.say(ticket, "mi secreto")
    await agent.say(ticket, "lo guardo")
    return owner, agent, ticket


async def stands(owner: Client, ticket: int) -> dict[str, Any]:
    await owner.send(type="open", ticket=ticket)
    return await owner.expect("snapshot")


def frame(verb: str, fields: dict[str, Any], ticket: int) -> dict[str, Any]:
    cid = {"cid": new_cid()} if CID in fields else {}
    return {"type": verb, "ticket": ticket, **fields, **cid}


async def test_a_foreign_ticket_does_not_exist_for_customers(town: Chat) -> None:
    async with AsyncExitStack() as exit_:
        owner, _, ticket = await attended(town, exit_)
        before = await stands(owner, ticket)
        same_app = await exit_.enter_async_context(town.customer("eva"))
        other_app = await exit_.enter_async_context(town.socket("/ws/customer"))
        # Of the very same name: the app is part of who somebody is.
        await other_app.send(type="hello", v=1, app="otra", token="customer:owner")
        assert (await other_app.expect("welcome"))["tickets"] == []
        for stranger in (same_app, other_app):
            for verb, fields in CUSTOMER.items():
                if fields is not None:
                    await stranger.send(**frame(verb, fields, ticket))
                    answer = await stranger.expect("error", verb=verb)
                    assert (answer["code"], answer["ticket"]) == ("not_found", ticket)
            assert "secreto" not in str(stranger.got)
        heard = len(owner.got)
        after = await stands(owner, ticket)
        assert after == before
        assert len(owner.got) == heard + 1, "the owner heard of it"


async def test_a_ticket_of_another_app_does_not_exist_for_agents(town: Chat) -> None:
    async with AsyncExitStack() as exit_:
        owner, agent, ticket = await attended(town, exit_)
        waiting = await owner.start("Otro")  # nobody's yet, or agent 1's
        before = await stands(owner, ticket)
        stranger = await exit_.enter_async_context(town.agent(3))
        assert stranger.welcome["tickets"] == []
        for of in ("waiting", "requests"):
            await stranger.send(type="desk", of=of)
            assert (await stranger.expect("desk", of=of))["tickets"] == []
        for number in (ticket, waiting):
            for verb, fields in AGENT.items():
                if fields is not None:
                    await stranger.send(**frame(verb, fields, number))
                    answer = await stranger.expect("error", verb=verb)
                    assert (answer["code"], answer["ticket"]) == ("not_found", number)
        await owner.send(type="end", ticket=waiting)
        await owner.expect("done", verb="end")
        await stranger.send(type="tickets", customer=agent.welcome["id"])
        await stranger.expect("tickets", tickets=[])
        row = await town.house.reads.ticket(town.house.people.agent(1).app_ids, ticket)
        assert row is not None
        for open_too in (False, True):
            await stranger.send(type="tickets", customer=row.customer.id, open=open_too)
            await stranger.expect("tickets", tickets=[])
        assert row.app_id not in town.house.people.agent(3).app_ids
        for app in ("demo", "otra", "nowhere"):
            await stranger.send(type="find", app=app, number=row.number)
            assert (await stranger.expect("error", verb="find"))["code"] == "not_found"
        for words in (f"#{row.number}", str(row.number), row.subject, "owner"):
            await stranger.send(type="search", words=words)
            await stranger.expect("searched", words=words, tickets=[])
        assert await stands(owner, ticket) == before
        assert not {"changed", "typing", "queue"} & {f["type"] for f in stranger.got}


async def test_a_colleague_reads_and_makes_notes_and_does_not_speak(town: Chat) -> None:
    async with AsyncExitStack() as exit_:
        owner, _, ticket = await attended(town, exit_)
        colleague = await exit_.enter_async_context(town.agent(2, status="away"))
        before = await stands(owner, ticket)
        for verb, fields in AGENT.items():
            if fields is None:
                continue
            await colleague.send(**frame(verb, fields, ticket))
            if verb not in ALLOWED:
                code = "ticket_not_waiting" if verb == "claim" else "not_yours"
                assert (await colleague.expect("error", verb=verb))["code"] == code
        await colleague.expect("notes")
        await colleague.expect("snapshot")
        await colleague.expect("items")
        assert await stands(owner, ticket) == before, "what others read and note is not shown to the customer"


async def test_verbs_without_a_ticket_reach_nothing_of_others(town: Chat) -> None:
    async with AsyncExitStack() as exit_:
        owner, agent, ticket = await attended(town, exit_)
        number = (await stands(owner, ticket))["view"]["number"]
        stranger = await exit_.enter_async_context(town.customer("eva"))
        await stranger.send(type="tickets", before=0)
        await stranger.expect("tickets", tickets=[])
        await stranger.send(type="tickets", before=2**53 - 1, customer=1)
        await stranger.expect("tickets", tickets=[])
        await stranger.send(type="hello", v=1, app="demo", token="customer:owner")
        await stranger.expect("error", verb="hello", code="bad_frame")
        for verb, more in (("start", {}), ("request", {"text": "hola", "email": "eva@x.test"})):
            cid = new_cid()
            await stranger.send(type=verb, cid=cid, subject="Sigo", follows=number, **more)
            mine = (await stranger.expect("ack", cid=cid))["ticket"]
            assert (await stands(stranger, mine))["view"]["follows"] == 0
        for verb in verbs(AgentFrame) - verbs(CustomerFrame):
            await stranger.send(type=verb, ticket=ticket, cid=new_cid(), text="x", status="away")
            assert (await stranger.expect("error"))["code"] == "unknown_type"
            await stranger.still_speaks()  # so many bad frames in a row would end it
        for verb in verbs(CustomerFrame) - verbs(AgentFrame):
            await agent.send(type=verb, ticket=ticket)
            assert (await agent.expect("error"))["code"] == "unknown_type"
            await agent.still_speaks()
