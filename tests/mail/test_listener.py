"""A mail host brings mail: what it hears, and when the mail is safe."""

from __future__ import annotations

import asyncio
import logging
import smtplib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from chatserver.core.errors import Refused
from chatserver.incoming import listener as mail_listener
from chatserver.incoming.listener import Listener, listening
from chatserver.mail import mime
from chatserver.settings.addresses import MailAddress
from chatserver.store import mails
from chatserver.store.base import StoreFailed
from tests.harness.mail_host import HungUp, MailHost
from tests.harness.server import free_port
from tests.harness.waiting import soon
from tests.mail.taking import OTHER, Taking
from tests.mail.writing import SUPPORT, file, mail, part, together
from tests.services.scene import Scene, database_scene

ANA = "ana@cliente.example"


class Post(Taking):
    """A listener at a port of its own, and what stands behind it."""

    def __init__(self, scene: Scene, port: int, directory: Path) -> None:
        super().__init__(scene, directory)
        self.port = port

    def at(self, *, lmtp: bool = True) -> MailAddress:
        return MailAddress(lmtp, "127.0.0.1", self.port, None)


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    async with database_scene(tmp_path / "chat.db") as scene:
        await scene.app(support_address=SUPPORT)
        await scene.app(2, support_address=OTHER)
        made = Post(scene, free_port(), tmp_path / "files")
        async with made.files:
            yield made


async def test_a_mail_that_was_answered_250_is_a_ticket(post: Post) -> None:
    async with listening(post.room, post.at()), MailHost(post.port) as host:
        assert (await host.bring(mail(), ANA, SUPPORT))[0].startswith("250")
        assert await post.subjects() == ["No imprime"]
        assert (await host.bring(mail(), ANA, SUPPORT))[0].startswith("250")
        assert await post.subjects() == ["No imprime"]


async def test_the_original_is_what_the_mail_host_brought(post: Post) -> None:
    raw = mail(".punto al principio\r\n..dos\r\n" + "larga " * 5_000 + "\r\n")
    async with listening(post.room, post.at()), MailHost(post.port) as host:
        await host.bring(raw, ANA, SUPPORT)
    (ticket,) = await post.scene.rows.all_tickets()
    (taken,) = await mails.mails_of(post.db, ticket.id)
    assert await mails.original(post.db, taken.original) == raw


async def test_each_recipient_has_an_answer_of_its_own(post: Post) -> None:
    async with listening(post.room, post.at()), MailHost(post.port) as host:
        answers = await host.bring(mail(), ANA, SUPPORT, "nadie@acme.example", OTHER)
        assert [answer[:3] for answer in answers] == ["250", "550", "250"]
        apps = sorted(ticket.app_id for ticket in await post.scene.rows.all_tickets())
        assert apps == [1, 2]
        assert (await host.say("NOOP")).startswith("250")  # nothing stands unread


async def test_nobody_elses_mail_is_taken(post: Post) -> None:
    async with listening(post.room, post.at()), MailHost(post.port) as host:
        assert (await host.bring(mail(), ANA, "ana@gmail.example"))[0].startswith("550")
        assert (await host.say("RCPT TO:<soporte+abc@acme.example>")).startswith("250")


async def test_by_smtp_one_answer_counts_for_all(post: Post) -> None:
    async with listening(post.room, post.at(lmtp=False)):

        def send() -> dict[str, Any]:
            with smtplib.SMTP("127.0.0.1", post.port, timeout=30) as smtp:
                return smtp.sendmail(ANA, [SUPPORT, OTHER, "nadie@acme.example"], mail())

        refused = await asyncio.to_thread(send)
    assert set(refused) == {"nadie@acme.example"}
    assert len(await post.subjects()) == 2


async def test_a_bounce_has_no_sender_and_is_taken(post: Post) -> None:
    async with listening(post.room, post.at()), MailHost(post.port) as host:
        assert (await host.bring(mail(), "", SUPPORT))[0].startswith("250")
    assert await post.subjects() == []


async def test_a_unix_socket_is_as_good_and_one_of_a_killed_process_no_hindrance(
    post: Post, tmp_path: Path
) -> None:
    path = tmp_path / "lmtp.sock"
    path.touch()
    async with listening(post.room, MailAddress(True, "", 0, path)), MailHost(path) as host:
        assert (await host.bring(mail(), ANA, SUPPORT))[0].startswith("250")
    assert not path.exists()


@pytest.mark.parametrize(
    "problem", [StoreFailed("disk full"), Refused("rate_limited", retry_after=1), RuntimeError("ours")]
)
async def test_what_the_store_does_not_take_waits_at_the_mail_host(
    post: Post, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    async def fails(*_: Any) -> None:
        raise problem

    async with listening(post.room, post.at()), MailHost(post.port) as host:
        with monkeypatch.context() as patched:
            patched.setattr(type(post.db), "write", fails)
            assert (await host.bring(mail(), ANA, SUPPORT, OTHER)) == [mail_listener.LATER] * 2
        with monkeypatch.context() as patched:
            patched.setattr(mails, "keep_original", fails)
            assert (await host.bring(mail(), ANA, SUPPORT)) == [mail_listener.LATER]
        assert await post.subjects() == []
        assert (await host.bring(mail(), ANA, SUPPORT)) == [mail_listener.TAKEN]


async def test_a_database_that_is_closed_refuses_for_now(post: Post) -> None:
    async with listening(post.room, post.at()), MailHost(post.port) as host:
        await post.db.close()
        assert (await host.bring(mail(), ANA, SUPPORT)) == [mail_listener.LATER]


async def test_who_ends_takes_what_has_arrived_and_says_later_to_the_rest(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, go_on = asyncio.Event(), asyncio.Event()
    keep = mails.keep_original

    async def slow(*given: Any) -> None:
        held.set()
        await go_on.wait()
        await keep(*given)

    monkeypatch.setattr(mails, "keep_original", slow)
    async with MailHostAfter(post) as (listener, host):
        bringing = asyncio.create_task(host.bring(mail(), ANA, SUPPORT))
        await held.wait()
        async with MailHost(post.port) as idle:
            finishing = asyncio.create_task(listener.finish())
            await soon(lambda: listener.closing, "the end has begun")
            assert (await idle.say(f"MAIL FROM:<{ANA}>")).startswith("421")
            go_on.set()
            assert await bringing == [mail_listener.TAKEN]
            await finishing
        with pytest.raises(HungUp):
            async with MailHost(post.port):
                pass
    assert await post.subjects() == ["No imprime"]


class MailHostAfter:
    """A listener and a session at it."""

    def __init__(self, post: Post) -> None:
        self._context = listening(post.room, post.at())
        self._host = MailHost(post.port)

    async def __aenter__(self) -> tuple[Listener, MailHost]:
        listener = await self._context.__aenter__()
        return listener, await self._host.__aenter__()

    async def __aexit__(self, *problem: Any) -> None:
        await self._host.__aexit__(*problem)
        await self._context.__aexit__(None, None, None)


async def test_a_mail_that_is_too_large_is_refused_for_good_with_an_answer_for_each(post: Post) -> None:
    async with listening(post.room, post.at()), MailHost(post.port) as host:
        assert f"SIZE {mime.SIZE_AT_MOST}" in host.hello
        size = mime.SIZE_AT_MOST + 1
        assert (await host.say(f"MAIL FROM:<{ANA}> SIZE={size}")).startswith("552")
        await host.say(f"MAIL FROM:<{ANA}>")
        await host.say(f"RCPT TO:<{SUPPORT}>")
        await host.say(f"RCPT TO:<{OTHER}>")
        await host.say("DATA")
        await host.send(mail("x" * 70 + "\r\n") + (b"x" * 70 + b"\r\n") * (size // 72))
        assert (await host.answer()).startswith("552")
        assert (await host.answer()).startswith("552")
        assert (await host.say("NOOP")).startswith("250")


async def test_a_mail_of_forty_mebibytes_is_taken_while_others_are(post: Post) -> None:
    content = bytes(range(256)) * 4 * 1024 * 29
    raw = mail(
        together(part("text/plain", "va"), file("grande.zip", content, "application/zip")),
        content='multipart/mixed; boundary="=_b1"',
        subject="Grande",
    )
    async with (
        listening(post.room, post.at()),
        MailHost(post.port) as large,
        MailHost(post.port) as small,
    ):
        bringing = asyncio.create_task(large.bring(raw, ANA, SUPPORT))
        for number in range(20):
            answer = await small.bring(mail(message_id=f"<{number}@x>"), ANA, SUPPORT)
            assert answer == [mail_listener.TAKEN]
        assert await bringing == [mail_listener.TAKEN]
    assert len(await post.subjects()) == 21


async def test_sessions_and_recipients_have_a_bound(post: Post) -> None:
    async with listening(post.room, post.at()) as listener:
        hosts = [MailHost(post.port) for _ in range(mail_listener.SESSIONS_AT_MOST)]
        for one in hosts:
            await one.__aenter__()
        with pytest.raises(HungUp, match="421"):
            async with MailHost(post.port):
                pass
        await hosts[0].say(f"MAIL FROM:<{ANA}>")
        for number in range(mail_listener.RECIPIENTS_AT_MOST):
            assert (await hosts[0].say(f"RCPT TO:<soporte+{number}@acme.example>")).startswith("250")
        assert (await hosts[0].say(f"RCPT TO:<{SUPPORT}>")).startswith("452")
        for one in hosts:
            await one.__aexit__(None, None, None)
        await soon(lambda: not listener._sessions, "they have left")
        async with MailHost(post.port) as host:
            assert (await host.bring(mail(), ANA, SUPPORT)) == [mail_listener.TAKEN]


async def test_what_came_in_and_what_mail_hosts_were_refused_is_counted(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: Any) -> None:
        raise StoreFailed("disk full")

    metrics = post.scene.house.metrics
    metrics.incoming = {"ticket": 0, "again": 0}
    async with listening(post.room, post.at()) as listener, MailHost(post.port) as host:
        await host.bring(mail(), ANA, SUPPORT, "nadie@acme.example")
        await host.bring(mail(), ANA, SUPPORT)
        assert (metrics.incoming, metrics.incoming_refused) == ({"ticket": 1, "again": 1}, {"550": 1})
        with monkeypatch.context() as patched:
            patched.setattr(mails, "keep_original", fails)
            await host.bring(mail(message_id="<otro@x>"), ANA, SUPPORT, OTHER)  # an answer for each
        assert metrics.incoming_refused == {"550": 1, "451": 2}
        listener.closing = True
        with pytest.raises(HungUp):
            async with MailHost(post.port):
                pass
        assert metrics.incoming_refused == {"550": 1, "451": 2, "421": 1}
    text = metrics.text({})
    assert 'chatserver_incoming_total{became="ticket"} 1' in text
    assert 'chatserver_incoming_refused_total{code="451"} 2' in text
    assert ANA not in text


async def test_a_mail_host_that_leaves_in_the_middle_leaves_nothing(post: Post) -> None:
    async with listening(post.room, post.at()) as listener:
        async with MailHost(post.port) as host:
            await host.say(f"MAIL FROM:<{ANA}>")
            await host.say(f"RCPT TO:<{SUPPORT}>")
            await host.say("DATA")
            host._writer.write(mail())
        await soon(lambda: not listener._sessions, "it has left")
    assert await post.subjects() == []


Said = Callable[[MailHost], Any]


@pytest.mark.parametrize(
    "command",
    [
        "",
        "\0\0\0",
        "MAIL FROM:<" + "a" * 400 + "@x.example>",
        "MAIL FROM:<a@b> NADA=1",
        "RCPT TO:<x>",
        "DATA",
        "VRFY x",
        "AUTH PLAIN AAAA",
        "BDAT 10",
        "x" * 5_000,
    ],
)
async def test_whatever_a_session_says_the_next_command_is_answered(post: Post, command: str) -> None:
    async with listening(post.room, post.at()), MailHost(post.port) as host:
        assert (await host.say(command))[0] in "245"
        assert (await host.say("RSET")).startswith("250")
        assert (await host.bring(mail(), ANA, SUPPORT)) == [mail_listener.TAKEN]


async def test_a_line_that_ends_in_another_way_ends_no_mail(post: Post) -> None:
    """What some hosts take for the end of a mail is none here: nobody smuggles a second one in."""
    inner = b"\n.\nMAIL FROM:<jefe@acme.example>\r\nRCPT TO:<soporte@acme.example>\r\nDATA\r\nSubject: otra\r\n\r\nx"
    async with listening(post.room, post.at()), MailHost(post.port) as host:
        await host.say(f"MAIL FROM:<{ANA}>")
        await host.say(f"RCPT TO:<{SUPPORT}>")
        await host.say("DATA")
        host._writer.write(mail().rstrip() + inner + b"\r\n.\r\n")
        assert await host.answer() == mail_listener.TAKEN
        assert (await host.say("NOOP")).startswith("250")
    assert await post.subjects() == ["No imprime"]


async def test_no_log_has_a_line_of_a_mail_or_an_address(
    post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with listening(post.room, post.at()), MailHost(post.port) as host:
            await host.bring(mail("palabra-secreta\r\n"), ANA, SUPPORT)
            await host.bring(b"\xff" + mail("palabra-secreta\r\n"), ANA, SUPPORT)
    assert "a mail was taken" in caplog.text
    assert "palabra-secreta" not in caplog.text
    assert "cliente.example" not in caplog.text
