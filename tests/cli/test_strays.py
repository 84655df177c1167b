"""What scripts leave behind, in the served process: it fails in the log with script and request, and never ends the gateway."""

from __future__ import annotations

import asyncio
import gc
import http.client
import re
import time
import urllib.request
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from tests.cli.process import Process, serving
from tigrest.scripting.strays import Strays

SCRIPT = """
import asyncio, sys, threading
from tigrest import Handler, Result, StreamingResponse

async def fail():
    raise ValueError("in a task")

async def leave():
    await asyncio.sleep(0)
    sys.exit(4)

async def pieces():
    yield b"one"
    raise ValueError("in a stream")

def interrupt():
    raise KeyboardInterrupt

class Leaves(Handler):
    regex = "/leaves/(.+)"

    async def exec_get(self, what, service):
        loop = asyncio.get_running_loop()
        if what == "task": asyncio.create_task(fail())
        if what == "exit in a task": asyncio.create_task(leave())
        if what == "callback": loop.call_soon(lambda: 1 / 0)
        if what == "exit in a callback": loop.call_later(0.01, lambda: sys.exit(5))
        if what == "interrupt in a callback": loop.call_soon(interrupt)
        if what == "exit in a reply": service.sendPacket({"to": "localhost", "ping": True}, 5, lambda reply: sys.exit(3))
        if what == "thread": threading.Thread(target=lambda: 1 / 0, name="mine").start()
        if what == "exit in a thread": threading.Thread(target=sys.exit).start()
        if what == "interrupt in a thread": threading.Thread(target=interrupt, name="mine").start()
        if what == "status": return Result("text/plain", "x", 999)
        if what == "stream": return StreamingResponse(pieces())
        return "ok"
"""


class Served:
    """A served process with the script, and its log."""

    def __init__(self, base: str, log: Path) -> None:
        self.base, self._log, self._seen = base, log, 0

    def get(self, what: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"{self.base}/rest/leaves/{what.replace(' ', '%20')}?type=json", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()

    def logged(self, pattern: str) -> re.Match[str]:
        """Return the first new line of the log that a pattern matches."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            text = self._log.read_text()
            if found := re.search(pattern, text[self._seen :]):
                self._seen = len(text)
                return found
            time.sleep(0.02)
        pytest.fail(f"no {pattern!r} in {self._log.read_text()}")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("strays")
    scripts = folder / "scripts" / "rest"
    scripts.mkdir(parents=True)
    (scripts / "leaves.py").write_text(SCRIPT)
    process: Process
    with serving(cwd=folder) as (process, base):
        yield Served(base, folder / "log")
        assert process.poll() is None, "the gateway goes on"


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("task", r"\[\w+-\w+\] scripts/rest/leaves\.py:5: fail failed at scripts/rest/leaves\.py:6, in a task that nobody awaits"),
        ("exit in a task", r"\[\w+-\w+\] scripts/rest/leaves\.py:8: leave failed at scripts/rest/leaves\.py:10, in a task that nobody awaits"),
        ("callback", r"\[\w+-\w+\] what a script started failed at scripts/rest/leaves\.py:26"),
        ("exit in a callback", r"a callback raised SystemExit; the gateway goes on(\n.*)+leaves\.py\", line 27"),
        ("interrupt in a callback", r"a callback raised KeyboardInterrupt; the gateway goes on(\n.*)+leaves\.py\", line 17"),
        ("exit in a reply", r"\[\w+-\w+\] scripts/rest/leaves\.py:29: .*<lambda>, the callback given to sendPacket, failed"),
        ("thread", r"thread mine failed at scripts/rest/leaves\.py:30"),
        ("interrupt in a thread", r"thread mine failed at scripts/rest/leaves\.py:17"),
    ],
)  # fmt: skip
def test_what_fails_is_in_the_log_and_the_gateway_goes_on(served: Served, what: str, pattern: str) -> None:
    assert served.get(what) == (200, "ok")
    served.logged(pattern)
    assert served.get("nothing") == (200, "ok")


def test_a_thread_may_exit(served: Served) -> None:
    assert served.get("exit in a thread") == (200, "ok")
    assert served.get("nothing") == (200, "ok")


def test_a_status_that_there_is_not_is_a_problem_document_on_the_wire(served: Served) -> None:
    status, body = served.get("status")
    assert (status, '"title":"Internal Server Error"' in body, '"request_id"' in body) == (500, True, True)
    served.logged(r"GET /rest/leaves/status failed: scripts/rest/leaves\.py:22: Leaves\.exec_get: the result cannot be sent: status 999")


def test_a_stream_that_fails_is_cut_and_logged_once(served: Served) -> None:
    with pytest.raises(http.client.IncompleteRead):
        served.get("stream")
    found = served.logged(
        r"\[\w+-\w+\] GET /rest/leaves/stream failed in scripts/rest/leaves\.py:22: Leaves\.exec_get(\n[ A-Z].*)+\nValueError: in a stream\n"
    )
    assert "Exception in ASGI application" not in found.string


async def test_a_task_that_nobody_holds_may_go(tmp_path: Path) -> None:
    """Nothing of ours keeps a task alive that waits for what never comes."""
    strays = Strays([tmp_path])
    names: dict[str, Any] = {}
    source = "import asyncio\nasync def wait(): await asyncio.get_running_loop().create_future()\n"
    exec(compile(source, str(tmp_path / "script.py"), "exec"), names)
    with strays.watching():
        task: asyncio.Task[None] | None = asyncio.create_task(names["wait"]())
        await asyncio.sleep(0)
        seen = weakref.ref(task)
        task = None
        for _ in range(5):
            await asyncio.sleep(0)
            gc.collect()
    assert seen() is None


async def test_a_task_that_is_cancelled_before_it_begins_is_nothing_to_speak_of(tmp_path: Path) -> None:
    strays = Strays([tmp_path])
    names: dict[str, Any] = {}
    exec(compile("async def wait(): ...\n", str(tmp_path / "script.py"), "exec"), names)
    with strays.watching():
        task = asyncio.create_task(names["wait"]())
        task.cancel()
        await asyncio.wait({task})  # a coroutine that is never awaited would be a warning, which fails tests
    assert task.cancelled()
