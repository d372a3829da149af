"""A bucket keeps files as a directory does: the same contract, and what only a network can do wrong."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from chatserver.core.files import MIB
from chatserver.files import bucket as buckets
from chatserver.files.bucket import Bucket
from chatserver.files.copies import Copies
from chatserver.files.keeping import MARKER, THUMBNAIL, Elsewhere, Keeping, Part, Place
from chatserver.files.threads import Threads
from chatserver.services import copying, talk
from chatserver.services import files as services
from chatserver.services.downloads import Downloads
from chatserver.services.files import Files
from chatserver.settings import addresses
from chatserver.store import files as rows
from chatserver.store.database import Database
from tests.files.making import png
from tests.harness.s3 import BUCKET, ENVIRONMENT, S3Server, s3_server
from tests.harness.server import ROOT
from tests.harness.waiting import soon
from tests.services.scene import Scene, database_scene, new_cid, refused
from tests.services.test_files import ANA, UP, pieces

CONTENT = b"no era el error sino la factura " * 100


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("moto")) as made:
        yield made


@pytest.fixture(autouse=True)
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def bucket_in(server: S3Server, directory: Path) -> Bucket:
    return Bucket(addresses.s3(server.url), directory)


@pytest.fixture(params=["directory", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "directory":
        made: Place = Keeping(tmp_path / "files")
    else:
        where: S3Server = request.getfixturevalue("server")
        where.begin_anew()
        made = bucket_in(where, tmp_path / "here")
    made.open("uno")
    return made


def kept(place: Place, content: bytes = CONTENT) -> str:
    part = Part(place)
    part.open()
    try:
        part.write(content)
        part.sync()
        place.keep(part.key)
        part.stays()
    finally:
        part.close()
    return part.key


def read(place: Place, key: str) -> bytes:
    with place.read(key) as file:
        return file.read()


# — the contract ———————————————————————————————————————————————————————————————


def test_what_is_kept_is_read_before_and_after_it_is_settled(place: Place) -> None:
    key = kept(place)
    assert (read(place, key), place.size(key)) == (CONTENT, len(CONTENT))
    for _ in range(2):
        place.settle(key)
        assert (read(place, key), place.size(key)) == (CONTENT, len(CONTENT))
    assert list(place.left_behind(-1)) == []
    with place.at_hand(key) as here:
        assert here.read_bytes() == CONTENT


def test_a_part_of_it_can_be_read(place: Place) -> None:
    key = kept(place, bytes(range(256)) * 10_000)
    place.settle(key)
    with place.read(key) as file:
        file.seek(1_000_001)
        assert file.read(3) == bytes([65, 66, 67])


def test_what_was_left_halfway_is_found_and_dropped(place: Place) -> None:
    key = kept(place)
    assert list(place.left_behind(3_600)) == []
    assert list(place.left_behind(-1)) == [key]
    for _ in range(2):
        place.drop(key)
    assert list(place.left_behind(-1)) == []
    assert place.size(key) is None
    with pytest.raises(FileNotFoundError):
        place.read(key)
    with pytest.raises(FileNotFoundError):
        place.settle(key)


def test_what_is_settled_goes_by_way_of_the_halfway(place: Place) -> None:
    key = kept(place)
    place.settle(key)
    place.unsettle(key)
    place.unsettle(key)
    assert list(place.left_behind(-1)) == [key]
    assert read(place, key) == CONTENT
    place.drop(key)
    assert place.size(key) is None


def test_a_thumbnail_made_here_is_settled_beside_its_picture(place: Place) -> None:
    key = kept(place)
    place.settle(key)
    (place.halfway / (key + THUMBNAIL)).write_bytes(b"small")
    place.settle(key + THUMBNAIL)
    assert read(place, key + THUMBNAIL) == b"small"


def test_one_installation_has_it_and_may_hand_it_over(place: Place) -> None:
    with pytest.raises(Elsewhere, match=MARKER):
        place.open("dos")
    place.hand_over("tres", "dos")
    place.open("uno")
    place.hand_over("uno", "dos")
    place.open("dos")


def test_what_comes_from_copies_is_compared_and_put_where_it_belongs(place: Place) -> None:
    key = kept(place, b"")
    place.drop(key)
    sha = "0" * 64
    assert place.put_back(lambda: io.BytesIO(CONTENT), key, len(CONTENT), sha) == "damaged"
    assert place.put_back(lambda: io.BytesIO(CONTENT[1:]), key, len(CONTENT)) == "damaged"
    assert place.size(key) is None
    assert place.put_back(lambda: io.BytesIO(CONTENT), key, len(CONTENT)) == "copied"
    assert place.put_back(lambda: io.BytesIO(b""), key, len(CONTENT)) == "there"
    assert read(place, key) == CONTENT


@pytest.mark.parametrize("key", ["../../etc/passwd", "INSTALLATION", "", "a" * 63, "A" * 64])
def test_only_keys_lead_anywhere(place: Place, key: str) -> None:
    with pytest.raises(ValueError, match="no key"):
        place.read(key)


# — a network is in between ————————————————————————————————————————————————————


@pytest.fixture
def bucket(server: S3Server, tmp_path: Path) -> Bucket:
    server.begin_anew()
    made = bucket_in(server, tmp_path / "here")
    made.open("uno")
    return made


def test_a_large_file_goes_up_and_comes_back_in_pieces(bucket: Bucket, server: S3Server) -> None:
    content = bytes(range(256)) * 4_096 * 20
    key = kept(bucket, content)
    bucket.settle(key)
    assert read(bucket, key) == content
    assert server.names() == sorted([MARKER, f"{key[:2]}/{key[2:4]}/{key}"])
    assert list(bucket.halfway.iterdir()) == [], "nothing of it stays here"


def test_a_large_file_is_never_in_memory_as_a_whole(server: S3Server, bucket: Bucket, tmp_path: Path) -> None:
    size = 96
    program = f"""
        import resource, secrets
        from pathlib import Path
        from chatserver.settings import addresses
        from chatserver.files.bucket import Bucket
        def most(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        place = Bucket(addresses.s3({server.url!r}), Path({str(tmp_path / "here")!r}))
        def kept(mib):
            key = secrets.token_hex(32)
            with (place.halfway / key).open("wb") as file:
                for _ in range(mib): file.write(bytes(2**20))
            place.keep(key)
            place.settle(key)
            with place.read(key) as file:
                for _ in range(64): file.read(65_536)
        kept(1)
        before = most()
        kept({size})
        print(most() - before)
    """
    told = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert int(told.stdout) < size * 0.6


def test_an_upload_that_breaks_off_leaves_nothing_there(
    bucket: Bucket, server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = kept(bucket, b"")
    bucket.drop(key)
    (bucket.halfway / key).write_bytes(bytes(30 * MIB))
    opened = Path.open

    class Failing(io.FileIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 20 * MIB:
                raise OSError(5, "Input/output error")
            return super().read(-1 if size is None else size)

    monkeypatch.setattr(
        Path, "open", lambda path, *how: Failing(path) if path.name == key else opened(path, *how)
    )
    with pytest.raises(OSError, match="Input/output error"):
        bucket.keep(key)
    assert server.half_uploads() == 0
    assert server.names() == [MARKER]


def test_a_store_that_is_away_is_an_error_of_the_disks_kind_and_says_no_secret(
    bucket: Bucket, server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = kept(bucket)
    server.stop()
    monkeypatch.setattr(buckets, "RETRIES", 0)
    bucket._made = None
    for do in (
        lambda: bucket.open("uno"),
        lambda: bucket.read(key),
        lambda: bucket.size(key),
        lambda: bucket.settle(key),
        lambda: bucket.drop(key),
        lambda: list(bucket.left_behind(0)),
        lambda: kept(bucket),
    ):
        with pytest.raises(OSError, match="the store says") as met:
            do()
        assert "127.0.0.1" not in str(met.value)
    server.start()


# — the services on it —————————————————————————————————————————————————————————


class Desk:
    def __init__(self, scene: Scene, place: Bucket) -> None:
        self.scene = scene
        assert isinstance(scene.house.store, Database)
        self.db = scene.house.store
        self.place = place
        self.threads = Threads()
        self.files = Files(scene.house, self.db, place, self.threads, uploads_per_minute=1000)
        self.downloads = Downloads(
            scene.house, self.db, self.files, place, self.threads, secret="s" * 32, seconds=300
        )  # fmt: skip


@pytest.fixture
async def desk(tmp_path: Path, bucket: Bucket) -> AsyncIterator[Desk]:
    async with database_scene(tmp_path / "chat.db") as scene:
        await scene.app()
        await scene.agent()
        made = Desk(scene, bucket)
        bucket.hand_over("uno", services.installation(made.db.secret, made.db.epoch))
        async with made.files:
            yield made
        made.threads.end()


async def test_a_picture_is_taken_said_given_and_has_its_thumbnail(desk: Desk, server: S3Server) -> None:
    content = png(700, 900)
    file = await desk.files.take(UP, new_cid(), "a.png", pieces(content))
    await desk.files._pictures.join()
    ticket = await desk.scene.start(ANA)
    seq = await talk.say(desk.scene.house, ANA, ticket.id, new_cid(), "", [file.id])
    (link,), _ = await desk.downloads.links(ticket, seq, "x")
    for url, wanted in ((link.url, content), (link.thumbnail, b"RIFF")):
        of, stored = await desk.downloads.linked(url.removeprefix("/files/"))
        async with desk.downloads.reading(of, stored) as reading:
            got = b"".join([piece async for piece in reading.pieces(0, reading.size)])
        assert got.startswith(wanted)
    assert len(server.names()) == 3


async def test_the_bytes_are_in_the_store_before_the_database_knows_them(
    desk: Desk, server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    add, found = rows.add, list[str]()

    async def watched(*given: Any, **how: Any) -> None:
        found.extend(server.names())
        await add(*given, **how)

    monkeypatch.setattr(rows, "add", watched)
    await desk.files.take(UP, new_cid(), "a.txt", pieces(CONTENT))
    assert [name for name in found if name.startswith("halfway/")]


async def test_what_nobody_used_and_what_died_halfway_is_forgotten(
    desk: Desk, server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.files.take(UP, new_cid(), "a.txt", pieces(CONTENT))
    lost = kept(desk.place)
    monkeypatch.setattr(services, "HALFWAY_SECONDS", -1)
    await desk.files.sweep()
    assert lost not in " ".join(server.names())
    assert len(server.names()) == 2
    desk.scene.clock.pass_seconds(2 * 86_400)
    await desk.files.sweep()
    assert server.names() == [MARKER]


async def test_backups_copy_out_of_it_and_put_back_into_it(
    desk: Desk, server: S3Server, tmp_path: Path
) -> None:
    file = await desk.files.take(UP, new_cid(), "a.txt", pieces(CONTENT))
    ticket = await desk.scene.start(ANA)
    await talk.say(desk.scene.house, ANA, ticket.id, new_cid(), "", [file.id])
    stored = (await rows.by_ids(desk.db, [file.id]))[file.id]
    copies, done = Copies(tmp_path / "copies"), list[int]()
    assert (await copying.copy_out(desk.db, desk.place, copies, done.append)).copied == 1
    assert done == [len(CONTENT)]
    desk.place.unsettle(stored.key)
    desk.place.drop(stored.key)
    assert (await copying.put_back(desk.db, desk.place, None, done.append)).missing == 1
    assert (await copying.put_back(desk.db, desk.place, copies, done.append)).copied == 1
    assert read(desk.place, stored.key) == CONTENT
    assert list(desk.place.halfway.iterdir()) == []


async def test_the_same_sent_twice_at_once_is_kept_once(desk: Desk, server: S3Server) -> None:
    cid = new_cid()
    one, two = await asyncio.gather(*(desk.files.take(UP, cid, "a.txt", pieces(CONTENT)) for _ in range(2)))
    assert one == two
    assert len(server.names()) == 2


async def test_while_the_store_is_away_files_are_refused_and_it_is_tried_again(
    tmp_path: Path, bucket: Bucket, server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buckets, "RETRIES", 0)
    monkeypatch.setattr(services, "AGAIN_OPEN_SECONDS", 0.1)
    bucket._made = None
    server.stop()
    async with database_scene(tmp_path / "chat.db") as scene:
        await scene.app()
        desk = Desk(scene, bucket)
        async with desk.files:
            assert BUCKET in desk.files.problem
            with refused("files_unavailable"):
                await desk.files.take(UP, new_cid(), "a.txt", pieces(CONTENT))
            await asyncio.to_thread(server.start)
            await soon(lambda: not desk.files.problem, "it is there again")
            file = await desk.files.take(UP, new_cid(), "a.txt", pieces(CONTENT))
            assert (await rows.by_ids(desk.db, [file.id]))[file.id].sha256
            await asyncio.to_thread(server.stop)
            with refused("files_unavailable"):
                await desk.files.take(UP, new_cid(), "a.txt", pieces(CONTENT))
            await asyncio.to_thread(server.start)
        desk.threads.end()
