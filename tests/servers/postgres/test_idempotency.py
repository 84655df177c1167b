"""Idempotency keys on PostgreSQL: as on SQLite."""

from tests.state.test_idempotency import *  # noqa: F403
