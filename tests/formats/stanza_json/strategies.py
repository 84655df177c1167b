"""Values for every row of the table, made from the shape of the row. A shape without a strategy is a TypeError."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from hypothesis import strategies as st

from tigrest.formats.stanza_json import values
from tigrest.formats.stanza_json.archive import ArchiveQuery
from tigrest.formats.stanza_json.command import NOTE, CommandShape
from tigrest.formats.stanza_json.disco import DiscoQuery
from tigrest.formats.stanza_json.failure import ErrorCodeShape, ErrorShape
from tigrest.formats.stanza_json.form_maps import Extensions, FormData
from tigrest.formats.stanza_json.forms import LIST_FIELD_TYPES, DataFormShape, FieldShape
from tigrest.formats.stanza_json.forwarded import InnerMessage
from tigrest.formats.stanza_json.html import Html
from tigrest.formats.stanza_json.lists import Repeated, WrappedList
from tigrest.formats.stanza_json.payload import Payload
from tigrest.formats.stanza_json.record import Member, Record
from tigrest.formats.stanza_json.shapes import Attribute, Flag, NameIsValue, OnlyChild, TextElement
from tigrest.xmpp.conditions import CONDITIONS, ERROR_TYPES
from tigrest.xmpp.forms import FIELD_TYPES
from tigrest.xmpp.xml import escape

Strategy = st.SearchStrategy[Any]

UNCARRIABLE = "".join(chr(code) for code in range(0x20) if chr(code) not in "\t\n\r") + "\ufffe\uffff"
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=UNCARRIABLE), max_size=12) | st.sampled_from(
    ["", " ", "a", "<&>\"'", "\r\n\t", "]]>", "€👋", "  x  "]
)
SOME_TEXT = TEXT.filter(bool)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
ADDRESS = st.sampled_from(["alice@example.com", "bob@example.com/Phone", "example.com", "juliet@capulet.lit/balcony room"])


@singledispatch
def of(shape: Any) -> Strategy:
    """Values of a shape as we write them ourselves."""
    raise TypeError(f"write a strategy for {type(shape).__name__}")


@of.register(values.TextValue)
@of.register(values.NumberValue)
def _text(value: values.Value) -> Strategy:
    return TEXT


@of.register
def _choice(value: values.ChoiceValue) -> Strategy:
    return st.sampled_from(value.names)


@of.register
def _integer(value: values.IntegerValue) -> Strategy:
    numbers = st.integers(-(10**17) if value.lowest is None else value.lowest, 10**17 if value.highest is None else value.highest)
    return numbers.map(str) if value.as_text else numbers


@of.register
def _boolean(value: values.BooleanValue) -> Strategy:
    return st.booleans()


@of.register(TextElement)
@of.register(Attribute)
@of.register(NameIsValue)
def _by_value(shape: TextElement | Attribute | NameIsValue) -> Strategy:
    return of(shape.value)


@of.register
def _only_child(shape: OnlyChild) -> Strategy:
    return TEXT


@of.register
def _flag(shape: Flag) -> Strategy:
    return st.just(True)


@of.register
def _several(shape: Repeated) -> Strategy:
    return st.lists(of(shape.shape), min_size=1, max_size=3)


@of.register
def _array(shape: WrappedList) -> Strategy:
    return st.lists(of(shape.shape), max_size=3)


@of.register
def _record(shape: Record) -> Strategy:
    record = members(shape)
    if not shape.collapses:
        return record
    return record.map(lambda value: value[shape.shorthand] if list(value) == [shape.shorthand] else value)


def members(shape: Record, *without: str) -> Strategy:
    required = {member.key: member_of(member) for member in shape.members if member.required or member.always}
    optional = {member.key: member_of(member) for member in shape.members if member.key not in required}
    return st.fixed_dictionaries(required, optional={key: value for key, value in optional.items() if key not in without})


def member_of(member: Member) -> Strategy:
    if isinstance(member.shape, Repeated) and member.always:
        return st.lists(of(member.shape.shape), max_size=3)
    strategy: Strategy = of(member.shape or member.value)
    return strategy if member.name or member.always else strategy.filter(bool)  # text of its own that is empty is none


@of.register
def _html(shape: Html) -> Strategy:
    return SOME_TEXT.map(lambda text: f"<body><p>{escape(text)}</p><br/>{escape(text)}</body>")


@of.register
def _payload(shape: Payload) -> Strategy:
    return st.fixed_dictionaries({"datatype": TEXT, "data": JSON})


@of.register
def _query(shape: DiscoQuery) -> Strategy:
    if shape.list_key:
        [items] = [member.shape for member in shape.full.members if member.key == shape.list_key]
        return st.just(True) | SOME_TEXT | of(items)
    return st.just(True) | SOME_TEXT | of(shape.full).filter(lambda value: value.keys() & {"extensions"} or value["features"])


@of.register
def _extensions(shape: Extensions) -> Strategy:
    value = st.none() | st.booleans() | TEXT | st.lists(TEXT, max_size=2)
    return st.dictionaries(TEXT, st.dictionaries(TEXT, value, max_size=3), min_size=1, max_size=2)


@of.register
def _command(shape: CommandShape) -> Strategy:
    notes = st.lists(of(NOTE), min_size=2, max_size=3)
    command = members(shape, "data", "notes")
    return command | st.builds(lambda value, several: value | {"note": several[0], "notes": several}, command, notes)


@of.register
def _field(shape: FieldShape) -> Strategy:
    types = st.sampled_from(("", *FIELD_TYPES))
    rest = members(shape, "type", "values")
    return types.flatmap(lambda name: st.builds(lambda *parts: parts[0] | parts[1] | parts[2], rest, typed(name), valued(shape, name)))


def typed(name: str) -> Strategy:
    return st.just({"type": name} if name else {})


def valued(shape: FieldShape, name: str) -> Strategy:
    if shape.as_list:
        return st.fixed_dictionaries({}, optional={"values": st.lists(TEXT, min_size=1, max_size=3)})
    return st.fixed_dictionaries({}, optional={"value": field_value(name)})


def field_value(name: str) -> Strategy:
    if name in LIST_FIELD_TYPES:
        return st.lists(TEXT, min_size=1, max_size=3)
    return TEXT if name == "text-multi" else TEXT | st.lists(TEXT, min_size=2, max_size=3)


@of.register
def _dataform(shape: DataFormShape) -> Strategy:
    field_value_as_json = members(shape, "type", "instructions", "reported", "items")
    columns = {"a": "", "b": "list-multi", "c": "text-multi", "d": "jid-single"}
    row = st.fixed_dictionaries({}, optional={var: st.none() | field_value(name) for var, name in columns.items()})
    reported = [{"var": var, **({"type": name} if name else {}), "label": var} for var, name in columns.items()]
    table = st.lists(row, min_size=1, max_size=2).map(lambda rows: {"reported": reported, "items": rows})
    rest = st.fixed_dictionaries({"type": of(shape.members[0].value)}, optional={"instructions": TEXT})
    return st.builds(lambda *parts: parts[0] | parts[1] | parts[2], field_value_as_json, rest, st.just({}) | table)


@of.register
def _failure(shape: ErrorShape) -> Strategy:
    return st.fixed_dictionaries(
        {"type": st.sampled_from(ERROR_TYPES), "condition": st.sampled_from(sorted(CONDITIONS))}, optional={"text": TEXT, "by": TEXT}
    )


@of.register
def _code(shape: ErrorCodeShape) -> Strategy:
    return st.integers(100, 999)


@of.register
def _formdata(shape: FormData) -> Strategy:
    return st.dictionaries(TEXT, TEXT | st.lists(TEXT, max_size=2) | st.booleans() | st.integers(), max_size=3)


@of.register
def _archive(shape: ArchiveQuery) -> Strategy:
    return members(shape)


@of.register
def _inner(shape: InnerMessage) -> Strategy:
    rows = shape.vocabulary().rows
    keys = {key: of(rows[key].shape) for key in ("body", "thread", "nick", "stanza_ids", "state", "reply", "dataform")}
    return st.fixed_dictionaries({}, optional=keys | {"type": st.sampled_from(["chat", "groupchat"]), "from": ADDRESS, "lang": TEXT})
