"""What runs by the clock: when, one run at a time, what a reload changes, and how it ends."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.cli.process import tigrest
from tests.waiting import eventually, until
from tigrest.observability.metrics import Metrics
from tigrest.scripting.execution import Execution, ExecutionLimits
from tigrest.scripting.loader import Loader
from tigrest.scripting.routes import RouteKind
from tigrest.scripting.schedules import Cron, CronTimer, Every, PeriodLimits, PeriodTimer, Schedule, ScheduleKind
from tigrest.scripting.scheduling import Scheduling, SchedulingLimits
from tigrest.scripting.table import Table
from tigrest.testing import TestGateway, serving

EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "schedules"

BERLIN = ZoneInfo("Europe/Berlin")

HEAD = "import asyncio, sys, threading, time\nfrom tigrest import *\n"


# When


def local(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold)


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("*/5 * * * *", "2026-01-01 12:00", ["12:05", "12:10", "12:15"]),
        ("*/5 * * * *", "2026-01-01 12:04:59", ["12:05", "12:10"]),
        ("0 9 * * mon-fri", "2026-01-02 10:00", ["2026-01-05 09:00", "2026-01-06 09:00"]),
        ("30 2 * * *", "2026-03-28 12:00", ["2026-03-29 03:00", "2026-03-30 02:30"]),  # 2:30 is left out
        ("30 2 * * *", "2026-10-24 12:00", ["2026-10-25 02:30+02:00", "2026-10-26 02:30"]),  # 2:30 comes twice
        ("30 * * * *", "2026-10-25 01:45", ["2026-10-25 02:30+02:00", "2026-10-25 02:30+01:00", "2026-10-25 03:30"]),
        ("0 12 * * *", "2026-03-28 13:00", ["2026-03-29 12:00"]),
    ],
)
def test_times_of_cron_are_those_of_the_clock_on_the_wall(expression: str, after: str, expected: list[str]) -> None:
    moment = local(after)
    for text in expected:
        moment = Cron(expression).after(moment)
        text = text if " " in text else f"2026-01-01 {text}"
        wanted = datetime.fromisoformat(text)
        assert moment.timestamp() == (wanted if wanted.tzinfo else wanted.replace(tzinfo=BERLIN)).timestamp()


def test_nothing_is_due_in_the_past_when_the_hour_comes_twice() -> None:
    moment = local("2026-10-25 02:10", fold=1)
    assert Cron("30 2 * * *").after(moment) == local("2026-10-26 02:30")


def test_a_clock_that_is_set_back_a_little_repeats_nothing_and_one_that_is_set_back_much_is_followed() -> None:
    times = [datetime(2026, 1, 1, 12, 4, tzinfo=UTC)]
    timer = CronTimer(Cron("*/5 * * * *"), lambda: times[-1])
    assert f"{timer.advance():%H:%M}" == "12:05"
    assert timer.remaining() == 60
    times.append(datetime(2026, 1, 1, 12, 5, tzinfo=UTC))
    assert timer.remaining() == 0
    times.append(datetime(2026, 1, 1, 12, 4, 58, tzinfo=UTC))
    assert f"{timer.advance():%H:%M}" == "12:10"
    times.append(datetime(2026, 1, 1, 9, 1, tzinfo=UTC))
    assert f"{timer.advance():%H:%M}" == "09:05"
    times.append(datetime(2026, 1, 1, 15, 1, tzinfo=UTC))
    assert timer.remaining() < 0, "what was due while the machine slept runs once"
    assert f"{timer.advance():%H:%M}" == "15:05"


def test_periods_count_from_the_load_and_do_not_drift() -> None:
    now = [100.0]
    timer = PeriodTimer(Every(30.0), lambda: now[0])
    timer.advance()
    assert timer.remaining() == 30
    now[0] = 129.9  # a timer that is early
    timer.advance()
    assert timer.remaining() == pytest.approx(30.1)
    now[0] = 200.0  # 160 is reached, 190 is missed
    timer.advance()
    assert timer.remaining() == pytest.approx(20)


# Runs


KINDS = (RouteKind(), ScheduleKind(PeriodLimits(least=0.01)))


class Running:
    """Schedules of a folder, run without a gateway, so that their periods may be short."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loader = Loader([folder], kinds=KINDS)
        self.table = Table()
        self.metrics = Metrics()
        self.events: list[threading.Event] = []
        limits = SchedulingLimits(look_seconds=0.05, stop_seconds=0.5)
        service: Any = object()
        self.scheduling = Scheduling(service, execution=Execution(ExecutionLimits(notice=0.1)), timeout=30.0, limits=limits)
        self.scheduling.add_metrics(self.metrics)

    def save(self, source: str, name: str = "job.py") -> None:
        """Save a script and load what changed."""
        (self.folder / name).write_text(HEAD + source)
        self.table = self.loader.load(self.table)
        assert [str(problem) for problem in self.table.problems] == []
        self.events += [sys.modules[type(part.handler).__module__].release for part in self.table.of(Schedule) if part.name == "Job"]
        self.scheduling.serve(self.table.of(Schedule))

    def count(self, outcome: str, schedule: str = "job.py:Job") -> float:
        """Return how many runs there were."""
        found = re.search(
            rf'tigrest_schedule_runs_total{{outcome="{outcome}",schedule="{schedule}"}} (\S+)', self.metrics.render()[1].decode()
        )
        return float(found[1]) if found else 0


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    running = Running(tmp_path)
    yield running
    for event in running.events:
        event.set()
    await running.scheduling.stop()


JOB = """
release = threading.Event()
class Job(Handler):
    every = 0.05
    timeout = %s
    runs = 0
    %s on_schedule(self):
        Job.runs += 1
        if Job.runs == 1:
            %s
"""


def job(running: Running) -> Any:
    [schedule] = [schedule for schedule in running.table.of(Schedule) if schedule.name == "Job"]
    return type(schedule.handler)


def release(running: Running) -> None:
    running.events[-1].set()


async def test_a_saved_script_replaces_its_schedule_and_leaves_those_of_others_alone(running: Running) -> None:
    other = "class Other(Handler):\n    every = %d\n    async def on_schedule(self): pass\n"
    running.save(other % 1000, "other.py")
    [before] = running.table.of(Schedule)
    await until(lambda: before.due is not None)
    due = before.due
    running.save(JOB % ("30", "async def", "pass"))
    first = job(running)
    await until(lambda: first.runs >= 2)
    running.save((JOB % ("30", "async def", "pass")).replace("every = 0.05", "every = 0.06"))
    await until(lambda: job(running).runs >= 2)
    runs = first.runs
    await asyncio.sleep(0.2)
    assert first.runs == runs, "the old version runs no more"
    assert [schedule for schedule in running.table.of(Schedule) if schedule.name == "Other"] == [before]
    assert before.due == due, "undisturbed"
    (running.folder / "job.py").unlink()
    running.save(other % 2000, "other.py")
    assert [schedule.shown for schedule in running.table.of(Schedule)] == ["every 2000 s"]


async def test_a_run_that_is_due_while_one_goes_on_is_skipped_and_logged_once(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    running.save(JOB % ("30", "def", "release.wait(20)"))
    await until(lambda: running.count("skipped") >= 3)
    assert running.count("done") == 0
    assert len(re.findall(r"/job\.py:\d+: Job\.on_schedule still runs when it is due again", caplog.text)) == 1
    release(running)
    await until(lambda: running.count("done") >= 3)


async def test_a_new_version_waits_for_the_run_of_the_old_one(running: Running) -> None:
    running.save(JOB % ("30", "def", "release.wait(20)"))
    old = job(running)
    await until(lambda: old.runs == 1)
    running.save(JOB % ("30", "async def", "pass"))
    await until(lambda: running.count("skipped") >= 2)
    assert job(running).runs == 0
    running.events[0].set()
    await until(lambda: job(running).runs >= 2)


HANGS = [
    ("def", "release.wait(20)", "job.py:9: Job.on_schedule did not end within 0.2 s"),
    ("async def", "await asyncio.sleep(99)", "job.py:9: Job.on_schedule did not end within 0.2 s"),
    (
        "async def",
        "\n            while not release.is_set():\n                try: await asyncio.sleep(0.01)\n                except BaseException: pass",
        "Job was cancelled after 0.2 s and goes on: job.py:",
    ),
]


@pytest.mark.parametrize(("keyword", "wait", "logged"), HANGS)
async def test_a_run_has_a_time(running: Running, caplog: pytest.LogCaptureFixture, keyword: str, wait: str, logged: str) -> None:
    running.save(JOB % ("0.2", keyword, wait))
    await until(lambda: running.count("failed") == 1)
    assert logged in caplog.text
    if "release" in wait:
        skipped = running.count("skipped")
        await until(lambda: running.count("skipped") > skipped)
        assert running.count("done") == 0, "it still runs"
        release(running)
    await until(lambda: running.count("done") >= 1)


@pytest.mark.parametrize(("keyword", "wait", "logged"), [HANGS[0], HANGS[2]])
async def test_a_new_version_does_not_wait_for_a_run_that_hangs_in_the_old_one(
    running: Running, keyword: str, wait: str, logged: str
) -> None:
    running.save(JOB % ("0.2", keyword, wait))
    await until(lambda: running.count("failed") == 1)
    running.save(JOB % ("0.2", keyword, "pass"))
    await until(lambda: running.count("done") >= 1)


RAISED = [
    ("ValueError('no')", "ValueError: no"),
    ("SystemExit(1)", "the script calls sys.exit()"),
    ("GeneratorExit", "the script raises GeneratorExit"),
    ("asyncio.CancelledError()", "Cancelled"),
]


@pytest.mark.parametrize("keyword", ["async def", "def"])
@pytest.mark.parametrize(("raised", "logged"), RAISED)
async def test_whatever_is_raised_is_logged_with_its_traceback_and_the_next_run_comes(
    running: Running, caplog: pytest.LogCaptureFixture, keyword: str, raised: str, logged: str
) -> None:
    running.save(JOB % ("30", keyword, f"raise {raised}"))
    await until(lambda: running.count("done") >= 1)
    assert running.count("failed") == 1
    assert re.search(r"/job\.py:\d+: Job\.on_schedule failed", caplog.text)
    assert f"raise {raised}" in caplog.text
    assert logged in caplog.text


async def test_what_does_not_end_is_given_up_at_the_stop(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    running.save(JOB % ("30", "async def", "await asyncio.sleep(99)"))
    await until(lambda: job(running).runs == 1)
    async with asyncio.timeout(10):
        await running.scheduling.stop()
    assert "1 runs of schedules were given up" in caplog.text
    running.scheduling.serve(running.table.of(Schedule))
    assert not running.scheduling._tasks, "nothing begins behind the stop"


# In a gateway


@pytest.fixture
def clock(tmp_path: Path) -> Iterator[Callable[[str], TestGateway]]:
    """Serve handler classes whose schedules run, given as the text behind the imports."""
    with ExitStack() as stack:

        def serve(source: str) -> TestGateway:
            (tmp_path / "job.py").write_text(HEAD + source)
            gateway = stack.enter_context(serving(tmp_path, builtins=False, scripts={"schedules": True}))
            assert [str(problem) for problem in gateway.gateway.table.problems] == []
            return gateway

        yield serve


BOTH = """
class Both(Handler):
    regex = "/runs"
    match = Match(local="both")
    every = 1.0
    started = ended = 0
    async def on_schedule(self, service):
        self.started += 1
        await asyncio.sleep(0.2)
        self.ended += 1
    async def on_message(self):
        return str(self.started)
    async def exec_get(self):
        return {"runs": self.started}
    async def shutdown(self):
        print("down", self.started - self.ended)
"""


def test_a_class_may_be_route_listener_and_schedule_at_once(
    clock: Callable[[str], TestGateway], capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = clock(BOTH)
    assert gateway.get("/rest/runs?type=json").json() == {"runs": 0}, "not at once"
    eventually(lambda: gateway.get("/rest/runs?type=json").json() == {"runs": 1})
    [reply] = gateway.receive("<message to='both@http.localhost' type='chat'><body>?</body></message>")
    assert int(reply.body) >= 1
    gateway.client.__exit__()
    assert capsys.readouterr().out == "down 0\n", "shutdown waits for the run"


# Tests of scripts


REPORT = """
class Report(Handler):
    schedule = "0 7 * * *"
    async def on_schedule(self, service):
        await service.send("<message to='bob@localhost'><body>Good morning</body></message>")

class Broken(Handler):
    every = 30
    def on_schedule(self):
        raise KeyError("name")
"""


def test_a_test_runs_a_schedule_when_it_wants(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "job.py").write_text(HEAD + REPORT)
    caplog.set_level(logging.ERROR)
    with serving(tmp_path, builtins=False) as gateway:
        [sent] = gateway.run_schedule("Report")
        assert sent.body == "Good morning"
        with pytest.raises(KeyError, match="name"):
            gateway.run_schedule("Broken")
        with pytest.raises(LookupError, match="there is Report, Broken"):
            gateway.run_schedule("report")
        assert all(schedule.due is None for schedule in gateway.gateway.table.of(Schedule)), "not by the clock"
    assert re.search(r"/job\.py:\d+: Broken\.on_schedule failed", caplog.text)


def test_the_example_reminds_those_who_want_it() -> None:
    with serving(EXAMPLES, builtins=False) as gateway:
        assert gateway.gateway.table.problems == ()

        def say(text: str) -> str:
            [reply] = gateway.receive(f"<message to='standup@http.localhost' type='chat'><body>{text}</body></message>")
            return reply.body

        assert gateway.run_schedule("Standup") == []
        assert say("on") == "I shall remind you at 9:55."
        [reminder] = gateway.run_schedule("Standup")
        assert (str(reminder.sender), str(reminder.to)) == ("standup@http.localhost", "alice@localhost")
        assert say("OFF") == "As you like."
        assert gateway.run_schedule("Standup") == []


# Shown


def test_schedules_are_shown(tmp_path: Path) -> None:
    rest = tmp_path / "scripts" / "rest"
    rest.mkdir(parents=True)
    (rest / "job.py").write_text(HEAD + REPORT)
    listed = tigrest("routes", cwd=tmp_path).stdout
    assert re.search(r"(?m)^on_schedule +0 7 \* \* \*, next \d{4}-\d\d-\d\d 07:00 \w+ +- +- +scripts/rest/job.py$", listed)
    assert re.search(r"(?m)^on_schedule +every 30 s +- +- +scripts/rest/job.py$", listed)
    entries = [entry for entry in json.loads(tigrest("routes", "--json", cwd=tmp_path).stdout) if entry["methods"] == ["on_schedule"]]
    assert [(entry["schedule"], (entry["next_run"] or "")[10:19]) for entry in entries] == [("0 7 * * *", "T07:00:00"), ("every 30 s", "")]
    assert "no problems" in tigrest("check", cwd=tmp_path).stdout


def test_the_index_shows_admins_what_runs_by_the_clock(clock: Callable[[str], TestGateway]) -> None:
    gateway = clock(REPORT)
    eventually(lambda: all(schedule.due for schedule in gateway.gateway.table.of(Schedule)))
    assert "schedules" not in gateway.get("/rest/").json()
    shown = gateway.get("/rest/", login="admin").json()["schedules"]
    assert [(entry["methods"], entry["schedule"], entry["script"]) for entry in shown] == [
        (["on_schedule"], "0 7 * * *", "job.py"),
        (["on_schedule"], "every 30 s", "job.py"),
    ]
    assert all(datetime.fromisoformat(entry["next_run"]).tzinfo for entry in shown)
    page = gateway.get("/rest/", login="admin", headers={"Accept": "text/html"}).text
    assert "By the clock" in page
    assert "every 30 s, next " in page


def test_a_base_class_of_schedules_is_none(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(
        "from tigrest import Handler\n"
        "class Base(Handler):\n    def on_schedule(self): pass\n"
        "class A(Base):\n    every = 5\n"
        "class B(Base):\n    schedule = '@'.replace('@', '* * * * *')\n"
    )
    table = Loader([tmp_path]).load()
    assert table.problems == ()
    assert [(schedule.name, schedule.shown) for schedule in table.of(Schedule)] == [("A", "every 5 s"), ("B", "* * * * *")]
