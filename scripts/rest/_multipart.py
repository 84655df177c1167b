"""Shared by the handlers that take files: forms with a file, and the body itself as one."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from tigrest import BoundedService, HTTPException, Request, Stanza, stanza_json

from ._confirming import wish_in
from ._room_messages import nick_in, speaks_in_room
from ._sending import as_sent

MULTIPART = "multipart/form-data"

UPLOAD_SECONDS = 3600.0
"""Seconds that an upload may take."""

PART = 262144
"""Bytes of a file that are read at a time."""


@dataclass(frozen=True)
class Attachment:
    """A file that came with a request.

    Args:
        name: as the sender gave it; may be empty.
        content_type: as the sender gave it; may be empty.
        size: in bytes.
        chunks: gives its parts, once.
    """

    name: str
    content_type: str
    size: int
    chunks: AsyncIterator[bytes]


def is_multipart(request: Request) -> bool:
    """Return whether the body is a form that may have files."""
    return request.content_type[: len(MULTIPART)].lower() == MULTIPART


async def read_form(request: Request) -> tuple[dict[str, str], Attachment | None]:
    """Return the fields of a form by name, and its file; ``None`` when it has none.

    A file of more than a megabyte is kept in a temporary file meanwhile, which ends with the request: how large it is, which the
    upload service wants to know first, is only known at its end.

    Raises:
        HTTPException: it has several files, or a field twice.
    """
    form = await request.form(max_files=2, max_fields=100)
    fields: dict[str, str] = {}
    files: list[Any] = []
    for name, value in form.multi_items():
        if not isinstance(value, str):
            files.append(value)
        elif name in fields:
            raise HTTPException(400, f"the form has the field {name[:80]!r} twice")
        else:
            fields[name] = value
    if len(files) > 1:
        raise HTTPException(400, "the form has several files; send one a request")
    if not files:
        return fields, None
    [file] = files
    return fields, Attachment(file.filename or "", file.content_type or "", file.size or 0, _parts(file))


async def _parts(file: Any) -> AsyncIterator[bytes]:
    while part := await file.read(PART):
        yield part


def body_as_file(request: Request, name: str) -> Attachment:
    """Return the body itself as a file.

    Args:
        request: of which nothing was read yet.
        name: of the file; may be empty.

    Raises:
        HTTPException: its size is not known.
    """
    length = request.headers.get("content-length", "")
    if not length.isdecimal():
        raise HTTPException(411, "the size of the file is not known: send it with Content-Length, not in chunks")
    return Attachment(name, request.content_type, int(length), request.stream())


async def stanza_in_form(
    caller: BoundedService, request: Request, *, kind: str | None = None, type: str | None = None, to: str | None = None
) -> Stanza:
    """Return the message in a form, whose file is uploaded; what is given takes the place of what the form says."""
    wish_in(request)  # refuses what it cannot be before anything is uploaded
    fields, file = await read_form(request)
    return await message_with(caller, fields, file, kind=kind, type=type, to=to)


async def message_with(
    caller: BoundedService,
    fields: dict[str, str],
    file: Attachment | None,
    *,
    kind: str | None = None,
    type: str | None = None,
    to: str | None = None,
    password: str | None = None,
) -> Stanza:
    """Return a message with a file, which is uploaded once it is known that the message may be sent, and the room lets the caller in.

    It has the URL of the file as XEP-0066 has it, and as its body where the form has none: clients show an image then.

    Args:
        caller: uploads and sends it.
        fields: keys of the message, as of a form.
        file: that goes along, if any.
        kind, type, to: take the place of what the fields say.
        password: of the room, if it is for one.

    Raises:
        HTTPException: the fields make no message.
    """
    if file is None:
        return as_sent(stanza_json.from_texts, fields, kind=kind, type=type, to=to)
    if kind not in (None, "message") or fields.get("kind", "message") != "message":
        raise HTTPException(422, "a file goes with a message, not with presence or an iq")
    if not fields.keys().isdisjoint(("oob", "oob_url")):
        raise HTTPException(400, "leave out oob and oob_url: the message gets the URL of the file")
    draft = _with_url(fields, "https://example.com/", type, to)
    caller.addressed(draft)
    if speaks_in_room(draft):
        await caller.rooms.prepare(draft.attributes["to"], nick=nick_in(draft), password=password)
    url = await caller.upload(file.name, file.size, file.content_type, file.chunks)
    return _with_url(fields, url, type, to)


def _with_url(fields: dict[str, str], url: str, type: str | None, to: str | None) -> Stanza:
    body = fields.get("body") or url
    wanted = type or (None if "type" in fields else "chat")
    return as_sent(stanza_json.from_texts, fields | {"body": body, "oob_url": url}, kind="message", type=wanted, to=to)
