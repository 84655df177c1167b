"""Grants of users to clients: an access token each, and a refresh token that makes the next ones. RFC 6749 §1.5"""

from __future__ import annotations

import hmac
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tigrest.auth.token_store import GrantKind, Token, TokenStore, hash_token, new_token
from tigrest.state.database import Database
from tigrest.state.gateway_tables import token_families, tokens
from tigrest.xmpp.jid import JID

REFRESH_PREFIX = "tgr_"
"""Beginning of every refresh token, after which stand its family, a dot, and a secret that each use replaces."""

TokenClaim = Callable[[AsyncConnection, str], Awaitable[bool]]
"""Takes what becomes a family, such as a code, in the transaction that stores the family; returns whether nobody else has taken it."""


@dataclass(frozen=True)
class FamilyLimits:
    """Limits of what is stored.

    Args:
        of_owner: most families of one user; the oldest ends when he has more.
        purged: most families that have expired which are deleted when another one begins.
    """

    of_owner: int = 200
    purged: int = 200


@dataclass(frozen=True)
class Grant:
    """A grant that is to be stored.

    Args:
        client: identifier of the client; empty where none was named.
        client_name: what people call the client; empty for no name.
        owner: bare address of the user.
        scopes: what the access token is for.
        scope: the same in the words of the client, with spaces between.
        kind: how.
    """

    client: str
    client_name: str
    owner: JID
    scopes: frozenset[str]
    scope: str
    kind: GrantKind = "password"


@dataclass(frozen=True)
class Family:
    """A grant that is stored.

    Args:
        id: which.
        client: identifier of the client; empty where none was named.
        owner: bare address of the user.
        scope: in the words of the client, with spaces between.
        created: when he granted it, in seconds of Unix time.
        expires: when the last token of it ends, in seconds of Unix time.
        kind: how it was granted.
    """

    id: str
    client: str
    owner: JID
    scope: str
    created: float
    expires: float
    kind: GrantKind = "password"


@dataclass(frozen=True)
class Refresh:
    """Owner and client of a refresh token.

    Args:
        family: which family.
        is_current: whether it is the one that is valid; if not, it was used before.
    """

    family: Family
    is_current: bool


@dataclass(frozen=True)
class Issued:
    """New tokens, which cannot be read again.

    Args:
        access: the access token.
        refresh: the refresh token; empty for none.
    """

    access: str
    refresh: str = ""


class TokenFamilies:
    """Stores what users have granted to clients.

    Args:
        database: where; opened by the store.
        store: the tokens, in the same database.
        limits: of what is stored.
        clock: tells seconds of Unix time.
    """

    def __init__(
        self, database: Database, store: TokenStore, limits: FamilyLimits | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._database, self._store, self._clock = database, store, clock
        self._limits = limits or FamilyLimits()

    async def begin(self, grant: Grant, access_seconds: float, refresh_seconds: float | None) -> Issued:
        """Store a grant, and make its tokens.

        Args:
            grant: what is granted, to whom.
            access_seconds: lifetime of the access token.
            refresh_seconds: lifetime of the refresh token; ``None`` for no such token.
        """
        issued = await self._begin(grant, access_seconds, refresh_seconds)
        assert issued is not None  # only a claim can fail
        return issued

    async def redeem(self, claim: TokenClaim, grant: Grant, access_seconds: float, refresh_seconds: float | None) -> Issued | None:
        """Store a grant for something that becomes it once; see :meth:`begin`. Return ``None`` when somebody else has claimed that."""
        return await self._begin(grant, access_seconds, refresh_seconds, claim)

    async def _begin(
        self, grant: Grant, access_seconds: float, refresh_seconds: float | None, claim: TokenClaim | None = None
    ) -> Issued | None:
        now, access, public = self._clock(), new_token(), secrets.token_urlsafe(16)
        refresh, lifetime = "", access_seconds
        if refresh_seconds is not None:
            refresh, lifetime = _new_refresh(public), max(access_seconds, refresh_seconds)
        family = hash_token(public)
        row = {
            "family": family,
            "client": grant.client,
            "owner": str(grant.owner),
            "scope": grant.scope,
            "refresh_digest": hash_token(refresh) if refresh else None,
            "created": now,
            "expires": now + lifetime,
            "kind": grant.kind,
        }
        async with self._database.begin() as connection:
            if claim is not None and not await claim(connection, family):
                return None
            await connection.execute(insert(token_families).values(row))
            await connection.execute(insert(tokens).values(_access_row(access, family, grant, now, access_seconds)))
            await self._purge(connection, now)
        await self._end_oldest(grant.owner)
        return Issued(access, refresh)

    async def find_refresh(self, token: str) -> Refresh | None:
        """Return what a refresh token belongs to; ``None`` when there is no such family, or its time is over."""
        public = _public_part(token)
        found = await self._find(hash_token(public)) if public else None
        if found is None:
            return None
        family, digest = found
        return Refresh(family, digest is not None and hmac.compare_digest(digest, hash_token(token)))

    async def find_access(self, token: str) -> tuple[Token, Family | None] | None:
        """Return a token, with its family where it has one; ``None`` when it is none that is valid."""
        found = await self._store.find(hash_token(token))
        if found is None:
            return None
        family = await self._find(found.family) if found.family else None
        return found, None if family is None else family[0]

    async def rotate(self, refresh: str, grant: Grant, access_seconds: float, refresh_seconds: float) -> Issued | None:
        """Replace both tokens of a family. The access token before ends.

        Args:
            refresh: the refresh token.
            grant: what the new access token is for.
            access_seconds: lifetime of the access token.
            refresh_seconds: lifetime of the refresh token.

        Returns:
            The new tokens; ``None`` when the refresh token is not the valid one: somebody has used it.
        """
        now, access, public = self._clock(), new_token(), _public_part(refresh)
        family, following = hash_token(public), _new_refresh(public)
        changed = (
            update(token_families)
            .where(token_families.c.family == family, token_families.c.refresh_digest == hash_token(refresh))
            .values(refresh_digest=hash_token(following), expires=now + max(access_seconds, refresh_seconds))
        )
        async with self._database.begin() as connection:
            if not (await connection.execute(changed)).rowcount:
                return None
            await connection.execute(delete(tokens).where(tokens.c.family == family))
            await connection.execute(insert(tokens).values(_access_row(access, family, grant, now, access_seconds)))
        self._store.changes += 1
        return Issued(access, following)

    async def end(self, family: str) -> None:
        """Revoke all tokens of a family.

        Args:
            family: its ``id``.
        """
        await self._store.revoke_family(family)

    async def revoke(self, token: str) -> None:
        """Revoke an access or refresh token, with its family. One that there is not is none afterwards either. RFC 7009 §2.2

        A refresh token that was used before ends its family too: whoever has it, has it from somebody whom the family was granted to.
        """
        if token.startswith(REFRESH_PREFIX):
            if (found := await self.find_refresh(token)) is not None:
                await self.end(found.family.id)
        else:
            await self._store.revoke_token(token)

    async def _find(self, family: str) -> tuple[Family, str | None] | None:
        """Return a family that has not expired, and the hash of its refresh token."""
        async with self._database.begin() as connection:
            row = (await connection.execute(select(token_families).where(token_families.c.family == family))).first()
        if row is None or row.expires <= self._clock():
            return None
        return Family(
            row.family, row.client, JID(row.owner), row.scope, row.created, row.expires, row.kind or "password"
        ), row.refresh_digest

    async def _purge(self, connection: AsyncConnection, now: float) -> None:
        """Delete families that have expired, with their tokens."""
        expired = select(token_families.c.family).where(token_families.c.expires <= now).limit(self._limits.purged)
        families = (await connection.execute(expired)).scalars().all()
        if families:
            await connection.execute(delete(tokens).where(tokens.c.family.in_(families)))
            await connection.execute(delete(token_families).where(token_families.c.family.in_(families)))

    async def _end_oldest(self, owner: JID) -> None:
        """End the oldest families of somebody who has more than he may."""
        mine = token_families.c.owner == str(owner)
        newest_first = select(token_families.c.family).where(mine).order_by(token_families.c.created.desc(), token_families.c.family)
        async with self._database.begin() as connection:
            above = (await connection.execute(newest_first.offset(self._limits.of_owner).limit(self._limits.purged))).scalars().all()
        for family in above:
            await self._store.revoke_family(family)


def _new_refresh(public: str) -> str:
    """Make a refresh token of a family: 256 random bits after what tells the family."""
    return f"{REFRESH_PREFIX}{public}.{secrets.token_urlsafe(32)}"


def _public_part(refresh: str) -> str:
    """Return what tells the family of a refresh token; empty for what is none."""
    family, dot, _ = refresh.removeprefix(REFRESH_PREFIX).partition(".")
    return family if dot and refresh.startswith(REFRESH_PREFIX) else ""


def _access_row(token: str, family: str, grant: Grant, now: float, seconds: float) -> dict[str, object]:
    """Return the row of an access token. Its name is not taken: it ends in random characters."""
    made = datetime.fromtimestamp(now, UTC)
    return {
        "name": f"{grant.client_name or 'oauth'} {made:%Y-%m-%d %H:%M:%S} {secrets.token_hex(6)}",
        "digest": hash_token(token),
        "owner": str(grant.owner),
        "scopes": json.dumps(sorted(grant.scopes)),
        "created": made.isoformat(timespec="seconds"),
        "expires": now + seconds,
        "family": family,
        "kind": grant.kind,
    }
