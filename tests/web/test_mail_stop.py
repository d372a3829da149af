"""Where the last line of a mail leads."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from chatserver.mail.addresses import Signer
from chatserver.store.database import Reader
from chatserver.store.people import app_by_key
from chatserver.store.tables import mail_stops, meta
from tests.web.conftest import Served

ADDRESS = "Ana+x@Example.com"


@pytest.fixture
def token(served: Served) -> str:
    async def look() -> str:
        db = await Reader.look(served.settings.database)
        try:
            app = await app_by_key(db, "demo", served.settings.policy)
            assert app is not None
            ((secret,),) = await db.rows(select(meta.c.value).where(meta.c.key == "secret"))
            return Signer((served.settings.secret or str(secret)).encode()).stop_token(app.id, ADDRESS)
        finally:
            await db.close()

    return asyncio.run(look())


def stopped(served: Served) -> list[str]:
    async def look() -> list[str]:
        db = await Reader.look(served.settings.database)
        try:
            return [row[0] for row in await db.rows(select(mail_stops.c.who))]
        finally:
            await db.close()

    return asyncio.run(look())


def test_looking_at_the_page_stops_nothing(served: Served, token: str) -> None:
    """Programs look behind every link of a mail."""
    answer = served.client.get(f"/mail/stop/demo/{token}?lang=es", headers={"accept": "text/html"})
    assert answer.status_code == 200
    assert "¿No recibir más avisos?" in answer.text
    assert f"Si confirmas, dejaremos de enviar a {ADDRESS} avisos" in answer.text
    assert f'action="/mail/stop/demo/{token}"' in answer.text
    assert stopped(served) == []


def test_one_click_of_a_mail_program_is_enough_and_can_be_taken_back(served: Served, token: str) -> None:
    """RFC 8058: a POST from nowhere in particular, without a cookie, and no question."""
    first, again = (
        served.client.post(
            f"/mail/stop/demo/{token}?lang=en",
            content="List-Unsubscribe=One-Click",
            headers={"content-type": "application/x-www-form-urlencoded", "accept": "text/html"},
        )
        for _ in range(2)
    )
    assert first.status_code == again.status_code == 200
    assert "Done: no more notices" in again.text
    assert stopped(served) == ["ana+x@example.com"]
    assert f'action="/mail/resume/demo/{token}"' in again.text
    answer = served.client.post(f"/mail/resume/demo/{token}?lang=pt", headers={"accept": "text/html"})
    assert "Pronto: você receberá os avisos" in answer.text
    assert stopped(served) == []


@pytest.mark.parametrize("app", ["demo", "horario", "nobody"])
def test_a_link_that_we_did_not_make_leads_nowhere(served: Served, token: str, app: str) -> None:
    wrong = token if app != "demo" else token[:-1] + ("a" if token[-1] != "a" else "b")
    for method, path in (("GET", "stop"), ("POST", "stop"), ("POST", "resume")):
        assert served.client.request(method, f"/mail/{path}/{app}/{wrong}").status_code == 404
    assert stopped(served) == []
