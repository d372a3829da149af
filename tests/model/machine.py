"""The model: everything that may happen to a chat, in any order, as rules that Hypothesis chooses from."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.model.agent import Agent
from tests.model.browser import Node
from tests.model.chat import Chat
from tests.model.network import Link, Pipe
from tests.model.server import Parts

TABS: Final = ("ana/1", "ana/2", "eva/1", "eva/2")
SECONDS: Final = (0.001, 0.021, 0.05, 0.3, 1, 3, 6, 11, 16, 31, 61, 130, 301)
picks = st.integers(0, 7)
few = st.integers(0, 4)
learns = st.sampled_from((None, 0.0, 0.5, 20.0))


class Model(RuleBasedStateMachine):
    """Ana and Eva have two tabs each; two agents. `node` is given by who runs it."""

    node: ClassVar[Node]
    parts: ClassVar[Parts] = Parts()

    def __init__(self) -> None:
        super().__init__()
        self.chat: Chat | None = None
        self.whole = True

    @initialize(
        seed=st.integers(0, 2**31 - 1), skew=st.sampled_from((0, 0, -90_000, 3_600_000)), two=st.booleans()
    )
    def opens(self, seed: int, skew: int, two: bool) -> None:
        """A chat as most are: Ana has a ticket that an agent attends, in one tab; or in one of two that she opened at once."""
        self.chat = Chat(self.node, seed, self.parts)
        self.skew = {"ana": skew, "eva": 0}
        with _Judged(self):
            for agent in self.chat.agents:
                agent.connect()
            self.chat.opens_tab("ana/1", skew)
            if two:
                self.chat.opens_tab("ana/2", skew)
            self.chat.after(1)
            self.chat.starts_ticket("ana/1")
            self.chat.after(0.3)

    def teardown(self) -> None:
        if self.chat is None:
            return
        try:
            if self.whole:
                with self.chat.loop.running():
                    self.chat.heal()
                self.chat.judge()
        finally:
            self.chat.close()

    # — people —————————————————————————————————————————————————————————————————

    @rule(tab=picks, ticket=few, count=st.integers(1, 3), seconds=st.sampled_from((0, 0, 0.03)))
    def types(self, tab: int, ticket: int, count: int, seconds: float) -> None:
        with _Judged(self, seconds) as chat:
            name = self.a_tab(tab)
            tickets = chat.tickets_of(name)
            if not tickets:
                chat.starts_ticket(name)
            for _ in range(count if tickets else 0):
                chat.says(name, tickets[ticket % len(tickets)])

    @rule(tab=picks)
    def starts_a_ticket(self, tab: int) -> None:
        with _Judged(self) as chat:
            chat.starts_ticket(self.a_tab(tab))

    @rule(
        tab=picks,
        ticket=few,
        what=st.sampled_from(("again", "again", "look", "wake", "end", "here", "typing")),
    )
    def touches(self, tab: int, ticket: int, what: str) -> None:
        with _Judged(self) as chat:
            name = self.a_tab(tab)
            if what == "wake":
                chat.browser.wake(name)
            rooms = [room["ticket"] for room in chat.browser.tabs[name].screen.get("rooms", [])]
            if not rooms or what == "wake":
                return
            if what == "again":
                chat.says_again(name, rooms[ticket % len(rooms)])
            else:
                chat.browser.act(name, what, rooms[ticket % len(rooms)])

    @rule(tab=st.sampled_from(TABS))
    def loads(self, tab: str) -> None:
        """Opens the tab, or reloads it."""
        with _Judged(self) as chat:
            chat.opens_tab(tab, self.skew[tab.split("/")[0]])

    @precondition(lambda self: len(self.chat.browser.tabs) > 1)
    @rule(tab=picks)
    def closes(self, tab: int) -> None:
        with _Judged(self) as chat:
            chat.closes_tab(self.a_tab(tab))

    @rule(agent=st.integers(0, 1), ticket=few, count=st.integers(1, 3))
    def agent_says(self, agent: int, ticket: int, count: int) -> None:
        with _Judged(self) as chat:
            who = chat.agents[agent]
            tickets = who.tickets()
            for _ in range(count if tickets else 0):
                chat.agent_says(who, tickets[ticket % len(tickets)])

    @rule(agent=st.integers(0, 1), ticket=few, what=st.sampled_from(("close", "hangs up")))
    def agent_acts(self, agent: int, ticket: int, what: str) -> None:
        with _Judged(self) as chat:
            who: Agent = chat.agents[agent]
            tickets = who.tickets()
            if what == "hangs up":
                who.hangs_up()
            elif tickets:
                who.close(tickets[ticket % len(tickets)])

    # — the network ————————————————————————————————————————————————————————————

    @rule(link=picks, up=st.booleans(), count=st.integers(1, 4))
    def delivers(self, link: int, up: bool, count: int) -> None:
        with _Judged(self):
            self.a_pipe(link, up).deliver(count)

    @rule(link=picks, up=st.booleans(), flows=st.booleans())
    def traffic(self, link: int, up: bool, flows: bool) -> None:
        """Nothing arrives any more, as long as it lasts; or it flows again."""
        with _Judged(self):
            pipe = self.a_pipe(link, up)
            if flows:
                pipe.flow()
            else:
                pipe.hold()

    @rule(link=picks, up=few, down=few, client=learns, server=learns)
    def cuts(self, link: int, up: int, down: int, client: float | None, server: float | None) -> None:
        with _Judged(self):
            self.a_link(link).cut(up, down, client, server)

    @rule(seconds=st.sampled_from(SECONDS))
    def waits(self, seconds: float) -> None:
        with _Judged(self, seconds):
            pass

    @rule(seconds=st.sampled_from((20, 90, 400)))
    def sleeps(self, seconds: float) -> None:
        with _Judged(self) as chat:
            chat.sleep(seconds)

    # — the server —————————————————————————————————————————————————————————————

    @rule(
        delivered=st.lists(few, max_size=4), told=st.booleans(), down=st.sampled_from((0.0, 0.2, 5.0, 40.0))
    )
    def kills(self, delivered: list[int], told: bool, down: float) -> None:
        """SIGKILL, or the power; then it starts again."""
        with _Judged(self) as chat:
            if chat.server.up:
                chat.kill(delivered, down, told=told)

    @rule(what=st.sampled_from(("drains", "holds", "flows", "flows", "fails")))
    def troubles(self, what: str) -> None:
        """The server is asked to stop; the disk takes its time, or works again; its next commit fails."""
        with _Judged(self) as chat:
            if what == "drains":
                chat.drain()
            elif what == "flows":
                chat.disk.let_go()
            elif what == "holds":
                chat.disk.held = True
            else:
                chat.disk.failing = True

    # — which one ——————————————————————————————————————————————————————————————

    def a_tab(self, pick: int) -> str:
        assert self.chat is not None
        names = list(self.chat.browser.tabs)
        return names[pick % len(names)]

    def a_link(self, pick: int) -> Link:
        assert self.chat is not None
        links = self.chat.network.alive()
        return links[pick % len(links)]

    def a_pipe(self, pick: int, up: bool) -> Pipe:
        link = self.a_link(pick)
        return link.up if up else link.down


class _Judged:
    """What is done inside has its effect; then the screens are looked at. The first thing wrong ends the run."""

    def __init__(self, model: Model, seconds: float = 0.0) -> None:
        self._model = model
        self._seconds = seconds
        assert model.chat is not None
        self._chat = model.chat
        self._on_loop = self._chat.loop.running()

    def __enter__(self) -> Chat:
        self._on_loop.__enter__()
        return self._chat

    def __exit__(self, kind: Any, problem: Any, trace: Any) -> None:
        self._on_loop.__exit__(None, None, None)
        whole, self._model.whole = self._model.whole, False
        if kind is None:
            self._chat.after(self._seconds)
            self._model.whole = whole
