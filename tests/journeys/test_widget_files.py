"""Files in the widget's chat: up, with progress and refusals in words, and down again; never lost, and never sent twice."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Locator, Route, expect

from tests.files.making import PDF, png
from tests.harness.desk import sends_file, ticket_of
from tests.harness.people import Customer
from tests.harness.waiting import wait_until
from tests.journeys.conftest import Stage

pytestmark = pytest.mark.browser

SUBJECT = "La pantalla queda en blanco"
PICTURE = FilePayload(name="captura.png", mimeType="image/png", buffer=png(40, 30))
NOTES = FilePayload(name="notas.txt", mimeType="text/plain", buffer=b"uno, dos, tres")
PROGRAM = FilePayload(
    name="programa.exe", mimeType="application/octet-stream", buffer=b"MZ\x90\0" + bytes(60)
)
NOT_FETCHED = "Failed to load resource"


def attaches(customer: Customer, *files: FilePayload) -> None:
    customer.widget.get_by_label("Adjuntar archivos").set_input_files(list(files))


def waiting(customer: Customer) -> Locator:
    """What stands at the message box."""
    return (
        customer.widget.locator("form").get_by_role("list", name="Archivos adjuntos").get_by_role("listitem")
    )


def given(customer: Customer) -> Locator:
    """What is in the conversation."""
    return customer.talk.log.get_by_role("list", name="Archivos adjuntos").get_by_role("listitem")


def stored(database: sqlite3.Connection) -> list[tuple[str, int]]:
    """Files in messages, and in which."""
    query = "SELECT name, seq FROM files WHERE seq IS NOT NULL ORDER BY name"
    return database.execute(query).fetchall()


def test_a_picture_goes_to_the_agent_and_a_pdf_comes_back(stage: Stage, tmp_path: Path) -> None:
    customer = stage.customer()
    ana = stage.agent()
    customer.starts_chat(SUBJECT)
    ana.opens(SUBJECT)
    attaches(customer, PICTURE, NOTES)
    expect(waiting(customer)).to_have_count(2)
    customer.says("Así se ve")
    expect(waiting(customer)).to_have_count(0)
    expect(given(customer)).to_have_count(2)
    ana.talk.shows("Así se ve")
    expect(given(customer).first.locator("img")).to_be_visible()

    sends_file(ana, ticket_of(stage.server, SUBJECT), "guía.pdf", PDF, "guiaguiaguiaguiaguiagA")
    expect(given(customer)).to_have_count(3)
    with customer.page.expect_download() as download:
        given(customer).last.get_by_role("button").click()
    assert download.value.suggested_filename == "guía.pdf"
    download.value.save_as(tmp_path / "guía.pdf")
    assert (tmp_path / "guía.pdf").read_bytes() == PDF


def test_pictures_that_come_in_push_nobody_away_from_the_end(stage: Stage) -> None:
    """They have no height until their links and then they themselves are there."""
    customer, ana = stage.customer(), stage.agent()
    customer.starts_chat(SUBJECT)
    ana.opens(SUBJECT)
    for number in range(3):
        attaches(customer, FilePayload(name=f"{number}.png", mimeType="image/png", buffer=png(400, 300)))
        customer.says(f"Pantalla {number}")
        customer.talk.shows(f"Pantalla {number}")
    for person in (customer, ana):
        pictures = person.talk.log.locator("img")
        expect(pictures).to_have_count(3)
        person.page.reload()
    customer.reopens_panel(SUBJECT)
    ana.opens(SUBJECT)
    for person in (customer, ana):
        expect(person.talk.log.locator("img")).to_have_count(3)
        last = person.talk.log.locator("img").last
        expect(last).to_have_js_property("complete", True)
        expect(last).to_be_in_viewport(ratio=0.9)


def test_a_refused_file_says_why_and_holds_the_message_until_it_is_taken_off(stage: Stage) -> None:
    customer = stage.customer()
    customer.starts_chat(SUBJECT)
    customer.watch.expect(NOT_FETCHED)
    attaches(customer, PROGRAM, NOTES)
    customer.sees(re.compile("No se aceptan archivos de este tipo"))
    customer.says("Mira esto")
    customer.sees("Quita los archivos que no se pudieron adjuntar.")
    expect(customer.talk.composer).to_have_value("Mira esto")
    customer.button("Quitar programa.exe").click()
    customer.button("Enviar").click()
    customer.talk.shows("Mira esto")
    expect(given(customer)).to_have_count(1)


def test_what_was_cut_off_goes_up_again_by_itself_and_the_message_waits_for_it(stage: Stage) -> None:
    network = stage.network()
    customer = stage.customer(network=network)
    customer.starts_chat(SUBJECT)
    expect(customer.widget.get_by_label("Adjuntar archivos")).to_be_attached()
    stage.expects_interruptions()
    network.cut()
    attaches(customer, PICTURE)
    customer.sees(re.compile("No se pudo subir"))
    customer.says("Cuando vuelva la red")
    customer.sees("Se enviará cuando terminen de subir los archivos.")
    network.repair()
    customer.talk.shows("Cuando vuelva la red")
    expect(given(customer)).to_have_count(1)
    with stage.server.reading() as database:
        wait_until(lambda: len(stored(database)) == 1, "the picture is in a message")


def test_what_is_attached_outlives_a_reload_and_goes_without_words(stage: Stage) -> None:
    customer = stage.customer()
    customer.starts_chat(SUBJECT)
    attaches(customer, PICTURE)
    expect(waiting(customer).get_by_text(re.compile("KB"))).to_be_visible()
    customer.page.reload()
    customer.reopens_panel(SUBJECT)
    expect(waiting(customer)).to_have_count(1)
    customer.button("Enviar").click()
    expect(given(customer)).to_have_count(1)
    expect(waiting(customer)).to_have_count(0)
    customer.goes_back_to_list()
    customer.sees("Tú: captura.png")


def test_files_are_dropped_and_pasted_and_one_under_way_can_be_cancelled(stage: Stage) -> None:
    customer = stage.customer()
    customer.starts_chat(SUBJECT)
    expect(customer.widget.get_by_label("Adjuntar archivos")).to_be_attached()
    held: list[Route] = []
    customer.page.route("**/files", lambda route: held.append(route))
    put = """(kind) => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(4000)], `${kind}.txt`, { type: "text/plain" }));
      const event = kind === "paste"
        ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })
        : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
      document.querySelector("textarea").dispatchEvent(event);
    }"""
    box = customer.talk.composer
    for kind in ("paste", "drop"):
        box.evaluate(f"(_, kind) => ({put})(kind)", kind)
    expect(waiting(customer)).to_have_count(2)
    expect(customer.widget.get_by_role("progressbar", name="Subiendo paste.txt")).to_be_visible()
    customer.button("Cancelar paste.txt").click()
    customer.button("Cancelar drop.txt").click()
    expect(waiting(customer)).to_have_count(0)


def test_where_websockets_are_blocked_files_go_all_the_same(stage: Stage) -> None:
    network = stage.network()
    network.block_websockets()
    customer = stage.customer(network=network)
    customer.watch.expect("WebSocket connection to .* failed")
    customer.starts_chat(SUBJECT)
    attaches(customer, PICTURE)
    customer.says("Por otro camino")
    customer.talk.shows("Por otro camino")
    expect(given(customer).locator("img")).to_be_visible()


def test_what_was_on_its_way_when_the_page_went_is_named(stage: Stage) -> None:
    customer = stage.customer()
    customer.starts_chat(SUBJECT)
    customer.talk.types("Con la captura")
    held: list[Route] = []
    customer.page.route("**/files", lambda route: held.append(route))
    attaches(customer, PICTURE)
    expect(customer.widget.get_by_role("progressbar")).to_be_visible()
    stage.expects_interruptions()
    customer.page.reload()
    customer.page.unroute("**/files")
    customer.reopens_panel(SUBJECT)
    customer.sees("No terminaron de subir: captura.png. Adjúntalos otra vez.")
    expect(customer.talk.composer).to_have_value("Con la captura")
