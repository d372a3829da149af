"""Customers and agents who talk without a pause while the server is being broken, and the diary of it all."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from tests.checker.checker import Evidence, Stored, check, write_lines
from tests.harness.peers import AgentPeer, CustomerPeer, Diary, Peer
from tests.harness.server import Server
from tests.harness.sign_in import Desk
from tests.harness.sizes import SEED
from tests.harness.waiting import PATIENCE, soon

MAILS = ("ana@demo.test", "luis@demo.test")
BACKLOG = 6
"""Messages that each client keeps waiting, for each of its tickets."""
AT_EASE: dict[str, Any] = {
    "messages_per_minute": 100_000,
    "messages_burst": 10_000,
    "reads_per_minute": 1_000_000,
    "reads_burst": 100_000,
    "frames_per_minute": 1_000_000,
    "frames_burst": 100_000,
    "connections_per_second": 10_000,
}
"""The limits of a single client are not what is tested here. They are the widest that the settings allow, and still limits: a
client that takes a refusal for a failure may say 10,000 messages, and beyond them 1,667 a second."""


class Crowd:
    """So many customers, a chat each, and the two agents of the demo: both need places for half of them. They come to any of the
    servers, and after each cut to any of them again."""

    def __init__(self, servers: Sequence[Server], customers: int, seed: int) -> None:
        self.servers = list(servers)
        self.home: dict[str, Server] = {}
        """By name, who comes to this one alone."""
        self.diary = Diary()
        self.dice = random.Random(seed)
        dice, port = self.dice, servers[0].port
        self.customers = [CustomerPeer(f"cliente-{n}", port, self.diary, dice) for n in range(customers)]
        self.desks = {(server.port, mail): Desk(server, mail) for server in servers for mail in MAILS}
        self.agents = [
            AgentPeer(mail, port, self.diary, dice, self.desks[port, mail].token) for mail in MAILS
        ]
        for peer in self.everybody:
            peer.before_connecting = partial(self.choose, peer)
        self.talking = True
        self.calm = False
        """Customers say one thing at a time and agents only read: nothing that they say themselves brings them what they missed,
        and nobody falls so far behind that they are shown the newest part alone."""
        self.ticket_of: dict[str, int] = {}
        self.rows: list[Stored] = []
        """What is stored, as of `healed`."""

    def choose(self, peer: Peer) -> None:
        peer.comes_to((self.home.get(peer.name) or self.dice.choice(self.servers)).port)
        if isinstance(peer, AgentPeer):
            # A token for a socket is good at any server, whichever gave it.
            peer.ticket_for_socket = self.desks[self.dice.choice(self.servers).port, peer.name].token

    @property
    def everybody(self) -> list[Peer]:
        return [*self.customers, *self.agents]

    async def gather(self) -> None:
        """Agents available, a ticket for each customer, each with an agent."""
        await soon(lambda: all(agent.online for agent in self.agents), "both agents are in")
        for agent in self.agents:
            await agent.is_available()
        await soon(lambda: all(customer.online for customer in self.customers), "all customers are in")
        for customer in self.customers:
            self.ticket_of[customer.name] = await customer.starts_chat(f"Pregunta de {customer.name}")
        await soon(lambda: self.attended() == len(self.customers), "every ticket has an agent")

    def attended(self) -> int:
        return sum(len(agent.tickets()) for agent in self.agents)

    async def talk(self) -> None:
        """Keeps every outbox filled until `talking` is false."""
        while self.talking:
            for customer in self.customers:
                self.fill(customer, [self.ticket_of[customer.name]])
            for agent in self.agents if not self.calm else ():
                self.fill(agent, agent.tickets())
            for peer in self.everybody:
                await peer.flush()
            await asyncio.sleep(0.1 if self.calm else 0.005)

    def fill(self, peer: Peer, tickets: list[int]) -> None:
        for ticket in tickets:
            waiting = sum(pending.ticket == ticket for pending in peer.outbox)
            for _ in range((1 if self.calm else BACKLOG) - waiting):
                peer.say(ticket)

    async def acks(self, more: int) -> None:
        """More of them; a slow machine takes its time for many."""
        target = self.diary.acks + more
        await soon(lambda: self.diary.acks >= target, f"{more} more acknowledgements", PATIENCE + more / 50)

    async def healed(self) -> None:
        """All that was said has an answer, and every screen is level with the database."""
        self.talking = False
        for peer in self.everybody:
            await soon(peer.settled, f"{peer.name} has an answer to everything", 60)
        self.rows = await self.stored()
        last = {row.ticket: 0 for row in self.rows}
        for row in self.rows:
            last[row.ticket] = max(last[row.ticket], row.seq)

        def level() -> bool:
            return all(
                peer.shows(ticket) >= last[ticket]
                for ticket, names in self.members().items()
                for peer in self.everybody
                if peer.name in names
            )

        await soon(level, "every screen shows the newest item")

    def members(self) -> dict[int, frozenset[str]]:
        """A ticket's customer, and the agents who attend it in the end."""
        return {
            ticket: frozenset({customer, *(agent.name for agent in self.agents if ticket in agent.tickets())})
            for customer, ticket in self.ticket_of.items()
        }

    async def stored(self) -> list[Stored]:
        customers = {ticket: name for name, ticket in self.ticket_of.items()}
        agents = {agent.id: agent.name for agent in self.agents}
        rows = await self.servers[0].rows('SELECT ticket_id, seq, "by", author_id, cid, text FROM items')
        stored = []
        for ticket, seq, by, author, cid, text in rows:
            assert not cid or text.startswith(f"{cid} de "), f"the text of {cid} is another one's"
            name = {"customer": customers[ticket], "agent": agents.get(author, ""), "system": "system"}[by]
            stored.append(Stored(ticket, seq, name, cid or ""))
        return stored

    def evidence(self) -> Evidence:
        # Agents see what waits, and what they attended before it went to somebody else.
        desk = frozenset(agent.name for agent in self.agents)
        guests = dict.fromkeys(self.ticket_of.values(), desk)
        diary = self.diary
        return Evidence(diary.history, diary.shown, self.rows, self.members(), diary.owned, guests)


@asynccontextmanager
async def talking(
    *servers: Server,
    customers: int = 6,
    home: Mapping[str, Server] = {},
    signs: bool = False,
    patient: bool = False,
) -> AsyncIterator[Crowd]:
    """A crowd in the midst of it. `home`: who comes to one server alone; `signs`: they give signs of life, and expect them;
    `patient`: the database may be away when somebody signs in."""
    crowd = Crowd(servers, customers, SEED)
    crowd.home.update(home)
    for desk in crowd.desks.values():
        desk.patient = patient
    for peer in crowd.everybody:
        peer.gives_signs = signs
    tasks = [asyncio.create_task(peer.run(), name=peer.name) for peer in crowd.everybody]
    try:
        await crowd.gather()
        tasks.append(asyncio.create_task(crowd.talk(), name="talk"))
        yield crowd
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


@asynccontextmanager
async def somebody(name: str, server: Server, crowd: Crowd) -> AsyncIterator[CustomerPeer]:
    """Who has no chat, and comes to this server alone while it is their home."""
    one = CustomerPeer(name, server.port, crowd.diary, crowd.dice)
    one.gives_signs = True
    one.before_connecting = partial(crowd.choose, one)
    crowd.home[name] = server
    task = asyncio.create_task(one.run(), name=name)
    try:
        await soon(lambda: one.online, f"{name} is in")
        yield one
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def somebody_comes(crowd: Crowd, late: CustomerPeer) -> None:
    """And talks with the others from here on."""
    crowd.ticket_of[late.name] = await late.starts_chat("¿Hay alguien?")
    crowd.customers.append(late)


def integrity(database: sqlite3.Connection) -> str:
    found: str = database.execute("PRAGMA integrity_check").fetchone()[0]
    return found


def judge(crowd: Crowd, notes: Path) -> None:
    evidence = crowd.evidence()
    write_lines(notes / "history.jsonl", evidence.history)
    write_lines(notes / "shown.jsonl", evidence.shown)
    write_lines(notes / "stored.jsonl", evidence.stored)
    violations = check(evidence)
    assert not violations, f"seed {SEED}: {violations[:5]} ({len(violations)} in all); notes in {notes}"
    refused = [frame for peer in crowd.everybody for frame in peer.refusals]
    print(f"acknowledged: {crowd.diary.acks}, refusals that were tried again: {len(refused)}")
