"""The event stream: who gets what, what is kept, and what is not."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.simulated_time import SimulatedTimeLoop
from tigrest.backends.inbound import Inbound
from tigrest.errors import InvalidValue, NotConnected, TooManyStreams
from tigrest.inbound.events import Events, Stream
from tigrest.inbound.events.limits import EventLimits
from tigrest.xmpp.jid import JID
from tigrest.xmpp.occupant import Occupant
from tigrest.xmpp.stanza import Stanza

GATEWAY = JID("http.example.org")
ALICE, BOB = JID("alice@http.example.org"), JID("bob@http.example.org")
USER = JID("alice@example.org")


def message(to: str = ALICE, body: str = "hello", **attributes: str) -> Stanza:
    return Stanza.parse(f"<message from='bob@example.org/desk' to='{to}' type='chat'><body>{body}</body></message>").with_(**attributes)


@dataclass(frozen=True)
class Seen:
    """An event as a reader has it."""

    name: str
    data: Any
    id: str


def parse(text: bytes) -> list[Seen]:
    """Read Server-Sent Events as browsers do."""
    found, last = [], ""
    for block in text.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
        last = fields.get("id", last)
        if "data" in fields:
            found.append(Seen(fields.get("event", "message"), json.loads(fields["data"]), last))
    return found


async def greeting(reading: Stream) -> str:
    """Return the id that a stream begins with."""
    piece = await anext(reading)
    assert piece.startswith(b": tigrest\nretry: 2000\nid: ")
    return piece.decode().split("id: ")[1].split("\n")[0]


async def read(reading: Stream) -> list[Seen]:
    async with asyncio.timeout(5):
        return parse(await anext(reading))


def bodies(seen: list[Seen]) -> list[Any]:
    return [event.data.get("body") if event.name != "gap" else event.data for event in seen]


@pytest.fixture
async def inbound() -> Inbound:
    return Inbound(GATEWAY)


@pytest.fixture
def limits() -> EventLimits:
    return EventLimits()


@pytest.fixture
async def live(inbound: Inbound, limits: EventLimits) -> AsyncIterator[Events]:
    watching = Events(inbound, limits)
    watching.start()
    yield watching
    watching.stop()


async def test_a_reader_gets_what_comes_in_for_his_address(live: Events, inbound: Inbound) -> None:
    reading = live.subscribe(ALICE, USER)
    await greeting(reading)
    assert inbound.take(message(f"{ALICE}/desk", "1"))
    assert not inbound.take(message(BOB, "2"))
    assert inbound.take(Stanza.parse(f"<presence from='bob@example.org/desk' to='{ALICE}'><show>away</show></presence>"))
    assert (
        await inbound.answer(Stanza.parse(f"<iq type='get' id='i' from='b@example.org' to='{ALICE}'><ping xmlns='urn:xmpp:ping'/></iq>"))
        is None
    )
    seen = await read(reading)
    assert [event.name for event in seen] == ["message", "presence", "iq"]
    assert seen[0].data == {"kind": "message", "type": "chat", "from": "bob@example.org/desk", "to": f"{ALICE}/desk", "body": "1"}
    assert (seen[1].data["show"], seen[2].data["ping"]) == ("away", True)


async def test_without_readers_nothing_is_kept_and_nobody_reads(live: Events, inbound: Inbound) -> None:
    assert not inbound.take(message())
    reading = live.subscribe(ALICE, USER)
    await greeting(reading)
    inbound.take(message(body="later"))
    assert bodies(await read(reading)) == ["later"]


async def test_all_readers_of_an_address_get_the_same_bytes(live: Events, inbound: Inbound) -> None:
    readings = [live.subscribe(ALICE, USER) for _ in range(3)]
    for reading in readings:
        await greeting(reading)
    inbound.take(message())
    pieces = [await anext(reading) for reading in readings]
    assert len(set(pieces)) == 1
    assert len(parse(pieces[0])) == 1


async def test_a_reader_waits_for_what_comes(live: Events, inbound: Inbound) -> None:
    reading = live.subscribe(ALICE, USER)
    await greeting(reading)
    waiting = asyncio.create_task(read(reading))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    inbound.take(message(body="now"))
    assert bodies(await waiting) == ["now"]


@pytest.mark.parametrize("limits", [EventLimits(keep_alive=0.01)])
async def test_silence_is_kept_alive(live: Events) -> None:
    reading = live.subscribe(ALICE, USER)
    await greeting(reading)
    assert [await anext(reading), await anext(reading)] == [b": keep-alive\n"] * 2


async def test_reading_goes_on_behind_the_last_event_id(live: Events, inbound: Inbound) -> None:
    reading = live.subscribe(ALICE, USER)
    await greeting(reading)
    inbound.take(message(body="1"))
    inbound.take(message(body="2"))
    first, second = await read(reading)
    await reading.aclose()
    assert inbound.take(message(body="3"))
    for id, expected in ((first.id, ["2", "3"]), (second.id, ["3"])):
        again = live.subscribe(ALICE, USER, id)
        assert await greeting(again) == id
        assert bodies(await read(again)) == expected


async def test_who_had_no_event_yet_can_go_on_too(live: Events, inbound: Inbound) -> None:
    reading = live.subscribe(ALICE, USER)
    id = await greeting(reading)
    reading.close()
    inbound.take(message(body="meanwhile"))
    again = live.subscribe(ALICE, USER, id)
    await greeting(again)
    assert bodies(await read(again)) == ["meanwhile"]


async def test_events_of_other_addresses_do_not_make_a_gap(live: Events, inbound: Inbound) -> None:
    alice, bob = live.subscribe(ALICE, USER), live.subscribe(BOB, USER)
    id = await greeting(alice)
    await greeting(bob)
    for _ in range(3):
        inbound.take(message(BOB))
    last = (await read(bob))[-1].id
    alice.close()
    for known in (id, last):
        again = live.subscribe(ALICE, USER, known)
        assert parse(await anext(again)) == []
    assert last > id


@pytest.mark.parametrize("id", ["nonsense", "0-1", "{boot}-999999", "{boot}-", "{boot}-x", "{boot}-" + "9" * 30, "{boot}--1", "{boot}-١"])
async def test_an_unknown_id_is_a_gap_and_then_all_there_is(live: Events, inbound: Inbound, id: str) -> None:
    reading = live.subscribe(ALICE, USER)
    boot = (await greeting(reading)).partition("-")[0]
    inbound.take(message(body="1"))
    inbound.take(message(body="2"))
    again = live.subscribe(ALICE, USER, id.replace("{boot}", boot))
    assert bodies(parse(await anext(again) + await anext(again))) == [{"lost": None}, "1", "2"]


async def test_an_id_from_before_a_restart_is_a_gap(inbound: Inbound) -> None:
    before, ids = "", []
    for _ in range(2):
        await asyncio.sleep(0.002)
        watching = Events(inbound)
        watching.start()
        piece = await anext(watching.subscribe(ALICE, USER, before))
        assert [event.name for event in parse(piece)] == (["gap"] if before else [])
        before = piece.decode().split("id: ")[1].split("\n")[0]
        ids.append(before)
        watching.stop()
    assert ids == sorted(set(ids))


@pytest.mark.parametrize("limits", [EventLimits(ring_events=3)])
async def test_what_is_too_old_is_a_gap(live: Events, inbound: Inbound) -> None:
    reading = live.subscribe(ALICE, USER)
    await greeting(reading)
    inbound.take(message(body="0"))
    [first] = await read(reading)
    for number in range(1, 6):
        inbound.take(message(body=str(number)))
    again = live.subscribe(ALICE, USER, first.id)
    seen = parse(await anext(again) + await anext(again))
    assert bodies(seen) == [{"lost": None}, "3", "4", "5"]
    whole = live.subscribe(ALICE, USER, seen[0].id)  # who has got no further than the gap
    await greeting(whole)
    assert bodies(await read(whole)) == ["3", "4", "5"]


@pytest.mark.parametrize("limits", [EventLimits(ring_bytes=2000)])
async def test_a_slow_reader_is_told_how_much_he_lost(live: Events, inbound: Inbound) -> None:
    reading = live.subscribe(ALICE, USER)
    await greeting(reading)
    for number in range(100):
        inbound.take(message(body=str(number)))
    seen = await read(reading)
    assert seen[0].name == "gap"
    assert seen[0].data["lost"] + len(seen) - 1 == 100
    assert bodies(seen[1:]) == [str(number) for number in range(seen[0].data["lost"], 100)]
    assert sum(len(event.data["body"]) + 150 for event in seen[1:]) < 4000


async def test_a_long_backlog_comes_in_pieces(live: Events, inbound: Inbound) -> None:
    reading = live.subscribe(ALICE, USER)
    await greeting(reading)
    for number in range(10):
        inbound.take(message(body=str(number) * 30_000))
    pieces: list[bytes] = []
    while sum(len(parse(piece)) for piece in pieces) < 10:
        pieces.append(await anext(reading))
    assert all(len(piece) < 2 * EventLimits.piece_bytes for piece in pieces)
    assert len(pieces) == 4


async def test_a_single_large_stanza_goes_through(live: Events, inbound: Inbound) -> None:
    reading = live.subscribe(ALICE, USER)
    await greeting(reading)
    inbound.take(message(body="x" * 2 * EventLimits.ring_bytes))
    assert [len(body) for body in bodies(await read(reading))] == [2 * EventLimits.ring_bytes]


@pytest.mark.parametrize("limits", [EventLimits(total_bytes=5000)])
async def test_all_addresses_together_are_bounded_and_the_largest_pays(live: Events, inbound: Inbound) -> None:
    alice, bob = live.subscribe(ALICE, USER), live.subscribe(BOB, USER)
    await greeting(alice)
    await greeting(bob)
    inbound.take(message(ALICE, "kept"))
    for _ in range(100):
        inbound.take(message(BOB, "x" * 100))
        assert live._size == sum(ring.size for ring in live._rings.values()) <= 5000
    assert bodies(await read(alice)) == ["kept"]
    assert (await read(bob))[0].name == "gap"
    inbound.take(message(ALICE, "x" * 5000))  # larger than everything may be
    assert bodies(await read(alice)) == [{"lost": 1}]


async def test_what_json_cannot_carry_comes_as_xml(live: Events, inbound: Inbound) -> None:
    def forwarded(depth: int) -> str:
        inner = forwarded(depth - 1) if depth else "<body>deep</body>"
        return f"<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='a@b' to='c@d'>{inner}</message></forwarded>"

    reading = live.subscribe(ALICE, USER)
    await greeting(reading)
    inbound.take(Stanza.parse(f"<message id='m' from='b@example.org' to='{ALICE}'>{forwarded(126)}</message>"))
    [event] = await read(reading)
    assert event.name == "message"
    assert list(event.data) == ["kind", "id", "from", "to", "xml"]
    assert (event.data["kind"], event.data["to"]) == ("message", ALICE)
    assert Stanza.parse(event.data["xml"]).id == "m"


async def test_line_breaks_stay_inside_an_event(live: Events, inbound: Inbound) -> None:
    reading = live.subscribe(ALICE, USER)
    await greeting(reading)
    body = "a&#10;&#10;id: 1&#13;&#10;event: gap&#133;&#8232;z"
    inbound.take(message(body=body))
    piece = await anext(reading)
    assert piece.count(b"\n") == 4
    assert b"\r" not in piece
    assert bodies(parse(piece)) == ["a\n\nid: 1\r\nevent: gap\x85\u2028z"]


def test_an_address_counts_as_read_for_a_while() -> None:
    with asyncio.Runner(loop_factory=SimulatedTimeLoop) as runner:
        runner.run(_read_for_a_while())


async def _read_for_a_while() -> None:
    inbound = Inbound(GATEWAY)
    live = Events(inbound, EventLimits(read_seconds=0.1, keep_seconds=0.3))
    live.start()
    reading = live.subscribe(ALICE, USER)
    id = await greeting(reading)
    await reading.aclose()
    assert inbound.take(message(body="1"))
    await asyncio.sleep(0.15)
    assert not inbound.take(message(body="2"))  # the sender is told, but who comes back has it
    again = live.subscribe(ALICE, USER, id)
    await greeting(again)
    assert bodies(await read(again)) == ["1", "2"]
    await asyncio.sleep(0.35)
    assert inbound.take(message(body="3"))
    await again.aclose()
    await asyncio.sleep(0.35)
    assert not live._rings
    assert live._size == 0
    last = live.subscribe(ALICE, USER, id)
    assert [event.name for event in parse(await anext(last))] == ["gap"]
    live.stop()


@pytest.mark.parametrize("limits", [EventLimits(keep_seconds=0.0)])
async def test_what_nobody_collected_is_a_gap(live: Events, inbound: Inbound) -> None:
    reading = live.subscribe(ALICE, USER)
    id = await greeting(reading)
    await reading.aclose()
    await asyncio.sleep(0.01)
    assert not inbound.take(message(body="lost"))
    again = live.subscribe(ALICE, USER, id)
    seen = parse(await anext(again))
    assert bodies(seen) == [{"lost": None}]
    assert parse(await anext(live.subscribe(ALICE, USER, seen[0].id))) == []


@pytest.mark.parametrize("limits", [EventLimits(addresses=5)])
async def test_idle_addresses_are_bounded(live: Events) -> None:
    reading = live.subscribe(ALICE, USER)
    for number in range(20):
        live.subscribe(JID(f"a{number}@http.example.org"), USER).close()
    assert [*live._rings] == [ALICE, *[f"a{number}@http.example.org" for number in range(16, 20)]]
    reading.close()


async def test_who_reads_everything_gets_everything_and_changes_nothing_for_senders(live: Events, inbound: Inbound) -> None:
    everything, alice = live.subscribe(None, USER), live.subscribe(ALICE, USER)
    await greeting(everything)
    await greeting(alice)
    assert inbound.take(message(ALICE, "1"))
    assert not inbound.take(message(BOB, "2"))
    assert not inbound.take(message(GATEWAY, "3"))
    assert bodies(await read(everything)) == ["1", "2", "3"]
    assert bodies(await read(alice)) == ["1"]


@pytest.mark.parametrize("address", ["alice@example.org", "alice@http.example.org/desk", "elsewhere.org", "x.http.example.org"])
async def test_only_bare_addresses_of_ours_can_be_read(live: Events, address: str) -> None:
    with pytest.raises(InvalidValue, match=r"use one of http\.example\.org, or \* for all"):
        live.subscribe(JID(address), USER)


@pytest.mark.parametrize("limits", [EventLimits(user_streams=2, streams=3)])
async def test_streams_are_limited_for_a_user_and_in_total(live: Events) -> None:
    first, _ = live.subscribe(ALICE, USER), live.subscribe(BOB, JID(f"{USER}/desk"))
    with pytest.raises(TooManyStreams, match="you have 2 event streams"):
        live.subscribe(ALICE, USER)
    third = live.subscribe(BOB, JID("bob@example.org"))
    with pytest.raises(NotConnected, match="there are 3 streams already"):
        live.subscribe(BOB, JID("bob@example.org"))
    first.close()
    first.close()
    assert live.streams == 2
    live.subscribe(ALICE, USER)
    third.close()


async def test_a_closed_stream_ends_and_is_let_go(live: Events, inbound: Inbound) -> None:
    reading = live.subscribe(ALICE, USER)
    await greeting(reading)
    waiting = asyncio.create_task(anext(reading, None))
    await asyncio.sleep(0)
    await reading.aclose()
    assert await waiting is None
    inbound.take(message())
    assert await anext(reading, None) is None
    assert live.streams == 0
    gone = weakref.ref(reading)
    del reading, waiting
    gc.collect()
    assert gone() is None


async def test_a_user_whose_password_changes_is_dismissed(live: Events) -> None:
    alice, bob = live.subscribe(ALICE, USER), live.subscribe(BOB, JID("bob@example.org"))
    for reading in (alice, bob):
        await greeting(reading)
    live.dismiss(USER)
    assert await anext(alice, None) is None
    assert live.streams == 1


async def test_after_the_end_there_are_no_streams(live: Events, inbound: Inbound) -> None:
    reading = live.subscribe(ALICE, USER)
    await greeting(reading)
    live.stop()
    assert await anext(reading, None) is None
    assert not inbound.take(message())
    with pytest.raises(NotConnected, match="stopping"):
        live.subscribe(ALICE, USER)


async def test_an_address_of_a_user_is_the_only_one_that_is_ours_when_we_are_one() -> None:
    inbound = Inbound(JID("gateway@example.org"))
    live = Events(inbound)
    live.start()
    with pytest.raises(InvalidValue):
        live.subscribe(JID("alice@example.org"), USER)
    reading = live.subscribe(JID("gateway@example.org"), USER)
    await greeting(reading)
    assert inbound.take(message("gateway@example.org/rest"))
    assert len(await read(reading)) == 1
    live.stop()


async def test_what_several_occupants_of_ours_hear_comes_once_for_all_and_to_each_of_them(live: Events, inbound: Inbound) -> None:
    readings = [live.subscribe(address, USER) for address in (ALICE, BOB, None)]
    for reading in readings:
        await greeting(reading)
    for address, body, is_duplicate in ((ALICE, "hi", False), (BOB, "hi", True), (ALICE, "last", False), (BOB, "last", False)):
        inbound.take(message(f"{address}/rooms:x", body).heard_from(Occupant("bob"), is_duplicate=is_duplicate))
    assert [bodies(await read(reading)) for reading in readings] == [["hi", "last"], ["hi", "last"], ["hi", "last", "last"]]
