"""R20: mails are taken once and none is lost, whatever happens to the server and however often they are brought."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from chatserver.core.mails import ANSWERS_AT_MOST
from chatserver.mail.automatic import Ours, verdict
from chatserver.mail.message import read
from tests.harness.commands import done
from tests.harness.mail_host import HungUp, MailHost
from tests.harness.postgres import Postgres
from tests.harness.server import Server, free_port
from tests.harness.sizes import FULL, SEED, size
from tests.harness.waiting import soon
from tests.mail.writing import SUPPORT, bounce, file, mail, part, together

CORPUS = sorted((Path(__file__).resolve().parents[1] / "mail" / "corpus").rglob("*.eml"))
MANY = size(80, 500)
KILLS = size(4, 20)
OURS = Ours(frozenset({SUPPORT}), lambda one: False)


def real_mails(count: int) -> list[bytes]:
    """The corpus again and again, each with a Message-ID of its own, and what programs send."""
    made = []
    for number in range(count):
        raw = CORPUS[number % len(CORPUS)].read_bytes()
        made.append(b"X-Round: %d\r\n" % number + _renamed(raw, f"{number}.{number}@cartas.example"))
        if number % 25 == 0:
            made.append(bounce("nadie@acme.example").replace(b"bounce.1", b"bounce.%d" % number))
            away = {"Auto-Submitted": "auto-replied", "Subject": "Fuera de la oficina"}
            made.append(mail(message_id=f"<fuera.{number}@x>", more=away))
    made.append(mail(together(*[part("text/plain", f"n{n}") for n in range(2_000)]),
                     content='multipart/mixed; boundary="=_b1"', message_id="<partes@x>", subject="Dos mil"))  # fmt: skip
    made.append(mail("ção ñandú".encode("latin-1"), content="text/plain; charset=x-nada", message_id="<c@x>"))
    if FULL:
        content = bytes(range(256)) * 4 * 1024 * 29
        body = together(part("text/plain", "va"), file("g.zip", content, "application/zip"))
        made.append(mail(body, content='multipart/mixed; boundary="=_b1"', message_id="<grande@x>"))
    return made


def _renamed(raw: bytes, message_id: str) -> bytes:
    head, _, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    lines = [line for line in head.split(b"\n") if not line.lower().startswith(b"message-id:")]
    return b"\n".join([b"Message-ID: <%s>" % message_id.encode(), *lines, b"", body])


class Queue:
    """Of a mail host: each mail is brought until the server has it."""

    def __init__(self, port: int, mails: Sequence[bytes]) -> None:
        self._port = port
        self._mails = mails
        self.taken = 0
        self.vain = 0

    async def run(self) -> None:
        for raw in self._mails:
            while not await self._bring(raw):
                self.vain += 1
                await asyncio.sleep(0.05)  # as its host would, sooner
            self.taken += 1

    async def _bring(self, raw: bytes) -> bool:
        try:
            async with MailHost(self._port) as host:
                (answer,) = await host.bring(raw, "alguien@cliente.example", SUPPORT)
        except (HungUp, OSError):
            return False
        assert answer[0] in "24", answer
        return answer.startswith("250")


async def killed_on_the_way(queues: Sequence[Queue], kill: Callable[[int], Awaitable[None]]) -> None:
    """`kill(n)` for the n-th time after so and so many mails; returns when all are taken."""
    dice = random.Random(SEED)
    running = [asyncio.create_task(queue.run()) for queue in queues]
    for number in range(KILLS):
        aim = sum(queue.taken for queue in queues) + dice.randint(0, 2 * MANY // (KILLS + 1))

        def so_far(aim: int = aim) -> bool:
            return sum(q.taken for q in queues) >= aim or all(task.done() for task in running)

        await soon(so_far, "more mails were taken", within=120, look_every=dice.uniform(0.001, 0.02))
        await kill(number)
    await asyncio.gather(*running)
    print(
        f"{sum(q.taken for q in queues)} deliveries, {sum(q.vain for q in queues)} times in vain, seed {SEED}"
    )


async def each_was_taken_once(server: Server, mails: Sequence[bytes]) -> None:
    keys = {read(raw).key for raw in mails}
    assert len(keys) == len(mails)
    rows = await server.rows("SELECT key, kind, ticket_id, seq, original FROM mails")
    assert {row[0] for row in rows} == keys
    assert len(rows) == len(keys)
    people = {one.key for one in map(read, mails) if verdict(one, OURS).kind == "person"}
    assert {row[0] for row in rows if row[1] == "person"} == people
    assert len(people) > 0.8 * MANY
    tickets = await server.rows("SELECT id FROM tickets")
    assert {row[0] for row in tickets} == {row[2] for row in rows if row[3] is not None}
    seqs = [(row[2], row[3]) for row in rows if row[3] is not None]
    assert len(set(seqs)) == len(seqs), "two mails are one message"
    said = await server.rows("SELECT ticket_id, seq FROM items WHERE kind = 'message'")
    assert set(seqs) <= {tuple(row) for row in said}
    kept = await server.rows("SELECT DISTINCT name FROM mail_originals")
    assert {row[4] for row in rows} <= {row[0] for row in kept}


def server_at(directory: Path, port: int) -> Server:
    return Server(directory, mail_listen=f"lmtp://127.0.0.1:{port}")


async def started(server: Server) -> None:
    """With an app to which mail comes."""
    await asyncio.to_thread(server.start)
    await asyncio.to_thread(done, server, "app", "set", "demo", "--support-address", SUPPORT)


def mail_process_at(directory: Path, port: int, url: str) -> Server:
    listen = f"lmtp://127.0.0.1:{port}"
    return Server(directory, command="mail", mail_listen=listen, database_url=url)


@pytest.mark.fault
async def test_each_mail_is_taken_once_although_brought_twice_to_a_server_that_is_killed(
    tmp_path: Path,
) -> None:
    mails, port = real_mails(MANY), free_port()
    shuffled = random.Random(SEED).sample(mails, len(mails))
    server = server_at(tmp_path, port)

    async def kill(_: int) -> None:
        await asyncio.to_thread(server.restart_after_kill)

    await started(server)
    try:
        await killed_on_the_way([Queue(port, mails), Queue(port, shuffled)], kill)
        await each_was_taken_once(server, mails)
        # uvicorn ends as if by the signal itself once everything is closed.
        assert await asyncio.to_thread(server.stop) == -signal.SIGTERM
    finally:
        if server.process is not None:
            server.kill()


@pytest.mark.fault
async def test_each_mail_is_taken_once_by_two_processes_on_postgresql(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    """Two `chatserver mail` and no node at all: mail does not need one. Each brings the same mails; both are killed in turn."""
    mails, ports = real_mails(MANY), [free_port(), free_port()]
    url = postgres_server.database()
    postgres_server.run(
        "INSERT INTO apps (id, key, name, secret, created_at, support_address) "
        f"VALUES (1, 'acme', 'Acme', 's', 0, '{SUPPORT}')",
        database=url.rpartition("/")[2],
    )
    servers = []
    for number, port in enumerate(ports):
        directory = tmp_path / str(number)
        directory.mkdir()
        servers.append(mail_process_at(directory, port, url))

    async def kill(number: int) -> None:
        await asyncio.to_thread(servers[number % 2].kill)
        servers[number % 2].launch()

    try:
        for server in servers:
            server.launch()
        shuffled = random.Random(SEED).sample(mails, len(mails))
        await killed_on_the_way([Queue(ports[0], mails), Queue(ports[1], shuffled)], kill)
        await each_was_taken_once(servers[0], mails)
        for server in servers:
            assert await asyncio.to_thread(server.stop) == 0, server.log()
    finally:
        for server in servers:
            if server.process is not None:
                server.kill()


@pytest.mark.fault
async def test_a_desk_that_answers_whatever_comes_is_answered_three_times(tmp_path: Path) -> None:
    """It knows no rule and no thread: all that it says comes as something new."""
    rounds, port = size(12, 40), free_port()
    answers = [
        mail(
            "Hemos recibido su mensaje\r\n",
            sender="mesa@otra.example",
            subject=f"Caso {number}",
            message_id=f"<{number}@otra.example>",
        )
        for number in range(rounds)
    ]
    server = server_at(tmp_path, port)
    server.settings |= {
        "smtp_url": "smtp://127.0.0.1:9",
        "mail_from": SUPPORT,
        "public_url": "http://127.0.0.1:9",
    }
    await started(server)
    try:
        queue = Queue(port, answers)
        await queue.run()
        assert queue.vain == 0
        assert await server.rows("SELECT count(*) FROM mails WHERE answer <> ''") == [(ANSWERS_AT_MOST,)]
    finally:
        server.kill()
