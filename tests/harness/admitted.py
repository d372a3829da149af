"""How many conversations nodes let in, and how many of them in one second, as their own metrics say it."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple
from urllib.request import Request, urlopen

from tests.harness.server import Server

METRICS_TOKEN = "a token of thirty-two characters or more"
"""What nodes are given as `metrics_token`."""
LOOK_EVERY = 0.05
TRY_LATER = "4004"


class Look(NamedTuple):
    """`admitted` were let in since the node began, at some moment from `asked` to `answered` (monotonic seconds)."""

    asked: float
    answered: float
    admitted: int


def scraped(node: Server) -> dict[str, float]:
    """Every line of its metrics: name with labels, and value. Raises OSError while nobody answers."""
    headers = {"Authorization": f"Bearer {METRICS_TOKEN}"}
    with urlopen(Request(f"{node.origin}/metrics", headers=headers), timeout=5) as answer:
        text: str = answer.read().decode()
    return {name: float(value) for name, value in re.findall(r"^([^#\s]\S*) (\S+)$", text, re.MULTILINE)}


def connected(node: Server) -> int:
    return round(sum(value for name, value in scraped(node).items() if "chatserver_connections{" in name))


class Doorbell:
    """Looks at one node again and again. Who is there was let in, and so was who left, but for those who were turned away."""

    def __init__(self, node: Server) -> None:
        self.node = node
        self.looks: list[Look] = []

    def look(self) -> None:
        asked = time.monotonic()
        found = scraped(self.node)
        ended = {name: count for name, count in found.items() if name.startswith("chatserver_closed_total")}
        left = sum(count for name, count in ended.items() if TRY_LATER not in name)
        here = sum(count for name, count in found.items() if name.startswith("chatserver_connections"))
        self.looks.append(Look(asked, time.monotonic(), round(here + left)))

    @property
    def busiest_second(self) -> int:
        """The most that were let in between two looks that lie within one second, however long each took: never more than there
        were in one second."""
        most, first = 0, 0
        for last in self.looks:
            while self.looks[first] is not last and last.answered - self.looks[first].asked > 1:
                first += 1
            most = max(most, last.admitted - self.looks[first].admitted)
        return most


@contextmanager
def doorbells(*nodes: Server) -> Iterator[list[Doorbell]]:
    """Of each node, meanwhile. In threads: the loop of a whole crowd comes round too seldom."""
    bells, over = [Doorbell(node) for node in nodes], threading.Event()

    def listen(bell: Doorbell) -> None:
        while not over.wait(LOOK_EVERY):
            with suppress(OSError):  # it is down just now
                bell.look()

    threads = [threading.Thread(target=listen, args=(bell,), daemon=True) for bell in bells]
    for thread in threads:
        thread.start()
    try:
        yield bells
    finally:
        over.set()
        for thread in threads:
            thread.join()
