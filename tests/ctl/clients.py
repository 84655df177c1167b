"""``tigrest ctl`` in the tests: run as a process, and answers that need no gateway."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from tests.cli.process import ROOT
from tigrest.ctl.protocol import CtlReply, CtlRequest
from tigrest.ctl.server import Answer, CtlLimits, CtlServer, Terminal


class Done(NamedTuple):
    """What a client printed, and its exit code."""

    code: int
    out: str
    err: str


async def ctl(socket: Path | None, *arguments: str | bytes, cwd: Path, stdin: bytes = b"", **variables: str) -> Done:
    """Run ``tigrest ctl`` as users do, in a process of its own.

    Args:
        socket: named by the environment; ``None`` for what the configuration in the directory says.
        arguments: behind ``ctl``.
        cwd: the directory.
        stdin: what it reads.
        variables: of its environment.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TIGREST")} | {"PYTHONPATH": str(ROOT)}
    if socket is not None:
        environment["TIGREST_CTL_SOCKET"] = str(socket)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-m", "tigrest", "ctl", *arguments),
        cwd=cwd,
        env=environment | variables,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(stdin)
    assert process.returncode is not None
    return Done(process.returncode, out.decode(), err.decode())


async def echo(request: CtlRequest, user: str, terminal: Terminal) -> CtlReply:
    """Answer with the arguments; ``-`` stands for what standard input has."""
    words = [(await terminal.ask("stdin") or "") if word == "-" else word for word in request.arguments]
    return CtlReply(0, "\n".join(words) + "\n", f"for {user}\n")


@asynccontextmanager
async def listening(path: Path, answer: Answer = echo, limits: CtlLimits | None = None) -> AsyncIterator[CtlServer]:
    """Listen at a path."""
    server = CtlServer(path, answer, limits)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
