"""Openfire, played: what it answers to a component's login, to administrators' commands, to vCards, and in rooms.

Written from what Openfire 4.7.5 was seen to do, and from the source of its commands; those that it got later are offered with
``commands="newer"``. What was not seen is refused here: PEP and rosters.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

from tests.servers.played import COMMANDS, DISCO_INFO, DISCO_ITEMS, Played, Refused
from tests.servers.played_stream import CLIENT, Connection, written
from tests.servers.process import COMPONENT, DOMAIN

ADMIN, DATA, VCARD = "http://jabber.org/protocol/admin#", "jabber:x:data", "vcard-temp"
ROOMS = f"conference.{DOMAIN}"
MUC, ARCHIVE = "http://jabber.org/protocol/muc", "urn:xmpp:mam:2"

Values = dict[str, list[str]]
"""Values of a submitted form, by field."""

DONE = "<note type='info'>Operation finished successfully</note>"


@dataclass(frozen=True)
class Command:
    """An administrators' command of one stage.

    Args:
        fields: names of the fields of its form, with their types.
        run: does it; returns the content of the reply.
        for_admins: whether a component that is connected may not run it, unless it is in ``admin.authorizedJIDs``.
    """

    fields: dict[str, str]
    run: Callable[[Values], str]
    for_admins: bool = True


@dataclass
class Session:
    """A command that waits for its form."""

    node: str
    owner: str


class PlayedOpenfire(Played):
    """Openfire.

    Args:
        folder: not used.
        options: ``admin="false"``: the component is not in ``admin.authorizedJIDs``; ``self_addressed="false"``: a vCard that a component
            sets in the name of its owner is dropped; ``commands="newer"``: with the commands that 4.7 does not have.

    Attributes:
        vcards: as they were set, by local part.
        groups: members by name of the group.
        locked: accounts that may not log in.
        rooms: affiliations by address, by name of the room.
        announced: what was sent to all who are online.
    """

    name, software, version = "openfire", "Openfire", "4.7.5"

    def __init__(self, folder: Path, **options: str) -> None:
        super().__init__(folder, **options)
        self.vcards: dict[str, str] = {}
        self.groups: dict[str, set[str]] = {}
        self.locked: set[str] = set()
        self.rooms: dict[str, dict[str, str]] = {}
        self.announced: list[str] = []
        self._sessions: dict[str, Session] = {}
        self.commands = self._commands() | (self._newer_commands() if options.get("commands") == "newer" else {})
        self.handlers |= {
            f"{{{COMMANDS}}}command": self._command,
            f"{{{DISCO_ITEMS}}}query": self._items,
            f"{{{VCARD}}}vCard": self._vcard,
            f"{{{MUC}#admin}}query": self._affiliations,
            f"{{{MUC}#owner}}query": self._configure,
            f"{{{DISCO_INFO}}}query": self._info,
            f"{{{ARCHIVE}}}query": self._archive,
        }

    def _commands(self) -> dict[str, Command]:
        account, password = {"accountjid": "jid-single"}, {"password": "text-private"}
        more = {"password-verify": "text-private", "email": "text-single", "given_name": "text-single", "surname": "text-single"}
        accounts, group, users = {"accountjids": "jid-multi"}, {"group": "text-single"}, {"admin": "boolean", "users": "jid-multi"}
        found = {
            "add-user": Command(account | password | more, self._add, for_admins=False),
            "delete-user": Command(accounts, self._delete, for_admins=False),
            "change-user-password": Command(account | password, self._change_password),
            "get-user-properties": Command(accounts, self._properties),
            "get-online-users-list": Command({"max_items": "list-single"}, self._online),
            "get-sessions-num": Command({}, self._sessions_number),
            "announce": Command({"announcement": "text-multi"}, self._announce),
            "get-groups": Command({"start": "list-single", "max_items": "list-single"}, self._list_groups),
            "add-group": Command(group | {"desc": "text-multi", "members": "jid-multi"}, self._add_group),
            "update-group": Command(group | {"desc": "text-multi"}, self._group_there),
            "delete-group": Command(group, self._delete_group),
            "get-group-members": Command(group, self._members),
            "add-group-members": Command(group | users, self._add_members),
            "delete-group-members": Command(group | {"users": "jid-multi"}, self._delete_members),
        }
        return {f"{ADMIN}{name}": command for name, command in found.items()}

    def _newer_commands(self) -> dict[str, Command]:
        accounts = {"accountjids": "jid-multi"}
        found = {
            "get-registered-users-list": Command({"max_items": "list-single"}, self._registered),
            "disable-user": Command(accounts, lambda values: self._lock(values, is_locked=True), for_admins=False),
            "reenable-user": Command(accounts, lambda values: self._lock(values, is_locked=False), for_admins=False),
            "end-user-session": Command(accounts, self._end_session, for_admins=False),
            "get-user-roster": Command(accounts, self._roster),
        }
        return {f"{ADMIN}{name}": command for name, command in found.items()}

    # the link

    def greet(self, link: Connection, name: str) -> bool:
        """Refuse a subdomain that has no secret, and a second component of one name, before the handshake."""
        if name not in self.components:
            link.stream_error("internal-server-error")
        elif self.link is not None:
            link.stream_error("conflict")
        else:
            return True
        return False

    # commands

    def _may_run(self, command: Command, sender: str) -> bool:
        bare = sender.partition("/")[0]
        is_admin = bare == f"admin@{DOMAIN}" or (bare == COMPONENT and self.options.get("admin") != "false")
        return is_admin or (bare == COMPONENT and not command.for_admins)

    def _items(self, iq: ET.Element) -> str:
        sender = iq.get("from", "")
        if iq.get("to", "").endswith(ROOMS):
            return self._room_items(iq.get("to", ""))
        nodes = [node for node, command in self.commands.items() if self._may_run(command, sender)] if iq[0].get("node") == COMMANDS else []
        if not iq[0].get("node"):
            return f"<query xmlns='{DISCO_ITEMS}'><item jid='{ROOMS}' name='Rooms'/></query>"
        items = "".join(f"<item jid='{DOMAIN}' node='{node}' name='{node.partition('#')[2]}'/>" for node in nodes)
        return f"<query xmlns='{DISCO_ITEMS}' node={quoteattr(iq[0].get('node', ''))}>{items}</query>"

    def _command(self, iq: ET.Element) -> str:
        asked, sender = iq[0], iq.get("from", "")
        copy = written(asked, CLIENT)
        node = asked.get("node", "")
        if "sessionid" not in asked.attrib:
            command = self.commands.get(node)
            if command is None:
                raise Refused("item-not-found", payload=copy)
            if not self._may_run(command, sender):
                raise Refused("forbidden", "auth", payload=copy)
            identity = secrets.token_hex(8)
            if not command.fields:
                return _written(node, identity, "completed", command.run({}))
            self._sessions[identity] = Session(node, sender)
            return _written(node, identity, "executing", _form(command.fields))
        session = self._sessions.pop(asked.get("sessionid", ""), None)
        if session is None or session.owner != sender:
            raise Refused("bad-request", "modify", payload=copy)
        if asked.get("action") == "cancel":
            return _written(node, asked.get("sessionid", ""), "canceled", "")
        content = self.commands[session.node].run(_values(asked))
        return _written(node, asked.get("sessionid", ""), "completed", content)

    def _add(self, values: Values) -> str:
        user = _local(values["accountjid"][0])
        if values["password"] != values["password-verify"]:
            return _error("Passwords do not match.")
        if user in self.accounts:
            return _error("User already exists.")
        self.accounts[user] = values["password"][0]
        return DONE

    def _delete(self, values: Values) -> str:
        missing = [account for account in values["accountjids"] if _local(account) not in self.accounts]
        if missing:
            return _error(f"User not found: {missing[-1]}")
        for account in values["accountjids"]:
            del self.accounts[_local(account)]
            self.vcards.pop(_local(account), None)
        return DONE

    def _change_password(self, values: Values) -> str:
        user = _local(values["accountjid"][0])
        if user not in self.accounts:
            return _error("User does not exists.")
        self.accounts[user] = values["password"][0]
        return DONE

    def _properties(self, values: Values) -> str:
        known = [account for account in values["accountjids"] if _local(account) in self.accounts]
        jids = "".join(f"<value>{escape(account)}</value>" for account in known)
        empty = "<value></value>" * len(known)
        fields = (("accountjids", "jid-multi", jids), ("email", "text-multi", empty), ("name", "text-multi", empty))
        written = "".join(f"<field var='{var}' type='{type}'>{inside}</field>" for var, type, inside in fields)
        return f"<x xmlns='{DATA}' type='result'>{written}</x>"

    def _online(self, values: Values) -> str:
        return _result("onlineuserjids", [client.jid.partition("/")[0] for client in self.clients])

    def _registered(self, values: Values) -> str:
        return _result("registereduserjids", [f"{user}@{DOMAIN}" for user in self.accounts])

    def _sessions_number(self, values: Values) -> str:
        return _result("onlineuserssessionsnum", [str(len(self.clients))])

    def _announce(self, values: Values) -> str:
        self.announced.append("\n".join(values["announcement"]))
        return DONE

    def _lock(self, values: Values, is_locked: bool) -> str:
        users = {_local(account) for account in values["accountjids"]}
        if missing := users - self.accounts.keys():
            return _error(f"User not found: {missing.pop()}")
        self.locked = self.locked | users if is_locked else self.locked - users
        return DONE

    def password_of(self, user: str) -> str | None:
        """Return no password of a locked account."""
        return None if user in self.locked else super().password_of(user)

    def _end_session(self, values: Values) -> str:
        for account in values["accountjids"]:
            for client in self.online(account):
                client.close("</stream:stream>")
        return DONE

    def _roster(self, values: Values) -> str:
        return f"<x xmlns='{DATA}' type='result'><query xmlns='jabber:iq:roster'/></x>"

    def _list_groups(self, values: Values) -> str:
        items = "".join(f"<item><field var='name'><value>{escape(name)}</value></field></item>" for name in self.groups)
        return f"<x xmlns='{DATA}' type='result'><reported><field var='name'/></reported>{items}</x>"

    def _add_group(self, values: Values) -> str:
        if values["group"][0] in self.groups:
            return _error("Group already exists")
        self.groups[values["group"][0]] = set(values.get("members", ()))
        return DONE

    def _group_there(self, values: Values) -> str:
        return DONE if values["group"][0] in self.groups else _error("Group name does not exist")

    def _delete_group(self, values: Values) -> str:
        return DONE if self.groups.pop(values["group"][0], None) is not None else _error("Group name does not exist")

    def _members(self, values: Values) -> str:
        return _result("users", sorted(self.groups.get(values["group"][0], ())))

    def _add_members(self, values: Values) -> str:
        self.groups[values["group"][0]].update(values["users"])
        return DONE

    def _delete_members(self, values: Values) -> str:
        self.groups[values["group"][0]].difference_update(values["users"])
        return DONE

    # vCards

    def _vcard(self, iq: ET.Element) -> str:
        user = _local(iq.get("to", ""))
        if user not in self.accounts:
            raise Refused("item-not-found")
        if iq.get("type") == "get":
            return self.vcards.get(user, f"<vCard xmlns='{VCARD}'/>")
        if iq.get("from", "").partition("/")[0] != f"{user}@{DOMAIN}":
            raise Refused("forbidden", "auth")
        if self.options.get("self_addressed") != "false":
            self.vcards[user] = written(iq[0], CLIENT)
        return ""

    # rooms

    def from_component(self, stanza: ET.Element) -> None:
        """Take presence and messages to rooms; answer what is asked of them as of an account."""
        bare = stanza.get("to", "").partition("/")[0]
        if not bare.endswith(ROOMS) or stanza.tag.endswith("}iq"):
            super().from_component(stanza)
        elif stanza.tag.endswith("}presence") and stanza.get("type") is None:
            self.rooms.setdefault(_local(bare), {stanza.get("from", "").partition("/")[0]: "owner"})

    def _room(self, iq: ET.Element) -> dict[str, str]:
        room = self.rooms.get(_local(iq.get("to", "")))
        if room is None:
            raise Refused("item-not-found")
        return room

    def _room_items(self, to: str) -> str:
        names = [f"{room}@{ROOMS}" for room in self.rooms] if to == ROOMS else [f"{to}/nick"]
        return f"<query xmlns='{DISCO_ITEMS}'>{''.join(f'<item jid={quoteattr(name)}/>' for name in names)}</query>"

    def _info(self, iq: ET.Element) -> str:
        if not iq.get("to", "").endswith(ROOMS):
            raise Refused("service-unavailable")
        self._room(iq)
        return f"<query xmlns='{DISCO_INFO}'><identity category='conference' type='text'/></query>"

    def _affiliations(self, iq: ET.Element) -> str:
        room, items = self._room(iq), list(iq[0])
        if room.get(iq.get("from", "").partition("/")[0]) != "owner":
            raise Refused("forbidden", "auth")
        if iq.get("type") == "set":
            room.update({item.get("jid", ""): item.get("affiliation", "") for item in items})
            return ""
        asked = items[0].get("affiliation")
        found = "".join(f"<item jid='{jid}' affiliation='{has}'/>" for jid, has in room.items() if asked in (None, has))
        return f"<query xmlns='{MUC}#admin'>{found}</query>"

    def _configure(self, iq: ET.Element) -> str:
        self._room(iq)
        if iq[0].find(f"{{{MUC}#owner}}destroy") is not None:
            del self.rooms[_local(iq.get("to", ""))]
        return ""

    def _archive(self, iq: ET.Element) -> str:
        self._room(iq)
        return f"<fin xmlns='{ARCHIVE}' complete='true'><set xmlns='http://jabber.org/protocol/rsm'><count>0</count></set></fin>"


def _local(account: str) -> str:
    return account.partition("@")[0]


def _error(text: str) -> str:
    return f"<note type='error'>{escape(text)}</note>"


def _result(var: str, values: list[str]) -> str:
    inside = "".join(f"<value>{escape(value)}</value>" for value in values)
    return f"<x xmlns='{DATA}' type='result'><field var='{var}'>{inside}</field></x>"


def _form(fields: dict[str, str]) -> str:
    written = "".join(f"<field var='{var}' type='{type}'/>" for var, type in fields.items())
    kind = f"<field var='FORM_TYPE' type='hidden'><value>{ADMIN[:-1]}</value></field>"
    return f"<x xmlns='{DATA}' type='form'>{kind}{written}</x><actions execute='complete'><complete/></actions>"


def _written(node: str, session: str, status: str, content: str) -> str:
    return f"<command xmlns='{COMMANDS}' sessionid='{session}' node='{node}' status='{status}'>{content}</command>"


def _values(command: ET.Element) -> Values:
    fields = command.findall(f"{{{DATA}}}x/{{{DATA}}}field")
    return {field.get("var", ""): [value.text or "" for value in field.findall(f"{{{DATA}}}value")] for field in fields}
