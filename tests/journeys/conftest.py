"""A stage for two people: a real server, a browser, and people who come in when the story says so."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.harness.browser import NETWORK_AWAY, Scheme, Watch, chromium, person_context
from tests.harness.network import Network
from tests.harness.people import Agent, Customer
from tests.harness.portal import PortalCustomer
from tests.harness.server import Server, running
from tests.harness.wired import WiredCustomer

STAGE = pytest.StashKey["Stage"]()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    # For this package only: Playwright keeps an event loop in this thread, asynchronous tests elsewhere want their own.
    with chromium() as browser:
        yield browser


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """The demo; with other settings by `@with_settings(inactivity_seconds=6)`, on PostgreSQL too by `@on_both_engines`."""
    settings = dict(getattr(request, "param", {}))
    if settings.pop("postgres", False):
        own = request.getfixturevalue("postgres_server")
        settings["database_url"] = own.empty() if settings.get("afresh") else own.demo()
    with running(tmp_path, **settings) as server:
        yield server


class Stage:
    """Lets people in, and asks at the end whether their pages had anything to complain of."""

    def __init__(self, browser: Browser, server: Server, pictures: Path) -> None:
        self.browser = browser
        self.server = server
        self.pictures = pictures
        self.people: list[Customer | Agent | PortalCustomer] = []
        self._exit = ExitStack()

    def customer(
        self,
        *,
        network: Network | None = None,
        query: str = "",
        scheme: Scheme = "light",
        width: int = 1280,
    ) -> Customer:
        """Somebody with the host page open."""
        proxy = network.proxy if network else None
        context, page, watch = self._browser_of(proxy=proxy, scheme=scheme, width=width)
        person = Customer(self.server, context, page, watch)
        self.people.append(person)
        person.opens_host_page(query)
        return person

    def agent(
        self,
        email: str = "ana@demo.test",
        *,
        status: str | None = "Disponible",
        network: Network | None = None,
        scheme: Scheme = "light",
        width: int = 1280,
    ) -> Agent:
        """Somebody who has signed in to the console."""
        proxy = network.proxy if network else None
        context, page, watch = self._browser_of(proxy=proxy, scheme=scheme, width=width)
        person = Agent(self.server, context, page, watch, email)
        self.people.append(person)
        person.signs_in(status)
        return person

    def portal(
        self, *, scripts: bool = True, scheme: Scheme = "light", width: int = 1280, app: str = "demo"
    ) -> PortalCustomer:
        """Somebody with a browser, about to go to the portal."""
        context, page, watch = self._browser_of(scheme=scheme, width=width, scripts=scripts)
        person = PortalCustomer(self.server, context, page, watch, app)
        self.people.append(person)
        return person

    def _browser_of(self, **manner: Any) -> tuple[BrowserContext, Page, Watch]:
        """A person's own, with an empty page, watched and closed with the stage. `manner`: of `person_context`."""
        context = person_context(self.browser, **manner)
        self._exit.callback(context.close)
        watch = Watch()
        page = context.new_page()
        watch.over(page)
        return context, page, watch

    def wired(self) -> WiredCustomer:
        """A customer for what no screen of theirs offers."""
        context = person_context(self.browser)
        self._exit.callback(context.close)
        return WiredCustomer(self.server, context.new_page())

    def somebody_at_the_console(self) -> Page:
        """Who has not signed in."""
        context = person_context(self.browser)
        self._exit.callback(context.close)
        page = context.new_page()
        page.goto(self.server.console)
        expect(page.get_by_role("button", name="Ingresar")).to_be_visible()
        return page

    def network(self) -> Network:
        network = Network()
        self._exit.callback(network.close)
        return network

    def expects_interruptions(self) -> None:
        """The story takes network or server away: what browsers say of that by themselves is no complaint."""
        for person in self.people:
            person.watch.expect(NETWORK_AWAY)

    def take_pictures(self) -> list[Path]:
        """Of every page that is still open, for somebody who wonders why it failed."""
        taken = []
        for number, person in enumerate(self.people):
            for tab, page in enumerate(person.context.pages):
                path = self.pictures / f"{type(person).__name__.lower()}-{number}-{tab}.png"
                page.screenshot(path=path)
                taken.append(path)
        return taken

    def complaints(self) -> list[str]:
        return [complaint for person in self.people for complaint in person.watch.unexpected()]

    def close(self) -> None:
        self._exit.close()


@pytest.fixture
def stage(
    request: pytest.FixtureRequest, browser: Browser, server: Server, tmp_path: Path
) -> Iterator[Stage]:
    stage = Stage(browser, server, tmp_path)
    request.node.stash[STAGE] = stage
    try:
        yield stage
        complaints = stage.complaints()
    finally:
        stage.close()
    assert not complaints, "\n".join(complaints)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    stage = item.stash.get(STAGE, None)
    if report.failed and call.when == "call" and stage is not None:
        report.sections.append(("server", stage.server.log()))
        report.sections.append(("complaints", "\n".join(stage.complaints())))
        report.sections.append(("pictures", "\n".join(map(str, stage.take_pictures()))))
    return report
