"""Authorisation codes: what a user has granted on the page, until the client that he came from fetches its tokens. RFC 6749 §4.1"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tigrest.auth.token_families import TokenClaim
from tigrest.auth.token_store import hash_token
from tigrest.state.database import Database
from tigrest.state.gateway_tables import oauth_codes
from tigrest.xmpp.jid import JID


@dataclass(frozen=True)
class CodeLimits:
    """Limits of codes, in seconds.

    Args:
        lifetime: of a code.
        remembered: for which a code is kept after its end, to notice that it comes twice.
    """

    lifetime: float = 60.0
    remembered: float = 24 * 3600.0


@dataclass(frozen=True)
class CodeGrant:
    """A grant that a code stands for.

    Args:
        client: identifier of the client.
        owner: bare address of the user.
        scope: what he has granted, in the words of the client, with spaces between.
        redirect_uri: where the client had him sent back to, as it asked; empty where it named nothing.
        challenge: which only the client that asked can answer (RFC 7636 §4.2, by SHA-256); empty for none.
    """

    client: str
    owner: JID
    scope: str
    redirect_uri: str
    challenge: str


@dataclass(frozen=True)
class StoredCode:
    """A code that is known.

    Args:
        digest: hash of the code.
        grant: what it stands for.
        family: what it has become; empty while it is unused.
        is_over: whether its time is.
    """

    digest: str
    grant: CodeGrant
    family: str
    is_over: bool


class CodeStore:
    """Stores authorisation codes in the database, as hashes.

    Args:
        database: where; opened by whoever opens that of the tokens.
        limits: of codes.
        clock: tells seconds of Unix time.
    """

    def __init__(self, database: Database, limits: CodeLimits | None = None, clock: Callable[[], float] = time.time) -> None:
        self._database, self._limits, self._clock = database, limits or CodeLimits(), clock

    async def add(self, grant: CodeGrant) -> str:
        """Make a code of 256 random bits, and store its hash."""
        code, now = secrets.token_urlsafe(32), self._clock()
        row = {
            "digest": hash_token(code),
            "client": grant.client,
            "owner": str(grant.owner),
            "scope": grant.scope,
            "redirect_uri": grant.redirect_uri,
            "challenge": grant.challenge,
            "expires": now + self._limits.lifetime,
        }
        async with self._database.begin() as connection:
            await connection.execute(delete(oauth_codes).where(oauth_codes.c.expires < now - self._limits.remembered))
            await connection.execute(insert(oauth_codes).values(row))
        return code

    async def find(self, code: str) -> StoredCode | None:
        """Return a code; ``None`` when it is none, or is forgotten."""
        digest = hash_token(code)
        async with self._database.begin() as connection:
            row = (await connection.execute(select(oauth_codes).where(oauth_codes.c.digest == digest))).first()
        if row is None:
            return None
        grant = CodeGrant(row.client, JID(row.owner), row.scope, row.redirect_uri, row.challenge)
        return StoredCode(digest, grant, row.family or "", row.expires <= self._clock())

    def claim(self, digest: str) -> TokenClaim:
        """Return what marks a code as used in the transaction that stores what it becomes."""

        async def claim(connection: AsyncConnection, family: str) -> bool:
            unused = update(oauth_codes).where(oauth_codes.c.digest == digest, oauth_codes.c.family.is_(None))
            return bool((await connection.execute(unused.values(family=family))).rowcount)

        return claim
