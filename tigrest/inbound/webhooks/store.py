"""Store deliveries: those that wait for a webhook, and those that have been given up.

A delivery is numbered when it is stored, and numbers only grow: they are the order of each sender. Only the gateway makes numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tigrest.errors import NotFound
from tigrest.state.database import Database
from tigrest.state.gateway_tables import GATEWAY, webhook_deliveries


class DeliveryState(StrEnum):
    """The state of a delivery, as it is stored."""

    WAITING = "waiting"
    """To be delivered."""
    ANSWERED = "answered"
    """Delivered, but the reply could not be sent yet."""
    FAILED = "failed"
    """Given up, but the error could not be sent yet."""
    DEAD = "dead"
    """Given up."""
    REPLAYED = "replayed"
    """To be put at the end of the queue by the gateway."""


OPEN_STATES = (DeliveryState.WAITING, DeliveryState.ANSWERED, DeliveryState.FAILED)
"""States of deliveries that the gateway has something to do for."""

_change = (
    sa.update(webhook_deliveries)
    .where(webhook_deliveries.c.number == sa.bindparam("of"))
    .values({name: sa.bindparam(f"new_{name}") for name in ("state", "attempts", "problem", "reply")})
)


@dataclass(frozen=True)
class Delivery:
    """One stanza for one webhook, a row of the table.

    Args:
        number: its place in the order.
        webhook: name of the webhook.
        sender: bare address that it is from.
        kind: ``message`` or ``presence``.
        id: the header ``webhook-id``, the same for all attempts.
        stanza: in XML; empty where only the rest was asked for.
        state: one of :class:`DeliveryState`.
        attempts: that have failed.
        created: when it came, in seconds since 1970.
        problem: of the last attempt.
        reply: to be sent, in XML.
    """

    number: int
    webhook: str
    sender: str
    kind: str
    id: str
    stanza: bytes = field(repr=False)
    state: str
    attempts: int
    created: float
    problem: str
    reply: bytes | None = field(repr=False)


@dataclass
class Changes:
    """Changes that are written in one transaction."""

    added: list[dict[str, Any]] = field(default_factory=list)
    changed: list[dict[str, Any]] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    requeue: bool = False
    """True to move replayed deliveries to the end of the queue."""

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed or self.requeue)


class Store:
    """Deliveries in the database.

    Args:
        database: opened here, closed by its owner.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def start(self) -> None:
        """Open the database if it is not open, and bring it to the newest version.

        Raises:
            ConfigError: the database cannot be used.
        """
        await self._database.start(GATEWAY)

    async def write(self, changes: Changes) -> None:
        """Write changes, all or none."""
        async with self._database.begin() as connection:
            if changes.requeue:
                await _requeue(connection)
            if changes.added:
                await connection.execute(sa.insert(webhook_deliveries), changes.added)
            if changes.changed:
                await connection.execute(_change, changes.changed)
            if changes.removed:
                await connection.execute(sa.delete(webhook_deliveries).where(webhook_deliveries.c.number.in_(changes.removed)))

    async def page(self, webhook: str, after: int, limit: int) -> Sequence[Delivery]:
        """Return what is to be delivered to a webhook, in order.

        Args:
            webhook: its name.
            after: number of the last delivery that is known.
            limit: how many at most.
        """
        return await self._open(limit, webhook_deliveries.c.webhook == webhook, webhook_deliveries.c.number > after)

    async def of_sender(self, webhook: str, sender: str, *, after: int, upto: int, limit: int) -> Sequence[Delivery]:
        """Return what is to be delivered of one sender, in order.

        Args:
            webhook: its name.
            sender: bare address.
            after, upto: range of numbers, without the first and with the last.
            limit: how many at most.
        """
        return await self._open(
            limit,
            webhook_deliveries.c.webhook == webhook,
            webhook_deliveries.c.sender == sender,
            webhook_deliveries.c.number.between(after + 1, upto),
        )

    async def _open(self, limit: int, *conditions: sa.ColumnElement[bool]) -> Sequence[Delivery]:
        query = (
            sa.select(webhook_deliveries)
            .where(*conditions, webhook_deliveries.c.state.in_(OPEN_STATES))
            .order_by(webhook_deliveries.c.number)
            .limit(limit)
        )
        async with self._database.begin() as connection:
            return [Delivery(*row) for row in await connection.execute(query)]

    async def counts(self) -> dict[tuple[str, str], int]:
        """Count deliveries by webhook and state."""
        query = sa.select(webhook_deliveries.c.webhook, webhook_deliveries.c.state, sa.func.count()).group_by(
            webhook_deliveries.c.webhook, webhook_deliveries.c.state
        )
        async with self._database.begin() as connection:
            return {(webhook, state): count for webhook, state, count in await connection.execute(query)}

    async def list(self, dead_only: bool = False, limit: int | None = None, *, webhook: str = "", after: int = 0) -> Sequence[Delivery]:
        """List what waits or is dead, in order, without the stanzas.

        Args:
            dead_only: whether to leave out what waits.
            limit: how many at most; all when absent.
            webhook: name of the only webhook to list; empty for all.
            after: number of the last delivery that is left out; 0 for none.
        """
        hidden: dict[str, Any] = {"stanza": sa.literal(b"").label("stanza"), "reply": sa.null().label("reply")}
        shown: list[Any] = [hidden.get(column.name, column) for column in webhook_deliveries.c]
        query = sa.select(*shown).where(webhook_deliveries.c.number > after).order_by(webhook_deliveries.c.number).limit(limit)
        if dead_only:
            query = query.where(webhook_deliveries.c.state == DeliveryState.DEAD)
        if webhook:
            query = query.where(webhook_deliveries.c.webhook == webhook)
        async with self._database.begin() as connection:
            return [Delivery(*row) for row in await connection.execute(query)]

    async def replay(self, numbers: Sequence[int] | None, webhook: str = "") -> int:
        """Have dead deliveries tried again, as often as new ones. The gateway puts them at the end of the queue.

        Args:
            numbers: which; all that are dead when absent.
            webhook: name of the only webhook to take all of; empty for every webhook.

        Returns:
            How many there are.

        Raises:
            NotFound: one of the numbers is not there, or not dead; none is touched then.
        """
        change = (
            sa.update(webhook_deliveries)
            .where(webhook_deliveries.c.state == DeliveryState.DEAD)
            .values(state=DeliveryState.REPLAYED, attempts=0)
        )
        async with self._database.begin() as connection:
            return await _each(connection, change, numbers, webhook, "dead delivery")

    async def drop(self, numbers: Sequence[int] | None, webhook: str = "") -> int:
        """Delete deliveries.

        Args:
            numbers: which, dead or waiting; all that are dead when absent.
            webhook: name of the only webhook to take all of; empty for every webhook.

        Returns:
            How many there were.

        Raises:
            NotFound: one of the numbers is not there; none is touched then.
        """
        change = (
            sa.delete(webhook_deliveries)
            if numbers is not None
            else sa.delete(webhook_deliveries).where(webhook_deliveries.c.state == DeliveryState.DEAD)
        )
        async with self._database.begin() as connection:
            return await _each(connection, change, numbers, webhook, "delivery")


async def _each(connection: AsyncConnection, change: Any, numbers: Sequence[int] | None, webhook: str, what: str) -> int:
    if numbers is None:
        chosen = change.where(webhook_deliveries.c.webhook == webhook) if webhook else change
        return int((await connection.execute(chosen)).rowcount)
    for number in numbers:
        if not (await connection.execute(change.where(webhook_deliveries.c.number == number))).rowcount:
            raise NotFound(f"there is no {what} {number}; see tigrest webhooks list")
    return len(numbers)


async def _requeue(connection: AsyncConnection) -> None:
    """Give what is replayed new numbers, so that it comes after what waits already."""
    replayed = (
        sa.select(webhook_deliveries.c.number)
        .where(webhook_deliveries.c.state == DeliveryState.REPLAYED)
        .order_by(webhook_deliveries.c.number)
        .limit(500)
    )
    numbers = (await connection.execute(replayed)).scalars().all()
    kept = [column for column in webhook_deliveries.c if column.name not in ("number", "state")]
    copied = (
        sa.select(*kept, sa.literal(DeliveryState.WAITING))
        .where(webhook_deliveries.c.number.in_(numbers))
        .order_by(webhook_deliveries.c.number)
    )
    await connection.execute(sa.insert(webhook_deliveries).from_select([*[column.name for column in kept], "state"], copied))
    await connection.execute(sa.delete(webhook_deliveries).where(webhook_deliveries.c.number.in_(numbers)))
