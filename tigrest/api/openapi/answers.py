"""Answers: the problem document, and the statuses that an operation may have. OpenAPI 3.1 §4.8.16"""

from __future__ import annotations

from collections.abc import Iterable

from tigrest.api.openapi.components import JsonObject, schema_reference
from tigrest.errors import StanzaError, TigrestError
from tigrest.http.statuses import phrase
from tigrest.xmpp.conditions import CONDITIONS, EXCEPTIONS

MEANINGS = {
    400: "The request is malformed: its path, its query or its body.",
    401: "A login is needed, or the one that came is not accepted.",
    402: "The entity asked demands a payment.",
    403: "The caller may not do this, or a page of another origin asks for it.",
    404: "There is nothing here, or no such user, node or room.",
    405: "Another method is needed; `Allow` names those that there are.",
    406: "The entity asked does not accept what was sent.",
    408: "The body did not arrive in time.",
    409: "It is there already, or something else is in the way.",
    410: "It was there, and is no longer.",
    411: "The length of the body is needed.",
    413: "The body is too large.",
    415: "The body is of a type that is not read here, or not what its type says.",
    422: "The request was read, but a value does not fit.",
    429: "Too many failed logins, or too much at once; `Retry-After` says when to try again.",
    500: "An error in the gateway or in a script; its log has it under `request_id`.",
    501: "The XMPP server cannot do this, or does not allow it; `detail` says why.",
    502: "The XMPP server did not do what it says it did.",
    503: "The XMPP server or the database cannot be reached; `Retry-After` says when to try again.",
    504: "There was no answer in time.",
}
"""Meanings of the statuses of errors."""

_HEADERS = {
    401: {"WWW-Authenticate": "how to log in"},
    405: {"Allow": "the methods that there are"},
    429: {"Retry-After": "seconds until the same may succeed"},
    503: {"Retry-After": "seconds until the same may succeed"},
}
"""Headers of errors, with their meaning."""

ENTITY_STATUSES = frozenset({condition.status for condition in CONDITIONS.values()})
"""Statuses of errors that come from other XMPP entities."""

PROBLEM_SCHEMA: JsonObject = {
    "type": "object",
    "description": "What went wrong. RFC 9457",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string", "description": "the status in words"},
        "status": {"type": "integer", "description": "the HTTP status"},
        "detail": {"type": "string", "description": "what is wrong, and what to do about it"},
        "request_id": {"type": "string", "description": "under which the log of the gateway has it"},
        "condition": {"type": "string", "description": "of an XMPP error. RFC 6120 §8.3.3"},
        "command_condition": {"type": "string", "description": "of an error of an ad-hoc command. XEP-0050 §4.4"},
        "text": {"type": ["string", "null"], "description": "of an XMPP error"},
        "errors": {
            "type": "array",
            "description": "fields that do not fit",
            "items": {"type": "object", "properties": {"field": {"type": "string"}, "detail": {"type": "string"}}},
        },
        "argument": {"type": ["string", "null"], "description": "of a command, that is wrong"},
        "reason": {"type": ["string", "null"], "description": "missing, unknown, doubled, type or range"},
        "code": {"type": "integer", "description": "the HTTP status, of commands"},
        "message": {"type": "string", "description": "the same as `detail`, of commands"},
    },
}

_CONTENT: JsonObject = {
    "application/problem+json": {"schema": schema_reference("Problem")},
    "application/problem+xml": {"schema": {"type": "string"}},
    "text/html": {"schema": {"type": "string"}},
}


def problem_answers() -> dict[str, JsonObject]:
    """Return the answers of all errors, for ``components/responses``."""
    shared = {_name_of(status): problem_answer(status, meaning) for status, meaning in MEANINGS.items()}
    return {**shared, "Problem": {"description": "An error.", "content": _CONTENT}}


def problem_answer(status: int, meaning: str) -> JsonObject:
    """Return the answer of an error.

    Args:
        status: HTTP status.
        meaning: text for people.
    """
    headers = {name: {"description": text, "schema": {"type": "string"}} for name, text in _HEADERS.get(status, {}).items()}
    return {"description": meaning, **({"headers": headers} if headers else {}), "content": _CONTENT}


def problem_references(statuses: Iterable[int]) -> JsonObject:
    """Return references to the answers of errors.

    Args:
        statuses: those of :data:`MEANINGS`; others get an answer without an explanation.
    """
    return {
        str(status): {"$ref": f"#/components/responses/{_name_of(status)}"}
        if status in MEANINGS
        else problem_answer(status, phrase(status))
        for status in sorted(set(statuses))
    }


ANY_ERROR: JsonObject = {"$ref": "#/components/responses/Problem"}
"""The answer of an operation that does not list its errors."""


def statuses_of(error: type[TigrestError]) -> frozenset[int]:
    """Return the HTTP statuses that an exception may become."""
    if issubclass(error, StanzaError):
        return ENTITY_STATUSES
    return frozenset(next(([EXCEPTIONS[kind].status] for kind in error.__mro__ if kind in EXCEPTIONS), []))


def _name_of(status: int) -> str:
    return f"Error{status}"  # the words for a status differ between versions of Python
