"""docs/settings.md, made of the settings themselves; `python -m chatserver.settings` prints it."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

import msgspec

from chatserver.core.policy import Policy
from chatserver.settings import PREFIX
from chatserver.settings.data import Data
from chatserver.settings.files import Files
from chatserver.settings.limits import Limits
from chatserver.settings.mail import Mail
from chatserver.settings.policy import POLICY_DOCS
from chatserver.settings.server import Server
from chatserver.settings.sessions import Sessions

_HEAD = """\
# Settings

Read once, at the start, from the environment. `DATABASE_URL`, `REDIS_URL`, `HOST` and `PORT` also work without the prefix; the
prefixed one wins. Whatever cannot be used is listed, all at once, and the server does not start. This page is printed by
`python -m chatserver.settings`.
"""
_TABLE = """
## {}

| variable | default | what it does |
|---|---|---|
"""
_TITLES: dict[type[Any], str] = {
    Server: "Server",
    Data: "What is kept",
    Mail: "Mail",
    Files: "Files",
    Limits: "Connections and rates",
    Sessions: "Signing in",
}
_POLICY_HEAD = """
## Defaults of every app

An app's own policy wins over these.

| variable | default | what it does |
|---|---|---|
"""
_TRACES = """
## Traces

With `pip install 'chatserver[otel]'`; read by OpenTelemetry's SDK, each as its specification says. What a span tells:
[monitoring.md](monitoring.md#traces).

| variable | default | what it does |
|---|---|---|
| `OTEL_EXPORTER_OTLP_ENDPOINT` | – | The collector, like `http://localhost:4318`: traces are made where it is named. |
| `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` | – | The same, with its path. |
| `OTEL_EXPORTER_OTLP_PROTOCOL` | `http/protobuf` | No other one is spoken. |
| `OTEL_EXPORTER_OTLP_HEADERS` | – | For a collector that wants a key. |
| `OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG` | `parentbased_always_on` | `parentbased_traceidratio`, `0.01`: one of 100. |
| `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | `chatserver` | Who tells it. |
| `OTEL_BSP_MAX_QUEUE_SIZE` | `2048` | Spans that wait for the collector; further ones are dropped. |
| `OTEL_SDK_DISABLED` | `false` | `true`: no traces, whatever else is set. So does `OTEL_TRACES_EXPORTER=none`. |
"""


def reference() -> str:
    """docs/settings.md."""
    own = [_TABLE.format(title) + _rows(subject) for subject, title in _TITLES.items()]
    defaults = {f.name: f.default for f in msgspec.structs.fields(Policy)}
    shown = {name: _shown(value) for name, value in defaults.items()} | {"mail": "yes where SMTP_URL is set"}
    policy = [_row(name, shown[name], doc) for name, doc in POLICY_DOCS.items()]
    return _HEAD + "".join(own) + _TRACES + _POLICY_HEAD + "".join(policy)


def _rows(subject: type[Any]) -> str:
    return "".join(
        _row(f.name, f.metadata["shown"] or _shown(f.default), f.metadata["doc"]) for f in fields(subject)
    )


def _row(name: str, default: str, doc: str) -> str:
    return f"| `{PREFIX}{name.upper()}` | {f'`{default}`' if default else '–'} | {doc} |\n"


def _shown(default: Any) -> str:
    if default is None or default is MISSING:
        return ""
    if isinstance(default, bool):
        return "yes" if default else "no"
    return f"{default:g}" if isinstance(default, float) else str(default)
