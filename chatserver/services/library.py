"""The help centre's services, made together for one server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from chatserver.core.tries import limit
from chatserver.services.articles import Authors
from chatserver.services.feedback import Feedback
from chatserver.services.figures import Figures
from chatserver.services.house import House
from chatserver.services.reading import Reading
from chatserver.services.rendering import Renderings
from chatserver.services.throttle import Throttle
from chatserver.settings import Settings
from chatserver.store.database import Database


@dataclass(frozen=True)
class Library:
    reading: Reading
    authors: Authors
    feedback: Feedback
    figures: Figures
    renderings: Renderings
    searches: Throttle
    """What one network address may search for in a minute."""


@asynccontextmanager
async def library(settings: Settings, db: Database, house: House, secret: str) -> AsyncIterator[Library]:
    """`secret` signs what readers send back with a form."""
    renderings = Renderings()
    figures = Figures(db, settings.help_reads_per_address, house.now, house.later)
    try:
        yield Library(
            Reading(db, renderings),
            Authors(db, lambda: house.people, renderings, house.now),
            Feedback(db, secret, settings.help_votes_per_address, house.now),
            figures,
            renderings,
            Throttle(limit(settings.help_reads_per_address, 60)),
        )
    finally:
        await figures.close()
