"""Answers for errors that requests end with, and their lines in the log."""

from __future__ import annotations

import logging

from starlette.types import Scope

from tigrest.http.accepted_format import format_of
from tigrest.http.mounts import Mount
from tigrest.http.replies import Reply, problem
from tigrest.http.results import InvalidResult, check_raised
from tigrest.scripting.routes import Endpoint
from tigrest.scripting.routing import RouteMatch

log = logging.getLogger(__name__)


def failure_answer(error: BaseException, scope: Scope, mount: Mount | None) -> Reply:
    """Return the answer for an error: a problem document, unless the mount makes another."""
    if mount is None or mount.failure is None:
        return problem(error, format_of(scope))
    return mount.failure(error, scope)


def failed_method_answer(endpoint: Endpoint, scope: Scope, error: Exception) -> Reply:
    """Return the answer for an error that a handler's method raised.

    Args:
        endpoint: the method.
        scope: of the request (ASGI).
        error: what was raised.
    """
    return problem(check_raised(error, endpoint), format_of(scope))


def log_failure(scope: Scope, match: RouteMatch | None, uri: str, error: BaseException) -> None:
    """Log a defect with its traceback; the log adds the request's id and the caller to the line."""
    if match is not None and match.route is not None and match.endpoint is not None:
        where = f"in {match.endpoint.invocation.where}"
    else:
        where = f"in the gateway, at {uri or 'no route'}"
    if isinstance(error, InvalidResult):  # a traceback would show our code only
        log.error("%s %s failed: %s", scope["method"], scope["path"], error, exc_info=error.__cause__)
        return
    log.error("%s %s failed %s", scope["method"], scope["path"], where, exc_info=error)
