"""Settings for one story."""

from __future__ import annotations

import pytest


def with_settings(**settings: object) -> pytest.MarkDecorator:
    """Runs the `server` of a test with these settings: `@with_settings(inactivity_seconds=6)`."""
    name = ",".join(f"{key}={value}" for key, value in settings.items())
    return pytest.mark.parametrize("server", [pytest.param(settings, id=name)], indirect=True)


on_both_engines = pytest.mark.parametrize(
    "server",
    [{"afresh": True}, {"postgres": True, "afresh": True}],
    ids=["sqlite", "postgres"],
    indirect=True,
)
"""For a journey: once with a SQLite file, once with PostgreSQL, and with nothing in either when the server starts."""
