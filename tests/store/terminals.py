"""What a command says where a person watches."""

from __future__ import annotations

import os
import pty
import subprocess


def shown(command: list[str], environment: dict[str, str]) -> tuple[str, str]:
    """What goes to a pipe, and what to a terminal that is its standard error. `environment`: beside this process's own, without
    its database."""
    ours, theirs = pty.openpty()
    environ = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | environment
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environ, text=True) as process:
        output, _ = process.communicate(timeout=60)
    os.close(theirs)
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        return output, b"".join(iter(lambda: _read(terminal.fileno()), b"")).decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # nobody has its other end any more
        return b""
