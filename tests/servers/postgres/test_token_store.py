"""Tokens on PostgreSQL: as on SQLite."""

from tests.auth.test_token_store import *  # noqa: F403
