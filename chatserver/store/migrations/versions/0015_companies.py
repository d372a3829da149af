"""Companies of customers, and who of their people may see the tickets of all."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "companies",
        sa.Column("id", ID, nullable=False),
        sa.Column("app_id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="fk_companies_app_id"),
        sa.PrimaryKeyConstraint("id", name="pk_companies"),
        sa.UniqueConstraint("app_id", "name", name="uq_companies_app_id_name"),
    )
    op.create_table(
        "company_people",
        sa.Column("app_id", ID, nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("company_id", ID, nullable=False),
        sa.Column("sees", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="fk_company_people_app_id"),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name="fk_company_people_company_id"),
        sa.PrimaryKeyConstraint("app_id", "person", name="pk_company_people"),
    )
    op.create_index("ix_company_people_company_id", "company_people", ["company_id"])
