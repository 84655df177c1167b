"""Tigase 8, played by what it was seen to answer: it can be installed from no registry.

It refuses what Tigase refuses. What comes over a component's link has no permissions unless it bears ``perm="ADMIN"``; then the
sender is looked for among ``admins``. Without permissions the session manager says ``not-authorized``, other services say nothing. Values
of ``perm`` and ``pr`` that it does not know end the link, as a wrong secret does, without a word.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import time
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET
from xml.sax.saxutils import quoteattr

from tests.servers.played import COMMANDS, DISCO_INFO, DISCO_ITEMS, NO_REPLY, Played, Refused
from tests.servers.played_stream import CLIENT, Connection, written
from tests.servers.process import COMPONENT, DOMAIN
from tests.servers.tigase_commands import NODES, TigaseCommands, form_values

PERMISSIONS = frozenset({"NONE", "LOCAL", "REMOTE", "ANONYM", "AUTH", "ADMIN", "TRUSTED"})
PRIORITIES = frozenset({"SYSTEM", "CLUSTER", "HIGH", "NORMAL", "LOW", "LOWEST", "PRESENCE"})
ENDPOINT = f"user-status-endpoint@{COMPONENT}"
LOCK_AFTER = 3
"""Wrong passwords in a row that lock an account."""

STORED = ("{vcard-temp}vCard", "{urn:ietf:params:xml:ns:vcard-4.0}vcard", "{jabber:iq:private}query", "{jabber:iq:roster}query")
"""Payloads that an account keeps for its owner; only the vCards are for others."""


class Tigase(Played):
    """A played Tigase.

    Args:
        folder: not used.
        options: ``version="false"``: tells no version, but who it is by disco; ``trusted``: the address in ``trusted`` of sess-man.
    """

    name, software, version = "tigase", "Tigase", "8.4.0"

    def __init__(self, folder: Path, **options: str) -> None:
        super().__init__(folder, **options)
        self.admins = {f"admin@{DOMAIN}", COMPONENT}
        self.trusted = options.get("trusted", ENDPOINT)
        self.lock_seconds, self.check_seconds = 60.0, 0.5
        self.shown: dict[str, ET.Element] = {}
        """Presences of pseudo sessions, by the address that USER_STATUS came from."""
        self.stored: dict[tuple[str, str], ET.Element] = {}
        """What accounts keep, by bare address and tag."""
        self.items: dict[tuple[str, str], str] = {}
        """What accounts publish, by bare address and node."""
        self.commands = TigaseCommands(self)
        self._permission = "AUTH"
        self._failed: dict[str, int] = {}
        self._locked: dict[str, float] = {}
        self._checking: set[str] = set()
        self._numbers = itertools.count(1)
        asked: dict[str, Callable[[ET.Element], str]] = {
            f"{{{COMMANDS}}}command": self._command,
            f"{{{DISCO_ITEMS}}}query": self._items,
            f"{{{DISCO_INFO}}}query": self._info,
            "{http://jabber.org/protocol/pubsub}pubsub": self._pubsub,
        }
        self.handlers |= asked | dict.fromkeys(STORED, self._storage)

    # the link

    def handshake(self, link: Connection, name: str, digest: str, stream: str) -> bool:
        """Close the connection without a word when the secret is wrong."""
        secret = self.components.get(name, "")
        if hmac.compare_digest(hashlib.sha1(f"{stream}{secret}".encode()).hexdigest(), digest) and secret:
            return True
        link.close()
        return False

    def from_component(self, stanza: ET.Element) -> None:
        """Take a stanza with the permission that it bears."""
        permission, priority = stanza.attrib.pop("perm", "NONE"), stanza.attrib.pop("pr", "NORMAL")
        if permission not in PERMISSIONS or priority not in PRIORITIES:
            assert self.link is not None
            self.link.close()
            return
        if stanza.get("type") == "result" and stanza.get("from", "") in self._checking:
            self._checking.discard(stanza.get("from", ""))
        self._permission = "ADMIN" if permission == "ADMIN" else "NONE"
        try:
            self.route(stanza)
        finally:
            self._permission = "AUTH"

    def tell_version(self, iq: ET.Element) -> str:
        """Tell the software, unless it is switched off."""
        if self.options.get("version") == "false":
            raise Refused("service-unavailable")
        return super().tell_version(iq)

    # logins

    async def _login(self, client: Connection, auth: ET.Element) -> str:
        """Count wrong passwords: after three the account is locked, whatever comes."""
        message = b64decode(auth.text or "").decode(errors="replace")
        named = message.split("\0")[1] if "\0" in message else message.split("n=", 1)[-1].split(",")[0]
        user = await super()._login(client, auth)
        self._failed[named] = 0 if user else self._failed.get(named, 0) + 1
        if self._failed[named] >= LOCK_AFTER:
            self._locked[named] = time.monotonic() + self.lock_seconds
        return user

    def password_of(self, user: str) -> str | None:
        """Return the password, unless the account is locked."""
        return None if time.monotonic() < self._locked.get(user, 0) else super().password_of(user)

    def logged_in(self, client: Connection) -> None:
        """Show the client the presences of others, and ask whether those of its own user still live."""
        owner = client.jid.partition("/")[0]
        for address, presence in list(self.shown.items()):
            if presence.get("from", "").partition("/")[0] != owner:
                client.send(_to(presence, client.jid))
            else:
                asyncio.get_running_loop().create_task(self._check(address))

    async def _check(self, address: str) -> None:
        """Ask for a pseudo session, and end it when there is no result."""
        self._checking.add(address)
        check = f"<command xmlns='{COMMANDS}' node='CHECK_USER_CONNECTION'/>"
        identity = f"check-{next(self._numbers)}"
        self.route(ET.fromstring(f"<iq xmlns='{CLIENT}' type='get' from='sess-man@{DOMAIN}' to='{address}' id='{identity}'>{check}</iq>"))
        await asyncio.sleep(self.check_seconds)
        if address in self._checking:
            self._checking.discard(address)
            self.hide(address)

    # presences

    def show(self, address: str, jid: str, presence: ET.Element) -> None:
        """Show a presence in a pseudo session: of whom the session was opened for, whoever is named now."""
        if address in self.shown:
            jid = self.shown[address].get("from", "")
        shown = ET.Element(f"{{{CLIENT}}}presence", {"from": jid})
        shown.extend(list(presence))
        self.shown[address] = shown
        self._tell_contacts(shown)

    def hide(self, address: str) -> bool:
        """End a pseudo session; tell whether there was one."""
        shown = self.shown.pop(address, None)
        if shown is not None:
            self._tell_contacts(ET.Element(f"{{{CLIENT}}}presence", {"from": shown.get("from", ""), "type": "unavailable"}))
        return shown is not None

    def _tell_contacts(self, presence: ET.Element) -> None:
        """Send a presence to everybody else who is online: all are contacts."""
        owner = presence.get("from", "").partition("/")[0]
        for client in self.clients:
            if client.is_available and client.jid.partition("/")[0] != owner:
                client.send(_to(presence, client.jid))

    # iqs

    def _command(self, iq: ET.Element) -> str:
        command = iq[0]
        sender, service, node = iq.get("from", ""), _service(iq), command.get("node", "")
        if node == "USER_STATUS" and service in ("", "sess-man"):
            return self._user_status(sender, command)
        if service not in NODES:
            raise Refused("item-not-found")
        if not self._may_command(sender, service):
            return NO_REPLY
        if node not in NODES[service]:
            return NO_REPLY  # it hangs
        return self.commands.run(sender, node, form_values(command))

    def _may_command(self, sender: str, service: str) -> bool:
        """Tell whether a command is answered.

        Raises:
            Refused: it is, with an error.
        """
        if self._permission == "NONE" or (self._permission == "ADMIN" and not self._is_admin(sender)):
            if service in ("", "sess-man"):
                raise Refused("not-authorized", "auth")
            return False
        if not self._is_admin(sender):
            raise Refused("forbidden", "auth")
        return True

    def _is_admin(self, sender: str) -> bool:
        return sender.partition("/")[0] in self.admins

    def _user_status(self, sender: str, command: ET.Element) -> str:
        if self.trusted not in (sender.partition("/")[0], sender.partition("/")[0].rpartition("@")[2]):
            raise Refused("forbidden", "auth")
        values = form_values(command)
        presence = command.find(f"{{{CLIENT}}}presence")
        if values.get("available", ["true"])[0].lower() != "false":
            self.show(sender, values["jid"][0], presence if presence is not None else ET.Element("presence"))
            return ""
        self.hide(sender)
        raise Refused("item-not-found")  # as recorded, whether there was a session or not

    def _items(self, iq: ET.Element) -> str:
        service, node = _service(iq), iq[0].get("node")
        if node != COMMANDS:
            return f"<query xmlns='{DISCO_ITEMS}'/>"
        if service not in NODES:
            raise Refused("item-not-found")
        if self._permission == "NONE":
            if service in ("", "sess-man"):
                raise Refused("not-authorized", "auth")
            return NO_REPLY
        found = NODES[service] if self._is_admin(iq.get("from", "")) else {}
        jid = iq.get("to", DOMAIN)
        items = "".join(f"<item jid={quoteattr(jid)} node={quoteattr(node)} name={quoteattr(name)}/>" for node, name in found.items())
        return f"<query xmlns='{DISCO_ITEMS}' node='{COMMANDS}'>{items}</query>"

    def _info(self, iq: ET.Element) -> str:
        identity = f"<identity category='server' type='im' name='Tigase ver. {self.version}'/>"
        return f"<query xmlns='{DISCO_INFO}'>{identity}<feature var='{DISCO_INFO}'/></query>"

    def _storage(self, iq: ET.Element) -> str:
        payload, owner, sender = iq[0], _bare(iq.get("to", "")), _bare(iq.get("from", ""))
        is_public = payload.tag in STORED[:2]
        if owner != sender and (iq.get("type") == "set" or not is_public):
            raise Refused("not-allowed")
        if iq.get("type") == "set":
            if self._permission != "AUTH":
                return NO_REPLY  # an account is its client's to change, whatever address a component writes
            self.stored[owner, payload.tag] = payload
            return ""
        found = self.stored.get((owner, payload.tag))
        if found is None and is_public:
            raise Refused("item-not-found")
        return written(payload if found is None else found, CLIENT)

    def _pubsub(self, iq: ET.Element) -> str:
        owner, sender, action = _bare(iq.get("to", "")), _bare(iq.get("from", "")), iq[0][0]
        node = action.get("node", "")
        if iq.get("type") == "set":
            if owner != sender:
                raise Refused("forbidden", "auth")
            if self._permission != "AUTH":
                return NO_REPLY
            self.items[owner, node] = "".join(written(item, CLIENT) for item in action)
            return ""
        if (owner, node) not in self.items:
            raise Refused("item-not-found")
        return f"<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node={quoteattr(node)}>{self.items[owner, node]}</items></pubsub>"


def _bare(jid: str) -> str:
    return jid.partition("/")[0]


def _service(iq: ET.Element) -> str:
    """Return the local part of whom an iq is for; empty for the domain, and the whole address of another."""
    bare = _bare(iq.get("to", DOMAIN))
    return "" if bare == DOMAIN else bare.removesuffix(f"@{DOMAIN}")


def _to(presence: ET.Element, jid: str) -> ET.Element:
    """Return a presence for somebody."""
    addressed = ET.Element(presence.tag, {**presence.attrib, "to": jid})
    addressed.extend(list(presence))
    return addressed
