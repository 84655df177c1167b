"""Presence that the gateway shows for users, at resources without a client."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tigrest.errors import InvalidValue
from tigrest.xmpp.jid import JID
from tigrest.xmpp.kinds import SHOWS
from tigrest.xmpp.xml import check_carriable

STATUS_ENDPOINT = "user-status-endpoint"
"""Local part at the gateway from which Tigase is told presences; no user, script or webhook gets it. Tigase HTTP API guide §2.2.7"""

_ELEMENT_NAME = re.compile("[A-Za-z_][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Activity:
    """The activity of a user. XEP-0108

    Args:
        category, type: element names of XEP-0108 §3, e.g. ``talking`` and ``on_the_phone``.
        text: text for people; empty for none.
    """

    category: str
    type: str = ""
    text: str = ""


@dataclass(frozen=True)
class UserStatus:
    """The presence of a user at a resource without a client.

    Args:
        jid: full address, with user and resource.
        available: whether he is online there.
        priority: -128 to 127. Keep it negative: servers then route no messages to it (RFC 6121 §8.5.2.1.1).
        show: one of :data:`SHOWS`; empty for plainly available.
        status: text for people.
        activity: activity of the user; ``None`` for none.

    Raises:
        InvalidValue: the address is not full, or a value is not allowed.

    RFC 6121 §4.7
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
        check_carriable(self.status, "status")
        if self.activity is not None:
            _check_activity(self.activity)


def _check_activity(activity: Activity) -> None:
    """Refuse an activity that cannot be written as XEP-0108 has it: category and type become names of elements.

    Raises:
        InvalidValue: its category or type is no name, or its text cannot be sent.
    """
    for what, name in (("category", activity.category), ("type", activity.type)):
        if not _ELEMENT_NAME.fullmatch(name) and (name or what == "category"):
            raise InvalidValue(f"the {what} of the activity is {name[:80]!r}; use one of XEP-0108, such as talking or on_the_phone")
    check_carriable(activity.text, "the text of the activity")


@dataclass(frozen=True)
class StatusOutcome:
    """The outcome of setting a presence.

    Args:
        success: whether it is set.
        reason: for people, why it is not set and what to configure; empty on success.
    """

    success: bool
    reason: str = ""
