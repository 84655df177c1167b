"""Scripted commands: templates that administrators add at run time with ``add-script``."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from jinja2 import TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from tigrest.backends.embedded.tables import scripts
from tigrest.backends.entities.commands import AdHocCall, AdHocCommand, Outcome, always, fixed
from tigrest.errors import InvalidValue
from tigrest.state.database import Database
from tigrest.xmpp.commands import MARKER
from tigrest.xmpp.forms import DataForm, Field, Option

SUCCESS = "Operation successful."
TWICE = "The item is already added, you can't add it twice."
GONE = "No such item, deletion impossible."

_ID, _NAME, _TEXT = "Command id", "Description", "Script text"
_JINJA = ImmutableSandboxedEnvironment()


class ScriptedCommands:
    """Commands whose text is a Jinja2 template, rendered in a sandbox with ``fields`` and ``caller``.

    Args:
        database: where they are kept.
        reserved: nodes they may not take.
    """

    def __init__(self, database: Database, reserved: Collection[str]) -> None:
        self._database = database
        self._reserved = frozenset(reserved)
        self.commands = (
            AdHocCommand("del-script", "Remove command script", self._removal_form, self._remove, (_ID, MARKER.var)),
            AdHocCommand("add-script", "New command script", always(_ADD), self._add, (_ID, _TEXT, MARKER.var)),
        )

    async def all(self) -> tuple[AdHocCommand, ...]:
        """Return the commands added so far, sorted by node."""
        async with self._database.begin() as connection:
            rows = (await connection.execute(select(scripts).order_by(scripts.c.node))).all()
        return tuple(_command(row.node, row.name, row.template) for row in rows)

    async def _add(self, call: AdHocCall) -> Outcome:
        node, name = call.form.value(_ID).strip(), call.form.value(_NAME).strip()
        template = "\n".join(call.form.values(_TEXT))
        try:
            _JINJA.from_string(template)
        except (TemplateError, ValueError, RecursionError) as error:
            raise InvalidValue(f"{_TEXT}: {type(error).__name__}: {error}") from None
        if not node or node in self._reserved:
            return fixed("Error", f"{node!r} cannot be the id of a script, choose another.")
        try:
            async with self._database.begin() as connection:
                await connection.execute(insert(scripts), {"node": node, "name": name or node, "template": template})
        except IntegrityError:
            return fixed("Error", TWICE)
        return fixed("Note", SUCCESS)

    async def _remove(self, call: AdHocCall) -> Outcome:
        async with self._database.begin() as connection:
            done = await connection.execute(delete(scripts).where(scripts.c.node == call.form.value(_ID)))
        return fixed("Note", SUCCESS) if done.rowcount else fixed("Error", GONE)

    async def _removal_form(self, _call: AdHocCall) -> DataForm:
        commands = await self.all()
        if not commands:
            return DataForm("result", (Field("Note", ("There are no items on the list",), "fixed"),))
        options = tuple(Option(command.node, command.name) for command in commands)
        choice = Field(_ID, (commands[0].node,), "list-single", "List of scripts", options)
        return DataForm("form", (choice, MARKER), "Remove command script")


def _command(node: str, name: str, template: str) -> AdHocCommand:
    async def run(call: AdHocCall) -> Outcome:
        fields = {field.var: field.values if len(field.values) > 1 else field.value for field in call.form.fields}
        try:
            text = await asyncio.to_thread(lambda: _JINJA.from_string(template).render(fields=fields, caller=str(call.caller)))
        except Exception as error:  # whatever a script does wrong is told to its caller
            raise InvalidValue(f"script {node}: {type(error).__name__}: {error}") from error
        return fixed("Note", text)

    names = tuple(_fields_of(template))
    return AdHocCommand(
        node, name, always(DataForm("form", tuple(Field(name, type="text-multi") for name in names))), run, prompts=bool(names)
    )


def _fields_of(template: str) -> dict[str, None]:
    """Return the names of the fields that a template uses, by which its form asks for them."""
    names: dict[str, None] = {}
    parsed = _JINJA.parse(template)
    used = [(node.node, node.attr) for node in parsed.find_all(nodes.Getattr)]
    used += [(node.node, node.arg.value) for node in parsed.find_all(nodes.Getitem) if isinstance(node.arg, nodes.Const)]
    for owner, name in used:
        if isinstance(owner, nodes.Name) and owner.name == "fields" and isinstance(name, str) and not hasattr(dict, name):
            names.setdefault(name)
    return names


_ADD = DataForm(
    "form",
    (
        Field(_NAME, ("",), "text-single"),
        Field(_ID, ("",), "text-single", required=True),
        Field(_TEXT, ("",), "text-multi", required=True),
        MARKER,
    ),
    "New command script",
    "The text is a Jinja2 template. It is given fields, what was submitted by name, and caller, the address of who runs it.",
)
