"""``tigrest check --live`` takes no running gateway's link away, unless that is wanted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.process import tigrest
from tigrest.cli.diagnostics import expect_no_gateway
from tigrest.config import Config
from tigrest.ctl.socket_file import SocketFile
from tigrest.errors import DatabaseInUse, DatabaseUnreachable, GatewayRunning
from tigrest.state.database import Database
from tigrest.state.location import MEMORY

CLOSED = {
    "TIGREST__XMPP__BACKEND": "component",
    "TIGREST__XMPP__SECRET": "s",
    "TIGREST__XMPP__PORT": "1",
    "TIGREST__SCRIPTS__BUILTINS": "false",
}
"""Settings of a component whose server cannot be reached."""

RUNNING = f"a gateway runs with this configuration \\(process {os.getpid()}\\)"


def config(database: Path | str, socket: Path | str = "") -> Config:
    xmpp = {"backend": "component", "secret": "s"}
    return Config.model_validate({"xmpp": xmpp, "state": {"database": str(database)}, "ctl": {"socket": str(socket)}})


def ignore(error: DatabaseInUse) -> None:
    raise AssertionError(error)


async def test_a_gateway_that_runs_is_not_disturbed_unless_that_is_wanted(tmp_path: Path) -> None:
    database = Database(tmp_path / "var" / "tigrest.sqlite3", on_lost=ignore)
    await database.start()
    try:
        refused = tigrest("check", "--live", cwd=tmp_path, **CLOSED)
        wanted = tigrest("check", "--live", "--beside", cwd=tmp_path, **CLOSED)
    finally:
        await database.stop()
    assert refused.returncode == 1
    assert refused.stderr == (
        f"tigrest: a gateway runs with this configuration (process {os.getpid()}), and a check as the same component would take its link "
        "away, or a part of its answers; stop it before, or add --beside to disturb it\n"
    )
    assert (wanted.returncode, "cannot be reached" in wanted.stderr) == (3, True)


async def test_it_is_known_by_the_lock_of_its_database(tmp_path: Path) -> None:
    given = config(tmp_path / "state.sqlite3")
    await expect_no_gateway(given)
    assert list(tmp_path.iterdir()) == []
    database = Database(tmp_path / "state.sqlite3", on_lost=ignore)
    await database.start()
    with pytest.raises(GatewayRunning, match=RUNNING):
        await expect_no_gateway(given)
    await database.stop()
    assert (tmp_path / "state.sqlite3.lock").exists()
    await expect_no_gateway(given)


async def test_it_is_known_by_its_socket(tmp_path: Path) -> None:
    given = config(MEMORY, tmp_path / "ctl.sock")
    await expect_no_gateway(given)
    listening = SocketFile(tmp_path / "ctl.sock")
    with pytest.raises(GatewayRunning, match=RUNNING):
        await expect_no_gateway(given)
    listening.socket.close()  # as a process that is killed leaves it
    assert (tmp_path / "ctl.sock").is_socket()
    await expect_no_gateway(given)


async def test_what_cannot_be_seen_is_told(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite3.lock").symlink_to("state.sqlite3.lock")
    with pytest.raises(GatewayRunning, match=r"whether a gateway runs with this configuration cannot be seen: .*state\.sqlite3\.lock"):
        await expect_no_gateway(config(tmp_path / "state.sqlite3"))


async def test_a_database_that_cannot_be_reached_is_told_with_the_way_round_it() -> None:
    pytest.importorskip("asyncpg")
    with pytest.raises(
        DatabaseUnreachable, match=r"cannot be reached: .*; it would tell whether a gateway runs .*: if one does, .*--beside"
    ):
        await expect_no_gateway(config("postgresql+asyncpg://tigrest@127.0.0.1:1/tigrest"))
