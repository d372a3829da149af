"""Customers' accounts in the portal: their confirmed addresses, passwords, sessions, and the links that mails carry."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
CONFIRMED = "confirmed_at IS NOT NULL"


def upgrade() -> None:
    op.create_table(
        "addresses",
        sa.Column("id", ID, nullable=False),
        sa.Column("app_id", ID, nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="fk_addresses_app_id"),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_addresses_customer_id"),
        sa.PrimaryKeyConstraint("id", name="pk_addresses"),
        sa.UniqueConstraint("customer_id", "address", name="uq_addresses_customer_id_address"),
    )
    op.create_index(
        "uq_addresses_confirmed",
        "addresses",
        ["app_id", "address"],
        unique=True,
        sqlite_where=sa.text(CONFIRMED),
        postgresql_where=sa.text(CONFIRMED),
    )
    op.create_table(
        "accounts",
        sa.Column("customer_id", ID, autoincrement=False, nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_accounts_customer_id"),
        sa.PrimaryKeyConstraint("customer_id", name="pk_accounts"),
    )
    op.create_table(
        "customer_sessions",
        sa.Column("id", ID, nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_customer_sessions_customer_id"),
        sa.PrimaryKeyConstraint("id", name="pk_customer_sessions"),
        sa.UniqueConstraint("token_hash", name="uq_customer_sessions_token_hash"),
    )
    op.create_index("ix_customer_sessions_customer_id", "customer_sessions", ["customer_id"], unique=False)
    op.create_table(
        "links",
        sa.Column("id", ID, nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("app_id", ID, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("customer_id", ID, nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="fk_links_app_id"),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_links_customer_id"),
        sa.PrimaryKeyConstraint("id", name="pk_links"),
        sa.UniqueConstraint("token_hash", name="uq_links_token_hash"),
    )
    op.create_index("ix_links_address", "links", ["app_id", "address"], unique=False)
    op.create_index("ix_links_expires_at", "links", ["expires_at"], unique=False)
