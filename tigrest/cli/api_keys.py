"""Manage API keys: ``tigrest api-key``."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import typer

from tigrest.auth.api_keys import ApiKey, KeyStore
from tigrest.cli.lifetimes import seconds_of, utc_of
from tigrest.cli.stored import with_store
from tigrest.cli.tables import columns
from tigrest.errors import ConfigError

_RELATIVE = re.compile(r"[a-z0-9]+([^|?*{].*)?")
"""Regular expressions that begin with a letter, which no path does."""


def add_key(path: Path | None, name: str, paths: Sequence[str], domains: Sequence[str], expires: str | None = None) -> int:
    """Make a key and print it, alone on standard output so that a script can read it.

    Args:
        path: configuration file from ``--config``, if any.
        name: name of the key.
        paths: regular expressions of paths that it is valid for; every path when empty.
        domains: host names that it is valid for; every host when empty.
        expires: its lifetime, such as ``90d``; ``None`` for no end.
    """
    if not name.strip():
        raise ConfigError("the name of a key is empty")
    for pattern in paths:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ConfigError(f'--path "{pattern}" is not a regular expression: {error}') from None
        if _RELATIVE.fullmatch(pattern):
            raise ConfigError(f'--path "{pattern}" matches no path: paths begin with a slash')
    for domain in domains:
        if "/" in domain or not domain.strip():
            raise ConfigError(f'--domain "{domain}" is no host name; write one such as gateway.example.com')
    seconds = seconds_of(expires)
    key = with_store(path, KeyStore, lambda store: store.add(name, tuple(paths), tuple(domains), seconds=seconds))
    typer.echo(f"API key {name}, shown this once; send it as header Api-Key or query parameter api-key:", err=True)
    typer.echo(key)
    return 0


def list_keys(path: Path | None, as_json: bool) -> int:
    """Print name, paths, domains, end and last use of each stored key; those of the configuration are not listed.

    Args:
        path: configuration file from ``--config``, if any.
        as_json: whether to print JSON.
    """
    keys = with_store(path, KeyStore, lambda store: store.list())
    if as_json:
        typer.echo(json.dumps([_entry(key) for key in keys], indent=2))
        return 0
    rows = [
        [
            key.name,
            " ".join(_patterns(key)) or "all",
            " ".join(key.domains) or "all",
            utc_of(key.expires) or "never",
            key.last_used or "never",
            key.last_address or "-",
        ]
        for key in keys
    ]
    for line in columns([["NAME", "PATHS", "DOMAINS", "EXPIRES", "LAST USED", "FROM"], *rows]):
        typer.echo(line)
    return 0


def revoke_key(path: Path | None, name: str) -> int:
    """Delete a key; running gateways refuse it within a second.

    Args:
        path: configuration file from ``--config``, if any.
        name: name of the key.
    """
    with_store(path, KeyStore, lambda store: store.revoke(name))
    typer.echo(f"{name} is revoked")
    return 0


def _entry(key: ApiKey) -> dict[str, object]:
    return {
        "name": key.name,
        "paths": _patterns(key),
        "domains": list(key.domains),
        "created": key.created,
        "expires": utc_of(key.expires),
        "last_used": key.last_used or None,
        "last_address": key.last_address or None,
    }


def _patterns(key: ApiKey) -> list[str]:
    return [path.pattern for path in key.paths]
