"""Shared by the handlers of ad-hoc commands: commands as requests write them, replies as the guide prints them."""

from collections.abc import Mapping
from typing import Any

from tigrest import JID, BoundedService, CommandReply, Field, HTTPException, RosterItem

from .._content import decoded

Shown = dict[str, Any]
"""Part of an answer."""


async def listed(caller: BoundedService, jid: JID) -> Shown:
    """Return the commands that an entity offers to a caller."""
    items = await caller.adhoc.list(jid)
    return {"items": [{"jid": item.jid, "node": item.node, "name": item.name} for item in items]}


async def executed(caller: BoundedService, jid: JID, command: Mapping[str, Any]) -> Shown:
    """Return the reply of an entity to a command of a caller."""
    reply = await caller.adhoc.execute(
        jid,
        text(command, "node"),
        fields_of(command.get("fields")),
        sessionid=text(command, "sessionid"),
        action=text(command, "action"),
    )
    return {"command": as_dict(reply)}


def command_of(content: Any) -> Mapping[str, Any]:
    """Return the command of a request, which says at least its node."""
    content = decoded(content)
    command: Any = content.get("command") if isinstance(content, dict) else None
    if not isinstance(command, dict):
        raise HTTPException(400, 'send {"command": {"node": "…", "fields": […]}} as JSON, or the same as XML')
    if not text(command, "node"):
        raise HTTPException(400, "command.node is missing: say which command to execute")
    return command


def text(command: Mapping[str, Any], key: str) -> str:
    """Return the text under a key of the command; empty when absent."""
    value = command.get(key)
    if value is not None and not isinstance(value, str):
        raise HTTPException(400, f"command.{key} must be text")
    return value or ""


def fields_of(fields: Any) -> dict[str, list[str]]:
    """Return the fields of a request as values by name."""
    if not fields:
        return {}
    if not isinstance(fields, list):
        raise HTTPException(400, 'command.fields must be a list of {"var": "…", "value": "…"}')
    values: dict[str, list[str]] = {}
    for field in fields:
        if not isinstance(field, dict) or not isinstance(field.get("var"), str):
            raise HTTPException(400, f'each of command.fields must be {{"var": "…", "value": "…"}}, not {str(field)[:80]}')
        values[field["var"]] = values_of(field)
    return values


def values_of(field: Mapping[str, Any]) -> list[str]:
    """Return the value or values of one field as text; none for an empty one."""
    value = field.get("value")
    values = value if isinstance(value, list) else [value]
    if any(isinstance(item, dict | list) for item in values):
        raise HTTPException(400, f"the value of field {field['var']!r} must be text or a list of texts")
    return [spelled(item) for item in values if item is not None and item != ""]


def spelled(value: object) -> str:
    """Return a JSON value the way data forms spell it. XEP-0004 §3.3"""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def as_dict(reply: CommandReply) -> Shown:
    """Return a reply as the guide prints it, without what does not apply."""
    form = reply.form
    command: Shown = {"jid": reply.jid, "node": reply.node, "fields": [field_dict(field) for field in form.fields] if form else []}
    if form and form.title:
        command["title"] = form.title
    if form and form.instructions:
        command["instructions"] = form.instructions
    if reply.notes:
        command["note"] = {"value": "\n".join(note.text for note in reply.notes), "type": reply.notes[0].type}
    if form and form.table:
        rows = [{"fields": [{"var": cell.var, "value": cell.value} for cell in row]} for row in form.table.rows]
        columns = [{"var": column.var, **({"label": column.label} if column.label else {})} for column in form.table.columns]
        command["reported"] = [{"label": form.title or None, "columns": columns, "items": rows}]
    if reply.roster:
        command["roster"] = [roster_dict(item) for item in reply.roster]
    if reply.sessionid:
        command["sessionid"] = reply.sessionid
    if reply.status:
        command["status"] = reply.status
    if reply.actions:
        command["actions"] = list(reply.actions)
    return command


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
    if field.required:
        shown["required"] = True
    if field.desc:
        shown["desc"] = field.desc
    return shown


def roster_dict(item: RosterItem) -> Shown:
    """Return a contact."""
    shown: Shown = {"jid": item.jid, "subscription": item.subscription}
    if item.name:
        shown["name"] = item.name
    if item.groups:
        shown["groups"] = list(item.groups)
    return shown
