"""A browser, a page of it, and the host's stage on that page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.harness.browser import EXECUTABLE, PATIENCE_MS
from tests.web.loader.stage import LOADER, Stage, serving

FLAGS = ["--no-sandbox", "--disable-quic", "--disable-background-networking"]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    assert LOADER.is_file(), "static/build is absent: `make test` and `make run` build the front end"
    with serving() as port:
        yield port


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="es-MX")
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


@pytest.fixture
def stage(page: Page, port: int) -> Iterator[Stage]:
    """Whatever a test does, the host's policy is never violated and no error reaches the host's page."""
    stage = Stage(page, port)
    yield stage
    assert stage.errors == []
    assert page.evaluate("violations") == []
