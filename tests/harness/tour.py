"""A walk through every view of widget and console, for whoever looks at all of them: axe, narrow screens, pictures.

The server needs `TOUR_SETTINGS` (the countdown is on the screen from the agent's first word on), and agents who take one chat
at a time (`preparing.chats_at_once`), so that somebody waits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from playwright.sync_api import Frame, Page, expect

from tests.harness.people import Agent, Customer
from tests.harness.server import Server

TOUR_SETTINGS: dict[str, Any] = {
    "inactivity_seconds": 300,
    "inactivity_warning_seconds": 300,
    "open_chats_per_customer": 20,
}


class Door(Protocol):
    """Lets people in (`tests/journeys/conftest.py`, `scripts/screenshots.py`)."""

    server: Server

    def customer(self, *, query: str = "") -> Customer: ...

    def agent(self, email: str = "ana@demo.test", *, status: str | None = "Disponible") -> Agent: ...

    def somebody_at_the_console(self) -> Page: ...


@dataclass(frozen=True)
class View:
    name: str
    page: Page
    face: Page | Frame
    """What is to be looked at: the page, or the widget in it."""


def of_widget(name: str, customer: Customer) -> View:
    element = customer.page.wait_for_selector("iframe")
    frame = element.content_frame() if element else None
    assert frame is not None, "no widget on this page"
    return View(f"widget-{name}", customer.page, frame)


def of_console(name: str, page: Page) -> View:
    return View(f"console-{name}", page, page)


def tour(door: Door) -> Iterator[View]:
    yield from before_anybody_speaks(door)
    yield from a_conversation(door)


def before_anybody_speaks(door: Door) -> Iterator[View]:
    yield of_console("sign-in", door.somebody_at_the_console())
    customer = door.customer()
    yield View("demo", customer.page, customer.page)
    customer.opens_panel()
    yield of_widget("home", customer)
    customer.button("Solicitar Soporte").click()
    expect(customer.button("Nuevo ticket")).to_be_visible()
    yield of_widget("tickets-empty", customer)
    customer.starts_new_ticket()
    expect(customer.button("Esperar en un chat")).to_be_visible()
    yield of_widget("new-unattended", customer)
    customer.prefers_a_chat()
    expect(customer.subject).to_be_visible()
    yield of_widget("new", customer)
    customer.gives_subject("La impresora fiscal no responde")
    yield of_widget("unattended", customer)
    ana = door.agent(status="Ocupado")
    yield of_console("waiting", ana.page)
    ana.takes("La impresora fiscal no responde")
    # Available, and with a capacity of one chat: the next one has a place in the queue.
    ana.becomes("Disponible")
    waiting = door.customer()
    waiting.starts_chat("¿Cómo cambio el logo de mis facturas?")
    waiting.sees(re.compile(r"n\.º\s*1"))
    yield of_widget("queue", waiting)
    waiting.ends_chat()
    ana.becomes("Ausente")
    customer.ends_chat()
    customer.sees_ticket_closed()
    yield of_widget("closed", customer)


def a_conversation(door: Door) -> Iterator[View]:
    subject = "No puedo emitir una factura electrónica"
    customer = door.customer()
    luis = door.agent("luis@demo.test")
    yield of_console("empty", luis.page)
    customer.starts_chat(subject)
    luis.opens(subject)
    customer.says("Hola, desde ayer la factura 20-4417 se queda en «Enviando».")
    luis.talk.shows(re.compile("20-4417"))
    luis.says("Hola, soy Luis. Ya la estoy mirando.")
    luis.says("La guía está en https://example.com/ayuda/facturas por si quieres seguir los pasos.")
    customer.talk.shows(re.compile("La guía está"))
    expect(customer.button("Sigo aquí")).to_be_visible()
    yield of_widget("countdown", customer)
    customer.says("¡Gracias! Espero.")
    luis.talk.shows("¡Gracias! Espero.")
    yield of_widget("conversation", customer)
    yield of_console("conversation", luis.page)
    luis.proposes_solution()
    expect(customer.button("Sí, quedó resuelto")).to_be_visible()
    yield of_widget("proposal", customer)
    customer.answers_proposal(solved=True)
    customer.sees("Califica el servicio")
    yield of_widget("rating", customer)
    customer.rates(5)
    yield of_widget("rated", customer)
    yield of_console("closed", luis.page)
    customer.goes_back_to_list()
    yield of_widget("tickets", customer)


def out_of_hours(door: Door) -> Iterator[View]:
    """Once the app `horario` is closed."""
    customer = door.customer(query="?app=horario")
    customer.opens_panel()
    yield of_widget("home-closed", customer)
    customer.button("Solicitar Soporte").click()
    customer.starts_new_ticket()
    expect(customer.button("Enviar")).to_be_visible()
    yield of_widget("request", customer)
