"""API keys: extract the key of a request, and look it up."""

from __future__ import annotations

import asyncio
import functools
import hmac
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_plus

from tigrest.auth.key_store import ApiKey, KeyStore, hash_key, host_name, new_key
from tigrest.concurrency.single_flight import SingleFlight
from tigrest.concurrency.tasks import TaskSet
from tigrest.errors import StorageUnavailable
from tigrest.observability.log_limit import LogLimit
from tigrest.state.database_errors import RETRYABLE_ERRORS

__all__ = ["ApiKey", "ApiKeys", "KeyLimits", "KeyStore", "hash_key", "host_name", "key_of_request", "new_key"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeyLimits:
    """Limits of reading the stored keys.

    Args:
        fresh_seconds: age at which the cached keys are read again. What another process has changed counts from then on.
        read_seconds: how long reading them may take.
        use_seconds: interval at which it is stored that a key is used.
        log_seconds: interval between two lines in the log about a database that cannot be read.
    """

    fresh_seconds: float = 1.0
    read_seconds: float = 5.0
    use_seconds: float = 60.0
    log_seconds: float = 60.0


def key_of_request(query_string: bytes, headers: Mapping[bytes, bytes]) -> str | None:
    """Find the key that came with a request: header ``Api-Key`` first, then query parameter ``api-key``.

    Args:
        query_string: of the ASGI scope.
        headers: of the request, by name in lower case.

    Returns:
        The key, or ``None`` when there is none or it is empty.

    Tigase HTTP API guide §1.2 (API keys)
    """
    if value := headers.get(b"api-key"):
        return value.decode("utf-8", "surrogateescape")
    if b"api-key=" not in query_string:
        return None
    for parameter in query_string.split(b"&"):
        name, _, value = parameter.partition(b"=")
        if name == b"api-key" and value:
            return unquote_plus(value.decode("latin-1"), errors="surrogateescape")
    return None


class ApiKeys:
    """Looks up API keys of the configuration and of the store.

    Args:
        configured: keys of the configuration.
        store: further keys, which may change at any time; ``None`` for no others.
        bootstrap: a key that opens everything while there is no other; ``None`` or empty for none.
        open_access: whether handlers that demand a key do without; admission asks for it.
        limits: of reading the store.
        clock: returns monotonic seconds.
        unix_clock: returns seconds of Unix time.
    """

    def __init__(
        self,
        configured: Sequence[ApiKey],
        store: KeyStore | None = None,
        *,
        bootstrap: str | None = None,
        open_access: bool = False,
        limits: KeyLimits = KeyLimits(),
        clock: Callable[[], float] = time.monotonic,
        unix_clock: Callable[[], float] = time.time,
    ) -> None:
        self._limits, self._clock, self._unix_clock = limits, clock, unix_clock
        self._noted: dict[str, float] = {}
        """Times at which the use of stored keys was noted last, by their names."""
        self._tasks = TaskSet()
        self._store = store
        self._bootstrap_keys = [ApiKey("bootstrap", hash_key(bootstrap))] if bootstrap else []
        self._bootstrap: dict[str, list[ApiKey]] = {}
        self._stored = self._bootstrap
        self._seen_changes = 0
        self.configure(configured, open_access)
        self._reads: SingleFlight[int, None] = SingleFlight()
        self._complaints = LogLimit(limits.log_seconds, clock)
        self._is_blind = False
        """True while the latest read of the store has failed."""

    def configure(self, configured: Sequence[ApiKey], open_access: bool) -> None:
        """Replace what is configured. The stored keys are read anew; those read last stay valid until then.

        Args:
            configured: keys of the configuration.
            open_access: whether handlers that demand a key do without.
        """
        self._open_access, self._configured = open_access, _by_digest(configured)
        no_stored = self._stored is self._bootstrap
        self._bootstrap = _by_digest(self._bootstrap_keys if not configured else [])
        if no_stored:
            self._stored = {} if self._store else self._bootstrap
        self._fresh_until = float("-inf") if self._store else float("inf")

    @property
    def open_access(self) -> bool:
        """Return whether handlers that require a key are served without one (``[auth] open_access``)."""
        return self._open_access

    def known(self, key: str, path: str, host: str, address: str = "") -> ApiKey | None:
        """Look up a key among those that are cached, without the database.

        Args:
            key: the key that came with the request.
            path: of the request, decoded, without the query.
            host: its header ``Host``.
            address: IP address of the caller; empty when it is unknown.

        Returns:
            The key, or ``None`` to :meth:`find`.
        """
        digest = hash_key(key)
        found = _match(self._configured, digest, path, host)
        return self._valid(digest, path, host, address) if found is None and self._is_fresh() else found

    async def find(self, key: str | None, path: str, host: str, address: str = "") -> ApiKey | None:
        """Look up a key.

        Args:
            key: the key that came with the request; ``None`` or empty when there was none.
            path: of the request, decoded, without the query.
            host: its header ``Host``.
            address: IP address of the caller; empty when it is unknown.

        Returns:
            The key, or ``None`` when it is unknown, revoked, has expired, or is not valid for this path and host.

        Raises:
            StorageUnavailable: it is none of the keys that are known, and the store cannot be read.
        """
        if not key:
            return None
        digest = hash_key(key)
        found = _match(self._configured, digest, path, host)
        if found is not None:
            return found
        if self._store is not None and not self._is_fresh():
            await self._reads.run(self._store.changes, functools.partial(self._read, self._store))
        found = self._valid(digest, path, host, address)
        if found is None and self._is_blind and digest not in self._stored and digest not in self._configured:
            raise StorageUnavailable("the stored API keys cannot be read now, and this key is none of those read last")
        return found

    async def stop(self) -> None:
        """Give up what is being stored."""
        await self._tasks.stop()

    def _valid(self, digest: str, path: str, host: str, address: str) -> ApiKey | None:
        """Return the stored key of a digest that has not expired, and note that it is used."""
        found = _match(self._stored, digest, path, host)
        if found is None or (found.expires is not None and found.expires <= self._unix_clock()):
            return None
        now = self._clock()
        if found.created and self._noted.get(found.name, float("-inf")) + self._limits.use_seconds <= now:
            self._noted[found.name] = now
            self._tasks.start(self._note_use(found.name, address))
        return found

    async def _note_use(self, name: str, address: str) -> None:
        assert self._store is not None
        try:
            await self._store.note_use(name, address)
        except RETRYABLE_ERRORS as error:
            if self._complaints.admit() is not None:
                log.error("that an API key is used is not stored: %s", str(error) or type(error).__name__)

    def _is_fresh(self) -> bool:
        return self._clock() < self._fresh_until and (self._store is None or self._store.changes == self._seen_changes)

    async def _read(self, store: KeyStore) -> None:
        """Read the stored keys; keep those read before when that fails."""
        began, changes = self._clock(), store.changes
        try:
            async with asyncio.timeout(self._limits.read_seconds):
                keys = await store.list()
        except RETRYABLE_ERRORS as error:  # OSError among them: also a TimeoutError
            if self._complaints.admit() is not None:
                log.error("the stored API keys cannot be read; those read last stay valid: %s", str(error) or type(error).__name__)
            began, self._is_blind = self._clock(), True
        else:
            self._is_blind = False
            if changes < self._seen_changes:
                return  # a later read was quicker
            self._stored = _by_digest(keys) or self._bootstrap
            self._noted = {key.name: self._noted[key.name] for key in keys if key.name in self._noted}
        self._fresh_until, self._seen_changes = began + self._limits.fresh_seconds, changes


def _by_digest(keys: Iterable[ApiKey]) -> dict[str, list[ApiKey]]:
    """Group keys by digest: one key may have several names, with paths and hosts of its own under each."""
    table: dict[str, list[ApiKey]] = {}
    for key in keys:
        table.setdefault(key.digest, []).append(key)
    return table


def _match(table: dict[str, list[ApiKey]], digest: str, path: str, host: str) -> ApiKey | None:
    for key in table.get(digest, ()):
        if hmac.compare_digest(key.digest, digest) and key.allows(path, host):
            return key
    return None
