"""The virtual host manager ``vhost-man@domain``: adds, changes and removes virtual hosts, the way Tigase answers it.

What is refused is told in a field ``Error`` of a result, as Tigase does, except that only administrators are heard at all.

Tigase HTTP API guide §2.2.3, §2.2.5
"""

from __future__ import annotations

from tigrest.backends.embedded.scripted import GONE, SUCCESS, TWICE
from tigrest.backends.embedded.vhosts import DOMAIN_NAME, VHosts, checked, filled, sent
from tigrest.backends.entities.commands import AdHocCall, AdHocCommand, AdHocCommands, Outcome, fixed
from tigrest.errors import InvalidJID, InvalidValue
from tigrest.state.database import Database
from tigrest.xmpp.commands import ITEM, MARKER
from tigrest.xmpp.forms import DataForm, Field, Option
from tigrest.xmpp.jid import JID

INSTRUCTIONS = "❗NOTE: Options without value set will use configuration defined in 'DEFAULT' VHost❗"
UNKNOWN = "No such item, update impossible."


class VHostManager:
    """The commands of the virtual host manager.

    Args:
        domain: the domain served, a host that is always there.
        database: where hosts are kept.
    """

    def __init__(self, domain: JID, database: Database) -> None:
        self._domain = domain
        self._vhosts = VHosts(database)
        self.commands = AdHocCommands(
            (
                AdHocCommand("comp-repo-item-add", "Add new item", self._addition_form, self._add, (MARKER.var,)),
                AdHocCommand("comp-repo-item-update", "Update item configuration", self._update_form, self._update, (ITEM, MARKER.var)),
                AdHocCommand("comp-repo-item-remove", "Remove an item", self._removal_form, self._remove, (ITEM, MARKER.var)),
            )
        )

    async def start(self) -> None:
        """Make sure that the domain served is on the list."""
        await self._vhosts.add(self._domain.domain, {})

    async def _addition_form(self, call: AdHocCall) -> DataForm:
        return _settings_form(call.form.value(DOMAIN_NAME), call.form)

    async def _add(self, call: AdHocCall) -> Outcome:
        try:
            name, settings = _domain_name(call.form.value(DOMAIN_NAME)), checked(sent(call.form))
        except InvalidValue as error:
            return fixed("Error", str(error))
        return fixed("Note", SUCCESS) if await self._vhosts.add(name, settings) else fixed("Error", TWICE)

    async def _update_form(self, call: AdHocCall) -> DataForm:
        if not call.form.value(ITEM):
            return await self._choice()
        name = _known_as(call.form.value(ITEM))
        stored = await self._vhosts.get(name)
        if stored is None:
            return _result("Error", UNKNOWN)
        filled_in = DataForm("form", filled(stored))
        return _settings_form(name, filled_in, Field(ITEM, (name,), "hidden"))

    async def _update(self, call: AdHocCall) -> Outcome:
        name = _known_as(call.form.value(ITEM))
        try:
            if call.form.value(DOMAIN_NAME) and _domain_name(call.form.value(DOMAIN_NAME)) != name:
                return fixed("Error", "The name of a domain cannot be changed: add the new one and remove the old one.")
            settings = checked(sent(call.form))
        except InvalidValue as error:
            return fixed("Error", str(error))
        return fixed("Note", SUCCESS) if await self._vhosts.change(name, settings) else fixed("Error", UNKNOWN)

    async def _removal_form(self, call: AdHocCall) -> DataForm:
        return await self._choice(call.form.value(ITEM), MARKER)

    async def _remove(self, call: AdHocCall) -> Outcome:
        name = _known_as(call.form.value(ITEM))
        if name == self._domain.domain:
            return fixed("Error", f"{name} is the domain served here, deletion impossible.")
        return fixed("Note", SUCCESS) if await self._vhosts.remove(name) else fixed("Error", GONE)

    async def _choice(self, chosen: str = "", *further: Field) -> DataForm:
        """Return the form that asks for the host to work on."""
        names = await self._vhosts.names()
        options = tuple(Option(name, name) for name in names)
        return DataForm("form", (Field(ITEM, (chosen or names[0],), "list-single", "List of items", options), *further))


def _settings_form(name: str, values: DataForm, *further: Field) -> DataForm:
    fields = (Field(DOMAIN_NAME, (name,)), *filled(sent(values)), *further, MARKER)
    return DataForm("form", fields, instructions=INSTRUCTIONS)


def _result(var: str, text: str) -> DataForm:
    return DataForm("result", (Field(var, (text,), "fixed"),))


def _known_as(text: str) -> str:
    """Return the name under which a host is stored; text that is no domain name is returned unchanged, and will not be found."""
    try:
        return _domain_name(text)
    except InvalidValue:
        return text


def _domain_name(text: str) -> str:
    """Prepare a domain name.

    Raises:
        InvalidValue: it is none, with a text for people.
    """
    if not text.strip():
        raise InvalidValue("Domain name not specified")
    try:
        jid = JID(text.strip())
    except InvalidJID:
        jid = None
    if jid is None or jid != jid.domain:
        raise InvalidValue(f"{text[:80]!r} is not a domain name: write it like example.org")
    return jid.domain
