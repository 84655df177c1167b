"""The versions of each schema, one folder each, for Alembic. See :mod:`tigrest.state.migration`."""
