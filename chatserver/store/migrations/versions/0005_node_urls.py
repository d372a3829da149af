"""Where the other nodes reach a node."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("nodes", sa.Column("url", sa.Text(), server_default="", nullable=False))
