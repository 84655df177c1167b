"""Presences of users that survive a restart: one row each, written by many requests in one transaction."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import sqlalchemy as sa

from tigrest.errors import InvalidValue
from tigrest.state.batches import BatchWriter
from tigrest.state.database import Database
from tigrest.state.gateway_tables import GATEWAY, user_statuses
from tigrest.xmpp.jid import JID
from tigrest.xmpp.presence import Activity, UserStatus

log = logging.getLogger(__name__)

ROWS_PER_TRANSACTION = 500
"""Most rows of one transaction; SQL statements have a limit of parameters."""

_Batch = dict[JID, tuple[UserStatus | None, list[asyncio.Future[None]]]]


class PresenceStore:
    """Keeps presences in a database.

    What is put while a transaction runs is written together in the next one, so that its cost is shared.

    Args:
        database: started here, stopped by its owner.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: _Batch = {}
        self._writer = BatchWriter("presences", self._take, self._write)

    async def start(self) -> list[UserStatus]:
        """Open the database, and return the presences that were shown before a restart."""
        await self._database.start(GATEWAY)
        async with self._database.begin() as connection:
            rows = (await connection.execute(user_statuses.select())).all()
        return [presence for row in rows if (presence := _presence(row)) is not None]

    async def stop(self) -> None:
        """Wait until everything is written."""
        await self._writer.stop()

    async def put(self, jid: JID, presence: UserStatus | None) -> None:
        """Store a presence, or delete it; return when that is committed.

        Args:
            jid: full address.
            presence: of that address; ``None`` to delete it.

        Raises:
            StorageUnavailable: it could not be written.
        """
        written = asyncio.get_running_loop().create_future()
        _, waiters = self._waiting.get(jid, (None, []))
        self._waiting[jid] = (presence, [*waiters, written])
        self._writer.wake()
        await written

    def _take(self) -> _Batch | None:
        batch = dict(list(self._waiting.items())[:ROWS_PER_TRANSACTION])
        for jid in batch:
            del self._waiting[jid]
        return batch or None

    async def _write(self, batch: _Batch) -> None:
        """Write presences, and tell those who wait for them how that went: whoever shows a presence decides whether to try again."""
        try:
            await self._replace({jid: presence for jid, (presence, _) in batch.items()})
        except Exception as error:
            outcome: Exception | None = error
        else:
            outcome = None
        for _, waiters in batch.values():
            for waiter in waiters:
                if not waiter.done():
                    _settle(waiter, outcome)

    async def _replace(self, presences: dict[JID, UserStatus | None]) -> None:
        rows = [_row(presence) for presence in presences.values() if presence is not None]
        async with self._database.begin() as connection:
            await connection.execute(user_statuses.delete().where(user_statuses.c.jid.in_(list(presences))))
            if rows:
                await connection.execute(user_statuses.insert(), rows)


def _settle(waiter: asyncio.Future[None], error: Exception | None) -> None:
    if error is None:
        waiter.set_result(None)
    else:
        waiter.set_exception(error)


def _row(presence: UserStatus) -> dict[str, object]:
    activity = presence.activity or Activity("")
    return {
        "jid": presence.jid,
        "priority": presence.priority,
        "show": presence.show,
        "status": presence.status,
        "category": activity.category,
        "type": activity.type,
        "text": activity.text,
    }


def _presence(row: sa.Row[Any]) -> UserStatus | None:
    """Return a stored presence; ``None`` for one of an earlier version that may not be shown now."""
    activity = Activity(row.category, row.type, row.text) if row.category else None
    try:
        return UserStatus(JID(row.jid), True, row.priority, row.show, row.status, activity)
    except InvalidValue as error:
        log.warning("the presence of %s is not shown any more: %s", row.jid, error)
        return None
