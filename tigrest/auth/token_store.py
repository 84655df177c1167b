"""Tokens and their store in the database."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from tigrest.auth.key_store import check_lifetime
from tigrest.errors import InvalidValue, NotFound
from tigrest.state.database import Database
from tigrest.state.gateway_tables import GATEWAY, oauth_codes, oauth_devices, oauth_sign_ins, token_families, tokens
from tigrest.xmpp.jid import JID

TOKEN_PREFIX = "tgt_"  # noqa: S105 - the beginning of all
"""Beginning of every token, by which people and programs that look for lost secrets recognise one."""

EXPIRED_SECONDS = 30 * 24 * 3600.0
"""Seconds for which tokens that have expired are still listed: programs may make one for each of their runs."""

GrantKind = Literal["password", "consent", "client"]
"""Ways to a token: the password of the user, his consent on the page, or a client's own account."""

_SCOPE = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_COLUMNS = (
    tokens.c.name,
    tokens.c.owner,
    tokens.c.scopes,
    tokens.c.created,
    tokens.c.expires,
    tokens.c.last_used,
    tokens.c.last_address,
    tokens.c.family,
    tokens.c.kind,
)


@dataclass(frozen=True)
class Token:
    """A token that stands for somebody.

    Args:
        name: what people call it.
        owner: bare address of whom it stands for.
        scopes: what it is for: ``admin``, ``user``, ``rest``, tags and names of commands.
        created: when it was made, UTC in ISO 8601.
        expires: when it ends, in seconds of Unix time; ``None`` for never.
        last_used: when it was used last, UTC in ISO 8601; empty for never. Not exact: it is written once a minute.
        last_address: IP address that it was used from last; empty for none.
        family: what it belongs to, where a client got it for its owner; empty where an administrator made it.
        kind: how a client got it; ``None`` where an administrator made it.
    """

    name: str
    owner: JID
    scopes: frozenset[str]
    created: str = field(compare=False)
    expires: float | None = None
    last_used: str = field(default="", compare=False)
    last_address: str = field(default="", compare=False)
    family: str = field(default="", compare=False)
    kind: GrantKind | None = None

    def __hash__(self) -> int:
        return hash(self.name)  # quicker than that of all fields: each request with a token asks for it


def new_token() -> str:
    """Make a token of 256 random bits."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """Hash a token the way it is kept: 64 hexadecimal digits of SHA-256."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


class TokenStore:
    """Stores tokens in the database, as hashes.

    Args:
        database: where; started and stopped by its owner.
        clock: tells seconds of Unix time.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database, self._clock = database, clock
        self.changes = 0
        """Changes of the tokens by this process so far; caches compare it."""

    async def start(self) -> None:
        """Open the database if it is not open, and bring it to the newest version.

        Raises:
            ConfigError: the database cannot be used.
        """
        await self._database.start(GATEWAY)

    async def add(self, name: str, owner: JID, scopes: Sequence[str], seconds: float | None = None) -> str:
        """Make a token, and store its hash.

        Args:
            name: what to call it.
            owner: bare address of whom it stands for.
            scopes: what it is for.
            seconds: its lifetime; ``None`` for no end.

        Returns:
            The token, which cannot be read again.

        Raises:
            InvalidValue: the name is taken or cannot be used, or so with another argument.
        """
        _check(name, owner, scopes, seconds)
        token = new_token()
        row = {
            "name": name,
            "digest": hash_token(token),
            "owner": str(owner),
            "scopes": json.dumps(sorted(set(scopes))),
            "created": _utc(self._clock()),
            "expires": None if seconds is None else self._clock() + seconds,
        }
        try:
            async with self._database.begin() as connection:
                has_expired = tokens.c.family.is_(None) & (tokens.c.expires < self._clock() - EXPIRED_SECONDS)
                await connection.execute(delete(tokens).where(has_expired))  # others go with their family, which may outlive them
                await connection.execute(insert(tokens).values(row))
        except IntegrityError:
            raise InvalidValue(f'there is a token named "{name}" already; revoke it first, or choose another name') from None
        self.changes += 1
        return token

    async def find(self, digest: str) -> Token | None:
        """Return the token of a hash; ``None`` when there is none, or it has expired."""
        async with self._database.begin() as connection:
            row = (await connection.execute(select(*_COLUMNS).where(tokens.c.digest == digest))).first()
        if row is None:
            return None
        token = _read(*row)
        return None if token.expires is not None and token.expires <= self._clock() else token

    async def list(self, owner: JID | None = None) -> list[Token]:
        """Return the tokens, sorted by name, also those that have expired.

        Args:
            owner: only his; all when ``None``.
        """
        query = select(*_COLUMNS).order_by(tokens.c.name)
        async with self._database.begin() as connection:
            rows = (await connection.execute(query if owner is None else query.where(tokens.c.owner == str(owner)))).all()
        return [_read(*row) for row in rows]

    async def valid(self, names: Collection[str]) -> set[str]:
        """Return which tokens there are that have not expired.

        Args:
            names: of those that are looked up.
        """
        has_time = or_(tokens.c.expires.is_(None), tokens.c.expires > self._clock())
        async with self._database.begin() as connection:
            return set((await connection.execute(select(tokens.c.name).where(tokens.c.name.in_(names), has_time))).scalars())

    async def revoke(self, name: str) -> None:
        """Delete the token of a name.

        Raises:
            NotFound: there is none.
        """
        if not await self._delete(tokens.c.name == name):
            raise NotFound(f'there is no token named "{name}"')

    async def revoke_token(self, token: str) -> None:
        """Delete a token; one that there is not is none afterwards either. RFC 7009 §2.2"""
        await self._delete(tokens.c.digest == hash_token(token))

    async def revoke_all(self, owner: JID) -> int:
        """Delete all tokens of somebody, and what he has granted to clients, and return how many tokens there were."""
        await self._forget_consents(owner)
        return await self._delete(tokens.c.owner == str(owner.bare))

    async def revoke_granted(self, owner: JID, before: float) -> int:
        """Delete what somebody has granted to clients by his password, with its tokens, and return how many those were.

        Args:
            owner: bare address of whom they stand for.
            before: when his password changed, in seconds of Unix time: what he granted by the new one stays.
        """
        await self._forget_consents(owner)
        is_older = (token_families.c.owner == str(owner.bare)) & (token_families.c.created <= before)
        return await self._delete(tokens.c.family.in_(select(token_families.c.family).where(is_older)))

    async def revoke_family(self, family: str) -> None:
        """Delete the tokens of a family, and the family."""
        await self._delete(tokens.c.family == family)

    async def _forget_consents(self, owner: JID) -> None:
        """Delete what somebody has granted on the page, or is about to, and what has not become a token yet."""
        async with self._database.begin() as connection:
            for table in (oauth_codes, oauth_devices, oauth_sign_ins):
                await connection.execute(delete(table).where(table.c.owner == str(owner.bare)))

    async def note_use(self, name: str, address: str) -> None:
        """Store that a token was used now.

        Args:
            name: of the token.
            address: IP address that it was used from.
        """
        async with self._database.begin() as connection:
            used = {"last_used": _utc(self._clock()), "last_address": address}
            await connection.execute(update(tokens).where(tokens.c.name == name).values(used))

    async def _delete(self, condition: Any) -> int:
        """Delete tokens, each with its whole family: a refresh token would bring it back. Return how many there were.

        Nothing changes where there is none, which strangers may ask for: caches stay valid then.
        """
        async with self._database.begin() as connection:
            found = (await connection.execute(select(tokens.c.name, tokens.c.family).where(condition))).all()
            families = {family for _, family in found if family}
            for names in _batches([name for name, _ in found]):
                await connection.execute(delete(tokens).where(tokens.c.name.in_(names)))
            for batch in _batches([*families]):
                await connection.execute(delete(tokens).where(tokens.c.family.in_(batch)))
                await connection.execute(delete(token_families).where(token_families.c.family.in_(batch)))
        if found:
            self.changes += 1
        return len(found)


def _read(
    name: str,
    owner: str,
    scopes: str,
    created: str,
    expires: float | None,
    last_used: str | None,
    last_address: str | None,
    family: str | None,
    kind: GrantKind | None,
) -> Token:
    granted = kind or ("password" if family else None)
    return Token(
        name, JID(owner), frozenset(json.loads(scopes)), created, expires, last_used or "", last_address or "", family or "", granted
    )


def _batches(values: Sequence[str], size: int = 500) -> list[Sequence[str]]:
    """Split values into as many as a statement may have parameters. https://www.sqlite.org/limits.html"""
    return [values[begin : begin + size] for begin in range(0, len(values), size)]


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _check(name: str, owner: JID, scopes: Sequence[str], seconds: float | None) -> None:
    """Refuse what could not be used later.

    Raises:
        InvalidValue: it is so.
    """
    if not name.strip() or not name.isprintable() or len(name) > 200:
        raise InvalidValue(f"the name of a token is {name[:80]!r}; use printable characters, at most 200")
    if not owner.local or owner.resource:
        raise InvalidValue(f"{owner} is not the address of a user: write local@domain")
    if not scopes:
        raise InvalidValue("a token without a scope is of no use; give admin, user, rest, a tag or the name of a command")
    for scope in scopes:
        if not _SCOPE.fullmatch(scope):
            raise InvalidValue(f"{scope[:80]!r} is no scope; use admin, user, rest, a tag or the name of a command")
    check_lifetime(seconds)
