"""Signals to ``tigrest serve``: SIGHUP reloads, and none kills it by accident."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import pty
import re
import signal
import socket
import subprocess
import termios
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import httpx2

from tests.cli.process import LISTENING, TIGREST, Process, environment, prepare, serving
from tests.waiting import eventually

CONFIG = """
[http]
request_timeout = {timeout}

[auth]
admins = ["{admin}@localhost"]

[[auth.accounts]]
jid = "robot@localhost"
password = "{password}"

[[auth.api_keys]]
name = "ci"
key = "{key}"
paths = []
"""

ADMINS_ONLY = "/rest/users/"

SCRIPT = "from tigrest import Handler\nclass H(Handler):\n    regex = '/new'\n    def exec_get(self): return {text!r}\n"


def write(folder: Path, admin: str = "robot", password: str = "first", key: str = "first-key", timeout: object = 30.0) -> Path:
    """Write the configuration."""
    file = folder / "etc" / "config.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(CONFIG.format(admin=admin, password=password, key=key, timeout=timeout))
    return file


def status(base: str, path: str, password: str = "", key: str = "", method: str = "GET") -> int:
    """Return the status of a request of the robot."""
    headers = {"Authorization": "Basic " + base64.b64encode(f"robot:{password}".encode()).decode()} if password else {}
    try:
        with urlopen(Request(base + path, headers=headers | ({"Api-Key": key} if key else {}), method=method)) as answer:
            return int(answer.status)
    except HTTPError as error:
        error.close()
        return error.code


def said(folder: Path, words: str) -> list[str]:
    """Return the lines of the log with some words."""
    return [line for line in (folder / "log").read_text().splitlines() if words in line]


def hang_up(process: Process, folder: Path, words: str = "the configuration was read again") -> None:
    """Send SIGHUP, and wait for what the log says then."""
    before = len(said(folder, words))
    process.send_signal(signal.SIGHUP)
    eventually(lambda: len(said(folder, words)) > before)


@contextmanager
def ended(process: Process, folder: Path) -> Iterator[None]:
    """End a process in good order after a test; its log has no traceback."""
    yield
    process.terminate()
    assert process.wait(15) == 0
    assert "Traceback" not in (folder / "log").read_text()


def test_a_hangup_applies_what_it_can_and_tells_what_needs_a_restart(tmp_path: Path) -> None:
    write(tmp_path)
    with serving("--no-reload", cwd=tmp_path) as (process, base), ended(process, tmp_path):
        assert status(base, ADMINS_ONLY, "first") == 200
        (tmp_path / "scripts" / "rest" / "new.py").write_text(SCRIPT.format(text="new"))
        write(tmp_path, admin="somebody", password="second", key="second-key", timeout=20.0)
        assert status(base, ADMINS_ONLY, "first") == 200
        hang_up(process, tmp_path)
        assert (status(base, ADMINS_ONLY, "first"), status(base, ADMINS_ONLY, "second")) == (401, 403)
        user = "/rest/user/alice@localhost/status"
        assert (status(base, user, key="first-key", method="POST"), status(base, user, key="second-key", method="POST")) == (403, 200)
        eventually(lambda: status(base, "/rest/new") == 200)
        [applied] = said(tmp_path, "the configuration was read again")
        assert applied.endswith("; applied: auth.admins, auth.api_keys, auth.accounts")
        [waiting] = said(tmp_path, "need a restart")
        assert (" WARNING " in waiting, waiting.endswith("restart: http.request_timeout")) == (True, True)
        hang_up(process, tmp_path)
        assert said(tmp_path, "the configuration was read again")[1].endswith("; applied: nothing, as nothing changed that can be")
        assert len(said(tmp_path, "need a restart")) == 2  # it is still so


HOOK = """
[[hooks]]
name = "{name}"
format = "text"
to = "alice@localhost"
secret = "{secret}"
"""


def test_hooks_are_others_after_a_hangup_and_those_of_a_wrong_configuration_are_not(tmp_path: Path) -> None:
    file = write(tmp_path)
    plain = file.read_text()

    def post(name: str, secret: str) -> int:
        return httpx2.post(f"{base}/rest/hooks/{name}", params={"token": secret}, content=b"Backup done", timeout=20).status_code

    file.write_text(plain + HOOK.format(name="old", secret="first-secret-of-it"))
    with serving("--no-reload", cwd=tmp_path) as (process, base), ended(process, tmp_path):
        assert post("old", "first-secret-of-it") == 200
        file.write_text(plain + HOOK.format(name="new", secret="second-secret-of-it") + HOOK.format(name="old", secret="short"))
        hang_up(process, tmp_path, "the configuration is wrong")
        assert (post("old", "first-secret-of-it"), post("new", "second-secret-of-it")) == (200, 401)
        file.write_text(plain + HOOK.format(name="new", secret="second-secret-of-it"))
        hang_up(process, tmp_path)
        assert (post("old", "first-secret-of-it"), post("new", "second-secret-of-it")) == (401, 200)
        assert said(tmp_path, "the configuration was read again")[0].endswith("; applied: hooks")
        assert not said(tmp_path, "secret-of-it")


def test_options_of_the_command_line_are_no_changes(tmp_path: Path) -> None:
    write(tmp_path)
    with serving("--no-reload", "--host", "127.0.0.1", cwd=tmp_path) as (process, _), ended(process, tmp_path):
        hang_up(process, tmp_path)
        assert said(tmp_path, "need a restart") == []


WRONG = {
    "[auth]\nadmin = []\n": "etc/config.toml:2: auth.admin: unknown key; did you mean auth.admins?",
    "[auth\n": "etc/config.toml:1:6: not TOML: ",
    "[scripts]\ndirs = ['missing']\n": "scripts.dirs: missing does not exist; create it",
    "[plugins]\ndirs = ['missing']\n": "plugins.dirs: missing does not exist; create it",
    "[http]\nport = 'x'\n[auth]\nadmins = ['no address']\n": "http.port: ",
}
"""Configurations that cannot be used, and what is said of them."""


def test_a_configuration_that_is_wrong_changes_nothing_and_is_one_line(tmp_path: Path) -> None:
    file = write(tmp_path)
    with serving("--no-reload", cwd=tmp_path) as (process, base), ended(process, tmp_path):
        (tmp_path / "scripts" / "rest" / "new.py").write_text(SCRIPT.format(text="new"))
        told: list[str] = []
        for text, words in WRONG.items():
            file.write_text(text)
            hang_up(process, tmp_path, "the configuration is wrong")
            errors = [line for line in said(tmp_path, "ERROR") if "the event loop" not in line]  # of a busy machine
            [line] = errors[len(told) :]
            assert words in line
            told = errors
            assert status(base, ADMINS_ONLY, "first") == 200
            assert status(base, "/rest/new") == 404


def test_a_configuration_that_has_gone_changes_nothing(tmp_path: Path) -> None:
    file = write(tmp_path)
    with serving(cwd=tmp_path) as (process, base):
        file.unlink()
        process.send_signal(signal.SIGHUP)
        eventually(lambda: bool(said(tmp_path, "the configuration is wrong, so nothing was reloaded")))
        assert said(tmp_path, "etc/config.toml: cannot be read: No such file or directory")
        assert status(base, ADMINS_ONLY, "first") == 200


def test_a_configuration_from_a_pipe_is_read_once(tmp_path: Path) -> None:
    text = write(tmp_path).read_text()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as pool:
        pool.submit(pipe.write_text, text)
        with serving("--config", "pipe", cwd=tmp_path) as (process, base):
            process.send_signal(signal.SIGHUP)
            eventually(lambda: bool(said(tmp_path, "pipe is no regular file, so it cannot be read again")))
            assert status(base, ADMINS_ONLY, "first") == 200


def test_many_hangups_are_few_reloads(tmp_path: Path) -> None:
    write(tmp_path)
    with serving("--no-reload", cwd=tmp_path) as (process, base), ended(process, tmp_path):
        for _ in range(200):
            process.send_signal(signal.SIGHUP)
        hang_up(process, tmp_path)
        assert status(base, ADMINS_ONLY, "first") == 200


def test_a_hangup_while_it_starts_is_kept_until_it_runs(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "scripts" / "rest").mkdir(parents=True)
    slow = "import time\ntime.sleep(1)\n" + SCRIPT.format(text="slow")
    (tmp_path / "scripts" / "rest" / "slow.py").write_text(slow)
    with (tmp_path / "log").open("w") as log:
        command = [*TIGREST, "serve", "--port", "0"]
        process = subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=log, text=True)
    with process, ended(process, tmp_path):
        assert process.stdout is not None
        eventually(lambda: (tmp_path / "var" / "tigrest.sqlite3").exists())
        process.send_signal(signal.SIGHUP)
        assert process.stdout.readline().startswith(LISTENING)
        eventually(lambda: said(tmp_path, "the configuration was read again") != [])


def test_other_signals_change_nothing(tmp_path: Path) -> None:
    with serving(cwd=tmp_path) as (process, base), ended(process, tmp_path):
        for number in (signal.SIGPIPE, signal.SIGUSR2, signal.SIGWINCH, signal.SIGCHLD, signal.SIGCONT):
            process.send_signal(number)
            time.sleep(0.1)
            assert status(base, "/health/live") == 200, number


def test_usr1_shows_what_all_threads_do(tmp_path: Path) -> None:
    with serving(cwd=tmp_path) as (process, base):
        process.send_signal(signal.SIGUSR1)
        eventually(lambda: said(tmp_path, "most recent call first") != [])
        assert said(tmp_path, "Current thread") or said(tmp_path, "Thread 0x")
        assert status(base, "/health/live") == 200
        tasks = [file.read_text() for file in Path(f"/proc/{process.pid}/task").glob("*/status")]
        blocked = [int(text, 16) for task in tasks for text in re.findall(r"^SigBlk:\s*(\w+)", task, re.MULTILINE)]
    interruptible = [mask for mask in blocked if not mask >> signal.SIGUSR1 - 1 & 1]
    assert len(blocked) > len(interruptible) == 1, "but for the one that waits for it, a thread may crash while stacks are read"


def test_a_reader_of_its_output_that_goes_away_does_not_end_it(tmp_path: Path) -> None:
    with serving(cwd=tmp_path) as (process, base), ended(process, tmp_path):
        assert process.stdout is not None
        process.stdout.close()
        hang_up(process, tmp_path)
        assert status(base, "/health/live") == 200


@contextmanager
def on_terminal(folder: Path, *prefix: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start it as from a terminal of its own; gives the other side of that."""
    prepare(folder)
    ours, theirs = pty.openpty()
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*prefix, *TIGREST, "serve", "--port", "0"],
            cwd=folder,
            env=environment(),
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
    os.close(theirs)
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith(LISTENING)
            yield process, ours
        finally:
            process.kill()


def test_it_ends_well_when_its_terminal_goes_but_a_hangup_from_elsewhere_reloads(tmp_path: Path) -> None:
    with on_terminal(tmp_path) as (process, terminal):
        hang_up(process, tmp_path)
        assert process.poll() is None
        os.close(terminal)
        assert process.wait(15) == 0
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_it_outlives_its_terminal_under_nohup(tmp_path: Path) -> None:
    with on_terminal(tmp_path, "nohup") as (process, terminal), ended(process, tmp_path):
        os.close(terminal)
        eventually(lambda: said(tmp_path, "the configuration was read again") != [])
        assert process.poll() is None


# systemd

BLOCK = """
import time
from pathlib import Path
from tigrest import Handler

class Block(Handler):
    regex = "/block"
    async def exec_get(self):
        Path("blocked").touch()
        while not Path("go-on").exists():
            time.sleep(0.01)
"""


def test_systemd_hears_that_it_is_ready_reloads_and_is_alive(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(15)
        with (
            serving(cwd=tmp_path, NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="200000") as (process, base),
            ended(process, tmp_path),
        ):
            heard: list[str] = []
            while not any(message.startswith("READY=1") for message in heard):
                heard.append(manager.recv(1000).decode())
            assert heard[-1] == f"READY=1\nSTATUS=listening on {base}/rest/"
            process.send_signal(signal.SIGHUP)
            while heard[-1] != "READY=1":
                heard.append(manager.recv(1000).decode())
            [reloading] = [message for message in heard if message.startswith("RELOADING=1")]
            assert int(reloading.partition("\nMONOTONIC_USEC=")[2]) <= time.monotonic_ns() // 1000
            alive = [message for message in (manager.recv(1000) for _ in range(3)) if message == b"WATCHDOG=1"]
            assert len(alive) == 3


def test_a_process_whose_event_loop_is_blocked_does_not_say_that_it_is_alive(tmp_path: Path) -> None:
    (tmp_path / "scripts" / "rest").mkdir(parents=True)
    (tmp_path / "scripts" / "rest" / "block.py").write_text(BLOCK)
    blocked, go_on = tmp_path / "blocked", tmp_path / "go-on"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        with (
            serving(cwd=tmp_path, NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="100000") as (_, base),
            ThreadPoolExecutor() as pool,
        ):
            request = pool.submit(status, base, "/rest/block")
            eventually(blocked.exists)
            manager.setblocking(False)
            for seconds in (0.0, 0.5):  # first what was said before
                time.sleep(seconds)
                heard = []
                with suppress(BlockingIOError):
                    while True:
                        heard.append(manager.recv(1000))
            assert heard == []
            manager.settimeout(15)
            go_on.touch()
            assert request.result() == 404  # what has no result
            while manager.recv(1000) != b"WATCHDOG=1":
                pass  # that it is ready may have waited


def test_a_manager_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    variables = {"NOTIFY_SOCKET": str(tmp_path / "nobody"), "WATCHDOG_USEC": "100000"}
    with serving(cwd=tmp_path, **variables) as (process, base), ended(process, tmp_path):
        assert status(base, "/health/live") == 200
        time.sleep(0.3)
        assert len(said(tmp_path, "NOTIFY_SOCKET")) == 1


def test_json_is_served_after_all_that(tmp_path: Path) -> None:
    with serving(cwd=tmp_path) as (process, base):
        hang_up(process, tmp_path)
        with urlopen(Request(f"{base}/rest/", headers={"Accept": "application/json"})) as answer:
            assert json.load(answer)
