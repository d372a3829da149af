"""The same as a directory of files, in an S3-compatible store. Needs the extra `s3` (obstore), imported where it is used.

A file is looked at on this machine's disk, goes up whole as an object that is halfway, and leaves the halfway once it has a row:
by a copy within the store, which knows no renaming. Whatever dies in between leaves what the next sweep finds. Nothing is wholly
in memory.
"""

from __future__ import annotations

import io
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, cast

from chatserver.files.keeping import (
    HALFWAY,
    KEY,
    MARKER,
    Elsewhere,
    Outcome,
    Place,
    copied,
    placed,
)
from chatserver.settings.addresses import S3

if TYPE_CHECKING:
    from obstore import ReadableFile
    from obstore.store import S3Store

CHUNK: Final = 8_388_608
"""Bytes of a part; what is smaller goes up in one request."""
BUFFER: Final = 262_144
"""Bytes that a download asks for at once."""
CONNECT_SECONDS: Final = 5
REQUEST_SECONDS: Final = 60
RETRIES: Final = 3
RETRY_SECONDS: Final = 20


class Bucket(Place):
    """`directory`: of this machine, for what is looked at before it goes up. Several nodes share the bucket alone."""

    def __init__(self, where: S3, directory: Path) -> None:
        self._where = where
        self._made: S3Store | None = None
        self.halfway = directory / HALFWAY
        self.shown = where.shown

    @property
    def _store(self) -> S3Store:
        if self._made is None:
            from obstore.store import S3Store

            where = self._where
            at: dict[str, Any] = {"endpoint": where.endpoint} if where.endpoint else {}
            # Who may, is said by the environment, or by the machine's role: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY …
            self._made = S3Store(
                where.bucket,
                prefix=where.prefix or None,
                region=where.region or None,
                client_options={
                    "allow_http": where.endpoint.startswith("http://"),
                    "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
                    "timeout": timedelta(seconds=REQUEST_SECONDS),
                },
                retry_config={"max_retries": RETRIES, "retry_timeout": timedelta(seconds=RETRY_SECONDS)},
                **at,
            )
        return self._made

    # — whose ——————————————————————————————————————————————————————————————————

    def open(self, installation: str) -> None:
        self.halfway.mkdir(mode=0o700, parents=True, exist_ok=True)
        import obstore

        with _as_os_errors():
            with suppress(obstore.exceptions.AlreadyExistsError):
                obstore.put(self._store, MARKER, installation.encode(), mode="create")
            found = self._marker()
        if found != installation:
            raise Elsewhere(
                f"{self.shown} holds the files of another database, or of another state of this one. Set CHATSERVER_FILES_URL to "
                f"this one's. Where it is this one's, delete {MARKER} in it, and start again."
            )

    def _marker(self) -> str:
        import obstore

        return bytes(obstore.get(self._store, MARKER).bytes()).decode("ascii", "replace").strip()

    def hand_over(self, before: str, after: str) -> None:
        import obstore

        with _as_os_errors(), suppress(FileNotFoundError):
            if self._marker() == before:
                obstore.put(self._store, MARKER, after.encode())

    # — halfway and back ———————————————————————————————————————————————————————

    def keep(self, key: str) -> None:
        part = self.halfway / key
        self._send(part, _halfway(key))
        part.unlink()

    def _send(self, part: Path, name: str) -> None:
        """What fails in the middle is taken back by obstore: no half upload stays in the store."""
        import obstore

        with part.open("rb") as file, _as_os_errors():
            obstore.put(self._store, name, file, use_multipart=True, chunk_size=CHUNK, max_concurrency=2)

    def settle(self, key: str) -> None:
        self._keep_here(key)
        self._rename(_halfway(key), _settled(key))

    def _keep_here(self, key: str) -> None:
        """A thumbnail is made on this machine."""
        if (self.halfway / key).exists():
            self.keep(key)

    def unsettle(self, key: str) -> None:
        with suppress(FileNotFoundError):
            self._rename(_settled(key), _halfway(key))

    def _rename(self, source: str, target: str) -> None:
        import obstore

        with _as_os_errors():
            try:
                obstore.copy(self._store, source, target)
            except FileNotFoundError:
                obstore.head(self._store, target)  # it was done before
                return
            obstore.delete(self._store, source)

    def drop(self, key: str) -> None:
        import obstore

        (self.halfway / key).unlink(missing_ok=True)
        with _as_os_errors(), suppress(FileNotFoundError):
            obstore.delete(self._store, _halfway(key))

    def left_behind(self, seconds: float) -> Iterator[str]:
        import obstore

        self._forget_parts(seconds)
        with _as_os_errors():
            for page in obstore.list(self._store, f"{HALFWAY}/"):
                for found in page:
                    name = found["path"].rpartition("/")[2]
                    if KEY.fullmatch(name) and time.time() - found["last_modified"].timestamp() > seconds:
                        yield name

    def _forget_parts(self, seconds: float) -> None:
        """What lies on this machine never got as far as to have a row."""
        for part in self.halfway.iterdir():
            with suppress(FileNotFoundError):
                if time.time() - part.stat().st_mtime > seconds:
                    part.unlink()

    # — the bytes ——————————————————————————————————————————————————————————————

    def read(self, key: str) -> IO[bytes]:
        with _as_os_errors():
            try:
                return self._reader(_settled(key))
            except FileNotFoundError:
                return self._reader(_halfway(key))  # a row was written, and its process died

    def _reader(self, name: str) -> IO[bytes]:
        import obstore

        return cast("IO[bytes]", _Object(obstore.open_reader(self._store, name, buffer_size=BUFFER)))

    def size(self, key: str) -> int | None:
        import obstore

        for name in (_settled(key), _halfway(key)):
            with _as_os_errors(), suppress(FileNotFoundError):
                return int(obstore.head(self._store, name)["size"])
        return None

    @contextmanager
    def at_hand(self, key: str) -> Iterator[Path]:
        """A copy of it that is gone afterwards."""
        here = self.halfway / secrets.token_hex(16)
        try:
            copied(lambda: self.read(key), here, None)
            yield here
        finally:
            here.unlink(missing_ok=True)

    def put_back(
        self, source: Callable[[], IO[bytes]], key: str, size: int | None, sha256: str = ""
    ) -> Outcome:
        if (there := self.size(key)) is not None and size in (None, there):
            return "there"
        here = self.halfway / secrets.token_hex(16)
        try:
            outcome = copied(source, here, size, sha256)
            if outcome == "copied":
                self._send(here, _settled(key))
            return outcome
        finally:
            here.unlink(missing_ok=True)

    def holds(self, directory: Path) -> bool:
        return False


class _Object(io.RawIOBase):
    """An object as a file that is read."""

    def __init__(self, reader: ReadableFile) -> None:
        self._reader = reader
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        with _as_os_errors():
            piece = bytes(self._reader.read(size if size >= 0 else None))
        self._at += len(piece)
        return piece

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Where it is already it stays: else what the reader holds for the next piece would be asked for once more."""
        wanted = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._reader.size}[whence]
        if wanted != self._at:
            with _as_os_errors():
                self._reader.seek(wanted)
            self._at = wanted
        return wanted

    def close(self) -> None:
        if not self.closed:
            self._reader.close()
        super().close()


def _settled(key: str) -> str:
    return placed(Path(), key).as_posix()


def _halfway(key: str) -> str:
    return f"{HALFWAY}/{key}"


@contextmanager
def _as_os_errors() -> Iterator[None]:
    """Whatever the store does not do is an OSError, as of a disk. Its words may quote what was asked: they go no further."""
    from obstore.exceptions import BaseError

    try:
        yield
    except BaseError as problem:
        raise OSError(None, f"the store says {type(problem).__name__}") from problem
