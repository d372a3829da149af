"""Help articles: categories, texts with all their versions, what is searched, and what readers thought of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SEARCHED = (
    "(setweight(to_tsvector('simple', scope), 'A') || setweight(to_tsvector('simple', title), 'A') || "
    "setweight(to_tsvector('simple', summary), 'B') || setweight(to_tsvector('simple', body), 'D'))"
)
SEARCH_INDEX = {
    "sqlite": (
        "CREATE VIRTUAL TABLE article_index USING fts5(scope, title, summary, body, content='article_texts', "
        "content_rowid='article_id', tokenize='unicode61 remove_diacritics 2', prefix='2 3 4 5')",
        "CREATE TRIGGER article_texts_in AFTER INSERT ON article_texts BEGIN INSERT INTO article_index "
        "(rowid, scope, title, summary, body) VALUES (new.article_id, new.scope, new.title, new.summary, new.body); END",
        "CREATE TRIGGER article_texts_out AFTER DELETE ON article_texts BEGIN INSERT INTO article_index "
        "(article_index, rowid, scope, title, summary, body) "
        "VALUES ('delete', old.article_id, old.scope, old.title, old.summary, old.body); END",
    ),
    "postgresql": (f"CREATE INDEX article_index ON article_texts USING gin ({SEARCHED})",),
}


def upgrade() -> None:
    op.create_table(
        "categories",
        sa.Column("id", ID, nullable=False),
        sa.Column("app_id", ID, nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), server_default="{}", nullable=False),
        sa.Column("position", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="fk_categories_app_id"),
        sa.PrimaryKeyConstraint("id", name="pk_categories"),
        sa.UniqueConstraint("app_id", "slug", name="uq_categories_app_id_slug"),
    )
    op.create_table(
        "articles",
        sa.Column("id", ID, nullable=False),
        sa.Column("app_id", ID, nullable=False),
        sa.Column("category_id", ID, nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("kin", sa.Text(), nullable=False),
        sa.Column("author_id", ID, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("shown", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("saved_at", sa.BigInteger(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=True),
        sa.Column("views", sa.Integer(), server_default="0", nullable=False),
        sa.Column("opened", sa.Integer(), server_default="0", nullable=False),
        sa.Column("followed", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="fk_articles_app_id"),
        sa.ForeignKeyConstraint(["author_id"], ["agents.id"], name="fk_articles_author_id"),
        sa.ForeignKeyConstraint(["category_id"], ["categories.id"], name="fk_articles_category_id"),
        sa.PrimaryKeyConstraint("id", name="pk_articles"),
        sa.UniqueConstraint("kin", "language", name="uq_articles_kin_language"),
    )
    op.create_index("ix_articles_app_id", "articles", ["app_id", "language"], unique=False)
    op.create_index("ix_articles_category_id", "articles", ["category_id"], unique=False)
    op.create_table(
        "article_versions",
        sa.Column("article_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), server_default="", nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("author_id", ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name="fk_article_versions_article_id"),
        sa.ForeignKeyConstraint(["author_id"], ["agents.id"], name="fk_article_versions_author_id"),
        sa.PrimaryKeyConstraint("article_id", "number", name="pk_article_versions"),
    )
    op.create_table(
        "article_texts",
        sa.Column("article_id", ID, autoincrement=False, nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("plain", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name="fk_article_texts_article_id"),
        sa.PrimaryKeyConstraint("article_id", name="pk_article_texts"),
    )
    for statement in SEARCH_INDEX[op.get_bind().dialect.name]:
        op.execute(statement)
    op.create_table(
        "article_votes",
        sa.Column("article_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("voter", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("useful", sa.Integer(), nullable=False),
        sa.Column("reasons", sa.Text(), server_default="[]", nullable=False),
        sa.Column("comment", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name="fk_article_votes_article_id"),
        sa.PrimaryKeyConstraint("article_id", "number", "voter", name="pk_article_votes"),
    )
