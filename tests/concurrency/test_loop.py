"""Everything runs on one kind of event loop, that of ``tigrest serve``: commands, tests, and the tests of script authors."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from tests.cli.process import prepare, serving, tigrest
from tests.conftest import Run
from tigrest.cli.stored import with_store
from tigrest.state.database import Database
from tigrest.testing import TestGateway

PACKAGE = Path(__file__).parent.parent.parent / "tigrest"

SCRIPT = """
import asyncio
from pathlib import Path
from tigrest import Handler

class Which(Handler):
    regex = "/which"

    async def startup(self, service):
        Path("loop").write_text(type(asyncio.get_running_loop()).__module__)

    async def exec_get(self):
        return type(asyncio.get_running_loop()).__module__
"""


async def which() -> str:
    return type(asyncio.get_running_loop()).__module__


def with_script(folder: Path) -> Path:
    """Return a project whose script writes the name of the loop it starts on to the file that is returned."""
    script = folder / "scripts" / "rest" / "which.py"
    script.parent.mkdir(parents=True)
    script.write_text(SCRIPT)
    return folder / "loop"


def test_serve_runs_on_uvloop(tmp_path: Path) -> None:
    told = with_script(tmp_path)
    with serving(cwd=tmp_path):
        assert told.read_text() == "uvloop"


def test_diagnostics_run_on_the_served_loop(tmp_path: Path) -> None:
    told = with_script(tmp_path)
    prepare(tmp_path)
    assert tigrest("check", "--live", cwd=tmp_path).returncode == 0
    assert told.read_text() == "uvloop"


def test_commands_with_a_store_run_on_the_served_loop(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(f'[state]\ndatabase = "{tmp_path}/state.sqlite3"\n')

    class Store:
        def __init__(self, database: Database) -> None:
            """Nothing is kept."""

        async def start(self) -> str:
            return await which()

    assert with_store(tmp_path / "config.toml", Store, lambda store: store.start()) == "uvloop"


def test_tests_of_scripts_run_on_the_served_loop(gateway: TestGateway) -> None:
    assert gateway.client.portal.call(which) == "uvloop"


async def test_tests_run_on_the_served_loop() -> None:
    assert await which() == "uvloop"


def test_tests_with_a_runner_do(run: Run) -> None:
    assert run(which()) == "uvloop"


def test_only_one_module_makes_loops() -> None:
    makes = re.compile(r"asyncio\.(run\([^)]|Runner|new_event_loop|get_event_loop\b|set_event_loop_policy)|uvloop\.|import uvloop")
    assert [path.name for path in PACKAGE.rglob("*.py") if makes.search(path.read_text("utf-8"))] == ["loop.py"]
