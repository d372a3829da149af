"""An agent's client, written from docs/protocol.md alone: an outbox, repeats by cid, resuming by number."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from tests.checker.checker import Op, Owned
from tests.model.loop import VirtualLoop
from tests.model.network import Link

Frame = dict[str, Any]
BACK_SECONDS: Final = 1.0
TRY_LATER: Final = 4004
DIAL_SECONDS: Final = 15.0
AGAIN: Final = ("rate_limited", "internal", "unavailable")


@dataclass
class Thread:
    """One ticket as this agent knows it."""

    view: Frame = field(default_factory=dict)
    items: dict[int, str] = field(default_factory=dict)
    """What the screen shows: number → what somebody said."""
    first: int = 1
    last: int = -1
    asked: bool = False
    mine: tuple[int, int] | None = None


@dataclass
class Said:
    ticket: int
    cid: str
    text: str
    since: float
    sent: bool = False


class Agent:
    """`showed(agent, ticket, number, text)` is called for every item that appears on the screen."""

    def __init__(
        self,
        number: int,
        loop: VirtualLoop,
        dial: Callable[[Agent], Link],
        showed: Callable[[Agent, int, int, str], None],
    ) -> None:
        self.number = number
        self.name = f"agent {number}"
        self._loop = loop
        self._dial = dial
        self._showed = showed
        self._link: Link | None = None
        self._heard_at = 0.0
        self._heartbeat = 5.0
        self._cids = 0
        self.online = False
        self.threads: dict[int, Thread] = {}
        self.outbox: list[Said] = []
        self.history: list[Op] = []
        self.owned: list[Owned] = []

    # — what an agent does —————————————————————————————————————————————————————

    def connect(self) -> None:
        if self._link is None:
            self._link = self._dial(self)
            link = self._link
            self._loop.call_later(DIAL_SECONDS, lambda: self._give_up_dialling(link))

    def tickets(self) -> list[int]:
        """Those that are this agent's to talk in."""
        return [
            ticket
            for ticket, thread in self.threads.items()
            if thread.view.get("agent_id") == self.number and thread.view.get("state") == "open"
        ]

    def say(self, ticket: int, text: str) -> None:
        self._cids += 1
        cid = f"{self.number}{self._cids:021}"
        self.outbox.append(Said(ticket, cid, text, self._loop.now))
        self._flush()

    def close(self, ticket: int) -> None:
        if self.online:
            self._send({"type": "close", "ticket": ticket})

    def hangs_up(self) -> None:
        """The tab is closed, and opened again a moment later."""
        if self._link is not None:
            self._link.client_leaves(1001)
            self._gone()

    # — the connection —————————————————————————————————————————————————————————

    def opened(self, link: Link) -> None:
        if link is self._link:
            self._heard_at = self._loop.now
            self._send({"type": "hello", "v": 1, "token": f"agent:{self.number}"})

    def heard(self, link: Link, texts: list[str]) -> None:
        for text in texts:
            if link is self._link:
                self._heard_at = self._loop.now
                self._take(json.loads(text))

    def over(self, link: Link, code: int) -> None:
        if link is self._link:
            self._gone()

    def _gone(self) -> None:
        self._link = None
        self.online = False
        for thread in self.threads.values():
            thread.asked = False
            self._let_go(thread)
        for said in self.outbox:
            said.sent = False
        self._loop.call_later(BACK_SECONDS, self.connect)

    def _give_up_dialling(self, link: Link) -> None:
        if link is self._link and not self.online:
            link.client_leaves(1000)
            self._gone()

    def _beat(self, link: Link) -> None:
        if link is not self._link:
            return
        if self._loop.now - self._heard_at > 2 * self._heartbeat:
            link.client_leaves(4003)
            self._gone()
            return
        self._send({"type": "ping"})
        self._loop.call_later(self._heartbeat, self._beat, link)

    def _send(self, frame: Frame) -> None:
        if self._link is not None:
            self._link.client_says(json.dumps(frame))

    def _flush(self) -> None:
        """One at a time, so that nothing overtakes what is refused for a moment."""
        if self.online and self.outbox and not self.outbox[0].sent:
            said = self.outbox[0]
            said.sent = True
            self._send({"type": "say", "ticket": said.ticket, "cid": said.cid, "text": said.text})

    # — what the server says ———————————————————————————————————————————————————

    def _take(self, frame: Frame) -> None:
        match frame["type"]:
            case "welcome":
                self._welcome(frame)
            case "changed":
                self._changed(frame)
            case "items":
                self._show(frame["ticket"], frame["items"])
                if not frame["more"]:
                    self.threads[frame["ticket"]].asked = False
            case "snapshot":
                self._snapshot(frame)
            case "ack":
                self._finish(frame["cid"], "ok", frame["seq"])
            case "error":
                self._refused(frame)

    def _welcome(self, frame: Frame) -> None:
        self.epoch = frame["epoch"]
        self.online = True
        self._heartbeat = frame["heartbeat"]
        if self._link is not None:
            self._loop.call_later(self._heartbeat, self._beat, self._link)
        if frame["status"] != "available":
            self._send({"type": "status", "status": "available"})
        for view in frame["tickets"]:
            self._look(view)
        for ticket in self.threads:
            self._open(ticket)
        self._flush()

    def _open(self, ticket: int) -> None:
        thread = self.threads.setdefault(ticket, Thread())
        if not thread.asked:
            thread.asked = True
            self._send({"type": "open", "ticket": ticket, "after": thread.last, "epoch": self.epoch})

    def _changed(self, frame: Frame) -> None:
        ticket = frame["ticket"]
        thread = self.threads.setdefault(ticket, Thread())
        if frame.get("view"):
            self._look(frame["view"])
        elif frame["version"] > thread.view.get("version", 0):
            if frame["base"] == thread.view.get("version"):
                self._look(thread.view | frame.get("patch", {}) | {"version": frame["version"]})
            else:
                self._open(ticket)
        self._show(ticket, frame.get("items", []))

    def _snapshot(self, frame: Frame) -> None:
        thread = self.threads.setdefault(frame["view"]["id"], Thread())
        thread.asked = False
        self._look(frame["view"])
        items = frame["items"]
        thread.first = items[0]["seq"] if items else 1
        thread.items = {}
        thread.last = thread.first - 1
        self._show(frame["view"]["id"], items)

    def _show(self, ticket: int, items: list[Frame]) -> None:
        """Items in order; one that would leave a gap is not shown, what lies between is asked for."""
        thread = self.threads[ticket]
        for item in items:
            if thread.last >= 0 and item["seq"] <= thread.last:
                continue
            if item["seq"] != max(thread.last, 0) + 1:
                self._open(ticket)
                return
            text = item.get("text", "") if item["kind"] in ("message", "proposal") else ""
            thread.items[item["seq"]] = text
            thread.last = item["seq"]
            self._showed(self, ticket, item["seq"], text)

    def _look(self, view: Frame) -> None:
        thread = self.threads.setdefault(view["id"], Thread())
        if view["version"] >= thread.view.get("version", 0):
            thread.view = view
            self._holds(thread)

    def _holds(self, thread: Thread) -> None:
        """In which versions the ticket was this agent's, as far as the screen ever said."""
        version = thread.view["version"]
        mine = thread.view["agent_id"] == self.number and thread.view["state"] == "open"
        if not mine or (thread.mine and thread.mine[1] != version):
            self._let_go(thread)  # of versions that it never showed a screen says nothing
        if mine:
            thread.mine = (thread.mine[0] if thread.mine else version, version + 1)

    def _let_go(self, thread: Thread) -> None:
        if thread.mine:
            self.owned.append(Owned(thread.view["id"], self.name, *thread.mine))
            thread.mine = None

    def owns(self) -> list[Owned]:
        now = [Owned(t, self.name, *thread.mine) for t, thread in self.threads.items() if thread.mine]
        return [*self.owned, *now]

    def _refused(self, frame: Frame) -> None:
        cid = frame.get("cid", "")
        if frame["code"] in AGAIN:
            self._loop.call_later(frame.get("retry_after", 1.0), self._once_more, cid)
        elif cid:
            self._finish(cid, "fail")
        elif frame.get("verb") == "open":
            self.threads[frame["ticket"]].asked = False

    def _once_more(self, cid: str) -> None:
        for said in self.outbox:
            if said.cid == cid:
                said.sent = False
        self._flush()

    def _finish(self, cid: str, result: Any, seq: int = 0) -> None:
        for said in [said for said in self.outbox if said.cid == cid]:
            self.outbox.remove(said)
            self.history.append(
                Op("say", self.name, said.ticket, said.text, said.since, self._loop.now, result, seq)
            )
        self._flush()
