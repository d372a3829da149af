"""What the console asks of a ticket beside its socket: the app's form, and the mail as which a message came.

A mail is shown as text alone. Its HTML was written by anybody: what it says the text says too, and whoever wants it as it was
sent saves the original and opens it in a mail program. Links of ours in it that open or end something by themselves, quoted
from a mail of ours, are not for agents: they are masked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from chatserver.core.errors import Refused
from chatserver.core.forms import Case, Choice, Field, Form, Usual, form_mark
from chatserver.services.originals import Original
from chatserver.web.console import signed_in
from chatserver.web.files import HARMLESS, disposition
from chatserver.web.rooms import rooms

HEADERS_MAX: Final = 100
HEADER_MAX: Final = 1_000
"""Fields of a mail that are shown, and characters of each; all of them are in the original."""
TEXT_MAX: Final = 200_000
"""Characters of a mail that are shown."""

_encode: Final = msgspec.json.Encoder().encode
T = TypeVar("T")


class FormShown(msgspec.Struct, frozen=True):
    """A form with all that goes without saying."""

    mark: str
    ask: Usual
    country: str
    cases: tuple[Case, ...]
    categories: tuple[Choice, ...]
    fields: tuple[Field, ...]


class FileShown(msgspec.Struct, frozen=True):
    """`place`: under which it is had."""

    place: int
    name: str
    type: str
    bytes: int


class PieceShown(msgspec.Struct, frozen=True):
    kind: str
    """said, quote, signature."""
    text: str


class MailShown(msgspec.Struct, frozen=True):
    name: str
    address: str
    """Of the From: claims."""
    verified: bool
    to: tuple[str, ...]
    cc: tuple[str, ...]
    others: tuple[str, ...]
    """Of these, who may be put in copy."""
    subject: str
    date: int | None
    headers: tuple[tuple[str, str], ...]
    pieces: tuple[PieceShown, ...]
    files: tuple[FileShown, ...]
    bytes: int
    whole: bool
    """False: there is more in the original than is shown."""


async def form(request: Request) -> Response:
    """`GET /console/form?app=` → what the ticket form of one of the agent's apps asks."""
    house = rooms(request)
    session = await signed_in(house, request)
    found = house.form_for(session.agent_id, request.query_params.get("app", ""))
    return Response(_encode(_form(found)), media_type="application/json")


async def mail(request: Request) -> Response:
    """`GET /console/tickets/{ticket}/mails/{seq}` → the mail as which this message came; `…/notes/{note}`: that came with it."""
    return Response(await _made(request, _mail), media_type="application/json")


async def original(request: Request) -> Response:
    """The whole mail as it came, to be saved."""

    def whole(found: Original) -> tuple[bytes, str]:
        return found.raw, f"{found.arrival.subject[:80] or 'mail'}.eml"

    return _saved("message/rfc822", *await _made(request, whole))


async def attachment(request: Request) -> Response:
    """What came with the mail, to be saved. Of no type: nobody has looked at what it is."""
    place: int = request.path_params["place"]

    def one(found: Original) -> tuple[bytes, str]:
        if place >= len(found.arrival.files):
            raise Refused("not_found")
        file = found.arrival.files[place]
        return file.content(), file.name or "attachment"

    return _saved("application/octet-stream", *await _made(request, one))


async def _made(request: Request, make: Callable[[Original], T]) -> T:
    house = rooms(request)
    session = await signed_in(house, request)
    path = request.path_params
    of = house.originals.of_note if "note" in path else house.originals.of
    ticket, seq = path["ticket"], path["note" if "note" in path else "seq"]
    if max(ticket, seq) >= 2**53:
        raise Refused("not_found")
    return await of(session.agent_id, ticket, seq, make)


def _form(found: Form) -> FormShown:
    return FormShown(form_mark(found), found.ask, found.country, found.cases, found.categories, found.fields)


def _mail(found: Original) -> bytes:
    from chatserver.mail import headers
    from chatserver.mail.own_links import masked

    arrival = found.arrival
    left = TEXT_MAX
    pieces = []
    for piece in arrival.pieces:
        text = masked(piece.text)
        if left > 0:
            pieces.append(PieceShown(piece.kind, text[:left]))
        left -= len(text)
    fields = arrival.headers.fields
    shown = MailShown(
        name=arrival.sender.name,
        address=arrival.sender.address,
        verified=found.verified,
        to=arrival.to,
        cc=arrival.cc,
        others=found.others,
        subject=masked(arrival.subject),
        date=arrival.date,
        headers=tuple(
            (name, masked(headers.line(headers.words(value)))[:HEADER_MAX])
            for name, value in fields[:HEADERS_MAX]
        ),
        pieces=tuple(pieces),
        files=tuple(
            FileShown(place, file.name, file.type[:100], len(file.content()))
            for place, file in enumerate(arrival.files)
        ),
        bytes=len(found.raw),
        whole=arrival.whole and left >= 0,
    )
    return _encode(shown)


def _saved(kind: str, content: bytes, name: str) -> Response:
    headers = {
        "content-disposition": disposition(name),
        "content-security-policy": HARMLESS,
        "x-content-type-options": "nosniff",
        "cache-control": "private, no-store",
    }
    return Response(content, media_type=kind, headers=headers)
