"""What administrators change of people and apps: a secret that is replaced stays good for a while; what agents' socket tokens are
known by; tries to sign in, counted for all nodes together."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("apps", sa.Column("old_secret", sa.Text(), server_default="", nullable=False))
    op.add_column("apps", sa.Column("old_secret_until", sa.BigInteger(), server_default="0", nullable=False))
    op.create_table(
        "spent_tokens",
        sa.Column("agent_id", ID, nullable=False),
        sa.Column("jti", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", "jti", name="pk_spent_tokens"),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name="fk_spent_tokens_agent_id"),
    )
    op.create_index("ix_spent_tokens_expires_at", "spent_tokens", ["expires_at"])
    op.create_table(
        "tries",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("full_at", sa.BigInteger(), nullable=False),
        sa.Column("taken", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_tries"),
    )
    op.create_index("ix_tries_full_at", "tries", ["full_at"])
