"""Handlers that block, hang or refuse to end do not stop others in silence; against ``tigrest serve``."""

from __future__ import annotations

import json
import re
import signal
import time
import urllib.error
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.cli.process import Process, serving
from tests.cli.test_serve import send
from tests.waiting import SECONDS, eventually

SCRIPT = """
import asyncio, re, threading, time
from tigrest import Handler

class Sleep(Handler):
    regex = "/sleep"
    async def exec_get(self):
        time.sleep(1.5)  # LINE sleep
        return "slept"

class Regex(Handler):
    regex = "/regex"
    async def exec_get(self):
        re.match("(a|a)*b", "a" * 25)  # LINE regex
        return "matched"

class Later(Handler):
    regex = "/later"
    async def exec_get(self):
        asyncio.get_running_loop().call_soon(block)
        return "later"

def block():
    time.sleep(1.2)  # LINE later

class Swallow(Handler):
    regex = "/swallow/(once|ever|returns)"
    timeout = 0.3
    async def exec_get(self, how):
        while True:
            try:
                await asyncio.sleep(100)  # LINE swallow
            except BaseException:
                if how == "returns":
                    return "late"
                if how == "once":
                    await asyncio.sleep(0.1)
                    raise

class Forever(Handler):
    regex = "/forever"
    timeout = 100.0
    async def exec_get(self):
        while True:
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                pass

class Confused(Handler):
    regex = "/confused"
    async def exec_get(self):
        raise asyncio.CancelledError

class Stuck(Handler):
    regex = "/stuck"
    timeout = 1.0
    def exec_get(self):
        threading.Event().wait()

class Thread(Handler):
    regex = "/thread"
    def exec_get(self):
        return "ran"
"""


def line(name: str) -> int:
    return next(number for number, text in enumerate(SCRIPT.splitlines(), 1) if text.endswith(f"# LINE {name}"))


@dataclass(frozen=True)
class Served:
    folder: Path
    process: Process
    base: str

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urlopen(Request(f"{self.base}{path}", headers={"Accept": "application/json"}), timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def logged(self, pattern: str, seconds: float = SECONDS) -> re.Match[str]:
        end = time.monotonic() + seconds
        while (found := re.search(pattern, self.log)) is None:
            assert time.monotonic() < end, self.log
            time.sleep(0.05)
        return found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve the handlers above, shared by the tests of this module."""
    with serve(tmp_path_factory.mktemp("blocking")) as running:
        yield running
        running.process.terminate()
        assert running.process.wait(15) == 0


@contextmanager
def serve(folder: Path, **variables: str) -> Iterator[Served]:
    script = folder / "scripts" / "rest" / "slow" / "bad.py"
    script.parent.mkdir(parents=True)
    script.write_text(SCRIPT)
    with serving(cwd=folder, **variables) as (process, base):
        yield Served(folder, process, base)


@pytest.mark.parametrize("name", ["sleep", "regex", "later"])
def test_who_blocks_the_loop_is_named_once_with_its_stack_and_duration(served: Served, name: str) -> None:
    assert served.get(f"/rest/slow/{name}")[0] == 200
    where = rf"\S*/scripts/rest/slow/bad\.py:{line(name)}"
    who = rf"/rest/slow/{name} at {where}" if name != "later" else rf"block at {where}"
    told = served.logged(rf"the event loop goes on; {who} held it up for \d+\.\d s|the event loop did not come round for \d+\.\d s")
    if name == "regex" and "did not come round" in told[0]:
        return  # it was over before another thread had Python's lock
    served.logged(rf"ERROR .*the event loop has been blocked for \d+\.\d s by {who}\n  File ")
    served.logged(rf'bad\.py", line {line(name)}, in ')
    assert len(re.findall(f"has been blocked for .* by {who}", served.log)) == 1


def test_a_busy_gateway_is_not_reported(served: Served) -> None:
    before = len(served.log)
    with ThreadPoolExecutor(16) as pool:
        assert {status for status, _ in pool.map(served.get, ["/rest/tested/test"] * 1000)} == {200}
    served.process.send_signal(signal.SIGSTOP)
    time.sleep(1.5)
    served.process.send_signal(signal.SIGCONT)
    assert served.get("/rest/tested/test")[0] == 200
    time.sleep(0.5)
    assert "blocked" not in served.log[before:]


@pytest.mark.parametrize("how", ["once", "returns", "ever"])
def test_a_handler_that_swallows_its_cancellation_is_504_all_the_same(served: Served, how: str) -> None:
    began = time.monotonic()
    status, body = served.get(f"/rest/slow/swallow/{how}")
    assert (status, json.loads(body)["detail"]) == (504, "/rest/slow/swallow/{how} gave no result within 0.3 s")
    assert time.monotonic() - began < 5
    if how == "ever":
        served.logged(rf"/rest/slow/swallow/.* was cancelled after 0\.3 s and goes on: slow/bad\.py:{line('swallow')} swallows")
        assert json.loads(body)["request_id"] in served.log
        metrics = served.get("/metrics")[1]
        assert "tigrest_handlers_left_behind 1.0" in metrics
        assert re.search(r'method="GET",route="/rest/slow/swallow/{how}",status="504"} [123]\.0', metrics)
    assert served.get("/rest/tested/test")[0] == 200


def test_a_handler_that_raises_cancellation_by_itself_is_a_failure(served: Served) -> None:
    assert served.get("/rest/slow/confused")[0] == 500
    served.logged(r"ERROR .*GET /rest/slow/confused failed in .*Confused\.exec_get")


def test_the_end_does_not_hang_on_handlers_that_swallow_cancellation(tmp_path: Path) -> None:
    with serve(tmp_path, TIGREST__HTTP__STOP_TIMEOUT="0.5") as served:
        with send(served.base, "/rest/slow/swallow/ever") as gone:
            gone.close()
        served.logged("goes on: slow/bad.py")
        with send(served.base, "/rest/slow/forever") as connection:
            connection.settimeout(30)
            began = time.monotonic()
            served.process.terminate()
            answer = connection.recv(65536)
            assert served.process.wait(20) == 0
            assert 0.5 <= time.monotonic() - began < 20
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"the gateway is stopping" in answer


def test_stuck_threads_do_not_stop_others_and_are_named(served: Served) -> None:
    with ThreadPoolExecutor(130) as pool:
        stuck = [pool.submit(served.get, "/rest/slow/stuck") for _ in range(120)]
        eventually(lambda: 'tigrest_threads{state="running"} 80.0' in served.get("/metrics")[1] or any(each.done() for each in stuck))
        assert served.get("/rest/slow/thread") == (200, "ran")
        answers = [each.result() for each in stuck]
    assert {status for status, _ in answers} == {503, 504}
    full = "no thread became free within 0.5 s: 80 calls of /rest/slow/stuck run already"
    late = r"(\d+) calls of /rest/slow/stuck are stuck in threads; correct slow/bad.py, line \d+"  # to callers who came after a second
    refused = [json.loads(body)["detail"] for status, body in answers if status == 503]
    assert [detail for detail in refused if not re.fullmatch(f"{full}|{late}", detail)] == []
    status, body = served.get("/rest/slow/stuck")
    assert status == 503
    told = re.fullmatch(late, json.loads(body)["detail"])
    assert told is not None
    assert 20 <= int(told[1]) == [status for status, _ in answers].count(504)  # 80, where all came within a second
    assert served.get("/rest/slow/thread") == (200, "ran")
    assert f'tigrest_threads{{state="stuck"}} {told[1]}.0' in served.get("/metrics")[1]
