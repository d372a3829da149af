"""`chatserver backup --files` and `restore --files`: rows and bytes go and come back together, and what is missing is said."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update

from chatserver.cli.main import main
from chatserver.core.files import File
from chatserver.files.copies import Copies
from chatserver.files.keeping import MARKER, THUMBNAIL, Keeping, Part
from chatserver.services import copying
from chatserver.services.files import installation
from chatserver.store import files as rows
from chatserver.store import tables
from chatserver.store.database import Reader
from tests.harness.postgres import Postgres
from tests.harness.server import Server, running
from tests.store.house import House, PostgresHouse, SqliteHouse

CONTENT = b"no era el error sino la factura " * 100


class Desk:
    """A database, its directory of files, and commands about them."""

    def __init__(self, where: Path, url: str) -> None:
        self.where = where
        self.data = where / "data"
        self.url = url
        self.keeping = Keeping(self.data / "files")
        self.copy, self.copies = where / "copy", where / "copies"

    async def opened(self) -> House:
        if self.url:
            return await PostgresHouse.open(self.url)
        self.data.mkdir(exist_ok=True)
        return await SqliteHouse.open(self.data / "chatserver.db")

    async def command(self, *arguments: object, **environ: str) -> Result:
        words = [str(argument) for argument in arguments]
        env = {
            "CHATSERVER_DATA_DIR": str(self.data),
            "DATABASE_URL": self.url,
            "CHATSERVER_LOG_LEVEL": "error",
        } | environ
        run = CliRunner().invoke
        return await asyncio.to_thread(lambda: run(main, words, env=env, catch_exceptions=False))

    async def done(self, *arguments: object) -> str:
        told = await self.command(*arguments)
        assert told.exit_code == 0, told.output
        return told.output

    async def send(self, *names: str, thumbnail: bool = False) -> list[Path]:
        """Each a file in a message of a ticket of its own; gives where they are."""
        house, made = await self.opened(), []
        try:
            self.keeping.open(installation(house.db.secret, house.db.epoch))
            for name in names:
                ticket = await house.start(house.who(f"quien envía {name}"), 1)
                made.append(await self._kept(house, name, ticket.id, thumbnail=thumbnail))
        finally:
            await house.db.close()
        return made

    async def _kept(self, house: House, name: str, ticket_id: int, *, thumbnail: bool) -> Path:
        part, content = Part(self.keeping), CONTENT + name.encode()
        part.open()
        part.write(content)
        part.sync()
        part.stays()
        part.close()
        await rows.add(
            house.db,
            File(name, f"{name}.txt", "text", len(content)),
            app_id=1, by="customer", owner="x", cid=name, key=part.key, sha256=part.sha256, day=1, counted=(), now=1,
        )  # fmt: skip
        await house.db.execute(
            update(tables.files).where(tables.files.c.id == name).values(ticket_id=ticket_id, seq=1)
        )
        self.keeping.settle(part.key)
        if thumbnail:
            (self.keeping.halfway / (part.key + THUMBNAIL)).write_bytes(b"small")
            await rows.has_thumbnail(house.db, name, 1, 1)
            self.keeping.settle(part.key + THUMBNAIL)
        return self.keeping.path(part.key)

    async def owner(self) -> str:
        db = await Reader.look(self.url or self.data / "chatserver.db")
        try:
            return installation(*await rows.known(db))
        finally:
            await db.close()

    @property
    def marked(self) -> str:
        return (self.keeping.directory / MARKER).read_text().strip()


@pytest.fixture(params=["sqlite", "postgres"])
async def desk(
    request: pytest.FixtureRequest, tmp_path: Path, postgres_server: Postgres, anyio_backend: str
) -> Desk:
    return Desk(tmp_path, postgres_server.database() if request.param == "postgres" else "")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def test_after_the_loss_of_everything_rows_and_bytes_are_there_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "PAGE", 1)
    one, two = await desk.send("uno", "dos", thumbnail=True)
    before = [digest(one), digest(two)]
    told = await desk.done("backup", desk.copy, "--files", desk.copies)
    assert "2 files of messages, 2 of them copied now" in told
    shutil.rmtree(desk.data)
    desk.data.mkdir()
    force = ["--force"] if desk.url else []
    told = await desk.done("restore", desk.copy, "--files", desk.copies, *force)
    assert "2 files of messages, 2 of them put back now" in told
    assert [digest(one), digest(two)] == before
    assert one.with_name(one.name + THUMBNAIL).read_bytes() == b"small"
    assert desk.marked == await desk.owner(), "the server that starts next takes the directory for its own"
    assert [path.name for path in desk.keeping.directory.rglob("*.*")] == []


async def test_the_next_backup_copies_what_is_new(desk: Desk) -> None:
    await desk.send("uno")
    await desk.done("backup", desk.copy, "--files", desk.copies)
    await desk.send("dos")
    told = await desk.done("backup", desk.where / "next", "--files", desk.copies)
    assert "2 files of messages, 1 of them copied now" in told


async def test_a_backup_without_its_files_says_so(desk: Desk) -> None:
    await desk.send()
    assert "people sent" not in await desk.done("backup", desk.where / "empty")
    await desk.send("uno")
    assert "1 file of 0.0 MB that people sent are not in it" in await desk.done("backup", desk.copy)


async def test_going_back_where_the_files_still_are_needs_nothing_more(desk: Desk) -> None:
    (one,) = await desk.send("uno")
    await desk.done("backup", desk.copy)
    (two,) = await desk.send("dos")
    before = desk.marked
    told = await desk.done("restore", desk.copy, "--force")
    assert "1 file of messages, 0 of them put back now" in told
    assert before != desk.marked == await desk.owner()
    assert one.exists()
    assert two.exists(), "nothing is deleted that somebody might look for"


@pytest.mark.parametrize("harm", ["gone", "cut", "other words"])
async def test_what_a_backup_does_not_find_is_named(desk: Desk, harm: str) -> None:
    await desk.send("uno")
    (two,) = await desk.send("dos")
    match harm:
        case "gone":
            two.unlink()
        case "cut":
            two.write_bytes(two.read_bytes()[:-1])
        case _:
            two.write_bytes(two.read_bytes().replace(b"error", b"ERROR"))
    told = await desk.command("backup", desk.copy, "--files", desk.copies)
    assert told.exit_code == 1
    words = "1 missing in" if harm == "gone" else "1 not what was sent up"
    assert words in told.output
    assert "dos of ticket" in told.output
    assert desk.copy.exists()
    assert len([path for path in desk.copies.rglob("*") if path.is_file()]) == 1


async def test_what_is_missing_at_a_restore_is_named_and_the_rest_is_there(desk: Desk) -> None:
    one, two = await desk.send("uno", "dos")
    await desk.done("backup", desk.copy, "--files", desk.copies)
    shutil.rmtree(desk.keeping.directory)
    Copies(desk.copies).path(two.name).unlink()
    told = await desk.command("restore", desk.copy, "--files", desk.copies, "--force")
    assert told.exit_code == 1
    assert "1 missing in" in told.output
    assert "dos of ticket" in told.output
    assert one.exists()
    assert desk.marked == await desk.owner()


async def test_one_that_was_cut_is_put_back_whole(desk: Desk) -> None:
    (one,) = await desk.send("uno")
    before = digest(one)
    await desk.done("backup", desk.copy, "--files", desk.copies)
    one.write_bytes(b"half")
    assert "1 of them put back" in await desk.done("restore", desk.copy, "--files", desk.copies, "--force")
    assert digest(one) == before


async def test_a_directory_of_another_database_is_left_to_it(desk: Desk) -> None:
    """Somebody tries a copy with the settings of the server whose files these are."""
    (one,) = await desk.send("uno")
    await desk.done("backup", desk.copy, "--files", desk.copies)
    (desk.keeping.directory / MARKER).write_text("another\n")
    one.unlink()
    told = await desk.command("restore", desk.copy, "--files", desk.copies, "--force")
    assert told.exit_code == 1
    assert "holds the files of another database" in told.output
    assert desk.marked == "another"
    assert not one.exists()


async def test_copies_are_not_kept_among_the_files_themselves(desk: Desk) -> None:
    await desk.send("uno")
    for place in (desk.keeping.directory, desk.keeping.directory / "copies", desk.data):
        told = await desk.command("backup", desk.copy, "--force", "--files", place)
        assert (told.exit_code, "give another directory" in told.output) == (1, True)


async def test_a_disk_that_is_full_is_a_sentence(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.send("uno")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        patched.setattr("chatserver.store.making.synced", lambda path: None)
        told = await desk.command("backup", desk.copy, "--files", desk.copies)
    assert (told.exit_code, "No space left on device" in told.output) == (1, True)
    assert [path for path in desk.copies.rglob("*") if path.is_file()] == []


async def test_a_move_says_where_the_files_stay_and_which_are_missing(
    tmp_path: Path, postgres_server: Postgres, anyio_backend: str
) -> None:
    desk = Desk(tmp_path, "")
    (one,) = await desk.send("uno")
    told = await desk.done("move", "--to", postgres_server.empty())
    assert f"1 file of messages stay in {desk.keeping.directory}" in told
    one.unlink()
    told = (await desk.command("move", "--to", postgres_server.empty())).output
    assert "1 missing in" in told


def test_a_server_that_is_started_on_what_was_put_back_takes_and_gives_files(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "")

    async def story() -> None:
        await desk.send("uno")
        await desk.done("backup", desk.copy, "--files", desk.copies)
        shutil.rmtree(desk.data)
        await desk.done("restore", desk.copy, "--files", desk.copies)

    asyncio.run(story())
    with running(desk.data) as server:
        assert isinstance(server, Server)
        assert "no files are taken" not in server.log()
