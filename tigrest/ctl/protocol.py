"""The protocol between ``tigrest ctl`` and the gateway: objects of JSON, one on each line.

::

    client  {"protocol": 1, "arguments": ["register", "bob", "localhost"], "width": 80, "colour": true, "can_ask": true}
    gateway {"ask": "secret", "prompt": "password: "}          while it asks
    client  {"answer": "s3cret"}                               null when there is none
    gateway {}                                                 while the command runs
    gateway {"exit": 0, "out": "User bob@localhost successfully registered\\n", "err": ""}

This module imports the standard library only: the client has to start quickly.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import IntEnum
from typing import Literal, NamedTuple

PROTOCOL = 1
"""Version of the protocol, in each request."""

ALIVE: Mapping[str, object] = {}
"""Says that the command still runs."""

BASE = "--base"
"""First argument where another command of the program asks at which scheme, host and port the gateway listens."""

IS_ROOM = "--is-room"
"""First argument, before an address, where it asks whether that is known to be a room; answered by ``true`` or ``false``."""

Question = Literal["secret", "new secret", "stdin"]
"""Input that a gateway asks for: a secret typed without echo, one typed twice, or all of standard input."""


class ExitCode(IntEnum):
    """Exit codes of ``tigrest ctl``, which are those of ``ejabberdctl``."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    INTERRUPTED = 130


class CtlRequest(NamedTuple):
    """Arguments and terminal of the client.

    Args:
        arguments: of the command line, without the client's own options.
        width: of the terminal that the output goes to, in columns; ``None`` when it goes elsewhere.
        colour: whether that terminal shows colours.
        can_ask: whether somebody sits there who can be asked for a secret.
    """

    arguments: tuple[str, ...]
    width: int | None = None
    colour: bool = False
    can_ask: bool = False


class CtlReply(NamedTuple):
    """Output of the client, and its exit code.

    Args:
        code: the exit code.
        out: for standard output.
        err: for standard error.
    """

    code: int = ExitCode.OK
    out: str = ""
    err: str = ""


class ProtocolMismatch(ValueError):
    """The other side says what the protocol does not know; the message says what."""


def encode_line(message: Mapping[str, object]) -> bytes:
    """Return a message as a line. It is ASCII: what is no text in UTF-8 stays recognisable."""
    return json.dumps(message).encode("ascii") + b"\n"


def decode_line(line: bytes) -> Mapping[str, object]:
    """Read a message.

    Raises:
        ProtocolMismatch: the line is none.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise ProtocolMismatch("not a line of JSON") from None
    if not isinstance(message, dict):
        raise ProtocolMismatch("not an object of JSON")
    if b"\\ud" in line.lower():  # half a character, perhaps
        try:
            json.dumps(message, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ProtocolMismatch("not text in UTF-8") from None
    return message


def request_message(request: CtlRequest) -> Mapping[str, object]:
    """Return the message that is a request."""
    return {"protocol": PROTOCOL, **request._asdict()}


def read_request(message: Mapping[str, object]) -> CtlRequest:
    """Read a request.

    Raises:
        ProtocolMismatch: the message is none, or one of another version.
    """
    if message.get("protocol") != PROTOCOL:
        raise ProtocolMismatch("tigrest ctl is of another version than the gateway: use the one that belongs to it")
    arguments, width = message.get("arguments"), message.get("width")
    if not isinstance(arguments, list) or not all(isinstance(argument, str) for argument in arguments):
        raise ProtocolMismatch("arguments are no list of texts")
    if width is not None and (not isinstance(width, int) or not 0 < width < 10_000):
        raise ProtocolMismatch("width is no number of columns")
    return CtlRequest(tuple(arguments), width, message.get("colour") is True, message.get("can_ask") is True)


def reply_message(reply: CtlReply) -> Mapping[str, object]:
    """Return the message that is a reply."""
    return {"exit": int(reply.code), "out": reply.out, "err": reply.err}


def read_reply(message: Mapping[str, object]) -> CtlReply:
    """Read a reply.

    Raises:
        ProtocolMismatch: the message is none.
    """
    code, out, err = message.get("exit"), message.get("out"), message.get("err")
    if not isinstance(code, int) or not isinstance(out, str) or not isinstance(err, str):
        raise ProtocolMismatch("no reply")
    return CtlReply(code, out, err)
