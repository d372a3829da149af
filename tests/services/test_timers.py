"""Everything that is due happens once and on time: a thousand timers over hours, through kills, set clocks and odd nights."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chatserver.core import events
from chatserver.core.errors import Refused
from chatserver.core.events import Event, TicketChanged
from chatserver.core.hours import DEFAULT, Schedule, parse_week
from chatserver.core.policy import Policy
from chatserver.core.tickets import Ticket
from chatserver.loops.worker import Alarm, Worker
from chatserver.services import pairing
from tests.harness.simulated_time import RunningClock, SimulatedLoop, Watched, simulated
from tests.harness.sizes import SEED, size
from tests.services.scene import Scene, bogota, database_scene, memory_scene, refused, who

STORES = ["memory", "sqlite"]
TIMERS = size(200, 1_000)
AGENTS = (1, 2, 3, 4)
HOUR_MS = 3_600_000
SILENCE_SECONDS = Policy().inactivity_seconds
CLOSE_LATE_MS = 1_000
OTHERS_LATE_MS = 2_000
"""At p99."""


@asynccontextmanager
async def scene_on(loop: SimulatedLoop, store: str, path: Path, start: int) -> AsyncIterator[Scene]:
    clock = RunningClock(loop, start)
    if store == "memory":
        yield timed(memory_scene(clock), loop)
        return
    async with database_scene(path / "chat.db", clock) as scene:
        house = scene.house
        house.store, house.reads = Watched(house.store, loop), Watched(house.reads, loop)
        scene.rows = Watched(scene.rows, loop)
        yield timed(scene, loop)


def timed(scene: Scene, loop: SimulatedLoop) -> Scene:
    """The house has a clock that nobody sets, too."""
    scene.house.steady = lambda: loop.time() * 1000
    scene.house.steps.take_in(scene.clock(), scene.house.steady())
    return scene


class Node:
    """What runs beside the connections, killed and started anew; it notes what happened by itself and how late that was."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.up = asyncio.Event()
        self.late: list[tuple[int, str]] = []
        self.effects: Counter[tuple[int, int, str]] = Counter()
        self.hasty: list[float] = []
        """After how many seconds chats were closed for their customers' silence that cannot have lasted so long."""
        self._opened: dict[int, float] = {}
        self._workers: list[Worker] = []
        self._since = 0
        scene.house.bus.subscribe([events.WORKER_TOPIC], self._hear, lambda: None)

    async def start(self, workers: int = 1) -> None:
        """More than one: those of an old process that has not noticed its end yet; the work is done once all the same."""
        await self.scene.restart()
        for agent in AGENTS:
            await pairing.agent_connected(self.scene.house, agent)
        self.clock_was_set()
        for _ in range(workers):
            self._workers.append(await Worker(self.scene.house).__aenter__())
        self.up.set()

    async def kill(self) -> None:
        self.up.clear()
        while self._workers:
            await self._workers.pop().__aexit__(None, None, None)

    def clock_was_set(self) -> None:
        """Nobody can have been on time for what was due before now."""
        self._since = self.scene.clock()

    def _hear(self, event: Event) -> bool:
        if isinstance(event, TicketChanged) and event.before is None:
            self._opened[event.after.id] = self.scene.house.steady()
        if isinstance(event, TicketChanged) and event.before is not None and (what := effect(event)):
            lasted = (self.scene.house.steady() - self._opened[event.after.id]) / 1000
            if what == "closed:inactivity" and lasted < SILENCE_SECONDS:
                self.hasty.append(lasted)
            due = event.before.due_at
            assert due is not None, f"{what} without a timer"
            self.effects[event.after.id, due, what] += 1
            self.late.append((self.scene.clock() - max(due, self._since), what))
        return True


def effect(event: TicketChanged) -> str:
    """What a timer did: "" when it was a person."""
    for item in event.items:
        if item.by == "system" and (item.kind in ("closed", "later") or item.reason == "passed"):
            return f"{item.kind}:{item.reason}"
    before = event.before
    return "reminded" if before is not None and event.after.reminded and not before.reminded else ""


class Customers:
    """Each starts a chat at some moment, is answered or not, goes on for a while or not, and leaves some time. Whoever finds
    the server gone waits until it is back."""

    def __init__(self, node: Node, dice: random.Random) -> None:
        self.node = node
        self.scene = node.scene
        self.dice = dice

    async def live(self, number: int) -> None:
        me = who(f"c{number}")
        await asyncio.sleep(self.dice.uniform(0, 1_800))
        await self.node.up.wait()
        ticket = await self.scene.start(me)
        for _ in range(self.dice.choice((0, 1, 1, 2))):
            await asyncio.sleep(self.dice.uniform(1, 100))
            await self.node.up.wait()
            with suppress(Refused):  # closed meanwhile, or in between two agents
                await self.answered(ticket)
        await asyncio.sleep(self.dice.uniform(0, 400))
        await self.node.up.wait()
        await pairing.customer_gone(self.scene.house, me)

    async def answered(self, ticket: Ticket) -> None:
        known = await self.scene.house.ticket(ticket.id)
        if known.agent_id is not None:
            await self.scene.agent_says(known)


async def trouble(node: Node, dice: random.Random, clock: RunningClock) -> None:
    """Kills at random moments, some while two workers run; the clock is set an hour forward, and back again."""
    for number in range(10):
        await asyncio.sleep(dice.uniform(60, 300))
        if number in (3, 7):
            clock.now += HOUR_MS if number == 3 else -HOUR_MS
            node.clock_was_set()
            continue
        await node.kill()
        await asyncio.sleep(dice.uniform(0, 20))
        await node.start(workers=dice.choice((1, 2)))


@pytest.mark.fault
@pytest.mark.parametrize("store", STORES)
def test_a_thousand_timers_fire_once_and_on_time_through_kills_and_set_clocks(
    tmp_path: Path, store: str
) -> None:
    async def story(loop: SimulatedLoop) -> None:
        dice = random.Random(SEED)
        async with scene_on(loop, store, tmp_path, bogota(9)) as scene:
            await scene.app()
            for agent in AGENTS:
                await scene.agent(agent, capacity=TIMERS)
            node = Node(scene)
            await node.start()
            assert isinstance(scene.clock, RunningClock)
            people = Customers(node, dice)
            async with asyncio.TaskGroup() as group:
                group.create_task(trouble(node, dice, scene.clock))
                for number in range(TIMERS):
                    group.create_task(people.live(number))
            # Two hours: a clock that was set back counts one of them twice.
            await asyncio.sleep(2 * 3_600)
            await node.kill()
            await judge(scene, node)

    simulated(story)


async def judge(scene: Scene, node: Node) -> None:
    doubled = {timer: times for timer, times in node.effects.items() if times > 1}
    assert not doubled, f"seed {SEED}: {doubled}"
    assert not node.hasty, f"seed {SEED}: closed by a clock that was set, after {node.hasty} s"
    for ticket in await scene.rows.all_tickets():
        kinds = await scene.kinds(ticket)
        assert sum(kind.startswith("closed") for kind in kinds) == 1, f"seed {SEED}: {kinds}"
        assert kinds[-1].startswith("closed"), f"seed {SEED}: {kinds}"
    effects = Counter(what for _, what in node.late)
    closes = [late for late, what in node.late if what.startswith("closed")]
    others = sorted(late for late, what in node.late if not what.startswith("closed"))
    assert len(closes) == TIMERS
    assert min(node.late)[0] >= 0, f"seed {SEED}: something happened before it was due"
    assert max(closes) <= CLOSE_LATE_MS, f"seed {SEED}: a close was {max(closes)} ms late"
    p99 = others[len(others) * 99 // 100]
    assert p99 <= OTHERS_LATE_MS, f"seed {SEED}: {p99} ms late"
    print(f"{dict(effects)}; the latest close {max(closes)} ms, p99 of the others {p99} ms")


@pytest.mark.parametrize(("set_by", "looks_within"), [(HOUR_MS, 1), (-HOUR_MS, 60)], ids=["forward", "back"])
def test_a_sleeper_notices_that_the_clock_was_set(set_by: int, looks_within: int) -> None:
    async def story(loop: SimulatedLoop) -> None:
        clock = RunningClock(loop, bogota(9))
        alarm = Alarm(clock)
        alarm.begin()
        loop.call_later(10, lambda: setattr(clock, "now", clock.now + set_by))
        await alarm.sleep(None)
        assert loop.time() <= 10 + looks_within

    simulated(story)


# — hours ——————————————————————————————————————————————————————————————————————


def utc(year: int, month: int, day: int, hour: int, minute: int = 0, second: int = 0) -> int:
    return round(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp() * 1000)


SANTIAGO = "America/Santiago"
SAO_PAULO = "America/Sao_Paulo"
COLOMBIA = Schedule(holidays="CO")


def evenings(zone: str, hours: str) -> Schedule:
    """Saturdays only."""
    return Schedule(zone=zone, week=parse_week({"sat": hours}))


# (schedule, when somebody begins to wait, when attention ends): the ends were worked out by hand.
CLOSING = {
    "before lunch": (DEFAULT, bogota(11, 59), bogota(12)),
    "after lunch": (DEFAULT, bogota(14), bogota(17, 30)),
    "the last second": (DEFAULT, bogota(17, 30) - 1_000, bogota(17, 30)),
    "the last millisecond": (DEFAULT, bogota(17, 30) - 1, bogota(17, 30)),
    # Clocks go back from Sunday 00:00 to Saturday 23:00: that hour is attended twice.
    "Santiago's longest Saturday": (
        evenings(SANTIAGO, "20:00-24:00"),
        utc(2026, 4, 4, 23, 30),
        utc(2026, 4, 5, 4),
    ),
    # Clocks go from Sunday 00:00 to 01:00: until two is an hour less.
    "Santiago's short night": (
        evenings(SANTIAGO, "20:00-26:00"),
        utc(2026, 9, 6, 1),
        utc(2026, 9, 6, 5),
    ),
    "São Paulo's short night of 2018": (
        evenings(SAO_PAULO, "20:00-26:00"),
        utc(2018, 11, 3, 23, 30),
        utc(2018, 11, 4, 4),
    ),
    "São Paulo's longest Saturday of 2019": (
        evenings(SAO_PAULO, "20:00-24:00"),
        utc(2019, 2, 17, 0),
        utc(2019, 2, 17, 3),
    ),
    "São Paulo without summer time": (
        evenings(SAO_PAULO, "20:00-24:00"),
        utc(2026, 2, 15, 0),
        utc(2026, 2, 15, 3),
    ),
    "the evening before a holiday": (COLOMBIA, utc(2026, 1, 9, 22), utc(2026, 1, 9, 22, 30)),
}


@pytest.mark.parametrize("killed", [False, True], ids=["undisturbed", "killed before"])
@pytest.mark.parametrize("case", CLOSING)
@pytest.mark.parametrize("store", STORES)
def test_who_waits_is_kept_for_later_when_attention_ends(
    tmp_path: Path, store: str, case: str, killed: bool
) -> None:
    schedule, begin, end = CLOSING[case]

    async def story(loop: SimulatedLoop) -> None:
        async with scene_on(loop, store, tmp_path, begin) as scene:
            await scene.app()
            await scene.hours(schedule)
            # Nobody attends, and they stay: nothing but the hours can end their waiting.
            ticket = await scene.start(who("ana"))
            assert ticket.queue_until == end
            async with Worker(scene.house):
                await asyncio.sleep(max(0, (end - begin) / 1000 - 20))
            if killed:
                await scene.restart()
                await scene.hours(schedule)
                await pairing.customer_connected(scene.house, who("ana"))
            async with Worker(scene.house):
                await asyncio.sleep(60)
            changes = [change for change in scene.changes_of(ticket) if change.after.mode == "later"]
            assert len(changes) == 1
            assert await scene.kinds(ticket) == ["opened", "later:closing_time"]
            (item,) = changes[0].items
            assert end <= item.at <= end + CLOSE_LATE_MS

    simulated(story)


@pytest.mark.parametrize(
    ("schedule", "now", "next_at"),
    [
        (DEFAULT, bogota(12), bogota(14)),
        (DEFAULT, bogota(17, 30), utc(2026, 1, 8, 13)),
        (COLOMBIA, utc(2026, 1, 12, 15), utc(2026, 1, 13, 13)),  # Reyes, kept on a Monday
        (Schedule(zone=SANTIAGO, holidays="CL"), utc(2026, 9, 18, 14), utc(2026, 9, 21, 11)),
    ],
    ids=["lunch", "17:30:00", "a holiday in Colombia", "a holiday in Chile"],
)
def test_out_of_hours_nobody_begins_to_wait(
    tmp_path: Path, schedule: Schedule, now: int, next_at: int
) -> None:
    async def story(loop: SimulatedLoop) -> None:
        async with scene_on(loop, "sqlite", tmp_path, now) as scene:
            await scene.app()
            await scene.hours(schedule)
            with refused("outside_hours") as answer:
                await scene.start(who("ana"))
            assert answer.refusal is not None
            assert answer.refusal.next_at == next_at
            scene.clock.now += next_at - now
            assert (await scene.start(who("ana"))).waiting

    simulated(story)


@pytest.mark.parametrize("zone", [SANTIAGO, SAO_PAULO])
@pytest.mark.parametrize("store", STORES)
def test_silence_is_as_long_in_a_night_that_changes_the_clocks(tmp_path: Path, store: str, zone: str) -> None:
    change = {SANTIAGO: utc(2026, 4, 5, 3), SAO_PAULO: utc(2019, 2, 17, 2)}[zone]

    async def story(loop: SimulatedLoop) -> None:
        async with scene_on(loop, store, tmp_path, change - 100_000) as scene:
            await scene.app(schedule=Schedule(zone=zone, week=parse_week({"sat": "08:00-26:00"})))
            await scene.agent(1)
            chat = await scene.chat(who("ana"))
            async with Worker(scene.house):
                await asyncio.sleep(3_600 * 2)
            closed = await scene.ticket(chat.id)
            assert closed.close_reason == "inactivity"
            assert 0 <= (closed.closed_at or 0) - (change + 200_000) <= CLOSE_LATE_MS

    simulated(story)


# — the same second ————————————————————————————————————————————————————————————


@pytest.mark.fault
@pytest.mark.parametrize("store", STORES)
def test_a_word_in_the_second_of_the_close_is_refused_or_keeps_the_chat_never_both(
    tmp_path: Path, store: str
) -> None:
    """Each customer speaks within a second of their own deadline, before, at or after it, while the worker runs."""
    chats = size(40, 400)

    async def story(loop: SimulatedLoop) -> None:
        dice = random.Random(SEED)
        async with scene_on(loop, store, tmp_path, bogota(9)) as scene:
            await scene.app()
            await scene.agent(1, capacity=chats)
            outcomes = Counter[str]()

            async def one(number: int) -> None:
                me = who(f"c{number}")
                chat = await scene.chat(me)
                deadline = loop.time() + 300
                await asyncio.sleep(deadline + dice.choice((-0.5, -0.001, 0, 0, 0, 0.001, 0.5)) - loop.time())
                try:
                    seq = await scene.says(me, chat)
                except Refused:
                    outcomes["closed"] += 1
                    kinds = await scene.kinds(chat)
                    assert kinds[-1] == "closed:inactivity", kinds
                    assert kinds.count("message") == 1
                else:
                    outcomes["kept"] += 1
                    await asyncio.sleep(100)
                    kept = await scene.ticket(chat.id)
                    assert kept.chatting, f"seed {SEED}: acknowledged as {seq}, and closed all the same"
                    assert (await scene.kinds(chat))[-1] == "message"

            async with Worker(scene.house), asyncio.TaskGroup() as group:
                for number in range(chats):
                    group.create_task(one(number))
            assert outcomes["closed"], "nobody was late"
            assert outcomes["kept"], "nobody was in time"

    simulated(story)
