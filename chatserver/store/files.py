"""The rows of files: what was sent up, which of it is in a message, and how much one day brought. Their bytes are elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import Executable, and_, bindparam, delete, exists, false, func, insert, or_, select, update
from sqlalchemy import literal as bound

from chatserver.core.files import File
from chatserver.core.tickets import By
from chatserver.store.database import Database, Reader
from chatserver.store.portable import insert_or_not, one_of
from chatserver.store.rows import literal
from chatserver.store.tables import file_use, files, meta
from chatserver.store.wholeness import Known


class Stored(msgspec.Struct, frozen=True):
    """A file as it is kept. `key`: of its bytes; `ticket_id`: None while it is in no message; `width`, `height`: of its
    thumbnail."""

    file: File
    app_id: int
    key: str
    sha256: str
    ticket_id: int | None
    width: int | None
    height: int | None


_f, _u = files.c, file_use.c
_UNUSED = literal("files.ticket_id IS NULL")
_stored = select(
    _f.id, _f.name, _f.kind, _f.bytes, _f.app_id, _f.key, _f.sha256, _f.ticket_id, _f.width, _f.height
)
_SENT = _stored.where(
    _f.app_id == bindparam("app_id"),
    _f.by == bindparam("by"),
    _f.owner == bindparam("owner"),
    _f.cid == bindparam("cid"),
    _UNUSED,
)
_WAITING = _stored.where(
    one_of(_f.id, "ids"),
    _f.app_id == bindparam("app_id"),
    _f.by == bindparam("by"),
    _f.owner == bindparam("owner"),
    _UNUSED,
)
_ALL = _stored.where(one_of(_f.id, "ids"))
_OF_KEY = select(_f.id).where(_f.key == bindparam("key"))
_OLD = (
    select(_f.id, _f.key)
    .where(_f.created_at < bindparam("before"), _UNUSED)
    .order_by(_f.created_at)
    .limit(bindparam("limit"))
)
_USE = select(_u.who, _u.bytes).where(
    _u.app_id == bindparam("app_id"), _u.day == bindparam("day"), one_of(_u.who, "who")
)
_IN_MESSAGES = (
    _stored.where(_f.id > bindparam("after"), literal("files.ticket_id IS NOT NULL"))
    .order_by(_f.id)
    .limit(bindparam("limit"))
)
_META = select(meta.c.key, meta.c.value).where(or_(*(meta.c.key == name for name in Known._fields)))
_COUNT = select(func.count(), func.sum(_f.bytes)).where(literal("files.ticket_id IS NOT NULL"))


async def add(
    db: Database,
    file: File,
    *,
    app_id: int,
    by: By,
    owner: str,
    cid: str,
    key: str,
    sha256: str,
    day: int,
    counted: Mapping[str, int],
    now: int,
) -> str | None:
    """What was sent up and is in no message yet, counted on this day for each of `counted`, with the bytes that they may send.
    Names one who would be over that, and stores nothing then: of several at the same instant, on any nodes, those that fit are
    stored. Raises Violated where its author has another such one under `cid`."""
    columns = {
        _f.id: file.id,
        _f.app_id: app_id,
        _f.by: by,
        _f.owner: owner,
        _f.cid: cid,
        _f.name: file.name,
        _f.kind: file.kind,
        _f.bytes: file.bytes,
        _f.sha256: sha256,
        _f.key: key,
        _f.created_at: now,
    }
    of = (_u.app_id == app_id, _u.day == day)
    # Counted first: that locks these rows, in one order everywhere. Whoever is next looks at them after us.
    use: list[Executable] = []
    for who in sorted(counted):
        use.append(insert_or_not(file_use, app_id=app_id, day=day, who=who, bytes=0))
        use.append(update(file_use).where(*of, _u.who == who).values(bytes=_u.bytes + file.bytes))
    over = exists().where(
        *of, or_(*(and_(_u.who == who, _u.bytes > most) for who, most in counted.items()), false())
    )
    values = [bound(value, column.type) for column, value in columns.items()]
    row = insert(files).from_select([column.name for column in columns], select(*values).where(~over))
    undone = (
        update(file_use)
        .where(*of, _u.who.in_(sorted(counted)), ~exists().where(_f.id == file.id))
        .values(bytes=_u.bytes - file.bytes)
        .returning(_u.who, _u.bytes)
    )
    *_, found = await db.execute(*use, row, undone)
    return next((who for who, held in found if held + file.bytes > counted[who]), None)


async def sent(db: Database, *, app_id: int, by: By, owner: str, cid: str) -> File | None:
    """What this author sent up under `cid`, while it is in no message."""
    rows = await db.rows(_SENT, app_id=app_id, by=by, owner=owner, cid=cid)
    return _from(rows[0]).file if rows else None


async def waiting(db: Reader, ids: Iterable[str], *, app_id: int, by: By, owner: str) -> dict[str, File]:
    """Those of these that this author sent up and no message has."""
    rows = await db.rows(_WAITING, ids=list(ids), app_id=app_id, by=by, owner=owner)
    return {row[0]: _from(row).file for row in rows}


async def by_ids(db: Reader, ids: Iterable[str]) -> dict[str, Stored]:
    """Those of these that there are. Whether somebody may see them is asked of their ticket first."""
    return {row[0]: _from(row) for row in await db.rows(_ALL, ids=list(ids))}


async def is_key(db: Reader, key: str) -> bool:
    return bool(await db.rows(_OF_KEY, key=key))


async def used(db: Database, app_id: int, day: int, who: Iterable[str]) -> dict[str, int]:
    """How many bytes each of them sent up on that day."""
    return dict(map(tuple, await db.rows(_USE, app_id=app_id, day=day, who=list(who))))


async def unused(db: Database, before: int, limit: int) -> list[tuple[str, str]]:
    """(id, key) of what was sent up before that (ms) and is in no message, oldest first."""
    return [(row[0], row[1]) for row in await db.rows(_OLD, before=before, limit=limit)]


async def forget_unused(db: Database, file_id: str) -> bool:
    """False: it is in a message by now, or gone."""
    (count,) = await db.execute(delete(files).where(_f.id == file_id, _f.ticket_id.is_(None)))
    return bool(count)


async def forget_use(db: Database, before_day: int) -> None:
    await db.execute(delete(file_use).where(_u.day < before_day))


async def has_thumbnail(db: Database, file_id: str, width: int, height: int) -> bool:
    """False: there is no such file any more."""
    (count,) = await db.execute(update(files).where(_f.id == file_id).values(width=width, height=height))
    return bool(count)


async def in_messages(db: Reader, after: str, limit: int) -> list[Stored]:
    """Files of messages in the order of their ids, those after the id `after`: a page."""
    return [_from(row) for row in await db.rows(_IN_MESSAGES, after=after, limit=limit)]


async def all_in_messages(db: Reader) -> tuple[int, int]:
    """How many files are in messages, and their bytes."""
    ((count, size),) = await db.rows(_COUNT)
    return count, int(size or 0)


async def known(db: Reader) -> Known:
    """What a directory of files knows the database by."""
    return Known(**{row[0]: row[1] for row in await db.rows(_META)})


def _from(row: Any) -> Stored:
    return Stored(File(*row[:4]), *row[4:])
