"""A collector of traces on loopback: takes what OpenTelemetry's exporter posts, and shows each span."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.harness.waiting import wait_until


@dataclass(frozen=True)
class Span:
    """Ids are hexadecimal; `parent`: empty for the first of a trace. `links`: ids of spans."""

    name: str
    trace: str
    id: str
    parent: str
    links: frozenset[str]
    attributes: dict[str, Any]
    resource: dict[str, Any]
    failed: bool


@dataclass
class Collector:
    port: int
    bodies: list[bytes] = field(default_factory=list)
    """As they came."""

    def variables(self, **more: str) -> dict[str, str]:
        """For the environment of a server whose spans come here, soon after they end."""
        address = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}"}
        return address | {"OTEL_BSP_SCHEDULE_DELAY": "100"} | more

    @property
    def spans(self) -> list[Span]:
        return [span for body in list(self.bodies) for span in _spans(body)]

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]

    def waits_for(self, name: str, count: int = 1) -> list[Span]:
        """At least so many spans of this name."""
        wait_until(
            lambda: len(self.named(name)) >= count, f"{count} of {name!r}, not only {self._names()}", 15
        )
        return self.named(name)

    def _names(self) -> list[str]:
        return sorted({span.name for span in self.spans})


@contextlib.contextmanager
def collector() -> Iterator[Collector]:
    class Takes(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            found.bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Takes) as server:
        found = Collector(server.server_port)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


def _spans(body: bytes) -> Iterator[Span]:
    for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield Span(
                    name=span.name,
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    links=frozenset(link.span_id.hex() for link in span.links),
                    attributes=_values(span.attributes),
                    resource=_values(of_resource.resource.attributes),
                    failed=span.status.code == span.status.STATUS_CODE_ERROR,
                )


def _values(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
