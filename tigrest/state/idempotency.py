"""Store requests that have an idempotency key, and the answers that their repeats get.

A claim is stored before a request is executed, so that its repeat is recognised even if the process is killed meanwhile. SQLite in WAL mode
with ``synchronous=NORMAL`` keeps what it has committed when a process dies, but may lose the last transactions when the machine does: a
repeat is then executed as if it were the first one.

draft-ietf-httpapi-idempotency-key-header §2
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tigrest.concurrency.tasks import TaskSet
from tigrest.errors import IdempotencyMismatch, RequestInFlight, StorageUnavailable, TigrestError
from tigrest.state.batches import BatchWriter
from tigrest.state.database import Database
from tigrest.state.gateway_tables import GATEWAY, idempotency_keys
from tigrest.state.idempotency_usage import IdempotencyLimits, IdempotencyUsage

log = logging.getLogger(__name__)

_complete = (
    sa.update(idempotency_keys)
    .where(idempotency_keys.c.digest == sa.bindparam("of"))
    .values({name: sa.bindparam(f"new_{name}") for name in ("status", "head", "body", "size")})
)
_delete = sa.delete(idempotency_keys).where(idempotency_keys.c.digest == sa.bindparam("of"))
_resume = sa.update(idempotency_keys).where(idempotency_keys.c.digest == sa.bindparam("of")).values(process=sa.bindparam("new_process"))


_EMPTY = {"status": None, "head": "[]", "body": None, "size": 0}
"""Columns of a request that has no answer yet."""

_TOGETHER = 500
"""Most keys in one query: SQLite allows a limited number of parameters."""


@dataclass(frozen=True)
class KeyClaim:
    """A request with an idempotency key.

    Args:
        digest: hash of caller, method, path and key.
        caller: hash of the caller's name.
        fingerprint: hash of the content.
    """

    digest: str
    caller: str
    fingerprint: str


@dataclass(frozen=True)
class StoredAnswer:
    """An answer that repeats get.

    Args:
        status: HTTP status.
        headers: names and values, ``content-type`` included.
        body: the body; ``None`` where it is not stored.
    """

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes | None = field(repr=False)


ClaimState = Literal["new", "resumed"]
"""A request that is to be executed: for the first time, or again."""

ClaimOutcome = StoredAnswer | ClaimState | TigrestError
"""Outcome of a claim: the answer to give, that the request is to be executed, or why it is refused."""


@dataclass(frozen=True)
class _Change:
    """A change of one key, and the future of who waits for it."""

    claim: KeyClaim
    done: asyncio.Future[Any]
    answer: StoredAnswer | None = None


@dataclass
class _Batch:
    """Changes that are written in one transaction."""

    claims: list[_Change] = field(default_factory=list)
    answers: list[_Change] = field(default_factory=list)
    released: list[_Change] = field(default_factory=list)
    purge: asyncio.Future[int] | None = None
    replaced: dict[str, int] = field(default_factory=dict)
    """Digests of keys that are too old and come again, with the bytes of the old answers."""

    def __bool__(self) -> bool:
        return bool(self.claims or self.answers or self.released or self.purge)

    def futures(self) -> Iterator[asyncio.Future[Any]]:
        """Give the futures of all who wait."""
        yield from (change.done for change in (*self.claims, *self.answers, *self.released))
        if self.purge is not None:
            yield self.purge


class IdempotencyStore:
    """Idempotency keys in the database. One gateway uses it at a time: what another process has begun is never finished any more.

    Args:
        database: where; stopped by its owner.
        limits: of what is stored; the defaults when ``None``.
        clock: tells seconds of Unix time.
    """

    def __init__(self, database: Database, limits: IdempotencyLimits | None = None, clock: Callable[[], float] = time.time) -> None:
        self._database, self._clock = database, clock
        self.limits = limits or IdempotencyLimits()
        self._process = secrets.token_hex(8)
        self._running: dict[str, str] = {}
        self._usage = IdempotencyUsage(self.limits)
        self._pending = _Batch()
        self._writer = BatchWriter("idempotency keys", self._take, self._write)
        self._tasks = TaskSet()

    @property
    def keys(self) -> int:
        """Return how many keys are stored."""
        return self._usage.keys

    async def start(self) -> None:
        """Open the database if it is not open, count what is stored, and begin to forget what is old.

        Raises:
            ConfigError: the database cannot be used.
        """
        await self._database.start(GATEWAY)
        async with self._database.begin() as connection:
            await self._usage.count(connection)
        self._tasks.start(self._keep_forgetting())

    async def stop(self) -> None:
        """Write what is left."""
        await self._tasks.stop()
        await self._writer.stop()

    async def claim(self, claim: KeyClaim) -> StoredAnswer | ClaimState:
        """Store that a request is executed, unless it was before. Whoever gets to execute it calls :meth:`leave` at the end.

        Args:
            claim: the request.

        Returns:
            The answer to give, or ``"new"`` or ``"resumed"``: the request is to be executed.

        Raises:
            RequestInFlight: it is being executed.
            IdempotencyMismatch: the key came with another content before.
            TooManyIdempotencyKeys: the caller has used too many.
            StorageUnavailable: the database cannot be used, or there are too many keys of all callers.
        """
        if (running := self._running.get(claim.digest)) is not None:
            raise RequestInFlight if running == claim.fingerprint else IdempotencyMismatch
        self._running[claim.digest] = claim.fingerprint
        is_executed = False
        try:
            outcome: ClaimOutcome = await self._written(self._pending.claims, claim)
            if isinstance(outcome, TigrestError):
                raise outcome
            is_executed = not isinstance(outcome, StoredAnswer)
            return outcome
        finally:
            if not is_executed:
                self.leave(claim)

    async def complete(self, claim: KeyClaim, answer: StoredAnswer) -> None:
        """Store the answer that repeats get, without its body where there is no room for it.

        Raises:
            StorageUnavailable: the database cannot be used.
        """
        size = len(answer.body or b"")
        if size > self.limits.answer_bytes or not self._usage.has_room(claim.caller, size):
            answer = replace(answer, body=None)
        await self._written(self._pending.answers, claim, answer)

    async def release(self, claim: KeyClaim) -> None:
        """Forget a request that had no effect: its key may come with another content.

        Raises:
            StorageUnavailable: the database cannot be used.
        """
        await self._written(self._pending.released, claim)

    def leave(self, claim: KeyClaim) -> None:
        """Note that a request is not being executed any more; one without an answer is executed again when it is repeated."""
        self._running.pop(claim.digest, None)

    async def purge(self) -> int:
        """Delete some of the keys that are older than the limit; return how many.

        Raises:
            StorageUnavailable: the database cannot be used.
        """
        self._pending.purge = purged = self._pending.purge or asyncio.get_running_loop().create_future()
        self._writer.wake()
        return await purged

    async def _keep_forgetting(self) -> None:
        while True:
            try:
                while await self.purge() >= self.limits.purged_together:
                    pass
            except StorageUnavailable as error:
                log.warning("idempotency keys of yesterday are not deleted yet: %s", error)
            await asyncio.sleep(self.limits.purge_seconds)

    async def _written(self, queue: list[_Change], claim: KeyClaim, answer: StoredAnswer | None = None) -> Any:
        """Queue a change, and return what came of it once it is stored."""
        change = _Change(claim, asyncio.get_running_loop().create_future(), answer)
        queue.append(change)
        self._writer.wake()
        return await change.done

    def _take(self) -> _Batch | None:
        """Return the next batch; ``None`` when there is nothing to write."""
        if self._pending.purge is not None:
            batch, self._pending.purge = _Batch(purge=self._pending.purge), None
            return batch
        if not self._pending:
            return None
        batch, self._pending = self._pending, _Batch()
        return batch

    async def _write(self, batch: _Batch) -> None:
        """Write a batch, all or nothing, and tell those who wait for it."""
        try:
            async with self._database.begin() as connection:
                results = [await self._purge(connection)] if batch.purge is not None else await self._apply(connection, batch)
        except Exception as error:  # told to those who wait: each of them answers a request with it
            for future in batch.futures():
                if not future.done():
                    future.set_exception(error)
            return
        if batch.purge is None:
            self._account(batch, results)
        for future, result in zip(batch.futures(), results, strict=True):
            if not future.done():
                future.set_result(result)

    async def _apply(self, connection: AsyncConnection, batch: _Batch) -> list[Any]:
        """Apply all changes but a purge; return the results of the claims, and ``None`` for each of the others."""
        if batch.answers:
            await connection.execute(_complete, [_completed(change) for change in batch.answers])
        if batch.released:
            await connection.execute(_delete, [{"of": change.claim.digest} for change in batch.released])
        outcomes = await self._begin(connection, batch) if batch.claims else []
        return [*outcomes, *[None for _ in (*batch.answers, *batch.released)]]

    async def _begin(self, connection: AsyncConnection, batch: _Batch) -> list[ClaimOutcome]:
        """Store the claims of a batch, and return what came of each."""
        now, known, claims = self._clock(), dict[str, Mapping[str, Any]](), [change.claim for change in batch.claims]
        for start in range(0, len(claims), _TOGETHER):
            digests = [claim.digest for claim in claims[start : start + _TOGETHER]]
            rows = await connection.execute(sa.select(idempotency_keys).where(idempotency_keys.c.digest.in_(digests)))
            known |= {row["digest"]: dict(row) for row in rows.mappings()}
        outcomes, new, resumed = list[ClaimOutcome](), list[dict[str, Any]](), list[dict[str, str]]()
        for claim in claims:
            row = known.get(claim.digest)
            if row is not None and abs(now - row["created"]) >= self.limits.seconds:  # the clock may have been wrong
                await connection.execute(_delete, {"of": claim.digest})
                batch.replaced[claim.digest] = row["size"]
                outcome: ClaimOutcome = "new"
            else:
                outcome = self._outcome(claim, row)
            outcomes.append(outcome)
            if outcome == "new":
                new.append(_EMPTY | asdict(claim) | {"process": self._process, "created": now})
            elif outcome == "resumed":
                resumed.append({"of": claim.digest, "new_process": self._process})
        if new:
            await connection.execute(sa.insert(idempotency_keys), new)
        if resumed:
            await connection.execute(_resume, resumed)
        return outcomes

    def _outcome(self, claim: KeyClaim, row: Mapping[str, Any] | None) -> ClaimOutcome:
        """Return what comes of a claim.

        Args:
            claim: the request.
            row: what is stored under its digest; ``None`` for nothing.
        """
        if row is None:
            return self._usage.refusal(claim.caller) or "new"
        if row["fingerprint"] != claim.fingerprint:
            return IdempotencyMismatch()
        if row["status"] is None:
            return "resumed"
        headers = [(str(name), str(value)) for name, value in json.loads(row["head"])]
        return StoredAnswer(row["status"], headers, row["body"])

    async def _purge(self, connection: AsyncConnection) -> int:
        """Delete keys that are too old, or of a time to come, and count the others; return how many were deleted."""
        now, seconds, created = self._clock(), self.limits.seconds, idempotency_keys.c.created
        old = sa.or_(created <= now - seconds, created >= now + seconds)
        some = sa.select(idempotency_keys.c.digest).where(old).limit(self.limits.purged_together)
        deleted = int((await connection.execute(sa.delete(idempotency_keys).where(idempotency_keys.c.digest.in_(some)))).rowcount)
        if deleted:
            await self._usage.count(connection)
        return deleted

    def _account(self, batch: _Batch, outcomes: Sequence[Any]) -> None:
        """Add what a batch has stored to the usage of callers."""
        for change, outcome in zip(batch.claims, outcomes, strict=False):
            if (size := batch.replaced.get(change.claim.digest)) is not None:
                self._usage.add(change.claim.caller, size=-size)
            elif outcome == "new":
                self._usage.add(change.claim.caller, keys=1)
        for change in batch.answers:
            if change.answer is not None and change.answer.body is not None:
                self._usage.add(change.claim.caller, size=len(change.answer.body))
        for change in batch.released:
            self._usage.add(change.claim.caller, keys=-1)


def _completed(change: _Change) -> dict[str, Any]:
    """Return the values of a row that gets its answer."""
    answer = change.answer
    assert answer is not None  # complete() gives one
    head = json.dumps(list(answer.headers))
    values = {"status": answer.status, "head": head, "body": answer.body, "size": len(answer.body or b"")}
    return {"of": change.claim.digest, **{f"new_{name}": value for name, value in values.items()}}
