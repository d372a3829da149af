"""What was said and what is folded, by language and mail program; and what must never be folded."""

# ruff: noqa: E501  mails are written as they come
from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.mail.quotes import LOOKED_AT, Mail, pieces, said
from tests.mail.steps import steps

MAIL = Mail("Ana Paz", "Re: x")
NARROW = "\u202f"
OUTLOOK_ES = "De: Soporte <soporte@acme.test>\nEnviado el: lunes, 3 de junio de 2024 10:15 a. m.\nPara: Ana\nAsunto: RE: [#12]\n"
OUTLOOK_PT = "De: Suporte <s@acme.test>\nEnviada em: segunda-feira, 3 de junho de 2024 10:15\nPara: Ana\nAssunto: RE: [#12]\n"
OUTLOOK_EN = "From: Support <s@acme.test>\nSent: Monday, June 3, 2024 10:15 AM\nTo: Ana\nSubject: RE: [#12]\n"
OUTLOOK_DE = "Von: Support <s@acme.test>\nGesendet: Montag, 3. Juni 2024 10:15\nAn: Ana\nBetreff: AW: [#12]\n"
OUTLOOK_FR = "De : Support <s@acme.test>\nEnvoyé : lundi 3 juin 2024 10:15\nÀ : Ana\nObjet : RE: [#12]\n"
OUTLOOK_IT = "Da: Support <s@acme.test>\nInviato: lunedì 3 giugno 2024 10:15\nA: Ana\nOggetto: R: [#12]\n"

# What stands below "Sigue igual.\n\n" and is folded whole.
FOLDED = {
    "gmail es": "El lun, 3 jun 2024 a las 10:15, Soporte (<s@acme.test>) escribió:\n\n> ¿Probó?\n",
    "gmail es, wrapped": "El lun, 3 jun 2024 a la(s) 10:15 a. m., Soporte de la Casa (\ns@acme.test) escribió:\n\n> ¿Probó?\n",
    "gmail es, narrow spaces": f"El lun, 3 jun 2024 a las 10:15{NARROW}a.{NARROW}m., Soporte <s@acme.test>\nescribió:\n\n> ¿Probó?\n",
    "gmail es, three lines": "El lun, 3 jun 2024\na las 10:15, Soporte\n<s@acme.test> escribió:\n> ¿Probó?\n",
    "gmail es, without arrows": "El lun, 3 jun 2024 a las 10:15, Soporte <s@acme.test> escribió:\n\n¿Probó?\n",
    "gmail es, of old": "2024-06-03 10:15 GMT-05:00 Soporte <s@acme.test>:\n\n> ¿Probó?\n",
    "gmail pt": "Em seg., 3 de jun. de 2024 às 10:15, Suporte <s@acme.test> escreveu:\n\n> Tentou?\n",
    "gmail pt, wrapped": "Em seg., 3 de jun. de 2024 às 10:15, Suporte <\ns@acme.test> escreveu:\n\n> Tentou?\n",
    "gmail en": "On Mon, Jun 3, 2024 at 10:15 AM Support <s@acme.test> wrote:\n\n> Did you try?\n",
    "gmail en, wrapped": f"On Mon, Jun 3, 2024 at 10:15{NARROW}AM Support <s@acme.test>\nwrote:\n\n> Did you try?\n",
    "gmail de": "Am Mo., 3. Juni 2024 um 10:15 Uhr schrieb Support <s@acme.test>:\n\n> Ja?\n",
    "gmail fr": "Le lun. 3 juin 2024 à 10:15, Support <s@acme.test> a écrit :\n\n> Oui ?\n",
    "gmail it": "Il giorno lun 3 giu 2024 alle ore 10:15 Support <s@acme.test> ha scritto:\n\n> Sì?\n",
    "outlook es": OUTLOOK_ES + "\n¿Probó?\n",
    "outlook es, original": "-----Mensaje original-----\n" + OUTLOOK_ES + "\n¿Probó?\n",
    "outlook es, bold": "*De:* Soporte <s@acme.test>\n*Enviado el:* lunes, 3 de junio de 2024 10:15\n*Para:* Ana\n*Asunto:* RE: x\n\n¿Probó?\n",
    "outlook es, other order": "Asunto: RE: x\nDe: Soporte <s@acme.test>\nPara: Ana\nFecha: lun, 3 jun 2024 10:15\n\n¿Probó?\n",
    "outlook es, no address": "De: Soporte\nEnviado: lunes, 3 de junio de 2024 10:15\nPara: Ana Paz\nCC: Luis\nAsunto: RE: x\n\n¿Probó?\n",
    "outlook web": "________________________________\n" + OUTLOOK_ES + "\n¿Probó?\n",
    "outlook, empty lines between": OUTLOOK_ES.replace("\n", "\n\n") + "\n¿Probó?\n",
    "outlook pt": OUTLOOK_PT + "\nTentou?\n",
    "outlook pt, original": "-----Mensagem original-----\n" + OUTLOOK_PT + "\nTentou?\n",
    "outlook en": OUTLOOK_EN + "\nDid you try?\n",
    "outlook en, original": "-----Original Message-----\n" + OUTLOOK_EN + "\nDid you try?\n",
    "outlook de": OUTLOOK_DE + "\nJa?\n",
    "outlook fr": OUTLOOK_FR + "\nOui ?\n",
    "outlook it": OUTLOOK_IT + "\nSì?\n",
    "apple es": "> El 3 jun 2024, a las 10:15, Soporte <s@acme.test> escribió:\n> \n> ¿Probó?\n",
    "apple es, macos": "El 3 jun 2024, a la(s) 10:15 a. m., Soporte <s@acme.test> escribió:\n\n¿Probó?\n",
    "apple pt": "No dia 3 de jun. de 2024, às 10:15, Suporte <s@acme.test> escreveu:\n\n> Tentou?\n",
    "apple en": "On Jun 3, 2024, at 10:15 AM, Support <s@acme.test> wrote:\n\n> Did you try?\n",
    "apple, name only": "El 3 jun 2024, a las 10:15, Soporte Acme escribió:\n\n¿Probó?\n",
    "thunderbird es": "El 03/06/2024 a las 10:15, Soporte escribió:\n> ¿Probó?\n>> Sí\n",
    "thunderbird en": "On 6/3/24 10:15, Support wrote:\n> Did you try?\n",
    "thunderbird pt": "Em 03/06/2024 10:15, Suporte escreveu:\n> Tentou?\n> > Sim\n",
    "yahoo es": "El lunes, 3 de junio de 2024, 10:15:32 a. m. GMT-5, Soporte <s@acme.test> escribió:\n\n¿Probó?\n",
    "yahoo pt": "Em segunda-feira, 3 de junho de 2024 10:15:32 BRT, Suporte <s@acme.test> escreveu:\n\nTentou?\n",
    "samsung": "-------- Mensaje original --------\nDe: Soporte <s@acme.test>\nFecha: 3/6/24 10:15 a. m. (GMT-05:00)\nPara: a@b.test\nAsunto: x\n\n¿Probó?\n",
    "xiaomi": "El 3 jun. 2024 10:15 a. m., Soporte <s@acme.test> escribió:\n\n¿Probó?\n",
    "zimbra": '----- Mensaje original -----\nDe: "Soporte" <s@acme.test>\nPara: "Ana" <a@b.test>\nEnviados: Lunes, 3 de Junio 2024 10:15:32\nAsunto: x\n\n¿Probó?\n',
    "roundcube": "El 2024-06-03 10:15, Soporte escribió:\n> ¿Probó?\n",
    "proton": "------- Original Message -------\nOn Monday, June 3rd, 2024 at 10:15 AM, Support <s@acme.test> wrote:\n\n> Did you try?\n",
    "notes": "Soporte/ACME wrote on 03/06/2024 10:15:32:\n\n> Did you try?\n",
    "mailto": "El 3/6/2024 a las 10:15, Soporte [mailto:s@acme.test] escribió:\n\n¿Probó?\n",
    "our line es": "## Escribe tu respuesta por encima de esta línea ##\n\nHola Ana\n",
    "our line pt": "--- Escreva sua resposta acima desta linha ---\n\nOlá\n",
    "our line en": "Reply above this line\n\nHello\n",
    "our line under an attribution": "El 3 de junio de 2024, Soporte escribió:\n\n-- Reply above this line --\n\nHello\n",
    "arrows alone": "> Hola\n>\n> ¿Probó?\n",
    "arrows in arrows": "> Hola\n> > ¿Probó?\n",
}  # fmt: skip


@pytest.mark.parametrize("quote", FOLDED.values(), ids=FOLDED)
@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_what_a_mail_program_puts_below_an_answer_is_folded(quote: str, ends: str) -> None:
    found = pieces(("Sigue igual.\n\n" + quote).replace("\n", ends))
    assert [piece.kind for piece in found] == ["said", "quote"]
    assert said(found) == "Sigue igual."


# Whole mails of which nothing may be folded.
TRAPS = {
    "told": "El lunes el cliente me escribió: no puedo entrar",
    "told, and its words below": "El lunes 3 de junio el cliente me escribió:\n\nNo puedo entrar\n",
    "told with a moment": "El 3/06/2024 a las 10:15 el cliente escribió:\nNo puedo entrar\n",
    "told with an address": "El 3/06/2024 a las 10:15 juan@b.test escribió:\nNo puedo entrar\n",
    "told to me, and its words between arrows": "El 3/06/2024 el cliente Luis me escribió:\n> No puedo entrar\n¿Qué hago?",
    "headers with a foreign one": "No llega:\n\nRegistro\n\n" + OUTLOOK_ES + "Message-ID: <1@acme.test>\n\nbody\n",
    "one line with two arrows": "Sale esto:\n>> Reiniciar\n¿Es normal?",
    "menu": "Entro a Menú > Reportes\n> y nada",
    "greater": "El filtro es:\nsaldo > 0\n> 0 no funciona",
    "number behind an arrow": "Hay\n>50 usuarios\n>100 pedidos\n>200 quejas y un texto que es tan largo que se parece a uno citado\n",
    "one arrow": "Dice:\n> no hay datos\n¿Por qué?",
    "bullets of arrows": "Fallan:\n> Reportes\n> Facturas\n",
    "python": ">>> import chat\n>>> chat.run()\nError",
    "route": "De: Bogotá Para: Medellín\nFecha: 12/05/2024",
    "route in lines": "De: Bogotá\nPara: Medellín\nFecha: 12/05/2024\n\nNecesito factura.",
    "sql": "SELECT 1\n-- comment\nFROM t\n--\nWHERE x > 0",
    "own strokes": "Primero\n---\nSegundo\n-----\nTercero\n__________\nCuarto",
    "log": "Error:\n2024-06-03 10:15:32 From: app Sent: 12\nDate: x\nTo: y\n",
    "raw headers": "Return-Path: <x@y.test>\nFrom: a@b.test\nDate: Mon, 3 Jun 2024 10:15:00 +0000\nTo: b@c.test\nSubject: x\nMessage-ID: <1@x>\n\nbody",
    "pasted headers announced": "Este es el correo que recibí:\n\n" + OUTLOOK_ES + "\nSu clave vence hoy\n\n¿Es de ustedes?",
    "headers of nothing": "No me llegó.\n\n" + OUTLOOK_ES,
    "csv": "fecha;de;para\n3/6/2024;ana@b.test;luis@b.test\n",
    "address": "Enviar a:\nAna Paz\nAv. Siempre Viva 123\nLima\nTel. +51 999 888 777",
    "data below a sign-off": "No entra.\n\nGracias,\nAna\nUsuario: apaz\nRUC: 20123456789\nTel: 999888777",
    "sentence with a phone": "No entra.\n\nSaludos,\nAna\nPor favor llámenme al 999 888 777 después de las tres",
    "point of view": "Enviado desde mi punto de vista",
    "iphone in a sentence": "No se puede.\nEnviado desde mi iPhone no llega el adjunto",
    "notice in a sentence": "Este mensaje es confidencial pero llegó a otro destinatario por error.",
    "own dashes": "Primero lo uno\n--\nAdemás necesito que revisen el otro reporte de ventas",
    "question about our line": "¿Qué es eso de «Reply above this line» que veo?",
    "plain": "No puedo entrar.\n\nSaludos,\nAna",
    "sql prompt": "> SELECT 1;\n> SELECT 2;\n",
    "dictation": "Ana wrote a letter:\nDear sirs",
    "minutes": "El 3 de junio de 2024 nos escribió:\n\nLuis dice que no.",
    "forward gmail": "---------- Forwarded message ---------\nDe: Luis <l@b.test>\nDate: lun, 3 jun 2024 a las 10:15\nSubject: x\nTo: <a@b.test>\n\nNo entra.\n-- \nLuis\n",
    "forward gmail, comment": "Vean.\n\n---------- Mensaje reenviado ---------\nDe: Luis <l@b.test>\n\nNo entra.\n> a\n> > b\n",
    "forward pt": "---------- Mensagem encaminhada ---------\nDe: Luis <l@b.test>\n\nNão entra.",
    "forward apple": "Inicio del mensaje reenviado:\n\n> De: Luis <l@b.test>\n> Asunto: x\n> \n> No entra.\n",
    "forward outlook": OUTLOOK_ES + "\nNo entra.\n",
    "forward outlook, comment": "Les reenvío lo de Luis\n\n" + OUTLOOK_ES + "\nNo entra.\n",
}  # fmt: skip


@pytest.mark.parametrize("mail", TRAPS.values(), ids=TRAPS)
def test_what_is_in_doubt_was_said(mail: str) -> None:
    assert [piece.kind for piece in pieces(mail)] == ["said"]


# mail → what was said; the rest is signature
SIGNED = {
    "dashes": ("Hola\n-- \nAna Paz\nAcme\n", "Hola"),
    "dashes without a blank": ("Hola\n--\nAna Paz\nGerente\nTel. 999 888 777\n", "Hola"),
    "card es": ("Hola\n\nSaludos,\nAna Paz\nGerente de Operaciones\nAcme S.A.C.\nCel: +51 999 888 777\nwww.acme.test\n", "Hola\n\nSaludos,"),
    "card pt": ("Olá\n\nAtenciosamente,\nAna\n\nAnalista de Suporte\nRua das Flores 12\n", "Olá\n\nAtenciosamente,\nAna"),
    "card en": ("Hi\n\nBest regards,\nAna\nSales Manager\nana@acme.test\n", "Hi\n\nBest regards,\nAna"),
    "iphone es": ("Hola\n\nEnviado desde mi iPhone\n", "Hola"),
    "iphone pt": ("Olá\n\nEnviado do meu iPhone\n", "Olá"),
    "iphone en": ("Hi\n\nSent from my iPhone\n", "Hi"),
    "samsung": ("Hola\nEnviado desde mi Samsung Mobile de Claro\n", "Hola"),
    "outlook mobile": ("Hola\n\nObtener Outlook para iOS<https://aka.ms/o0ukef>\n", "Hola"),
    "windows": ("Hola\n\nEnviado desde Correo para Windows\n", "Hola"),
    "notice es": ("Hola\n\nEste mensaje y sus adjuntos son confidenciales y para uso de su destinatario. Si lo recibió por error, notifique al remitente y elimínelo; está prohibida su copia.\n", "Hola"),
    "notice en": ("Hi\n\nThis e-mail is confidential and intended solely for the addressee. If you received it in error please notify the sender and delete it; copying is prohibited.\n", "Hi"),
    "notice pt": ("Olá\n\nEsta mensagem é confidencial e destina-se ao destinatário. Se a recebeu por engano, avise o remetente e apague-a; é proibida a sua cópia.\n", "Olá"),
    "printing": ("Hola\n\nAntes de imprimir este correo, piense en el medio ambiente.\n", "Hola"),
}  # fmt: skip


@pytest.mark.parametrize(("mail", "expected"), SIGNED.values(), ids=SIGNED)
def test_a_card_a_notice_and_a_device_are_signature(mail: str, expected: str) -> None:
    found = pieces(mail)
    assert [piece.kind for piece in found] == ["said", "signature"]
    assert said(found) == expected
    quoted = pieces(mail + "\n" + FOLDED["gmail es"])
    assert [piece.kind for piece in quoted] == ["said", "signature", "quote"]
    assert said(quoted) == expected


@pytest.mark.parametrize("mark", ["P.D.:", "PD:", "P.S.", "PS:"])
def test_what_stands_after_the_signature_on_purpose_was_said(mark: str) -> None:
    found = pieces(f"Hola\n-- \nAna\nAcme\n\n{mark} es urgente\n")
    assert [piece.kind for piece in found] == ["said", "signature", "said"]
    assert said(found) == f"Hola\n\n{mark} es urgente"


def test_answers_between_quotes_and_below_them_were_said() -> None:
    found = pieces("El 3/6/2024 a las 10:15, Soporte escribió:\n> ¿Usuario?\napaz\n> ¿Desde?\n\nAyer\n")
    assert [piece.kind for piece in found] == ["quote", "said", "quote", "said"]
    assert said(found) == "apaz\n\nAyer"


def test_a_mail_may_be_nothing_but_a_quote() -> None:
    for quote in (FOLDED["gmail es"], FOLDED["gmail es, without arrows"], FOLDED["thunderbird es"]):
        assert [piece.kind for piece in pieces(quote)] == ["quote"]
    ours = OUTLOOK_ES + "\nEscribe tu respuesta por encima de esta línea\n\nHola Ana\n"
    assert said(pieces(ours)) == ""


def test_a_sentence_right_above_an_attribution_stays_said() -> None:
    for sentence in ("El 3 de junio no pude entrar.", "Gracias", "El 4 jun tampoco"):
        assert said(pieces(sentence + "\n" + FOLDED["gmail es"])) == sentence


def test_what_the_subject_calls_forwarded_is_the_matter() -> None:
    mail = "Vean esto\n\n" + OUTLOOK_ES + "\nNo entra.\n"
    assert said(pieces(mail, Mail(subject="RV: No entra"))) == mail.strip()
    assert said(pieces(mail)) == "Vean esto"


LINES = st.sampled_from(
    [line for mail in (*FOLDED.values(), *TRAPS.values()) for line in mail.splitlines(keepends=True)]
    + [mail for mail, _ in SIGNED.values()]
)


@given(
    st.text() | st.lists(LINES | st.text(max_size=8)).map("".join),
    st.sampled_from(["", "Hola", "Re: x", "RV: x"]),
)
def test_nothing_is_lost_or_moved(text: str, subject: str) -> None:
    found = pieces(text, Mail(subject=subject))
    assert "".join(piece.text for piece in found) == text
    assert all(piece.text for piece in found)
    assert all(one.kind != other.kind for one, other in itertools.pairwise(found))


HOSTILE = (
    *(">", "> a\n", "-- \n", "--\n", "_\n", "_____\n", "\n", "a@", "<a@b.", "El 3 jun 2024\n", "\u0301"),
    *("El 3 jun 2024 escribió:\n", "De: a\n", "De: a@b.test\n\n", "escribió ", "Saludos,\n", "1 ", "1/", "(1"),
    *("-----Mensaje original-----\n", "Enviado desde mi ", "https://", "Este mensaje confidencial ", "a.", "Tel: "),
    *("El lun, 3 jun 2024 a las 10:15, Ana <a@b.test> escribió:\n\nX\n", "Este mensaje\n", "____\n\nDe: a\n"),
    *("De: a@b.test\nX: 1\n\n", "____\n\n\n", "-- \nAna\n\n", "Ana Paz\nTel. 999888777\n\n", "> El 3/6/24 10:15, Ana:\nx\n"),
)  # fmt: skip


@pytest.mark.parametrize("shape", HOSTILE)
def test_work_grows_as_the_mail_does(shape: str) -> None:
    def work(size: int) -> int:
        return steps(lambda: pieces(shape * (size // len(shape)), MAIL))

    assert work(8_000) < 6 * work(2_000) + 1_000  # four times the text; its square would be 16 times


def test_headers_that_head_nothing_are_looked_at_once() -> None:
    text = "De: a\n\n" * 500
    assert steps(lambda: pieces(text)) < 2 * steps(lambda: pieces(text.replace(":", "-")))


def test_of_a_mail_without_end_the_beginning_is_looked_at_and_the_rest_was_said() -> None:
    line = "x" * 499 + "\n"
    text = "Sigue igual.\n\n" + FOLDED["gmail es, without arrows"] + line * (LOOKED_AT // 500)
    found = pieces(text * 2)
    assert [piece.kind for piece in found] == ["said", "quote", "said"]
    assert "".join(piece.text for piece in found) == text * 2
    assert LOOKED_AT - 500 < sum(len(piece.text) for piece in found[:-1]) <= LOOKED_AT
