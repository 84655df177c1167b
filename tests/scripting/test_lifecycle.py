"""``startup`` and ``shutdown`` of a handler take neither the gateway down nor the other scripts, whatever they do."""

from __future__ import annotations

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
    for _ in range(3):
        try:
            await asyncio.sleep(2)
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
