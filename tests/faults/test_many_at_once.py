"""Many sockets say things at once, some of them over and over, on one server or on three: each message is there once, with one
number, in one order."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from tests.checker.checker import Evidence, Stored, check
from tests.faults.crowd import AT_EASE
from tests.faults.nodes import several_with_redis
from tests.harness.peers import AgentPeer, CustomerPeer, Diary, Peer, new_cid
from tests.harness.server import Server, running
from tests.harness.sign_in import Desk
from tests.harness.sizes import SEED, size
from tests.harness.waiting import soon

pytestmark = pytest.mark.fault

SENDS = size(1_000, 10_000)
SENDS_AT_NODES = size(400, 10_000)
PEOPLE = 5
"""What one person may say at once is limited, also with the widest limits."""
REPEATS = 5
"""A frame is sent so often at most, over either of two sockets."""
UNDER_WAY = 100
"""Frames without an answer, for each socket."""
WRITERS = 50
MESSAGES = size(1_000, 10_000)
WRITERS_AT_NODES = size(30, 150)
"""Fifty at each of three: half of them the customer's sockets, half of them the agent's; nobody else may write in a ticket."""
MESSAGES_AT_NODES = size(600, 10_000)

BEHIND = 300
"""Messages that the slowest screen may lack when everybody says one more. All these clients share one processor: what they have
been sent and not read yet is missing to them when two nodes speak in another order than they commit and a client asks for the
gap. Beyond 500 the answer to that is the newest part alone (PROMISES P4)."""


@pytest.fixture(params=["one server", "three nodes"])
def servers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[Server]]:
    if request.param == "one server":
        with running(tmp_path, **AT_EASE) as server:
            yield [server]
        return
    url = request.getfixturevalue("postgres_server").demo()
    with several_with_redis(tmp_path, url) as nodes:
        yield nodes


# — every send up to five times, on two sockets ————————————————————————————————


class Repeater:
    """One socket of somebody who does not trust the network: it notes each answer that every copy got."""

    def __init__(self, socket: ClientConnection, answers: dict[str, list[int]]) -> None:
        self.socket = socket
        self.answers = answers
        self.room = asyncio.Semaphore(UNDER_WAY)

    async def send(self, frame: dict[str, Any]) -> None:
        await self.room.acquire()
        await self.socket.send(json.dumps(frame))

    async def listen(self) -> None:
        async for text in self.socket:
            frame = json.loads(text)
            assert frame["type"] not in ("error", "goaway"), frame
            if frame["type"] == "ack":
                self.answers[frame["cid"]].append(frame.get("seq") or frame["ticket"])
                self.room.release()


@asynccontextmanager
async def repeater(server: Server, token: str, answers: dict[str, list[int]]) -> AsyncIterator[Repeater]:
    address = f"ws://127.0.0.1:{server.port}/ws/customer"
    options: dict[str, Any] = {"compression": None, "ping_interval": None, "proxy": None}
    async with connect(address, origin=Origin(server.origin), **options) as socket:
        await socket.send(json.dumps({"type": "hello", "v": 1, "app": "demo", "token": token}))
        assert json.loads(await socket.recv())["type"] == "welcome"
        one = Repeater(socket, answers)
        async with asyncio.TaskGroup() as tasks:  # an answer that it does not like ends the story
            listening = tasks.create_task(one.listen())
            yield one
            listening.cancel()


async def first_token(server: Server) -> str:
    """A new customer's, to be the same person on several sockets."""
    peer = CustomerPeer("ana", server.port, Diary(), random.Random(SEED))
    running = asyncio.create_task(peer.run())
    try:
        await soon(lambda: peer.token, "a first welcome")
    finally:
        running.cancel()
    return peer.token


async def repeats(here: Server, there: Server, sends: int, dice: random.Random) -> tuple[int, int]:
    """One customer's part: a ticket and so many messages, everything over and over on two sockets, one to each of the servers,
    which may be the same. Gives messages and frames."""
    answers, copies = defaultdict[str, list[int]](list), dict[str, int]()
    token = await first_token(here)
    async with repeater(here, token, answers) as one, repeater(there, token, answers) as two:

        async def send(frame: dict[str, Any]) -> None:
            copies[frame["cid"]] = dice.randint(1, REPEATS)
            for _ in range(copies[frame["cid"]]):
                await dice.choice((one, two)).send(frame)

        def answered() -> bool:
            return all(len(answers[cid]) == count for cid, count in copies.items())

        start = {"type": "start", "cid": new_cid(), "subject": "Una sola vez"}
        await send(start)
        await soon(answered, "every copy of the start has its answer")
        (ticket,) = set(answers.pop(start["cid"]))
        del copies[start["cid"]]
        for n in range(sends):
            await send({"type": "say", "ticket": ticket, "cid": new_cid(), "text": f"n.º {n}"})
        await soon(answered, "every copy has its answer", 120)
    assert all(len(set(numbers)) == 1 for numbers in answers.values()), f"seed {SEED}: two numbers for one"
    rows = await here.rows(f"SELECT cid, seq FROM items WHERE kind = 'message' AND ticket_id = {ticket}")
    assert len(rows) == sends
    assert dict(rows) == {cid: numbers[0] for cid, numbers in answers.items()}
    return len(rows), sum(copies.values())


def test_a_message_sent_up_to_five_times_over_two_sockets_is_stored_once_and_answered_alike(
    servers: list[Server],
) -> None:
    async def story() -> None:
        each = (SENDS if len(servers) == 1 else SENDS_AT_NODES) // PEOPLE
        doors = itertools.cycle(servers)  # of several servers everybody's second socket is at another one
        parts = [repeats(next(doors), next(doors), each, random.Random(SEED + n)) for n in range(PEOPLE)]
        done = await asyncio.gather(*parts)
        assert await servers[0].rows("SELECT count(*) FROM tickets") == [(PEOPLE,)]
        print(f"{sum(rows for rows, _ in done)} messages in {sum(frames for _, frames in done)} frames")

    asyncio.run(story())


# — many writers on one ticket —————————————————————————————————————————————————


class Room:
    """One ticket, and so many sockets of its customer and of its agent, half and half, spread over the servers."""

    def __init__(self, servers: Sequence[Server], token: str, writers: int, messages: int) -> None:
        self.servers = servers
        self.messages = messages
        self.diary = Diary()
        dice, desk = random.Random(SEED), Desk(servers[0], "luis@demo.test")
        desk.token()  # the sign-in; from here on there is a session that all tabs share, wherever they are
        ports = itertools.cycle(server.port for server in servers)
        self.customers = [
            CustomerPeer(f"cliente-{n}", next(ports), self.diary, dice) for n in range(writers // 2)
        ]
        for customer in self.customers:
            customer.token = token
        self.agents = [
            AgentPeer(f"agente-{n}", next(ports), self.diary, dice, desk.token) for n in range(writers // 2)
        ]
        self.ticket = 0

    @property
    def everybody(self) -> list[Peer]:
        return [*self.customers, *self.agents]

    async def gather(self) -> None:
        await soon(lambda: all(peer.online for peer in self.everybody), "all sockets are in", 60)
        await self.agents[0].is_available()
        self.ticket = await self.customers[0].starts_chat("Con todos a la vez")
        await soon(lambda: all(peer.tickets() for peer in self.agents), "every tab of the agent has it")

    async def talk(self) -> None:
        """Everybody at once, round after round; a few of each are under way at any time."""
        for said in range(0, self.messages, len(self.everybody)):
            await soon(partial(self.keeps_up, said), "every screen keeps up", 60)
            for peer in self.everybody[: self.messages - said]:
                peer.say(self.ticket)
                await peer.flush()
        await soon(lambda: all(peer.settled() for peer in self.everybody), "all is acknowledged", 60)

    def keeps_up(self, said: int) -> bool:
        return min(peer.threads[self.ticket].last for peer in self.everybody) >= said - BEHIND

    async def stored(self) -> list[Stored]:
        """A message's author is the socket that it came over: its text says which."""
        rows = await self.servers[0].rows("SELECT ticket_id, seq, cid, kind, text FROM items")
        return [
            Stored(ticket, seq, text.split(" de ")[1] if kind == "message" else "system", cid or "")
            for ticket, seq, cid, kind, text in rows
        ]

    def level(self, last: int) -> bool:
        return all(peer.threads[self.ticket].last == last for peer in self.everybody)


def test_many_writers_on_one_ticket_see_one_order_without_a_gap(servers: list[Server]) -> None:
    async def story() -> None:
        alone = len(servers) == 1
        writers, messages = (WRITERS, MESSAGES) if alone else (WRITERS_AT_NODES, MESSAGES_AT_NODES)
        room = Room(servers, await first_token(servers[0]), writers, messages)
        tasks = [asyncio.create_task(peer.run()) for peer in room.everybody]
        try:
            await room.gather()
            began = time.monotonic()
            await room.talk()
            stored = await room.stored()
            await soon(lambda: room.level(len(stored)), "every screen is level with the database", 120)
            took = time.monotonic() - began
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert sum(row.cid != "" for row in stored) == messages
        # Who takes what they are sent is never told to begin anew: each screen shows all there is, from the first item on.
        assert not any(item.forget for item in room.diary.shown), f"seed {SEED}: a screen began anew"
        # One ticket, so one sequence: rule c holds every one of the screens against it.
        members = {room.ticket: frozenset(peer.name for peer in room.everybody)}
        violations = check(Evidence(room.diary.history, room.diary.shown, stored, members))
        assert not violations, f"seed {SEED}: {violations[:5]} ({len(violations)} in all)"
        print(f"{messages} messages of {writers} sockets, {len(room.diary.shown)} shown, in {took:.0f} s")

    asyncio.run(story())
