"""Indexes of open chats alone: what agents and customers have to be answered later must not be counted through."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

CHATTING = "state = 'open' AND mode = 'live'"
ATTENDED = f"{CHATTING} AND agent_id IS NOT NULL"


def upgrade() -> None:
    for name, column, condition in (
        ("ix_tickets_chats_at", "agent_id", ATTENDED),
        ("ix_tickets_chats_of", "customer_id", CHATTING),
    ):
        op.create_index(
            name,
            "tickets",
            [column],
            unique=False,
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )
