"""Pseudo sessions: Tigase's own way to show the presence of a user at a resource that no client holds.

The command ``USER_STATUS`` of the session manager opens one. Tigase finds it again by the address that the command comes from, so each
presence has one: all have the same local part, which stands in Tigase's list ``trusted``, and the resource is a hash of the presence's
address, as that of Tigase's own HTTP API is. When the user logs in or out, Tigase asks that address whether the session lives.

Tigase HTTP API guide §2.2.7
"""

from __future__ import annotations

import hashlib
from xml.etree import ElementTree as ET

from tigrest.backends.backend import SERVICES
from tigrest.errors import StanzaError
from tigrest.xmpp.forms import DataForm, Field
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import COMMANDS
from tigrest.xmpp.presence import STATUS_ENDPOINT, UserStatus
from tigrest.xmpp.stanza import Stanza, make_stanza

_COMMAND = f"{{{COMMANDS}}}command"


def address_of(shown: JID, gateway: JID) -> JID:
    """Return the address that Tigase knows a pseudo session by.

    Args:
        shown: full address of the presence.
        gateway: our own address.
    """
    digest = hashlib.sha256(shown.encode()).hexdigest()
    return JID(f"{STATUS_ENDPOINT}@{gateway.domain}/{digest}")


def status_command(presence: UserStatus, gateway: JID, shown: ET.Element | None) -> Stanza:
    """Write the command that shows a presence, or takes it back::

    <iq type="set" from="user-status-endpoint@rest.example.org/…" to="sess-man@example.org" id="status">
      <command xmlns="…commands" node="USER_STATUS"><x …type="submit">jid, available</x><presence>…</presence></command></iq>

    Args:
        presence: the presence.
        gateway: our own address.
        shown: the presence as a stanza; ``None`` to take it back.
    """
    available = "true" if presence.available else "false"
    command = ET.Element(_COMMAND, {"node": "USER_STATUS"})
    command.append(DataForm("submit", (Field("jid", (presence.jid,)), Field("available", (available,)))).to_element())
    if shown is not None:
        command.append(shown)
    to = JID.of("sess-man", presence.jid.domain)
    return make_stanza("iq", "set", to, command, sender=address_of(presence.jid, gateway), id="status")


def answer_check(iq: Stanza, domain: JID, *, is_alive: bool) -> Stanza | None:
    """Answer Tigase's question whether a pseudo session lives::

    <iq type="get" from="sess-man@example.org" to="user-status-endpoint@rest.example.org/…" id="…">
      <command xmlns="…commands" node="CHECK_USER_CONNECTION"/></iq>

    Args:
        iq: any iq for the address of one.
        domain: the served domain; nobody else may ask.
        is_alive: whether there is a session of that address.

    Returns:
        An empty result or the error ``item-not-found``; ``None`` when it is another question, or asked by somebody else than Tigase.
    """
    sender, payload = iq.sender, iq.payload
    is_server = sender is not None and sender.domain == domain and (not sender.local or sender.local in SERVICES)
    if not is_server or payload is None or payload.tag != _COMMAND or payload.get("node") != "CHECK_USER_CONNECTION":
        return None
    return iq.reply() if is_alive else iq.error_reply(StanzaError("item-not-found"))
