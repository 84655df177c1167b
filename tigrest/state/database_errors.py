"""Classify errors of databases: trouble with the database, or a mistake of ours."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from tigrest.errors import StorageUnavailable

RETRYABLE_ERRORS = (StorageUnavailable, SQLAlchemyError, OSError)
"""Exceptions of a transaction that is worth another try."""

_UNAVAILABLE_RESULTS = frozenset(
    {"BUSY", "LOCKED", "NOMEM", "READONLY", "INTERRUPT", "IOERR", "CORRUPT", "FULL", "CANTOPEN", "PROTOCOL", "NOTADB"}
)
"""Results of SQLite that are trouble with the file, not with a statement. https://www.sqlite.org/rescode.html"""

_UNAVAILABLE_STATES = ("08", "40", "53", "57", "58", "25006", "55P03")
"""Beginnings of SQLSTATEs that are trouble with the server: connections, deadlocks, resources, an operator or the system, a stand-by,
locks. https://www.postgresql.org/docs/current/errcodes-appendix.html"""

_TOO_LONG = "54000"
"""SQLSTATE of a value that does not fit into an index: program_limit_exceeded."""

_WRONG_CHARACTERS = ("22021", "22P05")
"""SQLSTATEs of a text that PostgreSQL cannot keep, such as one with U+0000: character_not_in_repertoire, untranslatable_character."""


def is_unavailable(error: Exception) -> bool:
    """Tell whether an error is trouble with the database rather than with what was asked of it.

    Args:
        error: of SQLAlchemy, of the driver, or of the operating system.
    """
    if state := _sqlstate(error):
        return state.startswith(_UNAVAILABLE_STATES)
    cause = error.orig if isinstance(error, DBAPIError) else error
    name = getattr(cause, "sqlite_errorname", None)
    if isinstance(name, str):
        return name.removeprefix("SQLITE_").partition("_")[0] in _UNAVAILABLE_RESULTS
    return not isinstance(error, DBAPIError) or error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)


def is_too_long(error: Exception) -> bool:
    """Tell whether a value does not fit into an index of PostgreSQL, whose entries have 2704 bytes at most.

    Args:
        error: as for :func:`is_unavailable`.
    """
    return _sqlstate(error) == _TOO_LONG


def has_wrong_character(error: Exception) -> bool:
    """Tell whether a text has a character that PostgreSQL does not keep.

    Args:
        error: as for :func:`is_unavailable`.
    """
    return _sqlstate(error) in _WRONG_CHARACTERS


def is_wrong_value(error: Exception) -> bool:
    """Tell whether a driver refused a value of its URL before it asked any server, e.g. a host name with an empty label.

    Args:
        error: as for :func:`is_unavailable`.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    return any(isinstance(each, ValueError | OverflowError) for each in (cause, getattr(cause, "__cause__", None)))


def reason(error: BaseException) -> str:
    """Return what went wrong, in one line and without the statement.

    Args:
        error: as for :func:`is_unavailable`.
    """
    return " ".join(str(getattr(error, "orig", None) or error).split()) or type(error).__name__


def _sqlstate(error: BaseException) -> str:
    """Return the code of an error of PostgreSQL; SQLAlchemy has it on its own error, or on the driver's behind it."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    for each in (cause, getattr(cause, "__cause__", None)):
        state = getattr(each, "sqlstate", None)
        if isinstance(state, str):
            return state
    return ""
