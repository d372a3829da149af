"""`build_app(settings)`: the one place that knows every room. Nothing is global: what the server holds is made when it starts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Lifespan, Receive, Scope, Send

from chatserver import telemetry
from chatserver.core.errors import Refused
from chatserver.core.people import App
from chatserver.files.keeping import Place
from chatserver.files.places import place_of
from chatserver.files.threads import Threads
from chatserver.loops.worker import LONGEST_SLEEP_MS, Worker
from chatserver.mail.addresses import Signer
from chatserver.metrics import Metrics
from chatserver.processes import control
from chatserver.processes.opening import HINTED_SECONDS, HINTLESS_SECONDS, opened
from chatserver.realtime.agent import AgentEndpoint
from chatserver.realtime.customer import CustomerEndpoint
from chatserver.realtime.fallback import Fallback
from chatserver.realtime.hub import RECHECK_SECONDS, Hub
from chatserver.realtime.limits import Limits
from chatserver.services import administration, followups, pairing, requests
from chatserver.services.accounts import Accounts
from chatserver.services.downloads import Downloads
from chatserver.services.files import Files, files_of
from chatserver.services.house import House
from chatserver.services.identity import Signed
from chatserver.services.letters import Letters, MailedLetters, NoLetters
from chatserver.services.library import library
from chatserver.services.mail_keeping import forgetting_originals
from chatserver.services.originals import Originals
from chatserver.services.portal import Portal
from chatserver.services.throttle import Buckets
from chatserver.settings import Settings
from chatserver.store.database import Database, DatabaseUnusable
from chatserver.store.outbox import MailStops
from chatserver.watching.figures import Watch
from chatserver.watching.readiness import Readiness, lacking, writes
from chatserver.web import (
    console,
    console_articles,
    console_tickets,
    demo,
    embed,
    help_feedback,
    help_feeds,
    help_pages,
    mail,
    numbers,
    portal,
    site,
)
from chatserver.web import files as file_pages
from chatserver.web.assets import Assets
from chatserver.web.errors import Errors, OwnHostsOnly, Surprises
from chatserver.web.headers import SecurityHeaders
from chatserver.web.origins import Origins
from chatserver.web.pages import Pages
from chatserver.web.rooms import Rooms

if TYPE_CHECKING:
    from chatserver.realtime.forwarding import Forwarding
    from chatserver.store.postgres.database import PostgresDatabase
    from chatserver.telemetry import Traced
    from chatserver.watching.tracing import Tracing

log = logging.getLogger(__name__)

Clock = Callable[[], int]

NODES_SLEEP_MS: Final = 1_000
"""The worker's longest sleep where other nodes write too."""


def build_app(
    settings: Settings,
    *,
    clock: Clock | None = None,
    static: Path | None = None,
    tracing: Tracing | None = None,
    letters: Letters | None = None,
) -> Starlette:
    """The whole server as an ASGI application.

    It opens the database when it starts and closes it when it ends; between the two `app.state.hub` is there to be drained.
    Raises at its start what `Database.open` raises (DatabaseUnusable). `clock`: as for `Database.open`. `static`: another
    directory of built files. `tracing`: makes traces, until the end. `letters`: sends what the portal asks to be mailed.
    """
    traced = tracing or telemetry.untraced
    origins = Origins(settings.host, settings.public_url)
    pages = Pages(Assets(static), settings.language)
    errors = Errors(pages)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        if not pages.assets.built:
            log.warning("the front end is not built: `make run` builds it")
        metrics, missed = Metrics(), asyncio.Event()
        async with opened(settings, metrics, missed=missed.set, clock=clock, traced=traced) as (house, db):
            accounts = _accounts(settings, db, house)
            place, threads = place_of(settings), Threads()
            files = files_of(settings, house, db, place, threads)
            downloads = _downloads(settings, house, db, files, place, threads)
            hub = Hub(
                house,
                db,
                accounts.live_sessions,
                limits=_limits(settings),
                metrics=metrics,
                recheck_seconds=HINTLESS_SECONDS if settings.on_postgres else RECHECK_SECONDS,
                downloads=downloads,
            )
            watch = Watch(
                house,
                db,
                metrics,
                connections=hub.count,
                draining=lambda: hub.draining,
                file=None if settings.on_postgres else settings.database_path,
            )
            customers = CustomerEndpoint(hub, origins.origin_allowed, accounts.authenticate_customer, traced)
            agents = AgentEndpoint(hub, origins.origin_allowed, accounts.authenticate_agent, traced)
            longest_sleep = NODES_SLEEP_MS if settings.on_postgres else LONGEST_SLEEP_MS
            async with (
                _among_nodes(settings, house, db, hub, missed, traced) as (forwarding, living),
                Worker(house, longest_sleep, living, traced=traced),
                hub,
                _orders(settings, db, hub),
                watch,
                files,
                _incoming_mail(settings, house, db, files),
                forgetting_originals(house, db),
                _canary(settings, house, db),
                _mailing(settings, house, db, longest_sleep, living),
                library(settings, db, house, settings.secret or db.secret) as books,
            ):
                app.state.hub = hub
                rooms = Rooms(
                    pages=pages,
                    origins=origins,
                    accounts=accounts,
                    library=books,
                    find_app=lambda key: house.people.app_by_key(key),
                    form_for=lambda agent_id, key: requests.form_for(house, agent_id, key),
                    originals=Originals(house, db),
                    agent_signed_out=lambda agent_id: pairing.agent_signed_out(house, agent_id),
                    portal=_portal(settings, db, house, letters),
                    form_tokens=Signed(settings.secret or db.secret, "portal-form", str),
                    clock=house.now,
                    metrics=watch.text,
                    metrics_token=settings.metrics_token,
                    files=files,
                    downloads=downloads,
                    refused=metrics.refuse,
                    mail_stops=MailStops(db),
                    mail_signer=Signer((settings.secret or db.secret).encode()),
                    unready=Readiness(db, lambda: hub.draining, living).problems,
                    lacking=lambda: lacking(files, metrics),
                )
                log.info("serving", extra={"address": settings.address, "database": settings.database_shown})
                customer_lines = Fallback(customers, origins.origin_allowed, forwarding)
                agent_lines = Fallback(agents, origins.origin_allowed, forwarding)
                yield {
                    "rooms": rooms,
                    "customers": customers,
                    "agents": agents,
                    "customer_lines": customer_lines,
                    "agent_lines": agent_lines,
                    "nodes_customer_lines": customer_lines.from_node,
                    "nodes_agent_lines": agent_lines.from_node,
                }

    routes = _routes() + (_routes_of_nodes() if settings.on_postgres else [])
    app = Starlette(
        routes=routes,
        lifespan=_logged(tracing.until_end(lifespan) if tracing else lifespan),
        middleware=[
            *([tracing.requests(routes)] if tracing else []),
            Middleware(SecurityHeaders, origins=origins),
            Middleware(OwnHostsOnly, origins=origins),
            Middleware(Surprises, errors=errors),
        ],
        exception_handlers={HTTPException: errors.http, Refused: errors.refused},
    )
    # A redirect would be built from the path that somebody sent: "//evil.test/" names another host.
    app.router.redirect_slashes = False
    return app


def _logged(lifespan: Lifespan[Starlette]) -> Lifespan[Starlette]:
    """Starlette tells a failure in words alone, and those may be somebody's."""

    @asynccontextmanager
    async def watched(app: Starlette) -> AsyncIterator[Any]:
        try:
            async with lifespan(app) as state:
                yield state
        except DatabaseUnusable as problem:
            log.error("%s", problem)
            raise
        except Exception:
            log.exception("the server failed at its start or its end")
            raise

    return watched


@asynccontextmanager
async def _among_nodes(
    settings: Settings, house: House, db: Database, hub: Hub, missed: asyncio.Event, traced: Traced
) -> AsyncIterator[tuple[Forwarding | None, Callable[[], bool]]]:
    """On SQLite there is one process; on PostgreSQL this is one of as many as were started. Gives how to reach the others, and
    whether this one counts as alive among them."""
    if not settings.on_postgres:
        await followups.recover(house)
        yield None, lambda: True
        return
    # Only here, so that a start on SQLite does not import them.
    from chatserver.realtime.forwarding import Forwarding
    from chatserver.realtime.refuge import Refuge
    from chatserver.services.catching_up import CatchingUp
    from chatserver.services.nodes import Membership
    from chatserver.store.postgres.database import PostgresDatabase
    from chatserver.store.postgres.nodes import Nodes
    from chatserver.store.versions import Versions

    assert isinstance(db, PostgresDatabase)  # noqa: S101 - mypy alone needs to be told
    bus = house.bus
    catching_up = CatchingUp(house, Versions(db), bus.listened, bus.here, missed)
    forwarding = traced(Forwarding)(settings.secret or db.secret, house.now)

    known: set[int] = set()
    """The nodes that are alive."""

    def told(node: int, urls: Mapping[int, str]) -> None:
        if known != urls.keys():
            missed.set()  # a node that Redis does not reach came, or is gone: how often to look is asked anew
        known.clear()
        known.update(urls)
        telemetry.is_node(node)
        # A poll under way elsewhere would hold up the end of a server that stops.
        forwarding.living(node, {} if hub.draining else urls)

    nodes = Nodes(db, await _node_url(settings, db), settings.secret)
    async with Membership(house, nodes, hub.claim_again, hub.claim, told) as membership:

        def living() -> bool:
            return membership.living

        tasks = [
            asyncio.create_task(
                catching_up.run(lambda: HINTED_SECONDS if bus.hears(len(known)) else HINTLESS_SECONDS)
            ),
            asyncio.create_task(Refuge(hub, living, partial(writes, db), forwarding.anybody_ready).run()),
        ]
        try:
            yield forwarding, living
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _node_url(settings: Settings, db: PostgresDatabase) -> str:
    """Where the other nodes reach this one."""
    if settings.node_url:
        return settings.node_url
    return settings.url_at(await db.local_address() if settings.everywhere else settings.host)


@asynccontextmanager
async def _orders(settings: Settings, db: Database, hub: Hub) -> AsyncIterator[None]:
    """What administrators change while this server runs: with SQLite it is asked to do it, on PostgreSQL it notices."""
    if settings.on_postgres:
        noticing = asyncio.create_task(administration.notice(db, hub.people_changed, HINTLESS_SECONDS))
        try:
            yield
        finally:
            noticing.cancel()
            await asyncio.gather(noticing, return_exceptions=True)
        return

    async def carry_out(order: administration.Order) -> App | None:
        done = await administration.carry_out(db, order, settings.policy, db.clock())
        await hub.people_changed()
        return done

    async with control.listening(control.path_beside(settings.database_path), carry_out, settings.address):
        yield


@asynccontextmanager
async def _canary(settings: Settings, house: House, db: Database) -> AsyncIterator[None]:
    """Where nobody reads what it tells, there is none: it costs rows."""
    if not (settings.metrics_token and settings.canary_seconds):
        yield
        return
    from chatserver.loops.canary import Canary

    async with Canary(house, db, settings.canary_seconds):
        yield


@asynccontextmanager
async def _mailing(
    settings: Settings, house: House, db: Database, longest_sleep_ms: int, living: Callable[[], bool]
) -> AsyncIterator[None]:
    """Where nobody takes mails, what writes them is not imported either."""
    if settings.smtp is None:
        yield
        return
    from chatserver.loops.postman import mailing

    async with mailing(settings, settings.smtp, house, db, longest_sleep_ms, living):
        yield


@asynccontextmanager
async def _incoming_mail(settings: Settings, house: House, db: Database, files: Files) -> AsyncIterator[None]:
    """With SQLite one process does everything; on PostgreSQL `chatserver mail` takes it."""
    if settings.on_postgres and settings.takes_mail:
        log.info("this server takes no incoming mail: on PostgreSQL `chatserver mail` does, beside it")
    if settings.on_postgres or not settings.takes_mail:
        yield
        return
    from chatserver.incoming.taking import incoming

    async with incoming(settings, house, db, files):
        yield


def _routes() -> list[BaseRoute]:
    numbers.bound()
    return [
        Route("/", site.index),
        Route("/demo", demo.demo),
        Route("/embed/{app}", embed.frame),
        Route("/embed/{app}/form", embed.form),
        Route("/embed/{app}/similar", embed.similar),
        Route("/console", console.shell),
        Route("/console/session", console.who, methods=["GET"]),
        Route("/console/session", console.sign_in, methods=["POST"]),
        Route("/console/session", console.sign_out, methods=["DELETE"]),
        Route("/console/socket-token", console.socket_token, methods=["POST"]),
        *portal.routes(),
        Route("/console/files", file_pages.send_as_agent, methods=["POST"]),
        Route("/files", file_pages.send, methods=["POST"]),
        Route("/files/{link}", file_pages.give),
        Route("/mail/stop/{app}/{token}", mail.ask, methods=["GET"]),
        Route("/mail/stop/{app}/{token}", mail.stop, methods=["POST"]),
        Route("/mail/resume/{app}/{token}", mail.resume, methods=["POST"]),
        Route("/console/form", console_tickets.form, methods=["GET"]),
        Route("/console/tickets/{ticket:int}/mails/{seq:int}", console_tickets.mail, methods=["GET"]),
        Route("/console/tickets/{ticket:int}/mails/{seq:int}/original", console_tickets.original),
        Route("/console/tickets/{ticket:int}/mails/{seq:int}/files/{place:int}", console_tickets.attachment),
        Route("/console/tickets/{ticket:int}/notes/{note:int}", console_tickets.mail, methods=["GET"]),
        Route("/console/tickets/{ticket:int}/notes/{note:int}/original", console_tickets.original),
        Route("/console/tickets/{ticket:int}/notes/{note:int}/files/{place:int}", console_tickets.attachment),
        Route("/console/articles", console_articles.shelf, methods=["GET"]),
        Route("/console/articles", console_articles.create, methods=["POST"]),
        Route("/console/articles/preview", console_articles.preview, methods=["POST"]),
        Route("/console/articles/{id:int}", console_articles.read, methods=["GET"]),
        Route("/console/articles/{id:int}", console_articles.save, methods=["PUT"]),
        Route("/console/articles/{id:int}/publish", console_articles.publish, methods=["POST"]),
        Route("/console/articles/{id:int}/withdraw", console_articles.withdraw, methods=["POST"]),
        Route("/console/articles/{id:int}/versions", console_articles.versions, methods=["GET"]),
        Route("/console/articles/{id:int}/votes", console_articles.votes, methods=["GET"]),
        Route("/console/categories", console_articles.add_category, methods=["POST"]),
        Route("/console/categories", console_articles.order_categories, methods=["PUT"]),
        Route("/console/categories/{id:int}", console_articles.change_category, methods=["PUT"]),
        Route("/console/categories/{id:int}", console_articles.remove_category, methods=["DELETE"]),
        Route("/help/{app}", help_pages.door),
        Route("/help/{app}/theme.css", help_pages.theme),
        Route("/help/{app}/sitemap.xml", help_feeds.sitemap),
        Route("/help/{app}/suggest", help_pages.suggest),
        Route("/help/{app}/count/{what}/{id:int}", help_feedback.count, methods=["POST"]),
        Route("/help/{app}/{lang}", help_pages.home),
        Route("/help/{app}/{lang}/search", help_pages.search),
        Route("/help/{app}/{lang}/feed.xml", help_feeds.feed),
        Route("/help/{app}/{lang}/category/{slug}", help_pages.category),
        Route("/help/{app}/{lang}/article/{id:int}/feedback", help_feedback.form, methods=["GET"]),
        Route("/help/{app}/{lang}/article/{id:int}/feedback", help_feedback.send, methods=["POST"]),
        Route("/help/{app}/{lang}/article/{name}", help_pages.article),
        Route("/widget.js", site.widget),
        Route("/favicon.ico", site.icon),
        Route("/static/{path:path}", site.static),
        Route("/healthz", site.healthz),
        Route("/readyz", site.readyz),
        Route("/metrics", site.metrics),
        WebSocketRoute("/ws/customer", _Started("customers")),
        WebSocketRoute("/ws/agent", _Started("agents")),
        Route("/line/customer", _Started("customer_lines"), methods=["POST"]),
        Route("/line/agent", _Started("agent_lines"), methods=["POST"]),
    ]


def _routes_of_nodes() -> list[BaseRoute]:
    """What the other nodes ask, each with a signature. Outside they lead nowhere."""
    return [
        Route("/node/line/customer", _Started("nodes_customer_lines"), methods=["POST"]),
        Route("/node/line/agent", _Started("nodes_agent_lines"), methods=["POST"]),
    ]


class _Started:
    """An endpoint of sockets, or of the lines that stand in for them, which exists from the start of the server on only."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope["state"][self._name](scope, receive, send)


def _accounts(settings: Settings, db: Database, house: House) -> Accounts:
    return Accounts(
        db,
        house.bus,
        settings,
        secret=settings.secret or db.secret,
        find_app=lambda key: house.people.app_by_key(key),
        clock=house.now,
        buckets=_buckets(settings, db),
    )


def _portal(settings: Settings, db: Database, house: House, letters: Letters | None) -> Portal:
    if settings.smtp is not None:
        letters = MailedLetters(house)
    letters = letters or NoLetters()
    secret = settings.secret or db.secret
    return Portal(db, house, settings, secret=secret, letters=letters, buckets=_buckets(settings, db))


def _buckets(settings: Settings, db: Database) -> Buckets | None:
    """Where several servers count who tries to sign in."""
    if not settings.on_postgres:
        return None
    from chatserver.store.postgres.database import PostgresDatabase
    from chatserver.store.postgres.tries import Buckets

    assert isinstance(db, PostgresDatabase)  # noqa: S101 - mypy alone needs to be told
    return Buckets(db)


def _downloads(
    settings: Settings, house: House, db: Database, files: Files, place: Place, threads: Threads
) -> Downloads:
    secret = settings.secret or db.secret
    return Downloads(house, db, files, place, threads, secret=secret, seconds=settings.file_link_seconds)


def _limits(settings: Settings) -> Limits:
    return Limits(
        messages=settings.messages_per_minute,
        message_burst=settings.messages_burst,
        reads=settings.reads_per_minute,
        read_burst=settings.reads_burst,
        frames=settings.frames_per_minute,
        frame_burst=settings.frames_burst,
        connections_per_second=settings.connections_per_second,
        connections=settings.max_connections,
        person_connections=settings.connections_per_person,
        address_connections=settings.connections_per_address,
        address_tickets=settings.tickets_per_address,
        hello_seconds=settings.hello_seconds,
        customer_heartbeat=settings.customer_heartbeat_seconds,
        agent_heartbeat=settings.agent_heartbeat_seconds,
        linger=settings.linger_seconds,
    )
