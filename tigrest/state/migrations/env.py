"""Run by Alembic for each migration; the connection and the name of the version table are handed in by :mod:`tigrest.state.migration`."""

from alembic import context

context.configure(**context.config.attributes)
with context.begin_transaction():
    context.run_migrations()
