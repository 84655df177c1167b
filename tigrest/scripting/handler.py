"""The contract of handler scripts: what an author subclasses and returns."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

Role = Literal["user", "admin"] | None
ROLES: tuple[Role, ...] = (None, "user", "admin")

METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH")
"""HTTP methods a handler may implement, as ``exec_get`` and so on. HEAD is GET without the body."""


def with_implied(methods: Collection[str]) -> tuple[str, ...]:
    """Return HTTP methods in the usual order, with those that they imply: HEAD by GET, OPTIONS by any.

    Args:
        methods: of :data:`METHODS`, perhaps with implied ones among them.

    RFC 9110 §9.3.2, §9.3.7
    """
    written = tuple(method for method in METHODS if method in methods)
    return (*written, *(["HEAD"] if "GET" in written else []), *(["OPTIONS"] if written else []))


LISTENS = {"on_message": "message", "on_presence": "presence", "on_iq": "iq"}
"""Methods of a handler that listens, and the kind of stanza that each is for."""

SCHEDULED = "on_schedule"
"""Method of a handler that runs by the clock."""

READS_HOOK = "read_hook"
"""Method of a handler that reads what some program posts to hooks."""


@dataclass(frozen=True, kw_only=True)
class Match:
    """Which stanzas a handler listens to: ``match = Match(local="echo")``. Whatever is given has to fit.

    Patterns are regular expressions that match in full, as ``regex`` does; write ``(?i)`` in front to ignore case.

    Args:
        type: one or several types, e.g. ``"chat"``; ``normal`` and ``available`` are those without one. Those that are of no
            use to a method do not matter to it. By default everything but errors, and of messages not those of rooms.
        local: local part of our address that a stanza is for; ``""`` for the bare domain, ``None`` for any.
        to: pattern for the full address that it is for.
        sender: pattern for the bare address of who sends it.
        body: pattern for the text of a message, without space around it; its groups become arguments.
        xpath: path to an element that it must have, in ElementTree's XPath, seen from the stanza; names without prefix are in
            ``jabber:client``. Messages without text are only heard with this; ``"."`` is there in each.
        namespaces: of the prefixes in ``xpath``.
        own: whether it may come from our own addresses too.
    """

    type: str | Sequence[str] | None = None
    local: str | None = None
    to: str | None = None
    sender: str | None = None
    body: str | None = None
    xpath: str | None = None
    namespaces: Mapping[str, str] = field(default_factory=dict)
    own: bool = False


class Handler:
    """A handler of requests, of stanzas, of times, or of several of these. Subclass it in a script.

    For requests, set ``regex``, and write ``exec_get``, ``exec_post``, ….

    The URI is ``/rest``, the script's folder, then what ``regex`` matches; ``uri`` takes the place of the first two. The arguments of
    the ``exec_`` methods are injected by their names: ``service``, ``callback``, ``user``, ``principal``, ``request``, ``content``, and
    ``query`` where it has a model; any other takes the next group of ``regex``, or the group of its own name. They may be ``def`` (run
    in a worker thread, so blocking is allowed) or ``async def`` (run on the event loop), and give their result back or to ``callback``.

    For stanzas to the gateway's own addresses, write ``on_message``, ``on_presence`` or ``on_iq``, and say by ``match`` which. Their
    arguments are ``service``, ``stanza``, ``sender``, of messages ``body`` too, and the groups of ``match.body``. What they return is
    the reply.

    To do something by the clock, write ``on_schedule(self, service)``, and say when by ``schedule`` or ``every``.

    To read what some program posts to hooks, write ``read_hook(self, post)``, and name its format by ``hookFormat``.

    ``async def startup(self, service)`` and ``async def shutdown(self)`` are awaited, if present, before the first and
    after the last request, stanza or run of this load of the script.

    Tigase HTTP API guide §2.1
    """

    regex: str = ""
    """Matched in full against the percent-decoded path behind the folder, e.g. ``r"/hello/([^/]+)"``."""

    uri: str | None = None
    """Path in the place of ``/rest`` and the script's folder, e.g. ``"/msg"``, for clients that know no other."""

    requiredRole: Role = None
    """``None`` for anybody, ``"user"`` for any login, ``"admin"`` for an administrator. Of stanzas: whose are heard."""

    isAsync: bool = False
    """``True``: a method that ends without a result has yet to call ``callback``, for which the request waits."""

    decodeContent: bool = True
    """``False``: the body is not read; ``content`` is the request itself."""

    apiKey: bool = False
    """``True``: the request must carry a valid API key, whatever the role."""

    checkOrigin: bool = False
    """``True``: GET is refused, as other methods are, when a page of another origin sends it: for a GET that opens something."""

    idempotencyKey: bool | Literal["own"] = False
    """``True``: a request with the header ``Idempotency-Key`` is answered once, and its repeats with the same answer. Not of ``GET``.

    ``"own"``: the handler sees to that itself, and the header is only described in the OpenAPI document.
    """

    timeout: float | None = None
    """Seconds a request, stanza or scheduled run may take, then 504 or an error; ``None`` for ``[http] request_timeout``."""

    maxBody: int | None = None
    """Bytes that a request's body may have, then 413; ``None`` for ``[http] max_body``."""

    takesUploads: bool = False
    """``True``: a body that is read part by part, by ``request.stream()`` or ``request.form()``, may have ``[http] max_upload`` bytes, and
    as long as it comes may take its time. Needs ``decodeContent = False``."""

    match: Match | None = None
    """Which stanzas the ``on_`` methods are for; ``None`` for all to our addresses."""

    schedule: str | None = None
    """When ``on_schedule`` runs, as cron has it: ``"*/5 * * * *"``, by the clock on the wall."""

    every: float | None = None
    """Seconds between two runs of ``on_schedule``, counted from the load of the script."""

    hookFormat: str | None = None
    """Name of the format of hooks that ``read_hook`` reads, such as ``"alertmanager"``; its template lies beside the script."""

    hookSigned: bool = False
    """``True``: senders of this format sign what they post, so that the secret of such a hook is kept as it is, not as a hash."""

    hookAnswer: str | None = None
    """Text that senders of this format want to be answered when a message was sent; ``None`` for ``{"id": …}``."""

    description: Mapping[str, Any] | None = None
    """Usage for people: ``{"regex": "/{jid}", "GET": {"info": "…", "description": "…", "request": {…}}, …}``.

    ``regex`` is the URI to show, ``example`` a path to try it with; by default one is made from the pattern. Of a method, ``info`` is
    one line, ``description`` a text, ``request`` and ``response`` are sample bodies (a value is shown as XML and JSON, text as it is),
    ``example`` a path for this method only, ``curl`` further options of the line to paste, ``login`` the role to log in with there,
    ``accepts`` JSON schemas of the body by media type, ``answers`` texts, or such schemas, by status: for the OpenAPI document.
    What is left out comes from docstrings.
    """

    def authRequired(self, api_key: str | None) -> bool:
        """Tell whether a request has to log in. Override it to let a valid API key stand in for a login.

        Args:
            api_key: name of the valid API key that came with the request; ``None`` when there was none.
        """
        return self.requiredRole is not None


@dataclass(frozen=True)
class Result:
    """A response with a status, headers or a media type of its own.

    Args:
        content_type: its media type, e.g. ``image/png``. ``None`` for that which the data would have if they were returned as they are:
            of a dict, JSON or XML as the caller wants; ``""`` for none.
        data: its body. Text is sent as UTF-8, bytes as they are, ``None`` is an empty body. What else may be returned is encoded as
            ``content_type`` says.
        status: HTTP status.
        headers: further headers.
        root: name of the root element where a dict is sent as XML because the caller wants it. Empty: a single key is the root, several
            are below ``<result>``.
    """

    content_type: str | None = None
    data: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    root: str = ""

    _no_data: ClassVar[str] = "a Result inside of the data: return it alone"


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
