"""Places in rooms, with a room that is played."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.service.rooms.played import CONFERENCE, HALL, QUICK, USER, Played, error
from tests.waiting import until
from tigrest.errors import (
    Conflict,
    InvalidStanza,
    InvalidValue,
    NotConnected,
    NotFound,
    NotPermitted,
    NotSupported,
    StanzaError,
    StanzaTimeout,
    TigrestError,
    TooManyWaiting,
    Unavailable,
)
from tigrest.service.rooms import Rooms, RoomSettings, Speaker
from tigrest.service.shares import Shares
from tigrest.xmpp.jid import JID
from tigrest.xmpp.occupant import Occupant
from tigrest.xmpp.rooms import sent_before
from tigrest.xmpp.stanza import Stanza

OURS = "room-owner@http.example.org/rooms:tigrest"


@pytest.fixture
async def hall() -> AsyncIterator[Played]:
    played = Played()
    yield played
    await played.places.stop()


async def test_a_message_is_said_once_we_are_in_and_answered_by_its_echo(hall: Played) -> None:
    first = await hall.rooms().send(HALL, "one")
    second = await hall.rooms().send(HALL, {"body": "two", "id": "mine"})
    assert (first.id, second.id) == ("m1", "mine")
    assert [stanza.body for stanza in hall.sent] == ["", "one", "two"]
    assert hall.sent[0].attributes["to"] == f"{HALL}/tigrest"
    assert {stanza.attributes["from"] for stanza in hall.sent} == {OURS}
    assert hall.heard == []


async def test_many_at_once_enter_once_and_keep_their_order(hall: Played) -> None:
    await asyncio.gather(*[hall.rooms().send(HALL, f"{number}") for number in range(100)])
    assert [stanza.body for stanza in hall.sent] == ["", *[f"{number}" for number in range(100)]]


REFUSALS: list[tuple[str, type[TigrestError]]] = [
    ("not-authorized", NotPermitted),
    ("registration-required", NotPermitted),
    ("forbidden", NotPermitted),
    ("conflict", Conflict),
    ("not-acceptable", Conflict),
    ("not-allowed", NotFound),
    ("item-not-found", NotFound),
    ("gone", NotFound),
    ("service-unavailable", Unavailable),
    ("resource-constraint", Unavailable),
    ("remote-server-not-found", NotFound),
    ("remote-server-timeout", StanzaTimeout),
]


@pytest.mark.parametrize(("condition", "raised"), REFUSALS)
async def test_who_is_not_let_in_hears_why_and_leaves_nothing_behind(hall: Played, condition: str, raised: type[TigrestError]) -> None:
    hall.on_entry = lambda entry: error(entry, condition, "so it is")
    with pytest.raises(raised, match="so it is"):
        await hall.rooms().send(HALL, "one", nick="tigrest")
    assert list(hall.places) == []
    assert hall.kinds() == ["presence"]


async def test_of_a_long_text_of_a_room_the_beginning_is_told(hall: Played) -> None:
    hall.on_entry = lambda entry: error(entry, "forbidden", "x" * 100_000)
    with pytest.raises(NotPermitted) as raised:
        await hall.rooms().send(HALL, "one")
    assert len(str(raised.value)) < 1000


async def test_a_room_that_is_not_there_and_may_not_be_made_is_404_though_ejabberd_says_forbidden(hall: Played) -> None:
    hall.on_entry = lambda entry: error(entry, "forbidden", "Room creation is denied by service policy")
    with pytest.raises(NotFound, match="there is no room .* not made by entering them, but by the command create_room"):
        await hall.rooms().send(HALL, "one")


async def test_the_first_in_a_room_that_an_owner_has_made_from_without_is_in_though_ejabberd_says_it_is_new(hall: Played) -> None:
    hall.on_entry = lambda entry: hall.let_in(entry, 201)
    await hall.rooms().send(HALL, "one")
    assert [stanza.body for stanza in hall.sent] == ["", "one"]


async def test_a_room_that_does_not_answer_is_left_again(hall: Played) -> None:
    hall.on_entry = hall.silent
    with pytest.raises(StanzaTimeout):
        await hall.rooms().send(HALL, "one")
    assert hall.kinds() == ["presence", "unavailable"]
    assert list(hall.places) == []
    hall.come_in(hall.let_in(hall.sent[0]))  # too late
    await asyncio.sleep(0.01)
    assert list(hall.places) == []


async def test_what_is_no_room_is_not_entered(hall: Played) -> None:
    for description, words in (
        ("", "there is no room"),
        ("<query xmlns='http://jabber.org/protocol/disco#info'><identity category='account'/></query>", "is no room"),
    ):
        hall.description = description
        with pytest.raises(NotFound, match=words):
            await hall.rooms().send(HALL, "one")
    assert hall.sent == []
    for wrong in ("rooms.example.org", f"{HALL}/nick"):
        with pytest.raises(InvalidValue):
            await hall.rooms().send(wrong, "one")


def squatted(hall: Played, *nicks: str) -> Callable[[Stanza], str]:
    """Return how a room lets us in, in which others have nicknames."""
    return lambda entry: error(entry, "conflict") if entry.attributes["to"].partition("/")[2] in nicks else hall.let_in(entry)


async def test_a_nickname_that_nobody_asked_for_gives_way_to_a_similar_one(hall: Played, caplog: pytest.LogCaptureFixture) -> None:
    hall.on_entry = squatted(hall, "tigrest", "tigrest_2")
    hall.places.start([RoomSettings(HALL)])
    await until(lambda: hall.rooms().is_in(HALL))
    assert (hall.rooms().nick(HALL), hall.rooms().wanted_nick(HALL)) == ("tigrest_3", "tigrest")
    await hall.rooms().send(HALL, "one")
    assert [stanza.attributes["to"].partition("/")[2] for stanza in hall.sent] == ["tigrest", "tigrest_2", "tigrest_3", ""]
    for on_entry, nick in ((hall.on_entry, "tigrest_3"), (hall.let_in, "tigrest")):
        hall.on_entry = on_entry
        hall.places.on_link(False)
        hall.places.on_link(True)
        await until(lambda: hall.rooms().is_in(HALL))
        assert hall.rooms().nick(HALL) == nick
    assert [record.message for record in caplog.records if "somebody else is tigrest" in record.message] == [
        f"in room {HALL} as tigrest_3: somebody else is tigrest there"
    ]


async def test_similar_nicknames_are_tried_so_often_and_are_addresses(hall: Played) -> None:
    hall.on_entry = lambda entry: error(entry, "conflict")
    with pytest.raises(Conflict):
        await hall.rooms().send(HALL, "one", nick="x" * 1000, exact=False)
    assert [len(stanza.attributes["to"]) for stanza in hall.sent] == [len(HALL) + 1 + chars for chars in (1000, 102, 102, 102, 102)]
    assert list(hall.places) == []


async def test_a_nickname_that_the_caller_has_named_is_that_or_none(hall: Played) -> None:
    hall.on_entry = squatted(hall, "alice")
    with pytest.raises(Conflict):
        await hall.rooms("alice").join(HALL, "alice")
    assert await hall.rooms("alice").join(HALL) == "alice_2"
    squatter = hall.presence("alice", "alice@http.example.org/rooms:alice")
    hall.come_in(squatter)
    await until(lambda: len(hall.rooms("alice").occupants(HALL)) == 2)
    with pytest.raises(Conflict):
        await hall.rooms("alice").send(HALL, "one", nick="alice")
    assert hall.rooms("alice").nick(HALL) == "alice_2"
    hall.come_in(squatter.replace("<presence", "<presence type='unavailable'"))
    await until(lambda: len(hall.rooms("alice").occupants(HALL)) == 1)
    hall.on_entry = hall.let_in
    await hall.rooms("alice").send(HALL, "one", nick="alice")
    assert (hall.rooms("alice").nick(HALL), hall.kinds()[-3:]) == ("alice", ["unavailable", "presence", "groupchat"])


async def test_what_the_room_tells_of_leaving_before_is_not_about_entering_now(hall: Played) -> None:
    await hall.rooms().send(HALL, "one")
    await hall.rooms().leave(HALL)
    hall.come_in(hall.presence("tigrest", OURS, 110, type="unavailable"))
    await hall.rooms().send(HALL, "two")


async def test_a_room_that_entering_has_made_is_given_up(hall: Played) -> None:
    hall.on_entry = lambda entry: hall.let_in(entry, 201, affiliation="owner")
    with pytest.raises(NotFound):
        await hall.rooms().send(HALL, "one")
    assert hall.kinds() == ["presence", "unavailable"]
    assert hall.asked[-1].mentions(b'type="cancel"')
    assert list(hall.places) == []


async def test_a_server_that_drops_iqs_is_no_hindrance(hall: Played) -> None:
    hall.answers_iqs = False
    await hall.rooms().send(HALL, "one")
    assert hall.kinds() == ["presence", "groupchat"]


REMOVALS: list[tuple[int, str, type[TigrestError]]] = [
    (307, "", NotPermitted),
    (301, "", NotPermitted),
    (322, "", NotPermitted),
    (332, "", Unavailable),
    (110, f"<destroy xmlns='{USER}'><reason>behave</reason></destroy>", NotFound),
]


@pytest.mark.parametrize(("status", "further", "raised"), REMOVALS)
async def test_who_is_removed_while_he_sends_hears_why(hall: Played, status: int, further: str, raised: type[TigrestError]) -> None:
    item = "<item affiliation='none' role='none'><reason>behave</reason></item>"
    hall.on_message = lambda _: hall.presence("tigrest", OURS, status, 110, type="unavailable", item=item, further=further)
    with pytest.raises(raised, match="behave"):
        await hall.rooms().send(HALL, "one")
    assert list(hall.places) == []


async def test_a_room_that_has_forgotten_us_is_entered_again_and_told_again(hall: Played) -> None:
    await hall.rooms().send(HALL, "one")
    answers = iter([lambda message: error(message, "not-acceptable"), hall.reflect])
    hall.on_message = lambda message: next(answers)(message)
    assert (await hall.rooms().send(HALL, {"body": "two", "id": "same"})).id == "same"
    assert hall.kinds() == ["presence", "groupchat", "groupchat", "presence", "groupchat"]
    hall.on_message = lambda message: error(message, "not-acceptable")
    with pytest.raises(NotConnected):  # not for ever
        await hall.rooms().send(HALL, "three")


async def test_a_message_that_does_not_come_back_or_is_refused_says_so(hall: Played) -> None:
    hall.on_message = lambda message: error(message, "forbidden", "moderated")
    with pytest.raises(NotPermitted, match="moderated"):
        await hall.rooms().send(HALL, "one")
    hall.on_message = hall.silent
    with pytest.raises(StanzaTimeout):
        await hall.rooms().send(HALL, "two")
    waiting = asyncio.ensure_future(hall.rooms().send(HALL, {"body": "three", "id": "x"}))
    await asyncio.sleep(0)
    with pytest.raises(Conflict, match="under way"):
        await hall.rooms().send(HALL, {"body": "four", "id": "x"})
    with pytest.raises(InvalidStanza):
        await hall.rooms().send(HALL, b"<message/>")
    with pytest.raises(StanzaTimeout):
        await waiting


@pytest.mark.parametrize("rewrite", [str, lambda text: text.replace("origin-id", "other")])
async def test_a_service_that_writes_ids_of_its_own_is_understood(hall: Played, rewrite: Callable[[str], str]) -> None:
    hall.on_message = lambda message: rewrite(hall.reflect(message).replace(f' id="{message.id}" ', ' id="theirs" ', 1))
    assert (await hall.rooms().send(HALL, "one")).id == "m1"


async def test_the_room_may_give_another_nickname_and_change_it(hall: Played) -> None:
    hall.on_entry = lambda entry: hall.let_in(entry, 210, nick="guest1")
    await hall.rooms().send(HALL, "one")
    assert hall.rooms().nick(HALL) == "guest1"
    hall.come_in(
        hall.presence("guest1", OURS, 303, 110, type="unavailable", item="<item nick='guest2'/>"), hall.presence("guest2", OURS, 110)
    )
    await until(lambda: hall.rooms().nick(HALL) == "guest2")
    await hall.rooms().send(HALL, "two")
    assert [one.nick for one in hall.rooms().occupants(HALL)] == ["guest2"]


def said(nick: str, body: str, to: str = OURS, further: str = "") -> str:
    return f"<message type='groupchat' id='x' from='{HALL}/{nick}' to='{to}'><body>{body}</body>{further}</message>"


async def test_others_are_heard_once_and_we_and_history_are_not(hall: Played) -> None:
    await hall.rooms().send(HALL, "one")
    await hall.rooms("alice").send(HALL, "two")
    alices = "alice@http.example.org/rooms:alice"
    delay = f"<delay xmlns='urn:xmpp:delay' stamp='2020-01-01T00:00:00Z' from='{HALL}'/>"
    subject = f"<message type='groupchat' from='{HALL}/bob' to='{OURS}'><subject>Bread</subject></message>"
    bob = hall.presence("bob", OURS, item="<item jid='bob@example.org/desk' affiliation='member' role='participant'/>")
    hall.come_in(said("bob", "old", further=delay), subject, bob, said("bob", "hi"), said("bob", "hi", alices), said("alice", "mine"))
    hall.come_in(f"<message type='chat' from='{HALL}/bob' to='{OURS}'><body>psst</body></message>")
    await until(lambda: len(hall.heard) == 2)
    assert [stanza.body for stanza in hall.heard] == ["hi", "psst"]
    for stanza in hall.heard:
        assert stanza.occupant is not None
        assert (stanza.occupant.nick, stanza.occupant.jid) == ("bob", "bob@example.org/desk")
        assert stanza.mentions(b'jid="bob@example.org/desk"')
    assert hall.rooms().subject(HALL) == "Bread"
    assert [one.nick for one in hall.rooms("alice").occupants(HALL)] == ["alice"]  # what one may see, the other need not


MARKED = "<message xml:lang='en' xmlns:y='urn:xmpp:delay' "


@pytest.mark.parametrize("sender", ["", f"from='{HALL}'", f"from='{HALL}/eve'"])
@pytest.mark.parametrize("start", ["<delay xmlns='urn:xmpp:delay'", "<y:delay"])
async def test_nobody_hides_what_he_says_among_old_messages(hall: Played, sender: str, start: str) -> None:
    await hall.rooms().send(HALL, "one")
    delay = f"{start} stamp='2020-01-01T00:00:00Z' {sender}/>"
    elsewhere = f"{start} stamp='2026-01-01T00:00:00Z' from='phone.example.org'/>"
    forged = said("eve", "spam", further=f"<x xmlns='a:b'>1</x>{delay}{elsewhere}").replace("<message ", MARKED)
    hall.come_in(f"<message type='groupchat' from='{HALL}' to='{OURS}'><subject/></message>", forged)
    await until(lambda: bool(hall.heard))
    [heard] = hall.heard
    assert (heard.body, heard.attributes["xml:lang"], heard.attributes["to"]) == ("spam", "en", OURS)
    assert sent_before(heard, HALL) is None
    assert [child.tag for child in heard.xml] == ["{jabber:client}body", "{a:b}x", "{urn:xmpp:delay}delay"]


CLAIM = f"<x xmlns='{USER}'><item jid='root@example.org/x' affiliation='owner'/><invite from='root@example.org'/></x>"
MARK = f"<x xmlns='{USER}'/>"
PREFIXED = f"<y:x xmlns:y='{USER}'><y:item jid='root@example.org/x'/></y:x>"
DECLARED = "<y:x><y:item jid='root@example.org/x'/></y:x>"
"""The same where the start tag of the message declares the prefix."""


@pytest.mark.parametrize("kind", ["groupchat", "chat"])
@pytest.mark.parametrize("claim", [CLAIM + MARK, PREFIXED, CLAIM + CLAIM, CLAIM.replace("#user", "&#35;user"), DECLARED])
async def test_nobody_says_of_himself_what_only_the_room_may_say(hall: Played, kind: str, claim: str) -> None:
    await hall.rooms().send(HALL, "one")
    eve = hall.presence("eve", OURS, item="<item jid='eve@example.org/desk' affiliation='none' role='participant'/>")
    hall.come_in(f"<message type='groupchat' from='{HALL}' to='{OURS}'><subject/></message>")
    forged = said("eve", "hi", further=claim).replace("groupchat", kind).replace("<message ", f"<message xmlns:y='{USER}' ")
    hall.come_in(forged, eve, forged.replace("'x' from", "'x2' from"))
    await until(lambda: len(hall.heard) == 2)
    unknown, known = hall.heard
    assert unknown.occupant == Occupant("eve")
    assert known.occupant is not None
    assert known.occupant.jid == "eve@example.org/desk"
    assert [item.get("jid") for item in unknown.xml.iter(f"{{{USER}}}item")] == []
    assert [item.get("jid") for item in known.xml.iter(f"{{{USER}}}item")] == ["eve@example.org/desk"]
    assert [len(x) for x in unknown.xml.iterfind(f"{{{USER}}}x")] == [0] * claim.count(MARK)


async def test_nor_does_he_in_an_error(hall: Played) -> None:
    await hall.rooms().send(HALL, "one")
    hall.come_in(said("eve", "hi", further=CLAIM).replace("groupchat", "error"))
    await until(lambda: bool(hall.heard))
    assert hall.heard[0].xml.find(f"{{{USER}}}x") is None


@pytest.mark.parametrize(("features", "ids"), [("", []), ("<feature var='urn:xmpp:occupant-id:0'/>", ["e1"])])
async def test_ids_of_occupants_are_those_that_the_room_gives(hall: Played, features: str, ids: list[str]) -> None:
    hall.description = CONFERENCE.replace("</query>", f"{features}</query>")
    await hall.rooms().send(HALL, "one")
    hall.come_in(said("eve", "hi", further="<occupant-id xmlns='urn:xmpp:occupant-id:0' id='e1'/>"))
    await until(lambda: bool(hall.heard))
    assert [child.get("id") for child in hall.heard[0].xml.iterfind("{urn:xmpp:occupant-id:0}occupant-id")] == ids


async def test_private_messages_arrive_or_say_that_nobody_is_there(hall: Played) -> None:
    hall.on_message = hall.silent
    assert await hall.rooms().whisper(HALL, "bob", "psst") == "m1"
    hall.on_message = lambda message: error(message, "item-not-found")
    with pytest.raises(NotFound):
        await hall.rooms().whisper(HALL, "nobody", "psst")


@pytest.mark.parametrize(
    ("condition", "raised"), [("not-acceptable", NotConnected), ("remote-server-timeout", StanzaTimeout), ("service-unavailable", None)]
)
async def test_a_private_message_has_arrived_only_where_the_room_answers_behind_it(
    hall: Played, condition: str, raised: type[TigrestError] | None
) -> None:
    hall.on_message = hall.silent
    hall.on_ping = lambda ping: Stanza.received(error(ping, condition))
    if raised is None:
        await hall.rooms().whisper(HALL, "bob", "psst")
        return
    with pytest.raises(raised):
        await hall.rooms().whisper(HALL, "bob", "psst")


async def test_a_private_message_that_the_link_broke_behind_is_not_said_to_have_arrived(hall: Played) -> None:
    def broken(_: Stanza) -> Stanza:
        raise NotConnected("the link broke")

    hall.on_message, hall.on_ping = hall.silent, broken
    with pytest.raises(NotConnected, match="broke"):
        await hall.rooms().whisper(HALL, "bob", "psst")


async def test_an_error_of_somebody_else_in_the_room_is_not_that_of_the_room(hall: Played) -> None:
    def spoofed(message: Stanza) -> str:
        return error(message.with_(to=f"{HALL}/eve"), "not-acceptable")

    def reflect_after_spoof(message: Stanza) -> str:
        hall.come_in(spoofed(message))
        return hall.reflect(message)

    hall.on_message = reflect_after_spoof
    assert (await hall.rooms().send(HALL, "one")).id == "m1"
    hall.on_message = spoofed
    assert await hall.rooms().whisper(HALL, "bob", "psst") == "m2"
    assert hall.kinds() == ["presence", "groupchat", "chat"]


@pytest.mark.parametrize("inside", ["", "<error/>", "<error type='cancel'><x xmlns='a:b'/></error>"])
async def test_an_error_that_says_nothing_is_one_too(hall: Played, inside: str) -> None:
    def bare(stanza: Stanza) -> str:
        to, sender = stanza.attributes["from"], stanza.attributes["to"]
        return f"<{stanza.kind} type='error' id='{stanza.id}' from='{sender}' to='{to}'>{inside}</{stanza.kind}>"

    hall.on_message = bare
    with pytest.raises(StanzaError):
        await hall.rooms().send(HALL, "one")
    await hall.rooms().leave(HALL)
    hall.on_entry = bare
    with pytest.raises(StanzaError):
        await hall.rooms().send(HALL, "two")


async def test_a_link_that_comes_back_brings_back_where_we_were(hall: Played) -> None:
    await hall.rooms("alice").send(HALL, "one")
    hall.on_message = hall.silent
    waiting = asyncio.ensure_future(hall.rooms("alice").send(HALL, "two"))
    await asyncio.sleep(0)
    hall.is_up = False
    hall.places.on_link(False)
    with pytest.raises(NotConnected):
        await waiting
    assert not hall.rooms("alice").is_in(HALL)
    hall.is_up, hall.on_message = True, hall.reflect
    hall.places.on_link(True)
    await until(lambda: hall.rooms("alice").is_in(HALL))


async def test_what_was_said_while_the_link_was_down_is_heard_once_and_marked(hall: Played) -> None:
    delay = f"<delay xmlns='urn:xmpp:delay' stamp='2020-01-01T00:00:00Z' from='{HALL}'/>"
    alices = "alice@http.example.org/rooms:alice"

    def old(to: str, nick: str, id: str) -> str:
        return said(nick, id, to, delay).replace("id='x'", f"id='{id}'")

    await hall.rooms().send(HALL, "one")
    await hall.rooms("alice").send(HALL, "two")
    assert all(stanza.mentions(b'maxstanzas="0"') for stanza in hall.sent if stanza.kind == "presence")
    hall.come_in(said("bob", "known").replace("id='x'", "id='known'"), said("bob", "known", alices).replace("id='x'", "id='known'"))
    await until(lambda: len(hall.heard) == 1)
    hall.on_entry = squatted(hall, "tigrest")
    hall.places.on_link(False)
    hall.places.on_link(True)
    await until(lambda: hall.rooms().is_in(HALL) and hall.rooms("alice").is_in(HALL))
    entries = [stanza for stanza in hall.sent if stanza.kind == "presence"][-2:]
    assert all(stanza.mentions(b'seconds="') and stanza.mentions(b'maxstanzas="100"') for stanza in entries)
    missed = [("bob", "known"), ("bob", "missed"), ("tigrest_2", "m1"), ("carol", "also missed")]
    hall.come_in(*[old(to, nick, id) for nick, id in missed for to in (alices, OURS)])
    hall.come_in(said("bob", "now"))
    await until(lambda: hall.heard[-1].body == "now")
    assert [(stanza.body, stanza.attributes["to"]) for stanza in hall.heard[1:3]] == [("missed", alices), ("also missed", alices)]
    assert len(hall.heard) == 4


async def test_of_old_messages_no_more_are_heard_than_were_asked_for(hall: Played) -> None:
    await hall.places.stop()
    hall = Played(replace(QUICK, history=3))
    delay = f"<delay xmlns='urn:xmpp:delay' stamp='2020-01-01T00:00:00Z' from='{HALL}'/>"
    await hall.rooms().send(HALL, "one")
    for time in ("first", "second"):
        hall.places.on_link(False)
        hall.places.on_link(True)
        await until(lambda: hall.rooms().is_in(HALL))
        hall.come_in(*[said("bob", f"{time} {number}", further=delay).replace("id='x'", "") for number in range(30)])
        hall.come_in(said("bob", "now"))
        await until(lambda: [stanza.body for stanza in hall.heard].count("now") == (1 if time == "first" else 2))  # noqa: B023
    expected = ["first 0", "first 1", "first 2", "now", "second 0", "second 1", "second 2", "now"]
    assert [stanza.body for stanza in hall.heard] == expected
    await hall.places.stop()


@pytest.mark.parametrize(("stamp", "expected"), [("2020-01-01T00:00:00Z", 2020), ("2020-01-01T00:00:00", 2020), ("yesterday", 1970)])
def test_old_messages_tell_when_they_were_sent(stamp: str, expected: int) -> None:
    message = said("bob", "hi", further=f"<delay xmlns='urn:xmpp:delay' stamp='{stamp}' from='{HALL}'/>")
    told = sent_before(Stanza.received(message), HALL)
    assert told is not None
    assert (told.year, told.utcoffset()) == (expected, timedelta(0))
    assert sent_before(Stanza.received(message.replace(f"from='{HALL}'/>", "from='elsewhere.org'/>")), HALL) is None


async def test_who_was_thrown_out_does_not_come_back_to_say_something_but_when_asked_to(hall: Played) -> None:
    await hall.places.stop()
    hall = Played(replace(QUICK, removed_seconds=60.0))
    item = "<item affiliation='none' role='none'/>"
    await hall.rooms().send(HALL, "one")
    hall.come_in(hall.presence("tigrest", OURS, 307, 110, type="unavailable", item=item))
    await until(lambda: not hall.rooms().is_in(HALL))
    with pytest.raises(Unavailable, match="thrown out") as raised:
        await hall.rooms().send(HALL, "two")
    assert 0 < (raised.value.retry_after or 0) <= 60
    await hall.rooms().join(HALL)
    assert hall.sent[-1].mentions(b'maxstanzas="0"')
    await hall.rooms().send(HALL, "three")
    hall.come_in(hall.presence("tigrest", OURS, 307, 333, 110, type="unavailable", item=item))  # lost, as Prosody says it
    await until(lambda: not hall.rooms().is_in(HALL))
    await hall.rooms().send(HALL, "four")
    await hall.places.stop()


async def test_rooms_of_the_configuration_are_entered_again_and_again(hall: Played) -> None:
    hall.description = ""
    hall.places.start([RoomSettings(HALL, "concierge", "open")])
    await asyncio.sleep(0.05)
    assert hall.sent == []
    hall.description = CONFERENCE
    await until(lambda: hall.rooms().is_in(HALL))
    assert hall.sent[0].mentions(b"<password>open</password>")
    assert hall.rooms().nick(HALL) == "concierge"
    hall.come_in(hall.presence("concierge", hall.sent[0].attributes["from"], 307, 110, type="unavailable"))
    await until(lambda: hall.kinds() == ["presence", "presence"] and hall.rooms().is_in(HALL))
    hall.places.configure([])
    await until(lambda: hall.kinds()[-1] == "unavailable")
    assert list(hall.places) == []


async def test_a_room_of_the_configuration_is_made_where_there_is_none(hall: Played, caplog: pytest.LogCaptureFixture) -> None:
    asked: list[RoomSettings] = []

    async def make(room: RoomSettings) -> None:
        asked.append(room)
        if len(asked) == 1:
            raise NotSupported("the server does not let us")
        hall.description = CONFERENCE

    hall.description = ""
    room = RoomSettings(HALL, create=True, options=(("members_only", "true"),))
    hall.places.start([room])
    await until(lambda: hall.asked)
    assert asked == []
    hall.places.making.begin(make)
    await until(lambda: hall.rooms().is_in(HALL))
    assert asked == [room, room]
    assert f"room {HALL} cannot be entered: the server does not let us" in caplog.messages
    hall.description = ""
    with pytest.raises(NotFound):
        await hall.rooms().send("lobby@rooms.example.org", "one")  # others are not made
    assert len(asked) == 2


async def test_idle_rooms_are_left_and_silent_ones_are_asked() -> None:
    silent = Played(replace(QUICK, sweep_seconds=0.01, silent_seconds=0.02))
    silent.places.start()
    await silent.rooms().send(HALL, "one")
    await until(lambda: silent.asked[-1].mentions(b"urn:xmpp:ping"))
    await silent.places.stop()
    idle = Played(replace(QUICK, sweep_seconds=0.01, idle_seconds=0.02))
    idle.places.start()
    await idle.rooms().send(HALL, "one")
    await until(lambda: idle.kinds()[-1] == "unavailable")
    assert list(idle.places) == []
    await idle.places.stop()


async def test_a_silent_room_that_knows_us_no_longer_is_entered_again(hall: Played) -> None:
    hall.places.start([RoomSettings(HALL)])
    await until(lambda: hall.rooms().is_in(HALL))
    [place] = hall.places
    place.end(NotConnected("self-ping"))
    await until(lambda: hall.kinds().count("presence") == 2)


async def test_admins_invite_and_others_do_not(hall: Played) -> None:
    def direct(sender: str) -> str:
        return f"<message from='{sender}' to='http.example.org'><x xmlns='jabber:x:conference' jid='{HALL}'/></message>"

    def mediated(room: str, inviter: str) -> str:
        return f"<message from='{room}' to='http.example.org'><x xmlns='{USER}'><invite from='{inviter}'/></x></message>"

    hall.come_in(direct("eve@example.org"), mediated(HALL, "eve@example.org"), mediated("hall@rooms.evil.net", "root@example.org"))
    hall.come_in(mediated("eve@guests.example.org/phone", "root@example.org"), mediated(f"{HALL}/eve", "root@example.org"))
    await asyncio.sleep(0.02)
    assert hall.sent == []
    assert len(hall.heard) == 5
    for invitation in (direct("root@example.org/phone"), mediated(HALL, "root@example.org")):
        hall.come_in(invitation)
        await until(lambda: hall.rooms().is_in(HALL))
        await hall.rooms().leave(HALL)


async def test_a_hostile_room_fills_no_memory_and_breaks_nothing() -> None:
    hall = Played(replace(QUICK, occupants=50))
    await hall.rooms().send(HALL, "one")
    hall.come_in(*[hall.presence(f"n{number}", OURS) for number in range(200)])
    odd = (
        f"<presence from='{HALL}' to='{OURS}'/>",
        f"<presence from='{HALL}/a' to='{OURS}'><x xmlns='{USER}'><status code='ten'/><item jid='@@' role='{'x' * 9000}'/></x></presence>",
        f"<presence from='{HALL}/tigrest' to='{OURS}' type='error'/>",
        f"<presence from='{HALL}/tigrest' to='{OURS}' type='subscribe'/>",
        f"<message type='error' from='{HALL}' to='{OURS}'/>",
        f"<message type='groupchat' from='{HALL}' to='{OURS}'><subject>{'x' * 50_000}</subject></message>",
        f"<message type='groupchat' id='m9' from='{HALL}/tigrest' to='{OURS}'><body>forged</body></message>",
        f"<presence from='{HALL}/x' to='room-owner@http.example.org/rooms:gone' type='unavailable'/>",
    )
    hall.come_in(*odd)
    await hall.rooms().send(HALL, "two")
    assert len(hall.rooms().occupants(HALL)) == 50
    assert len(hall.rooms().subject(HALL)) == 10_000
    await hall.rooms().leave(HALL)
    await hall.rooms().send(HALL, "three")  # what was counted was given back
    assert len(hall.rooms().occupants(HALL)) == 1
    await hall.places.stop()


async def test_no_room_takes_the_memory_for_the_people_of_all() -> None:
    hall = Played(replace(QUICK, occupants=50, occupants_of_place=20))
    await hall.rooms().send(HALL, "one")
    hall.come_in(*[hall.presence(f"n{number}", OURS) for number in range(30)])
    await hall.rooms().send(HALL, "two")
    assert len(hall.rooms().occupants(HALL)) == 20
    await hall.rooms().leave(HALL)
    await hall.rooms().send(HALL, "three")
    long = "x" * 1000  # who has such a nickname counts for two
    hall.come_in(*[hall.presence(f"{long}{number}", OURS) for number in range(30)])
    await hall.rooms().send(HALL, "four")
    assert len(hall.rooms().occupants(HALL)) == 10
    hall.come_in(*[hall.presence(f"{long}{number}", OURS, type="unavailable") for number in range(30)])
    hall.come_in(*[hall.presence(f"n{number}", OURS) for number in range(30)])
    await hall.rooms().send(HALL, "five")
    assert len(hall.rooms().occupants(HALL)) == 20
    await hall.places.stop()


@pytest.mark.parametrize("nick", ["x" * 2000, "&#x200B;"])
async def test_a_nickname_that_nobody_can_have_is_not_ours(hall: Played, nick: str) -> None:
    await hall.rooms().send(HALL, "one")
    hall.come_in(hall.presence(nick, OURS, 110))
    await hall.rooms().send(HALL, "two")
    assert hall.rooms().nick(HALL) == "tigrest"
    hall.come_in(hall.presence("tigrest", OURS, 303, 110, type="unavailable", item=f"<item nick='{nick}'/>"))
    await until(lambda: not hall.rooms().is_in(HALL))
    await hall.rooms().send(HALL, "three")
    await hall.rooms().leave(HALL)
    assert hall.kinds() == ["presence", "groupchat", "groupchat", "presence", "groupchat", "unavailable"]


async def test_a_caller_is_in_so_many_rooms_and_no_more() -> None:
    hall = Played(replace(QUICK, rooms_of_caller=2, rooms=3))
    for nick in ("a", "b"):
        await hall.rooms("alice").send(HALL, "x", nick=nick)
    with pytest.raises(Conflict, match="2 rooms"):
        await hall.rooms("alice").send(HALL, "x", nick="c")
    await hall.rooms("bob").send(HALL, "x")
    with pytest.raises(Unavailable, match="3 rooms"):
        await hall.rooms("carol").send(HALL, "x")
    assert sorted(place.nick for place in hall.places) == ["a", "b", "bob"]
    await hall.rooms("alice").leave(HALL)
    with pytest.raises(NotFound):
        await hall.rooms("alice").leave(HALL)
    await hall.rooms("carol").send(HALL, "x")
    await hall.places.stop()


async def test_an_admin_who_comes_for_less_does_not_see_what_the_owner_of_rooms_sees(hall: Played) -> None:
    owner, user = (hall.rooms("root", address) for address in (hall.policy.addresses.room_owner, JID("root@http.example.org")))
    await owner.join(HALL)
    assert (owner.is_in(HALL), user.is_in(HALL)) == (True, False)
    for ask in (user.occupants, user.subject, user.nick):
        with pytest.raises(NotFound):
            ask(HALL)
    with pytest.raises(NotFound):
        await user.leave(HALL)


async def test_where_all_share_an_address_nobody_speaks_through_the_place_of_another(hall: Played) -> None:
    shared = JID("gateway@http.example.org")
    await hall.rooms("alice", shared).send(HALL, "x", nick="us")
    with pytest.raises(Conflict, match="'us' is taken"):
        await hall.rooms("bob", shared).send(HALL, "x", nick="us")


@pytest.mark.parametrize("password", ["a\0", "\ud800"])
async def test_a_password_that_no_room_can_have_is_refused(hall: Played, password: str) -> None:
    with pytest.raises(InvalidValue, match="password: XML cannot carry"):
        await hall.rooms().join(HALL, password=password)
    with pytest.raises(InvalidValue, match="password: XML cannot carry"):
        await hall.rooms().send(HALL, "x", password=password)


async def test_one_who_waits_for_too_much_is_told_so_and_nothing_is_begun(hall: Played) -> None:
    speaker = Speaker(JID("alice@http.example.org"), "alice", "alice", lambda _: None, Shares(0, "rooms"))
    rooms = Rooms(hall.places, speaker, lambda: "m1")
    for wait in (rooms.join(HALL), rooms.send(HALL, "one"), rooms.prepare(HALL), rooms.whisper(HALL, "bob", "one")):
        with pytest.raises(TooManyWaiting):
            await wait
    assert hall.sent == []


async def test_a_caller_who_goes_away_leaves_no_half_entered_room(hall: Played) -> None:
    hall.on_entry = hall.silent
    waiting = asyncio.ensure_future(hall.rooms().send(HALL, "one"))
    await until(lambda: hall.sent)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await until(lambda: hall.kinds() == ["presence", "unavailable"])
    hall.on_entry = hall.let_in
    await hall.rooms().send(HALL, "two")


@pytest.mark.parametrize("seen", [0, 1])
async def test_who_waits_to_enter_a_room_that_is_left_meanwhile_is_told_so(hall: Played, seen: int) -> None:
    hall.on_entry = hall.silent
    waiting = asyncio.ensure_future(hall.rooms().send(HALL, "one"))
    if seen:
        await until(lambda: hall.sent)
    else:
        await asyncio.sleep(0)  # it has begun, its task that enters has not
    await hall.rooms().leave(HALL)
    with pytest.raises(NotConnected, match="was left"):
        await waiting
    assert hall.kinds() == ["presence", "unavailable"][: 2 * seen]


async def test_a_room_that_leaves_the_configuration_while_it_is_entered_is_no_trouble(
    hall: Played, caplog: pytest.LogCaptureFixture
) -> None:
    hall.on_entry = hall.silent
    hall.places.configure([RoomSettings(HALL)])
    await until(lambda: hall.sent)
    hall.places.configure([])
    await until(lambda: hall.kinds() == ["presence", "unavailable"])
    await asyncio.sleep(0.01)
    assert caplog.text == ""
