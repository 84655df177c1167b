"""Slicing stanzas out of a stream, however it is cut into pieces."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tigrest.backends.component.slicer import StreamChild, StreamEnded, StreamSlicer
from tigrest.backends.component.stream import ComponentStream, StreamLimits
from tigrest.backends.component.window import Window
from tigrest.xmpp.namespaces import CLIENT, COMPONENT, STREAMS
from tigrest.xmpp.stanza import Stanza

HEADER = f"<?xml version='1.0'?><stream:stream xmlns='{COMPONENT}' xmlns:stream='{STREAMS}' xmlns:db='urn:db' id='a&lt;b'>".encode()
CHILDREN = [
    b"<handshake/>",
    b"<iq id='1' type='result' from='a' to='b'/>",
    b"<iq id='2' type='result' ><q xmlns='urn:q' a='>'/></iq >",
    b"<message from='x'>\n<body>&lt;b/> &gt; </body></message>",
    "<presence><status>hé</status></presence>".encode(),
    b"<message xmlns:p='urn:p'><p:x p:y='1'/><iq/><message/></message>",
    b"<db:verify/>",
    b"<iq id='3'><iq xmlns='jabber:client'><iq/></iq></iq>",
]


LIMITS = StreamLimits()


def slicer(
    opened: Callable[[dict[str, str]], None], received: Callable[[StreamChild], None], parser_bytes: int = LIMITS.parser
) -> StreamSlicer:
    return StreamSlicer(opened, received, max_stanza=LIMITS.stanza, parser_bytes=parser_bytes)


class Collected:
    def __init__(self, parser_bytes: int = LIMITS.parser) -> None:
        self.header: dict[str, str] = {}
        self.children: list[bytes] = []
        self.wholes: list[bytes] = []
        self.slicer = slicer(self.header.update, self.take, parser_bytes)

    def take(self, child: StreamChild) -> None:
        self.children.append(child.data)
        self.wholes.append(child.whole())


def test_children_come_out_byte_by_byte_as_they_went_in() -> None:
    collected = Collected()
    for byte in HEADER + b" \n".join(CHILDREN):
        collected.slicer.feed(bytes((byte,)))
    assert collected.header["id"] == "a<b"
    assert collected.children == CHILDREN
    assert collected.wholes[6] == b'<db:verify xmlns:db="urn:db"/>'
    assert collected.wholes[5] == CHILDREN[5]


@given(st.lists(st.sampled_from(CHILDREN), max_size=30), st.lists(st.integers(1, 200), min_size=1, max_size=50))
def test_children_come_out_of_pieces_of_any_size(children: list[bytes], sizes: list[int]) -> None:
    cut_into_pieces(Collected(), children, sizes)


def cut_into_pieces(collected: Collected, children: list[bytes], sizes: list[int]) -> None:
    data, at, turn = HEADER + b"".join(children), 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        collected.slicer.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    assert collected.children == children


def test_what_is_done_with_is_not_kept() -> None:
    collected = Collected()
    collected.slicer.feed(HEADER)
    for _ in range(1000):
        collected.slicer.feed(CHILDREN[3])
        collected.slicer.feed(b" ")
    assert len(collected.slicer._buffer) < 100


@given(st.lists(st.sampled_from(CHILDREN), max_size=30), st.lists(st.integers(1, 200), min_size=1, max_size=50))
def test_children_come_out_although_the_parser_is_replaced_all_the_time(children: list[bytes], sizes: list[int]) -> None:
    cut_into_pieces(Collected(20), children, sizes)


def test_a_parser_is_replaced_between_stanzas_and_the_end_of_the_stream_is_still_known() -> None:
    collected = Collected(1000)
    collected.slicer.feed(HEADER)
    parsers = []
    for number in range(200):
        collected.slicer.feed(f"<message><a{number}/><db:x xmlns:p='urn:p'".encode())
        collected.slicer.feed(b"/></message>\n")
        parsers.append(collected.slicer._parser)
    assert len({id(parser) for parser in parsers}) > 5 or len(set(map(id, parsers))) > 1
    assert len(collected.children) == 200
    assert collected.wholes[199] == b"<message xmlns:db=\"urn:db\"><a199/><db:x xmlns:p='urn:p'/></message>"
    assert collected.slicer._base < 1200
    with pytest.raises(StreamEnded, match="closed the stream"):
        collected.slicer.feed(b"</stream:stream>")


def test_a_long_stanza_is_not_parsed_again_and_again() -> None:
    collected = Collected(1000)
    collected.slicer.feed(HEADER + b"<iq/>" * 200)
    collected.slicer.feed(b"<message>")
    parser = collected.slicer._parser
    for _ in range(1000):
        collected.slicer.feed(b"<x/>")
    assert collected.slicer._parser is parser
    collected.slicer.feed(b"</message>")
    assert len(collected.children[200]) == len("<message></message>") + 4000


@pytest.mark.parametrize("data", [b"</stream:stream>", b"<!DOCTYPE x>"])
def test_the_end_and_what_may_not_come_end_it(data: bytes) -> None:
    collected = Collected()
    with pytest.raises(StreamEnded):
        collected.slicer.feed((HEADER if data.startswith(b"</") else b"") + data)


class Ready:
    def done(self) -> bool:
        return True


def received(data: bytes) -> list[Stanza]:
    """Return the stanzas that come in when a server sends something."""
    stanzas: list[Stanza] = []
    stream = ComponentStream.__new__(ComponentStream)
    stream._on_stanza = stanzas.append
    stream._limits = StreamLimits()
    stream.ready = Ready()  # type: ignore[assignment]
    sliced = slicer(lambda _: None, stream._received)
    sliced.feed(HEADER + data)
    return stanzas


def test_a_slice_is_a_stanza_again() -> None:
    stanzas = received(b"".join(CHILDREN))
    assert [stanza.kind for stanza in stanzas] == ["iq", "iq", "message", "presence", "message", "iq"]
    assert stanzas[4].xml.find("{urn:p}x") is not None
    assert stanzas[2].xml.findtext(f"{{{CLIENT}}}body") == "<b/> > "


@pytest.mark.parametrize(
    "inside",
    [
        "<x xmlns='a b'/>",
        "<x xmlns='a}b'/>",
        "<x xmlns='a&#10;b'/>",
        "<x><p:x xmlns:p='a b'/></x>",
        "<x xmlns:p='a b'/>",
        "<foo:x/>",
        "<x foo:y='1'/>",
        "<x xmlns='http://www.w3.org/XML/1998/namespace'/>",
        "<x xmlns:ns1='http://www.w3.org/XML/1998/namespace' ns1:foo='1'/>",
        "<x xmlns:p=''/>",
        "<x xmlns:xml='urn:x'/>",
        "<xml:x/>",
        "<xmlns:x/>",
        "<x xmlns:p='urn:a' xmlns:q='urn:a' p:a='1' q:a='2'/>",
        "<a:b:c/>",
        "<:a/>",
        "<a:/>",
        "<x a:='1'/>",
        "<!-- c -->",
        "<?p i?>",
        "<x>" * 300 + "</x>" * 300,
        "<x/>" * 100_001,
    ],
)
def test_what_no_parser_of_namespaces_takes_comes_in_empty_with_its_flaw(inside: str) -> None:
    message = f"<message from='a@b' to='c@d' id='1' type='chat' xml:lang='en'>{inside}</message>"
    reply = f"<iq type='result' from='a@b' to='c@d' id='2'>{inside}</iq>"
    stanzas = received(f"{message}{reply}<presence from='a@b'/>".encode())
    assert [(stanza.kind, stanza.is_empty, bool(stanza.flaw)) for stanza in stanzas] == [
        ("message", True, True),
        ("iq", False, False),
        ("presence", True, False),
    ]
    assert stanzas[0].attributes == {"from": "a@b", "to": "c@d", "id": "1", "type": "chat"}
    error = stanzas[1].error
    assert error is not None
    assert (error.condition, stanzas[1].id, stanzas[1].sender, stanzas[1].to) == ("undefined-condition", "2", "a@b", "c@d")


@pytest.mark.parametrize(
    "inside",
    ["<p:x xmlns:p='urn:p' p:y='1'/>", "<stream:x/>", "<db:x db:y='1'/>", "<x xmlns=''/>", "<x xmlns='urn:&amp;'/>", "<x>xmlns='a b'</x>"],
)
def test_what_is_odd_but_sound_comes_in_whole(inside: str) -> None:
    [stanza] = received(f"<message from='a@b'>{inside}</message>".encode())
    assert not stanza.flaw
    assert len(stanza.xml) == 1


def test_an_iq_of_two_children_comes_in_to_be_answered() -> None:
    [stanza] = received(b"<iq type='get' id='1'><a:a xmlns:a='urn:a'/><b/></iq>")
    assert (stanza.flaw, len(stanza.xml)) == ("", 2)


@pytest.mark.parametrize("root", ["<message xmlns='jabber:client'/>", "<c:message xmlns:c='jabber:client'/>", "<message xmlns=''/>"])
def test_a_stanza_may_declare_its_own_namespace(root: str) -> None:
    [stanza] = received(root.encode())
    assert (str(stanza), stanza.flaw) == ('<message xmlns="jabber:client"/>', "")


def test_a_stream_error_in_whatever_prefix_ends_the_stream() -> None:
    with pytest.raises(StreamEnded, match="conflict"):
        received(b"<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>")
    with pytest.raises(StreamEnded, match="cannot be read"):
        received(b"<stream:error><conflict xmlns='a b'/></stream:error>")


class PausedTransport(asyncio.Transport):
    """A transport that knows whether it is read from."""

    def __init__(self) -> None:
        super().__init__()
        self.is_paused = self.is_over = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def is_closing(self) -> bool:
        return self.is_over


async def test_of_a_flood_little_is_parsed_in_one_turn_of_the_loop() -> None:
    stanzas, transport = list[Stanza](), PausedTransport()
    message = b"<message from='flood'><body>" + bytes(100).replace(b"\0", b"x") + b"</body></message>"
    stream = ComponentStream("us", "secret", stanzas.append, Window(), StreamLimits(turn=10 * len(message)))
    stream.connection_made(transport)
    stream.data_received(HEADER + b"<handshake/>")
    stream.data_received(10 * message)
    assert (len(stanzas), transport.is_paused) == (10, False)
    stream.data_received(35 * message)
    turns = []
    while transport.is_paused:
        turns.append(len(stanzas))
        await asyncio.sleep(0)
    assert (turns, len(stanzas)) == ([20, 30, 40], 45)
    stream.data_received(35 * message)
    stream.connection_lost(None)  # what has come is not lost
    await asyncio.sleep(0)
    assert len(stanzas) == 80
