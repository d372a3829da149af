"""Tries to sign in, counted for all nodes together (`services.throttle.Buckets`). The rule is `core.tries.Limit`, said once more
in SQL, so that it is decided behind the lock of the bucket's row, however many nodes ask at once."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, select, text, update

from chatserver.core.tries import Bucket, Taken
from chatserver.store.base import StoreFailed
from chatserver.store.portable import highest, one_of
from chatserver.store.tables import tries

if TYPE_CHECKING:
    from chatserver.store.postgres.database import PostgresDatabase

SWEEP_MS: Final = 60_000
"""Buckets that are full again are forgotten so often."""
SWEEP_ROWS: Final = 10_000
"""So many at once; the others a minute later."""


class Buckets:
    """Where two of them are locked, it is in the order in which they are given, the same for everybody."""

    def __init__(self, db: PostgresDatabase) -> None:
        self._db = db
        self._swept_at = 0

    async def take(self, buckets: Sequence[Bucket], now: int) -> list[Taken]:
        values: dict[str, Any] = {"now": now, "mark": secrets.token_hex(8)}
        for place, (key, rule) in enumerate(buckets):
            values |= {f"key{place}": key, f"step{place}": rule.step, f"most{place}": rule.most}
        found = (await self._db.execute(text(_taking(len(buckets))).bindparams(**values)))[0]
        if now - self._swept_at >= SWEEP_MS:
            self._swept_at = now
            with suppress(StoreFailed):  # a minute later, then
                await self._sweep(now)
        return [Taken(granted, full_at) for _, granted, full_at in found]

    async def give_back(self, buckets: Sequence[Bucket], now: int, *, full: Sequence[str] = ()) -> None:
        given = [
            update(tries).where(tries.c.key == key).values(full_at=highest(tries.c.full_at - rule.step, now))
            for key, rule in buckets
        ]
        await self._db.execute(*given, delete(tries).where(one_of(tries.c.key, "full", list(full))))

    async def _sweep(self, now: int) -> None:
        """A row that somebody holds is not waited for."""
        over = select(tries.c.key).where(tries.c.full_at < now).limit(SWEEP_ROWS)
        await self._db.execute(delete(tries).where(tries.c.key.in_(over.with_for_update(skip_locked=True))))


@cache
def _taking(count: int) -> str:
    """A try from each of so many buckets, while those before it are granted; gives its place, whether it was granted, and when
    the bucket is full again. Whose try changed a row last stands in it: by that one knows its own."""
    set_back = "tries.full_at > CAST(:now AS bigint) + CAST(:most{0} AS bigint)"
    before = f"CASE WHEN {set_back} THEN 0 ELSE tries.full_at END"
    later = f"greatest({before}, CAST(:now AS bigint)) + CAST(:step{{0}} AS bigint)"
    fits = f"{later} - CAST(:now AS bigint) <= CAST(:most{{0}} AS bigint)"
    one = (
        "taken{0} AS (INSERT INTO tries (key, full_at, taken) "
        "SELECT CAST(:key{0} AS text), CAST(:now AS bigint) + CAST(:step{0} AS bigint), CAST(:mark AS text) WHERE {1} "
        "ON CONFLICT (key) DO UPDATE SET "
        f"full_at = CASE WHEN {fits} THEN {later} ELSE tries.full_at END, "
        f"taken = CASE WHEN {fits} THEN excluded.taken ELSE tries.taken END "
        "RETURNING {0} AS place, taken = CAST(:mark AS text) AS granted, full_at)"
    )
    given = [one.format(n, f"(SELECT granted FROM taken{n - 1})" if n else "true") for n in range(count)]  # noqa: S608 - constants only
    rows = [f"SELECT place, granted, full_at FROM taken{n}" for n in range(count)]  # noqa: S608 - constants only
    return f"WITH {', '.join(given)} {' UNION ALL '.join(rows)} ORDER BY place"
