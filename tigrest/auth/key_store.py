"""API keys and their store in the database."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from tigrest.errors import InvalidValue
from tigrest.state.database import Database
from tigrest.state.gateway_tables import GATEWAY, api_keys

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ApiKey:
    """An API key and where it is valid.

    Args:
        name: what people call it.
        digest: what :func:`hash_key` gives for it.
        paths: patterns of which one has to match the whole path of the request; empty for every path.
        domains: hosts of which the request has to name one; empty for every host. Case and port do not matter.
        created: when it was stored, UTC in ISO 8601; empty when it is configured.
        expires: when it ends, in seconds of Unix time; ``None`` for never.
        last_used: when it was used last, UTC in ISO 8601; empty for never. Not exact: it is written once a minute.
        last_address: IP address that it was used from last; empty for none.
    """

    name: str
    digest: str = field(repr=False)
    paths: tuple[re.Pattern[str], ...] = ()
    domains: tuple[str, ...] = ()
    created: str = field(default="", compare=False)
    expires: float | None = None
    last_used: str = field(default="", compare=False)
    last_address: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "domains", tuple(map(_in_ascii, self.domains)))

    def allows(self, path: str, host: str) -> bool:
        """Tell whether the key is valid for a request.

        Args:
            path: of the request, decoded, without the query.
            host: its header ``Host``.
        """
        if self.domains and host_name(host) not in self.domains:
            return False
        return not self.paths or any(pattern.fullmatch(path) for pattern in self.paths)


EXPIRED_KEY_SECONDS = 30 * 24 * 3600.0
"""Seconds for which keys that have expired are still listed."""

_COLUMNS = (
    api_keys.c.name,
    api_keys.c.digest,
    api_keys.c.paths,
    api_keys.c.domains,
    api_keys.c.created,
    api_keys.c.expires,
    api_keys.c.last_used,
    api_keys.c.last_address,
)


def new_key() -> str:
    """Make a key of 256 random bits."""
    return "tgr_" + secrets.token_urlsafe(32)


def hash_key(key: str) -> str:
    """Hash a key the way it is kept, ``sha256:`` and 64 hexadecimal digits."""
    return "sha256:" + hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def host_name(host: str) -> str:
    """Return the host of a ``Host`` header in lower case, without port and final dot (RFC 9110 §7.2)."""
    host = host.strip().casefold()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    if host.count(":") > 1:  # an IPv6 address as people write it
        return f"[{host}]"
    return host.partition(":")[0].rstrip(".")


def _in_ascii(domain: str) -> str:
    """Return a domain as browsers send it in ``Host`` (RFC 5891 §4.4)."""
    name = host_name(domain)
    try:
        return name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        return name


class KeyStore:
    """Stores API keys in the database, as hashes.

    Args:
        database: where; started and stopped by its owner.
        clock: tells seconds of Unix time.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database, self._clock = database, clock
        self._unusable: set[str] = set()
        self.changes = 0
        """Changes of the keys by this process so far; caches of keys compare it."""

    async def start(self) -> None:
        """Open the database if it is not open, and bring it to the newest version.

        Raises:
            ConfigError: the database cannot be used.
        """
        await self._database.start(GATEWAY)

    async def add(
        self, name: str, paths: Sequence[str], domains: Sequence[str], key: str | None = None, seconds: float | None = None
    ) -> str:
        """Store a key.

        Args:
            name: what to call it.
            paths: regular expressions of which one has to match the whole path of a request; empty for every path.
            domains: hosts of which a request has to name one; empty for every host.
            key: the key itself; a new one when ``None``.
            seconds: its lifetime; ``None`` for no end.

        Returns:
            The key, which cannot be read again.

        Raises:
            InvalidValue: the name or the key is there already or cannot be used, or a path is no regular expression.
        """
        key = new_key() if key is None else key
        _check(name, paths, domains, key)
        check_lifetime(seconds)
        now = self._clock()
        row = {
            "name": name,
            "digest": hash_key(key),
            "paths": json.dumps(list(paths)),
            "domains": json.dumps(list(domains)),
            "created": _utc(now),
            "expires": None if seconds is None else now + seconds,
        }
        try:
            async with self._database.begin() as connection:
                await connection.execute(delete(api_keys).where(api_keys.c.expires < now - EXPIRED_KEY_SECONDS))
                if (await connection.execute(select(api_keys.c.name).where(api_keys.c.name == name))).first():
                    raise InvalidValue(f'there is an API key named "{name}" already; revoke it first, or choose another name')
                await connection.execute(insert(api_keys).values(row))
        except IntegrityError:
            raise InvalidValue(f'the API key "{name}" is stored already, perhaps under another name') from None
        self.changes += 1
        return key

    async def change(self, name: str, paths: Sequence[str], domains: Sequence[str]) -> None:
        """Change where a key is valid; arguments as for :meth:`add`.

        Raises:
            InvalidValue: there is none of this name, or a path is no regular expression.
        """
        _check(name, paths, domains, "unchanged")
        values = {"paths": json.dumps(list(paths)), "domains": json.dumps(list(domains))}
        async with self._database.begin() as connection:
            changed = (await connection.execute(update(api_keys).where(api_keys.c.name == name).values(values))).rowcount
        if not changed:
            raise InvalidValue(f'there is no stored API key named "{name}"')
        self.changes += 1

    async def revoke(self, name: str) -> None:
        """Delete a key.

        Raises:
            InvalidValue: there is none of this name.
        """
        async with self._database.begin() as connection:
            deleted = (await connection.execute(delete(api_keys).where(api_keys.c.name == name))).rowcount
        if not deleted:
            raise InvalidValue(f'there is no stored API key named "{name}"; keys of the configuration file are revoked there')
        self.changes += 1

    async def list(self) -> tuple[ApiKey, ...]:
        """Return the stored keys, sorted by name. A row that cannot be parsed is logged once and skipped."""
        async with self._database.begin() as connection:
            rows = (await connection.execute(select(*_COLUMNS))).all()
        return tuple(key for row in sorted(rows, key=lambda row: str(row[0])) if (key := self._read(*row)) is not None)

    async def note_use(self, name: str, address: str) -> None:
        """Store that a key was used now.

        Args:
            name: of the key.
            address: IP address that it was used from.
        """
        used = {"last_used": _utc(self._clock()), "last_address": address}
        async with self._database.begin() as connection:
            await connection.execute(update(api_keys).where(api_keys.c.name == name).values(used))

    def _read(
        self,
        name: str,
        digest: str,
        paths: str,
        domains: str,
        created: str,
        expires: float | None,
        last_used: str | None,
        last_address: str | None,
    ) -> ApiKey | None:
        try:
            patterns, hosts = _limits(paths, domains)
            return ApiKey(name, digest, patterns, hosts, created, expires, last_used or "", last_address or "")
        except (ValueError, TypeError, AttributeError, re.error) as error:
            if name not in self._unusable:
                log.error('the stored API key "%s" cannot be used: %s; revoke it and add it anew', name, error)
            self._unusable.add(name)
            return None


@functools.lru_cache(maxsize=4096)
def _limits(paths: str, domains: str) -> tuple[tuple[re.Pattern[str], ...], tuple[str, ...]]:
    """Read the limits in a row; memoised, because all rows are read each second and patterns take their time to compile."""
    return tuple(re.compile(path) for path in json.loads(paths)), tuple(json.loads(domains))


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def check_lifetime(seconds: float | None) -> None:
    """Refuse a lifetime that a key or a token cannot have.

    Raises:
        InvalidValue: it cannot.
    """
    if seconds is not None and not 0 < seconds <= 100 * 366 * 24 * 3600:
        raise InvalidValue("the lifetime is above 0 seconds, and at most 100 years")


def _check(name: str, paths: Sequence[str], domains: Sequence[str], key: str) -> None:
    """Refuse what could not be used later.

    Raises:
        InvalidValue: it is so. The message does not show the key.
    """
    if not name.strip() or not name.isprintable():
        raise InvalidValue(f"the name of an API key is {name!r}; use printable characters")
    if not key.isascii() or not key.isprintable() or not key or key != key.strip():
        raise InvalidValue(f'the API key "{name}" is empty or does not fit into a header; use ASCII without spaces around')
    for path in paths:
        try:
            re.compile(path)
        except re.error as error:
            raise InvalidValue(f'the path "{path}" of the API key "{name}" is not a regular expression: {error}') from None
    if not all(host_name(domain) for domain in domains):
        raise InvalidValue(f'a domain of the API key "{name}" is empty; leave it out for every host')
