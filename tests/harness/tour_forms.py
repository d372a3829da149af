"""A walk through the widget's views of forms and files: what is suggested, hinted at, asked for, attached and refused.

Two walks, as hours differ: `with_files` while somebody attends the app `demo`, `with_forms` once the app `horario` is closed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from playwright.sync_api import FilePayload, Route, expect

from tests.files.making import PDF, png
from tests.harness.desk import asks, sends_file, ticket_of
from tests.harness.people import Customer
from tests.harness.tour import Door, View, of_widget

LONG_NAME = "captura de la pantalla de facturas de mayo con todos los filtros y sin ninguna factura.png"
UNBROKEN = "https://tienda.example/facturas/" + "x1y2z3" * 30
PICTURE = FilePayload(name=LONG_NAME, mimeType="image/png", buffer=png(640, 360))
PROGRAM = FilePayload(
    name="programa.exe", mimeType="application/octet-stream", buffer=b"MZ\x90\0" + bytes(60)
)
SLOW = FilePayload(name="respaldo-de-la-configuración.txt", mimeType="text/plain", buffer=b"x" * 400_000)
LOST = FilePayload(name="se-cae.txt", mimeType="text/plain", buffer=b"uno")
NOTES = FilePayload(name="notas.txt", mimeType="text/plain", buffer=b"uno, dos, tres")


def attaches(customer: Customer, *files: FilePayload) -> None:
    customer.widget.get_by_label("Adjuntar archivos").set_input_files(list(files))


def attaches_in_every_state(customer: Customer) -> None:
    """One that is up, one under way for ever, one that did not get through, one that is refused."""
    customer.watch.expect("Failed to load resource")

    def on_its_way(route: Route) -> None:
        name = route.request.headers["chat-name"]
        if name.startswith("respaldo"):
            return  # never answered
        route.abort() if name.startswith("se-cae") else route.continue_()

    customer.page.route("**/files", on_its_way)
    attaches(customer, PICTURE, PROGRAM, SLOW, LOST)
    customer.sees(re.compile("No se aceptan archivos de este tipo"))
    customer.sees(re.compile("No se pudo subir"))
    expect(customer.widget.get_by_role("progressbar")).to_have_count(1)


def with_files(door: Door) -> Iterator[View]:
    subject = "La pantalla queda en blanco"
    ana = door.agent()
    customer = door.customer()
    customer.opens_support()
    customer.starts_new_ticket()
    box = customer.subject
    box.fill("factura electronica")
    expect(customer.widget.get_by_role("link").first).to_be_visible()
    yield of_widget("suggestions", customer)
    box.fill("a")
    customer.button("Iniciar chat").click()
    yield of_widget("new-wrong", customer)
    customer.gives_subject(subject)
    ana.opens(subject)
    customer.says(UNBROKEN)
    attaches_in_every_state(customer)
    customer.talk.types("NECESITO AYUDA AHORA")
    customer.sees(re.compile("se lee como un grito"))
    yield of_widget("composer", customer)
    for name in (PROGRAM["name"], LOST["name"]):
        customer.button(f"Quitar {name}").click()
    customer.button(f"Cancelar {SLOW['name']}").click()
    customer.button("Enviar").click()
    expect(customer.talk.log.locator("img")).to_be_visible()
    customer.page.unroute("**/files")
    attaches(customer, NOTES, PICTURE, PICTURE, PICTURE)
    customer.says("Y estas, por si ayudan")
    ticket = ticket_of(door.server, subject)
    sends_file(ana, ticket, "guía-" + "sinespacios" * 8 + ".pdf", PDF, "guiaguiaguiaguiaguiagA")
    expect(customer.talk.log.locator("img")).to_have_count(4)
    expect(customer.talk.log.get_by_role("listitem")).to_have_count(6)
    yield of_widget("files", customer)
    customer.goes_back_to_list()
    yield of_widget("tickets-file", customer)


def with_forms(door: Door) -> Iterator[View]:
    subject = "No sale la factura de mayo"
    ana = door.agent()
    customer = door.customer(query="?app=horario")
    customer.opens_support()
    customer.starts_new_ticket()
    customer.button("Enviar").click()
    expect(customer.widget.locator("[aria-invalid='true']").first).to_be_visible()
    yield of_widget("form-wrong", customer)
    customer.widget.get_by_text("Más datos (opcional)").click()
    customer.widget.get_by_text(re.compile("Antes de enviar")).click()
    for name, option in {"Prioridad": "Urgente", "Tipo": "Incidente", "País": "Colombia"}.items():
        customer.widget.get_by_role("combobox", name=name, exact=True).select_option(option)
    customer.widget.get_by_role("textbox", name="Asunto", exact=True).fill(UNBROKEN[:200])
    customer.widget.get_by_role("textbox", name="URL del problema").fill(UNBROKEN)
    attaches_in_every_state(customer)
    yield of_widget("form-filled", customer)
    customer.button("Cancelar").click()
    yield of_widget("form-cancel", customer)
    customer.button("Descartar").click()
    customer.starts_new_ticket()
    customer.leaves_request(subject, "Desde ayer no la encuentro.", "rosa@example.com")
    customer.sees(re.compile("Tu solicitud es el ticket"))
    yield of_widget("sent", customer)
    customer.button("Ver el ticket").click()
    expect(customer.talk.log).to_be_visible()
    yield of_widget("request-open", customer)
    ticket = ticket_of(door.server, subject)
    asks(ana, {"type": "claim", "ticket": ticket})
    words = "Para buscarla necesito el número y el nombre de la empresa."
    missing = {"type": "send_back", "ticket": ticket, "missing": ["case", "company"], "text": words}
    asks(ana, missing | {"cid": "B" * 22})
    customer.sees(re.compile("Faltan datos"))
    yield of_widget("pending", customer)
    customer.button("Completar los datos").click()
    customer.button("Enviar los datos").click()
    expect(customer.widget.locator("[aria-invalid='true']").first).to_be_visible()
    yield of_widget("completion", customer)
    asks(ana, {"type": "reject", "ticket": ticket, "reason": "Esa factura es de otra empresa."})
    customer.sees_ticket_closed()
    yield of_widget("rejected", customer)
    customer.goes_back_to_list()
    for number in range(7):
        customer.starts_new_ticket()
        customer.leaves_request(f"{number} {UNBROKEN}"[:200], UNBROKEN, "rosa@example.com")
        customer.button("Ver el ticket").click()
        customer.goes_back_to_list()
    yield of_widget("tickets-many", customer)
    customer.button("Volver").click()
    yield of_widget("home-ticket", customer)
