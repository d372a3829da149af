"""A crowd that is cut off at one moment: everybody is back soon, let in at a rate, and nobody is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.harness.crowd import gathering, quantile, together
from tests.harness.server import running
from tests.harness.sizes import FULL

pytestmark = [pytest.mark.fault, pytest.mark.alone]

CLIENTS, RATE = (2_000, 100) if FULL else (120, 40)
ALL_IN_WITHIN = 120.0
STOP = 4500
TRY_LATER = 4004


def test_a_crowd_that_is_cut_off_is_let_in_again_and_reads_what_it_missed(tmp_path: Path) -> None:
    async def story() -> None:
        with running(tmp_path, connections_per_second=RATE) as server:
            async with gathering(server.port, CLIENTS, within=ALL_IN_WITHIN) as crowd:
                await crowd.start_chats()
                for one in crowd.people:
                    one.goodbyes.clear()
                    one.turned_away.clear()
                cpu = server.cpu_seconds
                for one in crowd.people:
                    one.cut()
                away = await crowd.everybody_is_back(ALL_IN_WITHIN)
                cpu = server.cpu_seconds - cpu
                twice = sum(len(one.turned_away) > 1 for one in crowd.people)
                waits = [wait for one in crowd.people for wait in one.turned_away]
                print(
                    f"{CLIENTS} back after p50 {quantile(away, 0.5):.1f} s, p99 {quantile(away, 0.99):.1f} s, "
                    f"last {away[-1]:.1f} s; turned away {len(waits)} times, {twice} of them twice or more; "
                    f"{cpu / CLIENTS * 1000:.2f} ms of the server's CPU each"
                )
                codes = [code for one in crowd.people for _, code in one.goodbyes]
                assert not [code for code in codes if code >= STOP], "somebody was told to stop"
                assert codes.count(TRY_LATER) == len(waits)
                assert len(waits) >= CLIENTS - 3 * RATE, "all of them came in at once"
                assert together(waits) < 1 / 3, "who waits is told the same moment as others"
                assert len(waits) < 2 * CLIENTS, "they are turned away again and again"
                for one in crowd.people:
                    assert one.threads[crowd.ticket_of[one.name]].view["state"] == "open"

    asyncio.run(story())
