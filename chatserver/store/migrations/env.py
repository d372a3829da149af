"""Run by alembic: `migrate` hands over the connection, in a transaction that it ends itself."""

from __future__ import annotations

from alembic import context

from chatserver.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True
)
context.run_migrations()
