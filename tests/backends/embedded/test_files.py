"""The files of the embedded domain: how many, how long, and what stays of those that are not whole."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tigrest.backends.embedded.files import EmbeddedFiles, FileLimits
from tigrest.backends.entities.iq_request import IqRequest
from tigrest.errors import MalformedContent, NotFound, StanzaError
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import HTTP_UPLOAD

US, ALICE = JID("upload.localhost"), JID("alice@localhost")


async def slot(files: EmbeddedFiles, size: int | str, name: str = "b.txt", content_type: str = "text/plain", sender: JID = ALICE) -> str:
    """Ask for a slot; return its URL."""
    payload = ET.Element(f"{{{HTTP_UPLOAD}}}request", {"filename": name, "size": str(size), "content-type": content_type})
    answer = await files.entity.answer(IqRequest("get", payload, sender, US, False))
    assert answer is not None
    return answer[0].get("url", "")


async def parts(*given: bytes) -> AsyncIterator[bytes]:
    for part in given:
        yield part


async def test_files_outlive_a_restart_and_end_with_their_time(tmp_path: Path) -> None:
    now = [1000.0]
    files = EmbeddedFiles(US, tmp_path / "uploads", FileLimits(seconds=60), lambda: now[0])
    await files.start()
    url = await slot(files, 5)
    await files.store(url, 5, parts(b"he", b"llo"))
    (tmp_path / "uploads" / "left.part").write_bytes(b"x")
    await files.stop()
    again = EmbeddedFiles(US, tmp_path / "uploads", FileLimits(seconds=60), lambda: now[0])
    await again.start()
    path, stored = await again.find(url)
    assert (path.read_bytes(), stored.name, stored.content_type, stored.sender) == (b"hello", "b.txt", "text/plain", ALICE)
    assert not (tmp_path / "uploads" / "left.part").exists()
    os.utime(path, (1000.0, 1000.0))
    now[0] = 1061.0
    with pytest.raises(NotFound):
        await again.find(url)
    await slot(again, 5)
    assert list((tmp_path / "uploads").iterdir()) == []


async def test_all_files_together_have_a_limit_and_slots_end(tmp_path: Path) -> None:
    now = [1000.0]
    files = EmbeddedFiles(US, None, FileLimits(size=8, total=10, slot_seconds=30), lambda: now[0])
    await files.start()
    first = await slot(files, 8)
    with pytest.raises(StanzaError, match="10 bytes of files here"):
        await slot(files, 3)
    with pytest.raises(StanzaError, match="may have 8 bytes"):
        await slot(files, 9)
    now[0] = 1031.0
    await slot(files, 3)
    with pytest.raises(NotFound):
        await files.store(first, 8, parts(b"x" * 8))
    await files.stop()


async def test_nobody_takes_the_space_of_all(tmp_path: Path) -> None:
    limits = FileLimits(size=8, total=100, sender_total=20, sender_files=3)
    files = EmbeddedFiles(US, tmp_path, limits)
    await files.start()
    await files.store(await slot(files, 8), 8, parts(b"12345678"))
    await files.stop()
    files = EmbeddedFiles(US, tmp_path, limits)
    await files.start()
    await slot(files, 8)
    with pytest.raises(StanzaError, match="alice@localhost may have 20 bytes of files here, and have 16"):
        await slot(files, 8, sender=JID("alice@localhost/phone"))
    await slot(files, 1)
    with pytest.raises(StanzaError, match="3 files"):
        await slot(files, 1)
    await slot(files, 8, sender=JID("bob@localhost"))
    await files.stop()


async def test_a_file_that_is_coming_in_counts_and_small_ones_are_counted(tmp_path: Path) -> None:
    files = EmbeddedFiles(US, tmp_path, FileLimits(size=8, total=10, files=2))
    await files.start()
    has_begun, may_end = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"x" * 7
        has_begun.set()
        await may_end.wait()
        yield b"x"

    storing = asyncio.create_task(files.store(await slot(files, 8), 8, slow()))
    await has_begun.wait()
    with pytest.raises(StanzaError, match="10 bytes of files here"):
        await slot(files, 3)
    may_end.set()
    await storing
    await slot(files, 1)
    with pytest.raises(StanzaError, match="2 files"):
        await slot(files, 1)


@pytest.mark.parametrize(("size", "name"), [("0", "a"), ("-1", "a"), ("x", "a"), ("", "a"), ("5", ""), ("5", "a/b")])
async def test_a_slot_is_for_a_file_with_a_name_and_a_size(size: str, name: str) -> None:
    with pytest.raises(StanzaError, match="bad-request"):
        await slot(EmbeddedFiles(US), size, name)


@pytest.mark.parametrize("given", [(b"hell",), (b"hello", b"!"), ()])
async def test_a_file_of_another_size_is_not_kept(given: tuple[bytes, ...], tmp_path: Path) -> None:
    files = EmbeddedFiles(US, tmp_path / "uploads")
    await files.start()
    with pytest.raises(MalformedContent):
        await files.store(await slot(files, 5), 5, parts(*given))
    assert list((tmp_path / "uploads").iterdir()) == []


async def test_a_type_that_no_header_can_have_is_none(tmp_path: Path) -> None:
    files = EmbeddedFiles(US, tmp_path / "uploads")
    await files.start()
    url = await slot(files, 1, content_type="text/ht\nml")
    await files.store(url, 1, parts(b"x"))
    assert (await files.find(url))[1].content_type == "application/octet-stream"
