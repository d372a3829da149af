"""Every migration beside an old node that goes on writing: it meets no error, and waits for a lock for seconds at most."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from chatserver.store import migrations
from chatserver.store.database import DatabaseUnusable
from chatserver.store.migrations import postgres
from chatserver.store.migrations.postgres import known_revision, migrate
from tests.harness.postgres import Postgres, fetched
from tests.harness.sizes import size
from tests.harness.waiting import soon

TICKETS = size(5_000, 100_000)
LONGEST_SECONDS = 5.0
"""Nobody's message waits longer for an upgrade."""
REVISIONS = sorted(file.name[:4] for file in (Path(migrations.__file__).parent / "versions").glob("0*_*.py"))
PAST = f"""
INSERT INTO apps (id, key, name, secret, created_at) VALUES (1, 'a', 'A', 's', 0);
INSERT INTO agents (id, email, name, password_hash, created_at) VALUES (1, 'a@example.com', 'A', 'x', 0);
INSERT INTO customers (id, app_id, key, created_at) SELECT n, 1, 'anon:' || n, 0 FROM generate_series(1, {TICKETS}) n;
INSERT INTO tickets (id, app_id, number, customer_id, cid, subject, opened_at, state, mode, turn, active_at, last_seq, version)
  SELECT n, 1, 1000 + n, n, n, 'Asunto', n, 'open', 'live', 'agent', n, 5, 1 FROM generate_series(1, {TICKETS}) n;
INSERT INTO items (ticket_id, seq, at, kind, "by", author_id, cid, text)
  SELECT t, s, s, 'message', 'customer', 1, t || '.' || s, 'hola'
  FROM generate_series(1, {TICKETS}) t, generate_series(1, 5) s;
"""


def only_until(revision: str, where: Path, patch: pytest.MonkeyPatch) -> None:
    """As the release was whose newest revision this is."""
    copy = where / revision
    shutil.copytree(Path(migrations.__file__).parent, copy)
    for file in (copy / "versions").glob("0*_*.py"):
        if file.name[:4] > revision:
            file.unlink()
    patch.setattr(migrations, "__file__", str(copy / "__init__.py"))
    patch.setattr(migrations, "HEAD", revision)


class OldNode:
    """What an older release writes, one after the other, and how long each took (s)."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.waits: list[float] = []
        self.ending = False

    async def run(self) -> None:
        connection = await asyncpg.connect(self._url)
        try:
            while not self.ending:
                number = len(self.waits) % TICKETS + 1
                began = time.monotonic()
                async with connection.transaction():
                    await connection.execute(
                        "UPDATE tickets SET last_seq = last_seq + 1, version = version + 1 WHERE id = $1",
                        number,
                    )
                    await connection.execute(
                        'INSERT INTO items (ticket_id, seq, at, kind, "by", author_id, cid, text)'
                        " SELECT id, last_seq, 9, 'message', 'customer', 1, 'c' || last_seq, 'hola'"
                        " FROM tickets WHERE id = $1",
                        number,
                    )
                self.waits.append(time.monotonic() - began)
        finally:
            await connection.close()


async def old_database(url: str, revision: str, where: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a release with this newest revision left it, with what people wrote."""
    with monkeypatch.context() as then:
        only_until(revision, where, then)
        await migrate(url)
    for statement in PAST.strip().split(";\n"):
        await fetched(url, statement)


@pytest.mark.parametrize(("before", "after"), list(itertools.pairwise(REVISIONS)))
async def test_an_old_node_goes_on_writing_while_the_schema_grows(
    postgres_server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str
) -> None:
    url = postgres_server.empty()
    await old_database(url, before, tmp_path, monkeypatch)
    old = OldNode(url)
    writing = asyncio.create_task(old.run())
    await soon(lambda: len(old.waits) > 20 or writing.done(), "the old node writes")
    with monkeypatch.context() as now:
        only_until(after, tmp_path, now)
        began = time.monotonic()
        await migrate(url)
        took = time.monotonic() - began
        assert await known_revision(url) == after
    written = len(old.waits)
    await soon(lambda: len(old.waits) > written + 20 or writing.done(), "it goes on writing")
    old.ending = True
    await writing  # raises what it met
    print(f"{before} → {after}: {took:.2f} s over {TICKETS} tickets; longest wait {max(old.waits):.3f} s")
    assert max(old.waits) < LONGEST_SECONDS


@asynccontextmanager
async def a_backup_runs(url: str) -> AsyncIterator[None]:
    """As pg_dump does: a transaction that has read a table, and reads on."""
    connection = await asyncpg.connect(url, server_settings={"application_name": "pg_dump"})
    try:
        await connection.execute("BEGIN; LOCK TABLE tickets IN ACCESS SHARE MODE")
        yield
    finally:
        await connection.close()


async def test_behind_a_backup_an_upgrade_gives_up_and_says_who_is_in_the_way_and_nobody_waits_for_it_long(
    postgres_server: Postgres,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(postgres, "TRIES", 2)
    monkeypatch.setattr(postgres, "PAUSE_SECONDS", 0.1)
    url = postgres_server.empty()
    await old_database(url, "0003", tmp_path, monkeypatch)
    old = OldNode(url)
    writing = asyncio.create_task(old.run())
    in_the_way = r"pg_dump \(process \d+\) has been in a transaction for \d+ s"
    async with a_backup_runs(url), asyncio.timeout(20):
        with pytest.raises(DatabaseUnusable, match=in_the_way):
            await migrate(url)
    assert "Trying again" in caplog.text
    assert await known_revision(url) == "0003"
    await migrate(url)
    assert await known_revision(url) == migrations.HEAD
    old.ending = True
    await writing
    print(f"longest wait {max(old.waits):.2f} s")
    assert max(old.waits) < LONGEST_SECONDS


async def test_an_upgrade_goes_on_by_itself_when_the_backup_ends(
    postgres_server: Postgres,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    url = postgres_server.empty()
    await old_database(url, "0003", tmp_path, monkeypatch)
    async with a_backup_runs(url):
        upgrading = asyncio.create_task(migrate(url))
        await soon(lambda: "Trying again" in caplog.text or upgrading.done(), "it has waited in vain")
    await upgrading
    assert await known_revision(url) == migrations.HEAD
