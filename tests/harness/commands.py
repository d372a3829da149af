"""An operator's commands, as processes of their own with a server's settings."""

from __future__ import annotations

import subprocess
import sys
from typing import NamedTuple

from tests.harness.server import ROOT, Server

ENDS_WITHIN = 60.0


class Said(NamedTuple):
    code: int
    output: str
    """Both streams."""


def command(server: Server, *arguments: object, **environ: str) -> Said:
    ended = subprocess.run(
        [sys.executable, "-m", "chatserver", *map(str, arguments)],
        cwd=ROOT,
        env=server.environment() | environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=ENDS_WITHIN,
    )
    return Said(ended.returncode, ended.stdout)


def done(server: Server, *arguments: object, **environ: str) -> str:
    """The output of a command that has to succeed."""
    said = command(server, *arguments, **environ)
    assert said.code == 0, said.output
    return said.output
