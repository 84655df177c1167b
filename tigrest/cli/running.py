"""Ask the running gateway of a configuration, if there is one."""

from __future__ import annotations

import os
from pathlib import Path

from tigrest.config import Config
from tigrest.ctl.client import ClientError, Patience, call
from tigrest.ctl.locating import VARIABLE_OF_SOCKET, is_named
from tigrest.ctl.protocol import BASE, IS_ROOM, CtlRequest, ExitCode
from tigrest.http.wire.listener import bracketed

PATIENCE = Patience(connect_seconds=2.0, silent_seconds=10.0)
"""Timeouts of a question. They are short, since the command works without an answer, too."""


def running_base(config: Config, path: Path | None) -> str:
    """Return scheme, host and port that the running gateway listens at; empty where none answers.

    Args:
        config: the configuration.
        path: file from ``--config`` that it is from, if any.
    """
    return _ask(config, path, BASE)


def configured_base(config: Config) -> str:
    """Return scheme, host and port that a gateway with a configuration listens at, unless its options say otherwise."""
    host = "127.0.0.1" if config.http.host in ("0.0.0.0", "::") else config.http.host  # noqa: S104
    return f"http://{bracketed(host)}:{config.http.port}"


def is_known_room(config: Config, path: Path | None, address: str) -> bool:
    """Return whether the XMPP server says that an address is that of a room; false where no gateway answers that could ask it.

    Args:
        config: the configuration.
        path: file from ``--config`` that it is from, if any.
        address: bare address.
    """
    return _ask(config, path, IS_ROOM, address) == "true"


def _ask(config: Config, path: Path | None, *words: str) -> str:
    """Return what the running gateway answers; empty where none does."""
    if not config.ctl.socket:
        return ""
    environ = {name: value for name, value in os.environ.items() if name != VARIABLE_OF_SOCKET}  # it may name another one
    is_meant = is_named(None, None if path is None else str(path), environ)
    try:
        reply = call(Path(config.ctl.socket), CtlRequest(words), PATIENCE, is_meant=is_meant)
    except ClientError:
        return ""
    return reply.out.strip() if reply.code == ExitCode.OK else ""
