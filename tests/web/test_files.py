"""Files over HTTP: who may send and fetch, what the answers say, and what no browser is ever told to show."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from starlette.testclient import WebSocketTestSession

from chatserver.services.files import Files
from chatserver.settings import Settings
from chatserver.web.files import disposition
from tests.files.making import EICAR, HTML, SVG, office, png
from tests.harness.clamd import clamd
from tests.harness.s3 import ENVIRONMENT, s3_server
from tests.web.conftest import HOME, Served, started

_numbers = itertools.count(1)
PNG = png(40, 30)


def new_cid() -> str:
    return f"{next(_numbers):022}"


class Visitor:
    """A customer of `app` with a socket and a ticket."""

    def __init__(self, served: Served, ws: Any, app: str = "demo") -> None:
        self.served, self.ws = served, ws
        ws.send_json({"type": "hello", "v": 1, "app": app})
        self.welcome = self.expect("welcome")
        ws.send_json({"type": "start", "cid": new_cid(), "subject": "No puedo facturar"})
        self.ticket = int(self.expect("ack")["ticket"])

    def expect(self, kind: str, **fields: Any) -> dict[str, Any]:
        while True:
            frame: dict[str, Any] = self.ws.receive_json()
            if frame["type"] == kind and all(frame.get(k) == v for k, v in fields.items()):
                return frame
            assert frame["type"] != "error", frame

    def send(
        self, content: bytes | str = PNG, name: str = "captura.png", cid: str = "", **headers: str
    ) -> httpx2.Response:
        given = {
            "origin": HOME,
            "authorization": f"Bearer {self.welcome['token']}",
            "chat-cid": cid or new_cid(),
            "chat-name": quote(name),
        }
        return self.served.client.post("/files", content=content, headers=given | headers)

    def say(self, *files: str, text: str = "") -> int:
        cid = new_cid()
        self.ws.send_json({"type": "say", "ticket": self.ticket, "cid": cid, "text": text, "files": files})
        return int(self.expect("ack", cid=cid)["seq"])

    def links(self, seq: int) -> list[dict[str, Any]]:
        self.ws.send_json({"type": "links", "ticket": self.ticket, "seq": seq})
        found: list[dict[str, Any]] = self.expect("links")["files"]
        return found

    def linked(self, content: bytes | str = PNG, name: str = "captura.png") -> str:
        """The address of a file that was sent and said."""
        seq = self.say(self.send(content, name).json()["id"])
        return str(self.links(seq)[0]["url"])


@pytest.fixture
def ana(served: Served) -> Iterator[Visitor]:
    with served.socket("/ws/customer") as ws:
        yield Visitor(served, ws)


# — up —————————————————————————————————————————————————————————————————————————


def test_a_customer_sends_a_file_says_it_and_fetches_it(ana: Visitor) -> None:
    assert (ana.welcome["file_bytes"], ana.welcome["files_per_message"]) == (20 * 2**20, 10)
    sent = ana.send(PNG, "Captura ñ.png", **{"chat-ticket": str(ana.ticket)})
    assert sent.status_code == 200
    file = sent.json()
    assert (file["name"], file["kind"], file["bytes"]) == ("Captura ñ.png", "png", len(PNG))
    seq = ana.say(file["id"], text="Mira")
    ana.ws.send_json({"type": "history", "ticket": ana.ticket, "before": 1000})
    item = next(i for i in ana.expect("items")["items"] if i["seq"] == seq)
    assert item["files"] == [file]
    (link,) = ana.links(seq)
    assert link["id"] == file["id"]
    got = ana.served.client.get(link["url"])
    assert (got.status_code, got.content) == (200, PNG)


def test_the_same_again_gives_the_same_answer(ana: Visitor) -> None:
    cid = new_cid()
    assert ana.send(cid=cid).json() == ana.send(cid=cid).json()


def test_an_agent_sends_a_file_for_the_ticket_that_they_attend(ana: Visitor) -> None:
    served = ana.served
    assert served.sign_in() == 200
    headers = {
        "origin": HOME,
        "chat-cid": new_cid(),
        "chat-name": "a.png",
        "chat-ticket": str(ana.ticket),
    }
    # Nobody attends it yet.
    refused = served.client.post("/console/files", content=PNG, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "not_yours")
    token = served.client.post("/console/socket-token", headers={"origin": HOME}).json()["token"]
    with beside(served, "/ws/agent") as ws:
        ws.send_json({"type": "hello", "v": 1, "token": token})
        while (frame := ws.receive_json())["type"] != "welcome":
            pass
        assert (frame["apps"][0]["file_bytes"], frame["apps"][0]["files_per_message"]) == (20 * 2**20, 10)
        ws.send_json({"type": "claim", "ticket": ana.ticket})
        while (frame := ws.receive_json())["type"] != "done":
            assert frame["type"] != "error", frame
        sent = served.client.post("/console/files", content=PNG, headers=headers)
        assert sent.status_code == 200
        ws.send_json(
            {"type": "say", "ticket": ana.ticket, "cid": new_cid(), "text": "", "files": [sent.json()["id"]]}
        )
        item = ana.expect("changed", ticket=ana.ticket)
        while not item.get("items") or "files" not in item["items"][-1]:
            item = ana.expect("changed", ticket=ana.ticket)
        assert item["items"][-1]["files"] == [sent.json()]
        (link,) = ana.links(item["items"][-1]["seq"])
        assert served.client.get(link["url"]).content == PNG
        ws.send_json({"type": "links", "ticket": ana.ticket, "seq": item["items"][-1]["seq"]})
        while (frame := ws.receive_json())["type"] != "links":
            assert frame["type"] != "error", frame
        assert served.client.get(frame["files"][0]["url"]).content == PNG
    # No cookie, another page, no ticket.
    without = httpx2.Client(transport=served.client._transport, base_url=HOME)
    assert without.post("/console/files", content=PNG, headers=headers).status_code == 401
    foreign = headers | {"origin": "https://evil.test"}
    assert served.client.post("/console/files", content=PNG, headers=foreign).status_code == 403
    del headers["chat-ticket"]
    assert served.client.post("/console/files", content=PNG, headers=headers).status_code == 400


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"origin": "https://evil.test"}, 403, "forbidden"),
        ({"origin": "null"}, 403, "forbidden"),
        ({"authorization": ""}, 401, "unauthorized"),
        ({"authorization": "Bearer x.y"}, 401, "unauthorized"),
        ({"authorization": "Basic YTpi"}, 401, "unauthorized"),
        ({"chat-cid": ""}, 400, "bad_frame"),
        ({"chat-cid": "x" * 23}, 400, "bad_frame"),
        ({"chat-ticket": "1042"}, 404, "not_found"),
        ({"chat-ticket": "x"}, 400, "bad_request"),
        ({"chat-ticket": "-1"}, 400, "bad_request"),
    ],
)
def test_who_or_what_is_not_right_is_refused_with_a_code(
    ana: Visitor, changed: dict[str, str], status: int, code: str
) -> None:
    answer = ana.send(**changed)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert _kept(ana.served) == []


def test_a_session_that_ended_sends_nothing(ana: Visitor) -> None:
    ana.served.clock.elapse(400 * 86_400)
    assert (ana.send().status_code, ana.send().json()["code"]) == (401, "token_expired")


@pytest.mark.parametrize(
    ("content", "name", "status", "code"),
    [
        ("", "a.txt", 400, "file_empty"),
        (HTML, "a.html", 415, "file_type"),
        (SVG, "a.svg", 415, "file_type"),
        (SVG, "a.png", 415, "file_disguised"),
        (office("docx", also={"word/vbaProject.bin": b"x"}), "a.docx", 415, "file_macros"),
        (PNG, "shell.php\u200b", 415, "file_type"),
        (PNG, "a.png\0.exe", 415, "file_type"),
        (PNG, "../../../a.sh", 415, "file_type"),
    ],
)
def test_what_is_not_taken_has_a_code_and_leaves_nothing(
    ana: Visitor, content: bytes | str, name: str, status: int, code: str
) -> None:
    answer = ana.send(content, name)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert _kept(ana.served) == []


def test_what_is_announced_to_be_too_large_is_not_read(ana: Visitor) -> None:
    answer = ana.send(b"x", **{"content-length": str(21 * 2**20)})
    assert (answer.status_code, answer.json()["code"], answer.json()["limit"]) == (
        413,
        "file_too_large",
        20 * 2**20,
    )


def test_a_name_that_is_no_utf8_is_taken_for_what_it_shows(ana: Visitor) -> None:
    assert ana.send(**{"chat-name": "%ff%fe.png"}).json()["name"] == "\ufffd\ufffd.png"


# — down ———————————————————————————————————————————————————————————————————————


def test_a_file_is_always_saved_and_never_shown(ana: Visitor) -> None:
    got = ana.served.client.get(ana.linked("hola <b>", 'nota "ñ".txt'))
    assert got.headers["content-type"] == "text/plain"
    assert got.headers["content-disposition"] == (
        "attachment; filename=\"nota ___.txt\"; filename*=UTF-8''nota%20%22%C3%B1%22.txt"
    )
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-security-policy"] == "sandbox; default-src 'none'; frame-ancestors 'none'"
    assert got.headers["cross-origin-resource-policy"] == "same-origin"
    assert got.headers["cache-control"] == "private, no-store"
    assert got.headers["content-length"] == "8"
    head = ana.served.client.head(ana.linked("hola", "a.txt"))
    assert (head.headers["content-length"], head.content) == ("4", b"")


@pytest.mark.parametrize("name", ['a"; x="b.txt', "a\\b.txt", "a;b.txt", "a%0d%0ab.txt", "é'*.txt"])
def test_a_name_stays_inside_its_header(name: str) -> None:
    value = disposition(name)
    assert value.isascii()
    assert value.count('"') == 2
    assert not set("\r\n\\") & set(value)
    assert value.count(";") == 2


def test_a_link_that_is_none_or_has_ended_leads_nowhere(ana: Visitor) -> None:
    client, url = ana.served.client, ana.linked()
    for bad in ("/files/x", f"{url}x", url.replace("/files/", "/files/x"), "/files/" + "a" * 10_000):
        assert client.get(bad).status_code == 404
    ana.served.clock.elapse(301)
    gone = client.get(url)
    assert (gone.status_code, gone.json()["code"]) == (410, "gone")
    page = client.get(url, headers={"accept": "text/html"})
    assert "El enlace venció" in page.text


def test_nobody_else_gets_a_link(ana: Visitor) -> None:
    seq = ana.say(ana.send().json()["id"])
    for app in ("demo", "horario"):
        with beside(ana.served, "/ws/customer") as ws:
            ws.send_json({"type": "hello", "v": 1, "app": app})
            while ws.receive_json()["type"] != "welcome":
                pass
            ws.send_json({"type": "links", "ticket": ana.ticket, "seq": seq})
            answer = ws.receive_json()
            assert (answer["type"], answer["code"]) == ("error", "not_found")


@pytest.mark.parametrize(
    ("asked", "status", "body", "told"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=4-", 206, b"456789", "bytes 4-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-30", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=8-30", 206, b"89", "bytes 8-9/10"),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=-0", 416, None, "bytes */10"),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
        ("bytes=" + ",".join(f"{n}-{n}" for n in range(1000)), 200, b"0123456789", None),
        ("bytes=3-1", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        ("lines=0-1", 200, b"0123456789", None),
        ("bytes=99999999999999999999-", 200, b"0123456789", None),
    ],
)
def test_one_part_can_be_asked_for(
    ana: Visitor, asked: str, status: int, body: bytes | None, told: str | None
) -> None:
    got = ana.served.client.get(ana.linked("0123456789", "a.txt"), headers={"range": asked})
    assert got.status_code == status
    assert got.headers.get("content-range") == told
    if body is not None:
        assert got.content == body
        assert got.headers["content-length"] == str(len(body))


def test_readiness_says_that_files_are_missing_and_stays_ready(served: Served) -> None:
    assert served.client.get("/readyz").json() == {"status": "ready"}
    files = served.app.state.hub.downloads._files
    assert isinstance(files, Files)
    files.problem = "the directory is another database's"
    answer = served.client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "without": ["files"]})


def test_who_sends_an_infected_file_is_told_and_while_nobody_can_tell_it_waits(
    settings: Settings, static: Path
) -> None:
    with (
        clamd() as daemon,
        started(settings, static, clamd=f"unix:{daemon.socket}", metrics_token="t" * 32) as served,
    ):
        with served.socket("/ws/customer") as ws:
            ana = Visitor(served, ws)
            answer = ana.send(EICAR, "a.txt")
            assert (answer.status_code, answer.json()["code"]) == (415, "file_infected")
            assert ana.send().status_code == 200
            daemon.stop()
            answer = ana.send()
            assert (answer.status_code, answer.json()["code"]) == (503, "files_unavailable")
            assert answer.json()["retry_after"] > 0
        assert served.client.get("/readyz").json() == {"status": "ready", "without": ["scanner"]}
        told = served.client.get("/metrics", headers={"authorization": "Bearer " + "t" * 32}).text
        for line in ('{outcome="clean"} 1', '{outcome="infected"} 1', '{outcome="failed"} 1'):
            assert f"chatserver_scans_total{line}" in told


def test_who_sends_more_than_the_scanner_takes_is_told_for_good(settings: Settings, static: Path) -> None:
    with (
        clamd(most="1M") as daemon,
        started(settings, static, clamd=f"unix:{daemon.socket}") as served,
        served.socket("/ws/customer") as ws,
    ):
        answer = Visitor(served, ws).send("hola " * 500_000, "largo.txt")
        assert answer.status_code == 413
        assert {**answer.json(), "id": ""} == {"code": "file_unscanned", "id": ""}
        assert "retry-after" not in answer.headers
        assert served.client.get("/readyz").json() == {"status": "ready"}


def test_files_are_kept_in_a_bucket_where_one_is_named(
    settings: Settings, static: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with s3_server(tmp_path) as s3, started(settings, static, files_url=s3.url) as served:
        with served.socket("/ws/customer") as ws:
            ana = Visitor(served, ws)
            got = served.client.get(ana.linked("0123456789", "a.txt"), headers={"range": "bytes=2-4"})
            assert (got.status_code, got.content) == (206, b"234")
        assert served.client.get("/readyz").json() == {"status": "ready"}
        assert len(s3.names()) == 2
        assert not any(settings.files_path.rglob("*/*/*"))


@contextmanager
def beside(served: Served, path: str) -> Iterator[WebSocketTestSession]:
    """A socket while another one is open."""
    with served.client.websocket_connect(f"ws://127.0.0.1:8000{path}", headers={"origin": HOME}) as ws:
        yield ws
        ws.close()


def _kept(served: Served) -> list[bytes]:
    found = (path for path in served.settings.files_path.rglob("*") if path.is_file())
    return [path.read_bytes() for path in found if path.name != "INSTALLATION"]
