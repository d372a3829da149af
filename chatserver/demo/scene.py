"""What `chatserver demo` puts into the database: two apps, two agents, and a few help articles (articles/). A second run
changes nothing that is right already."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from chatserver.core.articles import draft
from chatserver.core.hours import ALWAYS, DEFAULT, Schedule
from chatserver.core.people import App
from chatserver.core.policy import Policy
from chatserver.services import apps
from chatserver.services.accounts import add_agent, set_password
from chatserver.services.articles import Authors
from chatserver.services.letters import Letter
from chatserver.services.passwords import Passwords
from chatserver.services.people import people as people_of
from chatserver.services.rendering import Renderings
from chatserver.settings import Settings
from chatserver.store import accounts as rows
from chatserver.store import people
from chatserver.store.articles import categories_of
from chatserver.store.database import Database

log = logging.getLogger(__name__)

APPS: Final[tuple[tuple[str, str, Schedule], ...]] = (
    (apps.DEMO, "Demo", ALWAYS),
    (apps.DEMO_OFFICE, "Demo con horario", DEFAULT),
)
COLOR: Final = "#0f6b5c"
"""Of the product that the demo page shows, in widget, portal and mails alike."""
BOOKS: Final[tuple[tuple[dict[str, str], dict[str, str], tuple[tuple[str, ...], ...]], ...]] = (
    (
        {"es": "Facturas", "en": "Invoices", "pt": "Notas fiscais"},
        {
            "es": "Emitir, corregir y anular.",
            "en": "Issue, correct and cancel.",
            "pt": "Emitir, corrigir e cancelar.",
        },
        (("emitir-factura.es", "emitir-factura.en", "emitir-factura.pt"), ("anular-factura.es",)),
    ),
    (
        {"es": "Configuración", "en": "Settings", "pt": "Configurações"},
        {"es": "Tu empresa, tus impresoras, tu marca."},
        (("conectar-impresora.es",), ("cambiar-logo.es",)),
    ),
    (
        {"es": "Tu cuenta", "en": "Your account", "pt": "Sua conta"},
        {"es": "Ingreso y contraseñas."},
        (("recuperar-acceso.es",),),
    ),
)
"""Categories of the first app: names, descriptions, and the files of their articles, translations together."""
FILES: Final = Path(__file__).parent / "articles"
AGENTS: Final = (("ana@demo.test", "Ana Ríos"), ("luis@demo.test", "Luis Pardo"))


class Demo(NamedTuple):
    """`password`: of both agents."""

    password: str
    emails: tuple[str, ...]


class PrintedLetters:
    """Where the demo has no mail server: what would be mailed stands in its log, links and all, for whoever tries it out."""

    def sends(self, app_id: int) -> bool:
        return True

    async def ask(self, letter: Letter) -> None:
        log.info(
            "a mail that is not sent: the demo has no mail server",
            extra={"to": letter.address, "about": letter.kind, "link": letter.link},
        )


async def prepare(db: Database, settings: Settings, clock: Callable[[], int]) -> Demo:
    """Make what is missing, and put right what a changed port, address or password made wrong."""
    made = [await _app(db, settings, *entry, clock()) for entry in APPS]
    app_ids = [app.id for app in made]
    password = settings.demo_password
    if not password:
        password, _ = kept(settings.data_dir / "demo-password", lambda: secrets.token_urlsafe(9))
    passwords = Passwords()
    for email, name in AGENTS:
        if await people.listed_agent(db, email) is None:
            await add_agent(db, passwords, email, name, password, app_ids, clock())
            continue
        login = await people.agent_by_email(db, email)
        if login is None:  # somebody disabled them
            continue
        await rows.attach(db, login.agent.id, app_ids)
        if not await passwords.verify(login.password_hash, password):
            await set_password(db, passwords, email, password, clock())
    await _write_articles(db, made[0].id, clock)
    return Demo(password, tuple(email for email, _ in AGENTS))


async def _app(db: Database, settings: Settings, key: str, name: str, schedule: Schedule, now: int) -> App:
    wanted = origins(settings)
    try:
        app = await apps.find(db, key)
    except LookupError:
        return await apps.add(db, key=key, name=name, origins=wanted, color=COLOR, schedule=schedule, now=now)
    await apps.set_origins(db, app, wanted)
    return app


async def _write_articles(db: Database, app_id: int, clock: Callable[[], int]) -> None:
    """Once: what somebody changed or removed since stays so."""
    if await categories_of(db, app_id):
        return
    there = people_of(await people.apps(db, Policy()), await people.agents(db))
    authors = Authors(db, lambda: there, Renderings(), clock)
    author = min(agent.id for agent in there.agents.values() if app_id in agent.app_ids)
    key = there.app(app_id).key
    for names, about, families in BOOKS:
        category = (await authors.add_category(author, key, names, about))[-1].id
        for family in families:
            original = 0
            for file in family:
                title, summary, _, body = (FILES / f"{file}.md").read_text(encoding="utf-8").split("\n", 3)
                written = await authors.create(
                    author, key, category, file[-2:], draft(title, summary, body), translates=original
                )
                await authors.publish(author, written.id, written.version)
                original = original or written.id


def origins(settings: Settings) -> list[str]:
    """Where the demo page may be looked at: both loopback names, so that it and the widget can be two sites, and our address."""
    own = [f"http://localhost:{settings.port}", f"http://127.0.0.1:{settings.port}", settings.address]
    return list(dict.fromkeys(own))


def kept(path: Path, make: Callable[[], str]) -> tuple[str, bool]:
    """The text of a 0600 file, made when it is not there; True when this call made it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip(), False
    text = make()
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
    return text, True
