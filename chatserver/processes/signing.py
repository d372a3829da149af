"""A process beside nodes signs by their secret: what another one gives to people would be good for nothing at these."""

from __future__ import annotations

import asyncio
import logging

from chatserver.processes.opening import HINTLESS_SECONDS
from chatserver.store.database import DatabaseUnusable
from chatserver.store.postgres.database import PostgresDatabase
from chatserver.store.postgres.nodes import Nodes

log = logging.getLogger(__name__)


async def alike(db: PostgresDatabase, secret: str, ending: asyncio.Event) -> None:
    """Until it is cancelled, or nodes serve that sign by another secret than `secret` ("": the database's own): `ending` is set
    then, and DatabaseUnusable raised. It is asked again and again, since nodes come and go while this process lasts."""
    nodes = Nodes(db, secret=secret)
    while True:
        try:
            await nodes.require_same_secret(db.clock())
        except DatabaseUnusable:
            ending.set()
            raise
        except Exception as problem:
            if not db.explains(problem):
                log.warning("could not look for the secret by which nodes sign: %s", type(problem).__name__)
        await asyncio.sleep(HINTLESS_SECONDS)
