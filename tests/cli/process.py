"""Running the program as people do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
TIGREST = [sys.executable, "-m", "tigrest"]

LISTENING = "tigrest: listening on "


def environment(**variables: str) -> dict[str, str]:
    """The environment without settings of whoever runs the tests."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("TIGREST", "HTTP_API_KEY"))}
    return mine | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", "COLUMNS": "200"} | variables


def tigrest(*arguments: str, cwd: Path, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    command = [*TIGREST, *arguments]
    return subprocess.run(
        command, cwd=cwd, input=stdin, env=environment(**variables), capture_output=True, text=True, timeout=30, check=False
    )


@contextmanager
def serving(*arguments: str, cwd: Path, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run ``tigrest serve`` on a free port; gives the process and its base URL. Its log goes to ``log`` in the directory."""
    command = [*TIGREST, "serve", "--port", "0", *arguments]
    with (cwd / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=cwd, env=environment(**variables), stdout=subprocess.PIPE, stderr=log, text=True)
    with process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line.startswith(LISTENING), (cwd / "log").read_text()
            yield process, line.removeprefix(LISTENING).removesuffix("/rest/\n")
        finally:
            process.kill()
