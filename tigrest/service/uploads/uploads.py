"""Upload files: find the service, ask for a slot, send the file."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from tigrest.errors import InvalidValue, NotSupported, StanzaError, StanzaTimeout, Unavailable
from tigrest.service.uploads.file_names import clean_name, media_type_of
from tigrest.service.uploads.services import Asker, UploadService, UploadServices
from tigrest.service.uploads.slots import UploadSlot, slot_of, slot_request

FileBody = AsyncIterable[bytes] | bytes
"""A file: the whole, or its parts as they come."""

SERVICE_GONE = frozenset({"item-not-found", "remote-server-not-found", "remote-server-timeout", "service-unavailable"})
"""Conditions of errors by which it is likely that the service is another one by now."""


class TakesFiles(Protocol):
    """Takes files for slots."""

    def check(self, slot: UploadSlot) -> None:
        """Refuse a slot that is not to be used.

        Raises:
            ServerFailed: it is such a one.
        """

    async def put(self, slot: UploadSlot, size: int, content_type: str, chunks: AsyncIterator[bytes]) -> None:
        """Send a file; see :meth:`tigrest.service.uploads.storage.Storage.put`."""


@dataclass(frozen=True)
class UploadLimits:
    """Limits of uploads.

    Args:
        at_once: most uploads under way.
        slot_seconds: to wait for a slot.
    """

    at_once: int = 64
    slot_seconds: float = 15.0


class Uploads:
    """Uploads files to the storage of the served domain.

    Args:
        own: asks from the gateway's own address, where iqs of callers do not reach the service.
        services: finds the upload service.
        storage: takes the files.
        limits: of uploads.
    """

    def __init__(self, own: Asker, services: UploadServices, storage: TakesFiles, limits: UploadLimits = UploadLimits()) -> None:
        self._own, self._services, self._storage, self._limits = own, services, storage, limits
        self._running = 0

    async def upload(self, asker: Asker, name: str, size: int, content_type: str, body: FileBody) -> str:
        """Upload a file, and return the URL at which it is then.

        Nothing of the file is read before the service has agreed to its size.

        Args:
            asker: asks for the slot, from the address that the file is counted for.
            name: of the file; what could mislead is left out.
            size: in bytes, above 0.
            content_type: its media type; by its name where this says nothing.
            body: the file.

        Raises:
            InvalidValue: it is empty, or has another size.
            ContentTooLarge: it is larger than the service takes.
            NotSupported: the domain has no upload service.
            QuotaExceeded: the service takes no more from the sender for a while.
            StanzaError: the service refuses for another reason.
            ServerFailed, StanzaTimeout: the storage does not take it.
            Unavailable: too many uploads are under way.
            NotConnected: there is no server now.

        XEP-0363
        """
        if size <= 0:
            raise InvalidValue("the file is empty")
        if self._running >= self._limits.at_once:
            raise Unavailable(f"{self._running} files are being uploaded, and more may not; try again", 5.0)
        shown = clean_name(name, content_type)
        media = media_type_of(content_type, shown)
        self._running += 1
        try:
            slot = await self._slot(asker, shown, size, media)
            self._storage.check(slot)
            await self._storage.put(slot, size, media, _parts(body))
        finally:
            self._running -= 1
        return slot.get

    async def _slot(self, asker: Asker, name: str, size: int, content_type: str) -> UploadSlot:
        """Ask for a slot; once more when the service that was known is gone."""
        service = await self._services.for_size(size)
        try:
            return await self._ask(asker, service, name, size, content_type)
        except (StanzaError, StanzaTimeout) as error:
            if isinstance(error, StanzaError) and error.condition not in SERVICE_GONE:
                raise
            self._services.forget()
            found = await self._services.for_size(size)
            if found == service:
                raise
        return await self._ask(asker, found, name, size, content_type)

    async def _ask(self, asker: Asker, service: UploadService, name: str, size: int, content_type: str) -> UploadSlot:
        request = slot_request(service.jid, name, size, content_type)
        try:
            reply = await asker.request(request, self._limits.slot_seconds)
        except NotSupported:  # ejabberd with mod_privilege drops what callers ask; what the gateway asks comes by its grant
            if asker is self._own:
                raise
            reply = await self._own.request(request, self._limits.slot_seconds)
        return slot_of(reply, service.jid, size)


async def _parts(body: FileBody) -> AsyncIterator[bytes]:
    """Return the parts of a file."""
    if isinstance(body, bytes | bytearray | memoryview):
        yield bytes(body)
        return
    async for part in body:
        yield part
