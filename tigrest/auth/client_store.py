"""Clients of the authorisation server, which have registered, and their store in the database. RFC 7591"""

from __future__ import annotations

import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from tigrest.auth.token_store import hash_token
from tigrest.errors import StorageUnavailable
from tigrest.state.database import Database
from tigrest.state.gateway_tables import oauth_clients

CLIENT_PREFIX = "tgc_"
"""Beginning of every identifier of a client."""

SECRET_PREFIX = "tgs_"  # noqa: S105 - the beginning of all
"""Beginning of every secret of a client."""

GRANTS = ("password", "refresh_token")
"""Grants that clients may use. RFC 7591 §2"""


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
    """A client that has registered.

    Args:
        id: its identifier.
        name: what people call it; empty for no name.
        grants: which of :data:`GRANTS` it uses.
        scope: what it may ask for, with spaces between; empty for anything.
        properties: what it has registered, as it is told. RFC 7591 §3.2.1
        is_public: whether it has no secret.
        created: when it registered, in seconds of Unix time.
    """

    id: str
    name: str
    grants: tuple[str, ...]
    scope: str
    properties: Mapping[str, Any] = field(repr=False)
    is_public: bool = False
    created: float = 0.0


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

    async def add(self, properties: Mapping[str, Any], *, is_public: bool = False) -> tuple[Client, str]:
        """Store a new client.

        Args:
            properties: what it has registered, as it is told; of them ``client_name``, ``grant_types`` and ``scope`` count later.
            is_public: whether it has no secret.

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
        }
        unused = oauth_clients.c.last_used.is_(None) & (oauth_clients.c.created < now - self._limits.unused_seconds)
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

    async def _find(self, id: str) -> tuple[Client, str | None] | None:
        async with self._database.begin() as connection:
            row = (await connection.execute(select(oauth_clients).where(oauth_clients.c.id == id))).mappings().first()
        return None if row is None else (_read(dict(row)), row["digest"])


def _read(row: Mapping[str, Any]) -> Client:
    properties = json.loads(row["properties"])
    return Client(
        id=row["id"],
        name=row["name"],
        grants=tuple(properties.get("grant_types", GRANTS)),
        scope=properties.get("scope", ""),
        properties=properties,
        is_public=row["digest"] is None,
        created=row["created"],
    )
