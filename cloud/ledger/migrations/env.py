"""What Alembic runs: the migrations, on the connection and in the transaction that `cloud.ledger.schema` hands in."""

from __future__ import annotations

from alembic import context

# Batch mode: SQLite cannot alter a column, so a table is made anew and its rows are moved over.
context.configure(connection=context.config.attributes["connection"], render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
