"""Methods for requests and for stanzas run in the same way: within their time, in bounded threads, and none takes others down."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.waiting import eventually
from tigrest.scripting.execution import Execution, ExecutionLimits, Run
from tigrest.scripting.handler import Handler
from tigrest.scripting.parts import Part
from tigrest.scripting.signature import SCHEDULE, ScheduleCall, compile_method
from tigrest.scripting.workers import WorkerLimits
from tigrest.testing import TestGateway, serving
from tigrest.xmpp.stanza import Stanza

SCRIPT = """
import asyncio, sys, threading, time
from tigrest import Handler, Match

released = threading.Event()
answered = []

class Waits(Handler):
    match = Match(local="waits")
    timeout = 0.1
    def on_message(self, body):
        if body == "wait":
            released.wait(20)
        answered.append(body)
    async def on_iq(self):
        while not released.is_set():
            try:
                await asyncio.sleep(0.05)  # LINE swallows
            except asyncio.CancelledError:
                pass

class Swallows(Handler):
    match = Match(local="swallows")
    timeout = 0.1
    async def on_message(self, body):
        if body == "interrupt":
            raise KeyboardInterrupt
        while body == "wait" and not released.is_set():
            try:
                await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                pass
        answered.append(body)

class State(Handler):
    regex = "/state/(exit|interrupt|closed|cancelled|answered|release)"
    async def exec_get(self, what):
        if what == "exit":
            sys.exit(3)
        if what == "interrupt":
            raise KeyboardInterrupt
        if what == "closed":
            raise GeneratorExit
        if what == "cancelled":
            sleeping = asyncio.create_task(asyncio.sleep(9))
            sleeping.cancel()
            await sleeping
        if what == "release":
            released.set()
        return {"answered": answered}
"""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[TestGateway]:
    (tmp_path / "slow.py").write_text(SCRIPT)
    with ExitStack() as stack:
        running = stack.enter_context(serving(tmp_path, builtins=False))
        stack.callback(running.get, "/rest/state/release")
        assert running.gateway.table.problems == ()
        yield running


def push(gateway: TestGateway, *bodies: str, to: str) -> None:
    async def take() -> None:
        for body in bodies:
            stanza = f"<message from='alice@localhost/x' to='{to}@http.localhost' type='chat'><body>{body}</body></message>"
            await gateway.gateway.backend.send(Stanza.parse(stanza))

    gateway.client.portal.call(take)


def answered(gateway: TestGateway) -> list[str]:
    found: list[str] = gateway.get("/rest/state/answered?type=json").json()["answered"]
    return found


def test_the_thread_of_a_listener_that_hangs_is_counted_and_what_is_next_waits(
    gateway: TestGateway, caplog: pytest.LogCaptureFixture
) -> None:
    push(gateway, "wait", "next", to="waits")
    eventually(lambda: 'tigrest_threads{state="stuck"} 1.0' in gateway.get("/metrics").text)
    assert re.search(r"/slow\.py:\d+: Waits\.on_message gave no result within 0\.1 s", caplog.text)
    assert answered(gateway) == []
    gateway.get("/rest/state/release")
    eventually(lambda: answered(gateway) == ["wait", "next"])
    assert 'tigrest_threads{state="stuck"} 0.0' in gateway.get("/metrics").text


def test_a_listener_that_swallows_its_cancellation_is_left_behind_and_named(gateway: TestGateway, caplog: pytest.LogCaptureFixture) -> None:
    push(gateway, "wait", "next", to="swallows")
    eventually(lambda: "tigrest_handlers_left_behind 1.0" in gateway.get("/metrics").text)
    line = SCRIPT.splitlines().index("            except asyncio.CancelledError:", 25)
    assert f"Swallows was cancelled after 0.1 s and goes on: slow.py:{line}" in caplog.text
    assert answered(gateway) == []
    gateway.get("/rest/state/release")
    eventually(lambda: answered(gateway) == ["wait", "next"])
    assert "tigrest_handlers_left_behind 0.0" in gateway.get("/metrics").text


def test_an_iq_is_answered_when_the_time_is_over_also_by_what_swallows_its_cancellation(gateway: TestGateway) -> None:
    async def ask() -> Stanza:
        iq = "<iq from='alice@localhost/x' to='waits@http.localhost' id='q' type='get'><x xmlns='urn:x'/></iq>"
        return await gateway.gateway.backend.request(Stanza.parse(iq), 10.0)

    reply: Stanza = gateway.client.portal.call(ask)
    assert reply.error is not None
    assert reply.error.condition == "remote-server-timeout"
    eventually(lambda: "tigrest_handlers_left_behind 1.0" in gateway.get("/metrics").text)


def test_sys_exit_ends_the_request_and_not_the_gateway(gateway: TestGateway, caplog: pytest.LogCaptureFixture) -> None:
    assert gateway.get("/rest/state/exit").status_code == 500
    assert "the script calls sys.exit(); a method only returns or raises" in caplog.text
    assert gateway.get("/rest/state/answered").status_code == 200


@pytest.mark.parametrize(
    ("way", "what"),
    [
        ("interrupt", "the script raises KeyboardInterrupt"),
        ("closed", "the script raises GeneratorExit"),
        ("cancelled", "something that the script waits for was cancelled"),
    ],
)
def test_what_ends_tasks_ends_the_request_only_and_is_answered_and_named(
    gateway: TestGateway, caplog: pytest.LogCaptureFixture, way: str, what: str
) -> None:
    answer = gateway.get(f"/rest/state/{way}", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert what in caplog.text
    assert "State.exec_get" in caplog.text


def test_a_listener_that_raises_what_ends_the_event_loop_does_not_end_it(gateway: TestGateway, caplog: pytest.LogCaptureFixture) -> None:
    push(gateway, "interrupt", "again", to="swallows")
    eventually(lambda: answered(gateway) == ["again"])
    assert "the script raises KeyboardInterrupt" in caplog.text


class Hangs(Handler):
    """A handler whose method goes on until it is told."""

    def __init__(self, until: Callable[[], bool]) -> None:
        self._until = until

    def on_schedule(self) -> None:
        """Wait."""
        while not self._until():
            time.sleep(0.005)


async def test_threads_that_are_stuck_are_bounded_for_each_part() -> None:
    done: list[bool] = []
    handler = Hangs(lambda: bool(done))
    execution = Execution(ExecutionLimits(notice=0.1, workers=WorkerLimits(stuck_of_part=2)))
    invocation = compile_method(handler.on_schedule, SCHEDULE)
    parts = [Part(path=Path(f"/s/{name}.py"), relative=Path(f"{name}.py"), name=name, handler=handler, timeout=None) for name in "ab"]
    outcomes = []
    runs: list[Run] = []
    try:
        for part in [parts[0], parts[0], parts[0], parts[1]]:
            runs.append(Run(part, invocation, ScheduleCall(None), 0.05))  # type: ignore[arg-type]
            try:
                await execution.run(runs[-1])
            except Exception as error:
                outcomes.append(str(error))
    finally:
        done.append(True)
    late = "gave no result within 0.05 s"
    assert outcomes == [f"a {late}", f"a {late}", "2 calls of a are stuck in threads; correct a.py, line 1", f"b {late}"]
    for run in runs:
        await run.ended()
    assert dict(execution.workers.numbers())["stuck",] == 0


def test_a_method_is_named_with_its_file_below_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> None:
        """Do nothing."""

    monkeypatch.chdir(Path(__file__).parent)
    assert compile_method(run, SCHEDULE).where.startswith("test_execution.py:")
    monkeypatch.chdir(tmp_path)
    assert compile_method(run, SCHEDULE).where.startswith(f"{Path(__file__)}:")
