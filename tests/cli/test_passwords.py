"""``tigrest hash-password``."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

from tests.cli.process import TIGREST, environment, tigrest
from tigrest.passwords import Passwords


async def test_a_password_is_read_from_standard_input(tmp_path: Path) -> None:
    done = tigrest("hash-password", cwd=tmp_path, stdin="pass word\n")
    assert (done.returncode, done.stderr) == (0, "")
    passwords = Passwords()
    assert passwords.is_hash(done.stdout.strip())
    assert await passwords.verify(done.stdout.strip(), "pass word")
    passwords.close()


@pytest.mark.parametrize(("stdin", "problem"), [("\n", "the password is empty"), ("a\nb\n", "a password is one line")])
def test_what_is_no_password_is_refused(stdin: str, problem: str, tmp_path: Path) -> None:
    done = tigrest("hash-password", cwd=tmp_path, stdin=stdin)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"tigrest: {problem}")


async def test_a_terminal_is_asked_twice_and_shows_nothing(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [*TIGREST, "hash-password"]
    env = environment()
    with subprocess.Popen(
        command, cwd=tmp_path, env=env, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, text=True, start_new_session=True
    ) as process:
        os.close(theirs)
        shown = b""
        for question in (b"Password: ", b"confirmation: "):
            while question not in shown:
                shown += os.read(ours, 1000)
            os.write(ours, b"secret\n")
        assert process.stdout is not None
        printed = process.stdout.read().strip()
        assert process.wait(10) == 0
    os.close(ours)
    assert b"secret" not in shown
    passwords = Passwords()
    assert await passwords.verify(printed, "secret")
    passwords.close()
