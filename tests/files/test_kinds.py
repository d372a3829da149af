"""What a file is taken for, or why it is not taken."""

from __future__ import annotations

import random
import struct
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatserver.core.errors import Refused
from chatserver.core.files import MEDIA
from chatserver.files import kinds
from tests.files.making import (
    DOCM,
    EICAR,
    GIF,
    HTML,
    JPEG,
    MAIN,
    PDF,
    SVG,
    TYPES,
    VBA,
    WEBP,
    archive,
    bomb,
    crowded,
    in_file,
    office,
    ole,
    png,
    slides,
    types,
    workbook,
)


def begins_beyond(stream: str) -> bytes:
    """A document in which this stream begins behind its end."""
    made = bytearray(ole({stream: workbook() + bytes(4096)}))
    struct.pack_into("<L", made, made.find(stream.encode("utf-16-le")) + 116, 1_000_000)
    return bytes(made)


CODES = {"file_empty", "file_type", "file_disguised", "file_macros", "file_unsafe", "file_unreadable"}
GOOD: dict[str, bytes | str] = {
    "captura.png": png(),
    "foto.JPG": JPEG,
    "foto.jpeg": JPEG,
    "a.gif": GIF,
    "a.webp": WEBP,
    "factura.pdf": PDF,
    "contrato.docx": office("docx"),
    "tabla.xlsx": office("xlsx"),
    "charla.pptx": office("pptx"),
    "viejo.doc": ole({"WordDocument": bytes(5000), "1Table": b"x"}),
    "viejo.xls": ole({"Workbook": workbook() + bytes(4096)}),
    "chico.xls": ole({"Workbook": workbook()}),
    "viejo.ppt": ole({"PowerPoint Document": slides(False)}),
    "nota.txt": "El botón <b>Enviar</b> no hace nada: <script>alert(1)</script>",
    "viejo.txt": "ñandú".encode("cp1252"),
    "ancho.txt": "ñandú\n".encode("utf-16"),
    "colores.log": "\x1b[31merror\x1b[0m\n",
    "eicar.txt": EICAR,
    "factura.txt": '<?xml version="1.0"?><cfdi:Comprobante/>',
    "datos.csv": "a;b\n1;=2+3\n",
    "todo.zip": archive({"a/b.txt": "hola", "c.txt": ""}, comment=b"hecho en casa"),
    "vacio.zip.txt": "nada",
}
KINDS = {"foto.JPG": "jpeg", "foto.jpeg": "jpeg", "colores.log": "text"}

BAD: dict[str, tuple[bytes | str, str]] = {
    "vacio.txt": (b"", "file_empty"),
    # not taken, whatever is in it
    "logo.svg": (SVG, "file_type"),
    "pagina.html": (HTML, "file_type"),
    "datos.xml": ("<a/>", "file_type"),
    "programa.exe": (b"MZ\x90\0" + bytes(60), "file_type"),
    "factura.pdf.exe": (PDF, "file_type"),
    "script.js": ("alert(1)", "file_type"),
    "macro.docm": (office("docx"), "file_type"),
    "texto.odt": (archive({"mimetype": "application/vnd.oasis.opendocument.text"}), "file_type"),
    "sinnombre": (b"MZ\x90\0" + bytes(60), "file_type"),
    # one thing dressed up as another
    "logo.png": (SVG, "file_disguised"),
    "logo.txt": (SVG, "file_disguised"),
    "comentado.txt": ("\n<!-- nada -->\n<?xml version='1.0'?>" + SVG, "file_disguised"),
    "abierto.txt": ("<!-- " + "x" * 5000, "file_disguised"),
    "marcado.txt": ("\ufeff  " + HTML, "file_disguised"),
    "ancha.txt": (HTML.encode("utf-16"), "file_disguised"),
    "guion.txt": ("#!/bin/sh\nrm -rf /", "file_disguised"),
    "rico.doc": ("{\\rtf1 hola}", "file_disguised"),
    "rico.txt": ("{\\rtf1 hola}", "file_disguised"),
    "foto.png": (JPEG, "file_disguised"),
    "programa.png": (b"MZ\x90\0" + bytes(60), "file_disguised"),
    "programa.txt": (b"\x7fELF" + bytes(60), "file_disguised"),
    "tabla.docx": (office("xlsx"), "file_disguised"),
    "contrato.zip": (office("docx"), "file_disguised"),
    "cualquiera.docx": (archive({"a.txt": "a"}), "file_disguised"),
    "nuevo.doc": (office("docx"), "file_disguised"),
    "viejo.docx": (ole({"WordDocument": bytes(5000)}), "file_disguised"),
    # two things at once
    "gifar.gif": (GIF + archive({"A.class": "x"}), "file_disguised"),
    "pdfzip.pdf": (PDF + archive({"A.class": "x"}, comment=b"%%EOF"), "file_disguised"),
    "jpgjar.jpg": (JPEG + archive({"META-INF/MANIFEST.MF": "x"}, stored=True), "file_disguised"),
    # programs in documents
    "docm.docx": (office("docx", said=types(DOCM)), "file_macros"),
    "vba.docx": (office("docx", also={"word/vbaProject.bin": b"x"}), "file_macros"),
    "otro.docx": (office("docx", said=types(MAIN["docx"][1], VBA)), "file_macros"),
    "cifrado.docx": (office("docx", said=types(MAIN["docx"][1], VBA.replace("v", "&#118;"))), "file_macros"),
    "hoja.xlsx": (
        office("xlsx", said=types(MAIN["xlsx"][1], "application/vnd.ms-excel.macrosheet+xml")),
        "file_macros",
    ),
    "control.pptx": (office("pptx", also={"ppt/activeX/activeX1.bin": b"x"}), "file_macros"),
    "ancho.docx": (
        office("docx", said=types(DOCM).replace("UTF-8", "UTF-16").encode("utf-16")),
        "file_macros",
    ),
    "macro.zip": (office("docx", said=types(DOCM)), "file_macros"),
    "macro.doc": (ole({"WordDocument": bytes(5000), "Macros/VBA/dir": b"x"}), "file_macros"),
    "macro.xls": (ole({"Workbook": bytes(5000), "_VBA_PROJECT_CUR/VBA/dir": b"x"}), "file_macros"),
    "xlm.xls": (ole({"Workbook": workbook(1) + bytes(4096)}), "file_macros"),
    "xlmchico.xls": (ole({"a": bytes(70), "Workbook": workbook(1)}), "file_macros"),
    "macro.ppt": (ole({"PowerPoint Document": slides(True)}), "file_macros"),
    # documents of other programs, and of none
    "binario.xlsx": (office("xlsx", said=types("application/vnd.ms-excel.sheet.binary.main")), "file_type"),
    "dos.docx": (office("docx", said=types(MAIN["docx"][1], MAIN["xlsx"][1])), "file_type"),
    "instalador.doc": (ole({"SummaryInformation": bytes(5000)}), "file_type"),
    "dos.xls": (ole({"Workbook": bytes(5000), "WordDocument": bytes(5000)}), "file_type"),
    # what cannot be looked into
    "clave.docx": (ole({"EncryptionInfo": b"x", "EncryptedPackage": bytes(5000)}), "file_unreadable"),
    "roto.zip": (archive({"a.txt": "hola"})[:-10], "file_unreadable"),
    "detras.zip": (archive({"a.txt": "hola"}) + b"x", "file_unreadable"),
    "entidad.docx": (
        office("docx", said='<!DOCTYPE a [<!ENTITY m "x">]>' + types(MAIN["docx"][1])),
        "file_unreadable",
    ),
    "letras.docx": (office("docx", said=types(MAIN["docx"][1]).replace("UTF-8", "UTF-7")), "file_unreadable"),
    "hinchado.docx": (
        office("docx", said=types(MAIN["docx"][1], raw=" " * (2 * 2**20))),
        "file_unreadable",
    ),
    "lejos.xls": (begins_beyond("Workbook"), "file_unreadable"),
    "corto.doc": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "file_unreadable"),
    # archives that do harm
    "bomba.zip": (bomb(), "file_unsafe"),
    "apretada.zip": (archive({"a": bytes(80 * 2**20)}), "file_unsafe"),
    "muchos.zip": (crowded(10_001), "file_unsafe"),
    "sube.zip": (archive({"../../etc/cron.d/x": "x"}), "file_unsafe"),
    "raiz.zip": (archive({"/etc/passwd": "x"}), "file_unsafe"),
    "disco.zip": (archive({"C:\\windows\\x": "x"}), "file_unsafe"),
    "lado.zip": (archive({"a\\..\\..\\x": "x"}), "file_unsafe"),
    "vuelta.zip": (archive({"foto\u202egpj.exe": "x"}), "file_unsafe"),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_what_it_says_is_taken(name: str, tmp_path: Path) -> None:
    wanted = KINDS.get(name) or {"txt": "text"}.get(name.rpartition(".")[2].lower(), name.rpartition(".")[2])
    assert kinds.kind_of(in_file(tmp_path, GOOD[name]), name) == wanted


@pytest.mark.parametrize("name", BAD)
def test_what_is_something_else_is_refused(name: str, tmp_path: Path) -> None:
    content, code = BAD[name]
    with pytest.raises(Refused) as refused:
        kinds.kind_of(in_file(tmp_path, content), name)
    assert refused.value.code == code


def test_what_has_no_name_is_what_its_bytes_are(tmp_path: Path) -> None:
    found = {kinds.kind_of(in_file(tmp_path, content), "captura") for content in GOOD.values()}
    assert found == set(MEDIA) - {"csv"}
    assert {kinds.usual_ending(kind) for kind in MEDIA} <= set(kinds.ENDINGS)
    assert set(MEDIA) == set(kinds.ENDINGS.values())


def test_a_million_entries_are_refused_without_being_read(tmp_path: Path) -> None:
    file = in_file(tmp_path, crowded(1_000_000))
    began = time.process_time()
    with pytest.raises(Refused) as refused:
        kinds.kind_of(file, "muchos.zip")
    assert refused.value.code == "file_unsafe"
    assert time.process_time() - began < 1  # the list alone takes longer, by any program


@pytest.mark.parametrize("round_", ["tables", "streams"])
def test_an_old_document_whose_sectors_go_round_takes_little_memory(round_: str, tmp_path: Path) -> None:
    made = bytearray(ole({"Workbook": workbook()}).ljust(8 * 2**20, b"\0"))
    if round_ == "tables":
        struct.pack_into("<L", made, 68, 5_000)
        struct.pack_into("<128L", made, 5_001 * 512, *range(1_000_000, 1_000_127), 5_000)
    else:
        tables, listing = (struct.unpack_from("<L", made, at)[0] for at in (76, 48))
        struct.pack_into(
            "<128L", made, (tables + 1) * 512, *(n if n != listing else 2**32 - 2 for n in range(128))
        )
        struct.pack_into("<LL", made, made.find("Root Entry".encode("utf-16-le")) + 116, 0, 2**32 - 1)
    file = in_file(tmp_path, bytes(made))
    tracemalloc.start()
    try:
        verdict(file, "a.xls")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 4 * 2**20


def test_what_a_list_says_of_an_entry_the_entry_says_too(tmp_path: Path) -> None:
    """Else a program that reads from the front finds macros where one that reads from the end finds none."""
    made = archive({TYPES: types(MAIN["docx"][1]), "word/document.xml": "<x/>"})
    front = made.replace(b"word/document.xml", b"word/vbaProj0.bin", 1)
    for content in (front, b"x" * 10 + made):
        with pytest.raises(Refused):
            kinds.kind_of(in_file(tmp_path, content), "a.docx")


def test_two_parts_of_one_name_are_refused(tmp_path: Path) -> None:
    other = TYPES.replace("C", "X")
    made = archive({TYPES: types(MAIN["docx"][1]), other: types(DOCM), "word/document.xml": "<x/>"})
    with pytest.raises(Refused) as refused:
        kinds.kind_of(in_file(tmp_path, made.replace(other.encode(), TYPES.encode())), "a.docx")
    assert refused.value.code == "file_unreadable"


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(GOOD)), st.randoms(use_true_random=False), st.integers(1, 12))
def test_damage_is_refused_or_harmless_and_never_a_surprise(
    tmp_path: Path, name: str, dice: random.Random, wounds: int
) -> None:
    content = GOOD[name]
    damaged = bytearray(content.encode() if isinstance(content, str) else content)
    for _ in range(wounds):
        damaged[dice.randrange(len(damaged))] = dice.choice((0, 0xFF, dice.randrange(256)))
    if dice.random() < 0.3:
        del damaged[dice.randrange(1, len(damaged)) :]
    assert verdict(in_file(tmp_path, bytes(damaged)), name) in {*MEDIA, *CODES}


def verdict(file: Path, name: str) -> str:
    try:
        return kinds.kind_of(file, name)
    except Refused as refused:
        return refused.code
