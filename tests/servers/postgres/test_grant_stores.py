"""Codes, devices and logins on the page behave the same in PostgreSQL."""

from tests.auth.test_grant_stores import *  # noqa: F403
