"""The Node packages of the Socket.IO relay, where Node and npm are at hand: fetched once, kept beside the results.

No script of a package is run: SQLite's binding is compiled by npm's own node-gyp, against the headers beside Node.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

from bench.report import OUT

PACKAGES: Final = {"socket.io": "4.8.4", "better-sqlite3": "12.11.1"}
WHERE: Final = OUT / "node"
_QUIET: Final = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error")


class NoNode(Exception):
    """Socket.IO cannot be measured here; the message says why."""


def ready() -> Path:
    """The directory with `node_modules`; takes some two minutes the first time. Raises NoNode."""
    binding = WHERE / "node_modules" / "better-sqlite3"
    if (binding / "build" / "Release" / "better_sqlite3.node").exists():
        return WHERE
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise NoNode("there is no Node with npm on this machine")
    WHERE.mkdir(parents=True, exist_ok=True)
    (WHERE / "package.json").write_text(json.dumps({"private": True, "dependencies": PACKAGES}))
    _run([npm, "install", *_QUIET], WHERE)
    gyp = Path(_run([npm, "root", "--global"], WHERE).strip()) / "npm/node_modules/node-gyp/bin/node-gyp.js"
    home = Path(node).resolve().parent.parent
    headers = [f"--nodedir={home}"] if (home / "include/node/node.h").exists() else []
    _run([node, str(gyp), "rebuild", "--release", *headers], binding)
    return WHERE


def _run(command: list[str], where: Path) -> str:
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoNode(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return done.stdout
