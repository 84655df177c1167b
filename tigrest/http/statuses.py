"""HTTP statuses of errors, by the table in :mod:`tigrest.xmpp.conditions`."""

from __future__ import annotations

import http

from starlette.exceptions import HTTPException

from tigrest.xmpp.conditions import mapping_of


def status_of(error: BaseException) -> int:
    """Return the HTTP status of an error; 500 for unexpected ones."""
    if isinstance(error, HTTPException):
        return error.status_code
    mapping = mapping_of(error)
    return 500 if mapping is None else mapping.status


def phrase(status: int) -> str:
    """Return the reason phrase of a status, e.g. ``Not Found``."""
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Error"
