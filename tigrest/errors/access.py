"""Errors of callers who may not do what they ask."""

from __future__ import annotations

from tigrest.errors.base import TigrestError


class LoginRequired(TigrestError):
    """The request carries no login, or one that is not accepted. The message never says which part was wrong."""


class InvalidToken(LoginRequired):
    """The token of a request is unknown, revoked, or has expired. RFC 6750 §3.1"""


class Forbidden(TigrestError):
    """The caller may not do what he asks."""

    rule = "rights"
    """Name of the rule that refused it, for callers; ``rights`` where a script or command refuses by itself."""


class KeyRequired(Forbidden):
    """The request carries no API key, or one that is unknown, revoked or not valid for this path and host."""

    rule = "api-key"


class RoleRequired(Forbidden):
    """The caller is logged in but lacks the role that the handler demands."""

    rule = "role"


class NotPermitted(Forbidden):
    """The caller lacks the rights for what he asks."""


class SenderNotAllowed(NotPermitted):
    """The caller, or the link, may not send from this address; on the wire it would close the stream."""
