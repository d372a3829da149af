"""What `server/peers.py` offers beyond ASGI, in a request's `extensions`. Where they are absent no bound has to move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

STREAM: Final = "chatserver.stream"
"""Lets an answer take as long as it takes; gives the function that cuts it."""
UPLOAD: Final = "chatserver.upload"
"""Lets a request bring so many bytes. To be asked before anything is waited for: from there on they are counted."""

Stream = Callable[[], Callable[[], None]]
Upload = Callable[[int], None]
