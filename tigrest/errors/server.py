"""Errors of the XMPP server, of its accounts, and of whoever is asked through it."""

from __future__ import annotations

from dataclasses import dataclass

from tigrest.errors.base import TigrestError


class NoSuchUser(TigrestError):
    """No account has this address."""


class UserExists(TigrestError):
    """An account has this address already."""


class NotSupported(TigrestError):
    """The XMPP server cannot do this, or does not grant it to us; the message says what to configure."""


class NoUploadService(NotSupported):
    """The served domain has no upload service."""


class ServerFailed(TigrestError):
    """The XMPP server says that it has done something, but a look shows that it has not; or it fails without a usable reason."""


class StanzaTimeout(TigrestError):
    """No reply to a request arrived in time."""


@dataclass(eq=False)
class StanzaError(TigrestError):
    """An XMPP error stanza came back.

    Args:
        condition: the defined condition, e.g. ``item-not-found``.
        type: ``auth``, ``cancel``, ``continue``, ``modify`` or ``wait``.
        text: the server's own words, possibly empty.
        source: address that answered, possibly empty.
        command_condition: of a command, what is wrong with the request, e.g. ``bad-sessionid``; possibly empty. XEP-0050 §4.4

    RFC 6120 §8.3
    """

    condition: str
    type: str = "cancel"
    text: str = ""
    source: str = ""
    command_condition: str = ""

    def __str__(self) -> str:
        said = f": {self.text}" if self.text else ""
        by = f" from {self.source}" if self.source else ""
        of_command = f" ({self.command_condition})" if self.command_condition else ""
        return f"{self.condition}{of_command}{by}{said}"
