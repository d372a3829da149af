"""Pictures of every view of widget and console, made by using them: `python scripts/screenshots.py [--readme]`.

Starts the demo on a directory of its own, lets two agents and some customers work through `tests/harness/tour.py`, and writes
`screenshots/<view>-<scheme>-<width>.png`. `docs/img/readme.png` shows host page and console side by side.
"""

from __future__ import annotations

import argparse
import base64
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, expect

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.harness.browser import Watch, chromium, person_context  # noqa: E402 - found through the line above
from tests.harness.people import Agent, Customer  # noqa: E402 - found by the path set above
from tests.harness.preparing import chats_at_once, closed_for_good  # noqa: E402 - found by the path set above
from tests.harness.server import Server, running  # noqa: E402 - found by the path set above
from tests.harness.tour import TOUR_SETTINGS, View, of_console, out_of_hours, tour  # noqa: E402 - found by the path set above
from tests.harness.tour_forms import with_files, with_forms  # noqa: E402 - found by the path set above

PICTURES = ROOT / "screenshots"
README = ROOT / "docs" / "img" / "readme.png"
WIDTHS = {320: 640, 768: 1024, 1440: 900}
README_LIMIT = 300_000


class Door:
    """Lets people in, as the tour asks."""

    def __init__(self, browser: Browser, server: Server, width: int = 1440) -> None:
        self.browser = browser
        self.server = server
        self.width = width
        self.exit = ExitStack()

    def customer(self, *, query: str = "") -> Customer:
        person = Customer(self.server, *self._page())
        person.opens_host_page(query)
        return person

    def agent(self, email: str = "ana@demo.test", *, status: str | None = "Disponible") -> Agent:
        person = Agent(self.server, *self._page(), email)
        person.signs_in(status)
        return person

    def somebody_at_the_console(self) -> Page:
        _, page, _ = self._page()
        page.goto(self.server.console)
        expect(page.get_by_role("button", name="Ingresar")).to_be_visible()
        return page

    def _page(self) -> tuple[BrowserContext, Page, Watch]:
        context = person_context(self.browser, width=self.width, height=WIDTHS.get(self.width, 810))
        self.exit.callback(context.close)
        return context, context.new_page(), Watch()


def take(view: View) -> None:
    """One view in both colour schemes and all widths."""
    before = view.page.viewport_size
    for scheme in ("light", "dark"):
        view.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for width, height in WIDTHS.items():
            view.page.set_viewport_size({"width": width, "height": height})
            view.page.screenshot(path=PICTURES / f"{view.name}-{scheme}-{width}.png", animations="disabled")
    view.page.emulate_media(color_scheme="light")
    if before:
        view.page.set_viewport_size(before)
    print(view.name)


def a_full_desk(door: Door) -> Agent:
    """Luis with three chats, two customers who wait and one who preferred an answer by mail."""
    luis = door.agent("luis@demo.test")
    requester = door.customer()
    mine = {
        "No me llega el correo de la factura F-2041": "Hola, mi cliente dice que la F-2041 no le llegó.",
        "Cambiar la dirección de facturación": "Nos mudamos a la Carrera 11 # 82-32.",
        "El IVA sale en cero en dos productos": "Son el café molido y los filtros.",
    }
    for subject, text in mine.items():
        customer = door.customer()
        customer.starts_chat(subject)
        customer.says(text)
        luis.opens(subject)
        luis.says("Hola, soy Luis. Ya lo reviso.")
        customer.talk.shows("Hola, soy Luis. Ya lo reviso.")
        customer.says("Gracias")
        luis.talk.shows("Gracias")
    for subject in ("¿Puedo anular una nota crédito?", "No puedo importar clientes desde Excel"):
        customer = door.customer()
        customer.starts_chat(subject)
        customer.says("Cuando puedan, por favor.")
    requester.starts_chat("Certificado de retención de 2025")
    requester.leaves_queue_as_request("contabilidad@tallerandino.example")
    return luis


def for_the_readme(browser: Browser, server: Server) -> None:
    """Host page and console beside each other, as one picture."""
    left, right = Door(browser, server, width=600), Door(browser, server, width=838)
    customer, ana = left.customer(), right.agent()
    subject = "No puedo emitir una factura"
    customer.starts_chat(subject)
    ana.opens(subject)
    customer.says("Hola, la factura F-2038 se queda en «Enviando».")
    ana.says("Hola, soy Ana. Ya la estoy mirando.")
    ana.says("Listo: faltaba la resolución de la DIAN. ¿La intentas otra vez?")
    customer.says("Ya salió, mil gracias")
    ana.talk.shows("Ya salió, mil gracias")
    customer.talk.shows("Listo: faltaba la resolución de la DIAN. ¿La intentas otra vez?")
    shots = [base64.b64encode(page.screenshot()).decode() for page in (customer.page, ana.page)]
    frame = browser.new_page(viewport={"width": 1440, "height": 810})
    images = "".join(f'<img src="data:image/png;base64,{shot}">' for shot in shots)
    frame.set_content(f"<style>body{{margin:0;display:flex;background:#d5d9e0;gap:2px}}</style>{images}")
    README.parent.mkdir(parents=True, exist_ok=True)
    frame.screenshot(path=README)
    frame.close()
    left.exit.close()
    right.exit.close()
    size = README.stat().st_size
    if size >= README_LIMIT:
        sys.exit(f"{README.name} has {size} bytes, more than a page should carry")
    print(f"{README.relative_to(ROOT)}: {size // 1000} kB")


def every_view(browser: Browser, server: Server) -> None:
    door = Door(browser, server)
    PICTURES.mkdir(exist_ok=True)
    for view in tour(door):
        take(view)
    door.exit.close()
    closed_for_good(server)
    door = Door(browser, server)
    for view in out_of_hours(door):
        take(view)
    door.exit.close()


def forms_and_files(browser: Browser, server: Server) -> None:
    for walk in (with_files, with_forms):
        door = Door(browser, server)
        for view in walk(door):
            take(view)
        door.exit.close()
        closed_for_good(server)


def a_busy_day(browser: Browser, server: Server) -> None:
    door = Door(browser, server)
    luis = a_full_desk(door)
    take(of_console("full", luis.page))
    door.exit.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--readme", action="store_true", help="only docs/img/readme.png")
    only_readme = parser.parse_args().readme
    with chromium() as browser:
        with tempfile.TemporaryDirectory() as directory, running(Path(directory)) as server:
            for_the_readme(browser, server)
        if only_readme:
            return
        with tempfile.TemporaryDirectory() as directory, running(Path(directory), **TOUR_SETTINGS) as server:
            chats_at_once(server, 1)
            every_view(browser, server)
        with tempfile.TemporaryDirectory() as directory, running(Path(directory)) as server:
            forms_and_files(browser, server)
        with (
            tempfile.TemporaryDirectory() as directory,
            running(Path(directory), queue_offer_seconds=1) as server,
        ):
            chats_at_once(server, 3)
            a_busy_day(browser, server)


if __name__ == "__main__":
    main()
