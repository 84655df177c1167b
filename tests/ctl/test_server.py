"""The socket: who may use it, what becomes of clients that do not behave, and of the file."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import getpass
import json
import logging
import os
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.ctl.clients import ctl, echo, listening
from tests.waiting import until
from tigrest.ctl.addresses import MAX_ADDRESS, socket_address
from tigrest.ctl.protocol import CtlReply, CtlRequest, encode_line, request_message
from tigrest.ctl.server import CtlLimits, CtlServer, Terminal

HELLO = encode_line(request_message(CtlRequest(("hello",))))


class Client:
    """A client that says what it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def message(self) -> Mapping[str, Any]:
        message: Mapping[str, Any] = json.loads(await self.reader.readline())
        return message

    async def closed(self) -> bool:
        return await self.reader.read() == b""

    def close(self) -> None:
        self.writer.close()


Connect = Callable[..., Awaitable[Client]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Connect to a socket and say something; connections are closed at the end."""
    clients: list[Client] = []

    async def connect(path: Path, sent: bytes = b"") -> Client:
        with socket_address(path) as address:
            clients.append(Client(*await asyncio.open_unix_connection(address)))
        clients[-1].writer.write(sent)
        return clients[-1]

    yield connect
    for client in clients:
        client.close()
        with contextlib.suppress(ConnectionError):
            await client.writer.wait_closed()


async def test_a_request_is_answered_with_the_name_of_who_asks(connect: Connect, tmp_path: Path) -> None:
    async with listening(tmp_path / "s"):
        client = await connect(tmp_path / "s", HELLO)
        assert await client.message() == {"exit": 0, "out": "hello\n", "err": f"for {getpass.getuser()}\n"}
        assert await client.closed()


async def test_only_its_owner_may_use_the_socket_and_its_folder(tmp_path: Path) -> None:
    async with listening(tmp_path / "var" / "s"):
        assert stat.S_IMODE((tmp_path / "var" / "s").stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700


async def test_the_socket_is_removed_at_the_end(tmp_path: Path) -> None:
    async with listening(tmp_path / "s"):
        assert (tmp_path / "s").is_socket()
    assert not (tmp_path / "s").exists()


async def test_whoever_may_read_the_folder_cannot_keep_the_gateway_from_listening(connect: Connect, tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_SH)
        async with listening(tmp_path / "s"):
            assert (await (await connect(tmp_path / "s", HELLO)).message())["exit"] == 0
    finally:
        os.close(folder)
    assert stat.S_IMODE((tmp_path / "s.lock").stat().st_mode) == 0o600


async def test_to_stop_what_was_not_started_does_nothing(tmp_path: Path) -> None:
    await CtlServer(tmp_path / "s", echo).stop()


def leave_socket(path: Path) -> None:
    """Leave the socket of a process that has died."""
    with socket.socket(socket.AF_UNIX) as dead, socket_address(path) as address:
        dead.bind(address)
        dead.listen()


async def test_the_socket_of_a_dead_process_is_replaced(connect: Connect, tmp_path: Path) -> None:
    leave_socket(tmp_path / "s")
    async with listening(tmp_path / "s"):
        assert (await (await connect(tmp_path / "s", HELLO)).message())["exit"] == 0


async def test_the_socket_of_a_living_process_stays(connect: Connect, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with listening(tmp_path / "s"):
        async with listening(tmp_path / "s"):
            assert [record.levelno for record in caplog.records] == [logging.WARNING]
            assert f"another process listens at {tmp_path}/s" in caplog.text
        assert (await (await connect(tmp_path / "s", HELLO)).message())["exit"] == 0


async def test_a_socket_that_took_the_place_of_ours_stays(tmp_path: Path) -> None:
    async with listening(tmp_path / "s"):
        (tmp_path / "s").unlink()
        leave_socket(tmp_path / "s")
    assert (tmp_path / "s").is_socket()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("file", "is no socket; remove it, or name another path"),
        ("file/s", "Not a directory"),
        ("x" * 200, "too long"),
    ],
)
async def test_a_path_that_cannot_be_listened_at_is_one_warning(
    path: str, reason: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("kept")
    async with listening(tmp_path / path):
        [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("tigrest ctl cannot be used")
    assert reason in record.getMessage()
    assert (tmp_path / "file").read_text() == "kept"


async def test_a_path_longer_than_an_address_works(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 100) / ("y" * 100) / "s"
    assert len(str(path)) > MAX_ADDRESS
    async with listening(path):
        assert (await ctl(path, "hello", cwd=tmp_path)).out == "hello\n"
    leave_socket(path)
    async with listening(path):
        assert (await ctl(path, "hello", cwd=tmp_path)).out == "hello\n"
    assert not path.exists()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"GET / HTTP/1.1\n", "not a line of JSON"),
        (b"[" * 100_000 + b"\n", "not a line of JSON"),
        (b"[]\n", "not an object of JSON"),
        (b'{"protocol": 2}\n', "of another version"),
        (b'{"protocol": 1, "arguments": ["\\uDC80"]}\n', "not text in UTF-8"),
        (b'{"protocol": 1, "arguments": "x"}\n', "arguments are no list of texts"),
        (b'{"protocol": 1, "arguments": [1]}\n', "arguments are no list of texts"),
        (b'{"protocol": 1, "arguments": [], "width": -1}\n', "width is no number"),
        (b'"' + b"x" * 300_000 + b'"\n', "longer than 200000 bytes"),
    ],
)
async def test_what_is_no_request_is_told_so(line: bytes, reason: str, connect: Connect, tmp_path: Path) -> None:
    async with listening(tmp_path / "s", limits=CtlLimits(line=200_000)):
        answer = await (await connect(tmp_path / "s", line)).message()
        assert answer["exit"] == 2
        assert reason in answer["err"]


async def test_a_client_that_says_nothing_is_cut_off(connect: Connect, tmp_path: Path) -> None:
    async with listening(tmp_path / "s", limits=CtlLimits(request_seconds=0.05)):
        assert await (await connect(tmp_path / "s", b'{"half')).closed()


async def test_a_client_that_does_not_read_is_cut_off(connect: Connect, tmp_path: Path) -> None:
    async def long(request: CtlRequest, user: str, terminal: Terminal) -> CtlReply:
        return CtlReply(0, "x" * 10_000_000)

    async with listening(tmp_path / "s", long, CtlLimits(request_seconds=0.05)) as server:
        await connect(tmp_path / "s", HELLO)
        await until(lambda: not len(server._tasks))


async def test_so_many_clients_and_no_more(connect: Connect, tmp_path: Path) -> None:
    async with listening(tmp_path / "s", limits=CtlLimits(connections=2)):
        first, second = [await connect(tmp_path / "s") for _ in range(2)]
        third = await connect(tmp_path / "s", HELLO)
        assert (await third.message())["err"] == "tigrest: 2 commands run already; try again when they are done\n"
        first.close()
        second.writer.write(HELLO)
        assert (await second.message())["exit"] == 0


class Endless:
    """An answer that is never given."""

    def __init__(self) -> None:
        self.was_cancelled = False

    async def __call__(self, request: CtlRequest, user: str, terminal: Terminal) -> CtlReply:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        raise AssertionError


async def test_a_client_hears_that_its_command_still_runs(connect: Connect, tmp_path: Path) -> None:
    async with listening(tmp_path / "s", Endless(), CtlLimits(alive_seconds=0.01)):
        client = await connect(tmp_path / "s", HELLO)
        assert [await client.message() for _ in range(3)] == [{}, {}, {}]


async def test_a_command_is_cancelled_when_the_client_goes_away(connect: Connect, tmp_path: Path) -> None:
    endless = Endless()
    async with listening(tmp_path / "s", endless):
        client = await connect(tmp_path / "s", HELLO)
        client.close()
        await until(lambda: endless.was_cancelled)


async def test_a_command_is_cancelled_when_the_gateway_stops(connect: Connect, tmp_path: Path) -> None:
    endless = Endless()
    async with listening(tmp_path / "s", endless, CtlLimits(alive_seconds=0.01)):
        client = await connect(tmp_path / "s", HELLO)
        await client.message()
    assert endless.was_cancelled


async def asking(request: CtlRequest, user: str, terminal: Terminal) -> CtlReply:
    return CtlReply(0, f"{await terminal.ask('secret', 'password: ')} {await terminal.ask('stdin')}")


async def test_what_is_asked_is_answered(connect: Connect, tmp_path: Path) -> None:
    async with listening(tmp_path / "s", asking):
        client = await connect(tmp_path / "s", HELLO)
        assert await client.message() == {"ask": "secret", "prompt": "password: "}
        client.writer.write(encode_line({"answer": "s3cret"}))
        assert (await client.message())["ask"] == "stdin"
        client.writer.write(encode_line({"answer": None}))
        assert (await client.message())["out"] == "s3cret None"


async def test_what_is_not_answered_in_time_is_nothing(connect: Connect, tmp_path: Path) -> None:
    async with listening(tmp_path / "s", asking, CtlLimits(question_seconds=0.05)):
        client = await connect(tmp_path / "s", HELLO)
        assert [(await client.message()).get("ask") for _ in range(2)] == ["secret", "stdin"]
        assert (await client.message())["out"] == "None None"


AS_NOBODY = """
import os, socket, sys
os.setuid(65534)
client = socket.socket(socket.AF_UNIX)
client.connect(sys.argv[1])
print(client.makefile().readline())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
async def test_other_users_are_refused_even_where_the_file_lets_them_in(tmp_path: Path) -> None:
    """Root's temporary folders are closed to others, so the socket stands elsewhere."""
    path = Path("/tmp") / f"tigrest-test-{os.getpid()}"
    async with listening(path):
        path.chmod(0o666)
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", AS_NOBODY, str(path), stdout=subprocess.PIPE)
        answer, _ = await process.communicate()
    assert json.loads(answer) == {"exit": 3, "out": "", "err": "tigrest: this gateway belongs to root; be root\n"}
