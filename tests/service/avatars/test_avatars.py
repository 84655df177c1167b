"""Which of the images is chosen, who may see it, and how much is asked for strangers."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.service.avatars.fakes import FakeServer
from tests.simulated_time import SimulatedTimeLoop
from tests.waiting import until
from tigrest.concurrency.caller import waiting
from tigrest.errors import CallerGone, NoSuchUser, TooManyLookups
from tigrest.service.avatars import Avatar, AvatarCache, Avatars, AvatarSettings
from tigrest.service.avatars.avatar import sha1
from tigrest.service.avatars.budget import OTHER_LIMITS, SERVED_LIMITS, Budget
from tigrest.service.avatars.cache import Key
from tigrest.xmpp.jid import JID
from tigrest.xmpp.stanza import Stanza

ALICE = JID("alice@localhost")
PNG, GIF, BMP = b"\x89PNG\r\n\x1a\n" + bytes(9), b"GIF89a" + bytes(9), b"BM" + bytes(9)
METADATA, DATA, VCARD4, VCARD4_NODE, VCARD_TEMP = (
    "urn:xmpp:avatar:metadata",
    "urn:xmpp:avatar:data",
    "urn:ietf:params:xml:ns:vcard-4.0",
    "urn:xmpp:vcard4",
    "vcard-temp",
)


def data(image: bytes) -> str:
    return f"<data xmlns='{DATA}'>{b64encode(image).decode()}</data>"


def pep(*images: tuple[str, bytes], infos: str = "") -> dict[str, str]:
    held = "".join(f"<info id='{identity}' type='image/png' bytes='1'/>" for identity, _ in images)
    metadata = f"<metadata xmlns='{METADATA}'>{infos}{held}</metadata>"
    return {METADATA: metadata} | {f"{DATA}/{identity}": data(image) for identity, image in images}


def vcard4(*uris: str) -> str:
    return f"<vcard xmlns='{VCARD4}'>" + "".join(f"<photo><uri>{uri}</uri></photo>" for uri in uris) + "</vcard>"


def uri(image: bytes) -> str:
    return f"data:image/x;base64,{b64encode(image).decode()}"


def vcard_temp(*photos: str) -> str:
    return f"<vCard xmlns='{VCARD_TEMP}'>" + "".join(f"<PHOTO>{photo}</PHOTO>" for photo in photos) + "</vCard>"


def binval(image: bytes, kind: str = "image/png") -> str:
    return f"<TYPE>{kind}</TYPE><BINVAL>{b64encode(image).decode()}</BINVAL>"


URL = "<info url='https://example.com/a.png' id='x' type='image/png' bytes='1'/>"


@pytest.mark.parametrize(
    ("public", "expected"),
    [
        (pep((sha1(PNG), PNG)), PNG),
        (pep(("no-hash", GIF), (sha1(PNG), PNG)), PNG),
        (pep(("no-hash", GIF)), GIF),
        (pep(*[(f"bad{number}", b"what?") for number in range(7)], (sha1(PNG), PNG)), PNG),
        (pep(infos="".join(f"<info url='javascript:{number}'/>" for number in range(50)) + URL), "https://example.com/a.png"),
        (pep(("no-hash", GIF), infos=URL), GIF),
        (pep((sha1(PNG).upper(), PNG), ("no-hash", GIF)), PNG),
        (pep(("bad", b"what?"), ("worse", b""), (sha1(BMP), BMP)), BMP),
        (pep(("bad", b"what?"), infos=URL), "https://example.com/a.png"),
        (pep(infos=URL) | {VCARD_TEMP: vcard_temp(binval(GIF))}, "https://example.com/a.png"),
        (pep(("bad", b"what?")) | {VCARD_TEMP: vcard_temp(binval(GIF))}, GIF),
        (pep(("bad", b"what?")), b"what?"),
        ({VCARD4: vcard4("", "data:,", "data:text/html,&lt;b>", uri(b"<svg/>"), uri(GIF))}, GIF),
        ({VCARD4_NODE: vcard4("https://example.com/x", uri(GIF))}, GIF),
        ({VCARD4: vcard4("DATA:image/gif;charset=x;BASE64," + b64encode(GIF).decode().replace("A", "%41"))}, GIF),
        ({VCARD4: vcard4(), VCARD_TEMP: vcard_temp("", binval(b"<svg/>"), "<BINVAL/>", binval(PNG, "image/SVG+XML"))}, PNG),
        ({VCARD_TEMP: vcard_temp("<EXTVAL>javascript:x</EXTVAL>", "<EXTVAL>https://x/a</EXTVAL>", binval(PNG))}, PNG),
        ({VCARD_TEMP: vcard_temp("<EXTVAL>javascript:x</EXTVAL>", "<EXTVAL>https://x/a</EXTVAL>")}, "https://x/a"),
        ({VCARD_TEMP: vcard_temp(f"<EXTVAL>{uri(PNG)}</EXTVAL>")}, PNG),
        ({VCARD_TEMP: vcard_temp(binval(b"\0\0junk", "image/tiff; x=y"))}, b"\0\0junk"),
        ({VCARD_TEMP: vcard_temp(binval(b"\0\0junk", "image/x-unknown"))}, None),
        ({METADATA: f"<metadata xmlns='{METADATA}'><stop/></metadata>"}, None),
        ({VCARD_TEMP: "<vCard xmlns='vcard-temp'/>"}, None),
        ({}, None),
    ],
)
async def test_what_is_no_good_does_not_hide_what_is(public: dict[str, str], expected: bytes | str | None) -> None:
    found = await Avatars(FakeServer(public), AvatarSettings()).get(ALICE)
    assert (found and (found.data or found.url)) == expected


async def test_what_is_for_contacts_is_shown_to_nobody_else() -> None:
    hidden = pep((sha1(PNG), PNG))
    server = FakeServer({}, hidden)
    avatars = Avatars(server, AvatarSettings())
    assert await avatars.get(ALICE) is None
    found = await avatars.get(ALICE, as_owner=True)
    assert found is not None
    assert (found.data, found.is_public) == (PNG, False)
    assert await avatars.get(ALICE) is None  # still so, though it is in the cache
    assert await avatars.get(ALICE, as_owner=True) == found
    assert {owner for _, owner in server.asked} == {"", ALICE}


async def test_as_owner_is_for_users_of_the_served_domain() -> None:
    server = FakeServer({}, pep((sha1(PNG), PNG)))
    avatars = Avatars(server, AvatarSettings(as_owner=True))
    for jid in ("alice@elsewhere.org", "localhost", "http.localhost", "alice@http.localhost"):
        assert await avatars.get(jid) is None
        with pytest.raises(NoSuchUser):
            await avatars.set(jid, PNG)
    assert {owner for _, owner in server.asked} == {""}
    assert await avatars.get(ALICE) is not None


async def test_addresses_count_for_users_of_the_served_domain() -> None:
    avatars = Avatars(FakeServer(pep(infos=URL)), AvatarSettings())
    assert await avatars.get("alice@elsewhere.org") is None
    assert await avatars.get(ALICE) == Avatar(url="https://example.com/a.png")


async def test_addresses_may_be_fetched_or_left_out() -> None:
    fetched: list[str] = []

    async def fetch(url: str) -> bytes | None:
        fetched.append(url)
        return PNG if url.endswith("b") else None

    server = FakeServer(pep(infos=URL + URL.replace("a.png", "b") + URL.replace("a.png", "c")))
    found = await Avatars(server, AvatarSettings(urls="proxy", fetch=fetch)).get(ALICE)
    assert found == Avatar.of_image(PNG)
    assert fetched == ["https://example.com/a.png", "https://example.com/b"]
    assert await Avatars(server, AvatarSettings(urls="off", fetch=fetch)).get(ALICE) is None


async def test_hostile_metadata_costs_few_iqs() -> None:
    server = FakeServer({METADATA: pep(*[(f"{n}", b"") for n in range(1000)])[METADATA]})
    assert await Avatars(server, AvatarSettings()).get(ALICE) is None
    assert len(server.asked) <= 14


async def test_callers_share_a_look_up_and_end_it_together() -> None:
    server = FakeServer(pep((sha1(PNG), PNG)), delay=0.05)
    avatars = Avatars(server, AvatarSettings())
    callers = [asyncio.create_task(avatars.get(ALICE)) for _ in range(50)]
    await asyncio.sleep(0.01)
    callers[0].cancel()
    results = await asyncio.gather(*callers[1:])
    assert {found.data for found in results if found} == {PNG}
    assert len(server.asked) <= 5
    server.delay = 60.0
    gone = [asyncio.create_task(avatars.get("bob@localhost")) for _ in range(2)]
    await until(lambda: server.waiting)
    for caller in gone:
        caller.cancel()
    await asyncio.gather(*gone, return_exceptions=True)
    asked = len(server.asked)
    await until(lambda: not server.waiting)
    assert len(server.asked) == asked


class Writes(FakeServer):
    """Takes what is set, in its own time, and notes it."""

    def __init__(self) -> None:
        super().__init__({})
        self.set: list[tuple[JID, str]] = []

    async def request_as(self, owner: JID, iq: Stanza, timeout: float = 2.0) -> Stanza:
        await asyncio.sleep(0.001)
        assert iq.payload is not None
        if iq.type == "get":
            return iq.reply(iq.payload)
        image = "PNG" if b"image/png" in iq.to_bytes("") or b64encode(PNG) in iq.to_bytes("") else "GIF"
        self.set.append((owner, image))
        return iq.reply()


async def test_avatars_of_one_user_are_set_one_after_the_other() -> None:
    server, bob = Writes(), JID("bob@localhost")
    avatars = Avatars(server, AvatarSettings())
    await asyncio.gather(avatars.set(ALICE, PNG), avatars.set(ALICE, GIF), avatars.set(bob, PNG))
    assert [image for owner, image in server.set if owner == ALICE] == ["PNG"] * 3 + ["GIF"] * 3
    last = max(number for number, (owner, image) in enumerate(server.set) if (owner, image) == (ALICE, "PNG"))
    assert server.set.index((bob, "PNG")) < last  # others do not wait


class Caller:
    """Waits for an answer until told to go."""

    def __init__(self) -> None:
        self.callbacks: list[Callable[[], object]] = []
        self.is_gone = False

    def on_gone(self, callback: Callable[[], object]) -> None:
        self.callbacks.append(callback)

    def off_gone(self, callback: Callable[[], object]) -> None:
        self.callbacks.remove(callback)


async def test_a_look_up_ends_when_its_caller_has_gone() -> None:
    server, caller = FakeServer({}, delay=1.0), Caller()
    avatars = Avatars(server, AvatarSettings())
    waiting.set(caller)
    look_up = asyncio.create_task(avatars.get(ALICE, is_limited=True))
    await asyncio.sleep(0.01)
    assert server.waiting == 3
    caller.is_gone = True
    for callback in list(caller.callbacks):
        callback()
    with pytest.raises(CallerGone):
        await look_up
    assert (server.waiting, caller.callbacks) == (0, [])


async def test_what_was_asked_before_a_change_is_not_cached_after_it() -> None:
    server = FakeServer(pep((sha1(PNG), PNG)), delay=0.05)
    avatars = Avatars(server, AvatarSettings())
    early = asyncio.create_task(avatars.get(ALICE))
    await asyncio.sleep(0.01)
    avatars.cache.forget(ALICE)
    server.public = pep((sha1(GIF), GIF))
    late = await avatars.get(ALICE)
    await early
    assert late is not None
    assert late.data == GIF
    assert avatars.cache.get(Key(ALICE, "", False)) == (True, late)


def test_strangers_ask_for_600_iqs_a_second_at_most() -> None:
    with asyncio.Runner(loop_factory=SimulatedTimeLoop) as runner:
        runner.run(_many_strangers())


async def _many_strangers() -> None:
    server = FakeServer({}, delay=0.001)
    avatars = Avatars(server, AvatarSettings())
    end = server.loop.time() + 2.5
    numbers = iter(range(1_000_000))

    async def stranger(domain: str) -> int:
        refused = 0
        while server.loop.time() < end:
            try:
                await avatars.get(f"u{next(numbers)}@{domain}", is_limited=True)
            except TooManyLookups:
                refused += 1
                await asyncio.sleep(0.2)
        return refused

    refused = sum(await asyncio.gather(*[stranger(domain) for domain in ("localhost", "elsewhere.org") for _ in range(450)]))
    times = sorted(server.times)
    busiest = max(bisect_left(times, start + 1) - number for number, start in enumerate(times))
    assert 500 <= busiest <= 600
    assert server.most_waiting <= 300
    assert refused > 0


def impatient() -> Budget:
    """Make the usual budget, but nobody waits for long."""
    return Budget(replace(SERVED_LIMITS, wait_seconds=0.05), replace(OTHER_LIMITS, wait_seconds=0.05))


async def test_domains_that_do_not_answer_leave_room_for_ours() -> None:
    server = FakeServer(pep((sha1(PNG), PNG)), delay=0.5)
    avatars = Avatars(server, AvatarSettings(), impatient())
    strangers = [asyncio.create_task(avatars.get(f"u@d{number}.org", is_limited=True)) for number in range(300)]
    await asyncio.sleep(0.1)
    server.delay = 0
    assert await avatars.get(ALICE, is_limited=True) is not None
    outcomes = await asyncio.gather(*strangers, return_exceptions=True)
    assert sum(isinstance(outcome, TooManyLookups) for outcome in outcomes) == 275


async def test_scripts_of_our_own_do_not_share_the_refusals_of_strangers() -> None:
    server = FakeServer(pep((sha1(PNG), PNG)), delay=0.5)
    avatars = Avatars(server, AvatarSettings(), impatient())
    strangers = [asyncio.create_task(avatars.get(f"u{number}@localhost", is_limited=True)) for number in range(75)]
    await asyncio.sleep(0.01)
    stranger = asyncio.create_task(avatars.get(ALICE, is_limited=True))
    await asyncio.sleep(0.01)
    assert await avatars.get(ALICE) is not None
    with pytest.raises(TooManyLookups):
        await stranger
    await asyncio.gather(*strangers)


async def test_scripts_of_our_own_are_not_bounded() -> None:
    server = FakeServer({})
    avatars = Avatars(server, AvatarSettings())
    async with asyncio.timeout(10):
        assert set(await asyncio.gather(*[avatars.get(f"u{number}@localhost") for number in range(1000)])) == {None}
    assert len(server.asked) == 4000


def test_the_cache_keeps_what_fits_for_its_time() -> None:
    first, second = Avatar.of_image(PNG), Avatar.of_image(GIF)
    cache = AvatarCache(max_bytes=600)
    cache.put(Key(ALICE, "", False), first)
    assert cache.get(Key(ALICE, "", False)) == (True, first)
    assert cache.get(Key(ALICE, "", True)) == (False, None)
    cache.put(Key(JID("bob@localhost"), "", False), second)
    assert cache.get(Key(ALICE, "", False)) == (False, None)
    off = AvatarCache(seconds=0)
    off.put(Key(ALICE, "", False), first)
    assert off.get(Key(ALICE, "", False)) == (False, None)
