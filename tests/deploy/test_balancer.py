"""A crowd that knows nginx only, while the nodes behind it are started anew one after the other."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.faults.crowd import AT_EASE, judge, talking
from tests.harness.balanced import balanced
from tests.harness.postgres import Postgres
from tests.harness.waiting import soon

pytestmark = [pytest.mark.fault, pytest.mark.alone]


def test_a_rolling_restart_behind_nginx_loses_nothing_and_everybody_is_back(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    async def story() -> None:
        url = postgres_server.demo()
        with balanced(tmp_path, url, **AT_EASE) as door:
            for inside in ("/metrics", "/node/line/customer"):
                assert await asyncio.to_thread(door.status, inside) == 404, f"{inside} is seen from outside"
            async with talking(door) as crowd:
                for node in door.nodes:
                    await crowd.acks(50)
                    assert await asyncio.to_thread(door.roll, node) < 15
                await crowd.acks(50)
                await soon(lambda: all(peer.online for peer in crowd.everybody), "everybody is back")
                await crowd.healed()
                judge(crowd, tmp_path)
                # Everybody was told: by a node that stopped, or that they were slow to read. Nobody was simply cut off.
                codes = {code for peer in crowd.everybody for _, code in peer.goodbyes}
                assert {4001} <= codes <= {4001, 4002}

    asyncio.run(story())
