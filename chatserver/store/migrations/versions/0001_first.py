"""The first schema: apps, people, tickets and their items."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE SEQUENCE ids")
    op.create_table(
        "agents",
        sa.Column("id", ID, nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="away", nullable=False),
        sa.Column("capacity", sa.Integer(), server_default="4", nullable=False),
        sa.Column("gone_at", sa.BigInteger(), server_default="0", nullable=True),
        sa.Column("last_chat_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_agents"),
        sa.UniqueConstraint("email", name="uq_agents_email"),
    )
    op.create_table(
        "apps",
        sa.Column("id", ID, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("origins", sa.Text(), server_default="[]", nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("color", sa.Text(), server_default="", nullable=False),
        sa.Column("policy", sa.Text(), server_default="{}", nullable=False),
        sa.Column("schedule", sa.Text(), server_default="{}", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_apps"),
        sa.UniqueConstraint("key", name="uq_apps_key"),
    )
    op.create_table(
        "meta",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_meta"),
    )
    op.create_table(
        "agent_apps",
        sa.Column("agent_id", ID, nullable=False),
        sa.Column("app_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name="fk_agent_apps_agent_id"),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="fk_agent_apps_app_id"),
        sa.PrimaryKeyConstraint("agent_id", "app_id", name="pk_agent_apps"),
    )
    op.create_index("ix_agent_apps_app_id", "agent_apps", ["app_id"], unique=False)
    op.create_table(
        "customers",
        sa.Column("id", ID, nullable=False),
        sa.Column("app_id", ID, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("email", sa.Text(), server_default="", nullable=False),
        sa.Column("locale", sa.Text(), server_default="", nullable=False),
        sa.Column("zone", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="fk_customers_app_id"),
        sa.PrimaryKeyConstraint("id", name="pk_customers"),
        sa.UniqueConstraint("app_id", "key", name="uq_customers_app_id_key"),
    )
    op.create_table(
        "sessions",
        sa.Column("id", ID, nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("agent_id", ID, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name="fk_sessions_agent_id"),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.UniqueConstraint("token_hash", name="uq_sessions_token_hash"),
    )
    op.create_index("ix_sessions_agent_id", "sessions", ["agent_id"], unique=False)
    op.create_table(
        "used_tokens",
        sa.Column("app_id", ID, nullable=False),
        sa.Column("jti", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="fk_used_tokens_app_id"),
        sa.PrimaryKeyConstraint("app_id", "jti", name="pk_used_tokens"),
    )
    op.create_index("ix_used_tokens_expires_at", "used_tokens", ["expires_at"], unique=False)
    op.create_table(
        "tickets",
        sa.Column("id", ID, nullable=False),
        sa.Column("app_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("cid", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("context", sa.Text(), server_default="{}", nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("close_reason", sa.Text(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("follows", sa.Integer(), server_default="0", nullable=False),
        sa.Column("email", sa.Text(), server_default="", nullable=False),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("agent_id", ID, nullable=True),
        sa.Column("assigned_at", sa.BigInteger(), nullable=True),
        sa.Column("answer_due_at", sa.BigInteger(), nullable=True),
        sa.Column("passed", sa.Text(), server_default="[]", nullable=False),
        sa.Column("reminded", sa.Integer(), server_default="0", nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("queued_at", sa.BigInteger(), nullable=True),
        sa.Column("queue_rank", sa.BigInteger(), nullable=True),
        sa.Column("queue_until", sa.BigInteger(), nullable=True),
        sa.Column("turn", sa.Text(), nullable=False),
        sa.Column("active_at", sa.BigInteger(), nullable=False),
        sa.Column("agent_spoke_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("gone_at", sa.BigInteger(), nullable=True),
        sa.Column("floor_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("proposal", sa.Integer(), nullable=True),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("last_text", sa.Text(), nullable=True),
        sa.Column("last_by", sa.Text(), nullable=True),
        sa.Column("last_at", sa.BigInteger(), nullable=True),
        sa.Column("customer_seen", sa.Integer(), server_default="0", nullable=False),
        sa.Column("agent_seen", sa.Integer(), server_default="0", nullable=False),
        sa.Column("customer_unread", sa.Integer(), server_default="0", nullable=False),
        sa.Column("agent_unread", sa.Integer(), server_default="0", nullable=False),
        sa.Column("stars", sa.Integer(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("rated_at", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name="fk_tickets_agent_id"),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="fk_tickets_app_id"),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_tickets_customer_id"),
        sa.PrimaryKeyConstraint("id", name="pk_tickets"),
        sa.UniqueConstraint("app_id", "number", name="uq_tickets_app_id_number"),
        sa.UniqueConstraint("customer_id", "cid", name="uq_tickets_customer_id_cid"),
    )
    op.create_index(
        "ix_tickets_attended",
        "tickets",
        ["agent_id"],
        unique=False,
        sqlite_where=sa.text("state <> 'closed' AND agent_id IS NOT NULL"),
        postgresql_where=sa.text("state <> 'closed' AND agent_id IS NOT NULL"),
    )
    op.create_index("ix_tickets_customer", "tickets", ["customer_id", "id"], unique=False)
    op.create_index(
        "ix_tickets_due",
        "tickets",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_tickets_handled",
        "tickets",
        ["app_id", "closed_at"],
        unique=False,
        sqlite_where=sa.text("state = 'closed' AND answered_at IS NOT NULL"),
        postgresql_where=sa.text("state = 'closed' AND answered_at IS NOT NULL"),
    )
    op.create_index(
        "ix_tickets_later",
        "tickets",
        ["app_id", "id"],
        unique=False,
        sqlite_where=sa.text("state <> 'closed' AND mode = 'later' AND agent_id IS NULL"),
        postgresql_where=sa.text("state <> 'closed' AND mode = 'later' AND agent_id IS NULL"),
    )
    op.create_index(
        "ix_tickets_queue",
        "tickets",
        ["app_id", "queue_rank"],
        unique=False,
        sqlite_where=sa.text("queue_rank IS NOT NULL"),
        postgresql_where=sa.text("queue_rank IS NOT NULL"),
    )
    op.create_table(
        "items",
        sa.Column("ticket_id", ID, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("author_id", ID, nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("cid", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("stars", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name="fk_items_ticket_id"),
        sa.PrimaryKeyConstraint("ticket_id", "seq", name="pk_items"),
    )
    op.create_index(
        "uq_items_cid",
        "items",
        ["ticket_id", "cid", "by", "author_id"],
        unique=True,
        sqlite_where=sa.text("cid IS NOT NULL"),
        postgresql_where=sa.text("cid IS NOT NULL"),
    )
