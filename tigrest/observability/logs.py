"""Logging, which only the command line sets up: to standard error, a request id in every line, no secrets."""

from __future__ import annotations

import logging
import sys

from tigrest.observability.context import request_id

ACCESS = "tigrest.access"
"""Logger of one line for each request."""

_FORMAT = "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"

_QUIET = ("aiosqlite", "asyncio", "httpcore2", "httpx2", "slixmpp", "sqlalchemy", "uvicorn", "watchfiles")
"""Loggers that tell little, or secrets: below INFO slixmpp prints whole stanzas, aiosqlite and SQLAlchemy values."""

_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(128, 160))}


def configure(level: str, access_log: bool) -> None:
    """Set up logging.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``; for tigrest and scripts.
        access_log: whether every request is logged.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(_FORMAT))
    handler.addFilter(_add_request_id)
    threshold: int = getattr(logging, level.upper())
    logging.basicConfig(level=threshold, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))
    logging.getLogger(ACCESS).setLevel(logging.INFO if access_log else logging.CRITICAL)
    logging.captureWarnings(True)


def _add_request_id(record: logging.LogRecord) -> bool:
    record.request_id = request_id.get()
    return True


class _Formatter(logging.Formatter):
    """Keeps a message in its line: what a stranger sent cannot make lines of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = record.message.translate(_ESCAPES)
        return super().formatMessage(record)
