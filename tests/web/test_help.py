"""The help centre's pages: what readers see, what caches may keep, what is never shown."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from contextlib import closing
from typing import Any
from xml.etree import ElementTree

import pytest

from chatserver.core.proof import LEAST_MS, MOST_MS, WORK_BITS
from chatserver.demo.scene import COLOR
from tests.web.conftest import HOME, Served

OWN = {"origin": HOME}
FEEDBACK = "/help/demo/es/article/1/feedback"


def page(served: Served, path: str, status: int = 200, **headers: str) -> str:
    answer = served.client.get(path, headers={"accept": "text/html", **headers}, follow_redirects=False)
    assert answer.status_code == status, answer.text[:300]
    return answer.text


def article_path(served: Served) -> str:
    answer = served.client.get("/help/demo/es/article/1", follow_redirects=False)
    assert answer.status_code == 301
    return str(answer.headers["location"])


def stored(served: Served, query: str) -> list[Any]:
    with closing(sqlite3.connect(served.settings.database_path)) as database:
        return database.execute(query).fetchall()


# — pages ——————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize(
    ("query", "accepted", "lang"),
    [("", "", "es"), ("", "pt-BR,en;q=0.5", "pt"), ("?lang=en", "pt", "en"), ("", "fr", "es")],
)
def test_the_door_leads_to_the_readers_language(served: Served, query: str, accepted: str, lang: str) -> None:
    answer = served.client.get(
        f"/help/demo{query}", headers={"accept-language": accepted}, follow_redirects=False
    )
    assert (answer.status_code, answer.headers["location"]) == (302, f"/help/demo/{lang}")
    assert answer.headers["vary"] == "accept-language"


def test_an_app_without_articles_has_no_help_centre_and_a_strangers_key_no_page(served: Served) -> None:
    page(served, "/help/horario", 404)
    page(served, "/help/horario/es", 404)
    page(served, "/help/nobody", 404)
    page(served, "/help/nobody/es", 404)
    page(served, "/help/demo/fr", 404)
    page(served, "/help/.canary/es", 404)


def test_whoever_reads_on_without_an_answer_is_led_to_support(served: Served) -> None:
    for path in ("/help/demo/es", article_path(served), "/help/demo/es/search?q=nada"):
        assert '<a href="/portal/demo/new">¿No lo encontraste? Escríbenos</a>' in page(served, path), path
    assert 'href="/help/demo?lang=es"' in page(served, "/?lang=es")


def test_home_category_and_article_lead_to_each_other(served: Served) -> None:
    home = page(served, "/help/demo/es")
    path = article_path(served)
    assert re.fullmatch(r"/help/demo/es/article/1-como-emitir-una-factura-electronica", path)
    assert f'href="{path}"' in home
    assert 'href="/help/demo/es/category/facturas"' in home
    assert f'href="{path}"' in page(served, "/help/demo/es/category/facturas")
    text = page(served, path)
    for said in (
        "Por Ana Ríos",
        "Actualizado el",
        "min de lectura",
        "En este artículo",
        "Volver arriba",
        "Artículos relacionados",
        "¿Te fue útil este artículo?",
        'href="#s-emitir-la-factura"',
        'id="s-emitir-la-factura"',
    ):
        assert said in text, said
    assert 'href="/help/demo/es/category/facturas"' in text
    page(served, "/help/demo/es/category/nada", 404)


def test_a_page_says_what_it_is_to_programs(served: Served) -> None:
    path = article_path(served)
    text = page(served, path)
    assert f'<link rel="canonical" href="{HOME}{path}">' in text
    assert re.search(r'hreflang="en" href="http://127\.0\.0\.1:8000/help/demo/en/article/\d+-how-to', text)
    assert re.search(r'hreflang="pt-BR"', text)
    assert '<meta property="og:type" content="article">' in text
    described = re.search(r'<script type="application/ld\+json">(.*?)</script>', text)
    assert described is not None
    said = json.loads(described[1])
    assert said["headline"] == "Cómo emitir una factura electrónica"
    assert said["author"]["name"] == "Ana Ríos"


def test_another_slug_leads_to_the_right_one_and_another_language_to_nothing(served: Served) -> None:
    answer = served.client.get("/help/demo/es/article/1-otra-cosa", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (301, article_path(served))
    page(served, "/help/demo/en/article/1", 404)
    for name in ("x", "1x", "99999", "-1", "1" * 30, "%00", "1-%0d%0aset-cookie:a"):
        answer = served.client.get(f"/help/demo/es/article/{name}", follow_redirects=False)
        assert answer.status_code in (301, 404), name
        assert "set-cookie" not in answer.headers


def test_a_missing_article_is_told_with_a_way_to_look_for_it(served: Served) -> None:
    text = page(served, "/help/demo/es/article/99-x", 404)
    assert "No encontramos este artículo" in text
    assert 'action="/help/demo/es/search"' in text


@pytest.mark.parametrize("path", ["/help/horario", "/help/horario/es"])
def test_who_comes_before_there_is_an_article_is_told_so_and_shown_a_way_on(
    served: Served, path: str
) -> None:
    text = page(served, path, 404)
    assert "Todavía no hay artículos" in text
    assert 'href="/portal/horario?lang=es"' in text
    assert "/search" not in text, "where nothing is there to be found"
    assert 'href="/help/horario"' not in re.sub(r"(?s)<header.*</header>", "", text), (
        "no way back to this page"
    )


def test_search_marks_what_was_found_and_shows_a_question_as_text(served: Served) -> None:
    text = page(served, "/help/demo/es/search?q=IMPRESORA")
    assert re.search(r"Conectar la <mark>impresora</mark> fiscal", text)
    hostile = page(served, '/help/demo/es/search?q="><script>alert(1)</script>')
    assert "<script>alert" not in hostile
    assert "&lt;script&gt;" in hostile
    assert "Prueba con menos palabras" in page(served, "/help/demo/es/search")


def test_suggestions_are_five_at_most_and_may_be_kept(served: Served) -> None:
    answer = served.client.get("/help/demo/suggest?lang=es&q=no puedo emitir la factura")
    found = answer.json()["articles"]
    assert found[0]["title"] == "Cómo emitir una factura electrónica"
    assert found[0]["url"] == article_path(served)
    assert set(found[0]) == {"id", "title", "url", "excerpt"}
    assert len(found) <= 5
    assert answer.headers["cache-control"] == "public, max-age=60"
    assert served.client.get("/help/demo/suggest?lang=es&q=").json() == {"articles": []}


def test_feed_and_sitemap_are_xml_with_every_article(served: Served) -> None:
    feed = served.client.get("/help/demo/es/feed.xml")
    assert feed.headers["content-type"].startswith("application/rss+xml")
    items = ElementTree.fromstring(feed.text).findall("channel/item")
    assert len(items) == 5
    sitemap = served.client.get("/help/demo/sitemap.xml")
    found = re.findall(r"<loc>(.*?)</loc>", sitemap.text)
    ElementTree.fromstring(sitemap.text)
    assert len(found) == 3 + 7
    assert f"{HOME}{article_path(served)}" in found
    assert served.client.get("/help/horario/sitemap.xml").status_code == 404


# — caches —————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize(
    "path", ["/help/demo/es", "/help/demo/es/category/facturas", "article", "/help/demo/es/feed.xml"]
)
def test_who_has_a_page_is_told_that_it_is_the_same(served: Served, path: str) -> None:
    path = article_path(served) if path == "article" else path
    first = served.client.get(path)
    assert first.headers["cache-control"] == "public, max-age=60"
    assert "set-cookie" not in first.headers
    assert "vary" not in first.headers
    again = served.client.get(path, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    since = served.client.get(path, headers={"if-modified-since": first.headers["last-modified"]})
    assert since.status_code == 304
    for stale in ("Mon, 01 Jan 2001 00:00:00 GMT", "nonsense", "Mon, 01 Jan 0001 00:00:00 GMT"):
        assert served.client.get(path, headers={"if-modified-since": stale}).status_code == 200
    assert served.client.get(path, headers={"if-none-match": '"other"'}).status_code == 200


def test_the_apps_colour_comes_in_a_sheet_of_its_own(served: Served) -> None:
    text = page(served, "/help/demo/es")
    address = re.search(r'href="(/help/demo/theme\.css\?v=[0-9a-f]{20})"', text)
    assert address is not None
    sheet = served.client.get(address[1])
    assert sheet.headers["content-type"].startswith("text/css")
    assert f"--fill: {COLOR}" in sheet.text


# — what readers think —————————————————————————————————————————————————————————


def ask(served: Served) -> str:
    answer = served.client.get(FEEDBACK, headers={"accept": "application/json"})
    assert answer.json()["bits"] == WORK_BITS
    assert answer.headers["cache-control"] == "no-store"
    return str(answer.json()["token"])


def worked(token: str) -> str:
    for number in range(2_000_000):
        digest = hashlib.sha256(f"{token}:{number}".encode()).digest()
        if int.from_bytes(digest[:4], "big") >> (32 - WORK_BITS) == 0:
            return str(number)
    raise AssertionError("no number found")


def send(served: Served, **fields: Any) -> tuple[int, str]:
    answer = served.client.post(FEEDBACK, data=fields, headers={"accept": "application/json", **OWN})
    return answer.status_code, answer.json().get("code", "")


def votes(served: Served) -> list[Any]:
    return stored(
        served, "SELECT article_id, number, useful, reasons, comment FROM article_votes ORDER BY at"
    )


def test_a_reader_says_no_and_why_and_may_change_their_mind(served: Served) -> None:
    token = ask(served)
    served.clock.elapse(4)
    work = worked(token)
    assert send(served, token=token, work=work, useful="no") == (400, "reason_required")
    assert send(served, token=token, work=work, useful="no", reason="other", comment=" ") == (
        400,
        "reason_required",
    )
    assert send(
        served, token=token, work=work, useful="no", reason=["unclear", "other", "x"], comment="¿Y el IVA?"
    ) == (200, "")
    assert votes(served) == [(1, 1, 0, '["unclear","other"]', "¿Y el IVA?")]
    token = ask(served)
    served.clock.elapse(4)
    assert send(served, token=token, work=worked(token), useful="yes", comment="") == (200, "")
    assert votes(served) == [(1, 1, 1, "[]", "")]


def test_a_token_that_is_used_again_changes_one_vote(served: Served) -> None:
    token = ask(served)
    served.clock.elapse(4)
    work = worked(token)
    for _ in range(5):
        served.client.cookies.clear()
        assert send(served, token=token, work=work, useful="yes") == (200, "")
    assert len(votes(served)) == 1
    served.client.cookies.set("help-reader", "invented")
    assert send(served, token=token, work=work, useful="yes") == (200, "")
    assert len(votes(served)) == 1


def test_without_proof_nothing_counts(served: Served) -> None:
    token = ask(served)
    work = worked(token)
    assert send(served, token=token, work=work, useful="yes") == (400, "bad_proof")  # too soon
    served.clock.elapse(LEAST_MS / 1000)
    for wrong in (
        {"token": token, "work": "x"},
        {"token": token, "work": ""},
        {"token": token, "answer": "99"},
        {"token": token, "work": work, "website": "https://spam.test"},
        {"token": f"{token[:-2]}xx", "work": work},
        {"token": "", "work": work},
        {"token": token, "work": work + "0" * 20},
    ):
        assert send(served, useful="yes", **wrong) == (400, "bad_proof"), wrong
    other = served.client.get(
        "/help/demo/es/article/4/feedback", headers={"accept": "application/json"}
    ).json()["token"]
    served.clock.elapse(4)
    assert send(served, token=other, work=worked(other), useful="yes") == (400, "bad_proof")
    served.clock.elapse(MOST_MS / 1000)
    assert send(served, token=token, work=work, useful="yes") == (400, "bad_proof")  # too late
    assert votes(served) == []


def test_a_form_of_another_site_is_refused(served: Served) -> None:
    token = ask(served)
    served.clock.elapse(4)
    fields = {"token": token, "work": worked(token), "useful": "yes"}
    for headers in ({"origin": "https://evil.test"}, {"sec-fetch-site": "cross-site"}, {}):
        assert served.client.post(FEEDBACK, data=fields, headers=headers).status_code == 403
    assert served.client.post(FEEDBACK, json=fields, headers=OWN).status_code == 415
    assert served.client.post(FEEDBACK, data={"comment": "x" * 20_000}, headers=OWN).status_code == 413
    many = "&".join(f"a{n}=1" for n in range(1_000))
    form = {"content-type": "application/x-www-form-urlencoded", **OWN}
    assert served.client.post(FEEDBACK, content=many, headers=form).status_code == 400
    assert votes(served) == []


def test_without_a_script_a_sum_does_and_nothing_that_was_written_is_lost(served: Served) -> None:
    text = page(served, f"{FEEDBACK}?useful=no")
    token = re.search(r'name="token" value="([^"]+)"', text)
    numbers = re.search(r"(\d+) \+ (\d+)", text)
    assert token is not None
    assert numbers is not None
    served.clock.elapse(5)
    fields = {"token": token[1], "useful": "no", "reason": "wrong", "comment": "No anda <b>"}
    headers = {"accept": "text/html", **OWN}
    refused = served.client.post(FEEDBACK, data={**fields, "answer": "1"}, headers=headers)
    assert refused.status_code == 400
    assert "Revisa la suma" in refused.text
    assert "No anda &lt;b&gt;" in refused.text
    assert re.search(r'value="wrong" checked', refused.text)
    good = str(int(numbers[1]) + int(numbers[2]))
    done = served.client.post(
        FEEDBACK, data={**fields, "answer": good}, headers=headers, follow_redirects=False
    )
    assert (done.status_code, done.headers["location"]) == (303, f"{FEEDBACK}?done")
    cookie = done.headers["set-cookie"]
    assert f"Path={FEEDBACK}" in cookie
    assert "HttpOnly" in cookie
    assert "Gracias por tu opinión" in page(served, f"{FEEDBACK}?done")
    assert votes(served) == [(1, 1, 0, '["wrong"]', "No anda <b>")]


def test_one_network_gives_so_many_answers_in_an_hour(served: Served) -> None:
    token = ask(served)
    served.clock.elapse(4)
    work = worked(token)
    answers = [send(served, token=token, work=work, useful="yes")[1] for _ in range(62)]
    assert answers[:60] == [""] * 60
    assert answers[-1] == "rate_limited"


# — figures ————————————————————————————————————————————————————————————————————


def test_views_and_suggestions_are_counted_together_and_written_at_the_end(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    for what, times in (("views", 3), ("opened", 2), ("followed", 1)):
        for _ in range(times):
            assert served.client.post(f"/help/demo/count/{what}/1", headers=OWN).status_code == 204
    assert served.client.post("/help/demo/count/views/1").status_code == 403
    assert served.client.post("/help/demo/count/cars/1", headers=OWN).status_code == 404
    assert served.client.post("/help/demo/count/views/99", headers=OWN).status_code == 404
    assert served.client.post("/help/horario/count/views/1", headers=OWN).status_code == 404
    counts = "SELECT views, opened, followed FROM articles WHERE id = 1"
    assert stored(served, counts) == [(0, 0, 0)]  # not one write per view
    served.client.__exit__(None, None, None)
    assert stored(served, counts) == [(3, 2, 1)]
    served.client.__enter__()
