"""Whose an original is, is asked of all that are old."""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_index("ix_mails_original", "mails", ["original"], unique=False)
