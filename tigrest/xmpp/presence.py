"""The presence of users at resources that no client of theirs holds."""

from __future__ import annotations

from dataclasses import dataclass

from tigrest.errors import InvalidValue
from tigrest.xmpp.jid import JID
from tigrest.xmpp.kinds import SHOWS


@dataclass(frozen=True)
class Activity:
    """What a user is doing.

    Args:
        category, type: element names of XEP-0108 §3, e.g. ``talking`` and ``on_the_phone``.
        text: words for people.
    """

    category: str
    type: str = ""
    text: str = ""


@dataclass(frozen=True)
class UserStatus:
    """The presence of a user at a resource that no client of his holds.

    Args:
        jid: full address, user and resource.
        available: whether he is online there.
        priority: -128 to 127. Keep it negative, so that messages are not routed to it.
        show: one of :data:`SHOWS`; empty for plainly available.
        status: text for people.
        activity: what he is doing.
    """

    jid: JID
    available: bool = True
    priority: int = -1
    show: str = ""
    status: str = ""
    activity: Activity | None = None

    def __post_init__(self) -> None:
        if not self.jid.local or not self.jid.resource:
            raise InvalidValue(f"{self.jid} is not the full address of a user: write user@domain/resource")
        if self.show and self.show not in SHOWS:
            raise InvalidValue(f"show is {self.show!r}; use one of {', '.join(SHOWS)}, or leave it out")
        if not -128 <= self.priority <= 127:
            raise InvalidValue(f"priority is {self.priority}; use a number from -128 to 127")


@dataclass(frozen=True)
class StatusOutcome:
    """Whether a status was set; ``reason`` says why not, and what to configure."""

    success: bool
    reason: str = ""
