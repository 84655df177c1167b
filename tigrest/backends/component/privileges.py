"""Rights over its users that the server grants us (XEP-0356), and iqs that use them."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from tigrest.errors import NotSupported, StanzaError
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import CLIENT, FORWARD, MESSAGE_ARCHIVE, PRIVILEGES
from tigrest.xmpp.stanza import Stanza, make_stanza

log = logging.getLogger(__name__)


@dataclass
class Privileges:
    """Privileges that the server has announced since the stream was opened.

    Args:
        namespace: the version of the protocol that it speaks; empty while it has announced nothing.
        access: by kind, e.g. ``{"roster": "both", "message": "outgoing", "presence": "roster"}``.
        iq: by namespace of the payload: ``get``, ``set`` or ``both``.
    """

    namespace: str = ""
    access: dict[str, str] = field(default_factory=dict)
    iq: dict[str, str] = field(default_factory=dict)

    def learn(self, message: Stanza, domain: JID) -> bool:
        """Store the privileges that a message announces; return whether it announces any.

        Args:
            message: only one from the served domain itself counts.
            domain: the served domain.

        XEP-0356 §4.2
        """
        if message.attributes.get("from") != domain:
            return False
        for namespace in PRIVILEGES:
            privilege = message.xml.find(f"{{{namespace}}}privilege")
            if privilege is None or privilege.find(f"{{{FORWARD}}}forwarded") is not None:
                continue
            self.namespace = namespace
            for perm in privilege.findall(f"{{{namespace}}}perm"):
                kind = perm.get("access", "")
                if kind != "iq":
                    self.access[kind] = perm.get("type", "")
                for granted in perm.iter(f"{{{namespace}}}namespace"):  # Prosody nests them
                    self.iq[granted.get("ns", "")] = granted.get("type", "")
            log.info("privileges granted by %s: %s", domain, self.summary())
            return True
        return False

    def allows_iq(self, type: str, namespace: str) -> bool:
        """Return whether the server has granted iqs of a type and namespace in the name of its users. XEP-0356 §6"""
        return self.iq.get(namespace) in (type, "both")

    def allows_roster_iq(self, type: str) -> bool:
        """Tell whether iqs about rosters may be sent to users from our own address. XEP-0356 §4.3"""
        return self.access.get("roster") in (type, "both")

    @property
    def allows_roster(self) -> bool:
        """Return whether we may read the rosters of users."""
        return self.allows_roster_iq("get")

    @property
    def sees_presence(self) -> bool:
        """Return whether the server sends us the presence of users."""
        return self.access.get("presence") in ("managed_entity", "roster")

    def summary(self) -> str:
        """Describe the privileges, for people."""
        granted = [f"{kind} {what}" for kind, what in self.access.items()]
        return ", ".join([*granted, *[f"iq {what} {namespace}" for namespace, what in self.iq.items()]]) or "none"


def expect_one_answer(iq: Stanza) -> None:
    """Refuse a query of an archive, whose messages come beside the reply: a privileged iq brings the reply only.

    ejabberd 26.07 sends them to the user's clients, Prosody (0.12 and 13) answers with an error as soon as there is one.

    Raises:
        NotSupported: it is one.

    XEP-0313 §4.2, XEP-0356 §6
    """
    if iq.payload is not None and iq.payload.tag == f"{{{MESSAGE_ARCHIVE}}}query" and iq.type == "set":
        raise NotSupported("archives cannot be read in the name of a user: the server sends their messages to his own clients (XEP-0356)")


def wrap(owner: JID, iq: Stanza, namespace: str) -> Stanza:
    """Wrap an iq so that the server sends it in the name of a user::

    <iq type="set" to="alice@localhost"><privileged_iq xmlns="urn:xmpp:privilege:2"><iq …/></privileged_iq></iq>

    XEP-0356 §6.2
    """
    wrapper = ET.Element(f"{{{namespace}}}privileged_iq")
    wrapper.append(
        iq.without_unknown_attributes().prepared().with_(sender=None, to=iq.attributes.get("to", owner), id=iq.id or "privileged").xml
    )
    return make_stanza("iq", iq.type, owner, wrapper, id="privileged")


def unwrap(reply: Stanza) -> Stanza:
    """Take the reply to the inner iq out of the reply to the outer one.

    Raises:
        StanzaError: the outer one was refused.
    """
    reply.raise_error()
    inner = next((element for element in reply.xml.iter(f"{{{CLIENT}}}iq") if element is not reply.xml), None)
    if inner is None:
        raise StanzaError("undefined-condition", text="the reply to a privileged iq carries no reply")
    return Stanza.of(inner)
