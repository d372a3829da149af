"""A house that takes mail, whoever brings it."""

from __future__ import annotations

from pathlib import Path

from chatserver.files.keeping import Keeping
from chatserver.files.threads import Threads
from chatserver.mail.addresses import Signer
from chatserver.services.files import Files
from chatserver.services.mailroom import Mailroom
from chatserver.store.database import Database
from tests.services.scene import Scene

OTHER = "ayuda@otra.example"
"""The address of its second app."""


class Taking:
    """`directory`: for what comes with mails. `files` has to be opened."""

    def __init__(self, scene: Scene, directory: Path) -> None:
        assert isinstance(scene.house.store, Database)
        self.scene = scene
        self.db = scene.house.store
        self.files = Files(scene.house, self.db, Keeping(directory), Threads())
        self.room = Mailroom(scene.house, self.db, Signer(b"x"), self.files)

    async def subjects(self) -> list[str]:
        return [ticket.subject for ticket in await self.scene.rows.all_tickets()]
