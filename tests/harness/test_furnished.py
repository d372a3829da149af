"""Databases that are copies: each is one of its own, whole, and no test gets one that it did not ask for."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chatserver.demo import scene
from tests.harness import furnished
from tests.harness.postgres import fetched, postgres
from tests.harness.server import running

UNLIKE = (
    "SELECT value FROM meta WHERE key = 'epoch'",
    "SELECT value FROM meta WHERE key = 'secret'",
    "SELECT secret FROM apps WHERE key = 'demo'",
    "SELECT secret FROM apps WHERE key <> 'demo'",
)
AGENTS = "SELECT email, name FROM agents ORDER BY email"
ARTICLES = "SELECT count(*) FROM articles"


def read(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def read_at(url: str, query: str) -> list[Any]:
    return asyncio.run(fetched(url, query))


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_two_copies_have_the_demo_and_no_secret_in_common(
    tmp_path: Path, request: pytest.FixtureRequest, engine: str
) -> None:
    copies: list[Callable[[str], list[Any]]] = []
    for name in "ab":
        if engine == "sqlite":
            furnished.demo_at(tmp_path / name)
            copies.append(partial(read, tmp_path / name))
        else:
            copies.append(partial(read_at, request.getfixturevalue("postgres_server").demo()))
    one, other = copies
    for query in UNLIKE:
        assert len(one(query)) == len(other(query)) == 1
        assert one(query) != other(query), query
    assert [tuple(row) for row in one(AGENTS)] == [tuple(row) for row in other(AGENTS)] == list(scene.AGENTS)
    assert one(ARTICLES)[0][0] == other(ARTICLES)[0][0] > 0


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_what_was_left_half_done_is_never_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    def breaks(*ignored: object) -> None:
        raise RuntimeError("in the middle")

    def goes_on_anew(copied: Callable[[], object]) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(scene, "_write_articles", breaks)
            with pytest.raises(RuntimeError):
                copied()
        copied()

    copy = tmp_path / "copy.db"
    if engine == "sqlite":
        with monkeypatch.context() as patch:
            patch.setattr(furnished, "_demo", tmp_path / "demo.db")
            goes_on_anew(lambda: furnished.demo_at(copy))
        assert read(copy, ARTICLES)[0][0] > 0
        return
    with postgres() as own:
        urls: list[str] = []
        goes_on_anew(lambda: urls.append(own.demo()))
        ((articles,),) = read_at(urls[0], ARTICLES)
        assert articles > 0


def test_a_server_is_not_given_back_a_database_that_was_taken_from_it(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        (copied,) = asyncio.run(server.rows("SELECT value FROM meta WHERE key = 'created_at'"))
        server.stop()
        server.database.unlink()
        server.start()
        (made,) = asyncio.run(server.rows("SELECT value FROM meta WHERE key = 'created_at'"))
    furnished.demo_at(tmp_path / "another")
    assert read(tmp_path / "another", "SELECT value FROM meta WHERE key = 'created_at'") == [copied]
    assert made != copied
