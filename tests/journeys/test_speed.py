"""How soon an agent sees a first message: measured and printed, not judged, since machines differ."""

from __future__ import annotations

import math
import time

import pytest
from playwright.sync_api import expect

from tests.harness.settings import with_settings
from tests.journeys.conftest import Stage

pytestmark = [pytest.mark.browser, pytest.mark.alone]

ROUNDS = 25


@with_settings(messages_per_minute=6000, messages_burst=100)
def test_measure_from_enter_to_the_agents_screen(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    customer, ana = stage.customer(), stage.agent()
    customer.starts_chat("Cuánto tarda")
    ana.opens("Cuánto tarda")
    took = []
    for number in range(ROUNDS):
        text = f"Mensaje número {number:02}"
        customer.talk.composer.fill(text)
        began = time.perf_counter()
        customer.talk.composer.press("Enter")
        expect(ana.talk.log.get_by_text(text)).to_be_visible()
        took.append((time.perf_counter() - began) * 1000)
    took.sort()
    p95 = took[math.ceil(0.95 * ROUNDS) - 1]
    with capsys.disabled():
        print(
            f"\nEnter to seen by the agent: median {took[ROUNDS // 2]:.0f} ms, p95 {p95:.0f} ms of {ROUNDS} "
            "(with the test's own looking)"
        )
