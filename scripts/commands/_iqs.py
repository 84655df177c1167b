"""Shared by the commands that send iqs: build them, and read what comes back."""

from xml.etree import ElementTree as ET

from tigrest import Service, Stanza, StanzaError

TIMEOUT = 20.0
"""Seconds that an iq waits for its reply."""

PROBE_SECONDS = 5.0
"""Seconds that an iq waits which only tries what the server can."""

REFUSED = ("forbidden", "not-allowed", "not-authorized")
"""Conditions of somebody who could, but not for us. RFC 6120 §8.3.3"""

DISCO_INFO, DISCO_ITEMS = "http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items"
RESULT_SET = "http://jabber.org/protocol/rsm"

MAX_PAGES = 1000
"""Most pages of a list that are read, so that a service that never ends its list does not hold a command for ever."""


def iq(type: str, to: str, payload: ET.Element, sender: str | None = None) -> Stanza:
    """Build an iq::

        <iq type="get" to="room@rooms.example.org" from="…"><query xmlns="…"/></iq>

    Args:
        type: ``get`` or ``set``.
        to: recipient.
        payload: its child.
        sender: an address of the gateway; its own where it is not given.
    """
    attributes = {"type": type, "to": str(to)} | ({"from": str(sender)} if sender else {})
    element = ET.Element("{jabber:client}iq", attributes)
    element.append(payload)
    return Stanza.of(element)


async def answer(gateway: Service, request: Stanza, timeout: float = TIMEOUT) -> ET.Element:
    """Send an iq with the gateway's rights, and return the payload of the result; an empty element where it has none.

    Args:
        gateway: sends it.
        request: of type get or set.
        timeout: seconds to wait.

    Raises:
        StanzaError: it was answered with an error.
    """
    return payload_of(await gateway.request(request, timeout))


def payload_of(reply: Stanza) -> ET.Element:
    """Return the payload of a result; an empty element where it has none.

    Raises:
        StanzaError: it is an error.
    """
    payload = reply.raise_error().payload
    return ET.Element("nothing") if payload is None else payload


def info_query() -> ET.Element:
    """Build the query for what an entity is. XEP-0030 §3.1"""
    return ET.Element(f"{{{DISCO_INFO}}}query")


async def info(gateway: Service, to: str, timeout: float = TIMEOUT) -> ET.Element:
    """Return what an entity says of itself, within some seconds. XEP-0030 §3

    Raises:
        StanzaError: it was answered with an error.
    """
    return await answer(gateway, iq("get", to, info_query()), timeout)


def features(description: ET.Element) -> frozenset[str]:
    """Return the features in the answer to :func:`info`."""
    return frozenset(feature.get("var", "") for feature in description.iter(f"{{{DISCO_INFO}}}feature"))


async def items(gateway: Service, to: str, timeout: float = TIMEOUT) -> list[ET.Element]:
    """Return what an entity lists, page by page where it has many.

    Args:
        gateway: asks.
        to: the entity.
        timeout: seconds to wait for each page.

    Raises:
        StanzaError: it was answered with an error.

    XEP-0030 §4, XEP-0059 §2.2
    """
    found: list[ET.Element] = []
    last = ""
    for _ in range(MAX_PAGES):
        page = await answer(gateway, iq("get", to, _page(last)), timeout)
        on_page = page.findall(f"{{{DISCO_ITEMS}}}item")
        found += on_page
        last, before = page.findtext(f"{{{RESULT_SET}}}set/{{{RESULT_SET}}}last", ""), last
        if not on_page or last in ("", before):
            return found
    return found


def _page(last: str) -> ET.Element:
    """Build the query for the items behind one."""
    query = ET.Element(f"{{{DISCO_ITEMS}}}query")
    chosen = ET.SubElement(query, f"{{{RESULT_SET}}}set")
    ET.SubElement(chosen, f"{{{RESULT_SET}}}max").text = "100"
    if last:
        ET.SubElement(chosen, f"{{{RESULT_SET}}}after").text = last
    return query


def refused(error: StanzaError, *further: str) -> bool:
    """Return whether an error says that we may not, or has one of further conditions."""
    return error.condition in (*REFUSED, *further)


def written(element: ET.Element) -> str:
    """Return an element as XML, with the default namespaces declared as XMPP does."""
    inside = ET.Element("{jabber:client}iq", {"type": "result"})
    inside.append(element)
    text = str(Stanza.of(inside))
    return text[text.index(">") + 1 : text.rindex("</iq>")]
