"""Incoming mails: which were taken, what they became, and their originals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ANSWERED = "answer <> ''"
OF_TICKETS = "ticket_id IS NOT NULL"


def upgrade() -> None:
    op.create_table(
        "mails",
        sa.Column("app_id", ID, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("original", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("verified", sa.Integer(), nullable=False),
        sa.Column("ticket_id", ID, nullable=True),
        sa.Column("seq", sa.Integer(), nullable=True),
        sa.Column("answer", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="fk_mails_app_id"),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name="fk_mails_ticket_id"),
        sa.PrimaryKeyConstraint("app_id", "key", name="pk_mails"),
    )
    for name, columns, condition in (
        ("ix_mails_answered", ["app_id", "sender", "at"], ANSWERED),
        ("ix_mails_ticket", ["ticket_id", "seq"], OF_TICKETS),
    ):
        op.create_index(
            name,
            "mails",
            columns,
            unique=False,
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )
    op.create_table(
        "mail_originals",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", "part", name="pk_mail_originals"),
    )
    op.create_index("ix_mail_originals_at", "mail_originals", ["at"], unique=False)
