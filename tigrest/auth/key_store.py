"""API keys and their store in the database."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import re
import secrets
from collections.abc import Sequence
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
    """

    name: str
    digest: str = field(repr=False)
    paths: tuple[re.Pattern[str], ...] = ()
    domains: tuple[str, ...] = ()
    created: str = field(default="", compare=False)

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
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._unusable: set[str] = set()
        self.changes = 0
        """Changes of the keys by this process so far; caches of keys compare it."""

    async def start(self) -> None:
        """Open the database if it is not open, and bring it to the newest version.

        Raises:
            ConfigError: the database cannot be used.
        """
        await self._database.start(GATEWAY)

    async def add(self, name: str, paths: Sequence[str], domains: Sequence[str], key: str | None = None) -> str:
        """Store a key.

        Args:
            name: what to call it.
            paths: regular expressions of which one has to match the whole path of a request; empty for every path.
            domains: hosts of which a request has to name one; empty for every host.
            key: the key itself; a new one when ``None``.

        Returns:
            The key, which cannot be read again.

        Raises:
            InvalidValue: the name or the key is there already or cannot be used, or a path is no regular expression.
        """
        key = new_key() if key is None else key
        _check(name, paths, domains, key)
        row = {
            "name": name,
            "digest": hash_key(key),
            "paths": json.dumps(list(paths)),
            "domains": json.dumps(list(domains)),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        try:
            async with self._database.begin() as connection:
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
            rows = (await connection.execute(select(api_keys))).all()
        return tuple(key for row in sorted(map(tuple, rows)) if (key := self._read(*row)) is not None)

    def _read(self, name: str, *columns: str) -> ApiKey | None:
        try:
            return _stored_key(name, *columns)
        except (ValueError, TypeError, AttributeError, re.error) as error:
            if name not in self._unusable:
                log.error('the stored API key "%s" cannot be used: %s; revoke it and add it anew', name, error)
            self._unusable.add(name)
            return None


@functools.lru_cache(maxsize=4096)
def _stored_key(name: str, digest: str, paths: str, domains: str, created: str) -> ApiKey:
    """Read a row; remembered, because all rows are read each second and patterns take their time to compile."""
    return ApiKey(name, digest, tuple(re.compile(path) for path in json.loads(paths)), tuple(json.loads(domains)), created)


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
