"""What another process revokes, on PostgreSQL: as on SQLite."""

from tests.auth.test_tokens import test_what_another_process_revokes_ends_within_a_second, world

__all__ = ["test_what_another_process_revokes_ends_within_a_second", "world"]
