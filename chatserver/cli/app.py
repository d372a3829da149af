"""`chatserver app …`: add, list, show and change host applications."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from chatserver.cli.base import address, fail, load_settings, looking, ordered, said_plainly

if TYPE_CHECKING:
    from chatserver.core.people import App
    from chatserver.settings import Settings
    from chatserver.store.database import Reader

OLD_HOURS_MOST = 720
"""A month: who has not deployed a new secret by then has forgotten it."""
F = TypeVar("F", bound=Callable[..., Any])

_HOURS = (
    click.option("--zone", metavar="ZONE", help="whose clock counts: America/Bogota"),
    click.option(
        "--hours",
        multiple=True,
        metavar="DAYS=HOURS",
        help="the week: mon-fri=08:00-12:00,14:00-17:30; again for other days, those not named are closed",
    ),
    click.option("--always", is_flag=True, help="open around the clock"),
    click.option("--holidays", metavar="CODE", help="closed on the public holidays of CO, CL-RM …; or none"),
    click.option(
        "--closed", multiple=True, metavar="DATE[=NAME]", help="closed on 2026-12-24; may be repeated"
    ),
    click.option(
        "--open",
        "opened",
        multiple=True,
        metavar="DATE=HOURS",
        help="special hours: 2026-12-31=09:00-12:00; may be repeated",
    ),
)


def _hours_options(command: F) -> F:
    for option in reversed(_HOURS):
        command = option(command)
    return command


@click.group()
def app() -> None:
    """Host applications."""


@app.command("add")
@click.argument("name")
@click.option(
    "--origin", "origins", multiple=True, required=True, help="https://example.com; may be repeated"
)
@click.option("--key", default="", help="the public key; made up when not given")
@click.option("--color", default="", help="of launcher and chat: #0f6b5c")
@_hours_options
def add_app(name: str, origins: tuple[str, ...], key: str, color: str, **hours: Any) -> None:
    """Add an application whose pages at ORIGIN may show the widget.

    Without others it has office hours: Monday to Friday 8:00-12:00 and 14:00-17:30, Bogotá.
    """
    from chatserver.services import apps
    from chatserver.services.administration import AddApp
    from chatserver.services.hours_text import HoursGiven
    from chatserver.store.database import wall_clock

    _check_origins(origins)
    settings = load_settings()
    # Before the database is touched, which would be made if there was none.
    schedule, color = said_plainly(
        settings, lambda: (apps.schedule_for(HoursGiven(**hours), wall_clock()), apps.color_of(color))
    )
    made = ordered(settings, AddApp(key or apps.new_key(), name, origins, schedule, color))
    click.echo(
        f"key     {made.key}\n"
        f"secret  {made.secret}   (signs user tokens: only your backend may know it)\n\n"
        f"{_script_tag(made, settings)}"
    )


@app.command("list")
def list_apps() -> None:
    """All applications: key, name, origins."""
    from chatserver.core.people import CANARY
    from chatserver.store import people

    settings = load_settings()
    for one in looking(settings, lambda db: people.apps(db, settings.policy)):
        if one.key != CANARY:
            click.echo(f"{one.key}\t{one.name}\t{' '.join(one.origins)}")


@app.command("show")
@click.argument("key")
@click.option("--secret", is_flag=True, help="also what signs user tokens")
@click.option("--form", is_flag=True, help="its ticket form alone, as JSON that `app set --form` reads")
def show_app(key: str, secret: bool, form: bool) -> None:
    """What the application KEY is: origins, hours, own policy, script tag, and whether it is open now."""
    from chatserver.services import apps, form_text

    settings = load_settings()
    found = looking(settings, lambda db: apps.find(db, key, settings.policy))
    if form:
        click.echo(form_text.definition(found.form))
        return
    click.echo(_described(found, settings, secret=secret))


@app.command("set")
@click.argument("key")
@click.option("--name", help="as agents and customers see it")
@click.option(
    "--origin",
    "origins",
    multiple=True,
    help="instead of all there were; may be repeated: https://example.com",
)
@click.option("--color", help="of launcher and chat: #0f6b5c; or none")
@click.option(
    "--support-address",
    help="mail to it becomes tickets, and its mails come from there: soporte@example.com; or none",
)
@_hours_options
@click.option(
    "--form",
    metavar="FILE",
    help="a JSON file with its ticket form (docs/tickets.md); - for the standard input; default for the usual one",
)
@click.option("--forget-dates", is_flag=True, help="without the dates of earlier --closed and --open")
@click.option(
    "--policy",
    multiple=True,
    metavar="NAME=VALUE",
    help="inactivity_seconds=300 (names: docs/settings.md); =default follows the server's again; may be repeated",
)
@click.option(
    "--new-secret",
    is_flag=True,
    help="make up another secret for user tokens, and print it; the old one is good for 24 hours more",
)
@click.option(
    "--old-hours",
    type=click.IntRange(1, OLD_HOURS_MOST),
    metavar="HOURS",
    help="with --new-secret: so long the old one is good",
)
@click.option(
    "--at-once", is_flag=True, help="the old secret ends now; by itself, one that was replaced earlier"
)
def set_app(
    key: str,
    name: str | None,
    origins: tuple[str, ...],
    color: str | None,
    support_address: str | None,
    policy: tuple[str, ...],
    new_secret: bool,
    old_hours: int | None,
    at_once: bool,
    form: str | None,
    **hours: Any,
) -> None:
    """Change the application KEY: what is not given stays. docs/hours.md explains hours."""
    from chatserver.services import apps
    from chatserver.services.administration import ChangeApp
    from chatserver.services.hours_text import HoursGiven

    if old_hours is not None and (at_once or not new_secret):
        fail(
            "--old-hours says how long the secret that --new-secret replaces is good: write it with that, without --at-once."
        )
    seconds = 0 if at_once else old_hours and old_hours * 3600
    definition = None if form is None else _definition(form)
    wanted = apps.Change(
        name, origins, color, HoursGiven(**hours), support_address, policy, new_secret, seconds, definition
    )
    if wanted == apps.Change():
        fail(
            "Nothing to change: `chatserver app set --help` shows what can be, `chatserver app show` what is."
        )
    _check_origins(origins)
    settings = load_settings()
    after = ordered(settings, ChangeApp(key, wanted))
    click.echo(_described(after, settings, secret=new_secret))


@app.command("company")
@click.argument("key")
@click.argument("name", required=False)
@click.option(
    "--add", multiple=True, metavar="WHO", help="an address, or user:ID of the host's; may be repeated"
)
@click.option(
    "--sees", multiple=True, metavar="WHO", help="as --add, and sees the tickets of all in the portal"
)
@click.option("--remove", multiple=True, metavar="WHO", help="is of this company no more")
def company(
    key: str, name: str | None, add: tuple[str, ...], sees: tuple[str, ...], remove: tuple[str, ...]
) -> None:
    """The companies of the application KEY's customers: list them, or say who is of the company NAME.

    An address counts for whoever confirmed it. Who is of one company is of no other.
    """
    from chatserver.core.messages import NAME_MAX, one_line
    from chatserver.services import apps
    from chatserver.services.administration import ChangeCompany
    from chatserver.store import companies

    called = one_line(name or "")
    if len(called) > NAME_MAX:
        fail(f"The name of a company has at most {NAME_MAX} characters.")
    settings = load_settings()
    if add or sees or remove:
        if not called:
            fail("Say which company: chatserver app company KEY NAME --add …")
        ordered(settings, ChangeCompany(key, called, _persons(add), _persons(sees), _persons(remove)))

    async def look(db: Reader) -> list[companies.Person]:
        return await companies.listed(db, (await apps.find(db, key, settings.policy)).id)

    shown = [one for one in looking(settings, look) if name is None or one.company == called]
    for one in shown:
        click.echo(f"{one.company}\t{one.person}\t{'sees all' if one.sees else 'is of it'}")
    if not shown:
        click.echo("There is nobody.")


def _persons(typed: Sequence[str]) -> tuple[str, ...]:
    from chatserver.core import accounts
    from chatserver.core.errors import Refused
    from chatserver.services.partaking import PEOPLE_MAX

    if len(typed) > PEOPLE_MAX:
        fail(f"That is more than {PEOPLE_MAX} people.")
    found = []
    for one in typed:
        try:
            found.append(one if one.startswith("user:") and len(one) > len("user:") else accounts.folded(one))
        except Refused:
            fail(f"{one!r} is neither an e-mail address nor user: and the host's id of somebody.")
    return tuple(found)


def _definition(form: str) -> str:
    """Of a form: what the file holds, which whoever has the database looks at."""
    from chatserver.services.form_text import FORM_BYTES

    if form == "default":
        return form
    try:
        with click.open_file(form, "rb") as file:
            text: bytes = file.read(FORM_BYTES + 1)
            return text.decode()
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "it is no text in UTF-8"
        fail(f"{form} cannot be read: {reason}.")


def _check_origins(origins: Sequence[str]) -> None:
    from chatserver.web.origins import why_no_origin

    for origin in origins:
        if why := why_no_origin(origin):
            fail(f"{origin!r} is no origin, which is scheme and host, like https://example.com: {why}.")


def _script_tag(found: App, settings: Settings) -> str:
    return f'<script async src="{address(settings)}/widget.js" data-app="{found.key}"></script>'


def _described(found: App, settings: Settings, *, secret: bool) -> str:
    """A label per fact; further lines of the same fact are indented below it."""
    from msgspec.structs import asdict

    from chatserver.services import apps, form_text, hours_text
    from chatserver.store.database import wall_clock

    schedule = apps.schedule_of(found)
    now = datetime.fromtimestamp(wall_clock() / 1000, UTC)
    server = asdict(settings.policy)
    own = [
        f"{name}={_shown(value)} (otherwise {_shown(server[name])})"
        for name, value in asdict(found.policy).items()
        if value != server[name]
    ]
    facts = {
        "name": [found.name],
        "key": [found.key],
        "secret": _secrets(found, wall_clock(), shown=secret),
        "origins": list(found.origins),
        "color": [found.color or "none"],
        "mail to": [found.support_address or "none comes in"],
        "mail from": [_mail_from(found, settings)],
        **hours_text.in_words(schedule, now),
        "now": [hours_text.now_in_words(schedule, now)],
        "policy": own or ["the server's"],
        "form": form_text.in_words(found.form),
        "embed": [_script_tag(found, settings)],
    }
    return "\n".join(
        f"{label if i == 0 else '':<9} {line}"
        for label, lines in facts.items()
        for i, line in enumerate(lines)
    )


def _secrets(found: App, now: int, *, shown: bool) -> list[str]:
    """What signs user tokens, if it may be shown; and of one that was replaced, until when it is good (UTC)."""
    secrets = [found.secret] if shown else []
    if now < found.old_secret_until:
        until = f"good until {datetime.fromtimestamp(found.old_secret_until / 1000, UTC):%Y-%m-%d %H:%M} UTC"
        secrets.append(
            f"{found.old_secret}   (the one before it, {until})" if shown else f"the one before it is {until}"
        )
    return secrets


def _mail_from(found: App, settings: Settings) -> str:
    if not found.policy.mail:
        return "no mail is sent"
    return found.support_address or f"{settings.mail_from} (the server's)"


def _shown(value: object) -> str:
    """As `--policy` reads it."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
