"""The main job by way of nginx, with the node that carried it stopped in the middle."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.balanced import Balanced, balanced
from tests.harness.people import assert_closed_with
from tests.harness.postgres import Postgres
from tests.journeys.conftest import Stage

pytestmark = pytest.mark.browser

SUBJECT = "No puedo emitir una factura"


@pytest.fixture
def server(tmp_path: Path, postgres_server: Postgres) -> Iterator[Balanced]:
    with balanced(tmp_path, postgres_server.demo()) as door:
        yield door


def test_a_chat_goes_on_while_every_node_is_started_anew(stage: Stage, server: Balanced) -> None:
    customer = stage.customer()
    ana = stage.agent()
    customer.starts_chat(SUBJECT)
    customer.sees(re.compile("Ana"))
    ana.opens(SUBJECT)
    customer.says("Sale un error al guardar")
    ana.talk.shows("Sale un error al guardar")
    stage.expects_interruptions()
    for number, node in enumerate(server.nodes):
        server.roll(node)
        ana.says(f"Lo reviso, paso {number}")
        customer.talk.shows(f"Lo reviso, paso {number}")
    ana.proposes_solution()
    customer.answers_proposal(solved=True)
    customer.sees_ticket_closed()
    customer.rates(5)
    assert_closed_with(stage.server, SUBJECT, "solved")
