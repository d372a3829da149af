"""Real servers send what is in one outbox: each mail once, and after a kill once more under the same name at most."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.nodes import several
from tests.harness.mailbox import Mailbox, mailbox
from tests.harness.postgres import Postgres, fetched
from tests.harness.server import Server
from tests.harness.sizes import SEED, size
from tests.harness.waiting import PATIENCE, until

pytestmark = pytest.mark.fault

MAILS = size(150, 3_000)
KILLS = size(3, 20)
ALL_OF_THEM = PATIENCE + MAILS / 10
"""Seconds for what takes as long as there are mails."""
_POST = """
INSERT INTO outbox (key, kind, app_id, address, mailbox, confirmed, created_at, due_at, until_at)
SELECT ? || n, 'test', (SELECT min(id) FROM apps WHERE key = 'demo'), n || '@x.co', n || '@x.co', 1, at, at, at + 400000000
FROM generate_series(1, ?) AS n, (SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS at) AS clock
"""
_LEFT = "SELECT count(*) FROM outbox WHERE due_at IS NOT NULL"
_LEASED = "SELECT count(*) FROM outbox WHERE leased_until IS NOT NULL"


def settings(box: Mailbox) -> dict[str, object]:
    return {
        "smtp_url": box.url,
        "mail_from": "soporte@example.com",
        "public_url": "http://chat.example.com",
        "mails_per_hour": 1_000_000,
    }


async def post(url: str, name: str, count: int) -> None:
    await fetched(url, _POST, name, count)


async def none_left(url: str) -> bool:
    return await fetched(url, _LEFT) == [(0,)]


def test_three_nodes_send_each_mail_once(tmp_path: Path, postgres_server: Postgres) -> None:
    async def story() -> None:
        url = postgres_server.demo()
        async with mailbox() as box:
            nodes = several(tmp_path, url, None, **settings(box))
            servers = await asyncio.to_thread(nodes.__enter__)
            try:
                await post(url, "a", MAILS)
                await until(lambda: none_left(url), "all have left", ALL_OF_THEM)
                assert box.connections >= 2, "more than one of them sends"
            finally:
                await asyncio.to_thread(nodes.__exit__, None, None, None)
            assert len(servers) == 3
            assert len(box.arrived) == MAILS
            assert Counter(one.receiver for one in box.arrived) == {
                f"{n}@x.co": 1 for n in range(1, MAILS + 1)
            }

    asyncio.run(story())


def test_nodes_are_killed_while_they_send_and_no_mail_is_lost(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    async def story() -> None:
        dice = random.Random(SEED)
        url = postgres_server.demo()
        async with mailbox() as box:
            nodes = several(tmp_path, url, None, **settings(box))
            servers: list[Server] = await asyncio.to_thread(nodes.__enter__)
            held_up = 0
            try:
                for kill in range(KILLS):
                    held_up += await killed_in_the_middle(url, box, servers, f"k{kill}-", dice)
            finally:
                await asyncio.to_thread(nodes.__exit__, None, None, None)
        found = await fetched(
            url, "SELECT count(*), count(DISTINCT message_id) FROM outbox WHERE outcome = 'sent'"
        )
        assert found == [(MAILS * KILLS, MAILS * KILLS)], f"SEED={SEED}"
        copies = Counter(one.message_id for one in box.arrived)
        assert len(copies) == MAILS * KILLS
        twice = sum(count - 1 for count in copies.values())
        assert twice <= held_up, "nothing leaves twice but what a dead node held"

    asyncio.run(story())


async def killed_in_the_middle(
    url: str, box: Mailbox, servers: list[Server], name: str, dice: random.Random
) -> int:
    """All mails leave although one of the nodes dies; gives how many it held. Its leases end at once, not after ten minutes."""
    before = len(box.arrived)
    await post(url, name, MAILS)
    share = dice.uniform(0.1, 0.8)
    await until(
        lambda: _reached(box, before + round(MAILS * share)),
        "they are in the middle of it",
        ALL_OF_THEM,
        look_every=0.005,
    )
    victim = dice.choice(servers)
    await asyncio.to_thread(victim.kill)
    await until(lambda: _all_but_leased(url), "the others sent what was nobody's", ALL_OF_THEM)
    ((held,),) = await fetched(url, _LEASED)
    await fetched(url, "UPDATE outbox SET due_at = 1, leased_until = 1 WHERE leased_until IS NOT NULL")
    await asyncio.to_thread(victim.start)
    await until(lambda: none_left(url), "all have left", ALL_OF_THEM)
    return int(held)


async def _reached(box: Mailbox, count: int) -> bool:
    return len(box.arrived) >= count


async def _all_but_leased(url: str) -> bool:
    """The living ones are at rest: twice the same is left."""
    query = (
        "SELECT count(*) FILTER (WHERE leased_until IS NULL), count(*) FROM outbox WHERE due_at IS NOT NULL"
    )
    first = await fetched(url, query)
    await asyncio.sleep(0.3)
    return first == await fetched(url, query) and first[0][0] == 0
