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
    LargeBinary,
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
    # The one before it, good until then: the host has to be told of a new one before it can use it.
    Column("old_secret", Text, nullable=False, server_default=""),
    Column("old_secret_until", Ms, nullable=False, server_default="0"),
    Column("color", Text, nullable=False, server_default=""),
    Column("policy", Text, nullable=False, server_default="{}"),
    Column("schedule", Text, nullable=False, server_default="{}"),
    Column("created_at", Ms, nullable=False),
    Column("form", Text, nullable=False, server_default="{}"),
    Column("support_address", Text, nullable=False, server_default=""),
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
    # Whose chats have to return, should they not come back: few, and for half a minute, however many agents there are.
    Index("ix_agents_missed", "gone_at", sqlite_where=text("gone_at IS NOT NULL AND load > 0")),
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

# An agent's token for a socket is used once: as above.
spent_tokens = Table(
    "spent_tokens",
    metadata,
    Column("agent_id", Id, ForeignKey("agents.id"), primary_key=True),
    Column("jti", Text, primary_key=True),
    Column("expires_at", Ms, nullable=False, index=True),
)

# On PostgreSQL: how many tries to sign in are left (store/postgres/tries.py). One server counts them in memory.
tries = Table(
    "tries",
    metadata,
    Column("key", Text, primary_key=True),
    Column("full_at", Ms, nullable=False, index=True),
    Column("taken", Text, nullable=False),
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
    # The name in mails from their address that nobody stands by.
    Column("claimed", Text, nullable=False, server_default=""),
    UniqueConstraint("app_id", "key"),
)

# A confirmed address belongs to one customer of an app; who merely claims one stands in nobody's way.
addresses = Table(
    "addresses",
    metadata,
    Column("id", Id, primary_key=True),
    Column("app_id", Id, ForeignKey("apps.id"), nullable=False),
    Column("customer_id", Id, ForeignKey("customers.id"), nullable=False),
    Column("address", Text, nullable=False),
    Column("created_at", Ms, nullable=False),
    Column("confirmed_at", Ms, nullable=True),
    UniqueConstraint("customer_id", "address"),
    Index(
        "uq_addresses_confirmed",
        "app_id",
        "address",
        unique=True,
        sqlite_where=text("confirmed_at IS NOT NULL"),
    ),
)

# Who has one may sign in to the portal with a password and any of their confirmed addresses. `email`: the one that mail goes to.
accounts = Table(
    "accounts",
    metadata,
    Column("customer_id", Id, ForeignKey("customers.id"), primary_key=True, autoincrement=False),
    Column("email", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("created_at", Ms, nullable=False),
)

# Whose people are customers. Who of them sees the tickets of all is said by administrators.
companies = Table(
    "companies",
    metadata,
    Column("id", Id, primary_key=True),
    Column("app_id", Id, ForeignKey("apps.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", Ms, nullable=False),
    UniqueConstraint("app_id", "name"),
)

# `person`: a folded address, which counts for who confirmed it, or the key of a user whom the host vouches for.
company_people = Table(
    "company_people",
    metadata,
    Column("app_id", Id, ForeignKey("apps.id"), primary_key=True),
    Column("person", Text, primary_key=True),
    Column("company_id", Id, ForeignKey("companies.id"), nullable=False),
    Column("sees", Integer, nullable=False, server_default="0"),
    Index("ix_company_people_company_id", "company_id"),
)

# A table of their own: a session of the portal can never be taken for an agent's. Only the hash of the token is kept.
customer_sessions = Table(
    "customer_sessions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("token_hash", Text, nullable=False, unique=True),
    Column("customer_id", Id, ForeignKey("customers.id"), nullable=False),
    Column("created_at", Ms, nullable=False),
    Column("expires_at", Ms, nullable=False),
    Column("ended_at", Ms, nullable=True),
    Index("ix_customer_sessions_customer_id", "customer_id"),
)

# What a mail's link proves: that its reader has the address. Used once, then gone. `customer_id`: who asked while signed in.
links = Table(
    "links",
    metadata,
    Column("id", Id, primary_key=True),
    Column("token_hash", Text, nullable=False, unique=True),
    Column("purpose", Text, nullable=False),
    Column("app_id", Id, ForeignKey("apps.id"), nullable=False),
    Column("address", Text, nullable=False),
    Column("customer_id", Id, ForeignKey("customers.id"), nullable=True),
    Column("expires_at", Ms, nullable=False),
    Index("ix_links_address", "app_id", "address"),
    Index("ix_links_expires_at", "expires_at"),
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
    # What a form or an agent says of it. No message changes any of these, and no index knows them.
    Column("source", Text, nullable=False, server_default="chat"),
    Column("type", Text, nullable=False, server_default=""),
    Column("category", Text, nullable=False, server_default=""),
    Column("development", Integer, nullable=False, server_default="0"),
    Column("details", Text, nullable=False, server_default="{}"),
    Column("pending_at", Ms),
    Column("pending_reminded_at", Ms),
    Column("unseen_at", Ms),
    Column("mailed_seq", Integer, nullable=False, server_default="0"),
    Column("mail_problem", Text, nullable=False, server_default=""),
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
    Index("ix_tickets_pending", "app_id", "id", sqlite_where=text("state = 'pending'")),
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
    # What everybody is told of a message's files, as JSON; so whoever reads a conversation reads nothing else for them.
    Column("files", Text),
)

# What agents say among themselves about a ticket, with numbers of its own: never in `items`, so that no query of what customers
# read can find any of it. `mail`: the key of the taken mail that it came with.
notes = Table(
    "notes",
    metadata,
    Column("ticket_id", Id, ForeignKey("tickets.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", Ms, nullable=False),
    Column("author_id", Id, nullable=False),
    Column("name", Text, nullable=False),
    Column("cid", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("mail", Text, nullable=False, server_default=""),
    Column("verified", Integer, nullable=False, server_default="0"),
    UniqueConstraint("ticket_id", "author_id", "cid"),
    # On PostgreSQL nodes look for the latest ones, where no hint of them came.
    Index("ix_notes_at", "at", "ticket_id", "seq"),
)

# What strangers' mails said and no agent has read: up to which note, as long as there is any. Beside the tickets, whose versions
# customers hear of.
unread_notes = Table(
    "unread_notes",
    metadata,
    Column("ticket_id", Id, ForeignKey("tickets.id"), primary_key=True, autoincrement=False),
    Column("app_id", Id, ForeignKey("apps.id"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("at", Ms, nullable=False),
    Index("ix_unread_notes_app_id", "app_id", "at"),
)

# What was sent up. In no message yet: only who sent it knows its id, and it goes after a day, with its bytes (`key` in the
# directory of files).
files = Table(
    "files",
    metadata,
    Column("id", Text, primary_key=True),
    Column("app_id", Id, ForeignKey("apps.id"), nullable=False),
    Column("by", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("cid", Text, nullable=False),
    Column("ticket_id", Id, ForeignKey("tickets.id")),
    Column("seq", Integer),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("bytes", Ms, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("key", Text, nullable=False),
    # Of its thumbnail, where there is one.
    Column("width", Integer),
    Column("height", Integer),
    Column("created_at", Ms, nullable=False),
    # What died halfway is looked for by it.
    Index("uq_files_key", "key", unique=True),
    # Of what is in a message nothing has to be found but by its id: these two stay as small as what is under way.
    Index(
        "uq_files_unused", "app_id", "by", "owner", "cid", unique=True, sqlite_where=text("ticket_id IS NULL")
    ),
    Index("ix_files_unused", "created_at", sqlite_where=text("ticket_id IS NULL")),
)

# How many bytes were sent up on a day (of UTC, counted since 1970): by one person, from one network, and in a whole app.
file_use = Table(
    "file_use",
    metadata,
    Column("app_id", Id, ForeignKey("apps.id"), primary_key=True),
    Column("day", Integer, primary_key=True),
    Column("who", Text, primary_key=True),
    Column("bytes", Ms, nullable=False),
)

# Mails that have to leave, each once: `key` names its effect. Rows that have left stay for a while, so that caps can be counted
# and nobody has to guess what became of a mail.
outbox = Table(
    "outbox",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("app_id", Id, ForeignKey("apps.id"), nullable=False),
    Column("ticket_id", Id, ForeignKey("tickets.id")),
    Column("address", Text, nullable=False),
    # The address in small letters: what caps are counted by.
    Column("mailbox", Text, nullable=False),
    Column("confirmed", Integer, nullable=False, server_default="0"),
    Column("facts", Text, nullable=False, server_default="{}"),
    Column("created_at", Ms, nullable=False),
    # When to look at it; NULL once it is settled. While somebody sends it: when that is taken to have failed.
    Column("due_at", Ms),
    Column("until_at", Ms, nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),
    # Whoever sends it holds it until then, under the number of that lease (`meta.outbox`): who comes later writes nothing.
    Column("leased_until", Ms),
    Column("fence", Ms, nullable=False, server_default="0"),
    Column("message_id", Text, nullable=False, server_default=""),
    # sent, failed, unneeded (seen meanwhile), stopped (they want no such mail)
    Column("outcome", Text, nullable=False, server_default=""),
    Column("settled_at", Ms),
    # The last failure's class and the other side's codes, never its words.
    Column("error", Text, nullable=False, server_default=""),
    Index("ix_outbox_due", "due_at", sqlite_where=text("due_at IS NOT NULL")),
    Index("ix_outbox_leased", "leased_until", sqlite_where=text("leased_until IS NOT NULL")),
    Index("ix_outbox_app", "app_id", "settled_at", sqlite_where=text("outcome = 'sent'")),
    Index("ix_outbox_mailbox", "mailbox", "settled_at", sqlite_where=text("outcome = 'sent'")),
    Index("ix_outbox_settled", "settled_at", sqlite_where=text("settled_at IS NOT NULL")),
)

# Who wants no mail that nobody asked for: an address (in small letters), or a customer with all addresses ("customer 17").
mail_stops = Table(
    "mail_stops",
    metadata,
    Column("app_id", Id, ForeignKey("apps.id"), primary_key=True),
    Column("who", Text, primary_key=True),
    Column("at", Ms, nullable=False),
)

# Each mail once per app, by a hash of its Message-ID and body.
mails = Table(
    "mails",
    metadata,
    Column("app_id", Id, ForeignKey("apps.id"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("at", Ms, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("original", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("verified", Integer, nullable=False),
    Column("ticket_id", Id, ForeignKey("tickets.id")),
    Column("seq", Integer),
    Column("answer", Text, nullable=False, server_default=""),
    Index("ix_mails_answered", "app_id", "sender", "at", sqlite_where=text("answer <> ''")),
    Index("ix_mails_ticket", "ticket_id", "seq", sqlite_where=text("ticket_id IS NOT NULL")),
    Index("ix_mails_original", "original"),
)

# The originals, whole, in pieces: they are written before the mail is taken, so that chats go on between two pieces. A mail that
# was not taken in the end leaves some behind, which are swept.
mail_originals = Table(
    "mail_originals",
    metadata,
    Column("name", Text, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("at", Ms, nullable=False),
    Column("bytes", LargeBinary, nullable=False),
    Index("ix_mail_originals_at", "at"),
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
CID_INDEX = (
    'CREATE UNIQUE INDEX uq_items_cid ON items (ticket_id, cid, "by", author_id) WHERE cid IS NOT NULL'
)
"""One message per (ticket, author, client id): a repeat finds the first one. On SQLite the one process that writes remembers what
a ticket has (`sqlite/known.py`); there the index cost each message a page more of the log, a tenth of all that it costs."""
_OWN = [(article_texts, engine, one) for engine, statements in SEARCH_INDEX.items() for one in statements]
for _table, _engine, _statement in (*_OWN, (items, "postgresql", CID_INDEX)):
    event.listen(_table, "after_create", DDL(_statement).execute_if(dialect=_engine))  # type: ignore[no-untyped-call] # SQLAlchemy's own has no types
