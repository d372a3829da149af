"""One Chromium for a run, one context per person, and a watch over what their pages complain of."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

EXECUTABLE = (
    os.environ.get("CHROMIUM") or shutil.which("chromium-headless-shell") or shutil.which("chromium") or ""
)
"""One engine either way: the headless shell is Chromium without a browser's own windows, and takes two thirds of the time."""
ARGUMENTS = [
    "--no-sandbox",  # tests also run as root
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # The last list of this kind counts. Playwright's own also turns off the partitioned storage that browsers give to a
    # framed site, without which a widget from another site is refused any storage at all.
    "--disable-features=HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,MediaRouter,OptimizationHints",
]
PATIENCE_MS = 30_000
"""How long an expectation may take before it is a failure; what holds at once costs nothing."""
expect.set_options(timeout=PATIENCE_MS)

Scheme = Literal["light", "dark"]

# What a browser says by itself when the network or the server is away; the pages cannot keep it silent.
NETWORK_AWAY = re.compile(r"net::ERR_|WebSocket connection to .* failed|WebSocket is already in CLOSING")


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


class Watch:
    """Collects page errors and console errors; violations of a content security policy are among the latter."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self._expected: list[re.Pattern[str]] = []

    def over(self, page: Page) -> None:
        page.on(
            "pageerror", lambda error: self.complaints.append(f"page error: {error.stack or error.message}")
        )
        page.on("console", self._heard)

    def expect(self, pattern: str | re.Pattern[str]) -> None:
        """From now on, and for what came before, such a complaint is part of the story."""
        self._expected.append(re.compile(pattern))

    def unexpected(self) -> list[str]:
        return [text for text in self.complaints if not any(known.search(text) for known in self._expected)]

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"console error: {message.text} ({message.location.get('url', '')})")


def person_context(
    browser: Browser,
    *,
    proxy: str | None = None,
    scheme: Scheme = "light",
    width: int = 1280,
    height: int = 800,
    scripts: bool = True,
) -> BrowserContext:
    """A browser of somebody in Bogotá; `proxy` puts a `Network` between them and the server; `scripts`: whether it runs any."""
    context = browser.new_context(
        locale="es-CO",
        timezone_id="America/Bogota",
        color_scheme=scheme,
        java_script_enabled=scripts,
        viewport=ViewportSize(width=width, height=height),
        # Without this Chromium goes around the proxy for the machine's own names.
        proxy={"server": proxy, "bypass": "<-loopback>"} if proxy else None,
    )
    context.set_default_timeout(PATIENCE_MS)
    return context
