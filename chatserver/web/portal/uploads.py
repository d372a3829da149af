"""Files that come with a form, or ahead of it by script: kept at once as their author's, and named in the form from then on, so
that neither a mistake elsewhere in it nor a session that ends takes them away. A message takes them, or they are forgotten
(docs/files.md)."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from chatserver.core.errors import Refused
from chatserver.core.files import MIB, File
from chatserver.extensions import UPLOAD
from chatserver.i18n import say, words
from chatserver.services.files import Uploader
from chatserver.store.base import StoreFailed
from chatserver.web.addresses import internet
from chatserver.web.errors import logged
from chatserver.web.portal.forms import BODY_BYTES, MULTIPART, cid_of, kind_of
from chatserver.web.portal.multipart import Part
from chatserver.web.rooms import rooms
from chatserver.web.times import duration

if TYPE_CHECKING:
    from chatserver.web.portal.visit import Visit

CHOSEN: Final = "attached"
"""What a form's field for files is called."""
NAMED: Final = "files"
"""And the one that holds the ids of those which are here, parted by blanks."""
LOST: Final = "lost"
"""The names of those which came when nobody was signed in, or nothing could be stored: to be chosen again."""
DROP: Final = "drop"
"""A button that takes one of them out again: its id."""
NAMES_MOST: Final = 1_000
IDS_MOST: Final = 30
"""Read of what a form says; how many a message takes is the app's."""


def let_come(request: Request) -> None:
    """Before anything is waited for: a form with files may be larger than others, by as much as the app takes."""
    upload = request.scope.get("extensions", {}).get(UPLOAD)
    if upload is None or kind_of(request) != MULTIPART:
        return
    with suppress(Refused):  # no such app: it is told so
        policy = rooms(request).find_app(request.path_params["app"]).policy
        upload(policy.files_per_message * policy.file_mib * MIB + BODY_BYTES)


async def keep(visit: Visit, part: Part) -> None:
    """One file of a form. What is wrong with it is said at the field, with its name, and the others go on."""
    name = part.filename or ""
    if visit.session is None or not visit.genuine or visit.unheard is not None:
        _lose(visit, name)
        return
    here, most = ids(visit), visit.app.policy.files_per_message
    try:
        if len(here) >= most:
            raise Refused("too_many_files", limit=most)
        file = await _tried(visit, part)
    except Refused as refused:
        visit.file_errors.append(f"{name}: {sentence(visit.lang, refused)}")
        return
    if file is None:
        _lose(visit, name)
    else:
        visit.form[NAMED] = " ".join([*here, file.id])


def _lose(visit: Visit, name: str) -> None:
    lost = [*filter(None, [visit.form.get(LOST, "")]), name]
    visit.form[LOST] = ", ".join(lost)[:NAMES_MOST]


async def send(visit: Visit) -> Response:
    """`POST …/files`, by the page's script: a form with one file, `cid` and the page's `csrf`. → {id, name, size, bytes}, or
    {code, text} with the sentence to show."""
    _ = visit.signed_in
    if visit.sent_up is None:
        return JSONResponse({"code": "file_empty", "text": " ".join(visit.file_errors)}, 400)
    if isinstance(visit.sent_up, Refused):
        refused = visit.sent_up
        return JSONResponse({"code": refused.code, "text": sentence(visit.lang, refused)}, 409)
    file = visit.sent_up
    return JSONResponse(
        {"id": file.id, "name": file.name, "bytes": file.bytes, "size": size(visit.lang, file.bytes)}
    )


async def keep_one(visit: Visit, part: Part) -> None:
    """The file that a script sends by itself."""
    if visit.session is None or not visit.genuine or visit.unheard is not None or visit.sent_up is not None:
        return
    try:
        visit.sent_up = await _tried(visit, part, visit.form.get("cid", ""))
    except Refused as refused:
        visit.sent_up = refused


async def _tried(visit: Visit, part: Part, cid: str = "") -> File | None:
    """None where it cannot be kept for a fault of ours: the form is `unheard` then, and is read on, since what was typed may
    stand behind the file. Raises Refused, and what reading raises."""
    try:
        return await _taken(visit, part, cid)
    except (Refused, HTTPException, ClientDisconnect):
        raise
    except StoreFailed:  # which says so itself
        visit.unheard = ""
    except Exception as surprise:
        visit.unheard = logged(visit.request.scope, surprise)
    return None


async def _taken(visit: Visit, part: Part, cid: str = "") -> File:
    house = visit.house
    try:
        who = await house.files.as_customer(visit.who, None, internet(visit.request))
        return await house.files.take(
            who,
            cid_of(cid) if cid else secrets.token_urlsafe(16),
            part.filename or "",
            _pieces(part),
        )
    except Refused as refused:
        house.refused(refused.code)
        raise


async def _pieces(part: Part) -> AsyncIterator[bytes]:
    async for chunk in part.chunks():
        yield chunk


# — what a form names ———————————————————————————————————————————————————————————


def ids(visit: Visit) -> list[str]:
    """Of the files that the form names, each once; whether they are theirs is asked of the database."""
    named = visit.form.get(NAMED, "").split()[:IDS_MOST]
    drop = visit.form.get(DROP, "")
    return [one for one in dict.fromkeys(named) if one != drop]


async def here(visit: Visit, named: Sequence[str]) -> list[File]:
    """Those of these that the person sent up and no message has, in their order."""
    if visit.session is None or not named:
        return []
    who = Uploader(visit.app.id, "customer", visit.who.key)
    return await visit.house.files.waiting(who, named)


def said(visit: Visit, values: Mapping[str, str]) -> str:
    """What is to be said at the field of a form with these values: what was refused, and what has to be chosen again."""
    told = list(visit.file_errors)
    if lost := values.get(LOST, ""):
        told.append(say(visit.lang, "portal.files.lost", names=lost))
    return " ".join(told)


def shown(visit: Visit) -> dict[str, Any]:
    """What the page says of files before one is chosen."""
    policy = visit.app.policy
    return {
        "most": policy.files_per_message,
        "bytes": policy.file_mib * MIB,
        "hint": say(
            visit.lang,
            "common.file_limits",
            count=policy.files_per_message,
            size=size(visit.lang, policy.file_mib * MIB),
        ),
        "too_many": say(visit.lang, "portal.files.too_many", limit=policy.files_per_message),
        "too_large": say(visit.lang, "portal.files.too_large", size=size(visit.lang, policy.file_mib * MIB)),
        "size": partial(size, visit.lang),
        "problem": sentence(visit.lang, Refused("files_unavailable")) if visit.house.files.problem else "",
    }


def size(lang: str, count: int) -> str:
    """ "340 KB", "1.2 MB", "20 MB": so many bytes, as the widget says it (`fileSize` in widget/src/ui/files.tsx)."""
    kib = -(-count // 1024)
    if kib < 1024:
        return f"{kib} KB"
    # Below ten with a tenth, where there is one. Portuguese parts it by a comma; the Spanish of Latin America (es-419), as
    # browsers have it, by a point.
    tenths = (count * 10 + MIB // 2) // MIB if count < 10 * MIB else (count + MIB // 2) // MIB * 10
    text = f"{tenths / 10:g}"
    return f"{text.replace('.', ',') if lang == 'pt' else text} MB"


def sentence(lang: str, refused: Refused) -> str:
    if refused.code == "rate_limited":
        return say(lang, "portal.error.wait", time=duration(lang, refused.retry_after or 60))
    catalogue = words(lang)
    text = catalogue.get(f"error.{refused.code}", catalogue["error.internal"])
    return text.format(limit=refused.limit, size=size(lang, refused.limit or 0))
