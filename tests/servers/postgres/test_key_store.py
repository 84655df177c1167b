"""API keys on PostgreSQL: as on SQLite."""

from tests.auth.test_key_store import *  # noqa: F403
