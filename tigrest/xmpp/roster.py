"""Rosters as values. RFC 6121 §2"""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree as ET

from tigrest.xmpp.namespaces import ROSTER


@dataclass(frozen=True)
class RosterItem:
    """A contact in a roster.

    Args:
        jid: address of the contact, as the server writes it.
        subscription: ``none``, ``to``, ``from`` or ``both``; empty when the server does not say.
        name: what the user calls the contact; empty for nothing.
        groups: groups that the contact is in.
    """

    jid: str
    subscription: str
    name: str
    groups: tuple[str, ...]

    @property
    def sees_presence(self) -> bool:
        """Return whether the contact gets the presence of the user. RFC 6121 §2.1.2.5"""
        return self.subscription in ("from", "both")


def roster_of(query: ET.Element | None) -> tuple[RosterItem, ...]:
    """Parse a roster.

    Args:
        query: ``<query xmlns="jabber:iq:roster"/>``; ``None`` counts as an empty one.
    """
    if query is None:
        return ()
    return tuple(
        RosterItem(
            item.get("jid", ""),
            item.get("subscription", ""),
            item.get("name", ""),
            tuple(group.text or "" for group in item.findall(f"{{{ROSTER}}}group")),
        )
        for item in query.findall(f"{{{ROSTER}}}item")
    )
