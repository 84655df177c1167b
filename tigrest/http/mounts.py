"""Mounts: what is served besides handlers, each at a path of its own, such as ``/metrics``.

The gateway registers them with :meth:`~tigrest.http.app.App.add`. A mount only answers; the application does for it what it does for
handlers: cross-site check and CORS, login, limits of body and time, errors as problem documents, metrics and access log.

Handlers come first: where a handler answers a method at a path, no mount does. So a mount below ``/rest`` can be shadowed by a script;
one elsewhere cannot, since a script whose ``uri`` is there does not load (:data:`tigrest.scripting.uris.OF_GATEWAY`). Of two mounts the
exact path wins over a prefix, and a longer prefix over a shorter one; two at one path are an error at registration.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tigrest.auth.admission import Admission, Requirements
from tigrest.auth.principal import Principal
from tigrest.errors import TigrestError
from tigrest.http.replies import Reply
from tigrest.http.requests import HandlerRequest, client_address
from tigrest.observability.context import set_caller, set_route
from tigrest.scripting.handler import METHODS

AnyResponse = Reply | Response


@dataclass(frozen=True, eq=False)
class ServedMount:
    """A mount, and what an application has for its requests.

    Args:
        mount: the mount.
        admission: authenticates callers.
        loop: the running event loop.
        leave: answers a request with an error, from another task.
    """

    mount: Mount
    admission: Admission
    loop: asyncio.AbstractEventLoop
    leave: Callable[[MountRequest, Send, TigrestError], None]


class MountRequest(HandlerRequest):
    """A request for a mount.

    Args:
        scope: of the request (ASGI).
        receive: of the request (ASGI), with a limit.
        send: of the request (ASGI).
        fields: header fields by name in lower case; of several of one name the first.
        served: the mount that it is for.
    """

    # What Starlette's constructor sets, which each request would pay for; a test compares them.
    _stream_consumed = _is_disconnected = False
    _form = None

    principal: Principal | None = None
    """The caller; ``None`` when nobody has logged in, and before :meth:`admit`."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, fields: Mapping[bytes, bytes], served: ServedMount) -> None:
        self.scope, self._receive, self._send, self.fields, self._served = scope, receive, send, fields, served
        self.loop = served.loop
        self.started = time.perf_counter()

    @property
    def mount(self) -> Mount:
        """Return what it is for."""
        return self._served.mount

    @property
    def rest(self) -> str:
        """Return the path below a mount that is a prefix, without the slash."""
        return str(self.scope["path"])[len(self.mount.path) :].removeprefix("/")

    async def admit(self, requirements: Requirements) -> Principal | None:
        """Authenticate the caller, and check that he may do what he asks for.

        The application calls this for a mount whose ``login`` says what it requires. A mount that requires different things at different
        paths or methods calls it itself, once it knows which.

        Args:
            requirements: on the caller.

        Returns:
            The caller, who is :attr:`principal` and in the log from now on; ``None`` when nobody has logged in.

        Raises:
            KeyRequired, LoginRequired, RoleRequired: he does not fulfil them.
            TooManyFailures, NotConnected: as :meth:`tigrest.auth.logins.Logins.login`.
        """
        scope = self.scope
        principal = await self._served.admission.admit(
            requirements, scope["path"], scope["query_string"], self.fields, client_address(scope)
        )
        has_nothing = principal.jid is None and principal.via == "key" and not principal.name
        self.principal = None if has_nothing else principal
        set_caller(self.principal)
        return self.principal

    def read_from(self, receive: Receive) -> None:
        """Read the body from another ``receive`` (ASGI), which has the whole of it."""
        self._receive = receive

    def answer_instead(self, error: TigrestError) -> None:
        """Answer with an error from another task, because the one that answers goes on although it was cancelled.

        Args:
            error: what to tell the caller.
        """
        self._served.leave(self, self._send, error)

    def name_route(self, uri: str) -> None:
        """Set the name of what answers this request, for metrics and the log, instead of that of the mount.

        Args:
            uri: one of a limited number, e.g. ``/api/send_message``; never a text of the caller's.
        """
        set_route(uri)


@dataclass(frozen=True)
class Mount:
    """Something served at a path, or at all paths below it.

    Args:
        path: percent-decoded, e.g. ``/metrics``. A prefix serves this path too, and has no slash at its end. An empty one serves whatever
            ``has`` says.
        answer: answers a request with one of the methods, or with HEAD if GET is among them. What it raises becomes a problem document.
        methods: HTTP methods it implements, without HEAD and OPTIONS, which are implied.
        is_prefix: whether it serves all paths below ``path`` too.
        login: whether callers are asked who they are. ``ignored``: no, unless the mount does so by :meth:`MountRequest.admit`.
            ``optional``: a login or API key that comes along is checked, and a wrong login is 401. ``user``, ``admin``: 401 without a
            login, 403 without the role.
        origins: whose pages may call it. ``configured``: our own and those of ``[http] cors_origins``. ``any``: pages of every origin
            get its answers and may send unsafe methods; only for what no credentials count that a browser remembers. ``own``: ours alone,
            whatever is configured; for pages on which a user types his password.
        has: tells whether a prefix serves a path (given in full) at all; by default it serves all.
        allow: tells which methods a prefix implements at a path (given in full), where it does not implement all of them everywhere. Others
            are left to ``answer`` to refuse.
        failure: makes the answer for an error, out of it and the scope of the request (ASGI); by default a problem document.
        uri: its name in metrics; by default the path, with ``/*`` for a prefix.
        takes_uploads: whether bodies may be as large as ``[http] max_upload`` says, for one that reads them part by part.
        timeout: seconds that an answer may take; ``None`` for ``[http] request_timeout``, infinity for one that keeps time itself.

    Raises:
        ValueError: the path is malformed, or a method unknown.
    """

    path: str
    answer: Callable[[MountRequest], Awaitable[AnyResponse]]
    methods: tuple[str, ...] = ("GET",)
    is_prefix: bool = False
    login: Literal["ignored", "optional", "user", "admin"] = "ignored"
    origins: Literal["configured", "any", "own"] = "configured"
    has: Callable[[str], bool] | None = None
    allow: Callable[[str], Iterable[str]] | None = None
    failure: Callable[[BaseException, Scope], Reply] | None = None
    uri: str = ""
    takes_uploads: bool = False
    timeout: float | None = None

    def __post_init__(self) -> None:
        is_anywhere = not self.path and self.is_prefix and self.has is not None
        if not is_anywhere and (not self.path.startswith("/") or (self.is_prefix and self.path.endswith("/"))):
            raise ValueError(f"{self.path!r} is not a path for a mount: begin it with a slash, and end no prefix with one")
        if unknown := [method for method in self.methods if method not in METHODS]:
            raise ValueError(f"the mount at {self.path} names {', '.join(unknown)}; known are {', '.join(METHODS)}")
        object.__setattr__(self, "uri", self.uri or (f"{self.path}/*" if self.is_prefix else self.path))

    def answers(self, method: str) -> bool:
        """Return whether requests with a method are given to ``answer``."""
        return method in self.methods or (method == "HEAD" and "GET" in self.methods)

    def methods_at(self, path: str) -> Iterable[str]:
        """Return the HTTP methods that it implements at a path, without those that are implied."""
        return self.methods if self.allow is None else self.allow(path)

    # requirements on callers: tigrest.auth.admission.Requirements

    @property
    def role(self) -> Literal["user", "admin"] | None:
        """Return the role it demands."""
        return self.login if self.login in ("user", "admin") else None

    @property
    def api_key(self) -> bool:
        """Return whether it demands an API key."""
        return False

    def auth_required(self, api_key: str | None) -> bool:
        """Return whether it demands a login, which no API key stands in for."""
        return self.role is not None


class Mounts:
    """The mounts of an application."""

    def __init__(self) -> None:
        self._exact: dict[str, Mount] = {}
        self._prefixes: dict[str, Mount] = {}
        self._ordered: tuple[tuple[str, Mount], ...] = ()

    def add(self, mount: Mount) -> None:
        """Register a mount.

        Raises:
            ValueError: there is one at this path already.
        """
        known = self._prefixes if mount.is_prefix else self._exact
        if mount.path in known:
            raise ValueError(f"two mounts at {mount.path}: {_name(known[mount.path])} and {_name(mount)}; give one another path")
        known[mount.path] = mount
        longest_first = sorted(self._prefixes.items(), key=lambda item: -len(item[0]))
        self._ordered = tuple((f"{path}/", each) for path, each in longest_first)

    def find(self, path: str) -> Mount | None:
        """Return the mount that serves a path: an exact one, else the longest prefix."""
        mount = self._exact.get(path)
        if mount is not None:
            return mount
        below = path if path.endswith("/") else f"{path}/"  # a prefix serves its own path too
        for prefix, mount in self._ordered:
            if below.startswith(prefix) and (mount.has is None or mount.has(path)):
                return mount
        return None


def _name(mount: Mount) -> str:
    return f"{mount.answer.__module__}.{getattr(mount.answer, '__qualname__', mount.answer)}"
