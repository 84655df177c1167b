"""Clients of the authorisation server, and their store in the database. RFC 6749 §2, RFC 7591"""

from __future__ import annotations

import hmac
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from tigrest.auth.token_store import hash_token
from tigrest.errors import NotFound, StorageUnavailable
from tigrest.state.database import Database
from tigrest.state.gateway_tables import GATEWAY, oauth_clients, oauth_codes, oauth_devices, token_families, tokens
from tigrest.xmpp.jid import JID

CLIENT_PREFIX = "tgc_"
"""Beginning of every identifier of a client."""

SECRET_PREFIX = "tgs_"  # noqa: S105 - the beginning of all
"""Beginning of every secret of a client."""

_ID = re.compile(CLIENT_PREFIX + "[A-Za-z0-9_-]{1,64}")

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
"""Grant of devices that have no keyboard or browser. RFC 8628 §3.4"""

DEFAULT_GRANTS = ("password", "refresh_token")
"""Grants of a client that registers none."""

REGISTRABLE_GRANTS = (*DEFAULT_GRANTS, "authorization_code", DEVICE_GRANT)
"""Grants that a client may register by itself. RFC 7591 §2"""

GRANTS = (*REGISTRABLE_GRANTS, "client_credentials")
"""Grants that clients may use."""


@dataclass(frozen=True)
class ClientLimits:
    """Limits of what is stored.

    Args:
        clients: most clients.
        unused_seconds: age at which a client that never got a token is deleted, when another one registers.
    """

    clients: int = 10_000
    unused_seconds: float = 24 * 3600.0


@dataclass(frozen=True)
class Client:
    """A client.

    Args:
        id: its identifier.
        name: what people call it; empty for no name.
        grants: which of :data:`GRANTS` it uses.
        scope: what it may ask for, with spaces between; empty for anything.
        properties: what it has registered, as it is told. RFC 7591 §3.2.1
        is_public: whether it has no secret.
        created: when it was made, in seconds of Unix time.
        owner: bare address of the account that it stands for by itself; ``None`` for none. RFC 6749 §4.4
        by_admin: whether an administrator has made it, and it has not registered by itself.
        last_used: when it got its first token, in seconds of Unix time; ``None`` for never.
    """

    id: str
    name: str
    grants: tuple[str, ...]
    scope: str
    properties: Mapping[str, Any] = field(repr=False)
    is_public: bool = False
    created: float = 0.0
    owner: JID | None = None
    by_admin: bool = False
    last_used: float | None = field(default=None, compare=False)

    @property
    def redirect_uris(self) -> tuple[str, ...]:
        """Return where it lets users be sent back to. RFC 6749 §3.1.2"""
        return tuple(self.properties.get("redirect_uris", ()))


def is_client(username: str) -> bool:
    """Return whether the username of a Basic login is the identifier of a client, and not a user."""
    return username.startswith(CLIENT_PREFIX) and "@" not in username


class ClientStore:
    """Stores clients in the database, with hashes of their secrets.

    Args:
        database: where; opened by whoever opens that of the tokens.
        limits: of what is stored.
        clock: tells seconds of Unix time.
    """

    def __init__(self, database: Database, limits: ClientLimits | None = None, clock: Callable[[], float] = time.time) -> None:
        self._database, self._clock = database, clock
        self._limits = limits or ClientLimits()

    async def start(self) -> None:
        """Open the database if it is not open, and bring it to the newest version.

        Raises:
            ConfigError: the database cannot be used.
        """
        await self._database.start(GATEWAY)

    async def add(
        self, properties: Mapping[str, Any], *, is_public: bool = False, by_admin: bool = False, owner: JID | None = None
    ) -> tuple[Client, str]:
        """Store a new client.

        Args:
            properties: what it has registered, as it is told; of them ``client_name``, ``grant_types`` and ``scope`` count later.
            is_public: whether it has no secret.
            by_admin: whether an administrator makes it: such a client stays, used or not.
            owner: bare address of the account that it stands for by itself; ``None`` for none.

        Returns:
            The client, and its secret, which cannot be read again; empty for none.

        Raises:
            StorageUnavailable: there are as many clients as there may be.
        """
        now, secret = self._clock(), "" if is_public else SECRET_PREFIX + secrets.token_urlsafe(32)
        row = {
            "id": CLIENT_PREFIX + secrets.token_urlsafe(16),
            "digest": hash_token(secret) if secret else None,
            "name": properties.get("client_name", ""),
            "properties": json.dumps(dict(properties)),
            "created": now,
            "last_used": None,
            "owner": None if owner is None else str(owner),
            "by_admin": by_admin,
        }
        unused = (
            ~oauth_clients.c.by_admin & oauth_clients.c.last_used.is_(None) & (oauth_clients.c.created < now - self._limits.unused_seconds)
        )
        async with self._database.begin() as connection:
            await connection.execute(delete(oauth_clients).where(unused))
            if (await connection.execute(select(func.count()).select_from(oauth_clients))).scalar_one() >= self._limits.clients:
                raise StorageUnavailable("there are as many clients as there may be")
            await connection.execute(insert(oauth_clients).values(row))
        return _read(row), secret

    async def find(self, id: str) -> Client | None:
        """Return a client; ``None`` when there is none of that identifier."""
        found = await self._find(id)
        return None if found is None else found[0]

    async def authenticate(self, id: str, secret: str) -> Client | None:
        """Return the client of an identifier and a secret; ``None`` when there is none, or its secret is another one.

        Args:
            id: its identifier.
            secret: its secret; empty for a public client.
        """
        found = await self._find(id)
        if found is None:
            return None
        client, digest = found
        if digest is None:
            return None if secret else client
        return client if hmac.compare_digest(digest, hash_token(secret)) else None

    async def note_use(self, client: Client) -> None:
        """Store that a client gets a token now."""
        async with self._database.begin() as connection:
            used = update(oauth_clients).where(oauth_clients.c.id == client.id, oauth_clients.c.last_used.is_(None))
            await connection.execute(used.values(last_used=self._clock()))

    async def list(self) -> list[Client]:
        """Return all clients, sorted by name."""
        query = select(oauth_clients).order_by(oauth_clients.c.name, oauth_clients.c.id)
        async with self._database.begin() as connection:
            return [_read(dict(row)) for row in (await connection.execute(query)).mappings()]

    async def revoke(self, id: str) -> None:
        """Delete a client, with all that users have granted to it. Its access tokens end within a second in running gateways.

        Args:
            id: its identifier.

        Raises:
            NotFound: there is no such client.
        """
        families = select(token_families.c.family).where(token_families.c.client == id)
        async with self._database.begin() as connection:
            if not (await connection.execute(delete(oauth_clients).where(oauth_clients.c.id == id))).rowcount:
                raise NotFound(f"there is no client {id}")
            await connection.execute(delete(tokens).where(tokens.c.family.in_(families)))
            for table in (token_families, oauth_codes, oauth_devices):
                await connection.execute(delete(table).where(table.c.client == id))

    async def _find(self, id: str) -> tuple[Client, str | None] | None:
        if not _ID.fullmatch(id):
            return None
        async with self._database.begin() as connection:
            row = (await connection.execute(select(oauth_clients).where(oauth_clients.c.id == id))).mappings().first()
        return None if row is None else (_read(dict(row)), row["digest"])


def _read(row: Mapping[str, Any]) -> Client:
    properties = json.loads(row["properties"])
    return Client(
        id=row["id"],
        name=row["name"],
        grants=tuple(properties.get("grant_types", DEFAULT_GRANTS)),
        scope=properties.get("scope", ""),
        properties=properties,
        is_public=row["digest"] is None,
        created=row["created"],
        owner=None if row["owner"] is None else JID(row["owner"]),
        by_admin=bool(row["by_admin"]),
        last_used=row["last_used"],
    )
