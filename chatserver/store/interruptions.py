"""What an interruption means for all open chats at once, whatever their number: few rows are written, and few are looked at.

The rule of `core/inactivity` is said here once more, without floors, and only to find the chats whose due time may not be right:
core decides about them. What is written here is that clocks run from the moment at which nobody is connected any more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from sqlalchemy import ColumnClause, Update, bindparam, case, func, literal_column, or_, select, update

from chatserver.core.policy import Policy
from chatserver.store.portable import highest, lowest, one_of
from chatserver.store.rows import ENDLESS, OPEN_LIVE, PENDING
from chatserver.store.tables import agents, tickets

if TYPE_CHECKING:
    from chatserver.store.database import Reader

PAGE: Final = 500

_t = tickets.c
# The comparison with 0 lets SQLite seek in the index of open chats; `aside` keeps it from walking through an app's history.
_OPEN = (_t.customer_id > 0, OPEN_LIVE)
_SINCE = case(
    (bindparam("strict") == 1, _t.active_at),
    else_=highest(_t.active_at, _t.agent_spoke_at, case((_t.turn == "agent", _t.gone_at), else_=0)),
)
_NEVER: Final[ColumnClause[int]] = literal_column(str(ENDLESS))
_EXPECTED = lowest(
    _SINCE + bindparam("milliseconds"),
    func.coalesce(_t.answer_due_at, _NEVER),
    func.coalesce(_t.queue_until, _NEVER),
)
_EARLY_OR_OTHER = select(_t.id).where(
    *_OPEN,
    one_of(_t.app_id, "apps", aside=True),
    or_(
        _t.due_at < bindparam("floor"),
        _t.answer_due_at < bindparam("grace"),
        _t.due_at.is_distinct_from(_EXPECTED),
    ),
)
_OPEN_IDS = select(_t.id).where(*_OPEN, one_of(_t.app_id, "apps", aside=True))
_OTHER_HOURS = select(_t.id).where(
    _t.app_id == bindparam("app_id"),
    _t.queue_rank.is_not(None),
    _t.queue_until.is_distinct_from(bindparam("until")),
)
_PENDING_IDS = select(_t.id).where(one_of(_t.app_id, "apps"), PENDING)
_END = highest(_t.pending_at + bindparam("end"), _t.floor_at)
_REMINDED = highest(_END, _t.pending_reminded_at + bindparam("rest"))
_UNREMINDED = _t.pending_reminded_at.is_(None)
_OTHER_END = _PENDING_IDS.where(_t.due_at.is_distinct_from(_END))
_OTHER_REMINDER = _PENDING_IDS.where(
    _t.due_at.is_distinct_from(case((_UNREMINDED, _t.pending_at + bindparam("reminder")), else_=_REMINDED))
)
"""As `_OTHER_END`, where policies remind."""


def all_gone(app_ids: Iterable[int], policy: Policy, now: int) -> list[Update]:
    """See `store.base.Store`."""
    floor = now + policy.inactivity_warning_seconds * 1000
    end = max(now + policy.inactivity_seconds * 1000, floor)
    left = (
        update(tickets)
        .where(*_OPEN, one_of(_t.app_id, "apps", list(app_ids), aside=True), _t.gone_at.is_(None))
        .values(gone_at=now, floor_at=highest(_t.floor_at, floor), version=_t.version + 1)
    )
    counted = select(func.count()).where(_t.agent_id == agents.c.id, OPEN_LIVE).scalar_subquery()
    # Should a load be wrong for whatever reason, nobody would notice but the agent who gets no chats.
    recounted = update(agents).where(agents.c.load != counted).values(load=counted)
    # Where no due time moves, none is named: SQLite would write its index anew.
    stood = left.where(_t.turn == "agent").values(due_at=case((_t.due_at < end, _t.due_at), else_=end))
    return [recounted, left] if policy.inactivity_strict else [recounted, stood, left]


async def open_ids(db: Reader, app_ids: Iterable[int]) -> AsyncIterator[list[int]]:
    """See `services.reads.Reads`."""
    apps = list(app_ids)
    ids = [row[0] for query in (_OPEN_IDS, _PENDING_IDS) for row in await db.rows(query, apps=apps)]
    for start in range(0, len(ids), PAGE):
        yield ids[start : start + PAGE]


async def interrupted_ids(
    db: Reader, app_ids: Iterable[int], policy: Policy, closing: Mapping[int, int | None], now: int
) -> AsyncIterator[list[int]]:
    """See `services.reads.Reads`."""
    rows = await db.rows(
        _EARLY_OR_OTHER,
        apps=list(app_ids),
        strict=int(policy.inactivity_strict),
        floor=now + policy.inactivity_warning_seconds * 1000,
        grace=now + policy.agent_grace_seconds * 1000,
        milliseconds=policy.inactivity_seconds * 1000,
    )
    for app_id in app_ids:
        rows += await db.rows(_OTHER_HOURS, app_id=app_id, until=closing[app_id])
    reminder, end = policy.pending_reminder_seconds * 1000, policy.pending_close_seconds * 1000
    if 0 < reminder < end:
        rows += await db.rows(
            _OTHER_REMINDER, apps=list(app_ids), end=end, rest=end - reminder, reminder=reminder
        )
    else:
        rows += await db.rows(_OTHER_END, apps=list(app_ids), end=end)
    ids = list(dict.fromkeys(row[0] for row in rows))
    for start in range(0, len(ids), PAGE):
        yield ids[start : start + PAGE]
