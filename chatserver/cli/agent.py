"""`chatserver agent …`: add, list, show and change people who answer, shut them out and let them in again."""

from __future__ import annotations

import codecs
import sys
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import click

from chatserver.cli.base import address, fail, load_settings, looking, ordered
from chatserver.core.addresses import alike

if TYPE_CHECKING:
    from chatserver.settings import Settings
    from chatserver.store.database import Reader
    from chatserver.store.people import Listed

PLACES_MOST = 100
"""Chats at once that an agent may be given: nobody answers more."""

LINE_BYTES = 4096
"""Of a password on the standard input: the longest that there may be takes 800."""


@click.group()
def agent() -> None:
    """People who answer."""


@agent.command("add")
@click.argument("email")
@click.option("--name", default="", help="as customers see it")
@click.option("--app", "keys", multiple=True, required=True, help="key of an app to attend; may be repeated")
@click.option("--generate", is_flag=True, help="make up a password and print it, instead of asking")
def add_agent(email: str, name: str, keys: tuple[str, ...], generate: bool) -> None:
    """Add an agent who attends these apps."""
    from chatserver.services.administration import AddAgent

    settings = load_settings()
    password = _chosen(generate)
    ordered(settings, AddAgent(email, name, password, keys))
    click.echo(f"{email} can sign in at {address(settings)}/console")
    if generate:
        click.echo(f"password  {password}")


@agent.command("list")
def list_agents() -> None:
    """All agents: e-mail address, name, keys of their apps, and `disabled` for who is."""
    everybody = _looked_up(load_settings())
    for one in everybody.agents:
        disabled = "" if one.disabled_at is None else "\tdisabled"
        click.echo(f"{one.agent.email}\t{one.agent.name}\t{everybody.apps_of(one)}{disabled}")


@agent.command("show")
@click.argument("email")
def show_agent(email: str) -> None:
    """Who the agent EMAIL is: name, apps, how many chats at once, and whether they may sign in."""
    everybody = _looked_up(load_settings())
    click.echo(_described(everybody, everybody.find(email)))


@agent.command("set")
@click.argument("email")
@click.option("--name", help="as customers see it")
@click.option(
    "--app",
    "keys",
    multiple=True,
    help="key of an app to attend, instead of all there were; may be repeated",
)
@click.option(
    "--capacity", type=click.IntRange(1, PLACES_MOST), metavar="CHATS", help="so many chats at once"
)
def set_agent(email: str, name: str | None, keys: tuple[str, ...], capacity: int | None) -> None:
    """Change the agent EMAIL: what is not given stays.

    Chats of an app that they do not attend any more go back to the head of its queue, and their requests to all.
    `chatserver agent password` gives them another password.
    """
    from chatserver.services.administration import ChangeAgent

    if name is None and not keys and capacity is None:
        fail(
            "Nothing to change: `chatserver agent set --help` shows what can be, `chatserver agent show` what is."
        )
    settings = load_settings()
    ordered(settings, ChangeAgent(email, name, capacity, keys))
    after = _looked_up(settings)
    click.echo(_described(after, after.find(email)))


@agent.command("password")
@click.argument("email")
@click.option("--generate", is_flag=True, help="make up a password and print it, instead of asking")
def change_password(email: str, generate: bool) -> None:
    """Give an agent a new password; all their sessions end."""
    from chatserver.services.administration import ChangePassword

    settings = load_settings()
    password = _chosen(generate)
    ordered(settings, ChangePassword(email, password))
    click.echo(f"The password of {email} was changed.")
    if generate:
        click.echo(f"password  {password}")


@agent.command("disable")
@click.argument("email")
def disable_agent(email: str) -> None:
    """Shut the agent EMAIL out: they cannot sign in, and whoever is signed in as them is out within two seconds.

    Their chats go back to the head of the queue, their requests to all. What they wrote stays.
    """
    from chatserver.services.administration import ChangeAgent

    settings = load_settings()
    before = _looked_up(settings).find(email)
    ordered(settings, ChangeAgent(email, disabled=True))
    if before.disabled_at is not None:
        click.echo(f"{before.agent.email} was disabled already.")
        return
    click.echo(f"{before.agent.email} is disabled: `chatserver agent enable` lets them in again.")
    after = _looked_up(settings)
    for key in after.left_by(before):
        click.echo(
            f"Nobody attends the app {key} now: `chatserver agent add` or `agent set` gives it somebody."
        )


@agent.command("enable")
@click.argument("email")
def enable_agent(email: str) -> None:
    """Let the agent EMAIL in again, with the password and the apps of before."""
    from chatserver.services.administration import ChangeAgent

    settings = load_settings()
    before = _looked_up(settings).find(email)
    ordered(settings, ChangeAgent(email, disabled=False))
    if before.disabled_at is None:
        click.echo(f"{before.agent.email} was not disabled.")
    else:
        click.echo(f"{before.agent.email} can sign in again at {address(settings)}/console")


def _chosen(generate: bool) -> str:
    """A password: made up, asked for at a terminal, or the first line of what else the standard input is."""
    if generate:
        import secrets

        return secrets.token_urlsafe(12)
    try:
        password = _typed() if sys.stdin.isatty() else _line_of(sys.stdin.buffer)
        password.encode()  # what is no text may have come as halves of letters
    except UnicodeError:
        fail("The password is no text in UTF-8.")
    return password or fail(
        "No password was given: type it at a terminal, hand it over as a line on the standard input, or let --generate make one."
    )


def _typed() -> str:
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def _line_of(given: BinaryIO) -> str:
    """The line, or as much of it as shows that it is too long. Raises UnicodeDecodeError."""
    line = given.readline(LINE_BYTES)
    text, _ = codecs.utf_8_decode(line, "strict", len(line) < LINE_BYTES)  # the last letter may be cut in two
    return text.rstrip("\r\n")


class Everybody(NamedTuple):
    """All agents, disabled ones too, and the keys of the apps."""

    agents: list[Listed]
    keys: dict[int, str]

    def find(self, email: str) -> Listed:
        wanted = alike(email)
        found = next((one for one in self.agents if one.agent.email == wanted), None)
        return found or fail("There is no agent with that e-mail address; `chatserver agent list` shows all.")

    def apps_of(self, one: Listed) -> str:
        return " ".join(self.keys[app_id] for app_id in one.agent.app_ids)

    def left_by(self, one: Listed) -> list[str]:
        """Apps of theirs that nobody attends."""
        attended = {
            app_id for other in self.agents if other.disabled_at is None for app_id in other.agent.app_ids
        }
        return [self.keys[app_id] for app_id in one.agent.app_ids if app_id not in attended]


def _looked_up(settings: Settings) -> Everybody:
    from chatserver.store import people

    async def look(db: Reader) -> Everybody:
        apps = await people.apps(db, settings.policy)
        return Everybody(await people.listed_agents(db), {app.id: app.key for app in apps})

    return looking(settings, look)


def _described(everybody: Everybody, one: Listed) -> str:
    facts = {
        "e-mail": one.agent.email,
        "name": one.agent.name,
        "apps": everybody.apps_of(one),
        "capacity": f"{one.agent.capacity} chats at once",
        "sign-in": "yes" if one.disabled_at is None else "no: disabled",
    }
    return "\n".join(f"{label:<9} {fact}" for label, fact in facts.items())
