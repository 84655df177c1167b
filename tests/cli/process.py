"""Running the program as people do."""

from __future__ import annotations

import asyncio
import atexit
import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

from tests.cli.forks import ROOT, Process, Program, fork
from tigrest.config import Config
from tigrest.gateway import Gateway
from tigrest.passwords import Passwords

TIGREST = [sys.executable, "-m", "tigrest"]

__all__ = [
    "LISTENING",
    "ROOT",
    "TIGREST",
    "Process",
    "demo",
    "environment",
    "first_serving",
    "fresh_serving",
    "prepare",
    "run_script_tests",
    "serving",
    "tigrest",
    "without_delays",
]

LISTENING = "tigrest: listening on "


def environment(**variables: str) -> dict[str, str]:
    """Return the environment without settings of whoever runs the tests."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("TIGREST", "HTTP_API_KEY"))}
    return mine | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", "COLUMNS": "200"} | variables


def tigrest(*arguments: str, cwd: Path, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in a forked process."""
    return _run("tigrest", arguments, cwd, stdin, environment(**variables))


def run_script_tests(cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run pytest on the tests of an author of scripts, without the plugins that only we use, in a forked process."""
    ours = [argument for plugin in ("anyio", "cacheprovider", "hypothesispytest", "xdist") for argument in ("-p", f"no:{plugin}")]
    return _run("pytest", ["-q", *ours, "tests"], cwd, "", environment())


def _run(program: Program, arguments: Sequence[str], cwd: Path, stdin: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    with TemporaryFile("w+") as given, TemporaryFile("w+") as log:
        given.write(stdin)
        given.seek(0)
        with fork(arguments, cwd, variables, log, given, program=program) as process:
            assert process.stdout is not None
            printed = process.stdout.read()
            code = process.wait(30)
        log.seek(0)
        return subprocess.CompletedProcess(arguments, code, printed, log.read())


def without_delays(log: str) -> str:
    """Return a log without the watchdog's lines, which there may be wherever the machine is busy."""
    return "".join(line for line in log.splitlines(keepends=True) if "tigrest.scripting.watchdog" not in line)


@contextmanager
def first_serving(*arguments: str, cwd: Path, **variables: str) -> Iterator[tuple[Process, str]]:
    """Run it as :func:`fresh_serving` does, but as users start it: a process that has to import everything."""
    command = [*TIGREST, "serve", "--port", "0", *arguments]
    with (cwd / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=cwd, env=environment(**variables), stdout=subprocess.PIPE, stderr=log, text=True)
    with process:
        yield from _listening(process, cwd)


@functools.cache
def _prepared() -> Path:
    """Return the folder ``var`` after a first start, made once: in this process, with passwords hashed as cheaply as argon2id can."""
    folder = TemporaryDirectory(prefix="tigrest-prepared-")
    atexit.register(folder.cleanup)
    state = Path(folder.name) / "var"
    state.mkdir(mode=0o700)
    with ThreadPoolExecutor(1) as pool:  # there may be a running event loop in this thread
        pool.submit(asyncio.run, _start_once(state)).result()
    file = state / "demo-credentials.json"
    file.write_text(json.dumps(demo(state.parent) | {"file": f"var/{file.name}"}))
    return state


async def _start_once(state: Path) -> None:
    """Start a gateway in this process that keeps its state in a folder, and stop it."""
    database = {"database": str(state / "tigrest.sqlite3")}
    config = Config.model_validate({"embedded": database, "state": database, "scripts": {"reload": False, "schedules": False}})
    gateway = Gateway(config, [], Passwords(1, 8, 1))
    await gateway.start()
    await gateway.stop()


def prepare(cwd: Path) -> None:
    """Give a directory the state of an earlier start."""
    shutil.copytree(_prepared(), cwd / "var")


def demo(cwd: Path) -> dict[str, Any]:
    """Return what a directory with state keeps of the first start: ``passwords`` by the names of the accounts, and ``api_key``."""
    kept: dict[str, Any] = json.loads((cwd / "var" / "demo-credentials.json").read_text())
    return kept


@contextmanager
def serving(*arguments: str, cwd: Path, **variables: str) -> Iterator[tuple[Process, str]]:
    """Run it as :func:`fresh_serving` does, but give a directory without state that of an earlier start.

    It does not where the environment says something of databases, accounts and servers.
    """
    says = " ".join([*arguments, *variables])
    if not (cwd / "var").exists() and not any(word in says for word in ("EMBEDDED", "STATE", "XMPP", "--config")):
        prepare(cwd)
    with fresh_serving(*arguments, cwd=cwd, **variables) as running:
        yield running


@contextmanager
def fresh_serving(*arguments: str, cwd: Path, **variables: str) -> Iterator[tuple[Process, str]]:
    """Run ``tigrest serve`` on a free port; gives the process and its base URL. Its log goes to ``log`` in the directory.

    Args:
        arguments: further ones of the command.
        cwd: the directory.
        variables: of its environment.
    """
    with (cwd / "log").open("w") as log:
        process = fork(["serve", "--port", "0", *arguments], cwd, environment(**variables), log)
    with process:
        yield from _listening(process, cwd)


def _listening(process: Process, cwd: Path) -> Iterator[tuple[Process, str]]:
    """Give a process and its base URL once it listens, and kill it at the end."""
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith(LISTENING), (cwd / "log").read_text()
        yield process, line.removeprefix(LISTENING).removesuffix("/rest/\n")
    finally:
        process.kill()
