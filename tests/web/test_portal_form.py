"""The portal's whole ticket form, by a browser without scripts: every field, every mistake, files; nothing typed is lost."""

from __future__ import annotations

import html
import json
import random
import re
from typing import Any, Final

import pytest

from chatserver.core.answers import CC_MAX, COMPANY_MAX
from chatserver.core.messages import TEXT_MAX
from chatserver.files.scanning import Scanner
from chatserver.settings import addresses
from chatserver.web.portal.forms import ANSWERS_MAX, BODY_BYTES
from chatserver.web.portal.multipart import PARTS_MAX
from tests.files.making import DOCM, EICAR, HTML, PDF, office, png, types
from tests.harness.clamd import clamd
from tests.web.conftest import Served
from tests.web.portal_visitor import ADDRESS, OWN, PASSWORD, Desk, Visitor, fields


def three(text: str) -> dict[str, str]:
    return {"es": text, "en": f"{text} (en)", "pt": f"{text} (pt)"}


FORM: Final[dict[str, Any]] = {
    "country": "CO",
    "ask": {"impact": "optional", "company": "required"},
    "cases": [{"key": "invoice"}, {"key": "patient", "sensitive": True}],
    "categories": [{"key": "billing", "label": three("Facturación")}],
    "fields": [
        {"key": "version", "kind": "text", "label": three("Versión"), "required": True, "most": 20},
        {"key": "amount", "kind": "number", "label": three("Importe")},
        {"key": "since", "kind": "date", "label": three("Desde")},
        {
            "key": "plan",
            "kind": "choice",
            "label": three("Plan"),
            "choices": [{"key": "pro", "label": three("Pro")}, {"key": "basic", "label": three("Básico")}],
        },
        # A key like what else our forms carry: it must be taken for neither.
        {"key": "cid", "kind": "checkbox", "label": three("Acepto")},
    ],
}
ANSWERS: Final[dict[str, str]] = {
    "subject": "No puedo facturar",
    "type": "incident",
    "text": "Sale un error.\nDesde ayer.",
    "priority": "4",
    "why": "Nadie factura.",
    "impact": "3",
    "urgency": "2",
    "wanted": "2026-12-24",
    "wanted_why": "Cierre de año",
    "category": "billing",
    "case_kind": "invoice",
    "case": "FV-1042",
    "url": "https://cuadra.test/facturas?id=1",
    "own.version": "4.2",
    "own.amount": "12,5",
    "own.since": "2026-09-01",
    "own.plan": "pro",
    "own.cid": "yes",
    "cc": "Luis <luis@empresa.test>, eva@empresa.test",
    "company": "Cuadra S. A. S.",
    "phone": "+57 300 123 4567",
    "tax_country": "CO",
    "tax_id": "213.123.432-1",
}
WRONG: Final = [
    ({"subject": "No"}, {"subject": "Escribe al menos 3 caracteres."}),
    ({"subject": "  "}, {"subject": "Escribe el asunto."}),
    ({"text": ""}, {"text": "Escribe tu mensaje."}),
    ({"text": "x" * (TEXT_MAX + 1)}, {"text": "caben 8000 caracteres"}),
    ({"type": ""}, {"type": "Completa este campo."}),
    ({"type": "complaint"}, {"type": "Elige una de las opciones."}),
    ({"priority": "9"}, {"priority": "Elige una de las opciones."}),
    ({"priority": "muy"}, {"priority": "Elige una de las opciones."}),
    ({"why": ""}, {"why": "Completa este campo."}),
    ({"impact": "7"}, {"impact": "Elige una de las opciones."}),
    ({"urgency": "-1"}, {"urgency": "Elige una de las opciones."}),
    ({"wanted": "2026-02-30"}, {"wanted": "Escribe una fecha que exista"}),
    ({"wanted": "2020-01-01"}, {"wanted": "Esta fecha ya pasó."}),
    ({"wanted": "2999-01-01"}, {"wanted": "Esta fecha está demasiado lejos."}),
    ({"wanted_why": ""}, {"wanted_why": "Completa este campo."}),
    ({"category": "otra"}, {"category": "Elige una de las opciones."}),
    ({"case_kind": ""}, {"case_kind": "Completa este campo."}),
    ({"case": ""}, {"case": "Completa este campo."}),
    ({"case_kind": "recipe"}, {"case_kind": "Elige una de las opciones."}),
    ({"url": "javascript:alert(1)"}, {"url": "Escribe la dirección completa"}),
    ({"own.version": ""}, {"own.version": "Completa este campo."}),
    ({"own.version": "x" * 21}, {"own.version": "caben 20 caracteres"}),
    ({"own.amount": "doce"}, {"own.amount": "Escribe un número"}),
    ({"own.since": "ayer"}, {"own.since": "Escribe una fecha que exista"}),
    ({"own.plan": "gold"}, {"own.plan": "Elige una de las opciones."}),
    ({"own.cid": "quizás"}, {"own.cid": "Elige una de las opciones."}),
    ({"cc": "luis"}, {"cc": "Escribe un correo completo"}),
    (
        {"cc": ", ".join(f"p{number}@x.test" for number in range(CC_MAX + 1))},
        {"cc": "Son demasiados: caben 10."},
    ),
    ({"company": ""}, {"company": "Completa este campo."}),
    ({"company": "x" * (COMPANY_MAX + 1)}, {"company": "caben 100 caracteres"}),
    ({"phone": "9" * 41}, {"phone": "caben 40 caracteres"}),
    ({"tax_id": "ABC-123"}, {"tax_id": "Este número no es válido en ese país."}),
    ({"tax_country": "Colombia"}, {"tax_country": "Elige una de las opciones."}),
    ({"email": "otra@persona.test"}, {"email": "Elige uno de tus correos confirmados."}),
    (
        {"subject": "", "type": "", "own.version": "", "company": ""},
        dict.fromkeys(("subject", "type", "own.version", "company"), ""),
    ),
]


@pytest.fixture
def desk(served: Served) -> Desk:
    desk = Desk(served)
    desk.asks(FORM)
    return desk


def error_at(page: str, name: str) -> str:
    found = re.search(rf'<p class="error" id="{re.escape(name)}-error">([^<]*)</p>', page)
    return html.unescape(found[1]) if found else ""


def details(desk: Desk) -> dict[str, Any]:
    ((found,),) = desk.rows("SELECT details FROM tickets")
    return dict(json.loads(found))


def told_files(page: str) -> list[str]:
    return [html.unescape(name) for name in re.findall(r'<span class="file-name">([^<]*)</span>', page)]


def test_every_answer_is_in_the_ticket(ana: Visitor, desk: Desk) -> None:
    ana.opens("new").posts("new", **ANSWERS)
    assert ana.at == "/tickets/1001", error_at(ana.page, "subject")
    assert desk.rows("SELECT subject, email, type, category, source, mode FROM tickets") == [
        ("No puedo facturar", ADDRESS, "incident", "billing", "form", "later")
    ]
    assert details(desk) == {
        "asked": 4,
        "why": "Nadie factura.",
        "impact": 3,
        "urgency": 2,
        "case_kind": "invoice",
        "case": "FV-1042",
        "tax_country": "CO",
        "tax_id": "2131234321",
        "tax_kind": "NIT",
        "company": "Cuadra S. A. S.",
        "phone": "+57 300 123 4567",
        "url": "https://cuadra.test/facturas?id=1",
        "wanted": "2026-12-24",
        "wanted_why": "Cierre de año",
        "cc": ["luis@empresa.test", "eva@empresa.test"],
        "fields": {
            "version": "4.2",
            "amount": "12.5",
            "since": "2026-09-01",
            "plan": "pro",
            "cid": "yes",
        },
    }


@pytest.mark.parametrize(
    ("typed", "told"), WRONG, ids=[" ".join(f"{k}={v[:12]}" for k, v in one[0].items()) for one in WRONG]
)
def test_each_mistake_is_told_at_its_field_and_everything_typed_stays(
    ana: Visitor, desk: Desk, typed: dict[str, str], told: dict[str, str]
) -> None:
    ana.opens("new").posts("new", **(ANSWERS | typed))
    assert ana.status == 400
    errors = dict(re.findall(r'<p class="error" id="([^"]+)-error">([^<]*)</p>', ana.page))
    assert set(errors) == set(told)
    for name, sentence in told.items():
        assert sentence in html.unescape(errors[name])
        assert f'href="#{name}"' in ana.page
    kept = fields(ana.page, ana.path("new"))
    for name, value in (ANSWERS | typed).items():
        if name not in ("type", "priority", "own.cid") or name not in typed:
            assert kept.get(name) == value, name
    # The focus goes to the first of them, in the order of the page.
    (focused,) = re.findall(r"<(?:input|select|textarea)[^>]* autofocus", ana.page)
    first = re.search(r'aria-invalid="true"', ana.page)
    assert first is not None
    assert ana.page.index(focused) <= first.start() <= ana.page.index(focused) + len(focused)
    assert desk.rows("SELECT count(*) FROM tickets") == [(0,)]


NASTY: Final = [
    *("", " ", "\0", "\u202e", "\ud7ff", "😀" * 300, "<script>alert(1)</script>", '"><img src=x>', "{{7*7}}"),
    *("' OR 1=1 --", "%00%0d%0a", "-1", "99999999999999999999", "1e9", "NaN", "null", "[]", "../../etc"),
    *(
        "2026-13-99",
        "0000-00-00",
        "a@b",
        "@",
        "a@b.test," * 40,
        "x" * 5000,
        "\r\n\r\n",
        "yes",
        "on",
        "ＦＵＬＬ",
    ),
]


def test_whatever_is_typed_is_taken_or_told_at_a_field_and_shown_again(ana: Visitor, desk: Desk) -> None:
    """Three hundred forms made of nasty answers, each field's at random; the seed is fixed."""
    dice = random.Random(20_261_129)
    names = [*ANSWERS, "email", "cid", "follows", "files", "drop", "draft", "lost", "own.unknown", "sure"]
    ana.opens("new")
    empty = fields(ana.page, ana.path("new"))
    taken = 0
    for _ in range(300):
        typed = {name: dice.choice(NASTY) for name in names if dice.random() < 0.4}
        given = empty | {name: ANSWERS[name] for name in ANSWERS if dice.random() < 0.8} | typed
        given.pop("drop", None) if dice.random() < 0.9 else None
        given.pop("draft", None) if dice.random() < 0.9 else None
        ana.sends("new", given)
        assert ana.status in (200, 400, 409, 429), given
        assert "<script>alert" not in ana.page
        if ana.status == 200 and ana.at.startswith("/tickets/"):
            taken += 1
            continue
        if ana.status == 400:
            assert 'class="error"' in ana.page or 'data-tone="danger"' in ana.page
        kept = fields(ana.page, ana.path("new"))
        for name in ("subject", "text", "why", "case", "company", "phone", "url", "wanted_why", "cc"):
            asked = given.get(name, "").replace("\0", "").replace("\r\n", "\n")
            assert kept.get(name, "") in (asked, asked.removeprefix("\n")), name
    assert taken <= 20


def test_a_form_of_another_app_asks_what_that_one_asks(served: Served, desk: Desk) -> None:
    desk.asks(
        {"ask": {"type": "no", "priority": "no", "tax_id": "no", "cc": "no", "wanted": "no"}, "cases": []}
    )
    page = Visitor(served).signs_up(ADDRESS).opens("new").page
    for name in ("type", "priority", "why", "tax_id", "tax_country", "cc", "wanted", "case", "own.version"):
        assert f'name="{name}"' not in page, name
    other = Visitor(served, "horario").signs_up(ADDRESS).opens("new")
    assert 'name="type"' in other.page


def test_required_fields_bear_a_star_and_each_choice_explains_itself(ana: Visitor) -> None:
    ana.opens("new")
    labels = re.findall(
        r"<(?:label|legend)[^>]*>(?:<input[^>]*> <span>)?([^<]*) <span class=\"star\"", ana.page
    )
    assert labels == ["Asunto", "Tipo", "Descripción", "Versión", "Solicitante", "Nombre de la compañía"]
    for why in (
        "Algo falla o dejó de funcionar.",
        "Está detenido y no hay alternativa.",
        "Propones algo nuevo",
    ):
        assert ana.shows(why)
    assert ana.shows("Antes de enviar")


def test_the_words_are_those_of_the_language_that_is_shown(ana: Visitor) -> None:
    ana.opens("new?lang=en").posts("new", **(ANSWERS | {"own.version": "", "tax_id": "1-2"}))
    assert ana.shows("Versión (en)")
    assert ana.shows("Check these 2 fields:")
    assert "Completa este campo" not in ana.page


def test_a_number_that_nobody_can_check_is_taken_with_a_warning(ana: Visitor, desk: Desk) -> None:
    ana.opens("new").posts("new", **(ANSWERS | {"tax_country": "ZZ", "tax_id": "A 1", "subject": "x"}))
    assert ana.status == 400
    assert ana.shows("No podemos comprobar este número.")
    assert error_at(ana.page, "tax_id") == ""
    ana.posts("new", subject="Una factura", **{"own.cid": "", "type": "incident", "priority": "1"})
    assert ana.at == "/tickets/1001"
    assert (details(desk)["tax_id"], details(desk)["tax_country"]) == ("A 1", "ZZ")


def test_another_own_address_is_this_tickets_and_leaves_the_person_as_they_were(
    served: Served, ana: Visitor, desk: Desk
) -> None:
    ana.opens("profile").posts("profile/addresses", email="ana@otra.test", do="add", old=PASSWORD)
    ana.opens(served.mail.link("ana@otra.test")).posts("confirm")
    ana.opens("new").posts("new", **(ANSWERS | {"email": "ana@otra.test"}))
    assert desk.rows("SELECT t.email, c.email FROM tickets t JOIN customers c ON c.id = t.customer_id") == [
        ("ana@otra.test", ADDRESS)
    ]


# — files ——————————————————————————————————————————————————————————————————————


def test_a_ticket_with_files(ana: Visitor, desk: Desk) -> None:
    ana.opens("new").brings("new", {"captura.png": png(), "informe.pdf": PDF}, **ANSWERS)
    assert ana.at == "/tickets/1001"
    assert desk.rows("SELECT name, kind, seq FROM files ORDER BY name") == [
        ("captura.png", "png", 3),
        ("informe.pdf", "pdf", 3),
    ]


def test_files_outlive_a_mistake_elsewhere_and_one_can_be_taken_out(ana: Visitor, desk: Desk) -> None:
    ana.opens("new").brings("new", {"a.png": png(), "b.pdf": PDF}, **(ANSWERS | {"subject": ""}))
    assert ana.status == 400
    assert told_files(ana.page) == ["a.png", "b.pdf"]
    first = fields(ana.page, ana.path("new"))["files"].split()[0]
    ana.posts("new", drop=first)
    assert ana.status == 200
    assert told_files(ana.page) == ["b.pdf"]
    assert fields(ana.page, ana.path("new"))["text"] == ANSWERS["text"]
    ana.brings("new", {"c.png": png(3, 3)}, subject="Una factura", type="incident", priority="1")
    assert ana.at == "/tickets/1001"
    assert desk.rows("SELECT name FROM files WHERE ticket_id IS NOT NULL ORDER BY name") == [
        ("b.pdf",),
        ("c.png",),
    ]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("informe.docx", office("docx", said=types(DOCM)), "tiene macros"),
        ("foto.png", HTML.encode(), "no corresponde a su nombre"),
        ("programa.exe", b"MZ" + bytes(100), "No se aceptan archivos de este tipo."),
        ("vacio.pdf", b"", "Este archivo está vacío."),
        ("grande.png", png() + bytes(2 * 2**20), "hasta 1 MB"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_name_and_the_others_stay(
    ana: Visitor, desk: Desk, name: str, content: bytes, sentence: str
) -> None:
    desk.asks(FORM, "demo", "file_mib=1")
    ana.opens("new").brings("new", {"bueno.png": png(), name: content}, **ANSWERS)
    assert ana.status == 400
    assert error_at(ana.page, "attached").startswith(f"{name}: ")
    assert sentence in error_at(ana.page, "attached")
    assert told_files(ana.page) == ["bueno.png"]
    assert desk.rows("SELECT count(*) FROM tickets") == [(0,)]
    ana.posts("new", **ANSWERS)
    assert ana.at == "/tickets/1001"


def test_a_file_that_is_too_large_for_the_scanner_is_told_so_for_good(
    served: Served, ana: Visitor, desk: Desk
) -> None:
    files = served.app.state.hub.downloads._files
    with clamd(most="1M") as daemon:
        at = addresses.clamd(f"unix:{daemon.socket}")
        files._scanner = Scanner(at, files._threads, lambda outcome: None)
        large = b"hola " * 500_000
        ana.opens("new").brings("new", {"bueno.png": png(), "largo.txt": large}, **ANSWERS)
    told = error_at(ana.page, "attached")
    assert told == "largo.txt: Este archivo es demasiado grande para el antivirus. Envía uno más pequeño."
    assert told_files(ana.page) == ["bueno.png"]
    ana.posts("new", **ANSWERS)
    assert ana.at == "/tickets/1001"


def test_more_files_than_a_message_takes_are_not_read(ana: Visitor, desk: Desk) -> None:
    desk.asks(FORM, "demo", "files_per_message=2")
    ana.opens("new").brings("new", {f"{n}.png": png(n, n) for n in (1, 2, 3)}, **ANSWERS)
    assert ana.status == 400
    assert "3.png: Caben 2 archivos por mensaje." in error_at(ana.page, "attached")
    assert desk.rows("SELECT count(*) FROM files") == [(2,)]


def test_files_of_somebody_else_are_neither_shown_nor_sent(served: Served, ana: Visitor, desk: Desk) -> None:
    ana.opens("new").brings("new", {"secreto.png": png()}, **(ANSWERS | {"subject": ""}))
    stolen = fields(ana.page, ana.path("new"))["files"]
    eva = Visitor(served).signs_up("eva@empresa.test")
    eva.opens("new").posts("new", **(ANSWERS | {"files": stolen, "subject": ""}))
    assert told_files(eva.page) == []
    eva.posts("new", **(ANSWERS | {"files": stolen}))
    assert eva.status == 409
    assert "Este archivo ya no está disponible" in error_at(eva.page, "attached")
    assert fields(eva.page, eva.path("new"))["files"] == ""
    assert desk.rows("SELECT count(*) FROM tickets") == [(0,)]
    ana.posts("new", **ANSWERS)
    assert ana.at == "/tickets/1001"


def test_a_session_that_ends_takes_neither_answers_nor_files_that_were_here(
    served: Served, ana: Visitor, desk: Desk
) -> None:
    ana.opens("new").brings("new", {"a.png": png()}, **(ANSWERS | {"subject": ""}))
    served.clock.elapse(served.settings.portal_session_seconds + 1)
    ana.brings("new", {"b.png": png()}, **ANSWERS)
    assert ana.status == 401
    ana.posts("sign-in", email=ADDRESS, password=PASSWORD)
    kept = fields(ana.page, ana.path("new"))
    assert {name: kept[name] for name in ANSWERS} == ANSWERS
    assert told_files(ana.page) == ["a.png"]
    assert "Elige otra vez estos archivos: b.png." in error_at(ana.page, "attached")
    ana.posts("new", lost="")
    assert ana.at == "/tickets/1001"
    assert desk.rows("SELECT count(*) FROM files WHERE ticket_id IS NOT NULL") == [(1,)]


def test_a_form_without_its_cookie_keeps_no_files_and_says_which(served: Served, ana: Visitor) -> None:
    ana.opens("new")
    del ana.client.cookies["portal-form"]
    ana.brings("new", {"a.png": png()}, **ANSWERS)
    assert ana.status == 403
    ana.posts("new")
    assert "Elige otra vez estos archivos: a.png." in error_at(ana.page, "attached")
    assert {name: fields(ana.page, ana.path("new"))[name] for name in ANSWERS} == ANSWERS
    assert Desk(served).rows("SELECT count(*) FROM files") == [(0,)]


def test_cancelling_and_going_on_gives_every_answer_and_file_back(ana: Visitor) -> None:
    ana.opens("new").brings("new", {"a.png": png()}, **(ANSWERS | {"subject": ""}))
    ana.sends("new/discard", fields(ana.page, ana.path("new")))
    assert ana.shows("¿Descartar este ticket?")
    ana.posts("new/discard", sure="no")
    kept = fields(ana.page, ana.path("new"))
    assert {name: kept[name] for name in ANSWERS} == ANSWERS | {"subject": ""}
    assert told_files(ana.page) == ["a.png"]


def test_a_form_with_nothing_typed_in_it_is_left_without_a_question(ana: Visitor) -> None:
    ana.opens("new")
    assert ana.sends("new/discard", fields(ana.page, ana.path("new"))).at == ""


def test_the_script_sends_a_file_by_itself_and_twice_is_once(ana: Visitor, desk: Desk) -> None:
    ana.opens("new")
    form = fields(ana.page, ana.path("new"))

    def send(content: bytes, cid: str = "a" * 22) -> Any:
        return ana.client.post(
            ana.path("files"),
            data={"csrf": form["csrf"], "cid": cid},
            files=[("attached", ("captura.png", content))],
            headers=OWN,
        )

    told = send(png()).json()
    assert (told["name"], told["size"]) == ("captura.png", "1 KB")
    assert send(png()).json() == told
    refused = send(EICAR.encode() + HTML.encode(), "b" * 22)
    assert refused.status_code == 409
    assert refused.json()["text"]
    ana.posts("new", **(ANSWERS | {"files": told["id"]}))
    assert desk.rows("SELECT count(*), min(ticket_id) IS NOT NULL FROM files") == [(1, 1)]


def body(*parts: tuple[str, str, bytes], boundary: str = "x") -> bytes:
    found = b""
    for name, more, content in parts:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
        found += head.encode() + content + b"\r\n"
    return found + f"--{boundary}--\r\n".encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"--x",
        b"--x\r\n\r\n",
        b"--y\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n--y--",
        body(("csrf", "", b"x"))[:-9],
        b"--x\r\n" + b"A: b\r\n" * 50 + b"\r\nx\r\n--x--\r\n",
        b"--x\r\nA: " + b"b" * 10_000 + b"\r\n\r\nx\r\n--x--\r\n",
        body(*((f"f{n}", "", b"") for n in range(PARTS_MAX))),
        body(*((f"f{n}", f'; filename="{n}.png"', png()) for n in range(PARTS_MAX + 1))),
        body(("text", "", b"x" * 300_000)),
        random.Random(1).randbytes(5_000),
        *(
            body(("text", "", b"Hola"), ("attached", '; filename="a"', png()))[:cut]
            for cut in range(5, 150, 9)
        ),
    ],
)
def test_broken_forms_with_files_are_refused_and_keep_nothing(
    ana: Visitor, desk: Desk, content: bytes
) -> None:
    answer = ana.client.post(
        ana.path("new"), content=content, headers={**OWN, "content-type": "multipart/form-data; boundary=x"}
    )
    assert answer.status_code in (400, 403, 413)
    assert desk.rows("SELECT count(*) FROM files") == [(0,)]


def test_fields_of_a_form_with_files_are_no_larger_than_others(ana: Visitor, desk: Desk) -> None:
    form = fields(ana.opens("new").page, ana.path("new")) | ANSWERS
    for too_much, status in (
        ({"why": "x" * BODY_BYTES}, 413),
        ({f"f{n}": "" for n in range(ANSWERS_MAX)}, 400),
    ):
        answer = ana.client.post(
            ana.path("new"), data=form | too_much, files=[("attached", ("a.png", png()))], headers=OWN
        )
        assert answer.status_code == status
    assert desk.rows("SELECT count(*) FROM files") == [(0,)]
