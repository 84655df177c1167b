"""Lines of ``curl`` as people paste them: unchanged, into a shell, against a gateway that listens."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from tigrest.config import Config
from tigrest.gateway.demo import picture
from tigrest.http.wire.listener import bind
from tigrest.http.wire.server import serve_gateway
from tigrest.testing import API_KEY, TestGateway

SHELLS = ("bash", "dash")
"""What people paste into: the shell of most, and a strict POSIX one, which is Debian's ``sh``."""

BASE = "http://127.0.0.1:8080"
"""Where documentation has the gateway."""

STREAM_SECONDS = 1.0
"""Time after which a line that reads a stream for ever is ended."""

_SETTINGS = """
silent
show-error
write-out = "%{{stderr}}\\n{mark}%{{http_code}} %{{content_type}}\\n"
max-time = {seconds}
"""
_MARK = "tigrest-status: "


@dataclass
class _Running:
    """A gateway that was started already, for the HTTP server."""

    entry: ASGIApp
    failure: None = None

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    def on_failure(self, callback: Callable[[], None]) -> None:
        pass


@contextmanager
def listening(gateway: TestGateway, host: str = "127.0.0.1") -> Iterator[str]:
    """Have a gateway listen on a free port, with the HTTP server of production; gives its base URL.

    Args:
        gateway: it runs already.
        host: address to listen on.
    """
    bases: list[str] = []
    ready = threading.Event()

    def note(base: str) -> None:
        bases.append(base)
        ready.set()

    listener, stop = bind(host, 0), asyncio.Event()
    config = Config.model_validate({"http": {"host": host}})
    portal = gateway.client.portal
    serving = portal.start_task_soon(lambda: serve_gateway(_Running(gateway.gateway.entry), config, listener, stop=stop, ready=note))
    assert ready.wait(10)
    try:
        yield bases[0]
    finally:
        portal.call(stop.set)
        serving.result(10)


@dataclass(frozen=True)
class Pasted:
    """What a pasted line led to.

    Args:
        status: of HTTP; of several requests that of the last.
        statuses: of all.
        content_type: of the answer.
        text: what was printed, without the head that ``-i`` shows.
        head: that head.
        error: what the shell and curl complained of.
    """

    status: int
    statuses: list[int]
    content_type: str
    text: str
    head: str
    error: str

    def json(self) -> Any:
        """Return the printed answer as JSON."""
        return json.loads(self.text)


class Shell:
    """Runs lines in a shell, in a folder with the pictures that they name.

    Args:
        name: of the shell.
        folder: where lines run; curl reads its settings from it, so that lines stay as they are.
        stream_seconds: time after which curl gives up.
    """

    def __init__(self, name: str, folder: Path, stream_seconds: float = 20.0) -> None:
        path = shutil.which(name)
        assert path is not None, f"{name} is not installed"
        assert shutil.which("curl"), "curl is not installed"
        self._path, self._folder = path, folder
        self._settings = _SETTINGS.format(mark=_MARK, seconds=stream_seconds)

    def paste(self, line: str) -> Pasted:
        """Run a line, or several; the shell itself must not complain."""
        for name in re.findall(r"(\w+)\.png", line):
            (self._folder / f"{name}.png").write_bytes(picture(name))
        done = self._run(line)
        said = done.stderr.decode()
        marks = re.findall(rf"^{_MARK}(\d+) ?(.*)$", said, re.MULTILINE)
        error = re.sub(rf"^{_MARK}.*$", "", said, flags=re.MULTILINE).strip()
        assert marks, f"{line}\n{said}"
        head, text = _without_heads(done.stdout.decode(errors="replace"))
        return Pasted(int(marks[-1][0]), [int(status) for status, _ in marks], marks[-1][1], text, head, error)

    def run(self, line: str) -> str:
        """Run a line of anything and return what it prints."""
        return self._run(line).stdout.decode()

    def _run(self, line: str) -> subprocess.CompletedProcess[bytes]:
        (self._folder / ".curlrc").write_text(self._settings)
        variables = {"PATH": os.environ["PATH"], "CURL_HOME": str(self._folder), "HOME": str(self._folder), "LC_ALL": "C.UTF-8"}
        return subprocess.run([self._path, "-c", line], cwd=self._folder, env=variables, capture_output=True, timeout=60, check=False)


def _without_heads(printed: str) -> tuple[str, str]:
    """Split what ``curl -i`` prints into the last head and what is behind it."""
    head = ""
    while printed.startswith("HTTP/1.1 "):
        head, _, printed = printed.partition("\r\n\r\n")
    return head, printed


def adapted(line: str, base: str, key: str = API_KEY) -> str:
    """Put the address and the API key of a gateway into a line of the documentation; nothing else is changed."""
    return line.replace(BASE, base).replace("KEY", key)
