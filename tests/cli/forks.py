"""Processes of ``tigrest``, and of pytest for the tests of scripts, that need not import everything anew: forked from one that has.

Importing takes most of the second that a start takes. A forked process has a pid, signals, files, an environment and a directory of its
own and ends as any other, but that its modules are not taken apart; that, and what a process imports and when, cannot be tested with it.

``python -m tests.cli.forks FD`` is the server: it imports, and starts a gateway once, so that what a process keeps of the built-in scripts (their
code, patterns, docstrings) is there; then it forks for each message that comes on the socket FD. A minder stands between, which waits for
the process and reports how it ended.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, NoReturn, Protocol, Self

ROOT = Path(__file__).parent.parent.parent
PRELOADED = [f"tigrest.cli.{path.stem}" for path in (ROOT / "tigrest" / "cli").glob("[a-z]*.py")] + [
    "aiosqlite",
    "pytest",
    "slixmpp.jid",
    "uvloop",
]
Program = Literal["tigrest", "pytest"]
END = 0
"""What a process says when its socket is closed: that there are no more messages."""


class Process(Protocol):
    """What tests do with a process, forked or a ``subprocess.Popen[str]``."""

    @property
    def pid(self) -> int:
        """Its id."""

    @property
    def stdout(self) -> IO[str] | None:
        """Return what it prints."""

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; ``None`` while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit code."""

    def send_signal(self, sig: int) -> None:
        """Send a signal, if it still runs."""

    def terminate(self) -> None:
        """Send SIGTERM."""

    def kill(self) -> None:
        """Send SIGKILL."""


class Forked:
    """A process that was forked.

    Args:
        arguments: of the command line.
        stdout: the pipe that it prints to.
        status: tells its pid, then its exit code.
    """

    def __init__(self, arguments: Sequence[str], stdout: IO[str], status: IO[str]) -> None:
        self._arguments, self._stdout, self._status = arguments, stdout, status
        self.pid = int(status.readline())
        self.returncode: int | None = None

    @property
    def stdout(self) -> IO[str] | None:
        """Return what it prints."""
        return self._stdout

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; ``None`` while it runs."""
        if self.returncode is None and select.select([self._status], [], [], 0)[0]:
            self.returncode = os.waitstatus_to_exitcode(int(self._status.readline()))
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit code.

        Raises:
            TimeoutExpired: it still runs after so many seconds; says what it does, and the end of its log.
        """
        if self.returncode is None and not select.select([self._status], [], [], timeout)[0]:
            assert timeout is not None
            error = subprocess.TimeoutExpired([*self._arguments], timeout)
            error.add_note(self._doing())
            raise error
        code = self.poll()
        assert code is not None
        return code

    def _doing(self) -> str:
        """Return the end of the log of a process that still runs, with the stacks that it prints at SIGUSR1, and what each thread waits for."""
        self.send_signal(signal.SIGUSR1)
        time.sleep(1.0)
        said = []
        with contextlib.suppress(OSError):  # it may end meanwhile
            said.append(Path(f"/proc/{self.pid}/fd/2").read_text(errors="replace")[-8000:])
            for thread in Path(f"/proc/{self.pid}/task").iterdir():
                said += [f"{thread.name}: {(thread / name).read_text()}" for name in ("comm", "wchan", "syscall")]
        return "\n".join(said)

    def send_signal(self, sig: int) -> None:
        """Send a signal, if it still runs."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it has just ended, and its minder is about to say so
                os.kill(self.pid, sig)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Close what it prints to, and wait for its end, as ``Popen`` does."""
        self._stdout.close()
        self.wait()
        self._status.close()


def fork(
    arguments: Sequence[str],
    cwd: Path,
    environment: Mapping[str, str],
    stderr: IO[str],
    stdin: IO[str] | None = None,
    *,
    program: Program = "tigrest",
) -> Forked:
    """Run a program.

    Args:
        arguments: of the command line.
        cwd: the directory it runs in.
        environment: all of its environment.
        stderr: the file for its log.
        stdin: what it reads; nothing when ``None``.
        program: which.
    """
    umask = os.umask(0o077)
    os.umask(umask)
    message = {"program": program, "arguments": [*arguments], "cwd": str(cwd), "environment": {**environment}, "umask": umask}
    status, tell = os.pipe()
    printed, printing = os.pipe()
    with Path(os.devnull).open() as nothing:
        ends = [(stdin or nothing).fileno(), printing, stderr.fileno(), tell]
        with _lock:
            socket.send_fds(_server(), [json.dumps(message).encode()], ends)
    os.close(printing)
    os.close(tell)
    return Forked(arguments, os.fdopen(printed), os.fdopen(status))


COMMAND = """#!{python} -IS
import json, os, signal, socket, sys

umask = os.umask(0o077)
os.umask(umask)
asked = {{"program": "tigrest", "arguments": sys.argv[1:], "cwd": os.getcwd(), "environment": dict(os.environ), "umask": umask}}
status, tell = os.pipe()
socket.send_fds(socket.socket(fileno={server}), [json.dumps(asked).encode()], [0, 1, 2, tell])
os.close(tell)
told = os.fdopen(status)
pid = int(told.readline())
signal.signal(signal.SIGTERM, lambda number, frame: os.kill(pid, number))
sys.exit(os.waitstatus_to_exitcode(int(told.readline())))
"""


def write_command(path: Path) -> int:
    """Write a command ``tigrest`` for a shell, whose process is forked too. It passes on SIGTERM.

    Returns:
        The descriptor that the shell has to inherit.
    """
    server = _server().fileno()
    path.write_text(COMMAND.format(python=sys.executable, server=server))
    path.chmod(0o755)
    return server


_lock = threading.Lock()


@functools.cache
def _server() -> socket.socket:
    """Start the server; it ends with this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-W", "error", "-m", "tests.cli.forks", str(theirs.fileno())]
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("TIGREST", "HTTP_API_KEY"))}
    process = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()], env=variables | {"PYTHONPATH": str(ROOT)})
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _serve(server: socket.socket) -> Mapping[str, object]:
    """Fork for each message; returns it in the process that is to run."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # minders are not waited for
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who runs the tests
    while True:
        message, ends, _, _ = socket.recv_fds(server, 1 << 20, 4)
        if not message:
            os._exit(END)
        if os.fork() == 0:
            server.close()
            return _minded(json.loads(message), ends)
        for end in ends:
            os.close(end)


def _minded(message: Mapping[str, object], ends: Sequence[int]) -> Mapping[str, object]:
    """Fork the process that is to run, and return in it only."""
    *ours, tell = ends
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid:
        for end in ours:
            os.close(end)
        os.write(tell, f"{pid}\n".encode())
        os.write(tell, f"{os.waitpid(pid, 0)[1]}\n".encode())
        os._exit(END)
    os.close(tell)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, end in enumerate(ours):
        os.dup2(end, number)
        os.close(end)
    return message


def _become(message: Mapping[str, object]) -> NoReturn:
    """Run the command line as a process that was just started."""
    cwd, environment, arguments = message["cwd"], message["environment"], message["arguments"]
    assert isinstance(cwd, str)
    assert isinstance(environment, dict)
    assert isinstance(arguments, list)
    os.chdir(cwd)
    os.umask(int(str(message["umask"])))
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.path[0] = cwd
    sys.argv = [str(ROOT / "tigrest" / "__main__.py"), *arguments]
    sys.stdin = io.TextIOWrapper(open(0, "rb", closefd=False), "utf-8")  # noqa: SIM115
    sys.stdout = io.TextIOWrapper(open(1, "wb", closefd=False), "utf-8")  # noqa: SIM115
    sys.stderr = io.TextIOWrapper(open(2, "wb", closefd=False), "utf-8", "backslashreplace", line_buffering=True)  # noqa: SIM115
    try:
        PROGRAMS[str(message["program"])]()
    except SystemExit as error:
        _exit(error.code)
    raise AssertionError("a program ends by an exit")


def _tigrest() -> None:
    from tigrest.cli.main import main

    main()


def _pytest() -> None:
    import pytest

    warnings.resetwarnings()
    sys.warnoptions.clear()  # those of the server
    sys.exit(pytest.main())


PROGRAMS = {"tigrest": _tigrest, "pytest": _pytest}


def _exit(code: object) -> NoReturn:
    """Exit as the interpreter does, but leave the memory to the operating system.

    Taking all modules apart would copy every page that is shared with the server, which takes longer than most commands.
    """
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, then atexit: the order of Py_FinalizeEx
    atexit._run_exitfuncs()
    gc.collect()  # says what was never closed or awaited
    sys.stdout.flush()
    os._exit(code if isinstance(code, int) else 1)


def _warm_up() -> None:
    """Start and stop a gateway: the first start of a process takes three times as long as the next one."""
    from tigrest.testing import serving

    with serving():
        pass
    for thread in threading.enumerate():  # some end a moment later
        if thread is not threading.current_thread():
            thread.join(10)


if __name__ == "__main__":
    for name in PRELOADED:
        __import__(name)
    _warm_up()
    assert threading.active_count() == 1, "a process with threads cannot be forked"
    gc.freeze()
    _become(_serve(socket.socket(fileno=int(sys.argv[1]))))
