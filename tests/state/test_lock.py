"""One gateway for each database."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tigrest.errors import DatabaseInUse
from tigrest.state.database import Database
from tigrest.state.location import MEMORY


def ignore(error: DatabaseInUse) -> None:
    raise AssertionError(error)


async def test_a_second_gateway_is_refused_until_the_first_one_stops(tmp_path: Path) -> None:
    first, second = (Database(tmp_path / "state.sqlite3", on_lost=ignore) for _ in range(2))
    await first.start()
    with pytest.raises(DatabaseInUse, match=rf"state\.sqlite3 is in use by another gateway \(process {os.getpid()}\)"):
        await second.start()
    await first.stop()
    await second.start()
    await second.stop()


async def test_it_does_not_matter_how_the_path_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link.sqlite3").symlink_to("state.sqlite3")
    monkeypatch.chdir(tmp_path)
    first = Database(tmp_path / "state.sqlite3", on_lost=ignore)
    await first.start()
    for other in ("state.sqlite3", "./state.sqlite3", "link.sqlite3", "sqlite+aiosqlite:///state.sqlite3"):
        with pytest.raises(DatabaseInUse):
            await Database(other, on_lost=ignore).start()
    await first.stop()


async def test_commands_beside_a_gateway_need_no_lock(tmp_path: Path) -> None:
    gateway, command = Database(tmp_path / "state.sqlite3", on_lost=ignore), Database(tmp_path / "state.sqlite3")
    await gateway.start()
    await command.start()
    await command.stop()
    with pytest.raises(DatabaseInUse):
        await Database(tmp_path / "state.sqlite3", on_lost=ignore).start()
    await gateway.stop()


async def test_databases_in_memory_are_each_ones_own() -> None:
    databases = [Database(MEMORY, on_lost=ignore) for _ in range(2)]
    for database in databases:
        await database.start()
    for database in databases:
        await database.stop()


async def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    code = (
        "import asyncio, time; from tigrest.state.database import Database\n"
        f"async def go():\n await Database({str(tmp_path / 'x.sqlite3')!r}, on_lost=print).start(); print('up', flush=True); time.sleep(60)\n"
        "asyncio.run(go())"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        database = Database(tmp_path / "x.sqlite3", on_lost=ignore)
        with pytest.raises(DatabaseInUse, match=f"process {process.pid}"):
            await database.start()
        process.kill()
    await database.start()
    await database.stop()


async def test_the_lock_is_for_its_owner_only(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.sqlite3", on_lost=ignore)
    await database.start()
    assert (tmp_path / "state.sqlite3.lock").stat().st_mode & 0o777 == 0o600
    await database.stop()
