"""API keys: what they open, where they are kept, and how one is recognised."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import hmac
import json
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import unquote_plus

from sqlalchemy import Column, MetaData, Table, Text, delete, insert, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from tigrest.auth.single_flight import SingleFlight
from tigrest.errors import InvalidValue
from tigrest.storage import Database

log = logging.getLogger(__name__)

FRESH_SECONDS = 1.0
"""How old the copy of the stored keys may be when it is used: keys changed by another process count from then on."""

READ_SECONDS = 5.0
"""How long reading the stored keys may take."""

COMPLAINT_SECONDS = 60.0
"""How often a database that cannot be read is reported."""

METADATA = MetaData()
TABLE = Table(
    "api_keys",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("paths", Text, nullable=False),
    Column("domains", Text, nullable=False),
    Column("created", Text, nullable=False),
)


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
    """The host of a ``Host`` header in lower case, without port and final dot (RFC 9110 §7.2)."""
    host = host.strip().casefold()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    if host.count(":") > 1:  # an IPv6 address as people write it
        return f"[{host}]"
    return host.partition(":")[0].rstrip(".")


def _in_ascii(domain: str) -> str:
    """A domain as browsers send it in ``Host`` (RFC 5891 §4.4)."""
    name = host_name(domain)
    try:
        return name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        return name


def key_of_request(query_string: bytes, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Find the key that came with a request: header ``Api-Key`` first, then query parameter ``api-key``.

    Args:
        query_string: of the ASGI scope.
        headers: of the ASGI scope, names in lower case.

    Returns:
        The key, or ``None`` when there is none or it is empty.

    Tigase HTTP API guide §1.2 (API keys)
    """
    for name, value in headers:
        if name == b"api-key" and value:
            return value.decode("utf-8", "surrogateescape")
    if b"api-key=" not in query_string:
        return None
    for parameter in query_string.split(b"&"):
        name, _, value = parameter.partition(b"=")
        if name == b"api-key" and value:
            return unquote_plus(value.decode("latin-1"), errors="surrogateescape")
    return None


class KeyStore:
    """The API keys kept in the database, as hashes.

    Args:
        database: where; started and stopped by its owner.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._unusable: set[str] = set()
        self.changes = 0
        """How many times the keys were changed from here."""

    async def start(self) -> None:
        """Make the table if it is missing, and open the database if it is not open.

        Raises:
            ConfigError: the database cannot be used.
        """
        await self._database.start(METADATA)

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
                if (await connection.execute(select(TABLE.c.name).where(TABLE.c.name == name))).first():
                    raise InvalidValue(f'there is an API key named "{name}" already; revoke it first, or choose another name')
                await connection.execute(insert(TABLE).values(row))
        except IntegrityError:
            raise InvalidValue(f'the API key "{name}" is stored already, perhaps under another name') from None
        self.changes += 1
        return key

    async def revoke(self, name: str) -> None:
        """Delete a key.

        Raises:
            InvalidValue: there is none of this name.
        """
        async with self._database.begin() as connection:
            deleted = (await connection.execute(delete(TABLE).where(TABLE.c.name == name))).rowcount
        if not deleted:
            raise InvalidValue(f'there is no stored API key named "{name}"; keys of the configuration file are revoked there')
        self.changes += 1

    async def list(self) -> tuple[ApiKey, ...]:
        """The stored keys, sorted by name. One that somebody spoilt by hand is logged once and left out."""
        async with self._database.begin() as connection:
            rows = (await connection.execute(select(TABLE).order_by(TABLE.c.name))).all()
        return tuple(key for row in rows if (key := self._read(*row)) is not None)

    def _read(self, name: str, *columns: str) -> ApiKey | None:
        try:
            return _stored_key(name, *columns)
        except (ValueError, TypeError, re.error) as error:
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
        raise InvalidValue(
            f'the API key "{name}" is empty or has characters that do not fit into a header; use ASCII without spaces around'
        )
    for path in paths:
        try:
            re.compile(path)
        except re.error as error:
            raise InvalidValue(f'the path "{path}" of the API key "{name}" is not a regular expression: {error}') from None
    if not all(host_name(domain) for domain in domains):
        raise InvalidValue(f'a domain of the API key "{name}" is empty; leave it out for every host')


class ApiKeys:
    """Recognises the API keys of the configuration and of the store.

    Args:
        configured: keys of the configuration.
        store: further keys, which may change at any time; ``None`` for no others.
        bootstrap: a key that opens everything while there is no other; ``None`` or empty for none.
        open_access: whether handlers that demand a key do without; the HTTP layer looks at it.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        configured: Sequence[ApiKey],
        store: KeyStore | None,
        bootstrap: str | None,
        open_access: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_access = open_access
        self._clock = clock
        self._store = store
        self._configured = _by_digest(configured)
        self._bootstrap = _by_digest([ApiKey("bootstrap", hash_key(bootstrap))] if bootstrap and not configured else [])
        self._stored: dict[str, list[ApiKey]] = {} if store else self._bootstrap
        self._fresh_until = float("-inf") if store else float("inf")
        self._seen_changes = 0
        self._reads: SingleFlight[int, None] = SingleFlight()
        self._complained_at = float("-inf")

    @property
    def open_access(self) -> bool:
        """Whether handlers that demand a key do without (``[auth] open_access``)."""
        return self._open_access

    def known(self, key: str, path: str, host: str) -> ApiKey | None:
        """Recognise a key at once, without a look into the database.

        Args:
            key: the key that came with the request.
            path: of the request, decoded, without the query.
            host: its header ``Host``.

        Returns:
            The key, or ``None`` to :meth:`find`.
        """
        digest = hash_key(key)
        return _match(self._configured, digest, path, host) or (_match(self._stored, digest, path, host) if self._is_fresh() else None)

    async def find(self, key: str | None, path: str, host: str) -> ApiKey | None:
        """Recognise a key.

        Args:
            key: the key that came with the request; ``None`` or empty when there was none.
            path: of the request, decoded, without the query.
            host: its header ``Host``.

        Returns:
            The key, or ``None`` when it is unknown, revoked, or not valid for this path and host.
        """
        if not key:
            return None
        digest = hash_key(key)
        found = _match(self._configured, digest, path, host)
        if found is not None:
            return found
        if self._store is not None and not self._is_fresh():
            await self._reads.run(self._store.changes, functools.partial(self._read, self._store))
        return _match(self._stored, digest, path, host)

    def _is_fresh(self) -> bool:
        return self._clock() < self._fresh_until and (self._store is None or self._store.changes == self._seen_changes)

    async def _read(self, store: KeyStore) -> None:
        """Read the stored keys; keep the last copy when that fails."""
        began, changes = self._clock(), store.changes
        try:
            async with asyncio.timeout(READ_SECONDS):
                keys = await store.list()
        except (SQLAlchemyError, OSError) as error:  # OSError: also a TimeoutError
            self._complain(error)
            began = self._clock()
        else:
            self._stored = _by_digest(keys) or self._bootstrap
        self._fresh_until, self._seen_changes = began + FRESH_SECONDS, changes

    def _complain(self, error: Exception) -> None:
        now = self._clock()
        if now - self._complained_at >= COMPLAINT_SECONDS:
            self._complained_at = now
            log.error("the stored API keys cannot be read; those read last stay valid: %s", error or type(error).__name__)


def _by_digest(keys: Iterable[ApiKey]) -> dict[str, list[ApiKey]]:
    """Keys by digest; one key may stand under several names, with limits of its own under each."""
    table: dict[str, list[ApiKey]] = {}
    for key in keys:
        table.setdefault(key.digest, []).append(key)
    return table


def _match(table: dict[str, list[ApiKey]], digest: str, path: str, host: str) -> ApiKey | None:
    for key in table.get(digest, ()):
        if hmac.compare_digest(key.digest, digest) and key.allows(path, host):
            return key
    return None
