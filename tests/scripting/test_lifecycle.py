"""``startup`` and ``shutdown`` of a handler take neither the gateway down nor the other scripts, whatever they do."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from tigrest.scripting.lifecycle import Scripts
from tigrest.scripting.loader import Loader
from tigrest.scripting.table import Table
from tigrest.service import Service

SCRIPT = """
import asyncio, sys
from tigrest import Handler

async def swallow():
    for _ in range(2):
        try:
            await asyncio.sleep(1.2)  # longer than a hook gets to end, once it is cancelled
        except asyncio.CancelledError:
            pass

async def interrupt():
    raise KeyboardInterrupt

async def be_cancelled():
    raise asyncio.CancelledError

async def leave():
    sys.exit(3)

async def fail():
    raise ValueError

class Life(Handler):
    regex = "/life"
    async def {hook}(self, *service):
        await {what}()
    def exec_get(self): return "ok"
"""

GOOD = """
from tigrest import Handler

class Good(Handler):
    regex = "/good"
    def exec_get(self): return "ok"
"""

WAYS = ["leave", "interrupt", "be_cancelled", "swallow", "fail"]


@pytest.fixture
def serve(tmp_path: Path) -> Callable[[str, str], Scripts]:
    """Make scripts one of which has a hook that goes wrong in some way."""

    def make(hook: str, what: str) -> Scripts:
        (tmp_path / "life.py").write_text(SCRIPT.format(hook=hook, what=what))
        (tmp_path / "good.py").write_text(GOOD)
        return Scripts(Loader([tmp_path]), cast("Service", None), lambda table: None, seconds=0.05)

    return make


def served(table: Table) -> list[str]:
    return [route.uri for route in table.routes]


@pytest.mark.parametrize("way", WAYS)
async def test_a_script_whose_startup_goes_wrong_is_a_problem_and_the_others_are_served(
    serve: Any, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    scripts = serve("startup", way)
    table = await scripts.reload()
    assert served(table) == ["/rest/good"]
    (problem,) = table.problems
    assert "life.py" in str(problem)
    assert ("startup() did not end within 0.05 s" in str(problem)) == (way == "swallow")
    [record] = [record for record in caplog.records if record.levelname == "ERROR" and "Life.startup failed" in record.getMessage()]
    assert re.fullmatch(r"\S+/life\.py:\d+: Life\.startup failed", record.getMessage())
    assert ("await " + way in caplog.text) == (way != "swallow"), "the line of the script"


@pytest.mark.parametrize("way", WAYS)
async def test_a_shutdown_that_goes_wrong_is_logged(serve: Any, way: str, caplog: pytest.LogCaptureFixture) -> None:
    scripts = serve("shutdown", way)
    assert served(await scripts.reload()) == ["/rest/good", "/rest/life"]
    await scripts.stop()
    assert re.search(r"life\.py:\d+: Life\.shutdown failed", caplog.text)
    assert ("await " + way in caplog.text) == (way != "swallow"), "the line of the script"


QUICK = """
from tigrest import Handler

class Quick(Handler):
    regex = "/quick"
    def exec_get(self): return "{answer}"
"""

SLOW = """
import asyncio, time
from pathlib import Path
from tigrest import Handler

go = Path(__file__).with_name("go")

{importing}

class Slow(Handler):
    regex = "/slow"
    async def startup(self, service):
        {starting}
    def exec_get(self): return "{answer}"
"""

SLOWNESS = {
    "import": {"importing": "while not go.exists(): time.sleep(0.01)", "starting": "pass"},
    "startup": {"importing": "", "starting": "while not go.exists(): await asyncio.sleep(0.01)"},
}
"""Ways of a script to be slow: until there is a file of the name ``go`` beside it."""


def answers(table: Table, *paths: str) -> list[object]:
    found = [table.match("GET", path) for path in paths]
    return [None if match is None or match.endpoint is None else match.endpoint.invocation.method() for match in found]


def patient(root: Path) -> Scripts:
    return Scripts(Loader([root]), cast("Service", None), lambda table: None, seconds=5, patience=0.1)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("way", SLOWNESS)
async def test_a_script_that_takes_long_holds_up_no_other(tmp_path: Path, way: str, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "quick.py").write_text(QUICK.format(answer="1"))
    (tmp_path / "slow.py").write_text(SLOW.format(answer="1", importing="", starting="pass"))
    scripts = patient(tmp_path)
    await scripts.reload()
    (tmp_path / "quick.py").write_text(QUICK.format(answer="2"))
    (tmp_path / "slow.py").write_text(SLOW.format(answer="2", **SLOWNESS[way]))
    table = await scripts.reload(0.3)
    assert answers(table, "/rest/quick", "/rest/slow") == ["2", "1"], "the slow one goes on as it was"
    assert table.problems == ()
    (tmp_path / "quick.py").write_text(QUICK.format(answer="3"))
    assert answers(await scripts.reload(0.3), "/rest/quick", "/rest/slow") == ["3", "1"]

    def told() -> list[str]:
        return [record.getMessage() for record in caplog.records if "the other scripts are served meanwhile" in record.getMessage()]

    async with asyncio.timeout(10):
        while not told():  # when its time began is not when the reload did
            await scripts.reload(0.3)
    await scripts.reload(0.3)
    (tmp_path / "go").touch()
    await until(lambda: answers(scripts.table, "/rest/slow") == ["2"])
    assert len(told()) == 1
    assert "slow.py" in told()[0]
    await scripts.stop()


async def test_a_script_that_comes_after_a_slow_one_is_not_blamed_and_does_not_wait(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a_slow.py").write_text(SLOW.format(answer="1", **SLOWNESS["import"]))
    (tmp_path / "b_quick.py").write_text(QUICK.format(answer="1"))
    scripts = patient(tmp_path)
    await scripts.reload(0.1)
    await until(lambda: answers(scripts.table, "/rest/quick") == ["1"])
    assert answers(scripts.table, "/rest/slow") == [None]
    (tmp_path / "b_quick.py").write_text(QUICK.format(answer="2"))
    await scripts.reload(0.1)
    await until(lambda: answers(scripts.table, "/rest/quick") == ["2"])
    assert answers(scripts.table, "/rest/slow") == [None]
    complaints = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert [complaint for complaint in complaints if "b_quick" in complaint] == []
    (tmp_path / "go").touch()
    await until(lambda: answers(scripts.table, "/rest/slow") == ["1"])
    await scripts.stop()


@pytest.mark.parametrize("way", SLOWNESS)
async def test_who_waits_for_all_gets_all(tmp_path: Path, way: str) -> None:
    (tmp_path / "slow.py").write_text(SLOW.format(answer="1", **SLOWNESS[way]))
    scripts = patient(tmp_path)
    assert answers(await scripts.reload(0.1), "/rest/slow") == [None]
    asyncio.get_running_loop().call_later(0.2, (tmp_path / "go").touch)
    assert answers(await scripts.reload(), "/rest/slow") == ["1"]
    await scripts.stop()


@pytest.mark.parametrize("way", SLOWNESS)
async def test_a_script_that_is_saved_again_while_it_loads_is_taken_as_it_is_last(tmp_path: Path, way: str) -> None:
    scripts = patient(tmp_path)
    for answer in ("1", "2"):
        (tmp_path / "slow.py").write_text(SLOW.format(answer=answer, **SLOWNESS[way]))
        await scripts.reload(0.1)
    (tmp_path / "slow.py").write_text(SLOW.format(answer="3", importing="", starting="pass"))
    await scripts.reload(0.1)
    await until(lambda: answers(scripts.table, "/rest/slow") == ["3"])
    (tmp_path / "go").touch()
    await asyncio.sleep(0.3)
    assert answers(scripts.table, "/rest/slow") == ["3"]
    (tmp_path / "slow.py").unlink()
    assert answers(await scripts.reload(0.1), "/rest/slow") == [None]
    await scripts.stop()


async def test_a_slow_script_that_fails_in_the_end_is_a_problem(tmp_path: Path) -> None:
    for name, way in {
        "a": {"importing": "time.sleep(0.3); 1 / 0", "starting": "pass"},
        "b": {"importing": "", "starting": "await asyncio.sleep(0.3); 1 / 0"},
    }.items():
        (tmp_path / f"{name}.py").write_text(SLOW.format(answer="1", **way).replace("/slow", f"/{name}"))
    scripts = patient(tmp_path)
    await scripts.reload(0.1)
    await until(lambda: bool(scripts.table.problems) and len(scripts.table.problems) == 2)
    problems = [str(problem) for problem in scripts.table.problems]
    assert [problem.rpartition(": ")[2] for problem in problems] == ["division by zero"] * 2
    await scripts.stop()


async def test_scripts_start_at_the_same_time(tmp_path: Path) -> None:
    met = "met = asyncio.Barrier(2)\n"
    (tmp_path / "_met.py").write_text(f"import asyncio\n{met}")
    for name in ("a", "b"):
        (tmp_path / f"{name}.py").write_text(
            "from ._met import met\n" + SLOW.format(answer="1", importing="", starting="await met.wait()").replace("/slow", f"/{name}")
        )
    scripts = patient(tmp_path)
    assert served(await scripts.reload()) == ["/rest/a", "/rest/b"]
    await scripts.stop()


async def test_a_gateway_that_stops_does_not_wait_for_a_slow_script(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW.format(answer="1", importing="", starting="await asyncio.sleep(60)"))
    scripts = patient(tmp_path)
    await scripts.reload(0.1)
    async with asyncio.timeout(3):
        await scripts.stop()
