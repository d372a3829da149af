"""Can the database be written?"""

from __future__ import annotations

from sqlalchemy import update

from chatserver.store.database import Database
from chatserver.store.portable import insert_or_not
from chatserver.store.tables import meta


async def probe(db: Database, now: int) -> None:
    """Commit one row, durably. Raises what `Database.execute` raises."""
    row = insert_or_not(meta, key="probed_at", value="")
    await db.execute(row, update(meta).where(meta.c.key == "probed_at").values(value=str(now)))
