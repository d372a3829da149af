"""The whole chat in the model's hands: two customers' browsers, two agents, the server, its disk and the network between them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

from tests.checker.checker import Evidence, Op, Result, Shown, Violation, check
from tests.model.agent import Agent
from tests.model.browser import Browser, Node, Screen
from tests.model.loop import VirtualLoop, virtual_loop
from tests.model.network import Link, Network
from tests.model.server import Parts, Server

BEGIN: Final = 1_767_794_400.0
"""A Wednesday at 09:00 in Bogotá."""
HEAL_SECONDS: Final = 300
"""Longer than every backoff and every silence; after that all must be well."""
MOST_WAITING: Final = 40
"""For one connection: a full queue of live events, and the answers to all that one client may have under way."""
REPEATED: Final = ("rate_limited", "internal", "unavailable")
"""Refusals after which the client tries again by itself (some times)."""


@dataclass
class Typed:
    """What somebody typed; its text is unique, and so it is known by its text wherever it appears."""

    text: str
    customer: str
    tab: str
    ticket: int
    since: float
    cid: str = ""
    seq: int = 0
    """As acknowledged; 0 when it was not."""
    done: float = 0.0
    refused: bool = False
    again: bool = False
    """Sent once more by hand: its place among the others is the person's doing."""


@dataclass
class Chat:
    """One run."""

    node: Node
    seed: int = 1
    parts: Parts = field(default_factory=Parts)
    loop: VirtualLoop = field(default_factory=lambda: virtual_loop(BEGIN))
    typed: dict[str, Typed] = field(default_factory=dict)
    starts: dict[str, Typed] = field(default_factory=dict)
    who: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.disk = self.parts.disk()
        self.server = Server(self.loop, self.disk, self.now, self.parts)
        self.network = Network(self.loop, self.server.accept)
        self.by_cid: dict[str, Typed] = {}
        forgetful = self.parts.forgetful
        self.browser = Browser(
            self.node, self.loop, self.now, self._dial_from_page, seed=self.seed, forgetful=forgetful
        )
        self.agents = [Agent(number, self.loop, self._dial_as_agent, self._agent_sees) for number in (1, 2)]
        self.server.start()
        self.loop.settle()
        self.after(0.1)

    def now(self) -> int:
        """ms since 1970 UTC, everywhere."""
        return round(self.loop.now * 1000)

    # — who talks to whom ——————————————————————————————————————————————————————

    def _dial_from_page(self, browser: Browser, socket: int, page: str) -> _PageSocket:
        return _PageSocket(self, socket, page)

    def _dial_as_agent(self, agent: Agent) -> Link:
        return self.network.dial(agent.name, "/ws/agent", agent)

    # — what people do —————————————————————————————————————————————————————————

    def opens_tab(self, tab: str, skew: float = 0.0) -> None:
        self.browser.load(tab, skew)

    def closes_tab(self, tab: str) -> None:
        self.browser.close(tab)

    def starts_ticket(self, tab: str) -> None:
        subject = f"subject {len(self.starts)} of {customer_of(tab)}"
        typed = Typed(subject, customer_of(tab), tab, 0, self.loop.now)
        self.starts[subject] = typed
        if not self.browser.act(tab, "start", 0, subject):
            del self.starts[subject]

    def says(self, tab: str, ticket: int) -> None:
        text = f"words {len(self.typed)} of {customer_of(tab)}"
        self.typed[text] = Typed(text, customer_of(tab), tab, ticket, self.loop.now)
        if not self.browser.act(tab, "say", ticket, text):
            del self.typed[text]

    def says_again(self, tab: str, ticket: int) -> None:
        for one in self.browser.tabs[tab].screen["pending"]:
            if one["ticket"] == ticket and one["sign"] == "failed":
                self.typed[one["text"]].again = True
                break
        self.browser.act(tab, "again", ticket)

    def agent_says(self, agent: Agent, ticket: int) -> None:
        text = f"words {len(self.typed)} of {agent.name}"
        self.typed[text] = Typed(text, agent.name, agent.name, ticket, self.loop.now)
        agent.say(ticket, text)

    def tickets_of(self, tab: str) -> list[int]:
        """Open ones on the screen of this tab."""
        rooms = self.browser.tabs[tab].screen.get("rooms", [])
        return [room["ticket"] for room in rooms if room["open"]]

    # — what happens to the machines ———————————————————————————————————————————

    def kill(self, delivered: list[int], down: float, *, told: bool) -> None:
        self.server.kill(delivered, told=told)
        self.loop.call_later(down, self._start)

    def drain(self) -> None:
        """The server is asked to stop; the next one starts a moment later."""
        hub = self.server.hub
        if hub is not None and not hub.draining:
            self.server.drain(
                lambda: self.kill([1000] * 20, 0.5, told=True) if self.server.hub is hub else None
            )

    def sleep(self, seconds: float) -> None:
        """The customers' machines sleep: nothing reaches them, and none of their clocks runs. Then all of it comes at once."""
        theirs = [link for link in self.network.links if link.path == "/ws/customer"]
        pipes = [pipe for link in theirs for pipe in (link.up, link.down)]
        flowing = [pipe for pipe in pipes if not pipe.held]
        for pipe in flowing:
            pipe.hold()
        self.browser.sleep()
        self.loop.advance(seconds)
        self.browser.awake()
        for pipe in flowing:
            pipe.flow()

    def _start(self) -> None:
        if not self.server.up and not self.server.starting:
            self.server.start()

    def after(self, seconds: float) -> None:
        """Time passes, and whatever appeared on a screen is looked at."""
        self.loop.advance(seconds)
        self.look()

    # — what is seen ———————————————————————————————————————————————————————————

    def look(self) -> None:
        """Every screen that changed shows what is stored, in order, each once, and all that was typed into it."""
        news, self.browser.shown = self.browser.shown, []
        for tab, screen in news:
            self._screen_is_true(tab, screen)
        assert not self.loop.problems, self.loop.problems
        for peer in self.server.hub.peers if self.server.hub is not None else ():
            waiting = peer.connection._waiting + len(peer.connection._held or ())
            assert waiting <= MOST_WAITING, f"{waiting} frames wait for one connection"
        for link in self.network.links:
            assert not link.pressed, f"{link.name} was given more than it had room for"

    def _screen_is_true(self, tab: str, screen: Screen) -> None:
        assert screen["phase"] != "stopped", f"{tab} gave up: {screen['code']}"
        customer = customer_of(tab)
        if screen["who"]:
            assert self.who.setdefault(customer, screen["who"]) == screen["who"], (
                f"{customer} is somebody else"
            )
        for room in screen["rooms"]:
            assert room["subject"].endswith(f" of {customer}"), f"{tab} shows {room['subject']!r}"
            numbers = [seq for seq, _, _ in room["items"]]
            if numbers and not room["opening"]:
                whole = list(range(numbers[0], numbers[0] + len(numbers)))
                assert numbers == whole, f"{tab} shows the numbers {numbers}"
            for seq, kind, text in room["items"]:
                item = self.disk.items.get((room["ticket"], seq))
                known = item and (item.kind, item.text)
                assert known == (kind, text), f"{tab} shows {kind} {text!r} as {seq}, stored is {known}"
            texts = [text for text, _ in room["lines"]]
            assert len(texts) == len(set(texts)), f"{tab} shows something twice: {texts}"

    def _agent_sees(self, agent: Agent, ticket: int, seq: int, text: str) -> None:
        item = self.disk.items.get((ticket, seq))
        said = item.text if item and item.kind in ("message", "proposal") else ""
        assert (said if item else None) == text, f"{agent.name} is shown {text!r} as {seq} of {ticket}"

    # — the end ————————————————————————————————————————————————————————————————

    def heal(self) -> None:
        """The network flows, the disk writes, the server is up, everybody is there: what is still broken then stays broken."""
        self.disk.failing = False
        self.disk.let_go()
        self.network.heal()
        present = {customer_of(tab) for tab in self.browser.tabs}
        for customer in sorted(set(self.who) - present):
            self.opens_tab(f"{customer}/last")
        self._until_calm()
        for tab, held in self.browser.tabs.items():
            for room in held.screen["rooms"]:
                self.browser.act(tab, "look", room["ticket"])
        self._until_calm()

    def _until_calm(self) -> None:
        """Also until nothing is on its way: what a timer stored just now is not on the screens yet."""
        for _ in range(HEAL_SECONDS // 5):
            self._start()
            self.after(5)
            if self.calm():
                return
        raise AssertionError(f"it does not heal: {self._troubles()}")

    def calm(self) -> bool:
        return not self._troubles()

    def _troubles(self) -> list[str]:
        troubles = [] if self.server.up else ["the server is down"]
        troubles += [f"{link.name} is half open" for link in self.network.links if link.half_open]
        troubles += [f"{link.name} has something on its way" for link in self.network.links if link.busy]
        for tab, held in self.browser.tabs.items():
            screen = held.screen
            if screen["phase"] != "live":
                troubles.append(f"{tab} is {screen['phase']}")
            if screen["starting"]:
                troubles.append(f"{tab} waits for a ticket")
            troubles += [f"{tab} waits with {one}" for one in screen["pending"] if one["sign"] == "waiting"]
            troubles += [f"{tab} waits for {r['ticket']}" for r in screen["rooms"] if r["opening"]]
        for agent in self.agents:
            if not agent.online:
                troubles.append(f"{agent.name} is away")
            troubles += [f"{agent.name} waits with {said.text}" for said in agent.outbox]
        return troubles

    def judge(self) -> None:
        violations: list[Any] = [*check(self.evidence()), *self._typed_in_order(), *self._started_once()]
        violations += self._nothing_typed_is_lost()
        assert not violations, "\n".join(map(str, violations))

    def evidence(self) -> Evidence:
        customers = self._customers()
        agents = frozenset(agent.name for agent in self.agents)
        members = {
            ticket: frozenset(
                {tab for tab in self.browser.tabs if customer_of(tab) == customer}
                | {agent.name for agent in self.agents if ticket in agent.tickets()}
            )
            for ticket, customer in customers.items()
        }
        owned = [interval for agent in self.agents for interval in agent.owns()]
        guests = dict.fromkeys(customers, agents)
        stored = self.disk.stored(customers)
        return Evidence(self._history(), self._screens(), stored, members, owned, guests)

    def _customers(self) -> dict[int, str]:
        rows = self.disk.db.execute("SELECT id, subject FROM tickets").fetchall()
        return {ticket: subject.rsplit(" of ", 1)[1] for ticket, subject in rows}

    def _history(self) -> list[Op]:
        history = [op for agent in self.agents for op in agent.history]
        for typed in self.typed.values():
            if typed.customer.startswith("agent"):
                continue
            result: Result = "ok" if typed.seq else "fail" if typed.refused else "unknown"
            history.append(
                Op(
                    "say",
                    typed.customer,
                    typed.ticket,
                    typed.text,
                    typed.since,
                    typed.done,
                    result,
                    typed.seq,
                )
            )
        return history

    def _screens(self) -> list[Shown]:
        shown = []
        for tab, held in self.browser.tabs.items():
            for room in held.screen["rooms"]:
                items = room["items"]
                shown.append(Shown(tab, room["ticket"], items[0][0] if items else 1, forget=True))
                for seq, kind, text in items:
                    said = text if kind in ("message", "proposal") else ""
                    shown.append(Shown(tab, room["ticket"], seq, said))
        for agent in self.agents:
            for ticket, thread in agent.threads.items():
                shown.append(Shown(agent.name, ticket, thread.first, forget=True))
                shown += [Shown(agent.name, ticket, seq, text) for seq, text in thread.items.items()]
        return shown

    def _typed_in_order(self) -> list[Violation]:
        """What one tab was told comes in the order in which it was typed."""
        seqs = {item.text: seq for (_, seq), item in self.disk.items.items() if item.kind == "message"}
        latest: dict[tuple[str, int], Typed] = {}
        found = []
        for typed in self.typed.values():
            if typed.again or typed.text not in seqs:
                continue
            before = latest.get((typed.tab, typed.ticket))
            if before is not None and seqs[before.text] > seqs[typed.text]:
                found.append(Violation("c", f"{typed.text} came before {before.text}"))
            latest[typed.tab, typed.ticket] = typed
        return found

    def _started_once(self) -> list[Violation]:
        rows = self.disk.db.execute(
            "SELECT subject, count(*) FROM tickets GROUP BY subject HAVING count(*) > 1"
        ).fetchall()
        return [Violation("b", f"{count} tickets with {subject!r}") for subject, count in rows]

    def _nothing_typed_is_lost(self) -> list[str]:
        stored = {item.text for item in self.disk.items.values() if item.kind in ("message", "opened")}
        failed = {
            one["text"]
            for held in self.browser.tabs.values()
            for one in held.screen["pending"]
            if one["sign"] == "failed"
        }
        kept = stored | failed | {op.cid for agent in self.agents for op in agent.history}
        lost: list[Typed] = [typed for typed in self.typed.values() if typed.text not in kept]
        lost += [typed for typed in self.starts.values() if typed.text not in kept and not typed.refused]
        return [f"lost: {typed}" for typed in lost]

    def close(self) -> None:
        self.server.kill([], told=False)
        self.disk.close()


class _PageSocket:
    """A page's socket, and what passed through it."""

    def __init__(self, chat: Chat, socket: int, page: str) -> None:
        self._chat = chat
        self._socket = socket
        self._customer = customer_of(page)
        self._link = chat.network.dial(page, "/ws/customer", self)

    def client_says(self, text: str) -> None:
        if text.startswith(('{"type":"say"', '{"type":"start"')):
            frame = json.loads(text)
            known = self._chat.typed.get(frame.get("text")) or self._chat.starts.get(frame.get("subject"))
            assert known is not None, f"nobody wrote {frame}"
            assert known.cid in ("", frame["cid"]), f"{known.text} has two names"
            known.cid = frame["cid"]
            self._chat.by_cid[known.cid] = known
        self._link.client_says(text)

    def client_leaves(self, code: int) -> None:
        self._link.client_leaves(code)

    def opened(self, link: Link) -> None:
        self._chat.browser.opened(self._socket)

    def heard(self, link: Link, texts: list[str]) -> None:
        for text in texts:
            if text.startswith(('{"type":"ack"', '{"type":"error"')):
                self._answered(json.loads(text))
        self._chat.browser.heard(self._socket, texts)

    def over(self, link: Link, code: int) -> None:
        self._chat.browser.over(self._socket, code)

    def _answered(self, frame: dict[str, Any]) -> None:
        typed = self._chat.by_cid.get(frame.get("cid", ""))
        if typed is None:
            return
        typed.done = self._chat.loop.now
        if frame["type"] == "ack":
            typed.seq = frame.get("seq", 0)
            typed.refused = False
        elif frame["code"] not in REPEATED and not typed.seq:
            typed.refused = True


def customer_of(tab: str) -> str:
    return tab.split("/")[0]
