"""The client: what it prints, with which exit code, and what it imports. Each test starts a process, as users do."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.cli.process import ROOT
from tests.ctl.clients import ctl, echo, listening
from tigrest.cli.program import app
from tigrest.cli.running import running_base
from tigrest.config import Config, find
from tigrest.ctl import client
from tigrest.ctl.client import COMPLETIONS, SHELLS, USAGE, ClientError, read_options
from tigrest.ctl.locating import NoSocket, find_socket
from tigrest.ctl.protocol import CtlReply, CtlRequest
from tigrest.ctl.server import Terminal


async def test_arguments_and_output_are_utf_8_in_every_locale(tmp_path: Path) -> None:
    async with listening(tmp_path / "s"):
        for locale in ({}, {"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}):
            done = await ctl(tmp_path / "s", "söng", "-", cwd=tmp_path, stdin="Grüße ☃\n".encode(), **locale)
            assert (done.code, done.out) == (0, "söng\nGrüße ☃\n\n"), locale


async def test_what_is_not_utf_8_is_wrong_usage(tmp_path: Path) -> None:
    async with listening(tmp_path / "s"):
        done = await ctl(tmp_path / "s", b"s\xf6ng", cwd=tmp_path)
        assert (done.code, done.out, done.err) == (2, "", "tigrest: argument 's\\udcf6ng' is not text in UTF-8\n")
        done = await ctl(tmp_path / "s", "-", cwd=tmp_path, stdin=b"s\xf6ng")
        assert (done.code, done.out, done.err) == (2, "", "tigrest: standard input is not text in UTF-8 (byte 1)\n")


async def test_the_exit_code_is_that_of_the_answer(tmp_path: Path) -> None:
    async def failing(request: CtlRequest, user: str, terminal: Terminal) -> CtlReply:
        return CtlReply(1, "", "no\n")

    async with listening(tmp_path / "s", failing):
        assert await ctl(tmp_path / "s", "x", cwd=tmp_path) == (1, "", "no\n")


async def test_help_needs_no_gateway(tmp_path: Path) -> None:
    assert await ctl(None, "--help", cwd=tmp_path) == (0, USAGE, "")


async def test_nothing_lists_the_commands_of_the_gateway(tmp_path: Path) -> None:
    async with listening(tmp_path / "s"):
        done = await ctl(tmp_path / "s", cwd=tmp_path)
        assert (done.code, done.out) == (2, "Commands of the gateway:\n\nhelp\ncommands\n")
        assert done.err.startswith(f"{USAGE}\n")


async def test_nothing_without_a_gateway_tells_the_usage_and_why_there_is_no_list(tmp_path: Path) -> None:
    done = await ctl(None, cwd=tmp_path)
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith(f"{USAGE}\ntigrest: no gateway listens at {tmp_path}/var/ctl.sock; ")


async def test_without_a_gateway_it_is_one_line(tmp_path: Path) -> None:
    cure = "start it (tigrest serve), or name its socket: --socket, TIGREST_CTL_SOCKET or [ctl] socket"
    assert await ctl(None, "status", cwd=tmp_path) == (3, "", f"tigrest: no gateway listens at {tmp_path}/var/ctl.sock; {cure}\n")
    (tmp_path / "file").touch()
    assert (await ctl(tmp_path / "file", "status", cwd=tmp_path)).code == 3
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "s"))
    line = f"tigrest: no gateway listens at {tmp_path}/s any more; start it (tigrest serve)\n"
    assert await ctl(tmp_path / "s", "status", cwd=tmp_path) == (3, "", line)


async def test_what_is_no_gateway_is_one_line(tmp_path: Path) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(speak, tmp_path / "s"):
        for each in (b"HTTP/1.1 400\r\n\r\n", b'{"exit": "x"}\n', b"", b"{}\n"):
            said = each
            done = await ctl(tmp_path / "s", "status", cwd=tmp_path)
            assert (done.code, done.out, done.err.count("\n")) == (3, "", 1)


async def test_a_gateway_that_says_nothing_is_waited_for_no_longer_than_it_may_be_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        with pytest.raises(ClientError, match="does not answer") as raised:
            client.call(tmp_path / "s", CtlRequest(("status",)), client.Patience(silent_seconds=0.05))
    assert raised.value.code == 3


AS_NOBODY = "import os, pwd; from tigrest.ctl.client import run_client; os.setgid(65534); os.setuid(65534); raise SystemExit(run_client(['status']))"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
async def test_another_users_socket_is_one_line_that_says_who_to_be(tmp_path: Path) -> None:
    path = Path("/tmp") / f"tigrest-test-{os.getpid()}"
    async with listening(path):
        for mode, line in (
            (0o600, f"tigrest: {path} belongs to root; be root, e.g. sudo tigrest ctl …\n"),
            (0o666, f"tigrest: what listens at {path} belongs to root, and you are nobody; be root\n"),
        ):
            path.chmod(mode)
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", AS_NOBODY),
                env={"PYTHONPATH": str(ROOT), "TIGREST_CTL_SOCKET": str(path)},
                cwd="/",
                stderr=asyncio.subprocess.PIPE,
            )
            _, err = await process.communicate()
            assert (process.returncode, err.decode()) == (3, line)
    path.with_name(f"{path.name}.lock").unlink()


SOMEBODY = """
import contextlib, os, socket
listening = socket.socket(socket.AF_UNIX)
os.setgid(65534)
os.setuid(65534)
listening.bind("var/ctl.sock")
listening.listen()
print("listening", flush=True)
while True:
    connection, _ = listening.accept()
    with contextlib.suppress(OSError):  # who does not trust it is gone
        connection.recv(4096)
        connection.sendall(b'{"exit": 0, "out": "evil\\\\n", "err": ""}\\n')
    connection.close()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
async def test_what_root_has_not_called_himself_is_not_asked_of_whoever_listens_in_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for each in (Path(folder), Path(folder, "var")):
            each.mkdir(exist_ok=True)
            each.chmod(0o777)
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", SOMEBODY, cwd=folder, stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        try:
            assert await process.stdout.readline() == b"listening\n"
            assert (await ctl(None, "--complete", "st", cwd=Path(folder))).out == ""
            assert (await ctl(None, "--socket", "var/ctl.sock", "status", cwd=Path(folder))).out == "evil\n"
            assert (await ctl(Path("var/ctl.sock"), "--complete", "st", cwd=Path(folder))).out == "evil\n"
            monkeypatch.chdir(folder)
            monkeypatch.setenv("TIGREST_CTL_SOCKET", "/run/other.sock")  # for tigrest ctl alone
            assert running_base(Config(), None) == ""
            monkeypatch.setenv("TIGREST_CONFIG", "etc/config.toml")
            assert running_base(Config(), None) == "evil"
        finally:
            process.kill()
            await process.wait()


# Where the socket is


def test_the_socket_is_found_where_the_gateway_finds_its_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_socket(None, None, {}) == Path("var/ctl.sock")
    for name in ("etc/config.toml", "other.toml", "named.toml"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(f'[ctl]\nsocket = "{name}.sock"\n')
    for option, environ in ((None, {}), (None, {"TIGREST_CONFIG": "other.toml"}), ("named.toml", {"TIGREST_CONFIG": "other.toml"})):
        file = find(Path(option) if option else None, environ, Path())
        assert find_socket(None, option, environ) == Path(f"{file}.sock")
    everything = {"TIGREST_CONFIG": "other.toml", "TIGREST__CTL__SOCKET": "o.sock"}
    assert find_socket(None, "named.toml", everything) == Path("o.sock")
    assert find_socket(None, "named.toml", {**everything, "TIGREST_CTL_SOCKET": "v.sock"}) == Path("v.sock")
    assert find_socket("s.sock", "named.toml", {**everything, "TIGREST_CTL_SOCKET": "v.sock"}) == Path("s.sock")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[ctl]\nsocket = ""', "is empty, so the gateway listens on none"),
        ("[ctl]\nsocket = 1", "is not a text"),
        ("ctl = 1", "is not a text"),
        ("[ctl", "not TOML"),
    ],
)
def test_a_configuration_without_a_socket_says_so(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(NoSocket, match=reason):
        find_socket(None, str(tmp_path / "c.toml"), {})


async def test_a_configuration_that_cannot_be_read_is_wrong_usage(tmp_path: Path) -> None:
    done = await ctl(None, "--config", "no.toml", "status", cwd=tmp_path)
    assert done == (2, "", "tigrest: no.toml: cannot be read: No such file or directory; name the socket of the gateway by --socket\n")


def test_options_of_the_client_stand_before_the_command() -> None:
    options = read_options(["--json", "--socket", "s", "--version", "2", "--config=c", "x", "--socket", "y", "--json"])
    assert options == (["--json", "--version", "2", "x", "--socket", "y", "--json"], "s", "c")
    for wrong in (["--socket"], ["--config="], ["--version"]):
        with pytest.raises(ClientError):
            read_options(wrong)


def test_the_usage_names_every_option_that_the_help_of_typer_names() -> None:
    group: Any = typer.main.get_command(app)
    assert all(option in USAGE for parameter in group.commands["ctl"].params for option in parameter.opts if option.startswith("--"))


# What it needs


def test_it_imports_neither_packages_nor_anything_of_the_gateway(tmp_path: Path) -> None:
    """``-S`` hides all packages that are installed."""
    script = (
        "import sys; sys.argv[1:] = ['ctl', 'x']\nfrom tigrest.cli.main import main\ntry: main()\nexcept SystemExit: print(*sys.modules)"
    )
    command = [sys.executable, "-S", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True)
    ours = {name for name in done.stdout.split() if name.startswith("tigrest")}
    client = {f"tigrest.ctl.{name}" for name in ("addresses", "client", "locating", "protocol")}
    assert ours == {"tigrest", "tigrest.cli", "tigrest.cli.main", "tigrest.ctl"} | client


# Terminals


async def on_terminal(socket: Path, typed: bytes, *arguments: str) -> tuple[int, str]:
    """Run the client on a terminal, type something when it asks, and return its exit code and all that the terminal shows."""
    terminal, side = pty.openpty()
    environment = {**os.environ, "TIGREST_CTL_SOCKET": str(socket), "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "60"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tigrest", "ctl", *arguments), env=environment, stdin=side, stdout=side, stderr=side, start_new_session=True
    )
    os.close(side)
    shown = b""
    loop = asyncio.get_running_loop()
    try:
        while piece := await loop.run_in_executor(None, os.read, terminal, 1000):
            shown += piece
            if b": " in piece and typed:
                line, typed = typed[: typed.index(b"\n") + 1], typed[typed.index(b"\n") + 1 :]
                os.write(terminal, line)
    except OSError:
        pass  # the other side is closed
    finally:
        os.close(terminal)
    return await process.wait(), shown.decode()


async def secretive(request: CtlRequest, user: str, terminal: Terminal) -> CtlReply:
    secret = await terminal.ask("new secret" if "new" in request.arguments else "secret", "password: ")
    return CtlReply(0, f"{secret} {request.width} {request.colour} {request.can_ask}\n")


async def test_secrets_are_asked_for_without_echo(tmp_path: Path) -> None:
    async with listening(tmp_path / "s", secretive):
        code, shown = await on_terminal(tmp_path / "s", b"s3cret\n", "x")
        assert (code, shown.split()) == (0, ["password:", "s3cret", "60", "True", "True"])
        code, shown = await on_terminal(tmp_path / "s", b"s3cret\ns3cret\n", "new")
        assert (code, shown.split()[-4:]) == (0, ["s3cret", "60", "True", "True"])
        code, shown = await on_terminal(tmp_path / "s", b"s3cret\nsecret\n", "new")
        assert (code, shown.splitlines()[-1]) == (2, "tigrest: the two differ; nothing was done")


async def test_an_interrupt_ends_it(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def endless(request: CtlRequest, user: str, terminal: Terminal) -> CtlReply:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with listening(tmp_path / "s", endless):
        command = (sys.executable, "-m", "tigrest", "ctl", "--socket", str(tmp_path / "s"), "x")
        process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE, cwd=ROOT)
        await asked.wait()
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
        assert (process.returncode, err) == (130, b"")


# Completion


def test_each_shell_has_a_script_that_names_the_commands_of_the_program() -> None:
    group: Any = typer.main.get_command(app)
    assert {path.name for path in COMPLETIONS.iterdir()} == set(SHELLS.values())
    for name in SHELLS.values():
        assert " ".join(sorted(group.commands)) in (COMPLETIONS / name).read_text()


async def test_the_script_of_a_shell_is_printed_without_a_gateway(tmp_path: Path) -> None:
    for shell, name in SHELLS.items():
        assert await ctl(None, "completion", shell, cwd=tmp_path) == (0, (COMPLETIONS / name).read_text(), "")
    assert await ctl(None, "completion", "csh", cwd=tmp_path) == (
        2,
        "",
        "tigrest: name the shell: tigrest ctl completion bash | zsh | fish\n",
    )


async def test_completion_without_a_gateway_says_nothing(tmp_path: Path) -> None:
    assert await ctl(None, "--complete", "--socket", "no", "x", cwd=tmp_path) == (0, "", "")
    async with listening(tmp_path / "s", echo):
        done = await ctl(None, "--complete", "--socket", f"{tmp_path}/s", "--version", "0", "x", cwd=tmp_path)
        assert (done.code, done.out) == (0, "--complete\n--version\n0\nx\n")
