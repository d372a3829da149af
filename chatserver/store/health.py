"""Can the database be written?"""

from __future__ import annotations

from sqlalchemy.dialects.sqlite import insert as insert_or_update

from chatserver.store.database import Database
from chatserver.store.tables import meta


async def probe(db: Database, now: int) -> None:
    """Commit one row, durably. Raises what `Database.execute` raises."""
    row = insert_or_update(meta).values(key="probed_at", value=str(now))
    await db.execute(row.on_conflict_do_update(index_elements=["key"], set_={"value": str(now)}))
