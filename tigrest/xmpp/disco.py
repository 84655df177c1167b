"""Service discovery as values. XEP-0030"""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree as ET

from tigrest.xmpp.namespaces import DISCO_ITEMS


@dataclass(frozen=True)
class DiscoItem:
    """An item that an entity lists; under the node of :data:`~tigrest.xmpp.namespaces.COMMANDS`, a command that it offers.

    Args:
        jid: address of the item.
        node: its node; empty for none.
        name: text for people; ``None`` when the entity gives none.
    """

    jid: str
    node: str
    name: str | None


def items_query(node: str) -> ET.Element:
    """Build the query for the items at a node. XEP-0030 §4.1"""
    return ET.Element(f"{{{DISCO_ITEMS}}}query", {"node": node})


def items_of(query: ET.Element | None, responder: str = "") -> list[DiscoItem]:
    """Parse a list of items.

    Args:
        query: payload of the reply; ``None`` counts as an empty one.
        responder: address of items that lack their own.
    """
    found = query.findall(f"{{{DISCO_ITEMS}}}item") if query is not None else []
    return [DiscoItem(item.get("jid", responder), item.get("node", ""), item.get("name")) for item in found]
