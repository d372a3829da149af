"""Mails on their way out: which are due, who sends them, and what became of them. They are put here with the change that causes
them (`World.post`).

Whoever sends takes a lease. Leases have numbers that grow (`meta.outbox`): a new one is given only to who saw the number of the
last one, and whatever is written later of a mail names the number under which it was taken. So caps are counted by one at a time,
however many nodes there are, and a node that was frozen writes nothing late. Instants are ms since 1970 UTC.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, TypeVar

import msgspec
from sqlalchemy import Update, bindparam, delete, func, select, update

from chatserver.core.addresses import alike
from chatserver.core.outbox import Facts, LetterKind, Used
from chatserver.store.database import Database, Reader
from chatserver.store.portable import insert_or_not, one_of
from chatserver.store.tables import mail_stops, meta, outbox

LEASES: Final = "outbox"
"""The row of `meta` with the number of the last lease, and a word of whoever took it."""
K = TypeVar("K", int, str)
Outcome = Literal["sent", "failed", "unneeded", "stopped"]

_o = outbox.c
_due = _o.due_at.is_not(None)


class Waiting(msgspec.Struct, frozen=True):
    """A mail that has to leave, as it is stored."""

    id: int
    key: str
    kind: LetterKind
    app_id: int
    ticket_id: int | None
    address: str
    confirmed: bool
    facts: Facts
    created_at: int
    until_at: int
    tries: int
    message_id: str
    """Empty until it was tried once; the same from then on."""


_WAITING: Final = select(
    *(_o.id, _o.key, _o.kind, _o.app_id, _o.ticket_id, _o.address, _o.confirmed, _o.facts),
    *(_o.created_at, _o.until_at, _o.tries, _o.message_id),
)
_DUE: Final = (
    _WAITING.where(_due, _o.due_at <= bindparam("now"), ~one_of(_o.app_id, "full"))
    .order_by(_o.due_at, _o.id)
    .limit(bindparam("limit"))
)
_NEXT: Final = select(func.min(_o.due_at)).where(_due, ~one_of(_o.app_id, "full"))
_MARK: Final = select(meta.c.value).where(meta.c.key == LEASES)
_SENT: Final = {
    column: select(_o[column], func.count(), func.min(_o.settled_at))
    .where(_o.outcome == "sent", _o.settled_at > bindparam("since"), one_of(_o[column], "wanted"))
    .group_by(_o[column])
    for column in ("app_id", "mailbox")
}
_LEASED: Final = {
    column: select(_o[column], func.count())
    .where(_o.leased_until.is_not(None), _o.leased_until > bindparam("now"), one_of(_o[column], "wanted"))
    .group_by(_o[column])
    for column in ("app_id", "mailbox")
}
_STOPS: Final = select(mail_stops.c.who).where(
    mail_stops.c.app_id == bindparam("app_id"), one_of(mail_stops.c.who, "who")
)
_STATE: Final = select(func.count(), func.min(_o.created_at)).where(_due)


async def mark(db: Database) -> str:
    """What the last lease left; to be asked before anything that a new one is decided by."""
    return str((await db.rows(_MARK))[0][0])


async def due(db: Database, now: int, full: Collection[int], limit: int) -> list[Waiting]:
    """The mails whose time has come, the longest overdue first; none of the apps `full`."""
    rows = await db.rows(_DUE, now=now, full=list(full), limit=limit)
    return [_waiting(row) for row in rows]


async def next_due(db: Database, full: Collection[int]) -> int | None:
    """When (ms) the next mail is due, of other apps than these."""
    ((at,),) = await db.rows(_NEXT, full=list(full))
    return None if at is None else int(at)


async def used_by_apps(db: Database, app_ids: Collection[int], since: int, now: int) -> dict[int, Used]:
    """How many mails of each left since then, or are leaving now."""
    return await _used(db, "app_id", list(app_ids), since, now)


async def used_by_mailboxes(db: Database, addresses: Iterable[str], since: int, now: int) -> dict[str, Used]:
    """And to each of these addresses, of whatever app; as `alike` writes them."""
    return await _used(db, "mailbox", sorted({alike(a) for a in addresses}), since, now)


async def lease(
    db: Database,
    seen: str,
    go: Collection[int],
    wait: Mapping[int, int],
    *,
    now: int,
    until: int,
    over: Collection[int] = (),
) -> int | None:
    """Take the mails `go` until then, put off others until their moments, and settle those that nobody needs any more (`over`).
    `seen`: `mark`, as it was before all this was decided. Gives the lease's number; None, and nothing is changed, when somebody
    took one meanwhile."""
    number = int(seen.partition(" ")[0]) + 1
    new = f"{number} {secrets.token_hex(8)}"
    ours = select(meta.c.value).where(meta.c.key == LEASES).scalar_subquery() == new
    statements = [update(meta).where(meta.c.key == LEASES, meta.c.value == seen).values(value=new)]
    if go:
        taken = update(outbox).where(one_of(_o.id, "go", list(go)), _due, ours)
        statements.append(taken.values(leased_until=until, due_at=until, fence=number, tries=_o.tries + 1))
    if over:
        needless = update(outbox).where(one_of(_o.id, "over", list(over)), _due, ours)
        statements.append(
            needless.values(outcome="unneeded", settled_at=now, due_at=None, leased_until=None, facts="{}")
        )
    for mail_id, at in wait.items():
        statements.append(update(outbox).where(_o.id == mail_id, _due, ours).values(due_at=max(at, now)))
    done = await db.execute(*statements)
    return number if done[0] else None


async def begin(db: Database, number: int, message_ids: Mapping[int, str]) -> set[int]:
    """Before a mail leaves for the first time its Message-ID is kept, since a second time it has to be the same. Gives which of
    these are still held under this lease: the others are somebody else's by now."""
    kept = [_held(mail, number).values(message_id=message_id) for mail, message_id in message_ids.items()]
    done = await db.execute(*kept) if kept else []
    return {mail for mail, changed in zip(message_ids, done, strict=True) if changed}


async def settle(db: Database, mail: int, number: int, outcome: Outcome, now: int, error: str = "") -> bool:
    """What became of it, for good; what only the mail had to say is forgotten. False: it is somebody else's by now."""
    settled = _held(mail, number).values(
        outcome=outcome, settled_at=now, due_at=None, leased_until=None, facts="{}", error=error
    )
    return bool((await db.execute(settled))[0])


async def put_off(db: Database, number: int, again: Mapping[int, int], error: str, *, tried: bool) -> None:
    """To be tried again at these moments. `tried`: it counts as a try."""
    tries = _o.tries if tried else _o.tries - 1
    later = [
        _held(mail, number).values(due_at=at, leased_until=None, tries=tries, error=error or _o.error)
        for mail, at in again.items()
    ]
    if later:
        await db.execute(*later)


async def forget(db: Database, before: int, most: int = 1000) -> None:
    """Mails that were settled before then."""
    old = select(_o.id).where(_o.settled_at.is_not(None), _o.settled_at < before).limit(most)
    await db.execute(delete(outbox).where(_o.id.in_(old.scalar_subquery())))


async def state(db: Reader) -> tuple[int, int | None]:
    """How many mails wait, and since when (ms) the one that waits longest."""
    ((count, since),) = await db.rows(_STATE)
    return count, since


class MailStops:
    """Who wants no mail that nobody asked for: an address, or a customer whatever their addresses (`of_customer`)."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def stop(self, app_id: int, who: str) -> None:
        """From here on. Harmless twice."""
        row = insert_or_not(mail_stops, app_id=app_id, who=alike(who), at=self._db.clock())
        await self._db.execute(row)

    async def resume(self, app_id: int, who: str) -> None:
        mine = (mail_stops.c.app_id == app_id, mail_stops.c.who == alike(who))
        await self._db.execute(delete(mail_stops).where(*mine))

    async def has(self, app_id: int, *who: str) -> bool:
        """Whether one of these wants none."""
        return bool(await self._db.rows(_STOPS, app_id=app_id, who=[alike(one) for one in who]))


def of_customer(customer_id: int) -> str:
    """As `MailStops` knows a customer."""
    return f"customer {customer_id}"


def _held(mail: int, number: int) -> Update:
    return update(outbox).where(_o.id == mail, _o.fence == number, _o.leased_until.is_not(None))


async def _used(db: Database, column: str, wanted: list[K], since: int, now: int) -> dict[K, Used]:
    sent = await db.rows(_SENT[column], since=since, wanted=wanted)
    found = {row[0]: Used(row[1], row[2]) for row in sent}
    for row in await db.rows(_LEASED[column], now=now, wanted=wanted):
        known = found.get(row[0], Used(0, now))
        found[row[0]] = Used(known.mails + row[1], known.since)
    return found


def _waiting(row: Sequence[Any]) -> Waiting:
    id_, key, kind, app_id, ticket_id, address, confirmed, facts, *rest = row
    told = msgspec.json.decode(facts, type=Facts)
    return Waiting(id_, key, kind, app_id, ticket_id, address, confirmed == 1, told, *rest)
