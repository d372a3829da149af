"""`python -m chatserver.settings` prints docs/settings.md."""

from __future__ import annotations

from chatserver.settings.reference import reference

print(reference(), end="")  # noqa: T201 - writes docs/settings.md
