"""`chatserver agent …`: what an administrator writes is what holds, and what cannot be is a sentence."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from chatserver.settings import Settings
from tests.web.conftest import PASSWORD
from tests.web.test_app_settings import facts
from tests.web.test_command_line import command, logging_as_it_was, prepared_twice

__all__ = ["logging_as_it_was"]

UNKNOWN = "There is no agent with that e-mail address; `chatserver agent list` shows all."


@pytest.fixture
def tienda(tmp_path: Path) -> Path:
    """Two apps; Eva attends the first, Leo both."""
    command(tmp_path, "migrate")
    for key in ("tienda", "taller"):
        assert (
            command(tmp_path, "app", "add", key, "--key", key, "--origin", f"https://{key}.test").exit_code
            == 0
        )
    for name, apps in (("eva", ["tienda"]), ("leo", ["tienda", "taller"])):
        keys = [part for app in apps for part in ("--app", app)]
        added = command(tmp_path, "agent", "add", f"{name}@t.test", *keys, stdin=f"{PASSWORD}\n{PASSWORD}\n")
        assert added.exit_code == 0, added.output
    return tmp_path


def done(directory: Path, *words: str) -> str:
    result = command(directory, "agent", *words)
    assert result.exit_code == 0, result.output
    return result.stdout


def rows(directory: Path) -> list[tuple[object, ...]]:
    """All that is stored of agents and what they attend."""
    with closing(sqlite3.connect(directory / "chatserver.db")) as database:
        found = database.execute("SELECT * FROM agents").fetchall()
        return found + database.execute("SELECT * FROM agent_apps ORDER BY 1, 2").fetchall()


def test_all_of_an_agent_can_be_changed_and_what_is_not_named_stays(tienda: Path) -> None:
    first = {
        "e-mail": ["eva@t.test"],
        "name": ["eva@t.test"],
        "apps": ["tienda"],
        "capacity": ["4 chats at once"],
        "sign-in": ["yes"],
    }
    assert facts(done(tienda, "show", "EVA@t.test ")) == first
    for options, label, value in (
        (("--name", " Eva  Ruiz "), "name", "Eva Ruiz"),
        (("--capacity", "7"), "capacity", "7 chats at once"),
        (("--app", "taller"), "apps", "taller"),
        (("--app", "taller", "--app", "tienda"), "apps", "tienda taller"),
    ):
        first |= {label: [value]}
        assert facts(done(tienda, "set", "eva@t.test", *options)) == first
    assert facts(done(tienda, "show", "leo@t.test"))["apps"] == ["tienda taller"]


def test_who_is_disabled_is_listed_as_such_until_they_are_let_in_again(tienda: Path) -> None:
    assert done(tienda, "disable", "eva@t.test") == (
        "eva@t.test is disabled: `chatserver agent enable` lets them in again.\n"
    )
    assert done(tienda, "disable", "eva@t.test") == "eva@t.test was disabled already.\n"
    assert done(tienda, "list").splitlines() == [
        "eva@t.test\teva@t.test\ttienda\tdisabled",
        "leo@t.test\tleo@t.test\ttienda taller",
    ]
    assert facts(done(tienda, "show", "eva@t.test"))["sign-in"] == ["no: disabled"]
    assert done(tienda, "set", "eva@t.test", "--name", "Eva").endswith("no: disabled\n")
    assert done(tienda, "enable", "eva@t.test").startswith("eva@t.test can sign in again at http")
    assert done(tienda, "enable", "eva@t.test") == "eva@t.test was not disabled.\n"
    assert "disabled" not in done(tienda, "list")


def test_with_the_last_one_who_attends_an_app_it_is_said_that_nobody_does(tienda: Path) -> None:
    assert "Nobody attends the app taller now" in done(tienda, "disable", "leo@t.test")
    said = done(tienda, "disable", "eva@t.test")
    assert "Nobody attends the app tienda now" in said
    assert "taller" not in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("show", "nadie@t.test"), UNKNOWN),
        (("set", "nadie@t.test", "--name", "X"), UNKNOWN),
        (("disable", "nadie@t.test"), UNKNOWN),
        (("enable", "nadie@t.test"), UNKNOWN),
        (("set", "eva@t.test"), "Nothing to change: `chatserver agent set --help` shows what can be"),
        (("set", "eva@t.test", "--app", "nadie"), "There is no app with the key 'nadie'"),
        (("set", "eva@t.test", "--app", "taller", "--app", "nadie"), "There is no app with the key 'nadie'"),
        (
            ("set", "eva@t.test", "--name", " ", "--capacity", "9"),
            "An agent needs a name: write what customers see.",
        ),
        (("set", "eva@t.test", "--name", "x" * 101), "A name has at most 100 characters."),
    ],
)
def test_what_cannot_be_is_one_sentence_and_changes_nothing(
    tienda: Path, words: tuple[str, ...], sentence: str
) -> None:
    before = rows(tienda)
    result = command(tienda, "agent", *words)
    said = [line for line in result.stderr.splitlines() if '"level"' not in line]
    assert (result.exit_code, len(said)) == (1, 1), result.output
    assert sentence in said[0]
    assert rows(tienda) == before


@pytest.mark.parametrize("address", ["v@v.com，b.com", "b＠gmail.com", "a@ex＜b＞.com", "eva", "eva@t..test"])
def test_nobody_is_added_by_what_is_no_address(tienda: Path, address: str) -> None:
    before = rows(tienda)
    words = ("agent", "add", address, "--app", "tienda")
    result = command(tienda, *words, stdin=f"{PASSWORD}\n{PASSWORD}\n")
    assert result.exit_code == 1
    assert "address" in result.stderr
    assert rows(tienda) == before


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (b"contrase\xf1a larga\n", "The password is no text in UTF-8."),
        ("x" * 200 + "\n", ""),
        ("ñ" * 200, ""),
        ("x" * 201 + "\n", "A password has at most 200 characters."),
        ("x" * 3_000_000 + "\n", "A password has at most 200 characters."),
        ("x" + "ñ" * 3_000, "A password has at most 200 characters."),
        ("siete77\n", "A password has at least 8 characters."),
        ("", "No password was given"),
    ],
)
@pytest.mark.parametrize("words", [("add", "zoe@t.test", "--app", "tienda"), ("password", "eva@t.test")])
def test_a_password_that_could_not_sign_in_is_a_sentence_and_changes_nothing(
    tienda: Path, words: tuple[str, ...], given: str | bytes, sentence: str
) -> None:
    before = rows(tienda)
    result = command(tienda, "agent", *words, stdin=given)
    assert (result.exit_code, rows(tienda) == before) == ((1, True) if sentence else (0, False)), (
        result.output
    )
    assert sentence in result.stderr
    assert "Traceback" not in result.output


def test_a_name_is_one_line_that_turns_nothing(tienda: Path) -> None:
    odd = " Eva\r\nBcc: todos\u202e\t Ruiz\x00\ud800 "
    done(tienda, "set", "eva@t.test", "--name", odd)
    added = command(
        tienda, "agent", "add", "zoe@t.test", "--app", "tienda", "--name", odd, stdin=f"{PASSWORD}\n"
    )
    assert added.exit_code == 0, added.output
    for address in ("eva@t.test", "zoe@t.test"):
        assert facts(done(tienda, "show", address))["name"] == ["Eva Bcc: todos Ruiz"]
    endless = command(
        tienda, "agent", "add", "leo2@t.test", "--app", "tienda", "--name", "x" * 101, stdin=f"{PASSWORD}\n"
    )
    assert (endless.exit_code, "A name has at most 100 characters." in endless.stderr) == (1, True)
    assert command(tienda, "app", "set", "tienda", "--name", odd).exit_code == 0
    made = command(tienda, "app", "add", odd, "--key", "otra", "--origin", "https://otra.test")
    assert made.exit_code == 0, made.output
    for key in ("tienda", "otra"):
        assert facts(command(tienda, "app", "show", key).stdout)["name"] == ["Eva Bcc: todos Ruiz"]
    unseen = command(tienda, "app", "set", "tienda", "--name", "\u200b\u202e")
    assert (unseen.exit_code, "An app needs a name" in unseen.stderr) == (1, True)
    company = command(tienda, "app", "company", "tienda", odd, "--add", "a@b.test")
    assert company.stdout == "Eva Bcc: todos Ruiz\ta@b.test\tis of it\n"
    endless = command(tienda, "app", "company", "tienda", "x" * 101, "--add", "a@b.test")
    assert (endless.exit_code, "The name of a company has at most 100" in endless.stderr) == (1, True)


@pytest.mark.parametrize("chats", ["0", "-1", "101", "x", "1.5"])
def test_a_capacity_that_is_none_is_refused(tienda: Path, chats: str) -> None:
    result = command(tienda, "agent", "set", "eva@t.test", "--capacity", chats)
    assert result.exit_code == 2
    assert "--capacity" in result.stderr


def test_a_demo_whose_agent_was_disabled_leaves_them_disabled(settings: Settings) -> None:
    done(settings.data_dir, "disable", "ana@demo.test")
    asyncio.run(prepared_twice(settings))
    assert done(settings.data_dir, "list").splitlines()[0].endswith("\tdisabled")
