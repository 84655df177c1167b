"""Offer ad-hoc commands at the gateway's own address to admins: manage API keys, reload scripts.

XEP-0050; Tigase HTTP API guide, "API keys"; tigase-http-api, ``reload-handlers``
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from tigrest.auth.key_store import ApiKey, KeyStore
from tigrest.backends.entities.commands import AdHocCall, AdHocCommand, Outcome, always, fixed
from tigrest.errors import InvalidValue
from tigrest.xmpp.commands import ITEM, MARKER
from tigrest.xmpp.forms import DataForm, Field, Option

NAME, PATHS, DOMAINS = "Name", "Paths (regular expressions, all when empty)", "Domains (all when empty)"


def gateway_commands(keys: KeyStore, reload: Callable[[], Awaitable[Sequence[str]]]) -> tuple[AdHocCommand, ...]:
    """Return the commands, for the back end to offer.

    Args:
        keys: store of the API keys.
        reload: loads changed scripts, and returns what is wrong with them, one line each.
    """
    control = _Control(keys, reload)
    return (
        AdHocCommand("api-key-add", "Add API key", always(_form()), control.add, (NAME, MARKER.var)),
        AdHocCommand("api-key-update", "Update API key", control.update_form, control.update, (ITEM, MARKER.var)),
        AdHocCommand("api-key-remove", "Remove API key", control.choose, control.remove, (ITEM,)),
        AdHocCommand("reload-handlers", "Reload REST HTTP script handlers", always(DataForm("form")), control.reload),
    )


class _Control:
    def __init__(self, keys: KeyStore, reload: Callable[[], Awaitable[Sequence[str]]]) -> None:
        self._keys, self._reload = keys, reload

    async def add(self, call: AdHocCall) -> Outcome:
        """Add a key. The result shows it, and nothing later does: only its hash is stored."""
        try:
            key = await self._keys.add(call.form.value(NAME), _lines(call, PATHS), _lines(call, DOMAINS))
        except InvalidValue as error:
            return fixed("Error", str(error))
        note = Field("Note", ("Operation successful.",), "fixed")
        return Outcome(DataForm("result", (note, Field("API Key", (key,), "text-single"))))

    async def choose(self, _call: AdHocCall) -> DataForm:
        """Return a form to choose a key with. None is chosen: a form that is submitted as it is would remove it."""
        names = [key.name for key in await self._keys.list()]
        if not names:
            return DataForm("result", (Field("Note", ("There are no items on the list",), "fixed"),))
        return DataForm("form", (Field(ITEM, (), "list-single", options=tuple(Option(name) for name in names), required=True),))

    async def update_form(self, call: AdHocCall) -> DataForm:
        """Return the form of the chosen key, or that of :meth:`choose` when none is chosen."""
        chosen = call.form.value(ITEM)
        key = next((key for key in await self._keys.list() if key.name == chosen), None)
        return _form(key) if key else await self.choose(call)

    async def update(self, call: AdHocCall) -> Outcome:
        """Change the paths and domains that a key is valid for."""
        try:
            await self._keys.change(call.form.value(ITEM), _lines(call, PATHS), _lines(call, DOMAINS))
        except InvalidValue:
            return fixed("Error", "No such item, update impossible.")
        return fixed("Note", "Operation successful")

    async def remove(self, call: AdHocCall) -> Outcome:
        """Revoke a key."""
        try:
            await self._keys.revoke(call.form.value(ITEM))
        except InvalidValue:
            return fixed("Error", "No such item, deletion impossible.")
        return fixed("Note", "Operation successful")

    async def reload(self, _call: AdHocCall) -> Outcome:
        """Load changed scripts."""
        problems = await self._reload()
        if problems:
            return Outcome(DataForm("result", (Field("Error", tuple(problems), "text-multi"),)))
        return fixed("Note", "Script handlers reloaded")


def _form(key: ApiKey | None = None) -> DataForm:
    chosen = (Field(ITEM, (key.name,), "hidden"),) if key else (Field(NAME, ("",), "text-single"),)
    paths = tuple(pattern.pattern for pattern in key.paths) if key else ()
    domains = key.domains if key else ()
    return DataForm("form", (*chosen, Field(PATHS, paths, "text-multi"), Field(DOMAINS, domains, "text-multi"), MARKER))


def _lines(call: AdHocCall, var: str) -> list[str]:
    return [value.strip() for value in call.form.values(var) if value.strip()]
