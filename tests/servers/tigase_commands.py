"""The ad-hoc commands of a played Tigase: forms and answers as they were recorded, or as its scripts write them.

They have neither sessions nor stages: a command without the fields that it needs answers with its form. What was done, or why not, stands
in fields named ``Note``, ``Notes``, ``Error`` and ``Errors``.
"""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr, unescape

from tests.servers.played import COMMANDS
from tests.servers.process import DOMAIN
from tests.servers.tigase_recorded import recorded

if TYPE_CHECKING:
    from tests.servers.tigase import Tigase

ADMIN, DATA = "http://jabber.org/protocol/admin#", "jabber:x:data"
MARKER = "command-marker"

Values = Mapping[str, Sequence[str]]
Run = Callable[[str, Values], str]


def _nodes(case: str) -> dict[str, str]:
    """Return the commands that a recorded list has, with their names."""
    return {item["node"]: item["name"] for item in json.loads(recorded()[case].answer)["items"]}


@cache
def _known() -> dict[str, dict[str, str]]:
    sess_man = _nodes("adhoc list json by type")
    listed = ET.fromstring(recorded()["adhoc list vhost-man"].answer).findall("item")
    vhosts = {item.findtext("node", ""): item.findtext("name", "") for item in listed}
    return {"": sess_man, "sess-man": sess_man, "vhost-man": vhosts, "bosh": {"pre-bind-bosh-session": "Pre-bind BOSH user session"}}


NODES = _known()
"""Nodes of the commands of each service, with their names; the empty one is the domain."""


def form_values(command: ET.Element) -> dict[str, list[str]]:
    """Return the values of a submitted form by name; none where there is no form."""
    fields = command.iter(f"{{{DATA}}}field")
    return {field.get("var", ""): [value.text or "" for value in field.iter(f"{{{DATA}}}value")] for field in fields}


class TigaseCommands:
    """The commands.

    Args:
        server: whose accounts and clients they are about.
    """

    def __init__(self, server: Tigase) -> None:
        self._server = server
        self.vhosts = {"default", DOMAIN}
        self.rids = itertools.count(9929332)
        self._run: dict[str, Run] = {
            f"{ADMIN}add-user": self._add,
            f"{ADMIN}delete-user": self._delete,
            f"{ADMIN}change-user-password": self._change_password,
            "get-user-info": self._user_info,
            f"{ADMIN}get-registered-users-list": self._list,
            f"{ADMIN}get-active-users": self._active,
            f"{ADMIN}get-online-users-list": self._online,
            f"{ADMIN}end-user-session": self._end_session,
            "comp-repo-item-add": self._add_vhost,
            "comp-repo-item-update": self._update_vhost,
            "comp-repo-item-remove": self._remove_vhost,
            "pre-bind-bosh-session": self._prebind,
        }

    def run(self, sender: str, node: str, values: Values) -> str:
        """Return the answer to a command, as the payload of an iq."""
        run = self._run.get(node)
        content = run(sender, values) if run is not None else _form(("note", "fixed", ["not played"]))
        status = " status='completed'" if "type='result'" in content else ""
        return f"<command xmlns='{COMMANDS}' node={quoteattr(node)}{status}>{content}</command>"

    # accounts

    def _add(self, sender: str, values: Values) -> str:
        needed = ("accountjid", "password", "password-verify", "email")
        if not all(_one(values, var) for var in needed):
            return _form(*[(var, "jid-single" if var == "accountjid" else "text-single", [_one(values, var)]) for var in needed])
        user = _local(_one(values, "accountjid"))
        if user in self._server.accounts:
            return _result(("Note", "text-single", ["User already exists, can't be added."]))
        self._server.accounts[user] = _one(values, "password")
        return _result(("Note", "text-single", ["Operation successful"]))

    def _delete(self, sender: str, values: Values) -> str:
        if not values.get("accountjids"):
            return _form(("accountjids", "jid-multi", []))
        notes, errors = [], []
        for jid in values["accountjids"]:
            if self._server.accounts.pop(_local(jid), None) is not None:
                notes.append(f"Operation successful for user {jid}")
            else:
                errors.append(f"User {jid} doesn't exist")
        found = [("Notes", "text-multi", notes), ("Errors", "text-multi", errors)]
        return _result(*[field for field in found if field[2]])

    def _change_password(self, sender: str, values: Values) -> str:
        if not _one(values, "accountjid") or not _one(values, "password"):
            return _form(("accountjid", "jid-single", []), ("password", "text-private", []))
        user = _local(_one(values, "accountjid"))
        if user not in self._server.accounts:
            return _result(("Note", "text-single", ["User doesn't exist, can't change password"]))
        self._server.accounts[user] = _one(values, "password")
        return _result(("Note", "text-single", ["Operation successful"]))

    def _user_info(self, sender: str, values: Values) -> str:
        if not _one(values, "accountjid"):
            return _form(("accountjid", "jid-single", []), ("Show connected resources in table", "boolean", ["false"]))
        jid = _one(values, "accountjid")
        if _local(jid) not in self._server.accounts:
            return _result(("Error", "text-single", ["User doesn't exists"]))
        return _result(("JID", "fixed", [f"JID: {jid}"]), ("Status", "fixed", ["Status: offline"]))

    def _list(self, sender: str, values: Values) -> str:
        if not _one(values, "domainjid") or not _one(values, "max_items"):
            return _recorded_form("active users form", DOMAIN)
        jids = sorted(f"{user}@{DOMAIN}" for user in self._server.accounts)
        return _result((f"Users: {len(jids)}", "text-multi", jids))

    # sessions

    def _active(self, sender: str, values: Values) -> str:
        if not _one(values, "domainjid") or not _one(values, "max_items"):
            return _recorded_form("active users form", DOMAIN)
        jids = sorted({client.jid.partition("/")[0] for client in self._server.clients})
        return _result((f"Users: {len(jids)}", "text-multi", jids))

    def _online(self, sender: str, values: Values) -> str:
        if not _one(values, "domainjid") or not _one(values, "max_items"):
            return _recorded_form("active users form", DOMAIN)
        shown = sorted(f"{bare} (1:{resource})" for bare, _, resource in (client.jid.partition("/") for client in self._server.clients))
        return _result((f"Users: {len(shown)}", "text-multi", shown))

    def _end_session(self, sender: str, values: Values) -> str:
        if not values.get("accountjids"):
            return _form(("accountjids", "jid-multi", []))
        ended = [client for jid in values["accountjids"] for client in self._server.online(jid)]
        for client in ended:
            client.close("</stream:stream>")
        notes = [f"Operation successful for user {client.jid}" for client in ended]
        return _result(("Notes", "text-multi", notes)) if notes else _result()

    def _prebind(self, sender: str, values: Values) -> str:
        jid = _one(values, "from")
        if not jid:
            return _recorded_form("prebind no fields", DOMAIN)
        full = jid if "/" in jid else f"{jid}/{uuid.uuid4()}"
        hold, wait = (_one(values, name) or default for name, default in (("hold", "1"), ("wait", "60")))
        fields = [("from", "jid-single", [full], "JID"), ("hostname", "jid-single", ["localhost"], "hostname")]
        fields += [("rid", "text-single", [str(next(self.rids))], "RID"), ("sid", "text-single", [str(uuid.uuid4())], "SID")]
        return _result(*fields, ("hold", "text-single", [hold], "HOLD"), ("wait", "text-single", [wait], "WAIT"))

    # virtual hosts

    def _add_vhost(self, sender: str, values: Values) -> str:
        if MARKER not in values:
            return _recorded_form("form comp-repo-item-add json", DOMAIN)
        name = _one(values, "Domain name")
        self.vhosts.add(name)
        return _result(*_done("Operation successful.", name))

    def _update_vhost(self, sender: str, values: Values) -> str:
        item = _one(values, "item-list")
        if not item:
            return self._choice()
        if MARKER not in values:  # the form of the item, which says by a hidden field whose it is
            hidden = _field("item-list", "hidden", [item])
            return _recorded_form("form comp-repo-item-add json", DOMAIN).replace("</x>", f"{hidden}</x>")
        return _result(*_done("Operation successful", _one(values, "Domain name")))

    def _remove_vhost(self, sender: str, values: Values) -> str:
        if MARKER not in values:
            return self._choice()
        self.vhosts.discard(_one(values, "item-list"))
        return _result(("Note", "fixed", ["Operation successful"]))

    def _choice(self) -> str:
        options = "".join(f"<option label='{name}'><value>{name}</value></option>" for name in sorted(self.vhosts))
        field = f"<field var='item-list' type='list-single' label='List of items'><value>default</value>{options}</field>"
        return f"<x xmlns='{DATA}' type='form'>{field}</x>"


def _done(note: str, name: str) -> list[tuple[Any, ...]]:
    warning = f"There is no DNS settings for given host: {name}"
    return [("Note", "fixed", [note]), ("Note", "fixed", ["   "]), ("Warning", "fixed", [warning])]


def _one(values: Values, var: str) -> str:
    return next(iter(values.get(var, ())), "")


def _local(jid: str) -> str:
    return jid.removesuffix(f"@{DOMAIN}")


def _result(*fields: tuple[Any, ...]) -> str:
    return f"<x xmlns='{DATA}' type='result'>{''.join(_field(*field) for field in fields)}</x>"


def _form(*fields: tuple[Any, ...]) -> str:
    return f"<x xmlns='{DATA}' type='form'>{''.join(_field(*field) for field in fields)}</x>"


def _field(var: str, type: str, values: Sequence[str], label: str = "", options: Sequence[tuple[str, str]] = ()) -> str:
    inside = "".join(f"<value>{escape(value)}</value>" for value in values)
    inside += "".join(f"<option label={quoteattr(label)}><value>{escape(value)}</value></option>" for value, label in options)
    return f"<field var={quoteattr(var)} type={quoteattr(type)} label={quoteattr(label)}>{inside}</field>"


def _recorded_form(case: str, domain: str) -> str:
    """Return the form of a recorded answer. Its texts are escaped twice there."""
    command = json.loads(recorded()[case].answer)["command"]
    parts = [f"<{name}>{escape(command[name])}</{name}>" for name in ("title", "instructions") if name in command]
    for field in command["fields"]:
        given = field.get("value")
        values = [] if "value" not in field else [unescape(given or "", {"&apos;": "'", "&quot;": '"'})]
        options = [(option["value"] or "", option["label"]) for option in field.get("options", ())]
        parts.append(_field(field["var"], field.get("type", "text-single"), values, field.get("label", ""), options))
    return f"<x xmlns='{DATA}' type='form'>{''.join(parts)}</x>"
