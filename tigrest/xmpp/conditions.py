"""Error conditions of XMPP, with their types, HTTP statuses and exceptions: the only table of them.

Conversions:

- from an error stanza to the HTTP status for a caller: :attr:`Condition.status`;
- from the HTTP status of a webhook, or ``error_code`` in JSON, to an error stanza: :attr:`Condition.statuses`, :func:`error_of_status`;
- from an exception of ours to an HTTP status or an error stanza: :data:`EXCEPTIONS`, :func:`mapping_of`.

The first two are not inverse. The 401 of a webhook becomes ``not-authorized``, but the ``not-authorized`` of a remote entity becomes 403:
401 would ask the caller to log in to the gateway again.
"""

from __future__ import annotations

from dataclasses import dataclass

from tigrest import errors

ERROR_TYPES = ("auth", "cancel", "continue", "modify", "wait")
"""Types of stanza errors. RFC 6120 §8.3.2"""


@dataclass(frozen=True)
class Condition:
    """A defined condition of stanza errors.

    Args:
        type: default type of an error with it.
        status: HTTP status for a caller whose request got the error.
        statuses: HTTP statuses of a webhook that become this condition for the sender of the stanza.
    """

    type: str
    status: int
    statuses: tuple[int, ...] = ()


CONDITIONS: dict[str, Condition] = {
    "bad-request": Condition("modify", 400, (400, 411, 416, 422)),
    "conflict": Condition("cancel", 409, (409, 412)),
    "feature-not-implemented": Condition("cancel", 501, (415, 501)),
    "forbidden": Condition("auth", 403, (403, 451)),
    "gone": Condition("cancel", 410, (410,)),
    "internal-server-error": Condition("cancel", 500, (500,)),
    "item-not-found": Condition("cancel", 404, (404,)),
    "jid-malformed": Condition("modify", 400),
    "not-acceptable": Condition("modify", 406, (406,)),
    # 405 would need Allow, with methods of ours. RFC 9110 §15.5.6
    "not-allowed": Condition("cancel", 403, (405,)),
    # 401 would need WWW-Authenticate, and a browser would forget a login that is good here. RFC 9110 §15.5.2
    "not-authorized": Condition("auth", 403, (401, 511)),
    "payment-required": Condition("auth", 402, (402,)),
    "policy-violation": Condition("modify", 403),
    "recipient-unavailable": Condition("wait", 404),
    # 302 would need Location, and the address in a redirect is an XMPP URI. RFC 6120 §8.3.3.14
    "redirect": Condition("modify", 404),
    # 407 would need Proxy-Authenticate. RFC 9110 §15.5.8
    "registration-required": Condition("auth", 403, (407,)),
    "remote-server-not-found": Condition("cancel", 404),
    "remote-server-timeout": Condition("wait", 504, (408, 502, 504)),
    "resource-constraint": Condition("wait", 500, (413, 414, 423, 429, 431, 507)),
    # Servers answer so for unknown users and nodes; 503 would mean that the gateway is down. RFC 6121 §8.5
    "service-unavailable": Condition("cancel", 404, (503,)),
    "subscription-required": Condition("auth", 403),
    "undefined-condition": Condition("cancel", 500),
    "unexpected-request": Condition("wait", 400),
}
"""Every condition, sorted by name. RFC 6120 §8.3.3, and ``payment-required`` of RFC 3920 §9.3.3.

``status`` follows Tigase's HTTP API except for its 302, 401, 405, 407 and 503, which would speak of the gateway itself; ``statuses``
follow Prosody's mod_rest.
"""

UNDEFINED_CONDITION = CONDITIONS["undefined-condition"]
"""Used for unknown conditions, and for statuses without a condition."""

_TYPES = {413: "modify", 414: "modify", 431: "modify", 500: "wait"}
"""Error types that differ from the default of their condition: a retry may succeed after 500, and only with less data after the others."""

ERRORS_BY_STATUS: dict[int, tuple[str, str]] = {
    status: (_TYPES.get(status, condition.type), name) for name, condition in CONDITIONS.items() for status in condition.statuses
}
"""Type and condition of the error for an HTTP status, as in Prosody's mod_rest. See :func:`error_of_status` for those not listed."""


COMMAND_STATUSES: dict[str, int] = {
    # stands beside not-allowed, whose 403 would say that the caller may not: the session was there and is no longer. RFC 9110 §15.5.11
    "session-expired": 410,
}
"""HTTP statuses of conditions of ad-hoc commands that fit better than those of the conditions beside which they stand. XEP-0050 §4.4

The others (``bad-action``, ``bad-locale``, ``bad-payload``, ``bad-sessionid``, ``malformed-action``) stand beside ``bad-request``: 400.
"""


@dataclass(frozen=True)
class ErrorMapping:
    """The HTTP status and the condition that an exception of ours becomes.

    Args:
        status: HTTP status.
        condition: condition of the error stanza; empty for ``internal-server-error``.
    """

    status: int
    condition: str = ""


EXCEPTIONS: dict[type[errors.TigrestError], ErrorMapping] = {
    errors.InvalidJID: ErrorMapping(400, "jid-malformed"),
    errors.MalformedContent: ErrorMapping(400, "bad-request"),
    errors.InvalidValue: ErrorMapping(400, "bad-request"),
    errors.ScriptMistake: ErrorMapping(500),
    errors.LoginRequired: ErrorMapping(401),
    errors.Forbidden: ErrorMapping(403),
    errors.KeyRequired: ErrorMapping(403),
    errors.RoleRequired: ErrorMapping(403),
    errors.NotPermitted: ErrorMapping(403, "forbidden"),
    errors.ArgumentUnfit: ErrorMapping(422, "bad-request"),
    errors.ArgumentError: ErrorMapping(400, "bad-request"),
    errors.NoSuchUser: ErrorMapping(404, "item-not-found"),
    errors.NotFound: ErrorMapping(404, "item-not-found"),
    errors.BodyTimeout: ErrorMapping(408),
    errors.UserExists: ErrorMapping(409, "conflict"),
    errors.Conflict: ErrorMapping(409, "conflict"),
    errors.RequestInFlight: ErrorMapping(409),
    errors.ContentTooLarge: ErrorMapping(413),
    errors.StanzaTooLarge: ErrorMapping(413),
    errors.UnsupportedContent: ErrorMapping(415),
    errors.UnexpectedPost: ErrorMapping(422),
    errors.UnprocessableContent: ErrorMapping(422),
    errors.IdempotencyMismatch: ErrorMapping(422),
    errors.TooManyFailures: ErrorMapping(429),
    errors.TooManyStreams: ErrorMapping(429),
    errors.TooManyWaiting: ErrorMapping(429),
    errors.TooManyLookups: ErrorMapping(429),
    errors.QuotaExceeded: ErrorMapping(429, "resource-constraint"),
    errors.TooManyIdempotencyKeys: ErrorMapping(429),
    errors.CallerGone: ErrorMapping(499),
    errors.NotSupported: ErrorMapping(501),
    errors.ServerFailed: ErrorMapping(502),
    errors.Unavailable: ErrorMapping(503, "resource-constraint"),
    errors.StanzaTimeout: ErrorMapping(504),
    errors.HandlerTimeout: ErrorMapping(504),
}
"""Our own errors; subclasses count as their base. A :class:`tigrest.errors.StanzaError` has a condition already."""


def mapping_of(error: BaseException) -> ErrorMapping | None:
    """Return HTTP status and condition of an exception.

    Returns:
        ``None`` for an exception that is not in :data:`EXCEPTIONS`, nor derived from one that is.
    """
    if isinstance(error, errors.StanzaError):
        status = COMMAND_STATUSES.get(error.command_condition) or CONDITIONS.get(error.condition, UNDEFINED_CONDITION).status
        return ErrorMapping(status, error.condition)
    return next((EXCEPTIONS[kind] for kind in type(error).__mro__ if kind in EXCEPTIONS), None)


def error_of_status(status: int) -> tuple[str, str]:
    """Return type and condition of the error stanza for an HTTP status.

    Args:
        status: any; those without a condition become ``undefined-condition``.
    """
    return ERRORS_BY_STATUS.get(status, (UNDEFINED_CONDITION.type, "undefined-condition"))
