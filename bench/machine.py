"""Where and with what something was measured."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import subprocess
from importlib import metadata
from pathlib import Path

from bench.processes import GENERATOR_CORE, SERVER_CORE

_PACKAGES = ("uvloop", "websockets", "uvicorn", "starlette", "msgspec", "aiosqlite", "sqlalchemy", "picows")


def conditions() -> dict[str, str]:
    """Facts by name; what is not installed is left out."""
    alone = (os.cpu_count() or 1) > 1
    return {
        "cpu": f"{os.cpu_count()} x {_cpu()}",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "node": _node(),
        "packages": ", ".join(f"{name} {version}" for name in _PACKAGES if (version := _version(name))),
        "cores": f"servers on CPU {SERVER_CORE}, generator on CPU {GENERATOR_CORE}"
        if alone
        else "one, shared",
        "nice": str(os.nice(0)),
        "load": "{:.2f} {:.2f} {:.2f} before the first run".format(*os.getloadavg()),
    }


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _node() -> str:
    node = shutil.which("node")
    if node is None:
        return "none"
    return subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
