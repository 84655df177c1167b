"""Set up logging, for the command line only: to standard error, the request and its caller in every line, no secrets."""

from __future__ import annotations

import logging
import sys

from tigrest.errors import InvalidValue
from tigrest.observability.context import current_request

ACCESS = "tigrest.access"
"""Logger of one line for each request."""

_FORMAT = "%(asctime)s %(levelname)s %(name)s [%(request)s] %(message)s"

_QUIET = ("aiosqlite", "alembic", "asyncio", "httpcore2", "httpx2", "slixmpp", "sqlalchemy", "uvicorn", "watchfiles")
"""Loggers kept at WARNING: below it slixmpp prints whole stanzas, aiosqlite and SQLAlchemy print values, the others little of use."""

_SILENT = ("python_multipart",)
"""Loggers kept at ERROR: they warn of each malformed form, which anybody may send, and which is answered by 400."""

LEVELS = {
    "none": logging.CRITICAL + 10,
    "critical": logging.CRITICAL,
    "error": logging.ERROR,
    "warning": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
}
"""Levels that :func:`set_log_level` takes, those that log least first. At ``none`` nothing is logged."""

_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(128, 160))}


def configure(level: str, access_log: bool) -> None:
    """Set up logging.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``; for tigrest and scripts.
        access_log: whether every request is logged.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(_FORMAT))
    handler.addFilter(_add_request)
    threshold: int = getattr(logging, level.upper())
    logging.basicConfig(level=threshold, handlers=[handler], force=True)
    _apply(threshold)
    logging.getLogger(ACCESS).setLevel(logging.INFO if access_log else logging.CRITICAL)
    logging.captureWarnings(True)


def log_level() -> str:
    """Return the level at which the program logs: one of :data:`LEVELS`."""
    threshold = logging.getLogger().getEffectiveLevel()
    return next((name for name, level in LEVELS.items() if level <= threshold), "debug")


def set_log_level(level: str) -> None:
    """Change the level at which the program logs, until it ends. The line for each request is not affected.

    Args:
        level: one of :data:`LEVELS`.

    Raises:
        InvalidValue: it is another.
    """
    if level not in LEVELS:
        raise InvalidValue(f"there is no log level {level[:40]!r}; use one of {', '.join(LEVELS)}")
    _apply(LEVELS[level])


def _apply(threshold: int) -> None:
    """Set the level of all loggers that have none of their own, and of those that are kept quiet or silent."""
    logging.getLogger().setLevel(threshold)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))
    for name in _SILENT:
        logging.getLogger(name).setLevel(max(threshold, logging.ERROR))


def _add_request(record: logging.LogRecord) -> bool:
    """Add id and caller of the request being served; the access log names the caller itself."""
    request = current_request.get()
    if request is None:
        record.request = "-"
    elif request.caller is None or record.name == ACCESS:
        record.request = request.id
    else:
        record.request = f"{request.id} {request.caller}".translate(_ESCAPES)
    return True


class _Formatter(logging.Formatter):
    """Escapes control characters in messages, so that what a stranger sent cannot forge lines. CWE-117"""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = record.message.translate(_ESCAPES)
        return super().formatMessage(record)
