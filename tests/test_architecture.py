"""The map is true: rooms and functions that the page on architecture names exist, and each way is gone as it says."""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
import pkgutil
import re
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from tests.backends.component.test_link import Server
from tests.test_docs import headings, read, section, tables
from tests.test_layers import ROOMS
from tigrest.concurrency.loop import new_event_loop
from tigrest.config import Config, builtin_scripts
from tigrest.gateway import Gateway
from tigrest.http.wire.listener import bind
from tigrest.http.wire.server import serve_gateway
from tigrest.passwords import Passwords

ROOT = Path(__file__).parent.parent
PAGE = "architecture.md"

REQUEST, REPLY = "The way of a request", "The way of a reply"
STANZA, SCRIPT, CALLER = "The way of an incoming stanza", "The way of a saved script", "What a caller may do"
CALL = "The way of a command"
WAYS = [REQUEST, REPLY, CALL, STANZA, SCRIPT, CALLER]


def functions(way: str) -> list[str]:
    """Return the functions of a way, in order: the first name of each step."""
    return re.findall(r"^\d+\. `(tigrest\.[\w.]+)`", section(PAGE, way), re.MULTILINE)


def code_of(name: str) -> CodeType:
    """Return the code of a function, method or property."""
    found: Any = pkgutil.resolve_name(name)
    function: Any = found.fget if isinstance(found, property) else inspect.unwrap(found)
    code: CodeType = function.__code__
    return code


# Names


def rows() -> list[list[str]]:
    """Return the rooms of the page, row by row, from top to bottom."""
    return [re.findall(r"`(\w+)`", cells[1]) for cells in tables(section(PAGE, "The rooms"))[0]]


def test_the_page_has_the_rooms_there_are() -> None:
    assert sorted(room for row in rows() for room in row) == sorted(ROOMS)


def test_rooms_import_those_of_their_row_and_of_rows_below() -> None:
    level = {room: number for number, row in enumerate(rows()) for room in row}
    assert [f"{room} → {other}" for room, others in ROOMS.items() for other in sorted(others) if level[other] < level[room]] == []


def test_every_name_exists() -> None:
    for name in set(re.findall(r"`(tigrest\.[\w.]+)`", read(PAGE))):
        try:
            pkgutil.resolve_name(name)
        except (ImportError, AttributeError) as error:
            pytest.fail(f"docs/{PAGE}: {name}: {error}")


def test_the_ways_are_those_that_are_gone_here() -> None:
    assert [heading for heading in headings(PAGE) if functions(heading)] == WAYS


@pytest.mark.parametrize("page", [ROOT / "docs" / PAGE, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    named = set(re.findall(r"`((?:tigrest|tests|docs|scripts|etc|bench|examples)/[^` ]*)`", page.read_text("utf-8")))
    assert named
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


# Contributing


def test_links_for_contributors_lead_somewhere() -> None:
    links = re.findall(r"\]\(((?!https?:)[^)#\s]+)[^)]*\)", (ROOT / "CONTRIBUTING.md").read_text("utf-8"))
    assert [link for link in links if not (ROOT / link).exists()] == []
    for page in (ROOT / "README.md", ROOT / "docs" / "README.md"):
        assert "CONTRIBUTING.md)" in page.read_text("utf-8"), page
        assert "architecture.md)" in page.read_text("utf-8"), page


def test_contributors_are_told_of_every_target_of_make_and_of_no_other() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    targets = re.findall(r"^(\w+):.*## ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert sorted(set(re.findall(r"`make (\w+)", text))) == sorted(set(targets) - {"help"})


def test_python_names_for_contributors_exist() -> None:
    for name in re.findall(r"`(tigrest\.[\w.]+)`", (ROOT / "CONTRIBUTING.md").read_text("utf-8")):
        pkgutil.resolve_name(name)


# The ways, gone


class Tracer:
    """Notes when functions are entered, in all threads.

    Args:
        codes: of the functions.
    """

    def __init__(self, codes: set[CodeType]) -> None:
        self._codes = codes
        self._entered: list[CodeType] | None = None
        self._frames: set[FrameType] = set()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Have it called, in this thread and in those that are started from now on."""
        before = sys.getprofile(), threading.getprofile()
        threading.setprofile(self._notice)
        sys.setprofile(self._notice)
        try:
            yield
        finally:
            sys.setprofile(before[0])
            threading.setprofile(before[1])

    @contextmanager
    def noting(self) -> Iterator[list[CodeType]]:
        """Note what is entered from now on."""
        entered = self._entered = []
        try:
            yield entered
        finally:
            self._entered = None
            self._frames.clear()

    def _notice(self, frame: FrameType, event: str, _arg: object) -> None:
        """Note a call, but a coroutine that goes on several times only once: its frame stays the same."""
        if self._entered is not None and event == "call" and frame.f_code in self._codes and frame not in self._frames:
            self._frames.add(frame)
            self._entered.append(frame.f_code)


SOURCE = """
from tigrest import Handler, Match, Service, inject

class Answers(Handler):
    regex = "/answers(?:/([0-9]+))?"
    match = Match(local="bot")
    service: Service = inject()

    async def exec_get(self, number: int | None = None):
        return {answer!r}

    async def on_message(self, body):
        return {answer!r}
"""

COMMANDS = """
from tigrest import CommandContext, command

@command(role="user")
async def greet(ctx: CommandContext, name: str) -> str:
    return f"Hello {name}"
"""

VERSION = {"kind": "iq", "type": "get", "to": "example.org", "version": {}}
COMMAND = {"kind": "iq", "type": "set", "to": "example.org", "command": {"node": "uptime"}}
MESSAGE = "<message from='bob@example.org/x' to='bot@http.example.org' type='chat'><body>Hello</body></message>"


class World:
    """A gateway on a port, in front of a server that answers every iq."""

    def __init__(self, server: Server, scripts: Path, port: int) -> None:
        self.server, self.scripts, self._port = server, scripts, port

    async def post(self, content: object, login: str, path: str = "/rest") -> bytes:
        """Send a request, and return the whole answer."""
        body = json.dumps(content).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return await self._send(f"{head}Authorization: Basic {base64.b64encode(login.encode()).decode()}\r\n\r\n".encode() + body)

    async def get(self, path: str) -> bytes:
        """Ask for something without a login."""
        return await self._send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())

    async def _send(self, data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(data)
            return await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()

    def save(self, answer: str) -> None:
        """Save the script."""
        (self.scripts / "answers.py").write_text(SOURCE.format(answer=answer))


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    """Run everything on this loop."""
    server = Server()
    settings = {
        "xmpp": {
            "backend": "component",
            "domain": "example.org",
            "jid": "http.example.org",
            "secret": "s",
            "host": "127.0.0.1",
            "port": await server.start(),
        },
        "auth": {"accounts": [{"jid": f"{name}@example.org", "password": "secret"} for name in ("alice", "carol")]},
        "state": {"database": ":memory:"},
    }
    config, listener = Config.model_validate(settings), bind("127.0.0.1", 0)
    running = World(server, folder, listener.getsockname()[1])
    running.save("old")
    commands = folder / "static"  # which is not looked through for handlers
    commands.mkdir()
    (commands / "greetings.py").write_text(COMMANDS)
    gateway = Gateway(config, [folder, builtin_scripts()], Passwords(1, 8, 1), [commands])
    ready, stop = asyncio.Event(), asyncio.Event()
    serving = asyncio.create_task(serve_gateway(gateway, config, listener, stop=stop, ready=lambda _: ready.set()))
    serving.add_done_callback(lambda _: ready.set())  # also when it fails
    try:
        await ready.wait()
        assert gateway.table.problems == ()
        yield running
    finally:
        stop.set()
        await serving
        await server.stop()


async def eventually(ask: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(20):
        while not await ask():
            await asyncio.sleep(0.05)


async def go(tracer: Tracer, folder: Path) -> dict[str, list[CodeType]]:
    """Go all ways, and return what was entered on each."""
    gone: dict[str, list[CodeType]] = {}
    async with world(folder) as there:

        async def answered() -> bool:
            return ">old</body>" in there.server.received

        async def reloaded() -> bool:
            there.save("new")
            await asyncio.sleep(0.5)
            return b"new" in await there.get("/rest/answers")

        async def drained() -> bool:
            return code_of("tigrest.scripting.lifecycle._drain") in gone[SCRIPT]

        with tracer.noting() as gone[REQUEST]:
            assert b'"type":"result"' in await there.post(VERSION, "alice@example.org:secret")
        gone[REPLY] = gone[REQUEST]
        with tracer.noting() as gone[STANZA]:
            there.server.push(MESSAGE)
            await eventually(answered)
        with tracer.noting() as gone[SCRIPT]:
            await eventually(reloaded)
            await eventually(drained)
        with tracer.noting() as gone[CALLER]:
            assert b"403 Forbidden" in await there.post(COMMAND, "carol@example.org:secret")
        with tracer.noting() as gone[CALL]:
            assert b'"Hello Bob"' in await there.post({"name": "Bob"}, "carol@example.org:secret", "/api/greet")
    return gone


@pytest.fixture(scope="module")
def gone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[CodeType]]:
    """Return what was entered on each way, in order."""
    tracer = Tracer({code_of(name) for way in WAYS for name in functions(way)})
    with tracer.installed(), asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(go(tracer, tmp_path_factory.mktemp("scripts")))


@pytest.mark.parametrize("way", WAYS)
def test_the_way_is_as_the_page_says(gone: dict[str, list[CodeType]], way: str) -> None:
    names = {code_of(name): name for name in functions(way)}
    entered = [names[code] for code in gone[way] if code in names]
    rest = iter(entered)
    for name in names.values():
        order = "\n  ".join(dict.fromkeys(entered))
        assert name in rest, (
            f"docs/{PAGE}, {way}: {name} is not called after the steps before it. The steps are called in this order:\n  {order}"
        )
