"""What systemd is told of this process (`Type=notify`), where it is systemd that started it; elsewhere nothing."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import Final

READY = "READY=1"
STOPPING = "STOPPING=1"
BEGIN_ANEW: Final = 75
"""The exit code of a process that ends so as to be started anew (EX_TEMPFAIL). To who starts it again it is a failure."""


def tell(state: str) -> None:
    where = os.environ.get("NOTIFY_SOCKET", "")
    if not where:
        return
    # An @ stands for the zero byte of an abstract socket.
    address = f"\0{where[1:]}" if where.startswith("@") else where
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaking:
        speaking.sendto(state.encode(), address)
