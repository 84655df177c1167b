"""Files that are uploaded on the embedded domain: a small upload service, and the storage behind it. XEP-0363"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree as ET

from tigrest.backends.entities.entity import DiscoIdentity, Entity
from tigrest.backends.entities.iq_request import IqRequest
from tigrest.errors import MalformedContent, NotFound, StanzaError
from tigrest.state.files import make_private_folder
from tigrest.xmpp.forms import FORM_TYPE, DataForm, Field
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import HTTP_UPLOAD

log = logging.getLogger(__name__)

FILES_PATH = "/upload"
"""Path below which files are stored and fetched."""

_N = f"{{{HTTP_UPLOAD}}}"
_KEY = re.compile(r"[A-Za-z0-9_-]{22}")


@dataclass(frozen=True)
class FileLimits:
    """Limits of the files of an embedded domain.

    Args:
        size: bytes of the largest file.
        total: bytes of all files together, with those that are being stored or have a slot.
        files: most files, each of which takes a block of the disk however small it is.
        sender_total: bytes of all files of one sender, so that nobody takes the whole space.
        sender_files: most files of one sender.
        seconds: how long a file is kept.
        slots: most slots that wait for their files.
        slot_seconds: how long a slot waits for its file.
    """

    size: int = 104857600
    total: int = 1073741824
    files: int = 10_000
    sender_total: int = 268435456
    sender_files: int = 2500
    seconds: float = 7 * 86400.0
    slots: int = 1000
    slot_seconds: float = 300.0


@dataclass(frozen=True)
class StoredFile:
    """A file, or the slot for one.

    Args:
        name: for people.
        size: in bytes.
        content_type: its media type.
        sender: bare address that the slot was given to.
        since: when it was given, in seconds since 1970.
    """

    name: str
    size: int
    content_type: str
    sender: str
    since: float


Sizes = Mapping[str, int]
"""Bytes of the files that are kept, by their keys."""


class EmbeddedFiles:
    """Gives slots for files, keeps the files, and drops them when they are old.

    A file has a random key, which stands in its URL: who knows that, may fetch it.

    Args:
        jid: address of the upload service.
        folder: where files are kept; a temporary one, until the end, when ``None``.
        limits: of the files.
        clock: gives the time in seconds since 1970.
    """

    def __init__(
        self, jid: JID, folder: Path | None = None, limits: FileLimits = FileLimits(), clock: Callable[[], float] = time.time
    ) -> None:
        self.jid, self._given, self._limits, self._clock = jid, folder, limits, clock
        self.base = "http://127.0.0.1:8080"
        """Scheme, host and port of the URLs that are given out."""
        self._folder = folder
        self._slots: dict[str, StoredFile] = {}
        self._storing: dict[str, StoredFile] = {}
        """Slots whose files are coming in."""
        self._senders: dict[str, str] = {}
        """Senders of the files by keys, as far as they were read."""
        form = DataForm("result", (Field(FORM_TYPE, (HTTP_UPLOAD,), "hidden"), Field("max-file-size", (str(limits.size),))))
        self.entity = Entity(DiscoIdentity("store", "file", "Files"), answers={("get", f"{_N}request"): self._give_slot}, forms=(form,))
        """Answers at the address of the service."""

    async def start(self) -> None:
        """Make the folder, and remove what is too old or half there."""
        self._folder = await asyncio.to_thread(self._prepare)

    async def stop(self) -> None:
        """Remove a temporary folder."""
        folder, self._folder = self._folder, self._given
        if folder is not None and self._given is None:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _prepare(self) -> Path:
        if self._given is None:
            return Path(tempfile.mkdtemp(prefix="tigrest-files-"))
        make_private_folder(self._given)
        for part in self._given.glob("*.part"):
            part.unlink(missing_ok=True)
        self._sweep(self._given)
        return self._given

    @property
    def _place(self) -> Path:
        if self._folder is None:
            raise StanzaError("service-unavailable", text="files are not served now")
        return self._folder

    async def _give_slot(self, request: IqRequest) -> ET.Element:
        """Give a slot. XEP-0363 §4, §7"""
        written, limits, now = request.payload, self._limits, self._clock()
        size, name = written.get("size", ""), written.get("filename", "")
        if not (size.isdecimal() and len(size) < 19 and int(size)) or not name or "/" in name:
            raise StanzaError("bad-request", "modify", "a slot needs a filename without slashes and a size above 0")
        if int(size) > limits.size:
            raise StanzaError("not-acceptable", "modify", f"files may have {limits.size} bytes")
        self._slots = {key: slot for key, slot in self._slots.items() if now - slot.since < limits.slot_seconds}
        kept = await asyncio.to_thread(self._sweep, self._place)
        if len(self._slots) >= limits.slots:
            raise StanzaError("resource-constraint", "wait", f"{limits.slots} files are about to come: try again later")
        self._expect_space(kept, request.sender.bare, int(size))
        key = secrets.token_urlsafe(16)
        content_type = written.get("content-type", "")
        if not (0 < len(content_type) <= 255 and content_type.isascii() and content_type.isprintable()):
            content_type = "application/octet-stream"
        self._slots[key] = StoredFile(name, int(size), content_type, request.sender.bare, now)
        url = f"{self.base}{FILES_PATH}/{key}/{quote(name, safe='')}"
        slot = ET.Element(f"{_N}slot")
        for which in ("put", "get"):
            ET.SubElement(slot, f"{_N}{which}", {"url": url})
        return slot

    def _expect_space(self, kept: Sizes, sender: str, size: int) -> None:
        """Refuse a file for which there is no space, with those that are kept, that come in and that have slots.

        Raises:
            StanzaError: there are too many files or bytes, in all or of the sender.
        """
        limits, reserved = self._limits, [(slot.sender, slot.size) for slot in (*self._slots.values(), *self._storing.values())]
        everything = [*((self._senders.get(key, ""), each) for key, each in kept.items()), *reserved]
        own = [each for whose, each in everything if whose == sender]
        for sizes, most, files, who in (
            ([each for _, each in everything], limits.total, limits.files, "all together"),
            (own, max(limits.sender_total, limits.size), limits.sender_files, sender),
        ):
            if sum(sizes) + size > most:
                raise StanzaError("resource-constraint", "wait", f"{who} may have {most} bytes of files here, and have {sum(sizes)}")
            if len(sizes) >= files:
                raise StanzaError("resource-constraint", "wait", f"{who} may have {files} files here")

    async def store(self, url: str, size: int, chunks: AsyncIterator[bytes]) -> None:
        """Keep a file for which there is a slot; one that is not whole is not kept.

        Args:
            url: of the slot, or its path.
            size: of the file in bytes, as its sender says.
            chunks: the file.

        Raises:
            NotFound: there is no such slot, or it was used.
            MalformedContent: the file has another size.
        """
        key = file_key(url)
        slot = self._slots.pop(key, None)
        if slot is None or self._clock() - slot.since > self._limits.slot_seconds:
            raise NotFound("there is no slot for this file: ask for another")
        if size != slot.size:
            raise MalformedContent(f"the slot is for a file of {slot.size} bytes, not {size}")
        part = self._place / f"{key}.part"
        self._storing[key] = slot
        try:
            await _write(part, size, chunks)
            await asyncio.to_thread(self._complete, part, key, slot)
        finally:
            del self._storing[key]
            with contextlib.suppress(FileNotFoundError):
                part.unlink()

    def _complete(self, part: Path, key: str, slot: StoredFile) -> None:
        self._senders[key] = slot.sender
        part.with_name(f"{key}.json").write_text(json.dumps(asdict(slot)))
        part.replace(part.with_name(f"{key}.file"))

    async def find(self, url: str) -> tuple[Path, StoredFile]:
        """Return a file.

        Args:
            url: at which it was stored, or its path.

        Raises:
            NotFound: there is none, or none any more.
        """
        found = await asyncio.to_thread(self._read, file_key(url))
        if found is None:
            raise NotFound("there is no such file, or it was kept long enough")
        return found

    def _read(self, key: str) -> tuple[Path, StoredFile] | None:
        path = self._place / f"{key}.file"
        try:
            stored = _description(path.with_suffix(".json"))
        except (OSError, ValueError, TypeError):
            return None
        return (path, stored) if path.is_file() and self._clock() - stored.since < self._limits.seconds else None

    def _sweep(self, folder: Path) -> Sizes:
        """Remove the files that are too old; return the sizes of those that stay."""
        kept: dict[str, int] = {}
        for path in folder.glob("*.file"):
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                if self._clock() - status.st_mtime < self._limits.seconds:
                    kept[path.stem] = status.st_size
                    continue
                path.unlink()
                self._senders.pop(path.stem, None)
                path.with_suffix(".json").unlink()
        for key in kept.keys() - self._senders.keys():  # of a process before this one
            with contextlib.suppress(OSError, ValueError, TypeError):
                self._senders[key] = _description(folder / f"{key}.json").sender
        return kept


def _description(path: Path) -> StoredFile:
    """Read what is known of a file.

    Raises:
        OSError, ValueError, TypeError: it cannot be read.
    """
    return StoredFile(**json.loads(path.read_text()))


def file_key(url: str) -> str:
    """Return the key in a URL or path of a file.

    Raises:
        NotFound: it has none.
    """
    segments = urlsplit(url).path.removeprefix(f"{FILES_PATH}/").split("/")
    if not _KEY.fullmatch(segments[0]):
        raise NotFound("no file has such a URL")
    return segments[0]


async def _write(path: Path, size: int, chunks: AsyncIterator[bytes]) -> None:
    """Write a file part by part.

    Raises:
        MalformedContent: it has another size.
    """
    written = 0
    with await asyncio.to_thread(path.open, "xb") as file:
        async for chunk in chunks:
            written += len(chunk)
            if written > size:
                break
            await asyncio.to_thread(file.write, chunk)
    if written != size:
        raise MalformedContent(f"the file has {'more than' if written > size else 'less than'} {size} bytes")
