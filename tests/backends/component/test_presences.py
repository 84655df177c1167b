"""Presences of users: what is sent to whom, with a server played by the test."""

from __future__ import annotations

import asyncio
import hashlib
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
GATEWAY = JID("rest.example.org")
ROSTER = "<query xmlns='jabber:iq:roster'><item jid='alice@example.org' subscription='both'/><item jid='eve@x' subscription='to'/></query>"


class World:
    def __init__(self, database: Database, trusted: bool = True) -> None:
        self.software = "Prosody"
        self.refuse = ""
        self.asked: list[Stanza] = []
        self.sent: list[Stanza] = []
        self.presences = UserPresences(self, database, jid=GATEWAY, domain=JID("example.org"), is_trusted=trusted, limits=PresenceLimits())

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


async def test_what_was_about_to_be_shown_at_the_end_is_not_and_nothing_is_said_of_it(database: Database) -> None:
    world = World(database)
    await world.presences.start()
    world.presences.announce()
    await world.presences.stop()  # a coroutine that is never awaited would be a warning, which fails tests
    assert world.sent == []


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


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize("software", ["Openfire", "jabberd2"])
async def test_a_server_without_rosters_for_components_is_told_and_no_setting_advised(
    database: Database, software: str, trusted: bool
) -> None:
    world = World(database, trusted)
    world.software = software
    outcome = await world.presences.set(UserStatus(BOB))
    assert (outcome.success, world.sent, world.asked) == (False, [], [])
    assert outcome.reason.startswith(f"{software} tells no component who the contacts of bob@example.org are")
    assert "send_as" not in outcome.reason


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


CAROL, DAVE = JID("carol@example.org/desk"), JID("dave@example.org/desk")
CHECK = "<command xmlns='http://jabber.org/protocol/commands' node='CHECK_USER_CONNECTION'/>"


def check_of(shown: JID, sender: str = "sess-man@example.org") -> Stanza:
    digest = hashlib.sha256(shown.encode()).hexdigest()
    to = f"user-status-endpoint@rest.example.org/{digest}"
    return Stanza.received(f"<iq type='get' id='c' from='{sender}' to='{to}'>{CHECK}</iq>")


async def test_tigase_is_told_each_presence_from_an_address_of_its_own_and_again_after_a_restart(database: Database) -> None:
    world = World(database)
    world.software = "Tigase ver. 8.4.0"
    await world.presences.start()
    for jid, text in ((CAROL, "Lunch"), (DAVE, "Meeting")):
        assert (await world.presences.set(UserStatus(jid, True, -1, "xa", text))).success
    senders = [stanza.sender for stanza in world.asked]
    assert senders == [check_of(CAROL).to, check_of(DAVE).to]
    await world.presences.stop()
    assert [(stanza.sender, 'available"><value>false' in str(stanza)) for stanza in world.sent] == [(each, True) for each in senders]
    again = World(database)
    again.software = world.software
    await again.presences.start()
    again.presences.announce()
    await asyncio.sleep(0.05)
    assert sorted(str(stanza) for stanza in again.asked) == sorted(str(stanza) for stanza in world.asked)
    assert (await again.presences.set(UserStatus(DAVE, False))).success
    assert again.asked[-1].sender == senders[1]
    again.refuse = "item-not-found"
    assert (await again.presences.set(UserStatus(CAROL, False))).success  # it is gone, as wanted
    assert (await again.presences.set(UserStatus(CAROL, False))).reason == f"{CAROL} is not online"
    last = World(database)
    await last.presences.start()
    last.presences.announce()
    await asyncio.sleep(0.05)
    assert last.asked == []


async def test_tigase_alone_hears_which_presences_are_shown(database: Database) -> None:
    world = World(database)
    world.software = "Tigase ver. 8.4.0"
    await world.presences.start()
    assert (await world.presences.set(UserStatus(CAROL))).success
    for iq, type in ((check_of(CAROL), "result"), (check_of(DAVE), "error"), (check_of(CAROL, "example.org"), "result")):
        answer = world.presences.answer(iq)
        assert answer is not None
        assert (answer.type, answer.is_empty or type == "error") == (type, True)
    for sender in ("carol@example.org/phone", "sess-man@elsewhere.net", "eve@rest.example.org"):
        assert world.presences.answer(check_of(CAROL, sender)) is None
    assert (await world.presences.set(UserStatus(CAROL, False))).success
    gone = world.presences.answer(check_of(CAROL))
    assert gone is not None
    assert gone.type == "error"
    world.software = "Prosody"
    assert world.presences.answer(check_of(CAROL)) is None


async def test_a_presence_that_tigase_refuses_is_not_kept(database: Database) -> None:
    world = World(database)
    world.software, world.refuse = "Tigase ver. 8.4.0", "forbidden"
    await world.presences.start()
    outcome = await world.presences.set(UserStatus(CAROL))
    assert outcome.reason == "forbidden from sess-man@example.org; add user-status-endpoint@rest.example.org to the trusted of sess-man"
    again = World(database)
    again.software = world.software
    await again.presences.start()
    again.presences.announce()
    await asyncio.sleep(0.05)
    assert again.asked == []
