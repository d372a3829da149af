"""A browser without scripts at the portal: it keeps cookies, follows redirects and posts the forms that it was shown."""

from __future__ import annotations

import html
import json
import re
import secrets
import sqlite3
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import httpx2
from sqlalchemy import select
from starlette.testclient import TestClient

from chatserver.services import administration, apps, pairing, requests, talk, tickets
from chatserver.services.house import House
from chatserver.store import tables
from chatserver.store.work import Who
from tests.web.conftest import HOME, Served

ANA = 1
"""The agent Ana Ríos."""
ADDRESS = "ana@empresa.test"
"""Of the customer whom the fixture `ana` signs up."""
PASSWORD = "un caballo con paraguas"
OWN = {"origin": HOME, "sec-fetch-site": "same-origin"}
_INPUT = re.compile(r"<input\b[^>]*>", re.DOTALL)
_AREA = re.compile(r"<textarea\b([^>]*)>\n?(.*?)</textarea>", re.DOTALL)
_SELECT = re.compile(r"<select\b([^>]*)>(.*?)</select>", re.DOTALL)
_OPTION = re.compile(r"<option\b([^>]*)>")
_FORM = re.compile(r"<form\b([^>]*)>(.*?)</form>", re.DOTALL)


def attribute(tag: str, name: str) -> str | None:
    found = re.search(rf'\b{name}="([^"]*)"', tag)
    return html.unescape(found[1]) if found else None


def fields(page: str, action: str) -> dict[str, str]:
    """What stands in the form that posts to `action`, as it was given."""
    for tag, body in _FORM.findall(page):
        if attribute(tag, "action") == action and "method=" in tag:
            return _fields(body, page, attribute(tag, "id"))
    raise AssertionError(f"no form posts to {action}")


def _fields(body: str, page: str, form_id: str | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for tag in _INPUT.findall(body):
        name, kind = attribute(tag, "name"), attribute(tag, "type")
        if name and kind != "file" and (kind not in ("radio", "checkbox") or " checked" in tag):
            found[name] = attribute(tag, "value") or ""
    for tag, options in _SELECT.findall(body):
        offered = _OPTION.findall(options)
        chosen = next((one for one in offered if " selected" in one), offered[0])
        found[attribute(tag, "name") or ""] = attribute(chosen, "value") or ""
    elsewhere = [area for area in _AREA.findall(page) if form_id and attribute(area[0], "form") == form_id]
    for tag, text in [*_AREA.findall(body), *elsewhere]:
        name = attribute(tag, "name")
        if name:
            found[name] = html.unescape(text)
    return found


class Visitor:
    """One browser; `app`: whose portal. `page` is what it shows."""

    def __init__(self, served: Served, app: str = "demo") -> None:
        self.served = served
        self.app = app
        self.client = TestClient(served.client.app, base_url=str(served.client.base_url))
        # The same event loop and the same started application, with cookies of its own.
        self.client.portal = served.client.portal
        self.client.app_state.update(served.client.app_state)
        self.answer: httpx2.Response | None = None

    @property
    def page(self) -> str:
        assert self.answer is not None
        return str(self.answer.text)

    @property
    def status(self) -> int:
        assert self.answer is not None
        return int(self.answer.status_code)

    @property
    def at(self) -> str:
        """The path of the page that is shown, below the portal."""
        assert self.answer is not None
        return urlsplit(str(self.answer.url)).path.removeprefix(self.path())

    def path(self, place: str = "") -> str:
        slash = "/" if place and not place.startswith("?") else ""
        return f"/portal/{self.app}{slash}{place}"

    def opens(self, place: str = "", **headers: str) -> Visitor:
        url = place if place.startswith("http") else self.path(place)
        self.answer = self.client.get(url, headers={"accept": "text/html", **headers})
        return self

    def posts(self, place: str, headers: dict[str, str] | None = None, /, **values: str) -> Visitor:
        """The form on the page that posts there, with these values instead of what stands in it."""
        action = self.path(place)
        return self.sends(place, fields(self.page, action) | values, headers)

    def brings(self, place: str, files: dict[str, bytes], /, **values: str) -> Visitor:
        """As `posts`, with files chosen in the form's field."""
        action = self.path(place)
        self.answer = self.client.post(
            action,
            data=fields(self.page, action) | values,
            files=[("attached", (name, content)) for name, content in files.items()],
            headers={"accept": "text/html", **OWN},
        )
        return self

    def sends(self, place: str, values: Any, headers: dict[str, str] | None = None) -> Visitor:
        """Whatever a program may send."""
        given = OWN if headers is None else headers
        self.answer = self.client.post(
            self.path(place), data=values, headers={"accept": "text/html", **given}
        )
        return self

    def signs_up(self, address: str, name: str = "Ana Ruiz") -> Visitor:
        self.opens("sign-up").posts("sign-up", email=address)
        self.opens(self.served.mail.link(address))
        self.posts("welcome", name=name, password=PASSWORD)
        assert self.at == "", self.page
        return self

    def signs_in(self, address: str, password: str = PASSWORD) -> Visitor:
        return self.opens("sign-in").posts("sign-in", email=address, password=password)

    def writes(self, subject: str = "No puedo facturar", text: str = "Sale un error.") -> int:
        """A new ticket; gives its number."""
        self.opens("new").posts("new", subject=subject, text=text, type="incident")
        assert self.at.startswith("/tickets/"), self.page
        return int(self.at.rpartition("/")[2])

    def shows(self, text: str) -> bool:
        return html.escape(text, quote=False) in self.page or text in html.unescape(self.page)


class Desk:
    """The agent Ana Ríos, straight at the use cases."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._house: House = served.app.state.hub.house

    def _run(self, use: Any, *args: Any, **more: Any) -> Any:
        async def call() -> Any:
            return await use(self._house, *args, **more)

        assert self._served.client.portal is not None
        return self._served.client.portal.call(call)

    def takes(self, number: int) -> int:
        """Gives the ticket's id."""
        ticket_id = self.ticket_id(number)
        self._run(pairing.claim, ANA, ticket_id)
        return ticket_id

    def says(self, number: int, text: str) -> None:
        self._run(talk.say_as_agent, ANA, self.ticket_id(number), secrets.token_urlsafe(16), text)

    def proposes(self, number: int) -> None:
        self._run(tickets.propose, ANA, self.ticket_id(number), secrets.token_urlsafe(16), "¿Quedó resuelto?")

    def closes(self, number: int) -> None:
        self._run(tickets.close, ANA, self.ticket_id(number))

    def pends(self, number: int, text: str = "") -> None:
        self._run(requests.pend, ANA, self.ticket_id(number), cid=secrets.token_urlsafe(16), text=text)

    def sends_back(self, number: int, *missing: str) -> None:
        self._run(requests.send_back, ANA, self.ticket_id(number), missing)

    def copies(self, number: int, *addresses: str) -> None:
        self._run(requests.copy_as_agent, ANA, self.ticket_id(number), addresses)

    def rejects(self, number: int, reason: str) -> None:
        self._run(requests.reject, ANA, self.ticket_id(number), reason)

    def request(self, who: Who, subject: str = "De otra persona") -> int:
        """Somebody leaves a ticket by another way; gives its number."""
        ticket = self._run(
            tickets.request,
            who,
            cid=secrets.token_urlsafe(16),
            subject=subject,
            text="Un secreto",
            email="x@y.test",
            context="{}",
        )
        return int(ticket.number)

    def asks(self, form: dict[str, Any], app: str = "demo", *policy: str) -> None:
        """From now on this app's ticket form is this one, and its policy says so too (`name=value`)."""
        hub = self._served.app.state.hub

        async def change(house: House) -> None:
            wanted = apps.Change(form=json.dumps(form), policy=policy)
            await administration.carry_out(
                hub.db, administration.ChangeApp(app, wanted), self._served.settings.policy, house.now()
            )
            await hub.people_changed()

        self._run(change)

    def ticket_id(self, number: int) -> int:
        async def find(house: House) -> Any:
            table = tables.tickets.c
            query = select(table.id).where(table.app_id == 1, table.number == number)
            return await self._served.app.state.hub.db.rows(query)

        ((found,),) = self._run(find)  # on either engine
        return int(found)

    def rows(self, query: str, *values: object) -> list[Any]:
        with closing(sqlite3.connect(self._served.settings.database_path)) as database:
            return database.execute(query, values).fetchall()
