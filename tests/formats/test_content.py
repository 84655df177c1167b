"""Bodies as values and back: Tigase's rules, the ones that were worth keeping."""

import enum
from dataclasses import dataclass

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tigrest.errors import MalformedContent
from tigrest.formats.content import MAX_CONTAINERS, doubled_key, read_json, read_xml, write_json, write_xml
from tigrest.formats.encoding import Unencodable
from tigrest.xmpp.jid import JID


@pytest.mark.parametrize(
    ("value", "xml"),
    [
        (
            {"user": {"jid": "a@b", "uid": 10, "isAdmin": True, "x": None, "e": ""}},
            "<user><jid>a@b</jid><uid>10</uid><isAdmin>true</isAdmin><x/><e></e></user>",
        ),
        ({"items": [{"jid": "a", "node": "n", "name": None}]}, "<items><item><jid>a</jid><node>n</node><name/></item></items>"),
        ({"command": {"fields": []}}, "<command><fields/></command>"),
        ({"users": {"items": ["u1", "u2"], "count": 2}}, "<users><items><item>u1</item><item>u2</item></items><count>2</count></users>"),
        (
            {"l": ["s", 1, True, None, 2.5, {"k": "v"}, ["x", "y"]]},
            "<l><item>s</item><item>1</item><item>true</item><item/><item>2.5</item><item><k>v</k></item>"
            "<item><item>x</item><item>y</item></item></l>",
        ),
        ({"t": '<a href="x">&\'é'}, '<t>&lt;a href="x"&gt;&amp;\'é</t>'),
        ({"jid": "x", "errors": []}, "<result><jid>x</jid><errors/></result>"),
        ({"f": {"value": ["a", "b"]}}, "<f><value>a</value><value>b</value></f>"),
        ({"value": ["a", "b"]}, "<result><value>a</value><value>b</value></result>"),
        (["a"], "<result><item>a</item></result>"),
        ({}, "<result/>"),
        (
            {"a b": 1, "1a": {"pubsub#x": None}},
            '<result><entry name="a b">1</entry><entry name="1a"><entry name="pubsub#x"/></entry></result>',
        ),
        ({"t": "a\x00b\ud800"}, "<t>a\ufffdb\ufffd</t>"),
        ({"jid": JID("a@b")}, "<jid>a@b</jid>"),
    ],
)
def test_values_become_xml(value: object, xml: str) -> None:
    assert write_xml(value).decode() == xml


@pytest.mark.parametrize(
    ("xml", "value"),
    [
        ("<command><node>n</node></command>", {"command": {"node": "n"}}),
        (
            "<command><node>n</node><fields><item><var>v</var><value>1</value></item></fields></command>",
            {"command": {"node": "n", "fields": [{"var": "v", "value": "1"}]}},
        ),
        (
            "<c><fields><item><var>v</var><value><item>1</item><item>2</item></value></item><item><var>w</var></item></fields></c>",
            {"c": {"fields": [{"var": "v", "value": ["1", "2"]}, {"var": "w"}]}},
        ),
        ("<f><value>a</value><value>b</value></f>", {"f": {"value": ["a", "b"]}}),
        ("<command><fields/></command>", {"command": {"fields": ""}}),
        ("<command><fields>\n  </fields></command>", {"command": {"fields": ""}}),
        ("<command/>", {"command": ""}),
        ("<command>text</command>", {"command": "text"}),
        ('<c a="1"><b x="y">t</b></c>', {"c": {"b": "t"}}),
        ("<c><a>1</a><a>2</a></c>", {"c": {"a": ["1", "2"]}}),
        ("<items><item>1</item></items>", {"items": ["1"]}),
        ("<c><item>1</item><other>2</other></c>", {"c": {"item": "1", "other": "2"}}),
        ('<c xmlns="urn:x" xmlns:p="urn:p"><p:a>1</p:a></c>', {"c": {"a": "1"}}),
        ("<c> <a>  x  </a><b>   </b></c>", {"c": {"a": "  x  ", "b": ""}}),
        ("<c>mixed<a>1</a>tail</c>", {"c": {"a": "1"}}),
        ("<c><a><![CDATA[<x>&]]></a></c>", {"c": {"a": "<x>&"}}),
        ('<?xml version="1.0"?>\n<c>é</c>', {"c": "é"}),
    ],
)
def test_xml_becomes_values(xml: str, value: object) -> None:
    assert read_xml(xml.encode()) == value


@pytest.mark.parametrize(
    "body",
    [
        *[
            b"",
            b"<a>",
            b"<a/><b/>",
            b"<a>&x;</a>",
            b"<!DOCTYPE a><a/>",
            b"<a><!-- --></a>",
            b"<a><?x?></a>",
            b"\xff\xfe<\x00a\x00/\x00>\x00",
        ],
        *[b"<a>\x00</a>", b"<a>\xff</a>", b"<a>" * 20_000 + b"</a>" * 20_000, b"text"],
    ],
)
def test_xml_that_is_harmful_or_broken_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedContent):
        read_xml(body)


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 20_000 + b"]" * 20_000, b'"\xff"', b"NaN", b'{"a":1}x', b"\x00"])
def test_json_that_is_broken_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedContent):
        read_json(body)


def test_there_is_a_most_of_objects_and_arrays_and_what_only_looks_like_them_does_not_count() -> None:
    assert len(read_json(b"[" + b"{}," * (MAX_CONTAINERS - 2) + b"{}]")) == MAX_CONTAINERS - 1
    for body in (b"[" + b"{}," * MAX_CONTAINERS + b"0]", b"[" + b'{"a":[]},' * 30_000 + b"0]", b"[" * 500_000):
        with pytest.raises(MalformedContent, match="more than 50000 objects and arrays"):
            read_json(body)
    text = r"[{\"[{" * 60_000
    assert read_json(f'["{text}"]'.encode()) == [text.replace(r"\"", '"')]
    assert len(read_json(b"[" + b"0," * 500_000 + b"0]")) == 500_001
    with pytest.raises(MalformedContent, match="more than 500 values"):
        read_json(b"[" + b"0," * 500 + b"0]", 500)


@pytest.mark.parametrize(
    "body", [b'"' + rb"\"[" * 300_000, b'["' + rb"\\[" * 300_000, b'"[' * 300_000], ids=["quotes", "slashes", "strings"]
)
def test_json_that_is_broken_is_refused_soon(body: bytes) -> None:
    with pytest.raises(MalformedContent):
        read_json(body)


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    y: int


def test_both_forms_know_the_same_types() -> None:
    value = {"r": {"colour": Colour.RED, "point": Point(1, 2), "jid": JID("a@b"), "set": frozenset({"b", "a"}), "tuple": (1,)}}
    plain = {"r": {"colour": "red", "point": {"x": 1, "y": 2}, "jid": "a@b", "set": ["a", "b"], "tuple": [1]}}
    assert orjson.loads(write_json(value)) == plain
    assert write_xml(value) == write_xml(plain)


texts = st.text(alphabet=st.characters(exclude_categories=["C"]), min_size=1).filter(lambda t: t.strip() != "")
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True).filter(lambda name: name not in ("item", "value"))
trees = st.recursive(
    texts | st.just(""),
    lambda inner: st.dictionaries(names, inner, min_size=1, max_size=4) | st.lists(inner, min_size=1, max_size=4),
    max_leaves=15,
)


@given(names, trees)
def test_what_was_written_as_xml_reads_back(name: str, tree: object) -> None:
    assert read_xml(write_xml({name: tree})) == {name: tree}


@pytest.mark.parametrize("depth", [1, 200, 253, 254, 255, 256])
def test_what_is_as_deep_as_may_come_in_can_be_written(depth: int) -> None:
    lists, maps, elements = b"[" * depth + b"]" * depth, b'{"a":' * depth + b'"]"' + b"}" * depth, b"<a>" * depth + b"]" + b"</a>" * depth
    assert write_json({"b": [read_json(lists)]}) == b'{"b":[%b]}' % lists
    assert write_json({"b": read_json(maps)}) == b'{"b":%b}' % maps
    assert write_json(read_xml(elements)) == maps
    assert write_xml(read_json(maps)) == elements


def test_json_is_not_nested_deeper_than_xml() -> None:
    for document in (b"[" * 257 + b"]" * 257, b'{"a":[' * 129 + b"]}" * 129, b"[" * 1000 + b"]" * 1000):
        with pytest.raises(MalformedContent, match="deep"):
            read_json(document)
    flat = b"[" + b'[["[[[[[\\"[[["]],' * 1000 + b"{}]"
    assert len(read_json(flat)) == 1001


def test_a_value_that_holds_itself_cannot_be_written() -> None:
    value: list[object] = []
    value.append(value)
    for write in (write_json, write_xml):
        with pytest.raises(Unencodable, match="holds itself"):
            write(value)


@pytest.mark.parametrize(
    ("document", "key"),
    [
        (b"{}", None),
        (b'{"a":1,"b":2}', None),
        (b'{"a":":::","b":"\\":"}', None),
        (b'{"a":{"a":{"a":[{"a":1},{"a":2}]}}}', None),
        (b'[{"a":1},{"a":1}]', None),
        (b'"a:b"', None),
        (b'{"a":1,"a":1}', "a"),
        (b'{"b":1,"a":{"b":":"},"b" \n :2}', "b"),
        (b'{"x":[1,{"k":1,"k":2}]}', "k"),
        (b'{"a":1,"\\u0061":2}', "a"),
        (b'{"":1,"":2}', ""),
        ('{"ü":":","ü":":"}'.encode(), "ü"),
    ],
)
def test_a_key_that_an_object_has_twice_is_found(document: bytes, key: str | None) -> None:
    assert doubled_key(document, read_json(document)) == key


@given(st.recursive(st.text(max_size=3) | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner)))
def test_what_was_written_as_json_has_no_key_twice(value: object) -> None:
    document = write_json(value)
    assert doubled_key(document, read_json(document)) is None
