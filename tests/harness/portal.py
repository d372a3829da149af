"""A customer at the portal, in the words of the house. Everything is found as a person finds it: by role and visible name."""

from __future__ import annotations

import re

from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.harness.browser import Watch
from tests.harness.server import Server
from tests.harness.waiting import wait_until

PORTAL_PASSWORD = "un caballo con paraguas"
LINK = re.compile(r"https?://[^\s\"]+/link\?t=[\w-]{43}")


def latest_link(server: Server, address: str) -> str:
    """In the mail that the demo did not send."""

    def lines() -> list[str]:
        return [line for line in server.whole_log().splitlines() if address in line and LINK.search(line)]

    wait_until(lines, f"a mail to {address}")
    found = LINK.search(lines()[-1])
    assert found is not None
    return found[0]


class PortalCustomer:
    def __init__(
        self, server: Server, context: BrowserContext, page: Page, watch: Watch, app: str = "demo"
    ) -> None:
        self.server = server
        self.app = app
        self.context = context
        self.page = page
        self.watch = watch

    @property
    def home(self) -> str:
        return f"{self.server.origin}/portal/{self.app}"

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def link(self, name: str) -> Locator:
        return self.page.get_by_role("link", name=name, exact=True)

    def box(self, name: str) -> Locator:
        return self.page.get_by_label(name)

    def is_at(self, heading: str) -> None:
        expect(self.page.get_by_role("heading", level=1, name=heading, exact=True)).to_be_visible()

    def signs_up(self, address: str, name: str = "Ana Ruiz") -> None:
        """From the front door to the empty list."""
        self.page.goto(self.home)
        self.link("Crear cuenta").click()
        self.box("Correo").fill(address)
        self.button("Enviarme el enlace").click()
        self.is_at("Revisa tu correo")
        self.page.goto(latest_link(self.server, address))
        self.box("Nombre completo").fill(name)
        self.page.get_by_label("Contraseña").first.fill(PORTAL_PASSWORD)
        self.button("Crear cuenta").click()
        self.is_at("Mis tickets")

    def signs_in(self, address: str, password: str = PORTAL_PASSWORD) -> None:
        self.page.goto(f"{self.home}/sign-in")
        self.fills_sign_in(address, password)
        self.is_at("Mis tickets")

    def fills_sign_in(self, address: str, password: str = PORTAL_PASSWORD) -> None:
        self.box("Correo").fill(address)
        self.page.get_by_label("Contraseña").first.fill(password)
        self.button("Ingresar").click()

    def opens_ticket(self, subject: str, text: str) -> None:
        self.page.goto(f"{self.home}/new")
        self.box("Asunto").fill(subject)
        self.page.get_by_role("radio", name="Incidente").check()
        self.box("Descripción").fill(text)
        self.button("Enviar").click()
        self.is_at(subject)

    @property
    def messages(self) -> Locator:
        return self.page.locator("#messages")

    def sees(self, text: str | re.Pattern[str]) -> None:
        expect(self.messages.get_by_text(text, exact=isinstance(text, str))).to_have_count(1)

    def looks_until(self, shown: Locator) -> None:
        """Without scripts: the page is asked for again until this is there."""

        def there() -> int:
            self.page.reload()
            return shown.count()

        wait_until(there, "it is on the page")

    def replies(self, text: str) -> None:
        self.page.get_by_role("textbox", name="Tu respuesta", exact=True).fill(text)
        self.button("Enviar respuesta").last.click()
        self.sees(text)
