"""`chatserver mail test`, and a whole server from the customer's request to the mail that arrives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from tests.harness.commands import Said, command
from tests.harness.mailbox import Mailbox, links_in, mailbox, text_of
from tests.harness.server import Server, free_port
from tests.harness.waiting import soon
from tests.realtime.chat import new_cid


@pytest.fixture
async def box(anyio_backend: str) -> AsyncIterator[Mailbox]:
    async with mailbox() as made:
        yield made


def server_for(where: Path, box: Mailbox, **more: Any) -> Server:
    given = {"smtp_url": box.url, "mail_from": "soporte@example.com", "public_url": "http://127.0.0.1:1"}
    return Server(where, **(given | more))


async def mail_test(server: Server, *arguments: str) -> Said:
    return await asyncio.to_thread(command, server, "mail", "test", *arguments)


async def test_a_mail_is_sent_at_once_and_what_became_of_it_is_said(tmp_path: Path, box: Mailbox) -> None:
    said = await mail_test(server_for(tmp_path, box), "ana@example.com")
    (arrived,) = box.arrived
    assert said.code == 0, said.output
    assert arrived.message_id in said.output
    assert "El correo funciona" in text_of(arrived.mail)
    assert "probó si envía correo" in text_of(arrived.mail)
    assert "escribió tu dirección" not in text_of(arrived.mail), "nobody typed it at an app"
    assert not (tmp_path / "chatserver.db").exists(), "no database is needed for it"


@pytest.mark.parametrize("fault", ["refused", "away", "sender", "tls", "address", "off", "app"])
async def test_what_is_wrong_is_a_sentence(tmp_path: Path, box: Mailbox, fault: str) -> None:
    server, arguments = server_for(tmp_path, box), ["ana@example.com"]
    match fault:
        case "refused":
            box.rcpt = lambda address: "550 5.1.1 unknown <ana@example.com> SECRET WORDS"
            words = "does not take mail for ana@example.com (it said 550 5.1.1)"
        case "away":
            server = server_for(tmp_path, box, smtp_url=f"smtp://127.0.0.1:{free_port()}")
            words = "Nobody answers at 127.0.0.1"
        case "sender":
            box.mail = lambda address: "553 no"
            words = "takes nothing from soporte@example.com"
        case "tls":
            server = server_for(tmp_path, box, smtp_url=f"{box.url}?starttls")
            words = "cannot encipher"
        case "address":
            arguments, words = ["nobody"], "is no e-mail address"
        case "off":
            server, words = Server(tmp_path), "CHATSERVER_SMTP_URL is not set"
        case _:
            arguments, words = ["ana@example.com", "--app", "nowhere"], "database"
    said = await mail_test(server, *arguments)
    assert said.code == 1
    assert words in said.output, said.output
    assert "Traceback" not in said.output
    assert "SECRET" not in said.output


async def until_frame(socket: ClientConnection, kind: str) -> dict[str, Any]:
    while True:
        frame: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), 30))
        assert frame["type"] != "error", frame
        if frame["type"] == kind:
            return frame


async def leaves_request(server: Server, email: str) -> None:
    """Somebody whom the host does not vouch for."""
    url = f"ws://127.0.0.1:{server.port}/ws/customer"
    origin = Origin(server.origin)
    async with connect(url, origin=origin, compression=None, proxy=None) as socket:
        hello = {
            "type": "hello",
            "v": 1,
            "app": "demo",
            "token": "",
            "locale": "pt",
            "zone": "America/Bogota",
        }
        await socket.send(json.dumps(hello))
        await until_frame(socket, "welcome")
        asked = {"cid": new_cid(), "subject": "Compra ya", "text": "Visita evil.example", "email": email}
        await socket.send(json.dumps({"type": "request", **asked}))
        await until_frame(socket, "changed")


async def test_a_request_is_confirmed_by_mail_until_its_receiver_wants_none(
    tmp_path: Path, box: Mailbox
) -> None:
    server = server_for(tmp_path, box)
    server.settings["public_url"] = server.origin
    await asyncio.to_thread(server.start)
    try:
        await leaves_request(server, "eva@example.com")
        await soon(lambda: box.arrived, "the mail arrived")
        mail = box.arrived[0].mail
        assert "Recebemos sua solicitação" in text_of(mail)
        assert "evil" not in mail.as_string()
        assert "Compra" not in mail.as_string()
        one_click = str(mail["List-Unsubscribe"]).strip("<>")
        assert one_click in list(links_in(mail))
        assert urlsplit(one_click).netloc == urlsplit(server.origin).netloc
        async with httpx2.AsyncClient() as http:
            done = await http.post(one_click, data={"List-Unsubscribe": "One-Click"})
        assert done.status_code == 200
        await leaves_request(server, "eva@example.com")
        await leaves_request(server, "leo@example.com")
        await soon(lambda: box.to("leo@example.com"), "the next one's mail arrived")
        assert len(box.to("eva@example.com")) == 1

        def outcomes() -> list[tuple[str, str]]:
            with server.reading() as database:
                return database.execute("SELECT address, outcome FROM outbox ORDER BY id").fetchall()

        await soon(lambda: all(outcome for _, outcome in outcomes()), "what left is known to have left")
        assert outcomes() == [
            ("eva@example.com", "sent"),
            ("eva@example.com", "stopped"),
            ("leo@example.com", "sent"),
        ]
        assert "evil" not in server.whole_log()
        assert "eva@" not in server.whole_log()
        await asyncio.to_thread(server.stop)
    finally:
        if server.process is not None:
            server.kill()
