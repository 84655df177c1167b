"""The program ``tigrest ctl``: send the command line to the gateway, and print its answer. Standard library only."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tigrest.ctl.addresses import cure_for, peer_of, socket_address, user_name
from tigrest.ctl.locating import NoSocket, find_socket, is_named
from tigrest.ctl.protocol import (
    CtlReply,
    CtlRequest,
    ExitCode,
    ProtocolMismatch,
    decode_line,
    encode_line,
    read_reply,
    request_message,
)

USAGE = """\
Usage: tigrest ctl [OPTIONS] COMMAND [ARGUMENT]... [--NAME VALUE]...

  Run a command of the running gateway.

  Arguments stand in their order or by name. "-" reads a value from standard
  input; a password that is missing is asked for.

Options, before the command:
  --version N     Version of the API; the latest by default.
  --json          Print JSON.
  --socket PATH   Socket of the gateway; else $TIGREST_CTL_SOCKET, [ctl] socket.
  --config FILE   Configuration of the gateway; else $TIGREST_CONFIG,
                  ./etc/config.toml, built-in defaults.
  --help          Show this message and exit.

Commands:
  help [TOPIC]                     Which commands there are, and how each is used.
  completion bash | zsh | fish     Print what completes commands in a shell.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no gateway or XMPP server.
"""

COMPLETIONS = Path(__file__).parent / "completions"
"""Folder with a script for each shell."""

SHELLS = {"bash": "tigrest.bash", "zsh": "_tigrest", "fish": "tigrest.fish"}
"""Shells that commands are completed in, with the names of their scripts."""

COMPLETE = "--complete"
"""First argument where a shell asks how the last one goes on."""


class Patience(NamedTuple):
    """Limits of the wait for a gateway.

    Args:
        connect_seconds: seconds that connecting may take.
        silent_seconds: seconds that it may say nothing, not even that the command still runs.
    """

    connect_seconds: float = 5.0
    silent_seconds: float = 30.0


class Options(NamedTuple):
    """Options of the client itself.

    Args:
        rest: what the gateway is given.
        socket: path of the socket, if named.
        config: configuration file, if named.
    """

    rest: list[str]
    socket: str | None = None
    config: str | None = None


class ClientError(Exception):
    """The client ends with a line on standard error.

    Args:
        code: the exit code.
        message: the line; empty for none.
    """

    def __init__(self, code: ExitCode, message: str) -> None:
        super().__init__(message)
        self.code = code


def run_client(arguments: Sequence[str]) -> int:
    """Run ``tigrest ctl``.

    Args:
        arguments: of the command line, behind ``ctl``.

    Returns:
        The exit code.
    """
    is_completing = arguments[:1] == [COMPLETE]
    try:
        return _run(arguments[1:] if is_completing else arguments, is_completing)
    except ClientError as error:
        if is_completing:
            return ExitCode.OK
        if str(error):
            _print(sys.stderr.buffer, f"tigrest: {error}\n")
        return error.code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the flush at exit would fail once more
        return ExitCode.FAILED


def _run(arguments: Sequence[str], is_completing: bool) -> int:
    options = read_options(arguments)
    rest = options.rest
    if not is_completing:
        if not rest:
            return _overview(options)
        if rest[0] in ("--help", "-h"):
            _print(sys.stdout.buffer, USAGE)
            return ExitCode.OK
        if rest[0] == "completion":
            _print(sys.stdout.buffer, _completion(rest[1:]))
            return ExitCode.OK
    request = _request([COMPLETE, *rest] if is_completing else rest)
    is_meant = not is_completing or is_named(options.socket, options.config, os.environ)  # who completes has not decided to call anybody
    reply = call(_socket(options), request, is_meant=is_meant)
    _print(sys.stdout.buffer, reply.out)
    _print(sys.stderr.buffer, reply.err)
    return reply.code


def _socket(options: Options) -> Path:
    try:
        return find_socket(options.socket, options.config, os.environ)
    except NoSocket as error:
        raise ClientError(ExitCode.USAGE, str(error)) from None


def _overview(options: Options) -> int:
    """Print how to call a command, and, as ejabberdctl does, which ones the running gateway has.

    Raises:
        ClientError: no gateway answers.
    """
    _print(sys.stderr.buffer, f"{USAGE}\n")
    reply = call(_socket(options), _request(["help", "commands"]))
    _print(sys.stdout.buffer, f"Commands of the gateway:\n\n{reply.out}" if reply.out else "")
    _print(sys.stderr.buffer, reply.err)
    return ExitCode.USAGE


def read_options(arguments: Sequence[str]) -> Options:
    """Take the options of the client out of those that stand before the command.

    Raises:
        ClientError: one has no value.
    """
    own: dict[str, str] = {}
    kept: list[str] = []
    left = list(arguments)
    while left and left[0].startswith("--") and left[0] != "--":
        option, has_value, value = left.pop(0).partition("=")
        if option not in ("--socket", "--config", "--version"):
            kept.append(option + has_value + value)
            continue
        if not has_value:
            if not left:
                raise ClientError(ExitCode.USAGE, f"{option} has no value; see tigrest ctl --help")
            value = left.pop(0)
        if option == "--version":
            kept += [option, value]
        elif not value:
            raise ClientError(ExitCode.USAGE, f"{option} is empty; name a file")
        else:
            own[option] = value
    return Options(kept + left, own.get("--socket"), own.get("--config"))


def _completion(arguments: Sequence[str]) -> str:
    if len(arguments) != 1 or arguments[0] not in SHELLS:
        raise ClientError(ExitCode.USAGE, f"name the shell: tigrest ctl completion {' | '.join(SHELLS)}")
    return (COMPLETIONS / SHELLS[arguments[0]]).read_text("utf-8")


def _request(arguments: Sequence[str]) -> CtlRequest:
    width = _width()
    colour = width is not None and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"
    return CtlRequest(tuple(_text(argument) for argument in arguments), width, colour, sys.stdin is not None and sys.stdin.isatty())


def _text(argument: str) -> str:
    """Return an argument as the text that its bytes are in UTF-8, whatever the locale."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        try:
            return os.fsencode(argument).decode()
        except UnicodeDecodeError:
            raise ClientError(ExitCode.USAGE, f"argument {argument!a} is not text in UTF-8") from None
    return argument


def _width() -> int | None:
    """Return the width of the terminal that the output goes to, in columns; ``None`` when it goes elsewhere."""
    if not sys.stdout.isatty():
        return None
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and 0 < int(columns) < 10_000:
        return int(columns)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except OSError:
        return 80


def call(path: Path, request: CtlRequest, patience: Patience | None = None, *, is_meant: bool = True) -> CtlReply:
    """Send a request to a gateway, answer what it asks, and return its reply.

    Args:
        path: of its socket.
        request: what to send.
        patience: how long it is waited for; some seconds by default.
        is_meant: whether the caller means this gateway; else it has to be his own, also where he is root.

    Raises:
        ClientError: no gateway answers there, or none that may be trusted.
    """
    patience = patience or Patience()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(patience.connect_seconds)
        _connect(connection, path)
        _trust(connection, path, is_meant=is_meant)
        connection.settimeout(patience.silent_seconds)
        with connection.makefile("rb") as lines:
            try:
                connection.sendall(encode_line(request_message(request)))
                return _converse(connection, lines, path)
            except TimeoutError:
                raise ClientError(ExitCode.UNREACHABLE, f"the gateway at {path} does not answer ({patience.silent_seconds:g} s)") from None
            except OSError as error:
                raise ClientError(ExitCode.UNREACHABLE, f"the gateway at {path} is gone: {error.strerror}") from None


def _converse(connection: socket.socket, lines: BinaryIO, path: Path) -> CtlReply:
    while line := lines.readline():
        try:
            message = decode_line(line)
            if "exit" in message:
                return read_reply(message)
        except ProtocolMismatch as error:
            raise ClientError(ExitCode.UNREACHABLE, f"what listens at {path} is no gateway of this version: {error}") from None
        if "ask" in message:
            connection.sendall(encode_line({"answer": _ask(message)}))
    raise ClientError(ExitCode.UNREACHABLE, f"the gateway at {path} ended before it answered")


def _connect(connection: socket.socket, path: Path) -> None:
    try:
        with socket_address(path) as address:
            connection.connect(address)
    except (FileNotFoundError, NotADirectoryError):
        cure = "start it (tigrest serve), or name its socket: --socket, TIGREST_CTL_SOCKET or [ctl] socket"
        raise ClientError(ExitCode.UNREACHABLE, f"no gateway listens at {path.absolute()}; {cure}") from None
    except ConnectionRefusedError:
        raise ClientError(ExitCode.UNREACHABLE, f"no gateway listens at {path} any more; start it (tigrest serve)") from None
    except PermissionError:
        owner = _owner(path)
        cure = f"{cure_for(owner)}, e.g. sudo {f'-u {user_name(owner)} ' if owner else ''}tigrest ctl …"
        raise ClientError(ExitCode.UNREACHABLE, f"{path} belongs to {user_name(owner)}; {cure}") from None
    except (TimeoutError, BlockingIOError):
        raise ClientError(ExitCode.UNREACHABLE, f"the gateway at {path} accepts no connection") from None
    except OSError as error:
        raise ClientError(ExitCode.UNREACHABLE, f"{path}: {error.strerror or error}") from None


def _owner(path: Path) -> int:
    """Return the id of who owns a socket that may not be used, or else the folder it is in."""
    for each in (path, *path.absolute().parents):
        try:
            return each.stat().st_uid
        except PermissionError:
            continue
    return 0


def _trust(connection: socket.socket, path: Path, *, is_meant: bool) -> None:
    """Refuse to tell secrets to somebody else: what listens has to belong to the caller, unless he is root, who may use all gateways."""
    peer, own = peer_of(connection), os.geteuid()
    if peer is not None and peer.uid != own and not (own == 0 and is_meant):
        whose = f"what listens at {path} belongs to {user_name(peer.uid)}, and you are {user_name(own)}"
        raise ClientError(ExitCode.UNREACHABLE, f"{whose}; {cure_for(peer.uid)}")


def _ask(message: Mapping[str, object]) -> str | None:
    """Return what the gateway asks for; ``None`` when it is not given."""
    if message["ask"] == "stdin":
        return _stdin()
    import getpass

    prompt = str(message.get("prompt", ""))
    try:
        secret = getpass.getpass(prompt)
        if message["ask"] == "new secret" and getpass.getpass(f"{prompt.rstrip(': ')} again: ") != secret:
            raise ClientError(ExitCode.USAGE, "the two differ; nothing was done")
    except EOFError:
        return None
    return secret


def _stdin() -> str | None:
    if sys.stdin is None:
        return None
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise ClientError(ExitCode.USAGE, f"standard input is not text in UTF-8 (byte {error.start})") from None


def _print(file: BinaryIO, text: str) -> None:
    """Print in UTF-8, whatever the locale."""
    if text:
        file.write(text.encode("utf-8", "backslashreplace"))
        file.flush()
