"""Authors in the console: who may write what, and nothing lost between two of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.conftest import HOME, Served

OWN = {"origin": HOME}


def call(served: Served, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    answer = served.client.request(method, path, json=body, headers=OWN)
    return answer.status_code, answer.json()


def draft(**changes: Any) -> dict[str, Any]:
    text = {"title": "Un título", "summary": "", "body": "## Hola\n\nTexto.", "category": 1}
    return text | {"app": "demo", "language": "es"} | changes


def saved(base: int, **changes: Any) -> dict[str, Any]:
    return {"title": "Un título", "summary": "", "body": "Otro.", "category": 1, "base": base} | changes


@pytest.fixture
def author(served: Served) -> Served:
    assert served.sign_in() == 200
    return served


def test_an_article_from_draft_to_readers_and_back(author: Served) -> None:
    status, made = call(author, "POST", "/console/articles", draft())
    assert (status, made["state"], made["version"]) == (201, "draft", 1)
    path, public = f"/console/articles/{made['id']}", f"/help/demo/es/article/{made['id']}-un-titulo"
    assert author.client.get(public).status_code == 404
    assert call(author, "POST", f"{path}/publish", {"number": 1})[1]["state"] == "published"
    assert "Texto." in author.client.get(public).text
    assert call(author, "PUT", path, saved(1))[1]["version"] == 2
    assert "Texto." in author.client.get(public).text
    assert call(author, "POST", f"{path}/publish", {"number": 2})[1]["shown"] == 2
    assert "Otro." in author.client.get(public).text
    assert call(author, "POST", f"{path}/publish", {"number": 2})[1]["code"] == "nothing_new"
    assert [v["number"] for v in call(author, "GET", f"{path}/versions")[1]] == [2, 1]
    assert call(author, "GET", f"{path}?version=1")[1]["body"] == "## Hola\n\nTexto."
    assert call(author, "POST", f"{path}/withdraw", {})[1]["state"] == "withdrawn"
    assert author.client.get(public).status_code == 404
    assert call(author, "POST", f"{path}/withdraw", {})[1]["code"] == "nothing_new"
    (row,) = [
        a for a in call(author, "GET", "/console/articles?app=demo")[1]["articles"] if a["id"] == made["id"]
    ]
    assert (row["state"], row["title"], row["views"]) == ("withdrawn", "Un título", 0)


def test_who_saves_second_gets_the_others_text_and_loses_nothing(author: Served) -> None:
    _, made = call(author, "POST", "/console/articles", draft())
    path = f"/console/articles/{made['id']}"
    call(author, "PUT", path, saved(1, body="De Ana."))
    status, refused = call(author, "PUT", path, saved(1, body="De Luis."))
    assert (status, refused["code"], refused["theirs"]["body"]) == (409, "edited_meanwhile", "De Ana.")
    assert call(author, "POST", f"{path}/publish", {"number": 1})[0] == 409
    assert call(author, "PUT", path, saved(2, body="De los dos."))[1]["version"] == 3


def test_a_translation_belongs_to_its_original_and_there_is_one_per_language(author: Served) -> None:
    _, made = call(author, "POST", "/console/articles", draft())
    english = draft(language="en", translates=made["id"], title="A title")
    status, translated = call(author, "POST", "/console/articles", english)
    assert (status, translated["kin"]) == (201, made["kin"])
    assert call(author, "POST", "/console/articles", english)[1]["code"] == "taken"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"title": "x"}, 400, "too_short"),
        ({"title": "x" * 151}, 400, "too_long"),
        ({"body": ""}, 400, "too_short"),
        ({"body": "x" * 40_001}, 400, "too_long"),
        ({"category": 99}, 404, "not_found"),
        ({"app": "nobody"}, 404, "not_found"),
        ({"language": "fr"}, 400, "bad_frame"),
        ({"translates": 99}, 404, "not_found"),
        ({"title": 7}, 400, "bad_request"),
        ({"author_id": 1}, 400, "bad_request"),
    ],
)
def test_what_cannot_be_stored_is_refused_with_a_code(
    author: Served, changes: dict[str, Any], status: int, code: str
) -> None:
    before = call(author, "GET", "/console/articles?app=demo")[1]
    assert call(author, "POST", "/console/articles", draft(**changes))[0] == status
    assert call(author, "POST", "/console/articles", draft(**changes))[1]["code"] == code
    assert call(author, "GET", "/console/articles?app=demo")[1] == before


def test_categories_are_made_named_ordered_and_removed(author: Served) -> None:
    said = {"app": "demo", "names": {"es": "Envíos", "en": " "}, "about": {}}
    status, made = call(author, "POST", "/console/categories", said)
    assert (status, made[-1]["slug"], made[-1]["names"]) == (201, "envios", {"es": "Envíos"})
    new = made[-1]["id"]
    assert call(author, "POST", "/console/categories", said)[1]["code"] == "taken"
    renamed = call(author, "PUT", f"/console/categories/{new}", said | {"names": {"pt": "Entregas"}})[1]
    assert (renamed[-1]["names"], renamed[-1]["slug"]) == ({"pt": "Entregas"}, "envios")
    ids = [category["id"] for category in made]
    ordered = call(author, "PUT", "/console/categories", {"app": "demo", "ids": ids[::-1]})[1]
    assert [category["id"] for category in ordered] == ids[::-1]
    assert call(author, "DELETE", "/console/categories/1?app=demo")[1]["code"] == "not_empty"
    assert len(call(author, "DELETE", f"/console/categories/{new}?app=demo")[1]) == len(made) - 1
    for names in ({}, {"es": " "}, {"fr": "x"}, {"es": "x" * 61}):
        assert call(author, "POST", "/console/categories", said | {"names": names})[0] == 400


READS = (
    "/console/articles?app=demo",
    "/console/articles/1",
    "/console/articles/1/versions",
    "/console/articles/1/votes",
)
WRITES: tuple[tuple[str, str, Any], ...] = (
    ("POST", "/console/articles", draft()),
    ("PUT", "/console/articles/1", saved(1)),
    ("POST", "/console/articles/1/publish", {"number": 1}),
    ("POST", "/console/articles/1/withdraw", {}),
    ("POST", "/console/categories", {"app": "demo", "names": {"es": "X"}}),
    ("PUT", "/console/categories", {"app": "demo", "ids": [1]}),
    ("PUT", "/console/categories/1", {"app": "demo", "names": {"es": "X"}}),
    ("DELETE", "/console/categories/1?app=demo", None),
)


def test_nobody_who_is_not_signed_in_reads_or_writes(served: Served) -> None:
    for path in READS:
        assert served.client.get(path).status_code == 401
    for method, path, body in WRITES:
        assert call(served, method, path, body)[0] == 401
    form = {"app": "demo", "language": "es", "title": "x", "body": "y"}
    assert served.client.post("/console/articles/preview", data=form, headers=OWN).status_code == 401


def test_a_page_of_another_site_writes_nothing_with_an_agents_cookie(author: Served) -> None:
    for method, path, body in WRITES:
        for headers in (
            {"origin": "https://evil.test"},
            {"sec-fetch-site": "cross-site", "origin": HOME},
            {},
        ):
            assert author.client.request(method, path, json=body, headers=headers).status_code == 403
    assert call(author, "GET", "/console/articles/1")[1]["version"] == 1


def test_an_agent_of_another_app_finds_nothing(served: Served) -> None:
    """Luis no longer attends the app that the articles are of."""
    import sqlite3

    served.client.__exit__(None, None, None)
    database = sqlite3.connect(served.settings.database_path)
    database.execute(
        "DELETE FROM agent_apps WHERE agent_id = 2 AND app_id = (SELECT id FROM apps WHERE key = 'demo')"
    )
    database.commit()
    database.close()
    served.client.__enter__()
    assert served.sign_in("luis@demo.test") == 200
    for path in READS:
        assert served.client.get(path).status_code == 404, path
    for method, path, body in WRITES:
        assert call(served, method, path, body)[0] == 404, path
    form = {"app": "demo", "language": "es", "title": "x", "body": "y"}
    assert served.client.post("/console/articles/preview", data=form, headers=OWN).status_code == 404


def test_a_preview_is_what_readers_would_see_in_a_frame_of_ours_alone(author: Served) -> None:
    form = {
        "app": "demo",
        "language": "es",
        "title": "<i>Uno</i>",
        "body": "> [!TIP]\n> Ojo\n\n<script>x</script>",
    }
    answer = author.client.post("/console/articles/preview", data=form, headers=OWN)
    assert "<h1>&lt;i&gt;Uno&lt;/i&gt;</h1>" in answer.text
    assert '<blockquote class="callout tip">' in answer.text
    assert "<script" not in answer.text
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'self'" in policy
    assert "script-src" not in policy
    assert policy.startswith("default-src 'none'")
    for wrong in ({"language": "fr"}, {"app": "demo"}, {"language": "es", "app": "nobody"}):
        status = author.client.post("/console/articles/preview", data=wrong, headers=OWN).status_code
        assert status in (400, 404)
    limited = [
        author.client.post("/console/articles/preview", data=form, headers=OWN).status_code for _ in range(61)
    ]
    assert limited[-1] == 429
