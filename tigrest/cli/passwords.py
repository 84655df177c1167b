"""Hash a password: ``tigrest hash-password``."""

from __future__ import annotations

import sys

import typer

from tigrest.errors import ConfigError
from tigrest.passwords import Passwords


def print_hash() -> int:
    """Print the argon2id hash of a password, which is asked for twice on a terminal, and otherwise read from standard input."""
    password = _asked() if sys.stdin.isatty() else _read()
    if not password:
        raise ConfigError("the password is empty")
    typer.echo(Passwords().hash_now(password))
    return 0


def _asked() -> str:
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _read() -> str:
    try:
        password = sys.stdin.read().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ConfigError("the password is not text in UTF-8") from None
    if "\n" in password:
        raise ConfigError("a password is one line; there are more on standard input")
    return password
