"""Callers who neither read nor write do not hold what others need; against ``tigrest serve``."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import time
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.cli.process import serving
from tests.waiting import SECONDS, eventually

SCRIPTS = {
    "sending.py": """
import asyncio
from starlette.responses import StreamingResponse
from tigrest import Handler

BIG = b"x" * 20_000_000

class Big(Handler):
    regex = "/big"
    async def exec_get(self):
        return BIG

class Drops(Handler):
    regex = "/drops"
    async def exec_get(self):
        async def drops():
            while True:
                yield b"data: " + b"x" * 20_000 + b"\\n\\n"
                await asyncio.sleep(0)
        return StreamingResponse(drops(), media_type="text/event-stream")
""",
    "receiving.py": """
import asyncio
from tigrest import Handler

class Json(Handler):
    regex = "/json"
    timeout = 100.0
    async def exec_post(self, content):
        return str(content)

class Raw(Handler):
    regex = "/(raw|pieces|form|late)"
    timeout = 100.0
    decodeContent = False
    async def exec_post(self, content, how):
        if how == "late":
            await asyncio.sleep(1.5)
        if how == "pieces":
            return str(sum([len(part) async for part in content.stream()]))
        return str(len(await (content.form() if how == "form" else content.body())))

class Thread(Handler):
    regex = "/thread"
    timeout = 100.0
    decodeContent = False
    def exec_post(self, content):
        return str(len(content.body()))

class Short(Handler):
    regex = "/short"
    timeout = 0.3
    decodeContent = False
    async def exec_post(self, content):
        return str(len(await content.body()))

class Uploaded(Handler):
    regex = "/uploaded"
    timeout = 100.0
    decodeContent = False
    takesUploads = True
    async def exec_post(self, content):
        return str(sum([len(part) async for part in content.stream()]))

class Unread(Handler):
    regex = "/unread"
    async def exec_post(self):
        return "not read"
""",
}
FORM = "multipart/form-data; boundary=b"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the scripts above with short limits: 1 s for sending and 1 s for a body."""
    folder = tmp_path_factory.mktemp("limits")
    (folder / "scripts" / "rest" / "static").mkdir(parents=True)
    (folder / "scripts" / "rest" / "static" / "big.bin").write_bytes(b"x" * 20_000_000)
    for name, text in SCRIPTS.items():
        (folder / "scripts" / "rest" / name).write_text(text)
    with serving(cwd=folder, TIGREST__HTTP__SEND_TIMEOUT="1", TIGREST__HTTP__REQUEST_TIMEOUT="1") as (process, url):
        yield url
        process.terminate()
        assert process.wait(10) == 0
    assert "Traceback" not in (folder / "log").read_text()


def connect(base: str, receive_buffer: int = 0) -> socket.socket:
    connection = socket.socket()
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(SECONDS)
    host, port = base.removeprefix("http://").split(":")
    connection.connect((host, int(port)))
    return connection


def head(method: str, path: str, *fields: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *fields, "", ""]).encode()


def is_cut(connection: socket.socket, seconds: float) -> bool:
    """Tell whether the other side resets a connection in time, without reading from it."""
    poll = select.poll()
    poll.register(connection, 0)  # errors and hangups are always told
    return bool(poll.poll(seconds * 1000))


@contextmanager
def unread(base: str, request: bytes) -> Iterator[socket.socket]:
    """Give a caller who sends a request, or a part of many, and reads nothing."""
    with connect(base, 4096) as connection:
        connection.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            connection.sendall(request)
        yield connection


NEVER_READ = {
    "whole answer": head("GET", "/rest/big"),
    "last answer": head("GET", "/rest/big", "Connection: close"),
    "HTTP/1.0": b"GET /rest/big HTTP/1.0\r\n\r\n",
    "file": head("GET", "/rest/static/big.bin"),
    "event stream": head("GET", "/rest/drops"),
    "pipelined": head("GET", "/rest/big") * 20,
    "pipelined HEAD": head("HEAD", "/rest/tested/test") * 50_000,
    "pipelined errors": head("GET", "/rest/none") * 20_000,
    "pipelined behind a refused request": head("GET", "/rest/big") + b"GET / HTTP/1.1\r\n\r\n",
}


def test_who_takes_nothing_is_cut_and_others_are_served(base: str) -> None:
    with ExitStack() as stack:
        callers = {name: stack.enter_context(unread(base, request)) for name, request in NEVER_READ.items()}
        began = time.monotonic()
        for name, connection in callers.items():
            assert is_cut(connection, 3 * SECONDS), name  # the many pipelined ones take their time
        assert time.monotonic() - began > 0.7
        with urlopen(f"{base}/rest/tested/test") as answer:
            assert answer.status == 200


def login_of(base_folder: Path) -> str:
    """Return the header ``Authorization`` of the demo's admin."""
    credentials = next(base_folder.glob("limits*/var/demo-credentials.json"))
    password = json.loads(credentials.read_text())["passwords"]["admin"]
    return f"Authorization: Basic {b64encode(f'admin@localhost:{password}'.encode()).decode()}"


def test_a_reader_of_events_who_takes_nothing_is_cut(base: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    field = login_of(tmp_path_factory.getbasetemp())
    login = field.removeprefix("Authorization: ")
    with unread(base, head("GET", "/rest/events", field)) as connection:
        assert select.select([connection], [], [], SECONDS)[0]
        assert connection.recv(17, socket.MSG_PEEK) == b"HTTP/1.1 200 OK\r\n"
        body = json.dumps({"kind": "message", "to": "admin@http.localhost", "body": "x" * 200_000}).encode()
        headers = {"Authorization": login, "Content-Type": "application/json"}
        for _ in range(40):
            with urlopen(Request(f"{base}/rest", body, headers)) as answer:
                assert answer.status in (200, 202)
        assert is_cut(connection, SECONDS)


def read_slowly(base: str, path: str) -> tuple[int, float]:
    """Read an answer in three times the limit; return how many bytes came, and in how many seconds."""
    with connect(base) as connection:
        connection.sendall(head("GET", path, "Connection: close"))
        got, began = 0, time.monotonic()
        while data := connection.recv(200_000):
            got += len(data)
            if time.monotonic() - began < 3:
                time.sleep(0.2)
        return got, time.monotonic() - began


def test_who_reads_slowly_gets_everything(base: str) -> None:
    with ThreadPoolExecutor() as pool:
        for got, seconds in pool.map(partial(read_slowly, base), ["/rest/big", "/rest/static/big.bin"]):
            assert got > 20_000_000
            assert seconds > 3


def answer_to_slow_body(base: str, path: str, *fields: str, start: bytes = b"") -> tuple[int, bytes]:
    """Send the start of a body, and the rest byte by byte; return status and answer."""
    with connect(base) as connection:
        connection.sendall(head("POST", path, "Accept: application/json", *fields) + start)
        began, answer = time.monotonic(), b""
        while not answer and time.monotonic() - began < SECONDS:
            with contextlib.suppress(OSError):
                connection.sendall(b"1\r\n1\r\n" if "Transfer-Encoding: chunked" in fields else b"1")
            if select.select([connection], [], [], 0.1)[0]:
                answer = connection.recv(65536)
        while data := connection.recv(65536):
            answer += data
        return int(answer.split()[1]), answer


SLOW_BODIES = [
    ("/rest/json", "Content-Length: 1000", "Content-Type: application/json"),
    ("/rest/json", "Transfer-Encoding: chunked", "Content-Type: application/json"),
    ("/rest/raw", "Content-Length: 1000"),
    ("/rest/pieces", "Transfer-Encoding: chunked"),
    ("/rest/form", "Content-Length: 1000", f"Content-Type: {FORM}"),
    ("/rest/thread", "Content-Length: 1000"),
]


def test_the_time_for_a_body_is_not_the_time_for_an_answer(base: str) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
    with ThreadPoolExecutor() as pool:
        asked = {body: pool.submit(answer_to_slow_body, base, *body, start=part if FORM in body[-1] else b"") for body in SLOW_BODIES}
    for body, answered in asked.items():
        status, answer = answered.result()
        assert status == 408, body
        assert b"the request body did not arrive within 1 s" in answer, body
        assert b"connection: close" in answer, body


def test_a_handler_with_less_time_than_a_body_has_is_408_too(base: str) -> None:
    status, answer = answer_to_slow_body(base, "/rest/short", "Content-Length: 1000")
    assert (status, b"the request body did not arrive within 0.3 s" in answer) == (408, True)


def test_what_the_handler_does_before_it_reads_does_not_count(base: str) -> None:
    with connect(base) as connection:
        connection.sendall(head("POST", "/rest/late", "Content-Length: 200000"))
        connection.sendall(b"x" * 100_000)
        time.sleep(1.8)
        connection.sendall(b"x" * 100_000)
        assert connection.recv(65536).split()[1] == b"200"


def test_a_body_that_nobody_reads_is_not_waited_for(base: str) -> None:
    with connect(base) as connection:
        connection.sendall(head("POST", "/rest/unread", "Content-Length: 10"))
        assert connection.recv(65536).split()[1] == b"200"
        connection.sendall(b"0123456789" + head("GET", "/rest/tested/test"))
        assert connection.recv(65536).split()[1] == b"200"


# Uploads


def test_an_upload_has_more_time_the_more_of_it_has_come(base: str) -> None:
    with connect(base) as connection:
        connection.sendall(head("POST", "/rest/uploaded", "Content-Length: 200000"))
        connection.sendall(b"x" * 100_000)
        time.sleep(1.3)
        connection.sendall(b"x" * 100_000)
        assert connection.recv(65536).split()[1] == b"200"


def test_an_upload_that_hardly_comes_is_408(base: str) -> None:
    status, answer = answer_to_slow_body(base, "/rest/uploaded", "Content-Length: 200000")
    assert (status, b"the request body did not arrive within 1" in answer) == (408, True)


@pytest.mark.parametrize(
    ("size", "words"), [(104_857_601, b"104857600 bytes ([http] max_upload)"), (0, b"there is no file"), (9, b"100 Continue")]
)
def test_a_caller_who_waits_for_100_continue_sends_no_file_that_is_refused(
    base: str, size: int, words: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """RFC 9110 §10.1.1"""
    fields = (login_of(tmp_path_factory.getbasetemp()), f"Content-Length: {size}", "Expect: 100-continue", "Accept: application/json")
    with connect(base) as connection:
        connection.sendall(head("POST", "/rest/upload?filename=b", *fields))
        answer = connection.recv(65536)
        assert words in answer
        assert (b"100 Continue" in answer) == (size == 9)


def test_nothing_stays_of_an_upload_that_is_cut_off(base: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    files = next(tmp_path_factory.getbasetemp().glob("limits*/var/uploads"))
    field = login_of(tmp_path_factory.getbasetemp())
    with connect(base) as connection:
        connection.sendall(head("POST", "/rest/upload?filename=b", field, "Content-Length: 1000000") + b"x" * 500_000)
        eventually(lambda: list(files.iterdir()) != [])
    eventually(lambda: list(files.iterdir()) == [])
