"""Files of messages, and how much was sent up on a day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UNUSED = "ticket_id IS NULL"


def upgrade() -> None:
    op.create_table(
        "files",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("app_id", ID, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("cid", sa.Text(), nullable=False),
        sa.Column("ticket_id", ID, nullable=True),
        sa.Column("seq", sa.Integer(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_files"),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="fk_files_app_id"),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name="fk_files_ticket_id"),
    )
    op.create_index("uq_files_key", "files", ["key"], unique=True)
    op.create_index(
        "uq_files_unused",
        "files",
        ["app_id", "by", "owner", "cid"],
        unique=True,
        sqlite_where=sa.text(UNUSED),
        postgresql_where=sa.text(UNUSED),
    )
    op.create_index(
        "ix_files_unused",
        "files",
        ["created_at"],
        unique=False,
        sqlite_where=sa.text(UNUSED),
        postgresql_where=sa.text(UNUSED),
    )
    op.create_table(
        "file_use",
        sa.Column("app_id", ID, nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("app_id", "day", "who", name="pk_file_use"),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="fk_file_use_app_id"),
    )
    # Last: it waits for who writes messages, and they for tickets, which the tables above hold by then.
    op.add_column("items", sa.Column("files", sa.Text(), nullable=True))
