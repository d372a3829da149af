"""The portal's whole form, what was sent back, replies with files: with a browser that runs scripts and one that has none."""

from __future__ import annotations

import pytest
from playwright.sync_api import FilePayload, expect

from tests.files.making import PDF, png
from tests.harness.looks import sticks_out
from tests.harness.portal import PortalCustomer
from tests.journeys.conftest import Stage

pytestmark = pytest.mark.browser

SUBJECT = "No puedo timbrar la factura"
ADDRESS = "ana@empresa.test"
PICTURE: FilePayload = {"name": "captura.png", "mimeType": "image/png", "buffer": png(40, 30)}
PAPER: FilePayload = {"name": "informe.pdf", "mimeType": "application/pdf", "buffer": PDF}


def attaches(ana: PortalCustomer, *files: FilePayload) -> None:
    ana.page.locator("#attached").set_input_files(list(files))


def fills_every_field(ana: PortalCustomer) -> None:
    page = ana.page
    page.goto(f"{ana.home}/new")
    folded = page.locator("details:not([open]) > summary")
    while folded.count():
        folded.first.click()
    ana.box("Asunto").fill(SUBJECT)
    page.get_by_role("radio", name="Incidente").check()
    ana.box("Descripción").fill("Sale «RFC inválido».")
    page.get_by_role("radio", name="Urgente").check()
    ana.box("¿Por qué es urgente?").fill("Nadie factura.")
    ana.box("Fecha esperada").fill("2027-12-24")
    ana.box("Motivo de la fecha").fill("Cierre de año")
    ana.box("Se trata de").select_option(label="Factura")
    ana.box("Número o nombre").fill("FV-1042")
    ana.box("URL del problema").fill("https://cuadra.test/facturas")
    ana.box("Con copia a").fill("eva@empresa.test")
    ana.box("Nombre de la compañía").fill("Cuadra")
    ana.box("Teléfono").fill("+57 300 123 4567")
    ana.box("País").select_option(label="Bolivia")
    ana.box("DNI / ID Fiscal").fill("1023456")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_from_the_whole_form_with_a_file_over_what_was_sent_back_to_a_reply_with_one(
    stage: Stage, scripts: bool
) -> None:
    ana = stage.portal(scripts=scripts)
    ana.watch.expect("400")
    ana.signs_up(ADDRESS)
    fills_every_field(ana)
    attaches(ana, PICTURE, PAPER)
    if scripts:
        expect(ana.page.get_by_role("button", name="Quitar informe.pdf")).to_be_visible()
        expect(ana.page.get_by_text("No podemos comprobar este número.")).to_be_visible()
    # A mistake first: what is wrong has the focus, all else is as it was, the files too.
    ana.box("Asunto").fill("No")
    ana.button("Enviar").click()
    expect(ana.page.get_by_text("Escribe al menos 3 caracteres.")).to_be_visible()
    expect(ana.box("Asunto")).to_be_focused()
    expect(ana.box("Número o nombre")).to_have_value("FV-1042")
    ana.page.get_by_role("button", name="Quitar informe.pdf").click()
    expect(ana.page.get_by_text("informe.pdf")).to_have_count(0)
    expect(ana.box("Con copia a")).to_have_value("eva@empresa.test")
    ana.box("Asunto").fill(SUBJECT)
    ana.button("Enviar").click()
    ana.is_at(SUBJECT)
    expect(ana.page.get_by_text("No podemos comprobar este número.")).to_be_visible()
    link = ana.page.locator(".sent-files a", has_text="captura.png")
    with ana.page.expect_download() as saving:
        link.click()
    assert saving.value.suggested_filename == "captura.png"

    agent = stage.agent(status="Ocupado")
    agent.takes(SUBJECT)
    agent.sends_back("Teléfono")
    if not scripts:
        ana.page.reload()
    expect(ana.page.get_by_role("heading", name="Completa lo que falta")).to_be_visible()
    expect(ana.page.get_by_role("heading", name="Este ticket espera por ti")).to_be_visible()
    ana.box("Teléfono").fill("")
    ana.button("Completar").click()
    expect(ana.page.get_by_text("Completa este campo.")).to_be_visible()
    ana.box("Teléfono").fill("300 765 4321")
    ana.button("Completar").click()
    expect(ana.page.get_by_text("Gracias. Ya tenemos lo que faltaba.")).to_be_visible()
    expect(ana.page.locator("#state")).to_have_text("Abierto")

    attaches(ana, PAPER)
    if scripts:
        expect(ana.page.get_by_role("button", name="Quitar informe.pdf")).to_be_visible()
    ana.button("Enviar respuesta").last.click()
    expect(ana.page.locator(".sent-files a", has_text="informe.pdf")).to_be_visible()
    ana.page.set_viewport_size({"width": 320, "height": 640})
    assert sticks_out(ana.page) == []


def test_a_file_is_called_off_refused_dropped_and_pasted(stage: Stage) -> None:
    ana = stage.portal()
    ana.watch.expect("409")
    ana.signs_up(ADDRESS)
    page = ana.page
    page.goto(f"{ana.home}/new")
    attaches(ana, {"name": "programa.exe", "mimeType": "application/pdf", "buffer": b"MZ" + bytes(100)})
    expect(page.get_by_role("listitem").filter(has_text="programa.exe")).to_contain_text("No se aceptan")
    page.get_by_role("button", name="Quitar programa.exe").click()
    drop = """([kind, name]) => {
      const data = new DataTransfer();
      data.items.add(new File(["a,b\\n1,2\\n"], name, { type: "text/csv" }));
      const event = kind === "paste"
        ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })
        : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
      document.querySelector("#text").dispatchEvent(event);
    }"""
    for kind in ("drop", "paste"):
        page.evaluate(drop, [kind, f"{kind}.csv"])
        expect(page.get_by_role("button", name=f"Quitar {kind}.csv")).to_be_visible()
    # One that hangs on its way is called off, and the form goes without it.
    page.route("**/files", lambda route: None)
    attaches(ana, PAPER)
    page.get_by_role("button", name="Cancelar informe.pdf").click()
    expect(page.get_by_text("informe.pdf")).to_have_count(0)
    page.unroute("**/files")
    ana.box("Asunto").fill(SUBJECT)
    page.get_by_role("radio", name="Consulta").check()
    ana.box("Descripción").fill("Hola")
    ana.button("Enviar").click()
    ana.is_at(SUBJECT)
    expect(page.locator(".sent-files a")).to_have_count(2)


def test_what_may_answer_it_is_suggested_while_the_subject_is_typed(stage: Stage) -> None:
    ana = stage.portal()
    ana.signs_up(ADDRESS)
    ana.opens_ticket("La factura no se descarga", "Hola")
    ana.page.goto(f"{ana.home}/new")
    ana.box("Asunto").press_sequentially("descargar factura")
    similar = ana.page.locator("#suggested-tickets a")
    expect(similar).to_have_text("#1001 La factura no se descarga")
    article = ana.page.locator("#suggested-articles a").first
    expect(article).to_be_visible()
    with ana.page.expect_popup() as opening, ana.page.expect_request("**/count/opened/*"):
        article.click()
    opening.value.close()
    assert ana.page.locator("input[name='opened']").input_value()
    ana.box("Asunto").fill("zz")
    expect(article).to_be_hidden()
