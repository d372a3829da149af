"""What a customer's account accepts: addresses as they are compared, passwords."""

from __future__ import annotations

from typing import Final

from chatserver.core import messages
from chatserver.core.addresses import alike
from chatserver.core.errors import Refused

PASSWORD_LEAST: Final = 8
PASSWORD_MOST: Final = 200
"""Characters: a hash takes the same time for all of them, and a sentence fits."""


def folded(text: str) -> str:
    """An address that could receive mail, as it is compared and looked up. Raises Refused(bad_email)."""
    return alike(messages.email(text))


def password(text: str) -> str:
    """A new password. Raises Refused(too_short | too_long)."""
    if len(text) < PASSWORD_LEAST:
        raise Refused("too_short", limit=PASSWORD_LEAST)
    if len(text) > PASSWORD_MOST:
        raise Refused("too_long", limit=PASSWORD_MOST)
    return text


def full_name(text: str) -> str:
    """The name that agents see. Raises Refused(name_required | too_long)."""
    name = messages.name(text)
    if not name:
        raise Refused("name_required")
    return name
