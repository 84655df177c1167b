"""The embedded domain on PostgreSQL: as in memory."""

from tests.backends.embedded.test_users import *  # noqa: F403
