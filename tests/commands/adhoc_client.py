"""The requesting side of ad-hoc commands, written plainly: what a chat client sends, and what it gets. XEP-0050, XEP-0030"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from tigrest.testing import TestGateway
from tigrest.xmpp.commands import CommandReply
from tigrest.xmpp.forms import DataForm, Field
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import COMMANDS, DISCO_INFO, DISCO_ITEMS
from tigrest.xmpp.stanza import Stanza
from tigrest.xmpp.xml import serialize

NODE = "api-commands"

Ask = Callable[[str, str], Stanza]
"""Sends an iq of a type with a payload to the gateway's address, and returns its reply."""


def ask_on_embedded(gateway: TestGateway, sender: str) -> Ask:
    """Return how a user asks on the embedded domain.

    Args:
        gateway: whose address is asked.
        sender: the user's address.
    """

    def ask(kind: str, payload: str) -> Stanza:
        return gateway.receive(f"<iq type='{kind}' id='q' from='{sender}' to='{gateway.service.jid}'>{payload}</iq>")[-1]

    return ask


@dataclass(frozen=True)
class Requester:
    """Somebody who runs ad-hoc commands of the gateway.

    Args:
        ask: sends his iqs.
    """

    ask: Ask

    def items(self, node: str = "") -> dict[str, str]:
        """Return the names of the nodes that a node lists."""
        listed = self._query(DISCO_ITEMS, node)
        return {item.get("node", ""): item.get("name", "") for item in listed}

    def identity(self, node: str) -> tuple[str, str, str]:
        """Return category, type and name of a node."""
        found = self._query(DISCO_INFO, node)[0]
        return found.get("category", ""), found.get("type", ""), found.get("name", "")

    def _query(self, namespace: str, node: str) -> ET.Element:
        named = f" node='{node}'" if node else ""
        payload = self.ask("get", f"<query xmlns='{namespace}'{named}/>").raise_error().payload
        assert payload is not None
        return payload

    def command(self, node: str, action: str = "execute", session: str = "", form: DataForm | None = None) -> CommandReply:
        """Send a request about a command.

        Raises:
            StanzaError: it is refused.
        """
        element = ET.Element(f"{{{COMMANDS}}}command", {"node": node, "action": action} | ({"sessionid": session} if session else {}))
        if form is not None:
            element.append(form.to_element())
        reply = self.ask("set", serialize(element, "jabber:client")).raise_error()
        payload = reply.payload
        assert payload is not None
        return CommandReply.of(reply.sender or JID("nowhere"), node, payload)

    def run(self, node: str, values: Mapping[str, Sequence[str]] | None = None) -> CommandReply:
        """Execute a command; where it has a form, submit it with these values, and with what it proposes for other fields.

        Raises:
            StanzaError: it is refused.
        """
        first = self.command(node)
        if first.status != "executing":
            return first
        assert first.form is not None
        proposed = {field.var: field.values for field in first.form.fields if field.values}
        filled = proposed | {var: tuple(texts) for var, texts in (values or {}).items()}
        form = DataForm("submit", tuple(Field(var, texts) for var, texts in filled.items()))
        return self.command(node, "complete", first.sessionid, form)
