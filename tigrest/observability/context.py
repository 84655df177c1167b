"""What belongs to the request being served."""

from __future__ import annotations

import itertools
import secrets
from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="-")
"""Id of the request being served; stands in every log line and error body."""

_process = secrets.token_hex(4)
_numbers = itertools.count(1)


def new_request_id() -> str:
    """Make the id of a new request: unique across processes, short enough to read out."""
    return f"{_process}-{next(_numbers):x}"
