"""Completion in the shells themselves, with words that a gateway says."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.cli.process import ROOT
from tests.ctl.clients import listening
from tigrest.ctl.protocol import CtlReply, CtlRequest
from tigrest.ctl.server import Terminal

WORDS = ("register\tRegister: a user", "registered_users\tList", "--user\tits local part")

BASH = """
eval "$(tigrest ctl completion bash)"
complete_line() {
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _tigrest
    printf '%s\\n' "${COMPREPLY[@]}"
}
"""

ZSH = """
compdef() { : }
source <(tigrest ctl completion zsh)
_describe() { print -rl -- "${(@P)argv[-1]}" }
compadd() { shift; print -rl -- "${(@M)argv:#$words[CURRENT]*}" }
complete_line() { words=("$@"); CURRENT=$#; _tigrest }
"""

FISH = """
tigrest ctl completion fish | source
function complete_line
    set -l typed $argv[-1]
    complete -C "$argv[1..-2] $typed"
end
"""


async def says_words(request: CtlRequest, user: str, terminal: Terminal) -> CtlReply:
    """Answer with the words that go on from what is typed."""
    assert request.arguments[0] == "--complete"
    return CtlReply(0, "".join(f"{word}\n" for word in WORDS if word.startswith(request.arguments[-1])))


@pytest.mark.parametrize(("shell", "script"), [("bash", BASH), ("zsh", ZSH), ("fish", FISH)])
async def test_a_shell_completes_what_the_gateway_says(shell: str, script: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    command = tmp_path / "tigrest"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m tigrest "$@"\n')
    command.chmod(0o755)
    for line in ("tigrest ctl reg", "tigrest ctl register --u", "tigrest ctl register ''", "tigrest se"):
        script += f"complete_line {line}\necho .\n"
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    async with listening(tmp_path / "s", says_words):
        process = await asyncio.create_subprocess_exec(
            *(shell, "-c", script), env={**environment, "TIGREST_CTL_SOCKET": str(tmp_path / "s")}, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
    separator = ":" if shell == "zsh" else "\t"
    answers = [[line.split(separator)[0] for line in each.split("\n") if line] for each in out.decode().split(".\n")]
    names = ["register", "registered_users"]
    assert answers == [names, ["--user"], [*names, "--user"], ["serve"], []]
