"""Customers and agents in the words of the house. Everything is found as a person finds it: by role and visible name."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

from playwright.sync_api import BrowserContext, FrameLocator, Locator, Page, expect

from tests.harness.browser import Watch
from tests.harness.postgres import fetched
from tests.harness.server import PASSWORD, Server
from tests.harness.waiting import wait_until

MAX_TABS = 60
"""Presses of Tab until something must have been reached."""

STARS = ["1 estrella", "2 estrellas", "3 estrellas", "4 estrellas", "5 estrellas"]


class Talk:
    """A conversation on somebody's screen; `root` is the page or the widget's frame."""

    def __init__(self, root: Page | FrameLocator) -> None:
        self.root = root

    @property
    def log(self) -> Locator:
        return self.root.get_by_role("log")

    @property
    def composer(self) -> Locator:
        return self.root.get_by_role("textbox", name="Escribe un mensaje")

    def says(self, text: str) -> None:
        self.composer.fill(text)
        self.root.get_by_role("button", name="Enviar", exact=True).click()

    def types(self, text: str) -> None:
        """Key by key, and does not send it."""
        self.composer.press_sequentially(text)

    def order(self, *texts: str) -> list[str]:
        """These texts, each there exactly once, from top to bottom."""
        for text in texts:
            self.shows(text)
        found = self.log.inner_text()
        return sorted(texts, key=found.index)

    def shows(self, text: str | re.Pattern[str]) -> None:
        """It is there, once."""
        expect(self.log.get_by_text(text, exact=isinstance(text, str))).to_have_count(1)

    def shows_in_order(self, *texts: str) -> None:
        """Each exactly once, in this order."""
        assert self.order(*texts) == list(texts)


def tab_to(page: Page, target: Locator) -> None:
    """Presses Tab until the focus is there; the first of several will do."""
    expect(target.first).to_be_visible()
    for _ in range(MAX_TABS):
        if any(found.evaluate("element => element.matches(':focus')") for found in target.all()):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{MAX_TABS} times Tab and {target} was not reached")


class Customer:
    def __init__(self, server: Server, context: BrowserContext, page: Page, watch: Watch) -> None:
        self.server = server
        self.context = context
        self.page = page
        self.watch = watch

    @property
    def widget(self) -> FrameLocator:
        return self.page.frame_locator("iframe")

    @property
    def talk(self) -> Talk:
        return Talk(self.widget)

    def button(self, name: str) -> Locator:
        return self.widget.get_by_role("button", name=name, exact=True)

    def opens_host_page(self, query: str = "") -> None:
        self.page.goto(self.server.host_page + query)

    def opens_panel(self) -> None:
        self.page.get_by_role("button", name="Ayuda").first.click()
        expect(self.button("Solicitar Soporte")).to_be_visible()

    def opens_support(self) -> None:
        """Ayuda → Solicitar Soporte: the list of tickets."""
        self.opens_panel()
        self.button("Solicitar Soporte").click()

    def opens_ticket(self, subject: str) -> None:
        """Out of the list, in another tab."""
        self.opens_support()
        self.widget.get_by_role("listitem").filter(has_text=subject).first.click()
        expect(self.talk.log).to_be_visible()

    def reopens_panel(self, subject: str) -> None:
        """After a reload: the open ticket that was on the screen is there again."""
        self.page.get_by_role("button", name="Ayuda").first.click()
        expect(self.talk.log).to_be_visible()
        self.sees(re.compile(re.escape(subject)))

    def starts_new_ticket(self) -> None:
        self.button("Nuevo ticket").click()

    def starts_chat(self, subject: str) -> None:
        """From the host page to a started chat."""
        self.opens_support()
        self.starts_new_ticket()
        self.gives_subject(subject)

    @property
    def subject(self) -> Locator:
        """Of a chat."""
        return self.widget.get_by_role("textbox", name="Asunto del ticket")

    def prefers_a_chat(self) -> None:
        """Where nobody is available the form comes first; elsewhere a chat is what there is."""
        waiting = self.button("Esperar en un chat")
        expect(self.subject.or_(waiting)).to_be_visible()
        if waiting.count():
            waiting.click()

    def gives_subject(self, subject: str) -> None:
        self.prefers_a_chat()
        self.subject.fill(subject)
        self.button("Iniciar chat").click()
        expect(self.talk.composer).to_be_visible()

    def goes_back_to_list(self) -> None:
        self.button("Volver").click()
        expect(self.button("Nuevo ticket")).to_be_visible()

    def leaves_request(self, subject: str, text: str, email: str) -> None:
        """A request to be answered later: out of hours, or while nobody attends."""
        self.widget.get_by_role("textbox", name="Asunto", exact=True).fill(subject)
        self.widget.get_by_role("textbox", name="Descripción").fill(text)
        self.widget.get_by_role("combobox", name="Tipo").select_option("Consulta")
        self.widget.get_by_role("textbox", name="Solicitante").fill(email)
        self.button("Enviar").click()

    def leaves_queue_as_request(self, email: str) -> None:
        """The same ticket, answered later."""
        self.button("Dejarlo como solicitud").click()
        self.widget.get_by_role("textbox", name="Correo").fill(email)
        self.button("Dejar solicitud").click()

    def finds_kept_text(self, text: str) -> None:
        """What was in the composer when the old ticket closed is offered here, and goes out."""
        expect(self.talk.composer).to_have_value(text)
        self.button("Enviar").click()

    def tabs_to(self, role: Literal["button", "textbox", "radio"], name: str) -> None:
        """By Tab, over host page and widget alike."""
        places = [root.get_by_role(role, name=name, exact=True) for root in (self.page, self.widget)]
        wait_until(lambda: any(place.count() for place in places), f"there is a {role} {name!r}")
        tab_to(self.page, next(place for place in places if place.count()))

    def another_tab(self) -> Customer:
        page = self.context.new_page()
        self.watch.over(page)
        return Customer(self.server, self.context, page, self.watch)

    def says(self, text: str) -> None:
        self.talk.says(text)

    def sees(self, text: str | re.Pattern[str]) -> None:
        """Somewhere in the widget."""
        expect(self.widget.get_by_text(text).first).to_be_visible()

    def ends_chat(self) -> None:
        """Finalizar chat, and yes, really."""
        self.button("Finalizar chat").click()
        question = self.widget.get_by_role("group", name="¿Finalizar este chat?")
        question.get_by_role("button", name="Finalizar chat", exact=True).click()

    def answers_proposal(self, *, solved: bool) -> None:
        self.button("Sí, quedó resuelto" if solved else "No, sigue pendiente").click()

    def rates(self, stars: int) -> None:
        group = self.widget.get_by_role("group", name="Califica el servicio")
        star = group.get_by_role("radio", name=STARS[stars - 1], exact=True)
        star.click()
        expect(star).to_be_checked()
        self.is_thanked()

    def comments_rating(self, text: str) -> None:
        self.widget.get_by_role("textbox", name="Cuéntanos más (opcional)").fill(text)
        self.button("Enviar comentario").click()
        expect(self.button("Enviado")).to_be_disabled()
        expect(self.widget.get_by_text("Gracias", exact=True)).to_be_focused()

    def is_at_heading(self, name: str) -> None:
        """What had the focus is gone: a heading has it, not the page."""
        expect(self.widget.get_by_role("heading", name=name, exact=True)).to_be_focused()

    def is_thanked(self) -> None:
        expect(self.widget.get_by_text("Gracias", exact=True)).to_be_visible()

    def sees_ticket_closed(self) -> None:
        expect(self.widget.get_by_text("Ticket cerrado").first).to_be_visible()
        expect(self.talk.composer).to_have_count(0)


class Agent:
    def __init__(self, server: Server, context: BrowserContext, page: Page, watch: Watch, email: str) -> None:
        self.server = server
        self.context = context
        self.page = page
        self.watch = watch
        self.email = email

    @property
    def talk(self) -> Talk:
        return Talk(self.page)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def another_tab(self) -> Agent:
        """The same session in a second tab."""
        page = self.context.new_page()
        self.watch.over(page)
        other = Agent(self.server, self.context, page, self.watch, self.email)
        page.goto(self.server.console)
        expect(page.get_by_role("radio", name="Disponible")).to_be_attached()
        return other

    def tabs_to(self, role: Literal["button", "textbox"], name: str) -> None:
        tab_to(self.page, self.page.get_by_role(role, name=name, exact=True))

    def tabs_to_ticket(self, subject: str) -> None:
        """Its row in one of the lists."""
        tab_to(self.page, self.row(subject))

    def signs_in(self, status: str | None = "Disponible") -> None:
        self.page.goto(self.server.console)
        self.page.get_by_role("textbox", name="Correo").fill(self.email)
        self.page.get_by_label("Contraseña", exact=True).fill(PASSWORD)
        self.button("Ingresar").click()
        expect(self.page.get_by_role("radio", name="Disponible")).to_be_attached()
        if status:
            self.becomes(status)

    def becomes(self, status: str) -> None:
        """Disponible, Ocupado or Ausente."""
        choice = self.page.get_by_role("radio", name=status, exact=True)
        choice.check()
        expect(choice).to_be_checked()

    def row(self, subject: str) -> Locator:
        """A ticket in one of the lists."""
        return self.page.get_by_role("listitem").get_by_role("button").filter(has_text=subject).first

    def list(self, name: str) -> Locator:
        """En espera or Mis chats."""
        return self.page.get_by_role("region", name=name).or_(self.page.get_by_role("list", name=name)).first

    def sees_waiting(self, subject: str) -> None:
        expect(self.list("En espera").get_by_text(subject)).to_be_visible()

    def opens(self, subject: str) -> None:
        """A ticket of either list, by its subject."""
        self.row(subject).click()
        expect(self.talk.log).to_be_visible()

    def takes(self, subject: str) -> None:
        self.opens(subject)
        self.button("Tomar").click()
        expect(self.talk.composer).to_be_visible()

    def says(self, text: str) -> None:
        self.talk.says(text)

    def sees(self, text: str | re.Pattern[str]) -> None:
        expect(self.page.get_by_text(text).first).to_be_visible()

    def proposes_solution(self) -> None:
        self.button("Proponer solución").click()

    def sends_back(self, field: str) -> None:
        """By the keyboard: this is missing."""
        self.talk.log.focus()
        self.page.keyboard.press("b")
        dialog = self.page.get_by_role("alertdialog", name="Devolver para completar")
        dialog.get_by_role("checkbox", name=re.compile(field)).check()
        dialog.get_by_role("button", name="Devolver para completar").click()
        expect(dialog).to_have_count(0)

    def closes_ticket(self) -> None:
        """Cerrar ticket, and yes, really."""
        self.button("Cerrar ticket").click()
        expect(self.page.get_by_text("¿Cerrar este ticket?")).to_be_visible()
        self.button("Cerrar ticket").click()


def assert_closed_with(server: Server, subject: str, reason: str) -> None:
    """The ticket is closed, once, for this reason: solved, agent, customer, inactivity, abandoned."""

    def found() -> list[str | None]:
        query = (
            "SELECT items.reason FROM items JOIN tickets ON tickets.id = items.ticket_id "
            "WHERE items.kind = 'closed' AND tickets.subject = {}"
        )
        if url := server.settings.get("database_url"):
            with ThreadPoolExecutor(1) as aside:  # Playwright keeps an event loop in this thread
                rows = aside.submit(asyncio.run, fetched(str(url), query.format("?"), subject)).result()
            return [row[0] for row in rows]
        with server.reading() as database:
            return [row[0] for row in database.execute(query.format("?"), (subject,))]

    wait_until(found, f"{subject!r} is closed")
    assert found() == [reason]
