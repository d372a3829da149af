"""What a form or an agent says of a ticket, since when it waits for its customer, and what an app's form asks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

PENDING = "state = 'pending'"


def upgrade() -> None:
    op.add_column("apps", sa.Column("form", sa.Text(), server_default="{}", nullable=False))
    for column in (
        sa.Column("source", sa.Text(), server_default="chat", nullable=False),
        sa.Column("type", sa.Text(), server_default="", nullable=False),
        sa.Column("category", sa.Text(), server_default="", nullable=False),
        sa.Column("development", sa.Integer(), server_default="0", nullable=False),
        sa.Column("details", sa.Text(), server_default="{}", nullable=False),
        sa.Column("pending_at", sa.BigInteger(), nullable=True),
        sa.Column("pending_reminded_at", sa.BigInteger(), nullable=True),
    ):
        op.add_column("tickets", column)
    op.create_index(
        "ix_tickets_pending",
        "tickets",
        ["app_id", "id"],
        unique=False,
        sqlite_where=sa.text(PENDING),
        postgresql_where=sa.text(PENDING),
    )
