"""Forms of the portal: read within bounds, checked field by field, shown again with everything that was typed.

A form is a list of fields. What reads it, finds its errors and draws it goes through the list: a further field is a further line.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

from chatserver.core import messages
from chatserver.core.errors import Refused
from chatserver.i18n import say, words
from chatserver.web.origins import header
from chatserver.web.portal.multipart import Part, Parts
from chatserver.web.times import duration

BODY_BYTES: Final = 229_376
"""Of all fields together, as they were sent. Two boxes of 8,000 characters, each twelve bytes long as plain forms write it; or a
new ticket with all that may be asked, as forms with files write it."""
ANSWERS_MAX: Final = 120
"""Fields: a new ticket with thirty of the app's own has some sixty."""
MULTIPART: Final = "multipart/form-data"

Kind = Literal["line", "area", "email", "password", "new-password"]


class Field(NamedTuple):
    """One thing that is asked for. Its label is `portal.field.<name>`."""

    name: str
    check: Callable[[str], object]
    """Gives what is stored; raises Refused."""
    kind: Kind = "line"
    required: bool = True
    most: int = 200
    """Characters that a browser lets in: a courtesy, `check` decides."""
    autocomplete: str = "off"
    rows: int = 6


def kind_of(request: Request) -> str:
    return (header(request.scope, b"content-type") or "").partition(";")[0].strip().lower()


async def reading(request: Request, form: dict[str, str]) -> AsyncIterator[Part]:
    """Fill `form` with the fields of a posted form, the last of several with one name, and give each file on the way: fields that
    stand before it are known then. Raises HTTPException: 413, 415 for what is no form, 400 for one with too many fields."""
    kind = kind_of(request)
    if kind == "application/x-www-form-urlencoded":
        form.update(await _plain(request))
    elif kind == MULTIPART:
        async for file in _with_files(request, form):
            yield file
    else:
        raise HTTPException(415)


async def _plain(request: Request) -> dict[str, str]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES:
            raise HTTPException(413)
    try:
        pairs = parse_qsl(
            body.decode("ascii", "replace"),
            keep_blank_values=True,
            max_num_fields=ANSWERS_MAX,
            errors="replace",
        )
    except ValueError:
        raise HTTPException(400) from None
    return {name: _cleaned(value) for name, value in pairs}


async def _with_files(request: Request, form: dict[str, str]) -> AsyncIterator[Part]:
    # Imported by the first such form: the server answers sooner after its start.
    from python_multipart.multipart import parse_options_header

    _, options = parse_options_header(header(request.scope, b"content-type"))
    boundary = options.get(b"boundary")
    if not boundary:
        raise HTTPException(400)
    used = fields = 0
    async for part in Parts(request.stream(), boundary):
        if part.filename is not None:
            if part.filename:  # else none was chosen
                yield part
            continue
        value = bytearray()
        async for chunk in part.chunks():
            value += chunk
            if used + len(value) > BODY_BYTES:
                raise HTTPException(413)
        used, fields = used + len(value), fields + 1
        if fields > ANSWERS_MAX:
            raise HTTPException(400)
        form[part.name] = _cleaned(value.decode("utf-8", "replace"))


def _cleaned(value: str) -> str:
    return value.replace("\0", "").replace("\r\n", "\n")


@dataclass
class Form:
    """Fields with what stands in them, and what is wrong with it."""

    fields: Sequence[Field]
    values: Mapping[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    """By field; under "" what concerns no single one. Sentences."""

    def checked(self, lang: str) -> dict[str, Any]:
        """What is to be stored, of the fields that are right; `errors` tells of the others."""
        good: dict[str, Any] = {}
        for one in self.fields:
            value = self.values.get(one.name, "")
            try:
                if one.required and not value.strip():
                    self.errors[one.name] = sentence(lang, one.name, Refused("too_short", limit=1))
                elif value.strip() or one.required:
                    good[one.name] = one.check(value)
                else:
                    good[one.name] = ""
            except Refused as refused:
                self.errors[one.name] = sentence(lang, one.name, refused)
        return good


def sentence(lang: str, name: str, refused: Refused) -> str:
    """What to do about a refusal, in words that fit the field where there are any."""
    if refused.code == "rate_limited":
        return say(lang, "portal.error.wait", time=duration(lang, refused.retry_after or 60))
    catalogue = words(lang)
    empty = refused.code == "too_short" and refused.limit == 1
    for key in (
        f"portal.error.{name}.empty" if empty else "",
        f"portal.error.{name}.{refused.code}",
        "portal.error.empty" if empty else "",
        f"portal.error.{refused.code}",
        f"error.{refused.code}",
    ):
        if key in catalogue:
            return catalogue[key].format(limit=refused.limit)
    return catalogue["error.internal"]


def cid_of(text: str) -> str:
    """The client id that a page was given, under which what is sent twice is stored once; a new one for what is none."""
    try:
        return messages.cid(text)
    except Refused:
        return secrets.token_urlsafe(16)
