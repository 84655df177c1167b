"""Manage clients of the authorisation server: ``tigrest client``."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import typer

from tigrest.auth.client_store import DEVICE_GRANT, Client, ClientStore
from tigrest.cli.owners import owner_trouble
from tigrest.cli.scripts import powerless_scopes
from tigrest.cli.stored import with_store
from tigrest.cli.tables import columns
from tigrest.errors import ConfigError, InvalidValue, NotFound
from tigrest.oauth.redirects import redirect_trouble
from tigrest.oauth.scopes import FOREIGN_SCOPES
from tigrest.xmpp.jid import JID

_SCOPE = re.compile(r"[a-z][a-z0-9_:-]{0,63}")


@dataclass(frozen=True)
class ClientOptions:
    """Options of ``tigrest client add``.

    Args:
        owner: bare address of the account that it stands for by itself; ``None`` for none.
        scopes: what it may ask for; none for no limit.
        redirect_uris: where its users are sent back to.
        is_device: whether it shows its users a code.
        is_public: whether it has no secret.
    """

    owner: str | None = None
    scopes: tuple[str, ...] = ()
    redirect_uris: tuple[str, ...] = ()
    is_device: bool = False
    is_public: bool = False

    @property
    def grants(self) -> list[str]:
        """Return the grants that it may use."""
        by_user = ["authorization_code"] * bool(self.redirect_uris) + [DEVICE_GRANT] * self.is_device
        return ["client_credentials"] * (self.owner is not None) + by_user + ["refresh_token"] * bool(by_user)


def add_client(path: Path | None, name: str, options: ClientOptions) -> int:
    """Make a client, and print its identifier and its secret as variables of a shell; tell of what is for nothing.

    Args:
        path: configuration file from ``--config``, if any.
        name: what users read on the page.
        options: what it may do.
    """
    owner = _checked(name, options)
    properties: dict[str, object] = {"client_name": name, "grant_types": options.grants, "scope": " ".join(options.scopes)}
    if options.redirect_uris:
        properties["redirect_uris"] = list(options.redirect_uris)
    if options.is_public:
        properties["token_endpoint_auth_method"] = "none"  # noqa: S105 - no secret

    async def add(store: ClientStore) -> tuple[Client, str]:
        if any(client.by_admin and client.name == name for client in await store.list()):
            raise InvalidValue(f'there is a client named "{name}" already; revoke it first, or choose another name')
        return await store.add(properties, is_public=options.is_public, by_admin=True, owner=owner)

    client, secret = with_store(path, ClientStore, add)
    scopes = [FOREIGN_SCOPES.get(scope, scope) for scope in options.scopes]
    for problem in (*powerless_scopes(path, scopes), *owner_trouble(path, owner)):
        typer.echo(f"tigrest: {problem}", err=True)
    typer.echo(f"Client {name} for {', '.join(options.grants)}{'; its secret is shown this once' if secret else ''}", err=True)
    typer.echo(f"CLIENT_ID={client.id}")
    if secret:
        typer.echo(f"CLIENT_SECRET={secret}")
    return 0


def list_clients(path: Path | None, as_json: bool) -> int:
    """Print the clients: what they may do, who made them, their first use; never their secrets.

    Args:
        path: configuration file from ``--config``, if any.
        as_json: whether to print JSON.
    """
    clients = with_store(path, ClientStore, lambda store: store.list())
    if as_json:
        typer.echo(json.dumps([_entry(client) for client in clients], indent=2))
        return 0
    rows = [
        [
            client.name or "-",
            client.id,
            str(client.owner or "-"),
            " ".join(grant.rpartition(":")[2] for grant in client.grants),
            client.scope or "any",
            "admin" if client.by_admin else "itself",
            _time(client.last_used) or "never",
        ]
        for client in clients
    ]
    for line in columns([["NAME", "ID", "FOR", "GRANTS", "SCOPES", "MADE BY", "FIRST USED"], *rows]):
        typer.echo(line)
    return 0


def revoke_client(path: Path | None, name: str) -> int:
    """Delete a client, and what users have granted to it; running gateways refuse its tokens within a second.

    Args:
        path: configuration file from ``--config``, if any.
        name: its name, or its identifier where several have the name.
    """

    async def revoke(store: ClientStore) -> None:
        found = [client.id for client in await store.list() if name in (client.id, client.name)]
        if not found:
            raise NotFound(f'there is no client named "{name}"')
        if len(found) > 1:
            raise InvalidValue(f'there are {len(found)} clients named "{name}"; give the identifier of one: {", ".join(found[:5])}')
        await store.revoke(found[0])

    with_store(path, ClientStore, revoke)
    typer.echo(f"{name} is revoked")
    return 0


def _checked(name: str, options: ClientOptions) -> JID | None:
    """Return whom a client stands for by itself.

    Raises:
        ConfigError: the options do not go together, or one cannot be used.
    """
    if not name.strip() or not name.isprintable() or len(name) > 100:
        raise ConfigError("NAME is printable text, at most 100 characters")
    if not options.grants:
        raise ConfigError("say what the client is for: --for JID, --redirect-uri URI or --device")
    for uri in options.redirect_uris:
        if trouble := redirect_trouble(uri):
            raise ConfigError(f"--redirect-uri: {uri[:200]!r} {trouble}")
    for scope in options.scopes:
        if not _SCOPE.fullmatch(scope):
            raise ConfigError(f"--scope: {scope[:80]!r} is no scope; use admin, user, rest, a tag or the name of a command")
    if options.owner is None:
        return None
    if options.is_public or not options.scopes:
        raise ConfigError("--for needs --scope, and a secret: without --public")
    try:
        owner = JID(options.owner)
    except ValueError as error:
        raise ConfigError(f"--for: {error}") from None
    if not owner.local or owner.resource:
        raise ConfigError(f"--for: {owner} is not the address of a user: write local@domain")
    return owner


def _entry(client: Client) -> dict[str, object]:
    return {
        "id": client.id,
        "name": client.name,
        "for": None if client.owner is None else str(client.owner),
        "grants": list(client.grants),
        "scopes": client.scope.split(),
        "redirect_uris": list(client.redirect_uris),
        "public": client.is_public,
        "by_admin": client.by_admin,
        "created": _time(client.created),
        "first_used": _time(client.last_used),
    }


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
