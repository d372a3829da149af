"""PostgreSQL itself watches who attends what: had a ticket two owners, or an agent too many chats, at any committed moment?"""

from __future__ import annotations

from tests.harness.postgres import fetched

# `held` is counted by us, not by the server: its row is locked until the transaction ends, so that at each commit of an agent's
# the number is what everybody else would see from then on. What a group does and undoes before it commits is nobody's business.
_WATCH = (
    "CREATE TABLE held AS SELECT id AS agent_id, 0 AS chats FROM agents",
    "ALTER TABLE held ADD PRIMARY KEY (agent_id)",
    "CREATE TABLE wrongs (what text NOT NULL)",
    """CREATE FUNCTION owner_changed() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        was bigint := CASE WHEN OLD.state = 'open' AND OLD.mode = 'live' THEN OLD.agent_id END;
        becomes bigint := CASE WHEN NEW.state = 'open' AND NEW.mode = 'live' THEN NEW.agent_id END;
    BEGIN
        IF NEW.version < OLD.version OR (NEW.version = OLD.version AND was IS DISTINCT FROM becomes) THEN
            INSERT INTO wrongs VALUES (format('ticket %s: version %s after %s', NEW.id, NEW.version, OLD.version));
        END IF;
        IF was IS DISTINCT FROM becomes THEN
            UPDATE held SET chats = chats - 1 WHERE agent_id = was;
            UPDATE held SET chats = chats + 1 WHERE agent_id = becomes;
        END IF;
        RETURN NULL;
    END $$""",
    """CREATE FUNCTION capacity_kept() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO wrongs SELECT format('agent %s had %s chats of %s', id, chats, capacity)
        FROM held JOIN agents ON id = agent_id WHERE agent_id = NEW.agent_id AND chats > capacity;
        RETURN NULL;
    END $$""",
    "CREATE TRIGGER watching AFTER UPDATE ON tickets FOR EACH ROW EXECUTE FUNCTION owner_changed()",
    "CREATE CONSTRAINT TRIGGER watching AFTER UPDATE ON held DEFERRABLE INITIALLY DEFERRED "
    "FOR EACH ROW EXECUTE FUNCTION capacity_kept()",
)

_TAKEN_TWICE = """SELECT format('ticket %s was given to somebody while it was another one''s, item %s', ticket_id, seq) FROM (
    SELECT ticket_id, seq, kind, lag(kind) OVER (PARTITION BY ticket_id ORDER BY seq) AS earlier FROM items
    WHERE kind IN ('opened', 'assigned', 'queued', 'later', 'closed')
) AS story WHERE kind = 'assigned' AND earlier NOT IN ('opened', 'queued', 'later') OR earlier = 'closed'"""

_NOT_AS_TOLD = """SELECT format('ticket %s is not whose its history says', id) FROM tickets
WHERE state = 'open' AND agent_id IS DISTINCT FROM (
    SELECT CASE WHEN kind = 'assigned' THEN author_id END FROM items
    WHERE ticket_id = id AND kind IN ('opened', 'assigned', 'queued', 'later') ORDER BY seq DESC LIMIT 1
)"""

_MISCOUNTED = """SELECT format('agent %s: load %s, chats %s', id, load, chats) FROM agents JOIN held ON agent_id = id
WHERE load <> chats"""


async def watch_owners(url: str) -> None:
    """From here on; no ticket is there yet."""
    for statement in _WATCH:
        await fetched(url, statement)


async def wrongs(url: str) -> list[str]:
    """Every moment since `watch_owners` at which a ticket had two owners or an agent too many chats, in sentences."""
    found: list[str] = []
    for query in ("SELECT what FROM wrongs", _TAKEN_TWICE, _NOT_AS_TOLD, _MISCOUNTED):
        found += [row[0] for row in await fetched(url, query)]
    return found
