"""What OpenTelemetry's own variables say, where we have to know it. The rest of them its SDK reads itself."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

_COLLECTOR = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOL = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def traces_wanted(environ: Mapping[str, str] | None = None) -> bool:
    """OpenTelemetry's own variables say where traces go, and not that there are none."""
    environ = os.environ if environ is None else environ
    off = _said(environ, "OTEL_SDK_DISABLED") == "true" or _said(environ, "OTEL_TRACES_EXPORTER") == "none"
    return not off and any(_said(environ, name) for name in _COLLECTOR)


def problems(environ: Mapping[str, str]) -> list[str]:
    """What would make them leave for nowhere. The rest of its variables the SDK reads itself."""
    if not traces_wanted(environ):
        return []
    found = [
        f"{name} must be an address like http://collector:4318."  # not quoted: it may hold a password
        for name in _COLLECTOR
        if _said(environ, name) and not re.match(r"https?://[^/]", _said(environ, name))
    ]
    protocol = next((name for name in _PROTOCOL if _said(environ, name)), None)
    if protocol and _said(environ, protocol) != "http/protobuf":
        found.append(f"{protocol} must be http/protobuf, which collectors take at port 4318.")
    if _said(environ, "OTEL_TRACES_EXPORTER") not in ("", "otlp"):
        found.append("OTEL_TRACES_EXPORTER must be otlp or none.")
    return found


def _said(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name, "").strip().lower()
