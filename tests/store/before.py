"""A SQLite file as an earlier release left it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from chatserver.store import migrations
from chatserver.store.migrations.sqlite import migrate

LUCIA, EVA = 1, 2
ANAS, LATER = 11, 14
_CID = f"{0:022}"
# In the columns that every release had: two open chats of Lucía's, a closed one, and one to be answered later.
_ROWS = f"""
INSERT INTO apps (id, key, name, secret, created_at) VALUES (1, 'demo', 'demo', 's', 0);
INSERT INTO agents (id, email, name, password_hash, created_at)
VALUES ({LUCIA}, 'lucia@x.co', 'Lucía', 'x', 0), ({EVA}, 'eva@x.co', 'Eva', 'x', 0);
INSERT INTO agent_apps (agent_id, app_id) VALUES ({LUCIA}, 1), ({EVA}, 1);
INSERT INTO customers (id, app_id, key, created_at)
VALUES (1, 1, 'anon:ana', 0), (2, 1, 'anon:bea', 0), (3, 1, 'anon:leo', 0), (4, 1, 'anon:mia', 0);
INSERT INTO tickets
(id, app_id, number, customer_id, cid, subject, opened_at, state, mode, agent_id, turn, active_at, last_seq, version)
VALUES ({ANAS}, 1, 1001, 1, '{_CID}', 'No puedo facturar', 0, 'open', 'live', {LUCIA}, 'agent', 0, 1, 1),
(12, 1, 1002, 2, '{_CID}', 'No puedo facturar', 0, 'open', 'live', {LUCIA}, 'agent', 0, 1, 1),
(13, 1, 1003, 3, '{_CID}', 'No puedo facturar', 0, 'closed', 'live', {LUCIA}, 'agent', 0, 1, 1),
({LATER}, 1, 1004, 4, '{_CID}', 'No puedo facturar', 0, 'open', 'later', {LUCIA}, 'agent', 0, 1, 1);
INSERT INTO items (ticket_id, seq, at, kind, "by", author_id, text)
SELECT id, 1, 0, 'opened', 'customer', customer_id, subject FROM tickets;
"""


def left_by(release: str, path: Path, scratch: Path) -> None:
    """`release`: a revision. `scratch`: a directory that there is not yet."""
    shutil.copytree(Path(migrations.__file__).parent, scratch)
    for later in (scratch / "versions").glob("0*.py"):
        if later.name[:4] > release:
            later.unlink()
    with pytest.MonkeyPatch.context() as then:
        then.setattr(migrations, "__file__", str(scratch / "__init__.py"))
        then.setattr(migrations, "HEAD", release)
        migrate(path)
    with closing(sqlite3.connect(path)) as database:
        database.executescript(_ROWS)
        database.commit()
