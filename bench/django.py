"""The environment of the Django Channels relay: made once, kept beside the results."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from bench.report import OUT

PACKAGES: Final = (
    "Django==5.2.19",
    "channels==4.3.2",
    "uvicorn==0.54.0",
    "uvloop==0.23.0",
    "websockets==17.4",
    "httptools",
)
WHERE: Final = OUT / "channels" / ".venv"  # by that name nobody takes it for ours


class NoDjango(Exception):
    """Channels cannot be measured here; the message says why."""


def ready() -> Path:
    """Its interpreter; takes half a minute the first time. Raises NoDjango."""
    python = WHERE / "bin" / "python"
    complete = WHERE / "complete"
    if not complete.exists():
        _run([sys.executable, "-m", "venv", "--clear", str(WHERE)])
        _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES])
        complete.touch()
    return python


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoDjango(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
