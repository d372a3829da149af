"""Where and with what something was measured."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import subprocess
import tempfile
import time
from importlib import metadata
from pathlib import Path

from bench.ledger import quantile
from bench.processes import GENERATOR_CORE, SERVER_CORE
from bench.report import OUT

FSYNCS = 200
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
        "fsync": _fsync(),
        "nice": str(os.nice(0)),
        "load": "{:.2f} {:.2f} {:.2f} before the first run".format(*os.getloadavg()),
    }


def _fsync() -> str:
    """What the disk takes for 4 KiB that have to stay: the floor under every durable figure."""
    OUT.mkdir(exist_ok=True)
    took = []
    with tempfile.NamedTemporaryFile(dir=OUT) as file:
        for _ in range(FSYNCS):
            began = time.perf_counter()
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            took.append((time.perf_counter() - began) * 1000)
    return f"p50 {quantile(took, 0.5):.2f} ms, p99 {quantile(took, 0.99):.2f} ms"


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
