"""What is found below scripts directories, and what is noticed when it changes."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tigrest.scripting.files import fingerprint, folders_of
from tigrest.scripting.loader import Loader
from tigrest.scripting.watcher import changes

NOBODY = 65534
"""Id of a user without rights, on Linux."""


def script(answer: str, regex: str) -> str:
    return f"from tigrest import Handler\nclass It(Handler):\n    regex = '{regex}'\n    def exec_get(self): return '{answer}'\n"


def uris(root: Path) -> list[str]:
    return [route.uri for route in Loader([root]).load().routes]


def test_links_to_files_and_folders_are_followed(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    root.mkdir()
    (elsewhere / "deep").mkdir(parents=True)
    (elsewhere / "file.py").write_text(script("1", "/file"))
    (elsewhere / "deep" / "_helper.py").write_text("VALUE = 1\n")
    (elsewhere / "deep" / "it.py").write_text("from ._helper import VALUE\n" + script("1", "/it"))
    (root / "file.py").symlink_to(elsewhere / "file.py")
    (root / "linked").symlink_to(elsewhere)
    assert uris(root) == ["/rest/file", "/rest/linked/file", "/rest/linked/deep/it"]


def test_a_scripts_directory_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "it.py").write_text(script("1", "/it"))
    (tmp_path / "current").symlink_to("one")
    loader = Loader([tmp_path / "current", tmp_path / "one"])
    assert loader.dirs == [tmp_path / "current"]
    assert [route.path for route in loader.load().routes] == [tmp_path / "current" / "it.py"]


def test_links_that_make_a_loop_end(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "it.py").write_text(script("1", "/it"))
    (tmp_path / "a" / "b" / "self").symlink_to(tmp_path / "a" / "b")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    assert uris(tmp_path) == ["/rest/a/b/it"]
    assert [Path(folder.path).relative_to(tmp_path).as_posix() for folder in folders_of(tmp_path)] == [".", "a", "a/b"]


def test_a_link_to_nowhere_is_told(tmp_path: Path) -> None:
    (tmp_path / "lost.py").symlink_to(tmp_path / "nowhere.py")
    (tmp_path / "it.py").write_text(script("1", "/it"))
    table = Loader([tmp_path]).load()
    assert [str(problem) for problem in table.problems] == [f"{tmp_path}/lost.py:1: cannot be read: No such file or directory"]
    assert [route.uri for route in table.routes] == ["/rest/it"]


def test_what_is_no_regular_file_is_told_and_holds_nothing_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "endless.py").symlink_to("/dev/zero")
    (tmp_path / "self.py").symlink_to("self.py")
    (tmp_path / "folder").symlink_to("folder")
    (tmp_path / "it.py").write_text(script("1", "/it"))
    table = Loader([tmp_path]).load()
    reasons = [str(problem).removeprefix(f"{tmp_path}/") for problem in table.problems]
    assert [reason.replace(":1: cannot be read", "") for reason in reasons] == [
        "endless.py: it is no regular file",
        "pipe.py: it is no regular file",
        "self.py: Too many levels of symbolic links",
    ]
    assert [route.uri for route in table.routes] == ["/rest/it"]
    assert fingerprint([tmp_path]) == fingerprint([tmp_path])


@contextmanager
def as_plain_user() -> Iterator[None]:
    """Give up the rights of root, who reads everything."""
    own = os.geteuid()
    if own == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(own)


def test_what_may_not_be_read_is_told(tmp_path: Path) -> None:
    Loader([tmp_path]).load()  # all that it imports, while everything can be read
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "closed").mkdir(mode=0)
        (folder / "secret.py").write_text("x")
        (folder / "secret.py").chmod(0)
        with as_plain_user():
            problems = sorted(str(problem) for problem in Loader([folder]).load().problems)
        (folder / "closed").chmod(0o700)
    assert problems == [f"{folder}/{name}:1: cannot be read: Permission denied" for name in ("closed", "secret.py")]


def test_a_folder_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found: list[OSError] = []
    assert list(folders_of(tmp_path / "file", found.append)) == []
    assert [type(error) for error in found] == [NotADirectoryError]


def test_a_name_that_is_not_utf8_is_told_and_harms_nobody(tmp_path: Path) -> None:
    for name in (b"caf\xe9.py", b"d\xe9/it.py"):
        path = tmp_path / os.fsdecode(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(script("1", "/bad"))
    (tmp_path / "it.py").write_text(script("1", "/it"))
    table = Loader([tmp_path]).load()
    assert [route.uri for route in table.routes] == ["/rest/it"]
    told = [str(problem) for problem in table.problems]
    assert told == [
        f"{tmp_path}/{name}:1: the name of the file or of a folder is not UTF-8; rename it" for name in (r"caf\udce9.py", r"d\udce9/it.py")
    ]
    assert "".join(told).encode()


def test_temporary_files_of_editors_are_no_scripts(tmp_path: Path) -> None:
    (tmp_path / "it.py").write_text(script("1", "/it"))
    before = fingerprint([tmp_path])
    (tmp_path / ".#it.py").symlink_to("alice@desk.4711")
    for name in ("#it.py#", ".it.py.swp", "4913", "it.py~", "it.py.tmp123", "it.py___jb_tmp___", ".it.py.kate-swp", "sedXy12"):
        (tmp_path / name).write_text("x")
    table = Loader([tmp_path]).load()
    assert ([route.uri for route in table.routes], table.problems) == (["/rest/it"], ())
    assert fingerprint([tmp_path]) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "it.py").write_text("22"),
        lambda root: (root / "new.py").write_text(""),
        lambda root: (root / "it.py").unlink(),
        lambda root: (root / "it.py").rename(root / "other.py"),
        lambda root: (root / "folder").mkdir(),
        lambda root: (root / "page.html").write_text("x"),
        lambda root: (root / "it.py").chmod(0o600),
        lambda root: (root.parent / "target.py").write_text("longer"),
        lambda root: shutil.rmtree(root),
    ],
)
def test_the_fingerprint_tells_changes(tmp_path: Path, change: Callable[[Path], object]) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "it.py").write_text("1")
    (tmp_path / "target.py").write_text("1")
    (root / "link.py").symlink_to(tmp_path / "target.py")
    before = fingerprint([root])
    assert fingerprint([root]) == before
    change(root)
    assert fingerprint([root]) != before


@asynccontextmanager
async def watching(*dirs: Path) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Give a function that waits for the next change."""
    found = changes(dirs)
    first = asyncio.ensure_future(anext(found))
    await asyncio.sleep(0.3)  # until it watches
    waiting = [first]

    async def wait() -> None:
        async with asyncio.timeout(10):
            await waiting.pop()
        waiting.append(asyncio.ensure_future(anext(found)))
        await asyncio.sleep(0)

    try:
        yield wait
    finally:
        waiting[0].cancel()
        await asyncio.wait(waiting)
        await found.aclose()  # type: ignore[attr-defined]


async def test_a_saved_file_is_noticed(tmp_path: Path) -> None:
    async with watching(tmp_path) as change:
        (tmp_path / "it.py").write_text("1")
        await change()
        (tmp_path / "it.py.new").write_text("2")
        (tmp_path / "it.py.new").rename(tmp_path / "it.py")
        await change()


async def test_the_target_of_a_link_is_noticed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "it.py").write_text("1")
    (root / "link").symlink_to(tmp_path / "elsewhere")
    async with watching(root) as change:
        (tmp_path / "elsewhere" / "it.py").write_text("22")
        await change()


async def test_a_directory_that_goes_and_comes_is_noticed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    async with watching(root) as change:
        root.mkdir()
        await change()
        (root / "it.py").write_text("1")
        await change()
        shutil.rmtree(root)
        await change()
        root.mkdir()
        (root / "it.py").write_text("1")
        await change()


async def test_another_target_of_a_linked_directory_is_noticed(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "current").symlink_to("one")
    async with watching(tmp_path / "current") as change:
        (tmp_path / "next").symlink_to("two")
        (tmp_path / "next").rename(tmp_path / "current")
        await change()
        (tmp_path / "two" / "it.py").write_text("1")
        await change()


async def test_a_name_that_is_not_utf8_does_not_end_the_watch(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with watching(tmp_path) as change:
        (tmp_path / os.fsdecode(b"caf\xe9.py")).write_text("1")
        await change()
        (tmp_path / "it.py").write_text("1")
        await change()
    assert "Traceback" not in caplog.text
