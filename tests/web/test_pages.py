"""What the pages are, in which language, and what stands in them."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.requests import Request

from chatserver.i18n import LANGUAGES
from chatserver.settings import Settings
from chatserver.store.base import StoreFailed
from chatserver.store.database import Database
from chatserver.store.health import probe
from chatserver.web.embed import CHUNKS
from chatserver.web.errors import way_on
from tests.web.conftest import HASHED, Served, started


def test_the_front_door_links_demo_and_console(served: Served) -> None:
    page = served.client.get("/")
    assert page.status_code == 200
    assert 'href="/demo"' in page.text
    assert 'href="/console"' in page.text


def test_pages_are_spanish_unless_somebody_asks_for_another_language(served: Served) -> None:
    assert '<html lang="es-419"' in served.client.get("/", headers={"accept-language": "en"}).text
    assert '<html lang="en"' in served.client.get("/?lang=en").text
    assert '<html lang="pt-BR"' in served.client.get("/console?lang=pt").text
    assert '<html lang="es-419"' in served.client.get("/?lang=xx").text


def test_the_operator_may_let_the_browser_choose_the_language(settings: Settings, static: Path) -> None:
    with started(settings, static, language="auto") as served:
        accepted = {"accept-language": "fr;q=0.9, pt-BR;q=0.8, en;q=0.5"}
        assert '<html lang="pt-BR"' in served.client.get("/", headers=accepted).text


def test_the_frame_says_which_app_it_shows_and_who_frames_it(served: Served) -> None:
    page = served.client.get("/embed/demo?locale=en&host=http%3A%2F%2Flocalhost%3A8000").text
    assert '<html lang="en"' in page
    for attribute in (
        'data-app="demo"',
        'data-locale="en"',
        'data-host="http://localhost:8000"',
        'data-name="Demo"',
    ):
        assert attribute in page
    assert '<div id="app"></div>' in page
    for chunk in CHUNKS:
        assert re.search(rf' data-{chunk}="/static/\S+\.js /static/\S+\.css" ', page)
        assert all(f" data-{chunk}-{language}=" in page for language in LANGUAGES)
    assert f'<script type="module" src="/static/build/{HASHED}"></script>' in page
    assert "<noscript><p>This page needs JavaScript" in page


@pytest.mark.parametrize(
    "host",
    [
        "",
        "http://localhost:8000.evil.test/",
        "null",
        '"><script>',
        "https://x.test; script-src *",
    ],
)
def test_a_host_that_is_no_origin_is_not_written_down(served: Served, host: str) -> None:
    answer = served.client.get("/embed/demo", params={"host": host})
    assert 'data-host=""' in answer.text
    assert "evil" not in answer.text
    assert "<script>" not in answer.text
    assert "x.test" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("app", "host", "status", "code", "remedy"),
    [
        ("demo", "https://x.test", 403, "origin_refused", "chatserver app set demo --origin https://x.test"),
        ("demo", "http://localhost:8001", 403, "origin_refused", "--origin http://localhost:8001"),
        ("nobody", "https://x.test", 404, "app_unknown", "there is no app &#34;nobody&#34;"),
        ('no"<body', "https://x.test", 404, "app_unknown", "there is no app &#34;no&#34;&lt;body&#34;"),
    ],
)
def test_a_page_into_which_the_chat_is_not_let_gets_a_frame_that_says_so_and_nothing_of_the_chat(
    served: Served, app: str, host: str, status: int, code: str, remedy: str
) -> None:
    answer = served.client.get(f"/embed/{quote(app)}", params={"host": host, "locale": "es"})
    assert answer.status_code == status
    assert f' data-host="{host}" data-code="{code}" ' in answer.text
    assert remedy in answer.text
    assert "El chat no está disponible en esta página" in answer.text
    assert "frame.js" not in answer.text
    assert HASHED not in answer.text
    policy = answer.headers["content-security-policy"]
    assert f"frame-ancestors {host};" in policy
    assert "script-src 'self';" in policy


def test_an_unknown_app_gets_a_page_that_says_what_to_check(served: Served) -> None:
    page = served.client.get("/embed/nobody?locale=en")
    assert page.status_code == 404
    assert "data-app" in page.text
    assert "chatserver app list" in page.text


def test_the_console_is_the_same_page_for_everybody(served: Served) -> None:
    page = served.client.get("/console").text
    assert '<div id="app"></div>' in page
    assert 'data-words="/static/' in page


@pytest.mark.parametrize(
    ("path", "way"),
    [
        ("/portal/demo/tickets/nowhere/at/all", '<a href="/portal/demo">Go to the portal</a>'),
        ("/help/demo/en/nowhere/at/all", '<a href="/help/demo">Go to the help articles</a>'),
        ("/console/nowhere", '<a href="/console">Go to the console</a>'),
        ("/portal/nobody/nowhere/at/all", ""),
        ("/nowhere", ""),
    ],
)
def test_an_error_page_says_where_to_go_from_here(served: Served, path: str, way: str) -> None:
    page = served.client.get(f"{path}?lang=en", headers={"accept": "text/html"})
    assert page.status_code == 404
    assert way in page.text
    assert page.text.count("<a ") == bool(way)


@pytest.mark.parametrize(
    ("method", "path", "way"),
    [
        ("GET", "/portal/demo/new", ("/portal/demo/new", "again")),
        ("POST", "/portal/demo/new", ("", "")),
        ("GET", "//evil.example/portal/demo", ("/%2Fevil.example/portal/demo", "again")),
    ],
)
def test_what_failed_on_our_side_is_asked_for_again_and_only_of_us(
    method: str, path: str, way: tuple[str, str]
) -> None:
    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": []}
    assert way_on(Request(scope), 503) == way


def test_an_unknown_page_is_a_page_for_people_and_json_for_programs(served: Served) -> None:
    page = served.client.get("/nowhere?lang=en", headers={"accept": "text/html"})
    assert page.status_code == 404
    assert "We could not find this page" in page.text
    answer = served.client.get("/nowhere")
    assert answer.status_code == 404
    assert set(answer.json()) == {"code", "id"}
    assert answer.json()["code"] == "not_found"


def test_a_wrong_method_is_told_which_ones_there_are(served: Served) -> None:
    answer = served.client.post("/console")
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]
    assert answer.json()["code"] == "method_not_allowed"


def test_the_server_is_alive_and_ready(served: Served) -> None:
    assert served.client.get("/healthz").json()["status"] == "ok"
    assert served.client.get("/readyz").json() == {"status": "ready"}


def test_a_server_that_drains_is_alive_and_not_ready(served: Served) -> None:
    served.app.state.hub.draining = True
    answer = served.client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["reasons"] == ["draining"]
    assert served.client.get("/healthz").status_code == 200


def test_a_database_that_takes_no_writes_is_not_ready_and_is_asked_again_after_a_second(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def full(db: Database, now: int) -> None:
        asked.append(now)
        raise StoreFailed("disk full: /var/lib/somewhere")

    monkeypatch.setattr("chatserver.watching.readiness.probe", full)
    for _ in range(2):
        answer = served.client.get("/readyz")
        assert (answer.status_code, answer.json()["reasons"]) == (503, ["database"])
        assert "somewhere" not in answer.text
    assert len(asked) == 1
    monkeypatch.setattr("chatserver.watching.readiness.probe", probe)
    served.clock.elapse(1.1)
    assert served.client.get("/readyz").status_code == 200


def test_whoever_asks_often_whether_it_is_ready_causes_one_write_a_second(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def counted(db: Database, now: int) -> None:
        asked.append(now)

    monkeypatch.setattr("chatserver.watching.readiness.probe", counted)
    for _ in range(20):
        served.client.get("/readyz")
    assert len(asked) == 1
    served.clock.elapse(1.1)
    served.client.get("/readyz")
    assert len(asked) == 2


def test_hashed_files_are_kept_for_ever_and_packed(served: Served) -> None:
    answer = served.client.get(f"/static/build/{HASHED}")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["vary"] == "accept-encoding"
    plain = served.client.get(f"/static/build/{HASHED}", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.text == answer.text


def test_the_loader_is_kept_shortly_and_may_be_loaded_by_any_site(served: Served) -> None:
    answer = served.client.get("/widget.js")
    assert answer.headers["cache-control"].startswith("public, max-age=300")
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    again = served.client.get("/widget.js", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../pyproject.toml",
        "/static/%2e%2e/%2e%2e/pyproject.toml",
        "/static//etc/passwd",
        "/static/build/../../pyproject.toml",
        "/static/build",
        "/static/",
        "/static/build/.stamp",
    ],
)
def test_nothing_but_the_static_files_is_served(served: Served, path: str) -> None:
    assert served.client.get(path).status_code == 404


def test_without_a_front_end_the_loader_is_not_there_yet(settings: Settings, tmp_path: Path) -> None:
    empty = tmp_path / "static"
    empty.mkdir()
    with started(settings, empty) as served:
        assert served.client.get("/widget.js").status_code == 503


def test_a_new_build_is_served_without_a_new_start(
    served: Served, settings: Settings, tmp_path: Path
) -> None:
    build = tmp_path / "static" / "build"
    build.mkdir(parents=True)
    with started(settings, build.parent, database_url=f"sqlite:///{tmp_path}/other.db") as other:
        assert other.client.get("/widget.js").status_code == 503
        (build / "widget.js").write_text("built")
        (build / "manifest.json").write_text('{"widget.js": "widget.js"}')
        assert other.client.get("/widget.js").text == "built"


def test_a_surprise_is_answered_with_an_id_and_nothing_of_itself(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(self: object, name: str) -> str:
        raise RuntimeError("SELECT secret FROM /home/somebody")

    monkeypatch.setattr("chatserver.web.assets.Assets.url", broken)
    answer = served.client.get("/console")
    assert answer.status_code == 500
    assert set(answer.json()) == {"code", "id"}
    assert re.fullmatch("[0-9a-f]{12}", answer.json()["id"])
    (record,) = (r for r in caplog.records if r.levelname == "ERROR")
    assert record.id == answer.json()["id"]  # type: ignore[attr-defined]


def test_while_the_database_is_away_a_page_says_try_again_and_the_log_says_it_once(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert served.sign_in() == 200
    asked = ["/console/session", "/console/articles", "/console/session"]
    with monkeypatch.context() as broken:

        async def away(*_: object) -> list[object]:
            raise TimeoutError("SELECT secret FROM sessions")

        broken.setattr("chatserver.store.sqlite.database._rows", away)
        for path in asked:
            answer = served.client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert answer.headers["retry-after"] == "5"
        page = served.client.get("/console/session", headers={"accept": "text/html", "accept-language": "es"})
        assert (page.status_code, page.headers["retry-after"]) == (503, "5")
        assert "Inténtalo de nuevo en un momento." in page.text
        assert "<code>" not in page.text, "a number of which the log knows nothing"
    assert [(r.levelname, bool(r.exc_info)) for r in caplog.records] == [("ERROR", False)]
    assert served.client.get("/console/session").status_code == 200


def test_metrics_are_there_for_whoever_shows_the_token_and_for_nobody_else(
    settings: Settings, static: Path
) -> None:
    token = "t" * 32
    with started(settings, static) as served:
        assert served.client.get("/metrics", headers={"authorization": "Bearer "}).status_code == 404
    with started(settings, static, metrics_token=token) as served:
        assert served.client.get("/metrics").status_code == 404
        assert served.client.get("/metrics", headers={"authorization": f"Bearer {token}x"}).status_code == 404
        shown = served.client.get("/metrics", headers={"authorization": f"Bearer {token}"})
        assert shown.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert 'chatserver_connections{audience="customer"} 0' in shown.text
