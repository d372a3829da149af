"""An app has one support address: what its policy named as such is its own, as far as it has none."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

APPS = sa.table("apps", sa.column("id"), sa.column("policy"), sa.column("support_address"))


def upgrade() -> None:
    """Servers of before go on: they look at the column first."""
    connection = op.get_bind()
    rows = connection.execute(sa.select(APPS.c.id, APPS.c.policy, APPS.c.support_address).order_by(APPS.c.id))
    for app_id, policy, own in rows.all():
        chosen = json.loads(policy)
        if "support_address" not in chosen:
            continue
        address = own or chosen.pop("support_address")
        chosen.pop("support_address", None)
        connection.execute(
            sa.update(APPS)
            .where(APPS.c.id == app_id)
            .values(support_address=address, policy=json.dumps(chosen, ensure_ascii=False))
        )
