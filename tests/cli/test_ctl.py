"""``tigrest ctl`` against the served program."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from tests.cli.process import fresh_serving, prepare, serving
from tests.ctl.clients import ctl


async def test_commands_of_the_served_program_run_from_the_shell(tmp_path: Path) -> None:
    with serving(cwd=tmp_path):
        status = await ctl(None, "status", cwd=tmp_path)
        assert (status.code, status.err) == (0, "")
        assert status.out.startswith("The gateway http.localhost ")
        assert await ctl(None, "register", "jürgen", "localhost", "-", cwd=tmp_path, stdin=b"geheim\n") == (
            0,
            "User jürgen@localhost successfully registered\n",
            "",
        )
        assert (await ctl(None, "registered_users", "localhost", cwd=tmp_path)).out.splitlines()[-1] == "jürgen"
        taken = await ctl(None, "register", "jürgen", "localhost", "x", cwd=tmp_path)
        assert (taken.code, taken.err) == (1, "tigrest: there is an account jürgen@localhost already\n")
        assert (await ctl(None, "registr", cwd=tmp_path)).err == "tigrest: there is no command 'registr'; did you mean 'register'?\n"
        log = (tmp_path / "log").read_text()
        assert "register(user='jürgen', host='localhost', password=***) ok" in log
        assert "geheim" not in log


async def test_the_lines_of_ejabberdctl_work(tmp_path: Path) -> None:
    """Those of ejabberd's page about versions."""
    with serving(cwd=tmp_path):
        assert await ctl(None, "--version", "2", "set_loglevel", "4", cwd=tmp_path) == (0, "", "")
        assert (await ctl(None, "--version", "2", "get_loglevel", cwd=tmp_path)).out == "info\n"
        done = await ctl(None, "--version", "0", "help", "get_loglevel", cwd=tmp_path)
        assert (done.code, "Version: 0 (there is 0, 2)" in done.out) == (0, True)


async def test_the_socket_goes_with_the_program_and_a_dead_one_is_replaced(tmp_path: Path) -> None:
    socket = tmp_path / "var" / "ctl.sock"
    prepare(tmp_path)
    for end in (signal.SIGKILL, signal.SIGTERM):
        with fresh_serving(cwd=tmp_path) as (process, _):
            assert (await ctl(None, "status", cwd=tmp_path)).code == 0
            process.send_signal(end)
            await asyncio.to_thread(process.wait, 30)
        assert socket.exists() is (end == signal.SIGKILL)
        done = await ctl(None, "status", cwd=tmp_path)
        assert (done.code, done.out, done.err.count("\n")) == (3, "", 1)


async def test_the_socket_can_be_elsewhere_or_nowhere(tmp_path: Path) -> None:
    with serving(cwd=tmp_path, TIGREST__CTL__SOCKET="own/s"):
        assert (await ctl(None, "--socket", "own/s", "status", cwd=tmp_path)).code == 0
        assert (await ctl(None, "status", cwd=tmp_path, TIGREST__CTL__SOCKET="own/s")).code == 0
        assert not (tmp_path / "var" / "ctl.sock").exists()
    with fresh_serving(cwd=tmp_path, TIGREST__CTL__SOCKET=""):
        done = await ctl(None, "status", cwd=tmp_path, TIGREST__CTL__SOCKET="")
        assert (done.code, done.err.count("\n")) == (2, 1)
