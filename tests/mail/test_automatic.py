"""Which mails a program wrote."""

from __future__ import annotations

import pytest

from chatserver.mail.automatic import Ours, Verdict, verdict
from chatserver.mail.message import read
from tests.mail.writing import SUPPORT, bounce, mail, part, together

OURS = Ours(frozenset({SUPPORT, "grupo@acme.example"}), lambda one: one.startswith("ours."))


def judged(raw: bytes, envelope_from: str | None = "ana@cliente.example") -> Verdict:
    return verdict(read(raw, envelope_from), OURS)


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"Auto-Submitted": "auto-replied"}, "automatic"),
        ({"Auto-Submitted": "auto-generated (by a calendar)"}, "automatic"),
        ({"Auto-Submitted": "auto-notified; owner-email=x"}, "automatic"),
        ({"Precedence": "auto_reply"}, "automatic"),
        ({"Precedence": "junk"}, "automatic"),
        ({"X-Autoreply": "yes"}, "automatic"),
        ({"X-Autorespond": "Fuera"}, "automatic"),
        ({"Return-Path": "<>"}, "automatic"),
        ({"Precedence": "list", "List-Id": "<novedades.otra.example>"}, "list"),
        ({"Precedence": "bulk"}, "list"),
        ({"List-Id": "Ofertas <ofertas.tienda.example>"}, "list"),
        ({"X-Chatserver-Loop": "1"}, "loop"),
        ({"Message-ID": "<ours.1@acme.example>"}, "loop"),
        ({"From": f"Soporte <{SUPPORT}>"}, "loop"),
        ({"From": "Mail Delivery Subsystem <mailer-daemon@googlemail.com>"}, "bounce"),
        ({"X-Failed-Recipients": "x@y.example"}, "bounce"),
        ({"Subject": "Respuesta automática: No imprime", "X-Auto-Response-Suppress": "All"}, "automatic"),
        ({"Subject": "Fuera de la oficina", "In-Reply-To": "<ours.1@acme.example>"}, "automatic"),
        ({"Subject": "Resposta automática: Re: Nota", "References": "<a@b>"}, "automatic"),
        ({"Subject": "Out of office", "From": "no-reply@cliente.example"}, "automatic"),
    ],
)
def test_what_programs_say_of_themselves_is_believed(more: dict[str, str], kind: str) -> None:
    found = judged(mail(more=more))
    assert found.kind == kind
    assert found.reason
    assert not found.answerable


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"Auto-Submitted": "no"},
        {"Subject": "Re: Fuera de la oficina no llegan los avisos", "In-Reply-To": "<ours.1@acme.example>"},
        {"Subject": "Re: Aviso de ausencia", "References": "<ours.1@acme.example>"},
        {"Subject": "Devuelto el pedido 4711", "References": "<a@b>"},
        {"Subject": "Error de entrega en el pedido", "In-Reply-To": "<a@b>"},
        {"Subject": "No se puede entregar el pedido 12", "In-Reply-To": "<a@b>"},
        {"Subject": "Não foi possível entregar o produto", "In-Reply-To": "<a@b>"},
        {"Precedence": "list", "List-Id": "Soporte <soporte.acme.example>"},
        {"X-Priority": "1", "X-Mailer": "Outlook"},
    ],
)
def test_a_person_is_a_person(more: dict[str, str]) -> None:
    assert judged(mail(more=more)) == Verdict("person", "")


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"Subject": "Fuera de la oficina no llegan los avisos"}, "subject"),
        ({"X-Auto-Response-Suppress": "All"}, "suppresses_answers"),
        ({"X-Loop": "otra mesa"}, "loop_field"),
        ({"List-Unsubscribe": "<mailto:x@y.example>"}, "unsubscribe"),
        ({"From": "no-reply@cliente.example"}, "robot_address"),
    ],
)
def test_one_weak_mark_is_taken_but_not_answered(more: dict[str, str], reason: str) -> None:
    assert judged(mail(more=more)) == Verdict("person", reason, answerable=False)


def test_nobody_as_sender_is_a_program() -> None:
    assert judged(mail(), "").kind == "automatic"
    assert judged(mail(), None).kind == "person"


def test_a_bounce_tells_which_mail_and_whom() -> None:
    arrival = read(bounce("ours.42@acme.example"), "")
    assert verdict(arrival, OURS).kind == "bounce"
    assert arrival.report is not None
    assert arrival.report.original_id == "ours.42@acme.example"
    assert (arrival.report.recipient, arrival.report.action) == ("ana@cliente.example", "failed")
    assert arrival.report.status == "5.1.1"


def test_a_receipt_of_reading_is_a_program() -> None:
    body = together(
        part("text/plain", "Se leyó"),
        part("message/disposition-notification", "Original-Message-ID: <ours.1@acme.example>\r\n"),
    )
    raw = mail(body, content='multipart/report; report-type=disposition-notification; boundary="=_b1"')
    assert judged(raw).kind == "automatic"
    report = read(raw).report
    assert report is not None
    assert report.original_id == "ours.1@acme.example"


def test_a_mail_that_goes_round_is_ended() -> None:
    hops = "".join(f"Received: from a{n} by b{n}; x\r\n" for n in range(51)).encode()
    assert judged(hops + mail()).kind == "loop"
