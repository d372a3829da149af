"""How many open chats an agent has is kept beside the agent: counting them grew with the chats."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("agents", sa.Column("load", sa.Integer(), server_default="0", nullable=False))
    op.execute(
        "UPDATE agents SET load = (SELECT count(*) FROM tickets "
        "WHERE tickets.agent_id = agents.id AND tickets.state = 'open' AND tickets.mode = 'live')"
    )
