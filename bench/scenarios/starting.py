"""The server started over a database that has a past: when it first answers, and what it takes then."""

from __future__ import annotations

import http.client
import time
from pathlib import Path

from bench import filling, ours
from bench.ours import APP, Ours
from bench.places import workplace
from bench.report import Section, Verdict, middle, spread

CHATS = 2_000
MESSAGES = 50
OPEN = 100
PATIENCE_SECONDS = 30.0
MIB = 1024 * 1024


async def measured(rounds: int) -> Section:
    made = Section(
        "start",
        f"Start over {CHATS * MESSAGES:,} messages and {OPEN} open chats, {rounds} times",
        ("server", "first /demo s", "CPU s till then", "RSS MiB then"),
    )
    seconds, cpu, rss = [], [], []
    with workplace() as directory:
        product = prepared(directory)
        for _ in range(rounds):
            began = time.perf_counter()
            with product.launched() as process:
                _first_answer(product)
                seconds.append(time.perf_counter() - began)
                cpu.append(process.cpu())
                rss.append(process.rss() / MIB)
    made.rows.append(("ours", spread(seconds, 2), spread(cpu, 2), spread(rss, 0)))
    made.data = {"seconds": seconds, "cpu": cpu, "rss_mib": rss}
    made.verdicts = [
        Verdict(
            "first answer at most 1.0 s after the start", f"{spread(seconds, 2)} s", middle(seconds) <= 1.0
        ),
        Verdict("RSS then at most 90 MiB", f"{spread(rss, 0)} MiB", middle(rss) <= 90),
    ]
    return made


def prepared(directory: Path) -> Ours:
    product = ours.prepared(directory, ours.RAISED | filling.STILL)
    with filling.writing(product.database) as database:
        ids, _ = filling.add_agents(database, [APP], 1, capacity=OPEN, status="away")
        filling.add_chats(database, APP, CHATS - OPEN, MESSAGES, agent=ids[0], closed=True)
        filling.add_chats(database, APP, OPEN, MESSAGES, agent=ids[0], closed=False)
    return product


def _first_answer(product: Ours) -> None:
    """Ask again and again: what refuses connections now may take them in a millisecond."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", product.port, timeout=5)
        try:
            connection.request("GET", "/demo")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.002)
        finally:
            connection.close()
    raise TimeoutError("no answer")
