"""R20: each mail of a mailbox is taken once, although it lies there twice, whoever is killed and however many read it."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.faults.test_mail import KILLS, MANY, each_was_taken_once, real_mails, started
from tests.harness.dovecot import Dovecot, dovecot
from tests.harness.postgres import Postgres
from tests.harness.server import Server
from tests.harness.sizes import SEED
from tests.harness.waiting import soon, until
from tests.mail.writing import SUPPORT, mail

pytestmark = pytest.mark.fault

STORED = "SELECT count(*) FROM mails"


@pytest.fixture
def box() -> Iterator[Dovecot]:
    with dovecot() as server:
        yield server


def reader(directory: Path, box: Dovecot, **more: Any) -> Server:
    directory.mkdir(exist_ok=True)
    return Server(directory, mailbox_url=box.url, mailbox_poll_seconds=1, **more)


async def stored(server: Server) -> int:
    ((count,),) = await server.rows(STORED)
    return int(count)


async def put_away(box: Dovecot) -> None:
    async def empty() -> bool:
        return not await asyncio.to_thread(box.mails)

    await until(empty, "all was put away", within=120, look_every=0.5)


async def test_a_server_killed_between_storing_and_putting_away_takes_the_mail_no_second_time(
    tmp_path: Path, box: Dovecot
) -> None:
    server = reader(tmp_path, box)
    await started(server)
    try:
        await asyncio.to_thread(box.bring, mail(message_id="<antes@x>"))
        await put_away(box)
        box.close("Procesados")
        await asyncio.to_thread(box.bring, mail())
        await until(lambda: _is(server, 2), "it is stored")
        await asyncio.to_thread(server.kill)
        box.close("Procesados", closed=False)
        assert len(await asyncio.to_thread(box.mails)) == 1, "it was put away: this shows nothing"
        await asyncio.to_thread(server.start)
        await put_away(box)
        assert await stored(server) == 2
        assert await server.rows("SELECT count(*) FROM tickets") == [(2,)]
        assert len(await asyncio.to_thread(box.mails, "Procesados")) == 2
        assert server.whole_log().count("cannot be put away") <= 1
        assert await asyncio.to_thread(server.stop) == -signal.SIGTERM
    finally:
        if server.process is not None:
            server.kill()


async def _is(server: Server, count: int) -> bool:
    return await stored(server) == count


async def test_each_mail_is_taken_once_although_all_are_killed_in_turn(tmp_path: Path, box: Dovecot) -> None:
    """The server that reads, and the one that is read."""
    mails = real_mails(MANY)
    dice = random.Random(SEED)
    server = reader(tmp_path, box)
    await started(server)
    await asyncio.to_thread(box.bring, *mails, *dice.sample(mails, len(mails)))
    try:
        for kill in range(KILLS):
            aim = await stored(server) + dice.randint(0, MANY // KILLS)
            await until(partial(_reached, server, aim, len(mails)), "more mails were taken", within=120)
            if kill % 3 == 2:
                await asyncio.to_thread(box.stop)
                await asyncio.to_thread(box.start)
            else:
                await asyncio.to_thread(server.restart_after_kill)
        await put_away(box)
        await each_was_taken_once(server, mails)
        assert len(await asyncio.to_thread(box.mails, "Procesados")) == 2 * len(mails)
    finally:
        server.kill()


async def _reached(server: Server, aim: int, all_of_them: int) -> bool:
    return await stored(server) >= min(aim, all_of_them)


def _reads(server: Server) -> bool:
    return "the mailbox is read" in server.log()


async def test_two_processes_that_read_one_mailbox_take_each_mail_once(
    tmp_path: Path, postgres_server: Postgres, box: Dovecot
) -> None:
    mails = real_mails(MANY)
    url = postgres_server.database()
    postgres_server.run(
        "INSERT INTO apps (id, key, name, secret, created_at, support_address) "
        f"VALUES (1, 'acme', 'Acme', 's', 0, '{SUPPORT}')",
        database=url.rpartition("/")[2],
    )
    servers = [reader(tmp_path / name, box, command="mail", database_url=url) for name in "ab"]
    try:
        for server in servers:
            server.launch()
            await soon(partial(_reads, server), "it reads")
        await asyncio.to_thread(box.bring, *mails, *mails)
        await until(lambda: _reached(servers[0], MANY // 4, len(mails)), "mails were taken", within=120)
        await asyncio.to_thread(servers[0].kill)
        servers[0].launch()
        await put_away(box)
        await each_was_taken_once(servers[0], mails)
        logs = [server.whole_log() for server in servers]
        assert all("a mail was taken" in log for log in logs), "one did it all"
        for server in servers:
            assert await asyncio.to_thread(server.stop) == 0, server.log()
    finally:
        for server in servers:
            if server.process is not None:
                server.kill()
