"""Count what is stored of requests with idempotency keys, for each caller and for all, and limit it."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tigrest.errors import StorageUnavailable, TigrestError, TooManyIdempotencyKeys
from tigrest.state.gateway_tables import idempotency_keys

_MIB = 1024 * 1024


@dataclass(frozen=True)
class IdempotencyLimits:
    """Limits of what is stored.

    Args:
        seconds: age at which a key is forgotten.
        answer_bytes: most bytes of an answer that are stored; of longer ones status and headers are.
        keys_of_caller: most keys of one caller.
        bytes_of_caller: most bytes of answers of one caller; after that, status and headers are stored.
        keys: most keys of all callers.
        bytes: most bytes of answers of all callers.
        retry_seconds: what a caller with too many keys is told to wait.
        purged_together: most keys that are deleted in one transaction.
        purge_seconds: seconds between two looks for keys to forget.
    """

    seconds: float = 24 * 3600.0
    answer_bytes: int = 64 * 1024
    keys_of_caller: int = 100_000
    bytes_of_caller: int = 64 * _MIB
    keys: int = 1_000_000
    bytes: int = 1024 * _MIB
    retry_seconds: float = 3600.0
    purged_together: int = 1000
    purge_seconds: float = 300.0


@dataclass
class _Usage:
    """Stored keys and bytes of one caller, or of all."""

    keys: int = 0
    bytes: int = 0


_NOTHING = _Usage()


class IdempotencyUsage:
    """Keys and bytes of answers that are stored.

    Args:
        limits: of what is stored.
    """

    def __init__(self, limits: IdempotencyLimits) -> None:
        self._limits = limits
        self._of_callers: dict[str, _Usage] = {}
        self._total = _Usage()

    @property
    def keys(self) -> int:
        """Return how many keys are stored."""
        return self._total.keys

    def has_room(self, caller: str, size: int) -> bool:
        """Return whether an answer of so many bytes may be stored for a caller."""
        stored = self._of_callers.get(caller, _NOTHING)
        return stored.bytes + size <= self._limits.bytes_of_caller and self._total.bytes + size <= self._limits.bytes

    def refusal(self, caller: str) -> TigrestError | None:
        """Return why a caller may not have another key; ``None`` when he may."""
        if self._of_callers.get(caller, _NOTHING).keys >= self._limits.keys_of_caller:
            return TooManyIdempotencyKeys(self._limits.keys_of_caller, self._limits.retry_seconds)
        if self._total.keys >= self._limits.keys:
            return StorageUnavailable("as many idempotency keys are stored as there may be; leave the key out", self._limits.retry_seconds)
        return None

    async def count(self, connection: AsyncConnection) -> None:
        """Count anew what is stored."""
        columns = idempotency_keys.c
        query = sa.select(columns.caller, sa.func.count(), sa.func.sum(columns.size)).group_by(columns.caller)
        self._of_callers = {caller: _Usage(keys, int(size)) for caller, keys, size in await connection.execute(query)}
        self._total = _Usage(sum(each.keys for each in self._of_callers.values()), sum(each.bytes for each in self._of_callers.values()))

    def add(self, caller: str, keys: int = 0, size: int = 0) -> None:
        """Add keys and bytes of answers to those of a caller; negative numbers take them away."""
        usage = self._of_callers.setdefault(caller, _Usage())
        for each in (usage, self._total):
            each.keys += keys
            each.bytes += size
        if not usage.keys:
            del self._of_callers[caller]  # strangers may be many
