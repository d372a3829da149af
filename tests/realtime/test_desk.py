"""What an agent sees of who waits: a first page, the rest by paging, and all of it right while the queue moves."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

from msgspec.structs import replace

from chatserver.core.events import TicketChanged, desk_topic
from chatserver.realtime.agent import BEGINNING
from chatserver.realtime.counts import CountFeed
from chatserver.services import pairing, tickets
from chatserver.store import tickets as ticket_rows
from chatserver.store.work import Who
from tests.realtime.chat import Chat, Client, new_cid, until

WELCOME_BYTES = 262_144
WIDE = "𝕏"
"""Four bytes each."""
FAT = json.dumps({"url": WIDE * 2_000, "title": WIDE * 300, "host": {str(n): WIDE * 500 for n in range(20)}})


async def crowd(chat: Chat, count: int, *, later: bool = False, hostile: bool = False) -> list[int]:
    """So many tickets that wait, or are to be answered later, in their order."""
    app = chat.house.people.app_by_key("demo")
    about: dict[str, Any] = {"subject": "Ayuda", "context": FAT if hostile else "{}"}
    if hostile:
        about |= {
            "subject": WIDE * 200,
            "name": WIDE * 100,
            "email": f"{'a' * 60}@{'b' * 60}.{'b' * 60}.{'b' * 58}.example",
        }

    async def one(n: int) -> int:
        who = Who(app.id, f"anon:{later}{n}")
        if later:
            email = about.get("email") or "a@example.com"
            asked = about | {"cid": new_cid(), "text": WIDE * 8_000 if hostile else "Hola", "email": email}
            return (await tickets.request(chat.house, who, **asked)).id
        return (await tickets.start(chat.house, who, cid=new_cid(), **about)).id

    return list(await asyncio.gather(*map(one, range(count))))


class Desk:
    """A client's lists, held as docs/protocol.md says: the beginning of each, up to the last ticket that a page brought."""

    def __init__(self, agent: Client) -> None:
        self.agent = agent
        welcome = agent.welcome
        self.me = welcome["id"]
        self.tickets = {t["id"]: t for t in welcome["tickets"]}
        self.counts = {app["key"]: (app["waiting"], app["requests"]) for app in welcome["apps"]}
        self.ends: dict[str, tuple[int, int] | None] = {}
        for of in ("waiting", "requests"):
            own = [self.key(t) for t in welcome["tickets"] if self.of(t) == of]
            self.ends[of] = (max(own) if own else (BEGINNING, 0)) if of in welcome["more"] else None

    @staticmethod
    def of(ticket: dict[str, Any]) -> str:
        if ticket["state"] == "closed" or ticket["agent_id"] is not None:
            return ""
        return "requests" if ticket["mode"] == "later" else "waiting" if ticket["waiting"] else ""

    def key(self, ticket: dict[str, Any]) -> tuple[int, int]:
        return (ticket["queue_rank"] if self.of(ticket) == "waiting" else 0, ticket["id"])

    def listed(self, of: str) -> list[int]:
        return [t["id"] for t in sorted(self.tickets.values(), key=self.key) if self.of(t) == of]

    async def more(self, of: str) -> None:
        end = self.ends[of]
        assert end is not None
        await self.agent.send(type="desk", of=of, rank=end[0], after=end[1])
        while self.take(await self.agent.receive()) != ("desk", of):
            pass

    def take(self, frame: dict[str, Any]) -> tuple[str, str]:
        if frame["type"] == "count":
            self.counts[frame["app"]] = (frame["waiting"], frame["requests"])
        elif frame["type"] == "desk":
            for ticket in frame["tickets"]:
                self.tickets[ticket["id"]] = ticket
            if frame["of"] in self.ends:
                assert (frame["rank"], frame["after"]) == self.ends[frame["of"]]
                self.ends[frame["of"]] = self.key(frame["tickets"][-1]) if frame["more"] else None
        elif frame["type"] == "changed":
            self._changed(frame)
        return frame["type"], frame.get("of", "")

    def _changed(self, frame: dict[str, Any]) -> None:
        held = self.tickets.get(frame["ticket"])
        if held is not None and frame["version"] <= held["version"]:
            return
        view = frame.get("view")
        if view is None:
            if held is None:
                return  # beyond what is held
            assert frame["base"] == held["version"]
            view = held | frame["patch"]
        end = self.ends.get(self.of(view))
        if end is not None and self.key(view) > end:
            self.tickets.pop(view["id"], None)
        else:
            self.tickets[view["id"]] = view


async def in_the_queue(chat: Chat) -> list[int]:
    app = chat.house.people.app_by_key("demo")
    return [ticket_id for ticket_id, _ in await ticket_rows.waiting_ids(chat.db, app.id)]


async def test_a_welcome_stays_small_whoever_waits_and_all_of_them_can_be_reached(chat: Chat) -> None:
    await crowd(chat, 900, hostile=True)
    await crowd(chat, 300, later=True, hostile=True)
    async with chat.agent(status="away") as agent:
        size = len(json.dumps(agent.welcome, ensure_ascii=False).encode())
        assert size <= WELCOME_BYTES
        assert agent.welcome["more"] == ["waiting", "requests"]
        desk = Desk(agent)
        assert desk.counts == {"demo": (900, 300)}
        for of in ("waiting", "requests"):
            while desk.ends[of] is not None:
                await desk.more(of)
        assert desk.listed("waiting") == await in_the_queue(chat)
        assert len(desk.listed("requests")) == 300
        pages = [frame for frame in agent.got if frame["type"] == "desk"]
        assert max(len(json.dumps(page, ensure_ascii=False).encode()) for page in pages) <= WELCOME_BYTES


async def test_an_agents_own_tickets_all_come_in_frames_of_that_size(chat: Chat) -> None:
    for ticket in await crowd(chat, 150, later=True, hostile=True):
        await pairing.claim(chat.house, 1, ticket)
    async with chat.agent(status="away") as agent:
        desk, frame = Desk(agent), agent.welcome
        while len(desk.tickets) < 150:
            frame = await agent.receive()
            assert len(json.dumps(frame, ensure_ascii=False).encode()) <= WELCOME_BYTES
            desk.take(frame)
        assert {t["agent_id"] for t in desk.tickets.values()} == {1}
        assert not frame["more"]


async def test_what_the_host_page_passed_comes_with_the_ticket_that_is_opened_only(chat: Chat) -> None:
    (ticket,) = await crowd(chat, 1, hostile=True)
    async with chat.agent(status="away") as agent:
        assert "context" not in agent.welcome["tickets"][0]
        await agent.send(type="open", ticket=ticket)
        snapshot = await agent.expect("snapshot")
        assert snapshot["context"] == json.loads(FAT)


async def test_a_customers_tickets_are_told_closed_or_open_and_each_by_its_number(chat: Chat) -> None:
    async with chat.agent() as agent, chat.customer() as customer:
        first, second = await customer.start(), await customer.start()
        await customer.send(type="end", ticket=first)
        await customer.expect("done", verb="end")
        row = await chat.house.reads.ticket([1], second)
        assert row is not None
        for open_too, expected in ((False, [first]), (True, [second])):
            await agent.send(type="tickets", customer=row.customer.id, open=open_too)
            page = await agent.expect("tickets", customer=row.customer.id)
            assert ([view["id"] for view in page["tickets"]], page["more"]) == (expected, False)
            assert page.get("open", False) is open_too
        await agent.send(type="find", app="demo", number=row.number)
        found = {"type": "found", "app": "demo", "number": row.number, "ticket": second}
        assert await agent.expect("found") == found
        await agent.send(type="find", app="demo", number=2**31 - 1)
        assert (await agent.expect("error", verb="find"))["code"] == "not_found"


async def test_an_agent_finds_tickets_by_words_and_numbers_and_twenty_at_most(chat: Chat) -> None:
    made = await crowd(chat, 22)
    async with chat.agent(status="away") as agent:
        first = await chat.house.reads.ticket([1], made[0])
        assert first is not None
        await agent.send(type="search", words=f"#{first.number}")
        assert [one["id"] for one in (await agent.expect("searched"))["tickets"]] == made[:1]
        await agent.send(type="search", words=first.subject)
        page = await agent.expect("searched", words=first.subject)
        assert ([one["id"] for one in page["tickets"]], page["more"]) == (made[:1:-1], True)
        await agent.send(type="search", words="nada de esto")
        assert await agent.expect("searched", words="nada de esto") == {
            "type": "searched",
            "words": "nada de esto",
            "tickets": [],
            "more": False,
        }


async def test_a_held_beginning_of_the_queue_stays_right_while_the_queue_moves(chat: Chat) -> None:
    dice = random.Random(7)
    await crowd(chat, 250)
    async with chat.agent(status="away") as agent, chat.agent(2, status="away") as other:
        desk, (app,) = Desk(agent), chat.house.people.apps
        extra = iter(range(10_000))
        for step in range(120):
            queue = await in_the_queue(chat)
            match dice.randrange(4):
                case 0:
                    who = Who(app, f"anon:extra{next(extra)}")
                    await tickets.start(chat.house, who, cid=new_cid(), subject="Otra", context="{}")
                case 1:
                    busy = next((t for t in reversed(other.got) if t.get("verb") == "claim"), None)
                    if busy is None or step % 8 == 1:
                        await other.send(type="claim", ticket=queue[0])
                        await other.expect("done", verb="claim")
                    else:  # back to the head of the queue
                        await pairing.agent_signed_out(chat.house, 2)
                        other.got.clear()
                case 2:
                    gone = dice.choice(queue)
                    found = await chat.house.ticket(gone)
                    await tickets.end(chat.house, Who(app, found.customer.key), gone)
                case 3 if desk.ends["waiting"] is not None and step % 3 == 0:
                    await desk.more("waiting")
            await agent.send(type="ping")
            while (frame := await agent.receive())["type"] != "pong":
                desk.take(frame)
            queue = await in_the_queue(chat)
            held = desk.listed("waiting")
            assert held == queue[: len(held)]
            assert desk.ends["waiting"] is not None or len(held) == len(queue)
        while desk.ends["waiting"] is not None:
            await desk.more("waiting")
        assert desk.listed("waiting") == await in_the_queue(chat)
        while desk.counts["demo"] != (len(desk.listed("waiting")), 0):
            desk.take(await agent.receive())


async def test_a_crowd_is_counted_once_per_moment(chat: Chat) -> None:
    (ticket,) = await crowd(chat, 1)
    view = await chat.house.ticket(ticket)
    counted: list[int] = []
    rest: asyncio.Queue[float] = asyncio.Queue()
    goes_on = asyncio.Event()

    async def lookup(app_id: int) -> tuple[int, int]:
        counted.append(app_id)
        return len(counted), 0

    async def wait(seconds: float) -> None:
        rest.put_nowait(seconds)
        await goes_on.wait()

    feed = CountFeed(chat.house.bus, lookup, lambda app_id: "demo", wait)
    heard: list[dict[str, Any]] = []
    feed.join(view.app_id, lambda packet: heard.append(json.loads(packet.body)))
    left = TicketChanged(view, replace(view, state="closed"), ())
    said = TicketChanged(view, replace(view, last_seq=view.last_seq + 1), ())
    for event in (said, left, left, left):
        chat.house.bus.publish(event, [desk_topic(view.app_id)])
    assert await rest.get() > 0
    for event in (left, said, left):
        chat.house.bus.publish(event, [desk_topic(view.app_id)])
    goes_on.set()
    await until(lambda: len(heard) == 2)
    assert [frame["waiting"] for frame in heard] == [1, 2]
    feed.stop()
