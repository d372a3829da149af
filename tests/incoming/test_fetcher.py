"""A mailbox is read: what becomes of its mails, and what is said when it cannot be."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from chatserver.core.errors import Refused
from chatserver.files.scanning import Scanner
from chatserver.files.threads import Threads
from chatserver.incoming import fetcher as mail_fetcher
from chatserver.incoming import resting
from chatserver.incoming.fetcher import Fetcher, fetching
from chatserver.mail import imap as line
from chatserver.mail.imap import DELETE, Box, NotRead
from chatserver.mail.mime import SIZE_AT_MOST
from chatserver.services.mailroom import Mailroom
from chatserver.settings import addresses
from chatserver.settings.addresses import imap
from chatserver.store import mails
from chatserver.store.base import StoreFailed
from tests.harness.clamd import clamd
from tests.harness.dovecot import PASSWORD, Dovecot, dovecot
from tests.harness.server import free_port
from tests.harness.waiting import soon, until
from tests.mail.taking import OTHER, Taking
from tests.mail.writing import SUPPORT, file, mail, part, together
from tests.services.scene import Scene, database_scene


class Desk(Taking):
    """A house that takes mail, and the mailbox that it reads."""

    def __init__(self, scene: Scene, server: Dovecot, directory: Path) -> None:
        super().__init__(scene, directory)
        self.server = server
        self.metrics = scene.house.metrics

    @asynccontextmanager
    async def reading(
        self, url: str = "", *, done: str = "Procesados", poll: float = 0.2
    ) -> AsyncIterator[Fetcher]:
        server = imap(url or self.server.url)
        async with fetching(self.room, server, done=done, poll_seconds=poll, metrics=self.metrics) as fetcher:
            yield fetcher

    async def bring(self, *raw: bytes) -> None:
        await asyncio.to_thread(self.server.bring, *raw)

    async def lying(self, folder: str = "INBOX", which: str = "ALL") -> list[bytes]:
        return await asyncio.to_thread(self.server.mails, folder, which)

    async def emptied(self, which: str = "ALL") -> None:
        async def empty() -> bool:
            return not await self.lying(which=which)

        await until(empty, "all was put away")


@pytest.fixture(scope="module")
def running() -> Iterator[Dovecot]:
    with dovecot() as server:
        yield server


@asynccontextmanager
async def desk_at(where: Path, server: Dovecot) -> AsyncIterator[Desk]:
    async with database_scene(where / "chat.db") as scene:
        await scene.app(support_address=SUPPORT)
        await scene.app(2, support_address=OTHER)
        made = Desk(scene, server, where / "files")
        async with made.files:
            yield made


@pytest.fixture
async def desk(tmp_path: Path, running: Dovecot) -> AsyncIterator[Desk]:
    running.clean()
    async with desk_at(tmp_path, running) as made:
        yield made


@pytest.fixture(autouse=True)
def without_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_fetcher, "REST_FIRST", 0.05)
    monkeypatch.setattr(mail_fetcher, "REST_MOST", 0.1)
    monkeypatch.setattr(resting, "SECONDS_MOST", 0.1)


@pytest.mark.parametrize("encipher", [False, True])
async def test_a_mail_becomes_a_ticket_and_lies_in_the_folder_of_what_is_done(
    desk: Desk, encipher: bool
) -> None:
    await desk.bring(mail())
    async with desk.reading(desk.server.tls_url if encipher else ""):
        await desk.emptied()
        assert await desk.subjects() == ["No imprime"]
        assert await desk.lying("Procesados") == [mail()]
    (ticket,) = await desk.scene.rows.all_tickets()
    (taken,) = await mails.mails_of(desk.db, ticket.id)
    assert await mails.original(desk.db, taken.original) == mail()
    assert (desk.metrics.mailbox, desk.metrics.mailbox_up) == ({"taken": 1, "again": 0, "left": 0}, True)


async def test_how_many_wait_is_known_as_they_are_taken(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_fetcher, "BATCH", 2)
    waiting: list[int] = []
    take = Mailroom.take

    async def counting(room: Mailroom, *given: Any) -> Any:
        waiting.append(desk.metrics.mailbox_waiting)
        return await take(room, *given)

    monkeypatch.setattr(Mailroom, "take", counting)
    await desk.bring(*(mail(message_id=f"<{number}@x>") for number in range(5)))
    async with desk.reading(poll=1_500):
        await desk.emptied()
        await soon(lambda: desk.metrics.mailbox_waiting == 0, "none waits")
    assert waiting == [5, 4, 3, 2, 1]
    assert "chatserver_mailbox_waiting 0" in desk.metrics.text({})


async def test_the_server_says_at_once_that_a_mail_came(desk: Desk) -> None:
    """The next look by itself would be in half an hour."""
    async with desk.reading(poll=1_500):
        await soon(lambda: desk.metrics.mailbox_up, "it is looked into")
        await desk.bring(mail())
        await desk.emptied()


@pytest.mark.parametrize(
    "capability",
    ["IMAP4rev1 LITERAL+ AUTH=PLAIN", "IMAP4rev1 AUTH=PLAIN UIDPLUS"],
    ids=["nothing but IMAP", "UIDPLUS"],
)
@pytest.mark.parametrize("done", ["Otra carpeta ñ", DELETE])
async def test_a_server_that_can_do_little_is_looked_into_again_and_again(
    tmp_path: Path, capability: str, done: str
) -> None:
    with dovecot(capability) as server:
        async with desk_at(tmp_path, server) as desk, desk.reading(done=done):
            await soon(lambda: desk.metrics.mailbox_up, "it is looked into")
            await desk.bring(mail())
            await desk.emptied("UNDELETED")
            assert await desk.subjects() == ["No imprime"]
            if done != DELETE:
                assert await desk.lying('"Otra carpeta &APE-"') == [mail()]
            assert bool(await desk.lying()) == ("UIDPLUS" not in capability)


async def test_what_others_deleted_and_not_expunged_stays_theirs(desk: Desk) -> None:
    await desk.bring(mail(message_id="<de@otro>"))
    with desk.server.reading() as client:
        client.select("INBOX")
        client.store("1", "+FLAGS", "\\Deleted")
    await desk.bring(mail())
    async with desk.reading(done=DELETE):
        await desk.emptied("UNDELETED")
    assert len(await desk.lying()) == 1
    assert len(await desk.subjects()) == 1


async def test_a_mail_that_lies_there_twice_is_taken_once(desk: Desk) -> None:
    await desk.bring(mail(), mail())
    async with desk.reading():
        await desk.emptied()
    assert await desk.subjects() == ["No imprime"]
    assert desk.metrics.mailbox == {"taken": 1, "again": 1, "left": 0}


async def test_whether_somebody_read_it_before_does_not_matter(desk: Desk) -> None:
    await desk.bring(mail())
    with desk.server.reading() as client:
        client.select("INBOX")
        client.store("1", "+FLAGS", "\\Seen")
    async with desk.reading():
        await desk.emptied()
    assert await desk.subjects() == ["No imprime"]


async def test_whose_it_is_is_found_by_what_hosts_and_authors_wrote(desk: Desk) -> None:
    await desk.bring(
        mail(subject="Una A", message_id="<a@x>", to="x@lejos.example", more={"Delivered-To": OTHER}),
        mail(subject="Una B", message_id="<b@x>", to=f"Otra <{OTHER.upper()}>"),
        mail(
            subject="Una C", message_id="<c@x>", to="x@lejos.example", more={"Cc": f"y@z.example, {SUPPORT}"}
        ),
        mail(subject="Una D", message_id="<d@x>", to="soporte+abc@acme.example"),
        mail(subject="Una E", message_id="<e@x>", to="x@lejos.example"),
    )
    async with desk.reading():
        await desk.emptied("UNFLAGGED")
    apps = {ticket.subject: ticket.app_id for ticket in await desk.scene.rows.all_tickets()}
    assert apps == {"Una A": 2, "Una B": 2, "Una C": 1, "Una D": 1}
    assert len(await desk.lying(which="FLAGGED")) == 1
    assert desk.metrics.mailbox == {"taken": 4, "again": 0, "left": 1}


async def test_with_one_app_alone_what_names_no_address_is_its(tmp_path: Path, running: Dovecot) -> None:
    running.clean()
    async with database_scene(tmp_path / "chat.db") as scene:
        await scene.app(support_address=SUPPORT)
        desk = Desk(scene, running, tmp_path / "files")
        await desk.bring(mail(to="undisclosed-recipients:;"))
        async with desk.files, desk.reading():
            await desk.emptied()
        assert await desk.subjects() == ["No imprime"]


async def test_one_that_is_too_large_stays_with_a_star_and_holds_up_nobody(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(mail_fetcher, "SIZE_AT_MOST", 5_000)
    asked: list[int] = []
    mail_of = Box.mail

    def counted(self: Box, number: int, most: int) -> bytes | None:
        asked.append(number)
        return mail_of(self, number, most)

    monkeypatch.setattr(Box, "mail", counted)
    await desk.bring(mail("x\r\n" * 3_000, message_id="<grande@x>"), mail())
    async with desk.reading():
        await desk.emptied("UNFLAGGED")
        assert await desk.subjects() == ["No imprime"]
        assert len(asked) == 1, "it was not even fetched"
        # Whoever takes the star away wants it to be tried again.
        monkeypatch.setattr(mail_fetcher, "SIZE_AT_MOST", SIZE_AT_MOST)
        with desk.server.reading() as client:
            client.select("INBOX")
            client.store("1", "-FLAGS", "\\Flagged")
        await desk.emptied()
    assert len(await desk.subjects()) == 2
    assert "larger than what is taken here" in caplog.text


async def test_a_server_that_says_less_than_there_is_does_not_fill_the_memory(desk: Desk) -> None:
    await desk.bring(mail("x" * 70_000))
    box = await asyncio.to_thread(Box.open, imap(desk.server.url), DELETE)
    (number,) = box.waiting()
    raw = box.mail(number, 1_000)
    assert raw is not None
    assert len(raw) == 1_000
    box.close()


async def test_one_that_cannot_be_taken_is_left_at_last_and_holds_up_nobody(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tried: list[bytes] = []
    take = Mailroom.take

    async def fails(self: Mailroom, app: Any, arrived: Any, raw: bytes, original: str) -> Any:
        if b"veneno" in raw:
            tried.append(raw)
            raise RuntimeError(raw.decode())
        return await take(self, app, arrived, raw, original)

    monkeypatch.setattr(Mailroom, "take", fails)
    await desk.bring(mail("veneno", message_id="<veneno@x>"), mail())
    async with desk.reading():
        await desk.emptied("UNFLAGGED")
    assert len(tried) == mail_fetcher.TRIES
    assert await desk.subjects() == ["No imprime"]
    assert len(await desk.lying(which="FLAGGED")) == 1
    assert "cliente.example" not in caplog.text


def refusing(monkeypatch: pytest.MonkeyPatch, refusal: Refused) -> list[bytes]:
    """The mails that say `veneno` and were refused."""
    tried: list[bytes] = []
    take = Mailroom.take

    async def refuses(self: Mailroom, app: Any, arrived: Any, raw: bytes, original: str) -> Any:
        if b"veneno" in raw:
            tried.append(raw)
            raise refusal
        return await take(self, app, arrived, raw, original)

    monkeypatch.setattr(Mailroom, "take", refuses)
    return tried


async def test_one_that_is_refused_whenever_it_comes_is_set_aside_and_holds_up_nobody(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tried = refusing(monkeypatch, Refused("file_unknown"))
    await desk.bring(mail("veneno", message_id="<veneno@x>"), mail())
    async with desk.reading():
        await desk.emptied("UNFLAGGED")
        assert await desk.subjects() == ["No imprime"]
        # Many looks later it was not touched again.
        for number in range(3):
            await desk.bring(mail(message_id=f"<{number}@x>", subject=f"Otra {number}"))
            await desk.emptied("UNFLAGGED")
    assert len(tried) == mail_fetcher.TRIES
    assert await desk.lying(which="FLAGGED") == [mail("veneno", message_id="<veneno@x>")]
    assert desk.metrics.mailbox == {"taken": 4, "again": 0, "left": 1}
    assert "a mail was refused: file_unknown" in caplog.text
    assert "a mail stays in the mailbox, with a star" in caplog.text


async def test_one_that_another_time_may_be_taken_waits_and_the_others_do_not(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patched:
        tried = refusing(patched, Refused("files_unavailable", retry_after=30))
        await desk.bring(mail("veneno", message_id="<veneno@x>"), mail())
        async with desk.reading():
            await soon(lambda: len(tried) > 2 * mail_fetcher.TRIES, "it is tried again and again")
            assert await desk.subjects() == ["No imprime"]
            assert len(await desk.lying(which="UNFLAGGED UNDELETED")) == 1
            assert desk.metrics.mailbox_up is True
            patched.undo()
            await desk.emptied()
    assert desk.metrics.mailbox == {"taken": 2, "again": 0, "left": 0}
    assert "a mail waits in the mailbox: files_unavailable" in caplog.text


async def test_one_that_waits_is_not_fetched_at_every_look(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each arrival has the mailbox looked into at once; whoever waits meanwhile rests longer than this test takes."""
    monkeypatch.setattr(resting, "SECONDS_MOST", 600.0)
    tried = refusing(monkeypatch, Refused("files_unavailable", retry_after=300))
    asked: list[int] = []
    sizes = Box.sizes

    def counted(self: Box, numbers: list[int]) -> dict[int, int]:
        asked.extend(numbers)
        return sizes(self, numbers)

    monkeypatch.setattr(Box, "sizes", counted)
    await desk.bring(*(mail("veneno", message_id=f"<veneno-{number}@x>") for number in range(3)))
    async with desk.reading(poll=1_500):
        await soon(lambda: desk.metrics.mailbox_up, "it was looked into")
        for number in range(4):
            await desk.bring(mail(message_id=f"<{number}@x>", subject=f"Otra {number}"))
            await desk.emptied("SUBJECT Otra")
            await soon(lambda: desk.metrics.mailbox_waiting == 3, "the others count as waiting")
    assert len(tried) == 3
    assert len(asked) == 3 + 4, "of those that rest not even the size was asked"
    assert caplog.text.count("a mail waits in the mailbox") == 3


async def test_one_that_rests_is_tried_as_soon_as_its_rest_is_over_and_said_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody says that anything happened, and the next look by itself would be in half an hour."""
    with monkeypatch.context() as patched:
        tried = refusing(patched, Refused("files_unavailable", retry_after=0.2))
        await desk.bring(mail("veneno"))
        async with desk.reading(poll=1_500):
            await soon(lambda: len(tried) > 2, "it is tried again")
            patched.undo()
            monkeypatch.setattr(resting, "SECONDS_MOST", 0.1)
            await desk.emptied()
    assert caplog.text.count("a mail waits in the mailbox") == 1


async def test_one_that_met_a_fault_of_ours_counts_as_waiting_and_has_its_next_try_soon(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[int] = []
    tried = refusing(monkeypatch, Refused("file_unknown"))
    look = Fetcher._look

    async def looked(self: Fetcher, box: Box) -> None:
        await look(self, box)
        waiting.append(desk.metrics.mailbox_waiting)

    monkeypatch.setattr(Fetcher, "_look", looked)
    await desk.bring(mail("veneno"))
    async with desk.reading(poll=1_500):
        await desk.emptied("UNFLAGGED")
        await soon(lambda: desk.metrics.mailbox_waiting == 0, "none waits")
    assert len(tried) == mail_fetcher.TRIES
    assert 1 in waiting


async def test_one_whose_file_is_too_large_for_the_scanner_is_taken_without_it(desk: Desk) -> None:
    """It would be too large another time as well."""
    large = file("largo.txt", b"hola " * 500_000, "text/plain")
    raw = mail(together(part("text/plain", "Mira"), large), content='multipart/mixed; boundary="=_b1"')
    with clamd(most="1M") as daemon:
        at, threads = addresses.clamd(f"unix:{daemon.socket}"), Threads()
        desk.files._scanner = Scanner(at, threads, lambda outcome: None)
        await desk.bring(raw)
        async with desk.reading():
            await desk.emptied()
        threads.end()
    (ticket,) = await desk.scene.rows.all_tickets()
    (said,) = [item for item in await desk.scene.rows.items(ticket.id) if item.kind == "message"]
    assert "Mira" in said.text
    assert "largo.txt" in said.text, "it is named"
    assert desk.metrics.mailbox == {"taken": 1, "again": 0, "left": 0}


@pytest.mark.parametrize("problem", [StoreFailed("disk full"), Refused("rate_limited", retry_after=1)])
async def test_what_the_database_does_not_take_now_waits_and_is_taken_later(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    tries = 0

    async def fails(*_: Any) -> None:
        nonlocal tries
        tries += 1
        raise problem

    await desk.bring(mail(), mail(message_id="<dos@x>"))
    with monkeypatch.context() as patched:
        patched.setattr(mails, "keep_original", fails)
        async with desk.reading():
            await soon(lambda: tries > 2 * mail_fetcher.TRIES, "it is tried again and again")
            assert len(await desk.lying(which="UNFLAGGED UNDELETED")) == 2
            patched.undo()
            await desk.emptied()
    assert len(await desk.subjects()) == 2


async def test_a_wrong_password_is_said_once_and_the_right_one_noticed(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.server.give("otra")
    await desk_waits_for(desk, caplog, "name or password is not taken", lambda: desk.server.give(PASSWORD))
    assert PASSWORD not in caplog.text


async def desk_waits_for(desk: Desk, caplog: pytest.LogCaptureFixture, words: str, repair: Any) -> None:
    opened = 0
    open_ = Box.open

    def counted(*given: Any) -> Box:
        nonlocal opened
        opened += 1
        return open_(*given)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Box, "open", counted)
        async with desk.reading():
            await soon(lambda: opened > 3, "it was tried several times")
            assert desk.metrics.mailbox_up is False
            assert caplog.text.count(words) == 1
            await asyncio.to_thread(repair)
            await soon(lambda: desk.metrics.mailbox_up, "it is read again")
    assert caplog.text.count(words) == 1


async def test_a_server_that_was_away_is_read_when_it_is_back(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.server.stop()
    await desk_waits_for(desk, caplog, "nobody answers there", desk.server.start)


async def test_a_server_that_is_started_anew_meanwhile_is_read_on(desk: Desk) -> None:
    async with desk.reading(poll=1_500):
        await soon(lambda: desk.metrics.mailbox_up, "it is looked into")
        await asyncio.to_thread(desk.server.stop)
        await soon(lambda: desk.metrics.mailbox_up is False, "it is noticed")
        await asyncio.to_thread(desk.server.start)
        await desk.bring(mail())
        await desk.emptied()
    assert await desk.subjects() == ["No imprime"]


@pytest.mark.parametrize("encipher", [False, True])
@pytest.mark.parametrize("meanwhile", ["nothing", "a look at sizes", "a mail that is put away"])
def test_what_came_since_the_last_look_is_told_at_once(
    running: Dovecot, meanwhile: str, encipher: bool
) -> None:
    """A server says it with its answer to whatever comes next, and once."""
    running.clean()
    running.bring(mail())
    box = Box.open(imap(running.tls_url if encipher else running.url), "Procesados")
    try:
        (number,) = box.waiting()
        assert not box.wait(0.01)
        running.bring(mail())
        if meanwhile == "a look at sizes":
            box.sizes([number])
        elif meanwhile == "a mail that is put away":
            box.done(number)
        assert box.wait(10)
        box.waiting()
        assert not box.wait(0.01)
    finally:
        box.close()


def test_what_comes_with_the_word_that_it_may_be_waited_for_is_told_at_once(
    running: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.clean()
    box = Box.open(imap(running.url), "Procesados")
    try:
        box.waiting()
        really = box._client.idle
        waited: list[float] = []

        def begins() -> None:
            running.bring(mail())
            really()

        def waits(timeout: float) -> list[object]:
            waited.append(timeout)
            return []

        monkeypatch.setattr(box._client, "idle", begins)
        monkeypatch.setattr(box._client, "idle_check", waits)
        assert box.wait(10)
        assert not waited
    finally:
        box.close()


async def test_a_server_that_hangs_is_noticed_and_left(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "COMMAND_SECONDS", 0.5)
    monkeypatch.setattr(line, "CONNECT_SECONDS", 0.5)
    async with desk.reading():
        await soon(lambda: desk.metrics.mailbox_up, "it is looked into")
        desk.server.hang()
        try:
            await soon(lambda: desk.metrics.mailbox_up is False, "it is noticed")
        finally:
            desk.server.go_on()
        await desk.bring(mail())
        await desk.emptied()


async def test_the_end_waits_for_no_server_that_hangs(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, waiting = asyncio.Event(), Box.waiting
    loop = asyncio.get_running_loop()
    reading = desk.reading()
    await reading.__aenter__()
    await soon(lambda: desk.metrics.mailbox_up, "it is looked into")
    # Between two looks it is told to look, and hangs before it answers.
    monkeypatch.setattr(Box, "wait", lambda self, seconds: None)

    def hanging(self: Box) -> list[int]:
        desk.server.hang()
        loop.call_soon_threadsafe(asked.set)
        return waiting(self)

    monkeypatch.setattr(Box, "waiting", hanging)
    try:
        await asked.wait()
        began = loop.time()
        await reading.__aexit__(None, None, None)
        assert loop.time() - began < line.COMMAND_SECONDS / 2
    finally:
        desk.server.go_on()


async def test_who_ends_puts_away_what_is_just_taken(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    held, go_on = asyncio.Event(), asyncio.Event()
    keep = mails.keep_original

    async def slow(*given: Any) -> None:
        held.set()
        await go_on.wait()
        await keep(*given)

    monkeypatch.setattr(mails, "keep_original", slow)
    await desk.bring(mail(), mail(message_id="<dos@x>"))
    async with desk.reading() as fetcher:
        await held.wait()
        finishing = asyncio.create_task(fetcher.finish())
        await soon(lambda: fetcher._ending, "the end has begun")
        go_on.set()
        await finishing
    assert len(await desk.lying("Procesados")) == 1
    assert len(await desk.lying()) == 1


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("imaps://soporte:x@localhost:{tls}/INBOX", "tls"),  # nobody whom we trust
        ("imaps://soporte:x@127.0.0.1:{tls}/INBOX?ca={ca}", "tls"),  # another name than the certificate's
        ("imap://soporte:x@127.0.0.1:{port}/INBOX?starttls", "tls"),
        ("imap://soporte:x@127.0.0.1:{port}/INBOX", "login"),
        ("imap://soporte:%C3%B1@127.0.0.1:{port}/INBOX", "login"),
        ("imap://soporte:x@127.0.0.1:{nobody}/INBOX", "away"),
    ],
)
async def test_what_is_wrong_with_a_server_has_a_name(running: Dovecot, url: str, fault: str) -> None:
    given = {
        "tls": running.tls_port,
        "port": running.port,
        "nobody": free_port(),
        "ca": running.base / "cert.pem",
    }
    with pytest.raises(NotRead) as met:
        await asyncio.to_thread(Box.open, imap(url.format(**given)), DELETE)
    assert met.value.fault == fault


async def test_by_starttls_with_a_trusted_certificate_it_is_read(desk: Desk) -> None:
    await desk.bring(mail())
    url = desk.server.tls_url.replace("imaps://", "imap://").replace(
        str(desk.server.tls_port), str(desk.server.port)
    )
    async with desk.reading(url + "&starttls"):
        await desk.emptied()


async def test_a_folder_that_is_not_there_is_said(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    async with desk.reading(desk.server.url.replace("INBOX", "Nada")):
        await soon(lambda: "the folder is not there" in caplog.text, "it is said")
    assert desk.metrics.mailbox_up is False


async def test_all_of_a_folder_are_found_however_many_there_are(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "WINDOW", 4)
    monkeypatch.setattr(mail_fetcher, "BATCH", 3)
    await desk.bring(*(mail(message_id=f"<{number}@x>", subject=f"{number} más") for number in range(13)))
    async with desk.reading():
        await desk.emptied()
    assert await desk.subjects() == [f"{number} más" for number in range(13)]


async def test_no_log_has_a_line_of_a_mail_an_address_or_a_password(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await desk.bring(mail("palabra-secreta\r\n"), b"\xff" + mail("palabra-secreta\r\n"))
        async with desk.reading():
            await desk.emptied()
    assert "a mail was taken" in caplog.text
    for secret in ("palabra-secreta", "cliente.example", "clave", "soporte"):
        assert secret not in caplog.text
