"""Can the database be written?"""

from __future__ import annotations

from sqlalchemy import update

from chatserver.store.database import Database
from chatserver.store.portable import insert_or_not
from chatserver.store.tables import meta, nodes


async def probe(db: Database, now: int) -> None:
    """Commit one row, durably. Raises what `Database.execute` raises.

    Of many nodes each writes its own row, as it was: one that all write is held by whoever commits slowly, or stands still in the
    midst of it, and all others would wait for it, with everything that waits behind their probes, and say that they cannot write.
    """
    if db.node:
        await db.execute(update(nodes).where(nodes.c.id == db.node).values(seen_at=nodes.c.seen_at))
        return
    row = insert_or_not(meta, key="probed_at", value="")
    await db.execute(row, update(meta).where(meta.c.key == "probed_at").values(value=str(now)))
