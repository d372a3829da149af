"""The command line. Each command imports what it needs when it runs: `--help` answers at once."""

from __future__ import annotations

import gc
import socket
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from chatserver import __version__
from chatserver.cli.agent import agent
from chatserver.cli.app import app
from chatserver.cli.base import address, fail, load_settings, looking, said_plainly, up_to_date, with_database
from chatserver.cli.data import backup, move, restore
from chatserver.cli.mail import test

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from chatserver.services.letters import Letters
    from chatserver.settings import Settings
    from chatserver.store.database import Database, Reader
    from chatserver.telemetry import Traced
    from chatserver.watching.tracing import Tracing


@click.group()
@click.version_option(__version__, prog_name="chatserver")
def main() -> None:
    """Live-chat support inside your own application. Settings come from the environment: docs/settings.md."""


@main.command()
def serve() -> None:
    """Serve until SIGTERM: pages, sockets and timers in one process."""
    _serve(load_settings())


def _serve(settings: Settings, letters: Letters | None = None) -> None:
    # Nothing that a start makes is garbage: looking for some among its imports is an eighth of the start.
    # `server/serving.py` ends this.
    gc.disable()
    _check_port(settings)
    _check_database(settings)
    from chatserver import telemetry
    from chatserver.app import build_app
    from chatserver.server.serving import run

    telemetry.take_last_words()
    _open_files(settings)
    try:
        sys.exit(run(build_app(settings, tracing=_tracing(), letters=letters), settings))
    except KeyboardInterrupt:
        # Ctrl-C, after everybody was told goodbye: an end like another, no error.
        click.echo("Stopped.")


def _tracing() -> Tracing | None:
    """Where the environment asks for traces: what makes them, or a sentence that says why it cannot."""
    from chatserver.settings.traces import traces_wanted

    if not traces_wanted():
        return None
    try:
        from chatserver.watching.tracing import Tracing

        return Tracing()
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] != "opentelemetry":
            raise
        fail(
            "OTEL_EXPORTER_OTLP_ENDPOINT asks for traces, and what makes them is not installed: "
            "pip install 'chatserver[otel]', or set OTEL_SDK_DISABLED=true."
        )
    except ValueError as problem:
        fail(f"The variables of OpenTelemetry (OTEL_…) cannot be used: {problem}")


def _open_files(settings: Settings) -> None:
    """Each socket is an open file, and many systems allow 1,024 by default: take what may be taken, say if it is too few."""
    import logging
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < settings.max_connections:
        logging.getLogger("chatserver").warning(
            "the system allows %d open files, fewer than CHATSERVER_MAX_CONNECTIONS (%d) needs: raise `ulimit -Hn`",
            hard,
            settings.max_connections,
        )


def _check_port(settings: Settings) -> None:
    """A sentence now, instead of a start that fails at its end."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as problem:
            fail(
                f"Cannot listen on {settings.host} port {settings.port}: {problem.strerror or problem}. "
                "Set PORT (and HOST) to another one, or stop who uses it."
            )


def _check_database(settings: Settings) -> None:
    """In use, of a newer release, or no database at all: also a sentence now."""
    if settings.on_postgres:
        up_to_date(settings)
        _check_secret(settings)
        _check_redis(settings)
        return
    from chatserver.store.migrations.sqlite import known_revision
    from chatserver.store.sqlite.lock import Lock

    path = settings.database_path

    def check() -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = Lock(path)
        try:
            if path.exists():
                known_revision(path)
        finally:
            lock.release()

    said_plainly(settings, check)


def _check_secret(settings: Settings) -> None:
    """Nodes that sign with another one would know nobody to whom this one gave anything."""
    import asyncio

    from chatserver.store.postgres.nodes import require_same_secret

    said_plainly(settings, lambda: asyncio.run(require_same_secret(settings.database_url, settings.secret)))


def _check_redis(settings: Settings) -> None:
    """An address that cannot be meant, or a password that is not taken. Whether Redis is there does not matter."""
    if not settings.redis_url:
        return
    import asyncio

    from chatserver.bus.redis import BusRefused, greet

    try:
        asyncio.run(greet(settings.redis_url))
    except ValueError as problem:
        fail(f"CHATSERVER_REDIS_URL {problem}")
    except BusRefused as refused:
        fail(str(refused))


@main.command()
def work() -> None:
    """Do what is due, beside `serve` on PostgreSQL. Until SIGTERM: timers, and speaking for nodes that died."""
    settings = load_settings()
    if not settings.on_postgres:
        fail(
            "With SQLite one process does everything: `chatserver serve` does this work too. "
            "A process beside it is for PostgreSQL: set DATABASE_URL to one."
        )
    _check_database(settings)
    from chatserver.processes.work import work as until_told

    _beside(settings, until_told)


def _beside(
    settings: Settings, until_told: Callable[[Settings, Traced], Coroutine[Any, Any, int]]
) -> NoReturn:
    """A process beside the servers, until it is told to end."""
    import asyncio

    from chatserver.processes.health import NobodyListens
    from chatserver.store.database import DatabaseUnusable
    from chatserver.telemetry import take_last_words, untraced

    take_last_words()
    tracing = _tracing()
    try:
        sys.exit(asyncio.run(until_told(settings, tracing or untraced)))
    except DatabaseUnusable as problem:
        fail(str(problem))
    except NobodyListens as problem:
        fail(
            f"Cannot listen for /healthz, /readyz and /metrics at {problem.where}: {problem.strerror}. "
            "Set CHATSERVER_HEALTH_LISTEN to another address, or leave it out."
        )
    finally:
        if tracing is not None:
            tracing.close()


@main.group(invoke_without_command=True)
@click.pass_context
def mail(context: click.Context) -> None:
    """Take incoming mail, beside `serve` on PostgreSQL. Until SIGTERM: from your mail host at CHATSERVER_MAIL_LISTEN, from a
    mailbox at CHATSERVER_MAILBOX_URL.

    `mail test` tries whether outgoing mail works (docs/email.md).
    """
    if context.invoked_subcommand is None:
        _take_mail()


mail.add_command(test)


def _take_mail() -> None:
    settings = load_settings()
    if not settings.on_postgres:
        fail(
            "With SQLite one process does everything: `chatserver serve` takes mail too, where CHATSERVER_MAIL_LISTEN or "
            "CHATSERVER_MAILBOX_URL says. A process beside it is for PostgreSQL: set DATABASE_URL to one."
        )
    where = settings.mail_address
    if not settings.takes_mail:
        # It waits all the same: whoever runs a Procfile would have the others end with it.
        click.echo(
            "No mail is taken: CHATSERVER_MAIL_LISTEN says where it comes, like lmtp://127.0.0.1:8024, or "
            "CHATSERVER_MAILBOX_URL from where, like imaps://user:password@host/INBOX (docs/email.md). "
            "This process waits, since some that run a Procfile end all of it with one; Ctrl-C or SIGTERM ends it.",
            err=True,
        )
    _check_database(settings)
    from chatserver.processes.mail import take_mail

    try:
        _beside(settings, take_mail)
    except OSError as problem:
        if where is None:
            raise
        fail(f"Cannot listen for mail at {where.shown}: {problem.strerror or problem}.")


@main.command()
def demo() -> None:
    """Serve a demo: a host page, an app with office hours, two agents. Made once, kept in the data directory."""
    settings = load_settings()
    _check_port(settings)

    from chatserver.demo.scene import PrintedLetters, prepare
    from chatserver.store.database import wall_clock

    made = with_database(settings, lambda db: prepare(db, settings, wall_clock))
    click.echo(
        f"Demo page       {settings.address}/demo\n"
        f"  office hours  {settings.address}/demo?app=horario\n"
        f"Portal          {settings.address}/portal/demo\n"
        f"Console         {settings.address}/console\n"
        f"  sign in as    {' or '.join(made.emails)}\n"
        f"  password      {made.password}\n"
        "Ctrl-C stops the server; what was written stays."
    )
    sys.stdout.flush()
    _serve(settings, PrintedLetters())


@main.command()
def migrate() -> None:
    """Create the database, or bring it up to this version."""
    settings = load_settings()
    if settings.on_postgres:
        up_to_date(settings)
    else:
        with_database(settings, _nothing)
    click.echo(f"{settings.database_shown} is up to date.")


async def _nothing(db: Database) -> None:
    """To open it is all."""


# — more of them, by what they are about ———————————————————————————————————————


main.add_command(app)
main.add_command(agent)
main.add_command(backup)
main.add_command(restore)
main.add_command(move)


@main.command()
@click.argument("key", metavar="APP")
def csp(key: str) -> None:
    """The Content-Security-Policy that pages with the widget need."""
    from chatserver.services import apps
    from chatserver.web.headers import host_policy

    settings = load_settings()
    looking(settings, lambda db: apps.find(db, key))
    click.echo(f"Content-Security-Policy: {host_policy(address(settings), own='')}")


@main.command()
@click.argument("token")
@click.option("--app", "key", required=True)
def doctor(token: str, key: str) -> None:
    """Why a host's user token (JWT) fails. `-` reads it from standard input. Exit code 1 when it does."""
    from chatserver.services import apps
    from chatserver.services.identity import BadUserToken, read_user_token
    from chatserver.store import people
    from chatserver.store.database import wall_clock

    text = sys.stdin.read().strip() if token == "-" else token  # noqa: S105 - "-" is no secret

    async def look(db: Reader) -> Any:
        found = await apps.find(db, key)
        user = read_user_token(text, found, wall_clock())
        return user, await people.token_used(db, found.id, user.jti)

    try:
        user, used = looking(load_settings(), look)
    except BadUserToken as bad:
        fail(bad.why)
    if used:
        fail(f"It is good, but it was used before: every token needs a new jti ({user.jti!r} is known).")
    click.echo(
        f"It is good: it vouches for {user.sub!r} ({user.name or 'no name'}, {user.email or 'no e-mail'})."
    )
    if user.outdated:
        click.echo(
            f"But it was made with the app's old secret: `chatserver app show {key}` says how long that is good."
        )
