"""Hooks on PostgreSQL: as on SQLite."""

from tests.auth.test_hook_admission import *  # noqa: F403
