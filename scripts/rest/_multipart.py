"""Shared by the handlers that take files: forms with a file, and the body itself as one."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from tigrest import HTTPException, Request

MULTIPART = "multipart/form-data"

UPLOAD_SECONDS = 3600.0
"""Seconds that an upload may take."""

PART = 65536
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
    return request.content_type.partition(";")[0].strip().lower() == MULTIPART


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
