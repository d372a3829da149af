"""The commands: what they make, what they print, and one sentence instead of a traceback."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from chatserver.bus.local import LocalBus
from chatserver.cli.main import main
from chatserver.core.people import App
from chatserver.demo.scene import Demo, prepare
from chatserver.services.accounts import Accounts
from chatserver.settings import Settings
from chatserver.store import people
from chatserver.store.database import Database
from chatserver.store.sqlite.lock import Lock
from tests.harness.server import free_port
from tests.web.conftest import PASSWORD, Clock, settings_in


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root = logging.root
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before[0], before[1]


def command(directory: Path, *arguments: str, stdin: str | bytes = "", **environ: str) -> Result:
    environment = {
        "CHATSERVER_DATA_DIR": str(directory),
        "CHATSERVER_PORT": None,
        "PORT": None,
        **environ,
    }
    return CliRunner().invoke(main, arguments, input=stdin, env=environment, catch_exceptions=False)


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A data directory with a database that nothing is in."""
    assert command(tmp_path, "migrate").exit_code == 0
    return tmp_path


async def prepared_twice(settings: Settings, *changes: Settings) -> list[Demo]:
    made = []
    for current in (settings, *changes):
        db = await Database.open(current.database_path, clock=Clock(), committed=lambda events: None)
        try:
            made.append(await prepare(db, current, Clock()))
        finally:
            await db.close()
    return made


def no_app(key: str) -> App:
    raise LookupError(key)


def stored(settings: Settings) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    async def read() -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
        db = await Database.open(settings.database_path, clock=Clock(), committed=lambda events: None)
        try:
            apps = [(a.id, a.key, a.origins, a.secret) for a in await people.apps(db, settings.policy)]
            return list(apps), [(a.id, a.email, a.name, a.app_ids) for a in await people.agents(db)]
        finally:
            await db.close()

    return asyncio.run(read())


def test_the_demo_has_two_apps_and_two_agents_who_attend_both(settings: Settings) -> None:
    apps, agents = stored(settings)
    assert [app[1] for app in apps] == ["demo", "horario"]
    assert [agent[1:] for agent in agents] == [
        ("ana@demo.test", "Ana Ríos", (1, 2)),
        ("luis@demo.test", "Luis Pardo", (1, 2)),
    ]


def test_the_second_demo_keeps_everything(settings: Settings) -> None:
    before = stored(settings)
    asyncio.run(prepared_twice(settings, settings))
    assert stored(settings) == before


def test_a_password_is_made_up_once_and_kept_for_its_owner(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "var", CHATSERVER_DEMO_PASSWORD="")
    first, second = asyncio.run(prepared_twice(settings, settings))
    assert first == second
    file = tmp_path / "var" / "demo-password"
    assert file.read_text().strip() == first.password
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert first.password.encode() not in settings.database_path.read_bytes()


def test_another_demo_password_is_the_one_that_signs_in(settings: Settings, tmp_path: Path) -> None:
    changed = replace(settings, demo_password="another-password")

    async def sign_in() -> str:
        await prepared_twice(changed)
        db = await Database.open(changed.database_path, clock=Clock(), committed=lambda events: None)
        try:
            accounts = Accounts(db, LocalBus(), changed, secret="s" * 40, find_app=no_app, clock=Clock())
            _, session = await accounts.sign_in("ana@demo.test", "another-password", "127.0.0.1")
            return session.name
        finally:
            await db.close()

    assert asyncio.run(sign_in()) == "Ana Ríos"


def test_the_demo_follows_a_changed_port(settings: Settings) -> None:
    asyncio.run(prepared_twice(replace(settings, port=8123)))
    apps, _ = stored(settings)
    assert apps[0][2] == ("http://localhost:8123", "http://127.0.0.1:8123")


def test_a_busy_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for name in ("serve", "demo"):
            result = command(tmp_path, name, PORT=port)
            assert result.exit_code == 1
            assert f"port {port}" in result.output
            assert result.output.count("\n") == 1


@pytest.mark.parametrize("arguments", [("serve",), ("demo",), ("migrate",)])
def test_a_database_in_use_is_one_sentence(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    port = str(free_port())
    lock = Lock(tmp_path / "chatserver.db")
    try:
        result = command(tmp_path, *arguments, PORT=port)
    finally:
        lock.release()
    assert result.exit_code == 1
    assert "in use by another process" in result.output
    assert "Traceback" not in result.output


def test_looking_works_beside_a_running_server(settings: Settings) -> None:
    async def look() -> list[Result]:
        db = await Database.open(settings.database_path, clock=Clock(), committed=lambda events: None)
        try:
            commands = (
                ("app", "list"),
                ("agent", "list"),
                ("csp", "demo"),
                ("doctor", "a.b.c", "--app", "demo"),
            )
            return [await asyncio.to_thread(command, settings.data_dir, *words) for words in commands]
        finally:
            await db.close()

    listed, agents, policy, doctor = asyncio.run(look())
    assert [line.split("\t")[0] for line in listed.output.splitlines()] == ["demo", "horario"]
    assert agents.output.splitlines()[0] == "ana@demo.test\tAna Ríos\tdemo horario"
    assert policy.output.startswith("Content-Security-Policy: ")
    assert "no JWT" in doctor.output


def test_looking_makes_no_database(tmp_path: Path) -> None:
    result = command(tmp_path, "app", "list")
    assert result.exit_code == 1
    assert "`chatserver migrate` makes it" in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [("serve",), ("demo",), ("migrate",), ("app", "list")])
def test_a_database_of_a_newer_release_is_one_sentence(
    settings: Settings, arguments: tuple[str, ...]
) -> None:
    with closing(sqlite3.connect(settings.database_path)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    result = command(settings.data_dir, *arguments, PORT=str(free_port()))
    assert result.exit_code == 1
    assert "newer release" in result.output
    assert result.output.count("\n") == 1


@pytest.mark.parametrize("arguments", [("serve",), ("migrate",), ("app", "list")])
def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "chatserver.db").write_text("Querido diario: " * 100)
    result = command(tmp_path, *arguments, PORT=str(free_port()))
    assert result.exit_code == 1
    assert "cannot be used: file is not a database. Put a copy back, which keeps it beside" in result.output
    assert "Traceback" not in result.output


def test_a_place_where_nothing_can_be_made_is_one_sentence_with_what_to_do() -> None:
    result = command(Path("/proc/nowhere"), "serve", PORT=str(free_port()))
    assert result.exit_code == 1
    assert "Set CHATSERVER_DATA_DIR to a directory that this user may write" in result.output
    assert result.output.count("\n") == 1


def test_bad_settings_are_listed_and_nothing_starts(tmp_path: Path) -> None:
    result = command(tmp_path / "var", "serve", PORT="x", CHATSERVER_LOG_LEVEL="y")
    assert result.exit_code == 1
    assert len(result.output.splitlines()) == 2
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("app", "list"),
        ("app", "add", "Tienda", "--origin", "https://tienda.test"),
        ("app", "set", "tienda", "--name", "Otra"),
        ("app", "company", "tienda", "Acme", "--add", "ana@acme.test"),
        ("agent", "add", "eva@tienda.test", "--app", "tienda", "--generate"),
        ("agent", "password", "eva@tienda.test", "--generate"),
        ("agent", "disable", "eva@tienda.test"),
    ],
)
def test_a_command_in_the_wrong_directory_says_that_there_is_no_database_and_makes_none(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    result = command(tmp_path / "var", *words)
    assert result.exit_code == 1
    assert result.output.splitlines()[-1].startswith(
        f"There is no database at {tmp_path}/var/chatserver.db yet: `chatserver migrate` makes it."
    )
    assert not (tmp_path / "var").exists()


def test_an_app_is_added_with_the_line_to_embed_and_listed(empty: Path) -> None:
    result = command(empty, "app", "add", "Tienda", "--origin", "https://tienda.test")
    assert result.exit_code == 0, result.output
    key = re.search(r'data-app="(\w+)"', result.output)
    assert key
    assert (
        f'<script async src="http://127.0.0.1:8000/widget.js" data-app="{key[1]}"></script>' in result.output
    )
    assert f"{key[1]}\tTienda\thttps://tienda.test" in command(empty, "app", "list").output


def test_a_new_app_has_office_hours_unless_it_is_always_open(settings: Settings) -> None:
    command(settings.data_dir, "migrate")
    for key, more in (("office", ()), ("round-the-clock", ("--always",))):
        origin = ("--origin", "https://tienda.test")
        assert command(settings.data_dir, "app", "add", "Tienda", "--key", key, *origin, *more).exit_code == 0

    async def read() -> dict[str, bool]:
        db = await Database.open(settings.database_path, clock=Clock(), committed=lambda events: None)
        try:
            return {
                app.key: json.loads(app.schedule)["always"] for app in await people.apps(db, settings.policy)
            }
        finally:
            await db.close()

    always = asyncio.run(read())
    assert (always["office"], always["round-the-clock"]) == (False, True)


@pytest.mark.parametrize(
    ("origin", "why"),
    [
        ("tienda.test", "it has to begin with https:// or http://"),
        ("ftp://tienda.test", "it has to begin with https:// or http://"),
        ("https://tienda.test/", "no slash at its end, write https://tienda.test."),
        (
            "https://tienda.test/caja?x=1",
            "ends before the path, and has no slash at its end, write https://tienda.test.",
        ),
        ("https://tienda.test:443", "the scheme's usual port out, write https://tienda.test."),
        ("http://Tienda.test:80", "the scheme's usual port out, write http://tienda.test."),
        ("https://*.tienda.test", "no wildcard"),
        ("https://A.test", "in small letters, write https://a.test."),
        ("https://ñandú.test", "other letters as xn--…"),
        ("https://", "it has to begin with"),
    ],
)
def test_an_origin_that_is_none_is_refused_with_what_is_wrong(tmp_path: Path, origin: str, why: str) -> None:
    result = command(tmp_path, "app", "add", "Tienda", "--origin", origin)
    assert result.exit_code == 1
    assert f"{origin!r} is no origin" in result.output
    assert why in result.output


@pytest.mark.parametrize("key", ["a b", "a/b", ".canary", "ñ", "", "x" * 65, "-a"])
def test_a_key_that_cannot_stand_in_an_address_is_refused(empty: Path, key: str) -> None:
    result = command(empty, "app", "add", "Tienda", "--origin", "https://t.test", "--key", key or " ")
    assert result.exit_code == 1
    assert "cannot be a key" in result.output


@pytest.mark.parametrize(
    ("name", "words"), [("", "needs a name"), ("  ", "needs a name"), ("x" * 101, "at most 100")]
)
def test_an_app_without_a_name_or_with_an_endless_one_is_refused(empty: Path, name: str, words: str) -> None:
    result = command(empty, "app", "add", name, "--origin", "https://t.test", "--key", "t")
    assert (result.exit_code, words in result.output) == (1, True), result.output
    command(empty, "app", "add", "Tienda", "--origin", "https://t.test", "--key", "t")
    changed = command(empty, "app", "set", "t", "--name", name)
    assert (changed.exit_code, words in changed.output) == (1, True), changed.output


def test_a_password_comes_from_the_standard_input_where_there_is_no_terminal(empty: Path) -> None:
    command(empty, "app", "add", "Tienda", "--origin", "https://tienda.test", "--key", "tienda")
    add = ("agent", "add", "eva@tienda.test", "--name", "Eva", "--app", "tienda")
    result = command(empty, *add)
    assert result.exit_code == 1
    assert result.output.splitlines()[-1].startswith("No password was given")
    assert command(empty, *add, stdin=f"{PASSWORD}\n").exit_code == 0


def test_an_agent_is_added_once_and_given_another_password(empty: Path) -> None:
    command(empty, "app", "add", "Tienda", "--origin", "https://tienda.test", "--key", "tienda")
    add = ("agent", "add", "eva@tienda.test", "--name", "Eva", "--app", "tienda")
    result = command(empty, *add, stdin=f"{PASSWORD}\n{PASSWORD}\n")
    assert result.exit_code == 0, result.output
    assert PASSWORD not in result.output
    assert "taken" in command(empty, *add, "--generate").output
    generated = command(empty, "agent", "password", "EVA@tienda.test", "--generate")
    assert re.search(r"password  \S{16}", generated.output)
    assert "no agent" in command(empty, "agent", "password", "x@tienda.test", "--generate").output
    assert "at least 8" in command(empty, "agent", "password", "eva@tienda.test", stdin="a\na\n").output
    assert "no app" in command(empty, "agent", "add", "b@x.test", "--app", "nobody", "--generate").output


def test_the_hosts_policy_names_one_origin(settings: Settings) -> None:
    result = command(settings.data_dir, "csp", "demo", CHATSERVER_PUBLIC_URL="https://chat.example.com")
    assert result.output.strip().splitlines()[-1] == (
        "Content-Security-Policy: script-src https://chat.example.com; "
        "connect-src https://chat.example.com; frame-src https://chat.example.com"
    )


def test_the_doctor_says_why_a_token_fails(settings: Settings) -> None:
    result = command(settings.data_dir, "doctor", "a.b.c", "--app", "demo")
    assert result.exit_code == 1
    assert "no JWT" in result.output
    assert command(settings.data_dir, "doctor", "-", "--app", "demo", stdin="a.b.c\n").exit_code == 1


@pytest.mark.parametrize(
    ("token", "hint"),
    [
        ("a.b", "this has 2: it may be cut."),
        ("Bearer a.b.c", "without quotes, blanks or the word Bearer"),
        ("'a.b.c'", "without quotes"),
        ("a.b.c", "Its first part is no header"),
        ("eyJhbGciOiJSUzI1NiJ9.e30.c2ln", "Its header says alg 'RS256': sign with HS256"),
        ("eyJhbGciOiJub25lIn0.e30.", "Its header says alg 'none'"),
        ("W10.e30.c2ln", "Its first part is no header"),
        ("\N{LATIN SMALL LETTER N WITH TILDE}.e30.c2ln", "Its first part is no header"),
        ("eyJhbGciOiJIUzI1NiJ9.W10.c2ln", ""),
    ],
)
def test_the_doctor_says_what_is_the_matter_with_a_token_that_cannot_be_read(
    settings: Settings, token: str, hint: str
) -> None:
    result = command(settings.data_dir, "doctor", token, "--app", "demo")
    assert result.exit_code == 1
    assert hint in " ".join(result.output.split())


def test_help_imports_nothing_that_takes_time() -> None:
    code = (
        "import sys, json; from chatserver.cli.main import main; "
        "main(['--help'], standalone_mode=False); "
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    loaded = set(json.loads(output.splitlines()[-1]))
    assert not loaded & {"starlette", "sqlalchemy", "uvicorn", "jinja2", "alembic", "argon2", "msgspec"}
