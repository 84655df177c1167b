"""Slicing stanzas out of a stream, however it is cut into pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tigrest.component.stream import NAMESPACE, STREAMS, Child, ComponentStream, StreamEnded, _Slicer
from tigrest.stanza import CLIENT, Stanza

HEADER = f"<?xml version='1.0'?><stream:stream xmlns='{NAMESPACE}' xmlns:stream='{STREAMS}' xmlns:db='urn:db' id='a&lt;b'>".encode()
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


class Collected:
    def __init__(self) -> None:
        self.header: dict[str, str] = {}
        self.children: list[bytes] = []
        self.wholes: list[bytes] = []
        self.slicer = _Slicer(self.header.update, self.take)

    def take(self, child: Child) -> None:
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
    collected, data, at, turn = Collected(), HEADER + b"".join(children), 0, 0
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


@pytest.mark.parametrize("data", [b"</stream:stream>", b"<!DOCTYPE x>"])
def test_the_end_and_what_may_not_come_end_it(data: bytes) -> None:
    collected = Collected()
    with pytest.raises(StreamEnded):
        collected.slicer.feed((HEADER if data.startswith(b"</") else b"") + data)


def test_a_slice_is_a_stanza_again() -> None:
    stanzas: list[Stanza] = []

    stream = ComponentStream.__new__(ComponentStream)
    stream._on_stanza = stanzas.append

    class Ready:
        def done(self) -> bool:
            return True

    stream.ready = Ready()  # type: ignore[assignment]
    slicer = _Slicer(lambda _: None, stream._received)
    slicer.feed(HEADER + b"".join(CHILDREN))
    assert [stanza.kind for stanza in stanzas] == ["iq", "iq", "message", "presence", "message", "iq"]
    assert stanzas[4].xml.find("{urn:p}x") is not None
    assert stanzas[2].xml.findtext(f"{{{CLIENT}}}body") == "<b/> > "
