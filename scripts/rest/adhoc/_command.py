"""Shared by the handlers of ad-hoc commands: commands as requests write them, replies as the guide prints them."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from tigrest import JID, BoundedService, CommandReply, DataForm, Field, FormTable, HTTPException, RosterItem, StanzaError

from .._content import decoded

Shown = dict[str, Any]
"""Part of an answer."""

ASKED = ("node", "fields", "sessionid", "action")
"""Keys of a command that are read."""

ANSWERED = ("jid", "title", "instructions", "note", "notes", "reported", "forms", "urls", "roster", "status", "actions", "unused")
"""Further keys of answers: a form that was filled in may be sent back as it came."""

FIELD_KEYS = ("var", "value", "type", "label", "options", "open", "required", "desc", "media")
"""Keys of a field; those after ``value`` are of answers."""


async def listed(caller: BoundedService, jid: JID) -> Shown:
    """Return the commands that an entity offers to a caller."""
    try:
        items = await caller.adhoc.list(jid)
    except StanzaError as error:
        if error.condition != "subscription-required":
            raise explained(error, f"{jid} is not there, or has no commands") from None
        # ejabberd for users, whether they are there or not: nobody is to learn that. XEP-0030 §8
        text = f"{jid} is not there, or shows what it offers to contacts only ({error.condition})"
        raise StanzaError("item-not-found", "cancel", text, error.source) from None
    return {"items": [{"jid": item.jid, "node": item.node, "name": item.name} for item in items]}


async def executed(caller: BoundedService, jid: JID, command: Mapping[str, Any]) -> Shown:
    """Return the reply of an entity to a command of a caller."""
    node, sessionid, action = (text(command, key) for key in ("node", "sessionid", "action"))
    fields = fields_of(command.get("fields"))
    try:
        reply = await caller.adhoc.execute(jid, node, fields, sessionid=sessionid, action=action)
    except StanzaError as error:
        raise explained(error, f"{jid} is not there, or has no command {node[:80]!r}") from None
    return {"command": as_dict(reply)}


def explained(error: StanzaError, text: str) -> StanzaError:
    """Return an error of what is not there with a text, where the entity gives none."""
    if error.text or error.command_condition or error.condition not in ("item-not-found", "service-unavailable"):
        return error
    return StanzaError(error.condition, error.type, text, error.source)


def command_of(content: Any) -> Mapping[str, Any]:
    """Return the command of a request, which says at least its node."""
    content = decoded(content)
    command: Any = content.get("command") if isinstance(content, dict) else None
    if not isinstance(command, dict):
        raise HTTPException(400, 'send {"command": {"node": "…", "fields": […]}} as JSON, or the same as XML')
    expect_known(content, ("command",), "")
    expect_known(command, (*ASKED, *ANSWERED), "command.")
    if not text(command, "node"):
        raise HTTPException(400, "command.node is missing: say which command to execute")
    return command


def expect_known(found: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    """Refuse a key that nobody would read.

    Args:
        found: what was sent.
        known: the keys that are read or may be sent back.
        where: the place of the keys in the request, for people.
    """
    for key in found:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, 1)
            cure = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
            raise HTTPException(400, f"{where}{str(key)[:80]} is not known: {cure}")


def text(command: Mapping[str, Any], key: str) -> str:
    """Return the text under a key of the command; empty when absent."""
    value = command.get(key)
    if value is not None and not isinstance(value, str):
        raise HTTPException(400, f"command.{key} must be text")
    return value or ""


def fields_of(fields: Any) -> dict[str, list[str] | None]:
    """Return the fields of a request as values by name; ``None`` where it gives none, so that the form's own stay."""
    if not fields:
        return {}
    if not isinstance(fields, list):
        raise HTTPException(400, 'command.fields must be a list of {"var": "…", "value": "…"}')
    values: dict[str, list[str] | None] = {}
    for field in fields:
        if not isinstance(field, dict):
            raise HTTPException(400, f'each of command.fields must be {{"var": "…", "value": "…"}}, not {str(field)[:80]}')
        expect_known(field, FIELD_KEYS, "command.fields: ")
        var = field.get("var")
        if not isinstance(var, str):
            if var is None and field.get("type") == "fixed":
                continue  # words of the form, which need no name, sent back with it
            raise HTTPException(400, f'each of command.fields must be {{"var": "…", "value": "…"}}, not {str(field)[:80]}')
        if var and var in values:
            raise HTTPException(400, f"command.fields has {var!r} twice: give its values as a list")
        values[var] = values_of(field)
    return values


def values_of(field: Mapping[str, Any]) -> list[str] | None:
    """Return the value or values of one field as text: none to clear it, ``None`` where it does not say."""
    if "value" not in field:
        return None
    value = field["value"]
    if value is None:
        return []
    values = value if isinstance(value, list) else [value]
    if any(isinstance(item, dict | list) for item in values):
        raise HTTPException(400, f"the value of field {field['var']!r} must be text or a list of texts")
    return ["" if item is None else spelled(item) for item in values]


def spelled(value: object) -> str:
    """Return a JSON value the way data forms spell it. XEP-0004 §3.3"""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def as_dict(reply: CommandReply) -> Shown:
    """Return a reply as the guide prints it, without what does not apply."""
    form = reply.form or DataForm("result")
    command: Shown = {"jid": reply.jid, "node": reply.node, **form_dict(form)}
    if reply.notes:
        notes = [{"value": note.text, "type": note.type} for note in reply.notes]
        command["note"] = {"value": "\n".join(note.text for note in reply.notes), "type": reply.severity}
        command["notes"] = notes
    if len(reply.forms) > 1:
        command["forms"] = [{"type": form.type, **form_dict(form)} for form in reply.forms]
    if reply.urls:
        command["urls"] = [{"url": each.url, **({"desc": each.desc} if each.desc else {})} for each in reply.urls]
    if reply.roster:
        command["roster"] = [roster_dict(item) for item in reply.roster]
    if reply.sessionid:
        command["sessionid"] = reply.sessionid
    if reply.status:
        command["status"] = reply.status
    if reply.actions:
        command["actions"] = list(reply.actions)
    if reply.unused:
        command["unused"] = list(reply.unused)
    return command


def form_dict(form: DataForm) -> Shown:
    """Return a form, without what it does not have."""
    shown: Shown = {"fields": [field_dict(field) for field in form.fields]}
    if form.title:
        shown["title"] = form.title
    if form.instructions:
        shown["instructions"] = form.instructions
    if form.tables:
        shown["reported"] = [table_dict(table, form.title) for table in form.tables]
    return shown


def table_dict(table: FormTable, title: str) -> Shown:
    """Return a table; one without ``reported`` gets its columns from its cells."""
    columns: dict[str, Field] = {}
    for column in table.columns or (cell for row in table.rows for cell in row):
        columns.setdefault(column.var, column)
    rows = [{"fields": [cell_dict(cell, columns.get(cell.var, cell)) for cell in row]} for row in table.rows]
    return {"label": title or None, "columns": [column_dict(column) for column in columns.values()], "items": rows}


def column_dict(column: Field) -> Shown:
    """Return the head of a column."""
    return {"var": column.var, **({"label": column.label} if column.label else {}), **({"type": column.type} if column.type else {})}


def cell_dict(cell: Field, column: Field) -> Shown:
    """Return a cell: a list where several values are possible."""
    return {"var": cell.var, "value": list(cell.values) if cell.is_multi or column.is_multi else cell.value}


def field_dict(field: Field) -> Shown:
    """Return a form field: a list where several values are possible, null where the only value is empty."""
    shown: Shown = {"var": field.var}
    if field.label:
        shown["label"] = field.label
    if field.type:
        shown["type"] = field.type
    if field.is_multi:
        shown["value"] = list(field.values)
    elif field.values:
        shown["value"] = field.value or None
    if field.options:
        shown["options"] = [{"value": o.value, **({"label": o.label} if o.label else {})} for o in field.options]
    if field.is_open:
        shown["open"] = True
    if field.required:
        shown["required"] = True
    if field.desc:
        shown["desc"] = field.desc
    if field.media:
        shown["media"] = [{"type": each.type, "uri": each.uri} for each in field.media]
    return shown


def roster_dict(item: RosterItem) -> Shown:
    """Return a contact."""
    shown: Shown = {"jid": item.jid, "subscription": item.subscription}
    if item.name:
        shown["name"] = item.name
    if item.groups:
        shown["groups"] = list(item.groups)
    return shown
