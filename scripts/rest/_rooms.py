"""Shared by the handlers that say something in rooms: reading it out of a request."""

import json
from typing import Any
from urllib.parse import parse_qsl, urlencode

from tigrest import JID, BoundedService, HTTPException, Request, Stanza, UnsupportedContent, stanza_json

from ._multipart import is_multipart, message_with, read_form
from ._room_messages import nick_in
from ._sending import as_sent, body_of, refuse_keys_in_query

FORM, JSON = "application/x-www-form-urlencoded", "application/json"

MOST_FIELDS = 1000
"""Most fields of a form: to read more would block the event loop."""

FROM = "leave out from: in a room you speak from an address of your own at the gateway; nick says under which name"
"""Refusal of a message that names its sender."""


async def said_in(caller: BoundedService, request: Request, content: Request | None, room: JID) -> tuple[Stanza, str | None, str | None]:
    """Return the message in the body of a request, whose file is uploaded, the nickname wanted, and the password of the room."""
    if request.scope["query_string"]:
        refuse_keys_in_query(request)
    if is_multipart(request):
        fields, file = await read_form(request)
        password = fields.pop("password", None)
        if "from" in fields:
            raise HTTPException(400, FROM)
        stanza = await message_with(caller, fields, file, kind="message", type="groupchat", to=room, password=password)
    else:
        body, password = await without_password(request, await body_of(content))
        if not body:
            raise HTTPException(400, "there is no body: send a message in JSON, XML, a form or text")
        stanza = as_sent(stanza_json.read, request.content_type, body, kind="message", type="groupchat")
    if "from" in stanza.attributes:
        raise HTTPException(400, FROM)
    return stanza, nick_in(stanza), password


async def entry_in(request: Request, content: Request | None) -> dict[str, str]:
    """Return ``nick`` and ``password`` out of the body of a request, in JSON or as a form; it may be empty."""
    body = await body_of(content)
    if not body:
        return {}
    media = request.content_type.partition(";")[0].strip().lower()
    if media not in (JSON, FORM):
        raise UnsupportedContent(media, (JSON, FORM))
    try:
        value: Any = (
            dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)) if media == FORM else await request.json()
        )
    except ValueError as error:
        raise HTTPException(400, f"the body cannot be read: send nick and password, or nothing ({error})") from None
    if not isinstance(value, dict) or not value.keys() <= {"nick", "password"} or not all(isinstance(each, str) for each in value.values()):
        raise HTTPException(400, "send nick and password, both of them text, or nothing")
    return value


async def without_password(request: Request, body: bytes) -> tuple[bytes, str | None]:
    """Take the password of a room out of a body in JSON or of a form."""
    media = request.content_type.partition(";")[0].strip().lower()
    if b"password" not in body or media not in (JSON, FORM):
        return body, None
    if media == FORM:
        try:
            fields = parse_qsl(body.decode("latin-1"), keep_blank_values=True, max_num_fields=MOST_FIELDS, encoding="latin-1")
        except ValueError:
            return body, None  # which is refused as any other message of so many fields
        given = [value.encode("latin-1").decode("utf-8", "replace") for name, value in fields if name == "password"]
        rest = urlencode([field for field in fields if field[0] != "password"], encoding="latin-1")
        return rest.encode(), given[-1] if given else None
    value: Any = await request.json()
    password = value.pop("password", None) if isinstance(value, dict) else None
    if password is None:
        return body, None
    if not isinstance(password, str):
        raise HTTPException(400, "password must be text")
    return json.dumps(value).encode(), password
