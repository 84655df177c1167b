"""``tigrest api-key``."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import typer

from tigrest.auth.api_keys import ApiKey, KeyStore
from tigrest.cli.stored import with_store
from tigrest.cli.tables import columns
from tigrest.errors import ConfigError


def add(path: Path | None, name: str, paths: Sequence[str], domains: Sequence[str]) -> int:
    """Make a key and print it: alone on standard output, so that a script can take it.

    Args:
        path: configuration file that was named.
        name: of the key.
        paths: patterns it is valid for; all when empty.
        domains: host names it is valid for; all when empty.
    """
    if not name.strip():
        raise ConfigError("the name of a key is empty")
    for pattern in paths:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ConfigError(f'--path "{pattern}" is not a regular expression: {error}') from None
    key = with_store(path, KeyStore, lambda store: store.add(name, tuple(paths), tuple(domains)))
    typer.echo(f"API key {name}, shown this once; send it as header Api-Key or query parameter api-key:", err=True)
    typer.echo(key)
    return 0


def show(path: Path | None, as_json: bool) -> int:
    """Print names and limits of all keys that this command manages.

    Args:
        path: configuration file that was named.
        as_json: whether to print JSON.
    """
    keys = with_store(path, KeyStore, lambda store: store.list())
    if as_json:
        typer.echo(json.dumps([{"name": key.name, "paths": _patterns(key), "domains": list(key.domains)} for key in keys], indent=2))
        return 0
    rows = [[key.name, " ".join(_patterns(key)) or "all", " ".join(key.domains) or "all"] for key in keys]
    for line in columns([["NAME", "PATHS", "DOMAINS"], *rows]):
        typer.echo(line)
    return 0


def revoke(path: Path | None, name: str) -> int:
    """Make a key invalid.

    Args:
        path: configuration file that was named.
        name: of the key.
    """
    with_store(path, KeyStore, lambda store: store.revoke(name))
    typer.echo(f"{name} is revoked")
    return 0


def _patterns(key: ApiKey) -> list[str]:
    return [path.pattern for path in key.paths]
