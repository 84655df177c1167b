"""The request being served, as its log lines and error bodies name it."""

from __future__ import annotations

import itertools
import secrets
from contextvars import ContextVar
from functools import cached_property

_process = secrets.token_hex(4)
_numbers = itertools.count(1)


class RequestContext:
    """One request: its id, who sent it, and what answers it.

    Every request makes one, and few need more than the defaults: so there is no ``__init__``.
    """

    caller: object = None
    """The caller, shown by ``str()``; ``None`` until he is known, and where nobody has to log in."""
    route = ""
    """URI pattern of the handler or mount that answers; empty until it is known, and where there is none."""

    @cached_property
    def id(self) -> str:
        """Return the id, e.g. ``5f0c1e2a-1``: unique across processes, and short enough to read out. Made when it is first asked for."""
        return f"{_process}-{next(_numbers):x}"


current_request: ContextVar[RequestContext | None] = ContextVar("current_request", default=None)
"""The request being served; ``None`` outside of requests."""


def begin_request() -> RequestContext:
    """Begin to serve a request in the current context, which has to be one of its own."""
    request = RequestContext()
    current_request.set(request)
    return request


def set_caller(caller: object) -> None:
    """Note who sent the request being served; nothing happens outside of requests.

    Args:
        caller: shown by ``str()``.
    """
    request = current_request.get()
    if request is not None:
        request.caller = caller


def set_route(uri: str) -> None:
    """Note what answers the request being served; nothing happens outside of requests.

    Args:
        uri: the URI pattern of a handler or mount.
    """
    request = current_request.get()
    if request is not None:
        request.route = uri


def request_id() -> str:
    """Return the id of the request being served; ``-`` outside of requests."""
    request = current_request.get()
    return "-" if request is None else request.id
