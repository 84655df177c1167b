"""Presences in a database: many writers, few transactions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from tigrest.backends.component.presence_store import ROWS_PER_TRANSACTION, PresenceStore
from tigrest.state.database import Database
from tigrest.state.gateway_tables import user_statuses
from tigrest.xmpp.jid import JID
from tigrest.xmpp.presence import Activity, UserStatus


def presence(number: int, text: str = "") -> UserStatus:
    return UserStatus(JID(f"u{number}@example.org/x"), True, 5, "xa", text, Activity("talking", "on_the_phone", "with bob"))


async def test_what_is_put_is_there_after_a_restart_and_the_last_one_counts(location: str) -> None:
    database = Database(location)
    store = PresenceStore(database)
    assert await store.start() == []
    many = ROWS_PER_TRANSACTION + 50
    await asyncio.gather(*[store.put(presence(number).jid, presence(number)) for number in range(many)])
    await asyncio.gather(*[store.put(presence(0).jid, presence(0, text)) for text in "abc"])
    await asyncio.gather(*[store.put(presence(number).jid, None) for number in range(1, 11)])
    await store.stop()
    await database.stop()
    database = Database(location)
    again = {each.jid: each for each in await PresenceStore(database).start()}
    await database.stop()
    assert len(again) == many - 10
    assert again[presence(0).jid] == presence(0, "c")
    assert again[presence(11).jid] == presence(11)


class CountingDatabase(Database):
    """Counts transactions."""

    begun = 0

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        self.begun += 1
        async with super().begin() as connection:
            yield connection


async def test_a_stored_presence_that_may_not_be_shown_any_more_is_left_out(location: str, caplog: pytest.LogCaptureFixture) -> None:
    database = Database(location)
    store = PresenceStore(database)
    await store.start()
    await store.put(presence(1).jid, presence(1))
    row = {"jid": "u2@example.org/x", "priority": 5, "show": "", "status": "", "category": "no name", "type": "", "text": ""}
    async with database.begin() as connection:
        await connection.execute(user_statuses.insert(), [row])
    await store.stop()
    assert await PresenceStore(database).start() == [presence(1)]
    await database.stop()
    assert "the presence of u2@example.org/x is not shown any more: the category of the activity is 'no name'" in caplog.text


async def test_writers_share_transactions(location: str) -> None:
    database = CountingDatabase(location)
    store = PresenceStore(database)
    await store.start()
    before = database.begun
    await asyncio.gather(*[store.put(presence(number).jid, presence(number)) for number in range(100)])
    assert 1 <= database.begun - before <= 2
    await database.stop()


async def test_who_waits_is_told_when_it_cannot_be_written_and_the_next_one_can(location: str) -> None:
    database = Database(location)
    store = PresenceStore(database)
    await store.start()
    bad = UserStatus(JID("a@b/x"), True, 5, None, "")  # type: ignore[arg-type]
    with pytest.raises(SQLAlchemyError):
        await store.put(bad.jid, bad)
    await store.put(presence(1).jid, presence(1))
    assert [each.jid for each in await store.start()] == [presence(1).jid]
    await store.stop()
    await database.stop()


async def test_a_writer_who_is_cancelled_harms_nobody(location: str) -> None:
    database = Database(location)
    store = PresenceStore(database)
    await store.start()
    gone = asyncio.create_task(store.put(presence(1).jid, presence(1)))
    stays = asyncio.create_task(store.put(presence(2).jid, presence(2)))
    await asyncio.sleep(0)
    gone.cancel()
    await stays
    assert {each.jid for each in await store.start()} == {presence(1).jid, presence(2).jid}
    await database.stop()
