"""Try the upload service: a small file goes there and comes back (``tigrest check --live``). XEP-0363"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

from tigrest.auth.principal import Principal
from tigrest.backends.embedded.files import EmbeddedFiles
from tigrest.errors import NotSupported, NoUploadService, ServerFailed, StanzaError
from tigrest.gateway.gateway import Gateway
from tigrest.gateway.probe_account import NotTried
from tigrest.service.uploads import Storage
from tigrest.xmpp.jid import JID

FILE_NAME, FILE_CONTENT = "tigrest-check.txt", b"Written by tigrest check --live; nobody needs it.\n"
"""The file."""


class Uploader(Protocol):
    """Uploads files, from one address."""

    async def upload(self, name: str, size: int, content_type: str, chunks: bytes) -> str:
        """Upload a file; see :meth:`tigrest.service.Service.upload`."""


async def check_upload(gateway: Gateway) -> str:
    """Upload a file as a user of a running gateway does, and fetch it; see :func:`try_upload`."""
    service = gateway.service
    user = Principal(JID.of("tigrest-check", service.domain), frozenset({"user"}))
    storage = Storage(gateway.config.xmpp.c2s_ca)
    files = gateway.parts.files
    fetch = partial(storage.fetch, size=len(FILE_CONTENT)) if files is None else partial(_read, files)
    return await try_upload(service.for_(user), service, fetch)


async def try_upload(user: Uploader, own: Uploader, fetch: Callable[[str], Awaitable[bytes]]) -> str:
    """Upload a file and fetch it; return what else is to be known, which is nothing.

    Args:
        user: uploads from the address that a user has at the gateway.
        own: uploads from the gateway's own.
        fetch: returns the file at a URL.

    Raises:
        NotTried: there is no upload service.
        NotSupported: it takes files from the gateway's own address alone.
        TigrestError: it takes none, or does not give it back.
    """
    try:
        url = await user.upload(FILE_NAME, len(FILE_CONTENT), "text/plain", FILE_CONTENT)
    except NoUploadService as error:
        raise NotTried(str(error)) from None
    except StanzaError as refusal:
        await own.upload(FILE_NAME, len(FILE_CONTENT), "text/plain", FILE_CONTENT)
        raise NotSupported(f"the upload service takes files from the gateway, but not from its users' addresses: {refusal}") from None
    if await fetch(url) != FILE_CONTENT:
        raise ServerFailed("what the storage gives back is not what it took")
    return ""


async def _read(files: EmbeddedFiles, url: str) -> bytes:
    """Return a file of the embedded domain without HTTP, as nothing listens during a check."""
    path, _ = await files.find(url)
    return path.read_bytes()
