"""What is suggested below a subject: by a script while it is typed, without one on the page that is shown again."""

from __future__ import annotations

import html
import re
from pathlib import Path

from chatserver.settings import Settings
from tests.web.conftest import Served, started
from tests.web.portal_visitor import ADDRESS, OWN, Desk, Visitor


def article_of(ana: Visitor, question: str = "factura") -> tuple[int, str]:
    """(id, title) of a demo article that this question finds."""
    (found, *_) = ana.client.get(f"/help/demo/suggest?lang=es&q={question}").json()["articles"]
    return int(found["id"]), str(found["title"])


def similar(ana: Visitor, question: str) -> list[int]:
    return [
        one["number"] for one in ana.client.get(ana.path("similar"), params={"q": question}).json()["tickets"]
    ]


def test_open_tickets_of_ones_own_that_sound_alike_are_suggested(
    served: Served, ana: Visitor, desk: Desk
) -> None:
    first = ana.writes("No puedo descargar mi factura")
    closed = ana.writes("La factura de mayo no descarga")
    desk.takes(closed)
    desk.closes(closed)
    ana.writes("La impresora no responde")
    assert similar(ana, "descargar la FACTÚRA de junio") == [first]
    assert similar(ana, "no la de") == similar(ana, "") == similar(ana, "%\0_") == []
    eva = Visitor(served).signs_up("eva@empresa.test")
    assert similar(eva, "descargar factura") == []


def test_without_a_script_they_are_shown_when_asked_for_and_nothing_is_lost(ana: Visitor, desk: Desk) -> None:
    number = ana.writes("No puedo descargar mi factura")
    _, title = article_of(ana)
    ana.opens("new").posts("new", subject="Descargar la factura", text="Hola", look="yes")
    assert ana.status == 200
    assert ana.shows(title)
    assert f'href="/portal/demo/tickets/{number}"' in ana.page
    ana.posts("new", type="question")
    assert ana.at == f"/tickets/{number + 1}"
    assert desk.rows("SELECT count(*) FROM tickets") == [(2,)]


def test_a_ticket_that_is_sent_all_the_same_counts_as_not_avoided(settings: Settings, static: Path) -> None:
    with started(settings, static) as served:
        ana = Visitor(served).signs_up(ADDRESS)
        article, _ = article_of(ana)
        assert ana.client.post(f"/help/demo/count/opened/{article}", headers=OWN).status_code == 204
        opened = f"{article} {article} 999999 x -1 " + "9" * 40
        ana.opens("new").posts("new", subject="No", text="Hola", type="question", opened=opened)
        assert ana.status == 400
        assert html.unescape(re.findall(r'name="opened" value="([^"]*)"', ana.page)[0]) == opened
        ana.posts("new", subject="Otra factura")
        assert ana.at.startswith("/tickets/")
        desk = Desk(served)
    # A stop writes what was counted.
    assert desk.rows("SELECT id, opened, followed FROM articles WHERE opened + followed > 0") == [
        (article, 1, 1)
    ]
