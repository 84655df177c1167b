"""The embedded domain on PostgreSQL: as in memory."""

from tests.backends.embedded.test_accounts import *  # noqa: F403
