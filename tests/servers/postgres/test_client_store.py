"""Clients on PostgreSQL: as on SQLite."""

from tests.auth.test_client_store import *  # noqa: F403
