"""The one table from errors to HTTP statuses."""

from __future__ import annotations

import http

from starlette.exceptions import HTTPException

from tigrest import errors

STATUSES: dict[type[Exception], int] = {
    errors.InvalidJID: 400,
    errors.MalformedContent: 400,
    errors.InvalidValue: 400,
    errors.LoginRequired: 401,
    errors.KeyRequired: 403,
    errors.RoleRequired: 403,
    errors.NotPermitted: 403,
    errors.NoSuchUser: 404,
    errors.BodyTimeout: 408,
    errors.UserExists: 409,
    errors.ContentTooLarge: 413,
    errors.StanzaTooLarge: 413,
    errors.UnsupportedContent: 415,
    errors.TooManyFailures: 429,
    errors.TooManyStreams: 429,
    errors.TooManyWaiting: 429,
    errors.TooManyLookups: 429,
    errors.CallerGone: 499,
    errors.NotSupported: 501,
    errors.ServerFailed: 502,
    errors.Unavailable: 503,
    errors.StanzaTimeout: 504,
    errors.HandlerTimeout: 504,
}
"""Statuses of our own errors; subclasses count as their base."""

CONDITIONS: dict[str, int] = {
    "bad-request": 400,
    "jid-malformed": 400,
    "unexpected-request": 400,
    "not-authorized": 401,
    "payment-required": 402,
    "forbidden": 403,
    "item-not-found": 404,
    "recipient-unavailable": 404,
    "remote-server-not-found": 404,
    "not-allowed": 405,
    "not-acceptable": 406,
    "registration-required": 407,
    "subscription-required": 407,
    "conflict": 409,
    "gone": 410,
    "redirect": 404,
    "internal-server-error": 500,
    "resource-constraint": 500,
    "undefined-condition": 500,
    "feature-not-implemented": 501,
    "service-unavailable": 503,
    "remote-server-timeout": 504,
}
"""Statuses of XMPP error conditions. RFC 6120 §8.3.3; the mapping of Tigase's HTTP API."""


def status_of(error: BaseException) -> int:
    """Tell the HTTP status of an error; 500 for those nobody expects."""
    if isinstance(error, HTTPException):
        return error.status_code
    if isinstance(error, errors.StanzaError):
        return CONDITIONS.get(error.condition, 500)
    return next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 500)


def phrase(status: int) -> str:
    """The reason phrase of a status, e.g. ``Not Found``."""
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Error"
