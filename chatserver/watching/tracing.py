"""Traces for operators who collect them: the few classes that carry a message, each with OpenTelemetry's spans around what it
does.

Imported only where OTEL_EXPORTER_OTLP_ENDPOINT says where they go; without it the classes themselves are used. A span says of
what kind something was, how long it took and what came of it. Kinds, codes and counts, never a text, a name, an address, a token,
the id of a person or a ticket, nor the words of an exception: collectors are others' machines.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, ClassVar, Final, TypeVar, cast

from opentelemetry.context import Context, attach, detach
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import (
    Link,
    Span,
    SpanKind,
    StatusCode,
    Tracer,
    format_span_id,
    format_trace_id,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Lifespan, Message, Receive, Scope, Send

from chatserver import __version__
from chatserver.core.errors import Refused
from chatserver.core.events import Event
from chatserver.core.people import Agent
from chatserver.loops.worker import Board
from chatserver.realtime.agent import AgentTalk
from chatserver.realtime.customer import CustomerTalk
from chatserver.realtime.forwarding import Forwarding
from chatserver.realtime.frames import type_of
from chatserver.realtime.talk import Talk
from chatserver.realtime.wire import Error
from chatserver.store.postgres.writer import PostgresWriter
from chatserver.store.sqlite.writer import SqliteWriter
from chatserver.store.writer import Job, Outcome, UseCase, Writer

log = logging.getLogger(__name__)

T = TypeVar("T")

FLUSH_SECONDS: Final = 1.0
"""For the last spans to leave. A collector that takes longer does not get them."""
UNTRACED: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""Machines ask for them every few seconds."""
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Anything else is what a stranger typed."""

_W3C: Final = TraceContextTextMapPropagator()


class Tracing:
    """Gives traced classes (`telemetry.Traced`), and sends what they tell from a thread of its own until `close`. What is
    sampled, and where it goes, the SDK reads from its own variables; raises ValueError for some that cannot be used."""

    def __init__(self) -> None:
        named = Resource({"service.name": "chatserver", "service.version": __version__})
        found = Resource.create()
        if str(found.attributes["service.name"]).startswith("unknown_service"):
            found = found.merge(named)
        # It would wait for its collector at the interpreter's end.
        self._provider = TracerProvider(resource=named.merge(found), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(Arrival(OTLPSpanExporter())))
        self._tracer = self._provider.get_tracer("chatserver", __version__)
        # A line for each span that is dropped, and each batch: `Arrival` says it once.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        logging.getLogger("urllib3").setLevel(logging.CRITICAL)
        self._handlers = logging.root.handlers[:]
        for handler in self._handlers:
            handler.addFilter(_with_ids)

    def __call__(self, kind: type[T], /) -> type[T]:
        """The class of those below that does what `kind` does."""
        made = _TRACED[kind]
        return cast("type[T]", type(made.__name__, (made,), {"tracer": self._tracer}))

    def requests(self, routes: Sequence[BaseRoute]) -> Middleware:
        """For the outermost place; `routes`: by whose templates requests are told."""
        templates = {route.endpoint: route.path for route in routes if isinstance(route, Route)}
        return Middleware(Requests, tracer=self._tracer, templates=templates)

    def until_end(self, lifespan: Lifespan[Starlette]) -> Lifespan[Starlette]:
        """`close` after the app's own end."""

        @asynccontextmanager
        async def traced(app: Starlette) -> AsyncIterator[Any]:
            try:
                async with lifespan(app) as state:
                    yield state
            finally:
                self.close()

        return traced

    def close(self) -> None:
        """Waits for a moment until what was told has left."""
        leaving = threading.Thread(target=self._provider.shutdown, name="chatserver-traces", daemon=True)
        leaving.start()
        leaving.join(FLUSH_SECONDS)
        for handler in self._handlers:
            handler.removeFilter(_with_ids)


class Arrival(SpanExporter):
    """Says once that traces do not arrive, and once that they do again. Called by the thread that sends them."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        failed = result is not SpanExportResult.SUCCESS
        if failed and not self._failing:
            log.warning("traces do not arrive at the collector: they are dropped until they do")
        elif self._failing and not failed:
            log.info("traces arrive again")
        self._failing = failed
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def _with_ids(record: logging.LogRecord) -> bool:
    """A line says to which span it belongs."""
    context = get_current_span().get_span_context()
    if context.is_valid:
        record.trace_id = format_trace_id(context.trace_id)
        record.span_id = format_span_id(context.span_id)
    return True


def _came_of(span: Span, problem: BaseException) -> None:
    """Instead of "ok": a refusal is an answer like another, all else is an error."""
    if isinstance(problem, Refused):
        span.set_attribute("chatserver.outcome", problem.code)
    else:
        span.set_attributes({"chatserver.outcome": "internal", "error.type": type(problem).__name__})
        span.set_status(StatusCode.ERROR)


class During:
    """What is done and logged within the block belongs to the span, which `ends` with it or not. OpenTelemetry's own `use_span`
    takes four times as long, twice for each message."""

    __slots__ = ("_ends", "_span", "_token")

    def __init__(self, span: Span, *, ends: bool = False) -> None:
        self._span = span
        self._ends = ends

    def __enter__(self) -> Span:
        self._token = attach(set_span_in_context(self._span))
        return self._span

    def __exit__(self, *error: object) -> None:
        detach(self._token)
        if self._ends:
            self._span.end()


# — requests ———————————————————————————————————————————————————————————————————


class Requests:
    """One span for each HTTP request, by its route's template: a path may hold what somebody typed. It goes on with the trace of
    whoever asks (W3C `traceparent`)."""

    def __init__(self, app: ASGIApp, tracer: Tracer, templates: Mapping[Callable[..., Any], str]) -> None:
        self.app = app
        self._tracer = tracer
        self._templates = templates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in UNTRACED:
            await self.app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in METHODS else "_OTHER"
        span = self._tracer.start_span(
            method, _asked_in(scope), SpanKind.SERVER, {"http.request.method": method}
        )

        async def answered(message: Message) -> None:
            if message["type"] == "http.response.start":
                span.set_attribute("http.response.status_code", message["status"])
                if message["status"] >= 500:
                    span.set_status(StatusCode.ERROR)
            await send(message)

        with During(span, ends=True):
            try:
                await self.app(scope, receive, answered)
            except Exception as problem:
                _came_of(span, problem)
                raise
            finally:
                template = self._templates.get(scope.get("endpoint", self))
                if template is not None:
                    span.update_name(f"{method} {template}")
                    span.set_attribute("http.route", template)


def _asked_in(scope: Scope) -> Context:
    """The caller's trace, where it tells of one."""
    told = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"] if key in _TOLD}
    return _W3C.extract(told, Context())


_TOLD: Final = (b"traceparent", b"tracestate")


class TracedForwarding(Forwarding):
    """The other node goes on with the trace."""

    def _head(self, path: str, line_id: str, mode: str, body: bytes) -> list[str]:
        told: dict[str, str] = {}
        _W3C.inject(told)
        return [
            *super()._head(path, line_id, mode, body),
            *(f"{name}: {value}" for name, value in told.items()),
        ]


# — frames —————————————————————————————————————————————————————————————————————


class Telling(Talk[Any]):
    """A span for each frame that becomes a use case, until it is answered."""

    tracer: ClassVar[Tracer]

    def _begin(self, verb: str) -> Span:
        told: dict[str, Any] = {
            "chatserver.frame": verb,
            "chatserver.audience": self.audience,
            "chatserver.outcome": "ok",
        }
        if node := self.hub.db.node:
            told["chatserver.node"] = node
        return self.tracer.start_span(f"{self.audience} {verb}", None, SpanKind.SERVER, told)

    @contextmanager
    def _telling(self, verb: str) -> Iterator[None]:
        with During(self._begin(verb), ends=True) as span:
            try:
                yield
            except asyncio.CancelledError:
                span.set_attribute("chatserver.outcome", "cancelled")
                raise

    async def _hello(self, text: str | None) -> None:
        with self._telling("hello"):
            await super()._hello(text)

    def _turn_away(self, answer: Error, code: int) -> None:
        get_current_span().set_attribute("chatserver.outcome", answer.code)
        super()._turn_away(answer, code)

    async def _answer(self, frame: Any) -> None:
        with self._telling(type_of(frame)):
            await super()._answer(frame)

    def _submit(self, frame: Any, now: float) -> None:
        with During(self._begin(type_of(frame))):
            super()._submit(frame, now)

    def _stored(self, frame: Any, heard_at: float, seq: int, problem: BaseException | None) -> None:
        """Called within the span that was begun by `_submit`, if that one is sampled: the writer sees to it."""
        super()._stored(frame, heard_at, seq, problem)
        get_current_span().end()

    def _failed(self, frame: Any, problem: BaseException) -> None:
        _came_of(get_current_span(), problem)
        super()._failed(frame, problem)


class TracedCustomerTalk(Telling, CustomerTalk): ...


class TracedAgentTalk(Telling, AgentTalk): ...


# — use cases and their groups —————————————————————————————————————————————————


class Within:
    """A use case's `done`, called within the span in which it was submitted."""

    __slots__ = ("_done", "_ours", "span")

    def __init__(self, done: Callable[[Any, BaseException | None], None], span: Span, ours: bool) -> None:
        self._done = done
        self.span = span
        self._ours = ours

    def __call__(self, result: Any, problem: BaseException | None) -> None:
        with During(self.span):
            self._done(result, problem)
        if self._ours:
            if problem is not None:
                _came_of(self.span, problem)
            self.span.end()


class Recording(Writer):
    """What a use case does belongs to whoever asked for it; what happens by itself (what is due, who came and went, the canary)
    has a span of its own, named after its decision."""

    tracer: ClassVar[Tracer]

    def submit(self, job: Job) -> None:
        span = get_current_span()
        ours = isinstance(job, UseCase) and not span.get_span_context().is_valid
        if ours:
            span = self.tracer.start_span(_name(job), attributes={"chatserver.outcome": "ok"})
        done = job.done
        if span.is_recording():
            job.done = Within(done, span, ours)
        try:
            super().submit(job)
        except BaseException as problem:
            job.done = done
            if ours:
                _came_of(span, problem)
                span.end()
            raise

    def _deliver(self, events: list[Event], outcomes: list[Outcome]) -> None:
        """What others are told, and what comes of that, belongs to no group: each answer to its own use case alone."""
        _ended(get_current_span())
        token = attach(Context())
        try:
            super()._deliver(events, outcomes)
        finally:
            detach(token)

    @contextmanager
    def _committing(self, jobs: Sequence[Job], engine: str, node: int = 0) -> Iterator[None]:
        """The group's span is in the trace of the first use case that is sampled, and linked with the others'."""
        asking = [job.done.span for job in jobs if isinstance(job.done, Within)]
        if not asking:
            yield
            return
        first, *others = asking
        told: dict[str, Any] = {"db.system.name": engine, "chatserver.group_size": len(jobs)}
        if node:
            told["chatserver.node"] = node
        links = [Link(span.get_span_context()) for span in others]
        group = self.tracer.start_span(
            "commit", set_span_in_context(first, Context()), SpanKind.CLIENT, told, links
        )
        for span in others:
            span.add_link(group.get_span_context())
        with During(group):
            try:
                yield
            except Exception as problem:
                _came_of(group, problem)
                raise
            finally:
                _ended(group)


def _ended(span: Span) -> None:
    if span.is_recording():
        span.end()


def _name(job: Any) -> str:
    """`followups.follow_up`: module and function of what decides."""
    function = getattr(job.decide, "__qualname__", "").partition(".")[0].strip("_")
    return f"{job.decide.__module__.rpartition('.')[2]}.{function}" if function else "use case"


class TracedSqliteWriter(Recording, SqliteWriter):
    def _group(self, group: list[UseCase]) -> None:
        with self._committing(group, "sqlite"):
            super()._group(group)

    def _execute(self, jobs: list[Any]) -> None:
        with self._committing(jobs, "sqlite"):
            super()._execute(jobs)


class TracedPostgresWriter(Recording, PostgresWriter):
    async def _group(self, group: list[UseCase]) -> None:
        with self._committing(group, "postgresql", self.node):
            await super()._group(group)

    async def _execute(self, jobs: list[Any]) -> None:
        with self._committing(jobs, "postgresql", self.node):
            await super()._execute(jobs)


# — the worker —————————————————————————————————————————————————————————————————


class TracedBoard(Board):
    """What is due are use cases of their own; this one looks and tells."""

    tracer: ClassVar[Tracer]

    async def _look(self, app_id: int, agents: list[Agent], now: int) -> None:
        with During(self.tracer.start_span("worker.queue_and_attention"), ends=True):
            await super()._look(app_id, agents, now)


_TRACED: Final[dict[type, type]] = {
    AgentTalk: TracedAgentTalk,
    Board: TracedBoard,
    CustomerTalk: TracedCustomerTalk,
    Forwarding: TracedForwarding,
    PostgresWriter: TracedPostgresWriter,
    SqliteWriter: TracedSqliteWriter,
}
