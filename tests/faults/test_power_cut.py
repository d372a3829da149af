"""The power fails: what was acknowledged had been synced before, and the disk as it was then opens with all of it.

The trace of a real server under load holds each write, each sync and each frame that left, in order. So the disk can be put
together as it would have been found at any moment: with what was synced, and by chance with some of what was not.
"""

from __future__ import annotations

import asyncio
import random
import re
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.crowd import AT_EASE, integrity, talking
from tests.harness.server import Server, running
from tests.harness.sizes import SEED, size
from tests.harness.tracing import DISK_CALLS, SOCKET_CALLS, Call, ended, log_of, read, traced

pytestmark = pytest.mark.fault

MESSAGES = size(4_500, 15_000)
CUTS = size(40, 600)
"""Moments, spread over the whole run, at which the power fails."""
ACK = re.compile(r'\\"type\\":\\"ack\\",\\"cid\\":\\"([\w-]{22})\\",[^}]*?\\"seq\\":(\d+)')
TEXT = re.compile(r"([\w-]{22}) de ")
"""How each message of the crowd begins, in a page of the database as in a frame."""


async def talked(server: Server) -> dict[str, int]:
    """Customers and agents talk, then the server is killed. Gives what clients were told: cid → number."""
    async with talking(server) as crowd:
        await crowd.acks(MESSAGES)
        await asyncio.to_thread(server.kill)
        return {op.cid: op.seq for op in crowd.diary.history if op.result == "ok"}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> tuple[Server, Path, list[Call], dict[str, int]]:
    """A server, its database before, the trace of its life, and what its clients had been told when it ended."""
    directory = tmp_path_factory.mktemp("power")
    before, trace = directory / "before.db", directory / "trace"
    with running(directory, **AT_EASE) as server:
        server.stop()
        shutil.copy(server.database, before)
        server.under = traced(trace, (*DISK_CALLS, *SOCKET_CALLS))
        server.start()
        told = asyncio.run(talked(server))
        ended(trace)
        calls = list(read(trace))
    return server, before, calls, told


Story = tuple[Server, Path, list[Call], dict[str, int]]


def test_nothing_is_told_of_a_message_before_the_log_was_synced_after_it(story: Story) -> None:
    server, _, calls, told = story
    written: dict[str, int] = {}
    synced: list[tuple[int, int]] = []
    looked_at: set[str] = set()
    for call in calls:
        if call.file == log_of(server) and call.name == "pwrite64":
            for cid in TEXT.findall(call.arguments):
                written.setdefault(cid, call.ended)
        elif call.file == log_of(server) and call.is_sync and call.result == 0:
            synced.append((call.began, call.ended))
        elif call.on_socket:
            acknowledged = [cid for cid, _ in ACK.findall(call.arguments)]
            for cid in [*acknowledged, *TEXT.findall(call.arguments)]:
                if cid in told and cid not in looked_at:
                    looked_at.add(cid)
                    durable = any(
                        began > written[cid] and end < call.began for began, end in reversed(synced[-50:])
                    )
                    assert durable, f"{cid} was told of before it was synced: {call}"
    assert looked_at == told.keys()
    print(f"{len(looked_at)} messages, {len(synced)} syncs of the log: each before the first frame about it")


@dataclass
class Disk:
    """One file: what a sync made durable, and what was written since."""

    durable: bytearray
    pending: list[Call] = field(default_factory=list)

    def take(self, call: Call) -> None:
        if call.is_sync:
            if call.result == 0:
                for write in [write for write in self.pending if write.ended < call.began]:
                    self.pending.remove(write)
                    apply(self.durable, write)
        else:
            self.pending.append(call)

    def found(self, dice: random.Random) -> bytes:
        """What is there when the power is back; of what was not synced any part may have arrived, in any order."""
        content = bytearray(self.durable)
        for write in dice.sample(self.pending, dice.randint(0, len(self.pending))):
            apply(content, write)
        return bytes(content)


def apply(content: bytearray, call: Call) -> None:
    if call.name == "ftruncate":
        length = int(call.arguments)
        del content[length:]
        content.extend(bytes(length - len(content)))
        return
    offset, text = call.written()
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(text)] = text


def test_a_disk_as_the_power_left_it_opens_with_every_acknowledged_message(
    story: Story, tmp_path: Path
) -> None:
    server, before, calls, told = story
    dice = random.Random(SEED)
    database, log = Disk(bytearray(before.read_bytes())), Disk(bytearray())
    acknowledged: dict[str, int] = {}
    acks = [call for call in calls if call.on_socket and ACK.search(call.arguments)]
    moments = {call.ended for call in dice.sample(acks, min(CUTS, len(acks)))} | {acks[-1].ended}
    checkpoints = 0
    for call in calls:
        if call.file == str(server.database):
            database.take(call)
            checkpoints += call.is_sync
        elif call.file == log_of(server):
            log.take(call)
        elif call.on_socket:
            acknowledged.update((cid, int(seq)) for cid, seq in ACK.findall(call.arguments))
            if call.ended in moments:
                image = tmp_path / f"{call.ended}.db"
                image.write_bytes(database.found(dice))
                image.with_name(image.name + "-wal").write_bytes(log.found(dice))
                look(image, acknowledged)
    assert told.items() <= acknowledged.items()
    assert checkpoints, "the log was never moved into the database: half of it was not tried"
    print(
        f"{len(moments)} power cuts, {checkpoints} checkpoints, {len(acknowledged)} messages acknowledged at the last"
    )


def look(image: Path, acknowledged: dict[str, int]) -> None:
    with closing(sqlite3.connect(image)) as opened:
        assert integrity(opened) == "ok", f"seed {SEED}"
        stored = dict(opened.execute("SELECT cid, seq FROM items WHERE cid IS NOT NULL").fetchall())
    lost = acknowledged.items() - stored.items()
    assert not lost, f"seed {SEED}: {len(lost)} acknowledged messages are lost, {sorted(lost)[:3]}"
    for file in image.parent.glob(f"{image.name}*"):
        file.unlink()
