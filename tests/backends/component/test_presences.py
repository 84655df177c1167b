"""Presences of users: what is sent to whom, with a server played by the test."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tigrest.backends.component.presences import PresenceLimits, UserPresences, presence_stanza
from tigrest.errors import StanzaError, StorageUnavailable
from tigrest.state.database import Database, DatabaseLimits
from tigrest.state.location import MEMORY
from tigrest.xmpp.jid import JID
from tigrest.xmpp.presence import Activity, UserStatus
from tigrest.xmpp.stanza import Stanza, make_stanza

BOB = JID("bob@example.org/desk")
ROSTER = "<query xmlns='jabber:iq:roster'><item jid='alice@example.org' subscription='both'/><item jid='eve@x' subscription='to'/></query>"


class World:
    def __init__(self, database: Database, trusted: bool = True) -> None:
        self.software = "Prosody"
        self.refuse = ""
        self.asked: list[Stanza] = []
        self.sent: list[Stanza] = []
        self.presences = UserPresences(self, database, is_trusted=trusted, limits=PresenceLimits())

    @property
    def is_tigase(self) -> bool:
        return "Tigase" in self.software

    async def exists(self, jid: JID) -> bool:
        return jid.local == "bob"

    async def send(self, stanza: Stanza) -> None:
        self.sent.append(stanza)

    async def request(self, iq: Stanza, timeout: float) -> Stanza:
        self.asked.append(iq)
        if self.refuse:
            return iq.error_reply(StanzaError(self.refuse))
        return make_stanza("iq", "result", None, ET.fromstring(ROSTER))


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    database = Database(MEMORY)
    yield database
    await database.stop()


async def test_a_presence_goes_to_those_who_may_see_it(database: Database) -> None:
    world = World(database)
    await world.presences.start()
    status = UserStatus(BOB, True, -1, "xa", "On the phone", Activity("talking", "on_the_phone", "calls"))
    assert (await world.presences.set(status)).success
    assert [stanza.to for stanza in world.sent] == ["alice@example.org"]
    assert str(world.sent[0]) == (
        '<presence xmlns="jabber:client" from="bob@example.org/desk" to="alice@example.org"><show>xa</show>'
        "<status>On the phone</status><priority>-1</priority>"
        '<activity xmlns="http://jabber.org/protocol/activity"><talking><on_the_phone/></talking><text>calls</text></activity></presence>'
    )
    world.presences.notice(Stanza.parse("<presence from='alice@example.org/new'/>"))
    world.presences.notice(Stanza.parse("<presence from='eve@x/new'/>"))
    world.presences.notice(Stanza.parse("<presence from='alice@example.org/new' type='unavailable'/>"))
    await asyncio.sleep(0.01)
    assert [stanza.to for stanza in world.sent[1:]] == ["alice@example.org/new"]
    await world.presences.stop()
    assert (world.sent[-1].type, world.sent[-1].to) == ("unavailable", "alice@example.org")
    again = World(database)
    await again.presences.start()
    again.presences.announce()
    await asyncio.sleep(0.05)
    assert [str(stanza) for stanza in again.sent] == [str(world.sent[0])]
    assert (await again.presences.set(UserStatus(BOB, False))).success
    assert not (await again.presences.set(UserStatus(BOB, False))).success


@pytest.mark.parametrize(
    ("trusted", "refuse", "jid", "reason"),
    [
        (False, "", BOB, 'send_as = "user"'),
        (True, "forbidden", BOB, "grant it the roster"),
        (True, "", JID("nobody@example.org/x"), "no account"),
    ],
)
async def test_what_is_missing_is_said(database: Database, trusted: bool, refuse: str, jid: JID, reason: str) -> None:
    world = World(database, trusted)
    world.refuse = refuse
    await world.presences.start()
    outcome = await world.presences.set(UserStatus(jid))
    assert not outcome.success
    assert reason in outcome.reason
    assert world.sent == []


async def test_tigase_does_it_by_command(database: Database) -> None:
    world = World(database)
    world.software = "Tigase ver. 8.4.0"
    await world.presences.start()
    world.presences.announce()
    await asyncio.sleep(0.05)
    assert (await world.presences.set(UserStatus(BOB, True, -1, "xa", "On the phone"))).success
    command = world.asked[-1]
    assert command.to == "sess-man@example.org"
    assert 'node="USER_STATUS"' in str(command)
    assert "<value>bob@example.org/desk</value>" in str(command)
    assert "<show>xa</show>" in str(command)
    world.refuse = "forbidden"
    refused = await world.presences.set(UserStatus(BOB, False))
    assert "trusted of sess-man" in refused.reason


def test_unavailable_is_short() -> None:
    assert (
        str(presence_stanza(UserStatus(BOB, False))) == '<presence xmlns="jabber:client" type="unavailable" from="bob@example.org/desk"/>'
    )


async def test_a_presence_that_cannot_be_kept_is_not_shown(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.sqlite3", DatabaseLimits(busy_seconds=0.05))
    world = World(database)
    await world.presences.start()
    shown = UserStatus(BOB, True, -1, "xa", "first")
    assert (await world.presences.set(shown)).success
    world.sent.clear()
    other = sqlite3.connect(tmp_path / "state.sqlite3", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    for status in (UserStatus(BOB, True, -1, "xa", "second"), UserStatus(BOB, False)):
        with pytest.raises(StorageUnavailable):
            await world.presences.set(status)
    assert world.sent == []
    other.close()
    assert (await world.presences.set(UserStatus(BOB, False))).success  # it was shown still
    await world.presences.stop()
    await database.stop()
