"""What the operator's own mail host found out about a mail, as it wrote it into Authentication-Results (RFC 8601).

Most of such a field repeats what the sender chose: addresses, domains, names of keys. So it is taken apart as the standard says,
rather than searched: what stands in quotes, in a comment or behind another method's name is no result.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_DMARC: Final = re.compile(r"\s*dmarc\s*(?:/\s*\d{1,3}\s*)?=\s*(\w{1,20})(?!\S)", re.IGNORECASE)
_FROM: Final = re.compile(r"\sheader\.from\s*=\s*(\S{1,300})", re.IGNORECASE)


def dmarc_domain(fields: Sequence[str], authserv_id: str) -> str:
    """The domain of the From for which DMARC passed, in small letters; "" for none. `fields`: all Authentication-Results of a
    mail, from the top. Only the topmost one of that name counts, whatever it says: below it a sender may write some of their
    own, in forms that no host sees as such, and some hosts say nothing of DMARC where a domain has none."""
    for field in fields:
        if field.partition(";")[0].split()[:1] != [authserv_id]:
            continue
        found = [(result, piece) for piece in _pieces(field)[1:] if (result := _DMARC.match(piece))]
        return _passed(found[0][1]) if len(found) == 1 and found[0][0][1].lower() == "pass" else ""
    return ""


def _passed(piece: str) -> str:
    told = _FROM.search(piece)
    return told[1].lower().rpartition("@")[2] if told else ""


def _pieces(field: str) -> list[str]:
    """Between semicolons, without comments, quoted texts emptied; none of one in which either does not end."""
    pieces: list[list[str]] = [[]]
    depth, quoted, escaped = 0, False, False
    for c in field:
        if escaped:
            escaped = False
        elif c == "\\" and (quoted or depth):
            escaped = True
        elif quoted:
            quoted = c != '"'
        elif c == "(":
            depth += 1
        elif depth:
            depth -= c == ")"
            if not depth:
                pieces[-1].append(" ")
        elif c == '"':
            quoted = True
        elif c == ";":
            pieces.append([])
        else:
            pieces[-1].append(c)
    return [] if quoted or depth else ["".join(piece) for piece in pieces]
