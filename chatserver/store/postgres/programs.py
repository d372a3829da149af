"""PostgreSQL's own programs for copies: where they are, and how they are told of a database without showing its password."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from chatserver.store.database import DatabaseUnusable

DEBIAN: Final = Path("/usr/lib/postgresql")
"""Below it Debian keeps each version's programs; those on the PATH are the newest one's."""
LOOK_SECONDS: Final = 0.2
"""How often it is looked how far a program has read."""
LINES_KEPT: Final = 1_000
"""Of what a program says of its work; what it complained about are the last ones."""
# What libpq reads in a URL; asyncpg takes everything else for a setting of the session.
_LIBPQ: Final = frozenset(
    {
        "host",
        "port",
        "user",
        "dbname",
        "passfile",
        "connect_timeout",
        "target_session_attrs",
        "sslmode",
        "sslcert",
    }
    | {"sslkey", "sslpassword", "sslrootcert", "sslcrl", "gssencmode", "krbsrvname", "gsslib"}
    | {"ssl_min_protocol_version", "ssl_max_protocol_version", "channel_binding", "keepalives_idle"}
)


class NoProgram(DatabaseUnusable):
    """It is not installed, or too old for this. The message is a sentence."""


class Programs(NamedTuple):
    """All of one release, since they read what the others write."""

    pg_dump: str
    pg_restore: str
    psql: str


def found(least: int) -> Programs:
    """For a server of PostgreSQL `least`: the same release or a newer one. Raises NoProgram."""
    newest = 0
    for directory in places(*Programs._fields):
        programs = Programs(*(str(directory / name) for name in Programs._fields))
        release = _release(programs.pg_dump)
        if release >= least:
            return programs
        newest = max(newest, release)
    if newest:
        raise NoProgram(
            f"pg_dump and pg_restore here are of PostgreSQL {newest}, too old for a server of {least}: "
            f"install postgresql-client-{least} or a newer one."
        )
    raise NoProgram(
        "pg_dump, pg_restore and psql are needed, and not all of them are on the PATH: install postgresql-client."
    )


def places(*names: str) -> list[Path]:
    """The directories that have all of these programs of PostgreSQL's: the one on the PATH, then Debian's, newest first."""
    on_path = shutil.which(names[0])
    debians = sorted(DEBIAN.glob("*/bin"), key=lambda place: float(place.parent.name), reverse=True)
    candidates = ([Path(on_path).parent] if on_path else []) + debians
    return [place for place in candidates if all(os.access(place / name, os.X_OK) for name in names)]


def _release(program: str) -> int:
    number = re.search(r"\) (\d+)", run([program, "--version"]).stdout)
    return int(number[1]) if number else 0


def run(
    command: list[str], environment: dict[str, str] | None = None, stdout: IO[bytes] | int = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    """To its end, with nothing to read; what it says is text, unless `stdout` takes it."""
    return subprocess.run(  # noqa: S603 - a program found here, and no shell
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def read(
    command: list[str],
    file: Path,
    at: Callable[[int], object],
    stdout: IO[bytes] | int = subprocess.DEVNULL,
) -> subprocess.CompletedProcess[str]:
    """Like `run`, of a program that reads `file` from its standard input; `at` hears now and then up to which byte it has."""
    with (
        file.open("rb", buffering=0) as source,
        subprocess.Popen(  # noqa: S603 - a program found here, and no shell
            command, stdin=source, stdout=stdout, stderr=subprocess.PIPE, encoding="utf-8", errors="replace"
        ) as process,
    ):
        while True:
            try:
                _, said = process.communicate(timeout=LOOK_SECONDS)
                return subprocess.CompletedProcess(command, process.returncode, "", said)
            except subprocess.TimeoutExpired:
                at(source.tell())  # the place in an open file is one for all who have it
            except BaseException:
                process.kill()
                raise


def hear(
    command: list[str], environment: dict[str, str], line_came: Callable[[str], object]
) -> subprocess.CompletedProcess[str]:
    """Like `run`, of a program that says on its standard error what it does; `line_came` gets each when it comes. In English,
    wherever this is."""
    with subprocess.Popen(  # noqa: S603 - a program found here, and no shell
        command,
        env=environment | {"LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    ) as process:
        said: deque[str] = deque(maxlen=LINES_KEPT)
        try:
            for line in process.stderr or ():
                said.append(line)
                line_came(line)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, "", "".join(said))


def start(
    command: list[str], stdin: int, stderr: IO[bytes], environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    """Running, and reading from the descriptor `stdin`."""
    return subprocess.Popen(  # noqa: S603 - a program found here, and no shell
        command, stdin=stdin, stdout=subprocess.DEVNULL, stderr=stderr, env=environment
    )


class Address(NamedTuple):
    """A database for libpq: its URL without a password, for a command line, and what its environment has to say besides."""

    url: str
    environment: dict[str, str]


def address(url: str, name: str) -> Address:
    """`url`: as asyncpg takes it. `name`: what the database's administrator sees who is there."""
    parts = urlsplit(url)
    people, at, hosts = parts.netloc.rpartition("@")
    user, _, password = people.partition(":")
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    password = given.pop("password", "") or unquote(password)
    known = {key: value for key, value in given.items() if key in _LIBPQ}
    session = {key: value for key, value in given.items() if key not in _LIBPQ}
    environment = os.environ | {"PGAPPNAME": name}
    if password:
        environment["PGPASSWORD"] = password
    if session:
        environment["PGOPTIONS"] = " ".join(f"-c {key}={_escaped(value)}" for key, value in session.items())
    plain = parts._replace(netloc=f"{user}{at}{hosts}", query=urlencode(known))
    return Address(plain.geturl(), environment)


def _escaped(value: str) -> str:
    return re.sub(r"([\\\s])", r"\\\1", value)
