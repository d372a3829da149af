"""The schema. Instants are whole ms since 1970 UTC; JSON columns are text. Alembic makes the database from the same tables,
a test keeps the two equal. Partial indexes are the same on PostgreSQL, where the migrations alone say so: said here too, every
start would import that dialect (0.1 s)."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Sequence,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.schema import DDL

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite gives a rowid to INTEGER PRIMARY KEY only; PostgreSQL needs 64 bits.
Id = BigInteger().with_variant(Integer, "sqlite")
Ms = BigInteger()

# On PostgreSQL: which block of ids a group takes (store/postgres/writer.py). SQLite has one writer and needs none.
ids = Sequence("ids", metadata=metadata)

meta = Table("meta", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))

# On PostgreSQL: servers that serve, each as long as it says so again and again. SQLite has one server and none of these.
nodes = Table(
    "nodes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("started_at", Ms, nullable=False),
    Column("seen_at", Ms, nullable=False),
    Column("url", Text, nullable=False, server_default=""),
)

apps = Table(
    "apps",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("origins", Text, nullable=False, server_default="[]"),
    Column("secret", Text, nullable=False),
    Column("color", Text, nullable=False, server_default=""),
    Column("policy", Text, nullable=False, server_default="{}"),
    Column("schedule", Text, nullable=False, server_default="{}"),
    Column("created_at", Ms, nullable=False),
)

agents = Table(
    "agents",
    metadata,
    Column("id", Id, primary_key=True),
    Column("email", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("status", Text, nullable=False, server_default="away"),
    Column("capacity", Integer, nullable=False, server_default="4"),
    Column("gone_at", Ms, nullable=True, server_default="0"),
    Column("last_chat_at", Ms, nullable=False, server_default="0"),
    Column("created_at", Ms, nullable=False),
    Column("disabled_at", Ms, nullable=True),
    # How many open live chats have this agent_id: kept with every ticket that comes or goes, so that nobody has to count them.
    Column("load", Integer, nullable=False, server_default="0"),
    Column("node", Ms, nullable=False, server_default="0"),
)

agent_apps = Table(
    "agent_apps",
    metadata,
    Column("agent_id", Id, ForeignKey("agents.id"), primary_key=True),
    Column("app_id", Id, ForeignKey("apps.id"), primary_key=True),
    Index("ix_agent_apps_app_id", "app_id"),
)

# Only the hash of a session's token is kept: who reads the database cannot sign in with it.
sessions = Table(
    "sessions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("token_hash", Text, nullable=False, unique=True),
    Column("agent_id", Id, ForeignKey("agents.id"), nullable=False),
    Column("created_at", Ms, nullable=False),
    Column("expires_at", Ms, nullable=False),
    Column("ended_at", Ms, nullable=True),
    Index("ix_sessions_agent_id", "agent_id"),
)

# A host's user token is exchanged once: its jti is remembered until it has expired.
used_tokens = Table(
    "used_tokens",
    metadata,
    Column("app_id", Id, ForeignKey("apps.id"), primary_key=True),
    Column("jti", Text, primary_key=True),
    Column("expires_at", Ms, nullable=False, index=True),
)

customers = Table(
    "customers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("app_id", Id, ForeignKey("apps.id"), nullable=False),
    Column("key", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("email", Text, nullable=False, server_default=""),
    Column("locale", Text, nullable=False, server_default=""),
    Column("zone", Text, nullable=False, server_default=""),
    Column("created_at", Ms, nullable=False),
    UniqueConstraint("app_id", "key"),
)

tickets = Table(
    "tickets",
    metadata,
    Column("id", Id, primary_key=True),
    Column("app_id", Id, ForeignKey("apps.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("customer_id", Id, ForeignKey("customers.id"), nullable=False),
    Column("cid", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("context", Text, nullable=False, server_default="{}"),
    Column("opened_at", Ms, nullable=False),
    Column("state", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("close_reason", Text),
    Column("closed_at", Ms),
    Column("follows", Integer, nullable=False, server_default="0"),
    Column("email", Text, nullable=False, server_default=""),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("agent_id", Id, ForeignKey("agents.id")),
    Column("assigned_at", Ms),
    Column("answer_due_at", Ms),
    Column("passed", Text, nullable=False, server_default="[]"),
    Column("reminded", Integer, nullable=False, server_default="0"),
    Column("answered_at", Ms),
    Column("queued_at", Ms),
    Column("queue_rank", Ms),
    Column("queue_until", Ms),
    Column("turn", Text, nullable=False),
    Column("active_at", Ms, nullable=False),
    Column("agent_spoke_at", Ms, nullable=False, server_default="0"),
    Column("gone_at", Ms),
    Column("floor_at", Ms, nullable=False, server_default="0"),
    Column("proposal", Integer),
    Column("last_seq", Integer, nullable=False),
    Column("last_text", Text),
    Column("last_by", Text),
    Column("last_at", Ms),
    Column("customer_seen", Integer, nullable=False, server_default="0"),
    Column("agent_seen", Integer, nullable=False, server_default="0"),
    Column("customer_unread", Integer, nullable=False, server_default="0"),
    Column("agent_unread", Integer, nullable=False, server_default="0"),
    Column("stars", Integer),
    Column("comment", Text),
    Column("rated_at", Ms),
    Column("due_at", Ms),
    Column("version", Integer, nullable=False),
    # On PostgreSQL: the node to which the chat's customer connected last. Should it die, they are gone.
    Column("node", Ms, nullable=False, server_default="0"),
    UniqueConstraint("app_id", "number"),
    UniqueConstraint("customer_id", "cid"),
    # Each partial index holds open work only, so its size follows the open tickets and not the history.
    Index(
        "ix_tickets_due",
        "due_at",
        sqlite_where=text("due_at IS NOT NULL"),
    ),
    Index(
        "ix_tickets_queue",
        "app_id",
        "queue_rank",
        sqlite_where=text("queue_rank IS NOT NULL"),
    ),
    Index(
        "ix_tickets_attended",
        "agent_id",
        sqlite_where=text("state <> 'closed' AND agent_id IS NOT NULL"),
    ),
    Index(
        "ix_tickets_chats_at",
        "agent_id",
        sqlite_where=text("state = 'open' AND mode = 'live' AND agent_id IS NOT NULL"),
    ),
    Index(
        "ix_tickets_chats_of",
        "customer_id",
        sqlite_where=text("state = 'open' AND mode = 'live'"),
    ),
    Index(
        "ix_tickets_later",
        "app_id",
        "id",
        sqlite_where=text("state <> 'closed' AND mode = 'later' AND agent_id IS NULL"),
    ),
    Index("ix_tickets_customer", "customer_id", "id"),
    # For the honest estimate: the last chats of an app that an agent finished.
    Index(
        "ix_tickets_handled",
        "app_id",
        "closed_at",
        sqlite_where=text("state = 'closed' AND answered_at IS NOT NULL"),
    ),
)

# Deliberately with a rowid on SQLite: new rows of many tickets share the pages at the end of the table. Clustered by ticket
# (WITHOUT ROWID) each message would dirty a page of its own, which doubled the cost of writing when measured.
items = Table(
    "items",
    metadata,
    Column("ticket_id", Id, ForeignKey("tickets.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", Ms, nullable=False),
    Column("kind", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("author_id", Id, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("cid", Text),
    Column("text", Text, nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
    Column("stars", Integer, nullable=False, server_default="0"),
    # One message per (ticket, author, client id): a repeat finds the first one.
    Index(
        "uq_items_cid",
        "ticket_id",
        "cid",
        "by",
        "author_id",
        unique=True,
        sqlite_where=text("cid IS NOT NULL"),
    ),
)


# — help articles ——————————————————————————————————————————————————————————————

# Names and descriptions by language, as JSON.
categories = Table(
    "categories",
    metadata,
    Column("id", Id, primary_key=True),
    Column("app_id", Id, ForeignKey("apps.id"), nullable=False),
    Column("slug", Text, nullable=False),
    Column("names", Text, nullable=False),
    Column("about", Text, nullable=False, server_default="{}"),
    Column("position", Integer, nullable=False, server_default="0"),
    Column("created_at", Ms, nullable=False),
    UniqueConstraint("app_id", "slug"),
)

# One row per language; translations of each other have the same `kin`. `version`: the newest text; `shown`: what readers see.
articles = Table(
    "articles",
    metadata,
    Column("id", Id, primary_key=True),
    Column("app_id", Id, ForeignKey("apps.id"), nullable=False),
    Column("category_id", Id, ForeignKey("categories.id"), nullable=False),
    Column("language", Text, nullable=False),
    Column("kin", Text, nullable=False),
    Column("author_id", Id, ForeignKey("agents.id"), nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("shown", Integer),
    Column("created_at", Ms, nullable=False),
    Column("saved_at", Ms, nullable=False),
    Column("published_at", Ms),
    Column("updated_at", Ms),
    Column("views", Integer, nullable=False, server_default="0"),
    Column("opened", Integer, nullable=False, server_default="0"),
    Column("followed", Integer, nullable=False, server_default="0"),
    UniqueConstraint("kin", "language"),
    Index("ix_articles_app_id", "app_id", "language"),
    Index("ix_articles_category_id", "category_id"),
)

# Each text that was saved, for good.
article_versions = Table(
    "article_versions",
    metadata,
    Column("article_id", Id, ForeignKey("articles.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("title", Text, nullable=False),
    Column("summary", Text, nullable=False, server_default=""),
    Column("body", Text, nullable=False),
    Column("author_id", Id, ForeignKey("agents.id"), nullable=False),
    Column("at", Ms, nullable=False),
)

# What readers see: as it is searched (folded words, and a word in front for app and language), and as it reads.
article_texts = Table(
    "article_texts",
    metadata,
    Column("article_id", Id, ForeignKey("articles.id"), primary_key=True, autoincrement=False),
    Column("scope", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("plain", Text, nullable=False),
)

# One per reader and version.
article_votes = Table(
    "article_votes",
    metadata,
    Column("article_id", Id, ForeignKey("articles.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("voter", Text, primary_key=True),
    Column("at", Ms, nullable=False),
    Column("useful", Integer, nullable=False),
    Column("reasons", Text, nullable=False, server_default="[]"),
    Column("comment", Text, nullable=False, server_default=""),
)

SEARCHED = (
    "(setweight(to_tsvector('simple', scope), 'A') || setweight(to_tsvector('simple', title), 'A') || "
    "setweight(to_tsvector('simple', summary), 'B') || setweight(to_tsvector('simple', body), 'D'))"
)
"""What the index on PostgreSQL is of; only a query that says the same finds by it."""
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
"""Each engine's own, which SQLAlchemy has no words for. Rows of `article_texts` are put in and taken out, never changed."""
for _engine, _statements in SEARCH_INDEX.items():
    for _statement in _statements:
        event.listen(article_texts, "after_create", DDL(_statement).execute_if(dialect=_engine))  # type: ignore[no-untyped-call]
