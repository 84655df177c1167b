"""Manage tokens: ``tigrest token``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import typer

from tigrest.auth.token_store import Token, TokenStore
from tigrest.cli.lifetimes import seconds_of, utc_of
from tigrest.cli.owners import owner_trouble
from tigrest.cli.scripts import powerless_scopes
from tigrest.cli.stored import with_store
from tigrest.cli.tables import columns
from tigrest.errors import ConfigError
from tigrest.xmpp.jid import JID


def add_token(path: Path | None, name: str, owner: str, scopes: Sequence[str], expires: str | None) -> int:
    """Make a token and print it, alone on standard output so that a script can read it; tell of scopes that are for nothing.

    Args:
        path: configuration file from ``--config``, if any.
        name: name of the token.
        owner: bare address of whom it stands for.
        scopes: what it is for.
        expires: its lifetime, such as ``90d``; ``None`` for no end.
    """
    seconds = seconds_of(expires)
    try:
        jid = JID(owner)
    except ValueError as error:
        raise ConfigError(f"--for: {error}") from None
    token = with_store(path, TokenStore, lambda store: store.add(name, jid, scopes, seconds))
    for problem in (*powerless_scopes(path, scopes), *owner_trouble(path, jid)):
        typer.echo(f"tigrest: {problem}", err=True)
    typer.echo(f"Token {name} of {jid}, shown this once; send it as header Authorization: Bearer …", err=True)
    typer.echo(token)
    return 0


def list_tokens(path: Path | None, as_json: bool) -> int:
    """Print the tokens: whom they stand for, their scopes, their end, their last use; never themselves.

    Args:
        path: configuration file from ``--config``, if any.
        as_json: whether to print JSON.
    """
    tokens = with_store(path, TokenStore, lambda store: store.list())
    if as_json:
        typer.echo(json.dumps([_entry(token) for token in tokens], indent=2))
        return 0
    rows = [
        [
            token.name,
            token.owner,
            " ".join(sorted(token.scopes)),
            utc_of(token.expires) or "never",
            token.last_used or "never",
            token.last_address or "-",
        ]
        for token in tokens
    ]
    for line in columns([["NAME", "FOR", "SCOPES", "EXPIRES", "LAST USED", "FROM"], *rows]):
        typer.echo(line)
    return 0


def revoke_token(path: Path | None, name: str) -> int:
    """Delete a token; running gateways refuse it within a second.

    Args:
        path: configuration file from ``--config``, if any.
        name: name of the token.
    """
    with_store(path, TokenStore, lambda store: store.revoke(name))
    typer.echo(f"{name} is revoked")
    return 0


def _entry(token: Token) -> dict[str, object]:
    return {
        "name": token.name,
        "for": str(token.owner),
        "scopes": sorted(token.scopes),
        "created": token.created,
        "expires": utc_of(token.expires),
        "last_used": token.last_used or None,
        "last_address": token.last_address or None,
    }
