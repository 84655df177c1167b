"""Serve the files of the embedded domain, and take those that the gateway itself uploads. XEP-0363 §5"""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from tigrest.backends.embedded.files import FILES_PATH, EmbeddedFiles
from tigrest.http.mounts import Mount, MountRequest
from tigrest.service.uploads.slots import UploadSlot

UPLOAD_SECONDS = 3600.0
"""Seconds that an upload or a download may take."""

_HARMLESS = {
    "content-security-policy": "default-src 'none'; sandbox",
    "cache-control": "private, max-age=86400, immutable",
}
"""Headers of each file: whatever it is, a browser runs nothing in it. Whoever uploaded it may be anybody. CSP Level 3 §6.3.2

Every answer has ``X-Content-Type-Options`` besides.
"""


class FileStorage:
    """Stores what the gateway uploads, without a connection to itself.

    Args:
        files: keeps the files.
    """

    def __init__(self, files: EmbeddedFiles) -> None:
        self._files = files

    def check(self, slot: UploadSlot) -> None:
        """Accept every slot: it is one of ours."""

    async def put(self, slot: UploadSlot, size: int, content_type: str, chunks: AsyncIterator[bytes]) -> None:
        """Store a file; see :meth:`tigrest.backends.embedded.files.EmbeddedFiles.store`."""
        await self._files.store(slot.put, size, chunks)


def files_mount(files: EmbeddedFiles) -> Mount:
    """Return the mount at which files are stored and fetched by whoever knows their URLs.

    Args:
        files: keeps them.
    """
    answers = _Files(files)
    return Mount(FILES_PATH, answers.answer, ("GET", "PUT"), is_prefix=True, origins="any", takes_uploads=True, timeout=UPLOAD_SECONDS)


class _Files:
    def __init__(self, files: EmbeddedFiles) -> None:
        self._files = files

    async def answer(self, request: MountRequest) -> Response:
        """Store a file, or answer with one."""
        if request.method == "PUT":
            return await self._store(request)
        path, stored = await self._files.find(request.scope["path"])
        return FileResponse(path, headers=_HARMLESS, media_type=stored.content_type, filename=stored.name)

    async def _store(self, request: MountRequest) -> Response:
        length = request.fields.get(b"content-length", b"")
        if not length.isdigit():
            raise HTTPException(411, "send the file with Content-Length")
        await self._files.store(request.scope["path"], int(length), request.stream())
        return Response(status_code=201)
