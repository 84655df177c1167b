"""A gateway whose authorisation server is open."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.oauth.client import opened
from tigrest.testing import TestGateway


@pytest.fixture(scope="module")
def gateway() -> Iterator[TestGateway]:
    """Run one for the tests of a module."""
    with opened() as running:
        yield running


@pytest.fixture
def fresh() -> Iterator[TestGateway]:
    """Run one for a test that fails logins, registers many clients or changes who is an admin."""
    with opened() as running:
        yield running
