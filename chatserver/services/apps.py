"""Host applications: made and changed by an administrator."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from chatserver.core import messages
from chatserver.core.forms import DEFAULT as DEFAULT_FORM
from chatserver.core.forms import Form
from chatserver.core.hours import DEFAULT, Schedule
from chatserver.core.people import App
from chatserver.core.policy import Policy
from chatserver.services import form_text, hours_text
from chatserver.services.hours_text import HoursGiven
from chatserver.settings.casts import mail_address
from chatserver.settings.policy import policy_casts
from chatserver.store import accounts as rows
from chatserver.store import people
from chatserver.store.database import Database, Reader

DEMO: Final = "demo"
DEMO_OFFICE: Final = "horario"
"""The keys of the demo's apps: always open, and with the default office hours."""

OLD_SECRET_SECONDS: Final = 24 * 3600
"""A host has so long to deploy a new secret, unless it is said otherwise."""
_POLICY: Final = Policy()
_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_COLOR: Final = re.compile(r"#[0-9a-f]{6}", re.ASCII | re.IGNORECASE)


class BadOptions(ValueError):
    """An administrator wrote what cannot be used; `problems` has a sentence for each. Nothing was stored."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class UnknownApp(LookupError):
    """There is no app with this key."""


class Change(msgspec.Struct, frozen=True):
    """What an administrator wrote of an app. None and empty leave things as they are."""

    name: str | None = None
    origins: tuple[str, ...] = ()
    """Exact ones, instead of all there were."""
    color: str | None = None
    """#rrggbb, or "none" for the widget's own."""
    hours: HoursGiven = HoursGiven()
    support_address: str | None = None
    """Mail to it becomes tickets, and its mails come from there; empty: the server's, and none comes in."""
    policy: tuple[str, ...] = ()
    """Such as "inactivity_seconds=300"; "=default" makes it follow the server's again."""
    new_secret: bool = False
    """Another one signs user tokens from now on."""
    old_secret_seconds: int | None = None
    """So long the one before it is good; 0: neither it nor one that was replaced earlier."""
    form: str | None = None
    """The definition of the ticket form, as JSON; "default" for the one that an app has without any."""


def new_secret() -> str:
    """Signs users' tokens: known to the host's backend and nobody else."""
    return secrets.token_urlsafe(32)


def new_key() -> str:
    """Public: it stands in the host's page."""
    return secrets.token_hex(8)


async def add(
    db: Database,
    *,
    key: str,
    name: str,
    origins: Sequence[str],
    now: int,
    schedule: Schedule = DEFAULT,
    color: str = "",
) -> App:
    """A new app with the server's default policy. `origins`: exact ones. Raises BadOptions, and `store.accounts.Taken` for a key
    in use."""
    name, problems = _named(name)
    if not _KEY.fullmatch(key):
        problems.append(
            f"{key[:100]!r} cannot be a key: it stands in addresses, so write up to 64 letters from a to z, digits, - and _."
        )
    if problems:
        raise BadOptions(problems)
    await rows.add_app(
        db,
        key=key,
        name=name,
        origins=_json(list(origins)),
        secret=new_secret(),
        color=color,
        schedule=_json(schedule),
        created_at=now,
    )
    return await find(db, key)


async def find(db: Reader, key: str, default: Policy = _POLICY) -> App:
    """`default`: what the app's own policy leaves open. Raises UnknownApp."""
    app = await people.app_by_key(db, key, default)
    if app is None:
        raise UnknownApp(key)
    return app


def schedule_of(app: App) -> Schedule:
    return msgspec.json.decode(app.schedule, type=Schedule)


def schedule_for(given: HoursGiven, now: int) -> Schedule:
    """The hours of a new app: the default ones, but for what was given. Raises BadOptions."""
    schedule, problems = hours_text.changed(DEFAULT, given, datetime.fromtimestamp(now / 1000, UTC))
    if problems:
        raise BadOptions(problems)
    return schedule


def _named(text: str) -> tuple[str, list[str]]:
    """As it stands in mails' headers and in every title: on one line, with nothing that turns it; and what is wrong with it."""
    name = messages.one_line(text)
    if not name:
        return name, ["An app needs a name: write what customers and agents call it."]
    if len(name) > messages.NAME_MAX:
        return name, [f"The name of an app has at most {messages.NAME_MAX} characters."]
    return name, []


def color_of(text: str) -> str:
    """As stored: small letters, empty for the widget's own. Raises BadOptions."""
    if text and text != "none" and not _COLOR.fullmatch(text):
        raise BadOptions([f"{text!r} is no color: write it like #0f6b5c, or none."])
    return "" if text == "none" else text.lower()


def form_for(text: str, before: Form) -> Form:
    """Raises form_text.BadForm."""
    return DEFAULT_FORM if text.strip() == "default" else form_text.form_from(text, before)


async def change(db: Database, key: str, wanted: Change, default: Policy, now: int) -> App:
    """The app as it is then. `default`: the server's policy. Raises UnknownApp and BadOptions."""
    app = await find(db, key, default)
    chosen = people.own_policy(await rows.app_policy(db, key))
    at = datetime.fromtimestamp(now / 1000, UTC)
    schedule, problems = hours_text.changed(schedule_of(app), wanted.hours, at)
    policy, more = _policy(chosen, wanted.policy, default)
    problems += more
    name, more = (app.name, []) if wanted.name is None else _named(wanted.name)
    problems += more
    color = app.color
    try:
        color = app.color if wanted.color is None else color_of(wanted.color)
    except BadOptions as bad:
        problems += bad.problems
    form = app.form
    try:
        form = app.form if wanted.form is None else form_for(wanted.form, app.form)
    except form_text.BadForm as bad:
        problems += bad.sentences
    address = app.support_address
    if wanted.support_address is not None:
        address, more = _address_of(wanted.support_address)
        taken = [one.key for one in await people.apps(db, default) if one.support_address == address != ""]
        if taken not in ([], [key]):
            more.append(
                f"{address} is the address of the app {taken[0]}: mail to it can become tickets of one app only."
            )
        problems += more
    if problems:
        raise BadOptions(problems)
    await rows.change_app(
        db,
        key,
        **_secrets(app, wanted, now),
        form=_json(form),
        name=name,
        origins=_json(list(wanted.origins or app.origins)),
        color=color,
        policy=_json(policy),
        schedule=_json(schedule),
        support_address=address,
    )
    return await find(db, key, default)


def _secrets(app: App, wanted: Change, now: int) -> dict[str, Any]:
    """Columns that change. Of two that were replaced one after the other the last one alone stays good."""
    seconds = OLD_SECRET_SECONDS if wanted.old_secret_seconds is None else wanted.old_secret_seconds
    if wanted.new_secret and seconds:
        return {"secret": new_secret(), "old_secret": app.secret, "old_secret_until": now + seconds * 1000}
    made = {"secret": new_secret()} if wanted.new_secret else {}
    return made if seconds else {**made, "old_secret": "", "old_secret_until": 0}


def _address_of(text: str) -> tuple[str, list[str]]:
    """As stored, and what is wrong with it."""
    if text in ("", "none"):
        return "", []
    try:
        return mail_address(text), []
    except ValueError as problem:
        return "", [f"The support address {problem}, or none."]


def _policy(
    chosen: dict[str, Any], texts: Sequence[str], default: Policy
) -> tuple[dict[str, Any], list[str]]:
    """What the app decides for itself from now on, and a sentence for each text that cannot be used."""
    after, problems, casts = dict(chosen), [], policy_casts()
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if name == "support_address":
            problems.append(
                f"support_address is no policy any more: write --support-address {value or 'soporte@example.com'}."
            )
        elif name not in casts or not equals:
            problems.append(f"{text!r} is no policy: write name=value; names are {', '.join(casts)}.")
        elif value == "default":
            after.pop(name, None)
        else:
            try:
                after[name] = casts[name](value)
            except ValueError as problem:
                problems.append(f"{name} {problem}.")
    whole = msgspec.convert(msgspec.structs.asdict(default) | after, Policy)
    if texts and whole.inactivity_warning_seconds > whole.inactivity_seconds:
        problems.append(
            f"inactivity_warning_seconds ({whole.inactivity_warning_seconds}) would be more than "
            f"inactivity_seconds ({whole.inactivity_seconds}): write both."
        )
    return after, problems


async def set_origins(db: Database, app: App, origins: Sequence[str]) -> None:
    if tuple(origins) != app.origins:
        await rows.change_app(db, app.key, origins=_json(list(origins)))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
