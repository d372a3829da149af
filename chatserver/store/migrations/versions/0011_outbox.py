"""Outgoing mail: what has to leave, who wants none, from which address, and how far mails told a ticket."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("apps", sa.Column("support_address", sa.Text(), server_default="", nullable=False))
    op.add_column("tickets", sa.Column("unseen_at", sa.BigInteger(), nullable=True))
    op.add_column("tickets", sa.Column("mailed_seq", sa.Integer(), server_default="0", nullable=False))
    op.add_column("tickets", sa.Column("mail_problem", sa.Text(), server_default="", nullable=False))
    op.create_table(
        "outbox",
        sa.Column("id", ID, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("app_id", ID, nullable=False),
        sa.Column("ticket_id", ID, nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("confirmed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("facts", sa.Text(), server_default="{}", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("until_at", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("leased_until", sa.BigInteger(), nullable=True),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("message_id", sa.Text(), server_default="", nullable=False),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="fk_outbox_app_id"),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name="fk_outbox_ticket_id"),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("key", name="uq_outbox_key"),
    )
    for name, columns, condition in (
        ("ix_outbox_due", ["due_at"], "due_at IS NOT NULL"),
        ("ix_outbox_leased", ["leased_until"], "leased_until IS NOT NULL"),
        ("ix_outbox_app", ["app_id", "settled_at"], "outcome = 'sent'"),
        ("ix_outbox_mailbox", ["mailbox", "settled_at"], "outcome = 'sent'"),
        ("ix_outbox_settled", ["settled_at"], "settled_at IS NOT NULL"),
    ):
        op.create_index(
            name,
            "outbox",
            columns,
            unique=False,
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )
    op.create_table(
        "mail_stops",
        sa.Column("app_id", ID, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="fk_mail_stops_app_id"),
        sa.PrimaryKeyConstraint("app_id", "who", name="pk_mail_stops"),
    )
