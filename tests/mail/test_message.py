"""What a mail is read as, whatever its bytes are."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatserver.mail import headers, message, mime
from chatserver.mail.charsets import decoded
from chatserver.mail.message import read
from tests.mail.writing import file, mail, part, together

CORPUS = sorted((Path(__file__).resolve().parent / "corpus").rglob("*.eml"))


def test_the_corpus_is_read_as_its_authors_labelled_it() -> None:
    wrong, lost = [], []
    for path in CORPUS:
        said = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["said"].split()
        shown = read(path.read_bytes()).said.split()
        wrong += [path.name] if Counter(said) != Counter(shown) else []
        lost += [path.name] if Counter(said) - Counter(shown) else []
    print(f"{len(CORPUS)} mails, {len(wrong)} not as labelled")
    assert len(CORPUS) >= 140
    assert not lost
    assert len(wrong) <= 0.02 * len(CORPUS)


def test_who_what_and_when_are_read() -> None:
    arrival = read(
        mail(
            subject="=?UTF-8?Q?No_imprime_la_fact?= =?UTF-8?Q?ura_N=C2=BA_7?=",
            more={"References": "<a@x.example> <b@x.example>", "In-Reply-To": "<b@x.example>"},
        ),
        "Ana@Cliente.example",
        ("soporte@acme.example",),
    )
    assert arrival.sender == headers.Mailbox("ana@cliente.example", "Ana Pérez")
    assert arrival.envelope_from == "ana@cliente.example"
    assert arrival.subject == "No imprime la factura Nº 7"
    assert arrival.message_id == "uno@cliente.example"
    assert arrival.references == ("a@x.example", "b@x.example")
    assert arrival.in_reply_to == ("b@x.example",)
    assert arrival.date == 1_767_622_364_000
    assert arrival.said == "Hola, no puedo imprimir la factura."
    assert arrival.whole


@pytest.mark.parametrize(
    ("field", "address", "name"),
    [
        ("ana@cliente.example", "ana@cliente.example", ""),
        ('"Pérez, Ana" <ana@cliente.example>', "ana@cliente.example", "Pérez, Ana"),
        ("Pérez, Ana <ana@cliente.example>", "ana@cliente.example", "Pérez, Ana"),
        ("=?utf-8?B?QW5hIFDDqXJleg==?= <ana@cliente.example>", "ana@cliente.example", "Ana Pérez"),
        ('"jefe@acme.example" <mala@otra.example>', "mala@otra.example", "jefe@acme.example"),
        ("=?utf-8?Q?jefe=40acme.example=20=3Cx=3E?= <mala@otra.example>", "mala@otra.example", "jefe@acme.example <x>"),
        ('"sin cerrar <ana@cliente.example>', "ana@cliente.example", '"sin cerrar'),
        ('"<ana@cliente.example>" eva@cliente.example', "eva@cliente.example", ""),
        ('"ana@cliente.example" eva@cliente.example', "eva@cliente.example", ""),
        ('"<ana@cliente.example>" <eva@cliente.example>', "eva@cliente.example", ""),
        ("nadie", "", ""),
        ("<@>", "", ""),
        ("", "", ""),
    ],
)  # fmt: skip
def test_a_from_is_read_by_its_real_address(field: str, address: str, name: str) -> None:
    found = headers.mailbox(field)
    assert found.address == address
    assert found.name == name.strip('"')


def test_plain_text_is_read_where_there_is_both() -> None:
    body = together(
        part("text/plain; charset=utf-8", "Lo escrito\r\n"),
        part("text/html; charset=utf-8", "<p>Lo <b>otro</b></p>"),
    )
    assert read(mail(body, content='multipart/alternative; boundary="=_b1"')).said == "Lo escrito"


def test_html_is_read_where_the_plain_text_is_empty() -> None:
    body = together(
        part("text/plain; charset=utf-8", " \r\n\r\n"),
        part("text/html; charset=utf-8", "<p>Lo <b>otro</b></p><script>no()</script>"),
    )
    arrival = read(mail(body, content='multipart/alternative; boundary="=_b1"'))
    assert arrival.said == "Lo otro"
    assert "<b>otro</b>" in arrival.html


def test_text_around_a_picture_is_all_read() -> None:
    body = together(
        part("text/plain; charset=utf-8", "Antes\r\n"),
        file("pantalla.png", b"\x89PNG", "image/png", "inline"),
        part("text/plain; charset=utf-8", "Después\r\n"),
    )
    arrival = read(mail(body, content='multipart/mixed; boundary="=_b1"'))
    assert arrival.said.split() == ["Antes", "Después"]
    assert [(one.name, one.type, one.content()) for one in arrival.files] == [
        ("pantalla.png", "image/png", b"\x89PNG")
    ]


def test_pictures_of_the_html_come_although_the_plain_text_is_read() -> None:
    html = together(
        part("text/html", '<img src="cid:foto1">'),
        part(
            "image/gif", b"R0lGODdh", Content_Transfer_Encoding="base64", Content_ID="<foto1@x>"
        ),
        boundary="in",
    )  # fmt: skip
    body = together(part("text/plain", "hola"), part('multipart/related; boundary="in"', html))
    arrival = read(mail(body, content='multipart/alternative; boundary="=_b1"'))
    assert [(one.content_id, one.content()) for one in arrival.files] == [("foto1@x", b"GIF87a")]
    assert arrival.said == "hola"


def test_what_only_its_program_wrapped_is_put_together() -> None:
    text = "Una línea que \r\nsigue aquí.\r\n> citada que \r\n> sigue\r\n  con espacio\r\n-- \r\nAna\r\n"
    arrival = read(mail(text, content="text/plain; charset=utf-8; format=flowed"))
    assert arrival.text == "Una línea que sigue aquí.\n> citada que sigue\n con espacio\n-- \nAna\n"
    deleted = read(mail("par \r\ntido\r\n", content="text/plain; charset=utf-8; format=flowed; delsp=yes"))
    assert deleted.text == "partido\n"


@pytest.mark.parametrize(
    ("said", "real"),
    [
        ("iso-8859-1", "utf-8"),
        ("us-ascii", "utf-8"),
        ("utf-8", "cp1252"),
        ("", "cp1252"),
        ("x-nada", "utf-8"),
        ("unicode_escape", "utf-8"),
        ("punycode", "utf-8"),
        ("iso-8859-1", "cp1252"),
        ("utf-16", "utf-16"),
        ("iso-8859-15", "iso-8859-15"),
    ],
)
def test_a_lie_about_the_charset_costs_no_letter(said: str, real: str) -> None:
    text = "El año pasó: ñandú, ção, €"
    assert decoded(text.encode(real), said) == text


def test_east_asian_and_cyrillic_mails_are_read() -> None:
    assert decoded("ошибка".encode("koi8-r"), "koi8-r") == "ошибка"
    assert decoded("請求書".encode("iso2022_jp"), "iso-2022-jp") == "請求書"
    assert decoded("发票".encode("gb18030"), "gb2312") == "发票"


def test_a_text_cut_within_a_letter_is_still_utf8() -> None:
    assert decoded("El año pasó".encode()[:-1], "utf-8") == "El año pas\ufffd"


def test_names_of_files_name_nothing_on_a_disk() -> None:
    assert headers.file_name("../../etc/passwd") == "_.._etc_passwd"
    assert headers.file_name("a\u202etxt.exe\u200b") == "atxt.exe"
    assert headers.file_name("x\0y\r\nz.pdf") == "x_y z.pdf"
    assert headers.file_name("n" * 500 + ".pdf").endswith("n.pdf")
    assert len(headers.file_name("n" * 500 + ".pdf")) == headers.NAME_AT_MOST
    kind, given = headers.value_and_parameters(
        "attachment; filename*0*=utf-8''Facturaci%C3%B3n%20; filename*1=enero.pdf; filename=\"peor.pdf\""
    )
    assert (kind, given["filename"]) == ("attachment", "Facturación enero.pdf")
    encoded = 'attachment; filename="=?utf-8?B?RmFjdHVyYWNpw7NuLnBkZg==?="'
    assert headers.value_and_parameters(encoded)[1]["filename"] == "Facturación.pdf"


def test_a_mail_within_a_mail_is_one_file() -> None:
    inner = mail("dentro", subject="La de adentro")
    body = together(part("text/plain", "te lo reenvío"), part("message/rfc822", inner))
    arrival = read(mail(body, content='multipart/mixed; boundary="=_b1"'))
    assert arrival.said == "te lo reenvío"
    assert [(one.name, one.content().rstrip()) for one in arrival.files] == [
        ("La de adentro.eml", inner.rstrip())
    ]


def test_a_mail_is_the_same_by_whichever_way_it_comes() -> None:
    first = read(mail())
    again = read(b"Received: from a by b; x\r\n" + mail().replace(b"\r\n", b"\n") + b"\n\n")
    assert first.key == again.key
    assert first.key != read(mail("Otra cosa\r\n")).key
    assert first.key != read(mail(message_id="<dos@cliente.example>")).key
    nameless = read(mail(without=("Message-ID",)))
    assert nameless.key != read(mail(without=("Message-ID",), subject="Otra")).key
    assert len(first.key) == 43


def test_nothing_in_a_header_can_end_a_line_or_a_text() -> None:
    arrival = read(
        mail(subject="=?utf-8?Q?uno=0D=0ABcc:_x=00=E2=80=AEdos?=", sender="A\0na <ana@cliente.example>")
    )
    assert arrival.subject == "uno Bcc: x dos"
    assert arrival.sender.address == "ana@cliente.example"


def test_headers_of_eight_bits_are_read() -> None:
    raw = mail(subject="SUBJ").replace(b"SUBJ", "Facturación".encode("latin-1"))
    assert read(raw).subject == "Facturación"
    assert read(mail(subject="Facturación")).subject == "Facturación"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n",
        b"\0" * 1_000,
        b"hola, sin encabezado",
        b"Subject: x",
        b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a",
        b"Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n\r\nx",
        b"Content-Type: multipart/mixed; boundary=a\r\n\r\nno llega nunca",
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!?=",
    ],
)  # fmt: skip
def test_no_mail_is_too_broken_to_be_read(raw: bytes) -> None:
    assert len(read(raw).key) == 43


def test_what_stands_where_a_boundary_never_comes_is_read() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=a\r\n\r\nno llega nunca"
    assert read(raw).said == "no llega nunca"


@settings(max_examples=300)
@given(st.binary(max_size=2_000))
def test_bytes_of_any_kind_are_read(raw: bytes) -> None:
    arrival = read(raw)
    assert "\0" not in arrival.subject
    assert "\0" not in arrival.text


@settings(max_examples=300)
@given(
    st.sampled_from(
        ["From", "Subject", "References", "Content-Type", "Date", "To", "Message-ID", "Content-Disposition"]
    ),
    st.text(max_size=200),
)
def test_fields_of_any_kind_are_read(name: str, value: str) -> None:
    raw = name.encode() + b": " + value.encode("utf-8", "surrogatepass") + b"\r\n\r\nhola"
    arrival = read(raw)
    for text in (arrival.subject, arrival.message_id, arrival.sender.name, arrival.sender.address):
        assert not set(text) & set("\0\r\n")


@settings(max_examples=200)
@given(st.text(max_size=300), st.sampled_from(["utf-8", "utf-16", "cp1252", "iso2022_jp", "", "idna", "x"]))
def test_every_charset_decodes_every_text(text: str, charset: str) -> None:
    decoded(text.encode("utf-8", "surrogatepass"), charset)
    assert headers.words(f"=?{charset}?Q?{text}?=") is not None


# — what is large ——————————————————————————————————————————————————————————————


def test_two_thousand_parts_are_read_and_no_more() -> None:
    many = together(*[part("text/plain", f"n{n}") for n in range(mime.PARTS_AT_MOST + 500)])
    arrival = read(mail(many, content='multipart/mixed; boundary="=_b1"'))
    assert "n1998" in arrival.text
    assert "n1999" not in arrival.text
    assert not arrival.whole
    files = together(*[file(f"{n}.pdf", b"x") for n in range(2_000)])
    held = read(mail(files, content='multipart/mixed; boundary="=_b1"'))
    assert len(held.files) == message.FILES_AT_MOST
    assert not held.whole


def test_parts_that_are_nothing_but_headers_take_little_memory() -> None:
    """As much as 400 MiB of fields for a mail of thirteen: each is a text of its own."""
    head = b"Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: attachment; filename=a.txt\r\n"
    one = head + b"aa:bb\r\n" * 1_000 + b"\r\nx"
    tracemalloc.start()
    try:
        arrival = read(mail(together(*[one] * 200), content='multipart/mixed; boundary="=_b1"'))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [one.name for one in arrival.files] == ["a.txt"] * 200
    assert peak < 12 * 2**20
    deep = head.replace(b"a.txt", b"b" * 15_000) + b"aa:bb\r\n" * 100_000 + b"\r\nx"
    assert read(mail(together(deep), content='multipart/mixed; boundary="=_b1"')).files


def test_a_mail_within_a_hundred_multiparts_is_read_without_recursing_for_ever() -> None:
    body = part("text/plain", "al fondo")
    for depth in range(5_000):
        body = part(f'multipart/mixed; boundary="b{depth}"', together(body, boundary=f"b{depth}"))
        if len(body) > 2_000_000:
            break
    arrival = read(body)
    assert not arrival.whole


def test_forty_mebibytes_are_read_in_bounded_memory() -> None:
    content = bytes(range(256)) * 4 * 1024 * 29
    raw = mail(
        together(part("text/plain", "va el archivo"), file("grande.zip", content, "application/zip")),
        content='multipart/mixed; boundary="=_b1"',
    )
    assert 37 * 1024 * 1024 < len(raw) <= mime.SIZE_AT_MOST
    tracemalloc.start()
    try:
        arrival = read(raw)
        read_peak = tracemalloc.get_traced_memory()[1]
        assert arrival.files[0].content() == content
    finally:
        tracemalloc.stop()
    assert arrival.said == "va el archivo"
    assert read_peak < 2.2 * len(raw)  # the body and its copy with one kind of line break
    with pytest.raises(ValueError, match="a mail of"):
        read(raw + b"x" * mime.SIZE_AT_MOST)


HOSTILE = {
    "open quotes": b"From: " + b'"\\"' * 20_000 + b"\r\n\r\nx",
    "angles": b"From: " + b"<a" * 30_000 + b"\r\n\r\nx",
    "ats": b"To: " + b"a@" * 30_000 + b"\r\n\r\nx",
    "parameters": b"Content-Type: text/plain" + b';a="\\"' * 9_000 + b"\r\n\r\nx",
    "words": b"Subject: " + b"=?a?q?" * 10_000 + b"\r\n\r\nx",
    "fields": b"A: b\r\n" * 100_000 + b"\r\nx",
    "one field": b"A: " + b"b" * 5_000_000 + b"\r\n\r\nx",
    "folds": b"References: <a@b>" + b"\r\n <a@b>" * 100_000 + b"\r\n\r\nx",
    "boundaries": b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + b"--ab\r\n" * 100_000,
    "dashes": b"Content-Type: multipart/mixed; boundary=-\r\n\r\n" + b"-" * 3_000_000,
    "parts with long headers": b"Content-Type: multipart/mixed; boundary=a\r\n\r\n"
    + (b"--a\r\nContent-Type: text/plain" + b';a="\\"' * 500 + b"\r\n\r\nx\r\n") * 1_900,
    "lines": b"\r\n" + b"a\n" * 300_000,
    "quotes": b"\r\n" + b"> " * 2_000_000,
    "base64": b"Content-Transfer-Encoding: base64\r\n\r\n" + b"=" * 5_000_000,
    "subject": b"Subject: " + b"[#1042] #" * 7_000 + b"\r\n\r\nx",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_work_grows_as_the_mail_does(name: str) -> None:
    def took(raw: bytes) -> float:
        best = 1e9
        for _ in range(2):
            began = time.process_time()
            read(raw)
            best = min(best, time.process_time() - began)
        return best

    raw = HOSTILE[name]
    half, whole = took(raw[: len(raw) // 2]), took(raw)
    assert whole < 30
    # Linear doubles, quadratic takes four times as long; below a tenth of a second nobody could tell.
    assert whole < 0.1 or whole < 3.2 * half + 0.05
