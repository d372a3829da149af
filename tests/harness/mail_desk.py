"""A desk that has mail both ways: a listener to which a mail host brings mails, and a postman who hands them to a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path

from chatserver.core.tickets import Item, Ticket
from chatserver.files.keeping import Keeping
from chatserver.files.threads import Threads
from chatserver.incoming.listener import TAKEN, listening
from chatserver.loops.postman import Postman
from chatserver.mail.addresses import Signer
from chatserver.mail.links import links
from chatserver.services.files import Files
from chatserver.services.mailroom import Mailroom
from chatserver.settings.addresses import MailAddress, smtp
from chatserver.store.database import Database
from tests.harness.mail_host import MailHost
from tests.harness.mailbox import Mailbox
from tests.harness.server import free_port
from tests.services.scene import Scene


class MailDesk:
    """Open with `mail_desk`. Its postman's turns are the test's: `leaves`."""

    def __init__(self, scene: Scene, room: Mailroom, postman: Postman, box: Mailbox, port: int) -> None:
        self.scene = scene
        self.room = room
        self.box = box
        self._postman = postman
        self._port = port

    async def gets(self, raw: bytes, sender: str, to: str) -> None:
        """By a mail host, who is told that it was taken."""
        async with MailHost(self._port) as host:
            assert await host.bring(raw, sender, to) == [TAKEN]

    async def leaves(self) -> list[EmailMessage]:
        """What arrived because of it, elsewhere."""
        before = len(self.box.arrived)
        for _ in range(100):
            at = await self._postman.turn()
            if at is None or at > self.scene.clock.now:
                return [one.mail for one in self.box.arrived[before:]]
        raise AssertionError("it does not come to rest")

    async def tickets(self) -> list[Ticket]:
        return sorted(await self.scene.rows.all_tickets(), key=lambda ticket: ticket.number)

    async def messages(self, ticket: Ticket) -> list[Item]:
        return [item for item in await self.scene.rows.items(ticket.id) if item.kind == "message"]


@asynccontextmanager
async def mail_desk(
    scene: Scene, box: Mailbox, support: str, directory: Path, **policy: bool | int
) -> AsyncIterator[MailDesk]:
    """Of an app with this support address and an agent; what leaves it comes to `box`. `directory`: for its files."""
    db = scene.house.store
    assert isinstance(db, Database)
    await scene.app(support_address=support)
    await scene.policy(mail=True, **policy)
    await scene.agent()
    signer = Signer(support.encode())
    files = Files(scene.house, db, Keeping(directory), Threads())
    room = Mailroom(scene.house, db, signer, files, "mx.acme.example", "Sin asunto")
    postman = Postman(
        scene.house,
        db,
        smtp(box.url),
        links("https://chat.example.com", signer),
        signer,
        sender="nadie@example.com",
        per_hour=1_000,
        answerable=True,
    )
    scene.house.metrics.mails = dict.fromkeys(("sent", "failed", "unneeded", "stopped", "again"), 0)
    where = MailAddress(True, "127.0.0.1", free_port(), None)
    async with files, listening(room, where):
        yield MailDesk(scene, room, postman, box, where.port)


def reply_to(mail: EmailMessage) -> str:
    """Where a mail program sends the answer."""
    return parseaddr(str(mail["Reply-To"] or mail["From"]))[1]
