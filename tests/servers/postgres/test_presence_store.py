"""Statuses of users on PostgreSQL: as on SQLite."""

from tests.backends.component.test_presence_store import *  # noqa: F403
