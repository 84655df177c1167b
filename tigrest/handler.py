"""The contract of handler scripts: what an author subclasses and returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["user", "admin"] | None
ROLES: tuple[Role, ...] = (None, "user", "admin")

METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH")
"""HTTP methods a handler may implement, as ``exec_get`` and so on. HEAD is GET without the body."""


class Handler:
    """A REST handler. Subclass it in a script, set ``regex``, and write ``exec_get``, ``exec_post``, ….

    The URI is ``/rest``, the script's folder, then what ``regex`` matches. The arguments of the ``exec_`` methods are
    injected by their names: ``service``, ``callback``, ``user``, ``request``, ``content``; any other takes the next group
    of ``regex``, or the group of its own name. They may be ``def`` (run in a worker thread, so blocking is allowed) or
    ``async def`` (run on the event loop), and give their result back or to ``callback``.

    ``async def startup(self, service)`` and ``async def shutdown(self)`` are awaited, if present, before the first and
    after the last request of this load of the script.

    Tigase HTTP API guide §2.1
    """

    regex: str = ""
    """Matched in full against the percent-decoded path behind the folder, e.g. ``r"/hello/([^/]+)"``."""

    requiredRole: Role = None
    """``None`` for anybody, ``"user"`` for any login, ``"admin"`` for an administrator."""

    isAsync: bool = False
    """``True``: a method that ends without a result has yet to call ``callback``, for which the request waits."""

    decodeContent: bool = True
    """``False``: the body is not read; ``content`` is the request itself."""

    apiKey: bool = False
    """``True``: the request must carry a valid API key, whatever the role."""

    timeout: float | None = None
    """Seconds a request may take, then 504; ``None`` for ``[http] request_timeout``."""

    description: Mapping[str, Any] | None = None
    """Usage for people: ``{"regex": "/{jid}", "GET": {"info": "…", "description": "…", "request": {…}}, …}``.

    ``regex`` is the URI to show. Of a method, ``info`` is one line, ``description`` a text, ``request`` and ``response`` are
    sample bodies (a value is shown as XML and JSON, text as it is), ``curl`` further options of the line to paste. What is
    left out comes from docstrings.
    """

    def authRequired(self, api_key: str | None) -> bool:
        """Tell whether a request has to log in. Override it to let a valid API key stand in for a login.

        Args:
            api_key: name of the valid API key that came with the request; ``None`` when there was none.
        """
        return self.requiredRole is not None


@dataclass(frozen=True)
class Result:
    """A response whose bytes are final.

    Args:
        content_type: its media type, e.g. ``image/png``.
        data: its body; text is sent as UTF-8.
        status: HTTP status.
        headers: further headers.
    """

    content_type: str
    data: bytes | str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Injection:
    """Placeholder that :func:`inject` leaves on a handler class until it is loaded."""

    def __repr__(self) -> str:
        return "inject()"


def inject() -> Any:
    """Ask for an object of the annotated type: ``users: UserRepository = inject()``.

    The core or a plugin provides it (hook ``tigrest_provide``) before the handler is first used.

    Tigase HTTP API guide §2.1.3
    """
    return Injection()
