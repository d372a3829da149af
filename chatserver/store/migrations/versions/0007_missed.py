"""Whose chats have to return, should they not come back, is found by an index of those alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

MISSED = "gone_at IS NOT NULL AND load > 0"


def upgrade() -> None:
    op.create_index(
        "ix_agents_missed",
        "agents",
        ["gone_at"],
        unique=False,
        sqlite_where=sa.text(MISSED),
        postgresql_where=sa.text(MISSED),
    )
