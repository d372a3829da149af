"""Header fields that programs read and nobody else: ids and links leave as they are, and nothing in them is decoded on its way.

The library reads an encoded word in whatever it is given, and may write the end of a line that stood within it; and what is too
long for a line and has no blank it writes as encoded words, which no mail host reads as a link.
"""

from __future__ import annotations

from email.headerregistry import BaseHeader, HeaderRegistry
from email.policy import SMTP, Policy
from typing import Any, Final

LINE: Final = 78
"""Characters, where there is a blank to break at (RFC 5322, 2.1.1)."""


class AsItIs(BaseHeader):
    """A field of tokens in ASCII with single blanks between. For `HeaderRegistry`, which makes a header of it."""

    max_count = 1

    @classmethod
    def parse(cls, value: str, kwds: dict[str, Any]) -> None:
        if not (value.isascii() and value.isprintable()):
            raise ValueError("a field of ids or links holds what cannot stand there")
        kwds["parse_tree"], kwds["decoded"] = None, value

    def fold(self, *, policy: Policy) -> str:
        lines = [f"{self.name}:"]
        for token in str(self).split(" "):
            if len(lines[-1]) + 1 + len(token) > LINE and lines[-1] != f"{self.name}:":
                lines.append("")
            lines[-1] += f" {token}"
        return policy.linesep.join(lines) + policy.linesep


def _registry() -> HeaderRegistry:
    made = HeaderRegistry()
    for name in ("in-reply-to", "references", "list-unsubscribe"):
        made.map_to_type(name, AsItIs)
    return made


POLICY: Final = SMTP.clone(header_factory=_registry())
