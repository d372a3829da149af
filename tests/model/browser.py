"""The customer's browser: the frame's real code in one Node process, driven by JSON lines (widget/tests/model/browser.mjs)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import pytest

from scripts import front_end
from tests.model.loop import VirtualLoop

SCRIPT: Final = front_end.WIDGET / "tests" / "model" / "browser.mjs"
Screen = dict[str, Any]


class Node:
    """The process; one for all runs of the model."""

    def __init__(self) -> None:
        try:
            node = front_end.find_node(install=False)
        except front_end.FrontEndError as missing:
            pytest.skip(str(missing))
        front_end.install_packages(node)
        self._process = subprocess.Popen(
            [*node.node, str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=front_end.WIDGET
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout

    def tell(self, now: float, calls: list[list[Any]]) -> dict[str, Any]:
        self._in.write(json.dumps({"now": now, "calls": calls}).encode() + b"\n")
        self._in.flush()
        answer: dict[str, Any] = json.loads(self._out.readline())
        assert "failed" not in answer, answer["failed"]
        return answer

    def close(self) -> None:
        self._in.close()
        self._process.wait(10)
        self._out.close()


class Dialled(Protocol):
    """What a page's socket talks into; see `network.Link`."""

    def client_says(self, text: str) -> None: ...

    def client_leaves(self, code: int) -> None: ...


@dataclass
class Tab:
    """One tab, and what it shows now."""

    name: str
    screen: Screen = field(default_factory=dict)


class Browser:
    """One customer's browser: tabs that share a storage. `dial`: a page opens a socket; gives what it talks into."""

    def __init__(
        self,
        node: Node,
        loop: VirtualLoop,
        clock: Callable[[], float],
        dial: Callable[[Browser, int, str], Dialled],
        *,
        seed: int,
        forgetful: bool = False,
    ) -> None:
        self._node = node
        self._loop = loop
        self._clock = clock
        self._dial = dial
        self._links: dict[int, Dialled] = {}
        self._timer: Any = None
        self._asleep = False
        self.tabs: dict[str, Tab] = {}
        self.shown: list[tuple[str, Screen]] = []
        """Screens that changed and have not been looked at yet, by tab."""
        self._tell(["reset", seed, forgetful])

    # — what a person does —————————————————————————————————————————————————————

    def load(self, name: str, skew: float = 0.0) -> None:
        """Open a tab, or reload it. `skew`: ms by which the page's clock is fast."""
        self.tabs.setdefault(name, Tab(name))
        self._tell(["load", name, skew])

    def close(self, name: str) -> None:
        del self.tabs[name]
        self._tell(["unload", name])

    def act(self, name: str, verb: str, ticket: int = 0, text: str = "") -> bool:
        """False: the screen offers no such thing now."""
        return bool(self._tell(["act", name, verb, ticket, text])[0])

    def sleep(self) -> None:
        """The lid is closed: no timer runs, whatever becomes due."""
        self._asleep = True

    def awake(self) -> None:
        self._asleep = False
        self._tick()

    def wake(self, name: str) -> None:
        """The machine says that it is online."""
        self._tell(["wake", name])

    # — what the network brings ————————————————————————————————————————————————

    def opened(self, socket: int) -> None:
        self._tell(["opened", socket])

    def heard(self, socket: int, texts: list[str]) -> None:
        self._tell(*(["heard", socket, text] for text in texts))

    def over(self, socket: int, code: int) -> None:
        self._tell(["over", socket, code])

    # — the process ————————————————————————————————————————————————————————————

    def _tell(self, *calls: list[Any]) -> list[Any]:
        answer = self._node.tell(self._clock(), list(calls))
        for name, screen in answer["screens"].items():
            self.tabs[name].screen = screen
            self.shown.append((name, screen))
        for kind, socket, what in answer["out"]:
            if kind == "dial":
                self._links[socket] = self._dial(self, socket, what)
            elif kind == "say":
                self._links[socket].client_says(what)
            else:
                self._links[socket].client_leaves(what)
        self._wind(answer["next"])
        did: list[Any] = answer["did"]
        return did

    def _wind(self, at: float | None) -> None:
        """Wake the pages at their earliest timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if at is not None:
            wait = max(0.0, (at - self._clock()) / 1000)
            self._timer = self._loop.call_later(wait, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if not self._asleep:
            self._tell(["tick"])
