"""Errors of the authorisation server, in the form that its clients read. RFC 6749 §5.2"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.types import Scope

from tigrest.errors import InvalidToken
from tigrest.formats.content import write_json
from tigrest.http.replies import HeaderList, Reply, error_headers, problem_members

_JSON = b"application/json"

NO_STORE: HeaderList = [(b"cache-control", b"no-store"), (b"pragma", b"no-cache")]
"""Headers of answers that hold tokens, and of all others here. RFC 6749 §5.1"""

_CODES = {400: "invalid_request", 401: "invalid_client", 403: "access_denied", 408: "invalid_request"}
_CODES |= {413: "invalid_request", 415: "invalid_request", 429: "temporarily_unavailable", 503: "temporarily_unavailable"}
"""Codes of errors that have none of their own, by their status."""


class OAuthError(HTTPException):
    """A request cannot be granted.

    Args:
        code: of the error, one of those that clients know.
        description: what is wrong, and what to do, for people.
        status: of HTTP.
        headers: of the answer, besides those of every one.
    """

    def __init__(self, code: str, description: str, status: int = 400, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, description, headers)
        self.code = code


def unknown_client(description: str = "the client is not known, or its secret is another one") -> OAuthError:
    """Return the error for a client that is not authenticated. RFC 6749 §5.2"""
    return OAuthError("invalid_client", description, 401, {"WWW-Authenticate": 'Basic realm="tigrest"'})


def too_many(description: str, seconds: float) -> OAuthError:
    """Return the error for a network that asks too often.

    Args:
        description: what there was too much of.
        seconds: after which it may ask again.
    """
    return OAuthError("temporarily_unavailable", description, 429, {"Retry-After": str(max(1, round(seconds)))})


def answer(document: Mapping[str, object], status: int = 200) -> Reply:
    """Return an answer that nobody stores."""
    return Reply(status, _JSON, write_json(dict(document)), [*NO_STORE])


def oauth_failure(error: BaseException, scope: Scope) -> Reply:
    """Return the answer for an error."""
    members = problem_members(error)
    status = members["status"]
    code = (
        "invalid_token" if isinstance(error, InvalidToken) else _CODES.get(status, "server_error" if status >= 500 else "invalid_request")
    )
    if isinstance(error, OAuthError):
        code = error.code
    document = {"error": code, "error_description": members["detail"], "request_id": members["request_id"]}
    return Reply(status, _JSON, write_json(document), [*error_headers(error), *NO_STORE])
