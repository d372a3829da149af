"""What a whole database of ours keeps to, asked in SQL that both engines read. For copies of it, wherever they were made."""

from __future__ import annotations

from typing import Final, NamedTuple

CHECKS: Final = {
    "tickets lack an item, or have one too many": (
        "0001",
        "SELECT count(*) FROM tickets LEFT JOIN (SELECT ticket_id, count(*) AS n, min(seq) AS least, max(seq) AS most "
        "FROM items GROUP BY ticket_id) AS kept ON kept.ticket_id = tickets.id "
        "WHERE coalesce(n, 0) <> last_seq OR coalesce(most, 0) <> last_seq OR coalesce(least, 1) <> 1",
    ),
    "messages are there twice": (
        "0001",
        "SELECT count(*) FROM (SELECT 1 FROM items WHERE cid IS NOT NULL "
        'GROUP BY ticket_id, cid, "by", author_id HAVING count(*) > 1) AS twice',
    ),
    "agents' loads are not their open chats": (
        "0003",
        "SELECT count(*) FROM agents WHERE load <> (SELECT count(*) FROM tickets "
        "WHERE agent_id = agents.id AND state = 'open' AND mode = 'live')",
    ),
    "tickets lack a note": (
        "0018",
        "SELECT count(*) FROM (SELECT count(*) AS n, min(seq) AS least, max(seq) AS most FROM notes GROUP BY ticket_id) AS kept "
        "WHERE n <> most OR least <> 1",
    ),
}
"""What would be wrong → (the revision that first has what is asked about, how many rows are so)."""
CONTENTS: Final = (
    "SELECT (SELECT count(*) FROM tickets), (SELECT count(*) FROM items), (SELECT max(at) FROM items)"
)


class Contents(NamedTuple):
    """What a copy holds. `last_at`: when the last of it was written (ms UTC), None while nothing was."""

    tickets: int
    items: int
    last_at: int | None


class Known(NamedTuple):
    """By what a database is known to what lies beside it."""

    secret: str
    epoch: str


KNOWN: Final = "SELECT key, value FROM meta WHERE key IN ('secret', 'epoch')"


def checks(revision: str) -> dict[str, str]:
    """Those that a database of this revision can be asked: what would be wrong → how many rows are so."""
    return {wrong: query for wrong, (since, query) in CHECKS.items() if since <= revision}
