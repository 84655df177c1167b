"""Ad-hoc commands (XEP-0050) of any XMPP entity."""

from tigrest import JID, Handler, HTTPException

NODE = "http://jabber.org/protocol/admin#get-active-users"
FIELDS = [{"var": "domainjid", "value": "example.com"}, {"var": "max_items", "value": "25"}]


class AdHoc(Handler):
    """List the commands of an entity, fetch their forms, execute them."""

    regex = r"/([^/]+)"
    requiredRole = "user"
    description = {
        "regex": "/{jid}",
        "GET": {
            "info": "List the ad-hoc commands of an entity",
            "response": {"items": [{"jid": "sess-man@example.com", "node": NODE, "name": "Get list of active users"}]},
        },
        "POST": {
            "info": "Execute an ad-hoc command",
            "description": "Without fields the form comes back. A command of several stages goes on with the sessionid of the "
            "answer and, if wanted, an action: next, prev, complete or cancel.",
            "request": {"command": {"node": NODE, "fields": FIELDS}},
            "response": {
                "command": {
                    "jid": "sess-man@example.com",
                    "node": NODE,
                    "fields": [{"var": "Users: 1", "label": "text-multi", "value": ["alice@example.com"]}],
                }
            },
        },
    }

    async def exec_get(self, service, user, jid: JID):
        items = await service.adhoc.list(jid, user=user)
        return {"items": [{"jid": item.jid, "node": item.node, "name": item.name} for item in items]}

    async def exec_post(self, service, user, content, jid: JID):
        command = content.get("command") if isinstance(content, dict) else None
        if not isinstance(command, dict):
            raise HTTPException(400, 'send {"command": {"node": "…", "fields": […]}} as JSON, or the same as XML')
        node = text(command, "node")
        if not node:
            raise HTTPException(400, "command.node is missing: say which command to execute")
        reply = await service.adhoc.execute(
            jid,
            node,
            fields_of(command.get("fields")),
            sessionid=text(command, "sessionid"),
            action=text(command, "action"),
            user=user,
        )
        return {"command": as_dict(reply)}


def text(command, key):
    """A key of the command that is text; empty when absent."""
    value = command.get(key)
    if value is not None and not isinstance(value, str):
        raise HTTPException(400, f"command.{key} must be text")
    return value or ""


def fields_of(fields):
    """The fields of a request as values by name."""
    if not fields:
        return {}
    if not isinstance(fields, list):
        raise HTTPException(400, 'command.fields must be a list of {"var": "…", "value": "…"}')
    values = {}
    for field in fields:
        if not isinstance(field, dict) or not isinstance(field.get("var"), str):
            raise HTTPException(400, f'each of command.fields must be {{"var": "…", "value": "…"}}, not {str(field)[:80]}')
        values[field["var"]] = values_of(field)
    return values


def values_of(field):
    """The value or values of one field as text; none for an empty one."""
    value = field.get("value")
    values = value if isinstance(value, list) else [value]
    if any(isinstance(item, dict | list) for item in values):
        raise HTTPException(400, f"the value of field {field['var']!r} must be text or a list of texts")
    return [spelled(item) for item in values if item is not None and item != ""]


def spelled(value):
    """A JSON value the way data forms spell it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def as_dict(reply):
    """A reply as the guide prints it, without what does not apply."""
    form = reply.form
    command = {"jid": reply.jid, "node": reply.node, "fields": [field_dict(field) for field in form.fields] if form else []}
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


def field_dict(field):
    """A form field: a list where several values are possible, null where the only value is empty."""
    shown = {"var": field.var}
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


def roster_dict(item):
    """A contact."""
    shown = {"jid": item.jid, "subscription": item.subscription}
    if item.name:
        shown["name"] = item.name
    if item.groups:
        shown["groups"] = list(item.groups)
    return shown
