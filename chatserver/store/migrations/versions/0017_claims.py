"""Names that mails claim for their senders, and nobody stands by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.add_column("customers", sa.Column("claimed", sa.Text(), server_default="", nullable=False))
