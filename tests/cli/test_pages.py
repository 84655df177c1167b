"""Commands that the pages show, other than curl lines, in a shell: as printed, one after the other, in a folder with a gateway's state."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.cli.forks import write_command
from tests.cli.process import LISTENING, environment, prepare, serving
from tests.test_docs import FOLLOWED, PAGES, Block, blocks, is_pasted

ELSEWHERE = re.compile(r"(^|[ /])(pip|make|apt) ", re.MULTILINE)
"""Commands that would change the machine, or take an hour."""

COMMANDS = [
    pytest.param(block, id=f"{page}:{block.text.split()[0]}:{number}")
    for page in PAGES
    if page not in FOLLOWED
    for number, block in enumerate(blocks(page, "bash"))
    if not is_pasted(block) and "curl" not in block.text and not ELSEWHERE.search(block.text)
]


NOTHING_THERE = ("tigrest webhooks replay", "tigrest webhooks drop")
"""Commands about deliveries, of which a new gateway has none: they say so, and exit with 1."""


def in_a_shell(line: str, folder: Path) -> subprocess.Popen[str]:
    """Run a line where there is a command ``tigrest``, and what the pages take for granted."""
    command = folder / "bin" / "tigrest"
    command.parent.mkdir(exist_ok=True)
    server = write_command(command)
    (folder / "body").write_text("{}")
    (folder / "password-file").write_text("secret\n")
    variables = {"PATH": f"{command.parent}:{os.environ['PATH']}", "ID": "msg_1", "TIMESTAMP": "1767225600", "TIGREST__HTTP__PORT": "0"}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        ["sh", "-c", line],
        cwd=folder,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        stdout=pipe,
        stderr=pipe,
        text=True,
        pass_fds=[server],
    )


@pytest.mark.parametrize("block", COMMANDS)
def test_commands_work_as_printed(block: Block, tmp_path: Path) -> None:
    prepare(tmp_path)
    with serving(cwd=tmp_path) if "tigrest ctl " in block.text else nullcontext():
        run_lines(block.text, tmp_path)


def run_lines(text: str, folder: Path) -> None:
    """Run lines one after the other."""
    for line in text.splitlines():
        if "sqlite3 " in line and shutil.which("sqlite3") is None:
            assert "CI" not in os.environ, "sqlite3 is not installed; tests/servers/install.sh does that"
            pytest.skip("sqlite3 is not installed; as root: apt-get install sqlite3")
        if line.endswith("tigrest serve"):
            serves(line.replace("PORT=9000", "PORT=0").replace("tigrest serve", "exec tigrest serve"), folder)
            continue
        with in_a_shell(line, folder) as running:
            out, err = running.communicate(timeout=30)
        assert running.returncode == 0 or (line.startswith(NOTHING_THERE) and "Traceback" not in err), f"{line}: {out}{err}"
        assert out or err or "sqlite3" in line or "tigrest ctl " in line, line


def serves(line: str, folder: Path) -> None:
    """Run a line that serves until it does."""
    with in_a_shell(line, folder) as running:
        assert running.stdout is not None
        assert running.stdout.readline().startswith(LISTENING)
        running.terminate()
        running.communicate(timeout=20)
    assert running.returncode == 0
