"""The database is away for some seconds while both type: both are told so, nothing is lost, and it goes out by itself."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.harness.people import Agent, Customer
from tests.harness.portal import PortalCustomer
from tests.harness.postgres import Postgres, postgres
from tests.harness.server import Server, running
from tests.harness.waiting import wait_until
from tests.journeys.conftest import Stage

pytestmark = pytest.mark.browser

SUBJECT = "No carga el reporte"
THEIRS = re.compile("Por ahora no podemos guardar mensajes. Lo que escribas se enviará en cuanto se pueda")
HERS = re.compile("El servidor no puede guardar mensajes por ahora")


@pytest.fixture(scope="module")
def own() -> Iterator[Postgres]:
    """Broken on purpose, and well again after each test."""
    with postgres() as server:
        yield server


@pytest.fixture
def server(tmp_path: Path, own: Postgres) -> Iterator[Server]:
    with running(tmp_path, database_url=own.demo()) as server:
        yield server


@contextmanager
def restarted(own: Postgres) -> Iterator[None]:
    own.stop(signal.SIGQUIT)
    try:
        yield
    finally:
        own.start()


def away(own: Postgres, how: str) -> AbstractContextManager[None]:
    return own.frozen() if how == "it stands still" else restarted(own)


@pytest.mark.parametrize("how", ["it stands still", "it crashes"])
def test_both_are_told_that_the_database_is_away_and_what_they_type_meanwhile_goes_out_by_itself(
    stage: Stage, own: Postgres, how: str
) -> None:
    customer, ana = stage.customer(), stage.agent()
    customer.starts_chat(SUBJECT)
    ana.opens(SUBJECT)
    customer.says("Antes")
    ana.talk.shows("Antes")
    with away(own, how):
        customer.says("Durante, del cliente 1")
        ana.says("Durante, de Ana 1")
        is_told(customer, ana)
        customer.says("Durante, del cliente 2")
        ana.says("Durante, de Ana 2")
        for talk in (customer.talk, ana.talk):
            expect(talk.composer).to_have_value("")
        customer.talk.shows("Durante, del cliente 2")
        ana.talk.shows("Durante, de Ana 2")
    for talk in (customer.talk, ana.talk):
        talk.shows_in_order("Antes", "Durante, del cliente 1", "Durante, del cliente 2")
        talk.shows_in_order("Antes", "Durante, de Ana 1", "Durante, de Ana 2")
    expect(customer.widget.get_by_text(THEIRS)).to_have_count(0)
    expect(ana.page.get_by_text(HERS)).to_have_count(0)
    customer.says("Después")
    ana.talk.shows("Después")
    everything = (
        "Antes",
        *(f"Durante, {who} {number}" for who in ("del cliente", "de Ana") for number in (1, 2)),
        "Después",
    )
    assert customer.talk.order(*everything) == ana.talk.order(*everything)


def is_told(customer: Customer, ana: Agent) -> None:
    customer.sees(THEIRS)
    ana.sees(HERS)


@pytest.mark.parametrize("how", ["it stands still", "it crashes"])
def test_a_reply_at_the_portal_is_shown_again_and_sent_once_the_database_is_back(
    stage: Stage, own: Postgres, how: str
) -> None:
    eva = stage.portal(scripts=False)
    eva.watch.expect("503")
    eva.signs_up("eva@empresa.test", name="Eva Luna")
    eva.opens_ticket(SUBJECT, "Hola")
    eva.page.get_by_role("textbox", name="Tu respuesta", exact=True).fill("Durante, de Eva")
    with away(own, how):
        eva.button("Enviar respuesta").last.click()
        eva.is_at("No pudimos guardarlo")
        expect(eva.page.get_by_text("Durante, de Eva")).to_be_visible()
        eva.button("Enviar de nuevo").click()
        eva.is_at("No pudimos guardarlo")
    wait_until(lambda: is_sent(eva), "the server writes again")
    eva.sees("Durante, de Eva")


@pytest.mark.parametrize("how", ["it stands still", "it crashes"])
def test_a_page_of_the_portal_says_that_it_cannot_be_shown_now_and_leads_to_itself(
    stage: Stage, own: Postgres, how: str
) -> None:
    eva = stage.portal(scripts=False)
    eva.watch.expect("503")
    eva.signs_up("eva@empresa.test", name="Eva Luna")
    eva.opens_ticket(SUBJECT, "Hola")
    with away(own, how):
        eva.page.reload()
        eva.is_at("No podemos mostrar esta página ahora")
        eva.link("Intentar de nuevo").click()
        eva.is_at("No podemos mostrar esta página ahora")
    wait_until(lambda: is_shown(eva), "the server reads again")
    eva.sees("Hola")
    lines = stage.server.whole_log().splitlines()
    assert len([line for line in lines if "pages of the portal cannot be shown" in line]) == 1


def is_shown(eva: PortalCustomer) -> bool:
    heading = eva.page.get_by_role("heading", level=1)
    expect(heading).to_be_visible()
    if heading.inner_text() != SUBJECT:
        eva.link("Intentar de nuevo").click()
    return heading.inner_text() == SUBJECT


def is_sent(eva: PortalCustomer) -> bool:
    """Pressed once more, as people do until it works."""
    eva.button("Enviar de nuevo").click()
    heading = eva.page.get_by_role("heading", level=1)
    expect(heading).to_be_visible()
    return heading.inner_text() == SUBJECT
