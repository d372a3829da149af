"""Forms of the portal: read within bounds, checked field by field, shown again with everything that was typed.

A form is a list of fields. What reads it, finds its errors and draws it goes through the list: a further field is a further line.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

from chatserver.core import messages
from chatserver.core.errors import Refused
from chatserver.i18n import say, words
from chatserver.web.origins import header
from chatserver.web.times import duration

BODY_BYTES: Final = 229_376
"""Two boxes of 8,000 characters, each twelve bytes long as forms write it, and the rest of a form."""
ANSWERS_MAX: Final = 60

Kind = Literal["line", "area", "email", "password", "new-password"]


class Field(NamedTuple):
    """One thing that is asked for. Its label is `portal.field.<name>`, its hint `portal.hint.<name>` where there is one."""

    name: str
    check: Callable[[str], object]
    """Gives what is stored; raises Refused."""
    kind: Kind = "line"
    required: bool = True
    most: int = 200
    """Characters that a browser lets in: a courtesy, `check` decides."""
    autocomplete: str = "off"
    rows: int = 6


async def read(request: Request) -> dict[str, str]:
    """The fields of a posted form, the last of several with one name. Raises HTTPException: 413, 415 for what is no such form,
    400 for one with too many fields."""
    kind = (header(request.scope, b"content-type") or "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise HTTPException(415)
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
    return {name: value.replace("\0", "").replace("\r\n", "\n") for name, value in pairs}


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
