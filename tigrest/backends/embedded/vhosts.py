"""Virtual hosts and the settings of each, as form fields."""

from __future__ import annotations

import json

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from tigrest.backends.embedded.tables import vhosts
from tigrest.errors import InvalidValue
from tigrest.state.database import Database
from tigrest.xmpp.forms import DataForm, Field

DOMAIN_NAME = "Domain name"
TLS_NOTE = (
    "This installation forces VHost to require TLS. If you need to use unencrypted connections set 'vhost-tls-required' "
    "property to 'false' in the installation configuration file"
)

FIELDS = (
    Field("Enabled", ("true",), "boolean"),
    Field("Anonymous enabled", ("true",), "boolean"),
    Field("In-band registration", ("true",), "boolean"),
    Field("TLS", (TLS_NOTE,), "fixed"),
    Field("Max users", ("0",)),
    Field("Allowed C2S,BOSH,WebSocket ports", ("",)),
    Field("Presence forward address", ("",)),
    Field("Message forward address", ("",)),
    Field("Other parameters", ("",)),
    Field("Owner", ("",)),
    Field("Administrators", ("",)),
)
"""The fields after the name, with their defaults. Tigase HTTP API guide §2.2.3"""

VHostSettings = dict[str, list[str]]
"""Values by field name; those at their default may be missing."""


def sent(form: DataForm) -> VHostSettings:
    """Return the settings among the fields of a submitted form, unchecked."""
    return {field.var: list(form.values(field.var)) for field in FIELDS if field.type != "fixed" and form.field(field.var)}


def checked(settings: VHostSettings) -> VHostSettings:
    """Check settings, booleans written as ``true`` and ``false``.

    Raises:
        InvalidValue: one has no possible value, with a text for people.
    """
    return {field.var: _checked(field, settings[field.var]) for field in FIELDS if field.var in settings}


def _checked(field: Field, values: list[str]) -> list[str]:
    value = values[0].strip() if values else ""
    if field.type == "boolean":
        if value.lower() not in ("true", "1", "false", "0", ""):
            raise InvalidValue(f"{field.var}: use true or false")
        return [("false", "true")[value.lower() in ("true", "1")]] if value else list(field.values)
    if field.var == "Max users" and not (value.isascii() and value.isdigit() and len(value) < 19):
        raise InvalidValue(f"{field.var}: use a number, or 0 for no limit")
    return values or [""]


def filled(settings: VHostSettings) -> tuple[Field, ...]:
    """Return all fields, with these settings and defaults for the others."""
    return tuple(
        Field(field.var, tuple(settings.get(field.var) or field.values), field.type, field.label) if field.type != "fixed" else field
        for field in FIELDS
    )


class VHosts:
    """The virtual hosts by name.

    Args:
        database: where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def names(self) -> list[str]:
        """List them, sorted."""
        async with self._database.begin() as connection:
            return sorted((await connection.execute(select(vhosts.c.name))).scalars())

    async def get(self, name: str) -> VHostSettings | None:
        """Return the settings of a host; ``None`` when there is none of this name."""
        async with self._database.begin() as connection:
            found = (await connection.execute(select(vhosts.c.settings).where(vhosts.c.name == name))).scalar_one_or_none()
        settings: VHostSettings | None = None if found is None else json.loads(found)
        return settings

    async def add(self, name: str, settings: VHostSettings) -> bool:
        """Add a host; return whether it is new."""
        try:
            async with self._database.begin() as connection:
                await connection.execute(insert(vhosts), {"name": name, "settings": json.dumps(settings)})
        except IntegrityError:
            return False
        return True

    async def change(self, name: str, settings: VHostSettings) -> bool:
        """Replace some settings of a host; return whether there is one of this name."""
        here = vhosts.c.name == name
        async with self._database.begin() as connection:
            await connection.execute(update(vhosts).where(here).values(name=name))  # other writers wait from here on, also on SQLite
            stored = (await connection.execute(select(vhosts.c.settings).where(here))).scalar_one_or_none()
            if stored is None:
                return False
            await connection.execute(update(vhosts).where(here).values(settings=json.dumps({**json.loads(stored), **settings})))
        return True

    async def remove(self, name: str) -> bool:
        """Remove a host; return whether there was one of this name."""
        async with self._database.begin() as connection:
            return bool((await connection.execute(delete(vhosts).where(vhosts.c.name == name))).rowcount)
