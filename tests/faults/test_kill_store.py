"""kill -9 while messages are being written: what was acknowledged is there, once, and nothing has a gap."""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.harness.sizes import SEED, size

ROOT = Path(__file__).resolve().parent.parent.parent
KILLS = size(10, 60)
TICKETS = 5
WRITERS = 40


@pytest.mark.fault
def test_no_acknowledged_message_is_lost_or_doubled_when_the_server_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    acknowledged: dict[str, tuple[int, int]] = {}
    unsure: dict[str, int] = {}
    for _ in range(KILLS):
        tried, acks = run_until_killed(path, unsure, after=chance.randrange(1, 400))
        for cid, place in acks.items():
            assert acknowledged.setdefault(cid, place) == place
        unsure = {cid: place for cid, place in (unsure | tried).items() if cid not in acknowledged}
        look(path, acknowledged, unsure)
    assert len(acknowledged) > KILLS
    print(f"{KILLS} kills, {len(acknowledged)} acknowledged")


def run_until_killed(
    path: Path, unsure: dict[str, int], after: int
) -> tuple[dict[str, int], dict[str, tuple[int, int]]]:
    """Let a server write until `after` acknowledgements were seen, kill it, and read what it still managed to say.

    `unsure`: messages (cid → which ticket) sent to an earlier server without an answer; they are sent again first.
    Returns what was sent (cid → which ticket) and what was acknowledged (cid → ticket id, number in it).
    """
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.test_kill_store", str(path), json.dumps(unsure)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stderr is not None
    tried: dict[str, int] = {}
    acks: dict[str, tuple[int, int]] = {}
    killed = False
    for line in child.stdout:
        if not line.endswith("\n"):
            break  # cut off by the kill
        word, cid, *numbers = line.split()
        if word == "try":
            tried[cid] = int(numbers[0])
        else:
            acks[cid] = (int(numbers[0]), int(numbers[1]))
        if not killed and len(acks) >= after:
            child.send_signal(signal.SIGKILL)
            killed = True
    complaints = child.stderr.read()
    child.stdout.close()
    child.stderr.close()
    assert child.wait(10) == -signal.SIGKILL, complaints
    return tried, acks


def look(path: Path, acknowledged: dict[str, tuple[int, int]], unsure: dict[str, int]) -> None:
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        rows = connection.execute("SELECT ticket_id, seq, cid FROM items ORDER BY ticket_id, seq").fetchall()
        last = dict(connection.execute("SELECT id, last_seq FROM tickets").fetchall())
    finally:
        connection.close()
    stored = [(cid, (ticket, seq)) for ticket, seq, cid in rows if cid is not None]
    assert len({cid for cid, _ in stored}) == len(stored)
    places = dict(stored)
    assert {cid: places.get(cid) for cid in acknowledged} == acknowledged
    assert places.keys() <= acknowledged.keys() | unsure.keys()
    for ticket, end in last.items():
        assert [seq for t, seq, _ in rows if t == ticket] == list(range(1, end + 1))


# — the server that is killed ——————————————————————————————————————————————————


async def serve(path: Path, unsure: dict[str, int]) -> None:
    from tests.store.house import House

    house = await House.open(path)
    house.db._writer._clock = lambda: time.time_ns() // 1_000_000
    people = [house.who(str(n)) for n in range(TICKETS)]
    tickets = [await house.start(who, 0) for who in people]
    again = list(unsure.items())

    async def write() -> None:
        while True:
            cid, place = again.pop() if again else (secrets.token_urlsafe(16), secrets.randbelow(TICKETS))
            sys.stdout.write(f"try {cid} {place}\n")
            sys.stdout.flush()
            ticket = tickets[place]
            seq = await house.say_as(people[place], ticket.id, cid, "x" * secrets.randbelow(2000))
            sys.stdout.write(f"ack {cid} {ticket.id} {seq}\n")
            sys.stdout.flush()

    await asyncio.gather(*(write() for _ in range(WRITERS)))


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), json.loads(sys.argv[2])))
