"""Error conditions of XMPP: the type of each, the HTTP statuses on either side, and the exceptions of ours that are told as one.

Three ways lead through this table, and each has its own column:

- an error stanza answers the request of an HTTP caller: :attr:`Condition.status`;
- an HTTP status answers a stanza, as of a webhook, or stands in JSON as ``error_code``: :data:`BY_STATUS`;
- an exception of ours is told to an HTTP caller or in an error stanza: :data:`EXCEPTIONS`.

They are not each other's inverse: a webhook that wants a login (401) does not authorize, but whoever is not authorized by a remote
entity is not asked for a login at the gateway (403).
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
        type: of an error that has it, unless more is known.
        status: HTTP status for a caller whose request an entity refused with it.
        statuses: HTTP statuses that are told as it, to whoever sent the stanza that they answer.
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
    # What servers say for a user or node that there is not; 503 would say that the gateway is away. RFC 6121 §8.5
    "service-unavailable": Condition("cancel", 404, (503,)),
    "subscription-required": Condition("auth", 403),
    "undefined-condition": Condition("cancel", 500),
    "unexpected-request": Condition("wait", 400),
}
"""Every condition, in the order of its name. RFC 6120 §8.3.3, and ``payment-required`` of RFC 3920 §9.3.3.

The statuses on both sides are those of Tigase's HTTP API and of Prosody's mod_rest, but that a remote entity cannot make us answer 401,
405, 407 or 503: these say something about the gateway itself.
"""

UNDEFINED = CONDITIONS["undefined-condition"]
"""What counts for a condition that there is not, and for a status that means none."""

_TYPES = {413: "modify", 414: "modify", 431: "modify", 500: "wait"}
"""Types by status, where that tells more than the condition: the same stanza will never, or may later, succeed."""

BY_STATUS: dict[int, tuple[str, str]] = {
    status: (_TYPES.get(status, condition.type), name) for name, condition in CONDITIONS.items() for status in condition.statuses
}
"""Type and condition of the error that an HTTP status is told as; see :func:`told_as` for all others. As Prosody's mod_rest."""


@dataclass(frozen=True)
class Meaning:
    """What an exception of ours is told as.

    Args:
        status: HTTP status.
        condition: of an error stanza; empty where it is not for the sender of a stanza, who hears ``internal-server-error``.
    """

    status: int
    condition: str = ""


EXCEPTIONS: dict[type[errors.TigrestError], Meaning] = {
    errors.InvalidJID: Meaning(400, "jid-malformed"),
    errors.MalformedContent: Meaning(400, "bad-request"),
    errors.InvalidValue: Meaning(400, "bad-request"),
    errors.LoginRequired: Meaning(401),
    errors.KeyRequired: Meaning(403),
    errors.RoleRequired: Meaning(403),
    errors.NotPermitted: Meaning(403, "forbidden"),
    errors.NoSuchUser: Meaning(404, "item-not-found"),
    errors.BodyTimeout: Meaning(408),
    errors.UserExists: Meaning(409, "conflict"),
    errors.ContentTooLarge: Meaning(413),
    errors.StanzaTooLarge: Meaning(413),
    errors.UnsupportedContent: Meaning(415),
    errors.TooManyFailures: Meaning(429),
    errors.TooManyStreams: Meaning(429),
    errors.TooManyWaiting: Meaning(429),
    errors.TooManyLookups: Meaning(429),
    errors.CallerGone: Meaning(499),
    errors.NotSupported: Meaning(501),
    errors.ServerFailed: Meaning(502),
    errors.Unavailable: Meaning(503, "resource-constraint"),
    errors.StanzaTimeout: Meaning(504),
    errors.HandlerTimeout: Meaning(504),
}
"""Our own errors; subclasses count as their base. A :class:`tigrest.errors.StanzaError` has a condition already."""


def meaning_of(error: BaseException) -> Meaning | None:
    """Return what an exception is told as; ``None`` for those nobody expects."""
    if isinstance(error, errors.StanzaError):
        return Meaning(CONDITIONS.get(error.condition, UNDEFINED).status, error.condition)
    return next((EXCEPTIONS[kind] for kind in type(error).__mro__ if kind in EXCEPTIONS), None)


def told_as(status: int) -> tuple[str, str]:
    """Return type and condition of the error that an HTTP status is told as."""
    return BY_STATUS.get(status, (UNDEFINED.type, "undefined-condition"))
