"""What users have granted to clients on PostgreSQL: as on SQLite."""

from tests.auth.test_token_families import *  # noqa: F403
