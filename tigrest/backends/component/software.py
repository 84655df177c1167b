"""Recognition of the server's software, from what it answers."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from xml.etree import ElementTree as ET

from tigrest.backends.backend import SERVICES
from tigrest.errors import TigrestError
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import DISCO_INFO, SOFTWARE_VERSION
from tigrest.xmpp.stanza import Stanza, make_stanza

log = logging.getLogger(__name__)


async def software_of(request: Callable[[Stanza], Awaitable[Stanza]], domain: JID) -> str:
    """Ask a server for the name of its software: by its version, else by the name of its identity, which is Tigase's version too.

    Args:
        request: sends an iq and returns its reply.
        domain: the served domain.

    Returns:
        The name; empty when the server does not tell.

    XEP-0092 §3, XEP-0030 §3.1
    """
    for namespace in (SOFTWARE_VERSION, DISCO_INFO):
        query = make_stanza("iq", "get", domain, ET.Element(f"{{{namespace}}}query"), id="version")
        try:
            reply = await request(query)
        except TigrestError as error:
            log.debug("the server does not tell its software: %s", error)
            continue
        payload = reply.payload if reply.error is None else None
        if payload is not None and (name := _name_in(payload)):
            return name
    return ""


def _name_in(payload: ET.Element) -> str:
    if name := payload.findtext(f"{{{SOFTWARE_VERSION}}}name", ""):
        return name
    names = (each.get("name", "") for each in payload.iter(f"{{{DISCO_INFO}}}identity") if each.get("category") == "server")
    return next((name for name in names if name), "")


def is_tigase(software: str) -> bool:
    """Tell whether the name of a server's software is Tigase's, such as ``Tigase`` or ``Tigase ver. 8.4.0``."""
    return "tigase" in software.lower()


def withholds_rosters(software: str) -> bool:
    """Tell whether a server, by the name of its software, gives rosters to no component, as it does not know XEP-0356."""
    return software.lower() in ("openfire", "jabberd2")


def with_permission(iq: Stanza, jid: JID, domain: JID) -> Stanza:
    """Mark an iq for Tigase, so that it looks for the sender among its ``admins``::

    <iq type="set" from="rest.example.org" to="sess-man@example.org" id="…" perm="ADMIN">…</iq>

    What comes over a component's link has no permissions there otherwise, whoever sends it.

    Args:
        iq: an iq for which the gateway's rights may be used.
        jid: our own address; iqs from others are not marked.
        domain: the served domain. Iqs to other servers, and to clients, are not marked.
    """
    to = iq.to or domain
    is_inside = to.domain == domain or to.domain.endswith(f".{domain}")
    is_client = bool(to.local and to.resource and to.local not in SERVICES)
    if not iq.awaits_reply or iq.attributes.get("from") != jid or not is_inside or is_client:
        return iq
    return iq.with_(perm="ADMIN")
