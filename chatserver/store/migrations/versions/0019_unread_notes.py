"""What strangers' mails said and no agent has read, beside the tickets; and whether anybody stands by who wrote such a note."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("notes", sa.Column("verified", sa.Integer(), server_default="0", nullable=False))
    op.create_table(
        "unread_notes",
        sa.Column("ticket_id", ID, autoincrement=False, nullable=False),
        sa.Column("app_id", ID, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="fk_unread_notes_app_id"),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name="fk_unread_notes_ticket_id"),
        sa.PrimaryKeyConstraint("ticket_id", name="pk_unread_notes"),
    )
    op.create_index("ix_unread_notes_app_id", "unread_notes", ["app_id", "at"])
