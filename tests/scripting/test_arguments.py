"""Types of arguments, each with its four faces: texts and JSON, schema, form field, option."""

import enum
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
import typer
from annotated_types import Ge, Interval, Le, MaxLen, MinLen
from pydantic import AfterValidator, BaseModel, StringConstraints, TypeAdapter, ValidationError
from pydantic import Field as ModelField
from typer.testing import CliRunner
from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from tigrest.scripting.argument_types import UnfitValue
from tigrest.scripting.arguments import TYPES, UnknownType, argument_type
from tigrest.scripting.compound_types import ListOf
from tigrest.scripting.secret import MASK, Secret
from tigrest.xmpp.forms import Field, Option
from tigrest.xmpp.jid import JID, BareJID, DomainJID, FullJID


class Colour(enum.Enum):
    RED = "red"
    BLUE = 2


Size = Literal["s", "m", 1]


@dataclass
class RoomOption:
    name: str
    value: str


class Contact(BaseModel):
    jid: BareJID
    groups: list[str] = []
    password: Secret | None = None


class Place(TypedDict):
    x: int
    y: int


class Node(BaseModel):
    inner: "Node | None" = None


def even(value: int) -> int:
    if value % 2:
        raise ValueError("the number is odd")
    return value


Percent = Annotated[int, Ge(0), Le(100)]
Nick = Annotated[str, StringConstraints(max_length=5, pattern="^[a-z]+$")]
Even = Annotated[int, AfterValidator(even)]


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (str, " x ", " x "),
        (int, "-5", -5),
        (float, "2.5e1", 25.0),
        (bool, "True", True),
        (bool, "off", False),
        (JID, "A@b/c", JID("a@b/c")),
        (BareJID, "A@b", JID("a@b")),
        (FullJID, "a@b/C", JID("a@b/C")),
        (DomainJID, "B", JID("b")),
        (Colour, "red", Colour.RED),
        (Colour, "BLUE", Colour.BLUE),
        (Colour, "2", Colour.BLUE),
        (Size, "m", "m"),
        (Size, "1", 1),
        (int | None, "7", 7),
        (list[int], "7", [7]),
        (Secret, "xyzzy", Secret("xyzzy")),
        (Percent, "100", 100),
        (Nick, "romeo", "romeo"),
        (Percent | None, "5", 5),
        (RoomOption, '{"name": "title", "value": "Tea"}', RoomOption("title", "Tea")),
        (RoomOption, "title : Tea: at 5", RoomOption("title", "Tea: at 5")),
        (Place, "1:2", {"x": 1, "y": 2}),
        (Contact, ' {"jid": "A@b"}', Contact(jid=JID("a@b"))),
        (Node, '{"inner": {"inner": null}}', Node(inner=Node())),
        (list[RoomOption], "title:Tea", [RoomOption("title", "Tea")]),
    ],
)
def test_texts_are_parsed(annotation: Any, text: str, value: object) -> None:
    parsed = argument_type(annotation).parse(text)
    assert parsed == value
    assert type(parsed) is type(value)
    assert argument_type(annotation).parse_all([text]) == value


@pytest.mark.parametrize(
    ("annotation", "text", "problem"),
    [
        (int, "1_0", "'1_0' is not a whole number"),
        (int, "٣", "is not a whole number"),
        (float, "nan", "'nan' is not a number"),
        (bool, "maybe", "'maybe' is not true or false"),
        (JID, "a b@c", "is not an XMPP address"),
        (BareJID, "a@b/c", "'a@b/c' is not a bare address: leave out the /resource"),
        (FullJID, "a@b", "is not a full address: write local@domain/resource"),
        (DomainJID, "a@b", "is not a domain address: write only the domain"),
        (Colour, "green", "'green' is not one of red, 2"),
        (Size, "x" * 500, "is not one of s, m, 1"),
        (list[Colour], "green", "is not one of red, 2"),
        (JID | None, "", "is not an XMPP address"),
        (RoomOption, "title", "'title' is not an object in JSON, nor name:value"),
        (RoomOption, "{title}", "JSON cannot be read"),
        (RoomOption, '{"name": "title"}', "value: Field required"),
        (RoomOption, "[" * 500, "is not an object in JSON"),
        (Place, "1:z", "y: Input should be a valid integer, unable to parse string as an integer"),
        (Node, "x:y", "'x:y' is not an object in JSON"),
        (Contact, "xyzzy", "the secret is not an object in JSON"),
    ],
)
def test_what_is_no_value_is_told_in_words(annotation: Any, text: str, problem: str) -> None:
    with pytest.raises(ValueError) as refused:
        argument_type(annotation).parse(text)
    assert problem in str(refused.value)
    assert not isinstance(refused.value, UnfitValue)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    ("annotation", "given", "value"),
    [
        (str, "x", "x"),
        (int, 5, 5),
        (int, 5.0, 5),
        (float, 5, 5.0),
        (bool, False, False),
        (JID, "A@b", JID("a@b")),
        (DomainJID, "B", JID("b")),
        (Colour, "red", Colour.RED),
        (Colour, 2, Colour.BLUE),
        (Size, 1, 1),
        (int | None, None, None),
        (list[int], [1, 2], [1, 2]),
        (list[Colour] | None, ["red"], [Colour.RED]),
        (Secret, "xyzzy", Secret("xyzzy")),
        (Percent, 0, 0),
        (list[Percent], [0, 100], [0, 100]),
        (Annotated[list[int], MaxLen(2)], [1, 2], [1, 2]),
        (Annotated[int | None, Ge(1)], None, None),
        (Annotated[BareJID, MaxLen(9)], "A@b", JID("a@b")),
        (RoomOption, {"name": "title", "value": "Tea"}, RoomOption("title", "Tea")),
        (Contact, {"jid": "A@b", "password": "xyzzy"}, Contact(jid=JID("a@b"), password=Secret("xyzzy"))),
        (list[RoomOption], [{"name": "a", "value": "b"}], [RoomOption("a", "b")]),
        (list[RoomOption], {"a": "b", "c": "d"}, [RoomOption("a", "b"), RoomOption("c", "d")]),
        (list[RoomOption], {"value": "b", "name": "a"}, [RoomOption("a", "b")]),
        (list[RoomOption], {}, []),
    ],
)
def test_json_is_parsed(annotation: Any, given: object, value: object) -> None:
    assert argument_type(annotation).parse_json(given) == value


@pytest.mark.parametrize(
    ("annotation", "given"),
    [
        *[(str, 5), (str, None), (int, "5"), (int, 5.5), (int, True), (float, "1"), (float, True), (bool, 1), (bool, "true")],
        *[(JID, 5), (JID, "@"), (Colour, 2.0), (Colour, ["red"]), (Size, True), (list[int], 5), (list[int], ["5"]), (int | None, {})],
        *[(Secret, 5), (RoomOption, "title:Tea"), (RoomOption, None), (list[Contact], {"jid": "a@b"}), (list[Node], {})],
    ],
)
def test_json_of_another_type_is_refused(annotation: Any, given: object) -> None:
    with pytest.raises(ValueError, match="is not"):
        argument_type(annotation).parse_json(given)


def test_several_texts_are_for_lists_only_and_none_for_what_may_be_absent() -> None:
    assert argument_type(list[int]).parse_all(["1", "2"]) == [1, 2]
    assert argument_type(list[int]).parse_all([]) == []
    assert argument_type(int | None).parse_all([]) is None
    assert argument_type(list[int] | None).parse_all(["1", "2"]) == [1, 2]
    with pytest.raises(ValueError, match="is given 2 times"):
        argument_type(int).parse_all(["1", "2"])
    with pytest.raises(ValueError, match="is missing"):
        argument_type(int).parse_all([])


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (str, {"type": "string"}),
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (BareJID, {"type": "string", "format": "jid"}),
        (Colour, {"enum": ["red", 2]}),
        (Size, {"enum": ["s", "m", 1]}),
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (Secret, {"type": "string", "format": "password", "writeOnly": True}),
        (Percent, {"type": "integer", "minimum": 0, "maximum": 100}),
        (Nick, {"type": "string", "maxLength": 5, "pattern": "^[a-z]+$"}),
        (Even, {"type": "integer"}),
        (Annotated[int | None, Ge(1)], {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]}),
        (Annotated[list[JID], MinLen(1)], {"type": "array", "items": {"type": "string", "format": "jid"}, "minItems": 1}),
        (
            RoomOption,
            {
                "type": "object",
                "title": "RoomOption",
                "properties": {"name": {"title": "Name", "type": "string"}, "value": {"title": "Value", "type": "string"}},
                "required": ["name", "value"],
            },
        ),
    ],
)
def test_schemas(annotation: Any, schema: dict[str, object]) -> None:
    assert argument_type(annotation).schema() == schema


@pytest.mark.parametrize(
    ("annotation", "default", "field"),
    [
        (str, None, Field("x", (), "text-single", required=True)),
        (int, 5, Field("x", ("5",), "text-single")),
        (bool, False, Field("x", ("false",), "boolean")),
        (JID, None, Field("x", (), "jid-single", required=True)),
        (Colour, Colour.BLUE, Field("x", ("2",), "list-single", options=(Option("red"), Option("2")))),
        (Size | None, None, Field("x", (), "list-single", options=(Option("s"), Option("m"), Option("1")))),
        (list[str], ["a", "b"], Field("x", ("a", "b"), "text-multi")),
        (list[BareJID], None, Field("x", (), "jid-multi", required=True)),
        (list[Colour], [Colour.RED], Field("x", ("red",), "list-multi", options=(Option("red"), Option("2")))),
        (Secret, None, Field("x", (), "text-private", required=True)),
        (Percent, 7, Field("x", ("7",), "text-single")),
        (Annotated[Colour, AfterValidator(str)], None, Field("x", (), "list-single", "", (Option("red"), Option("2")), required=True)),
        (RoomOption, RoomOption("a", "b"), Field("x", ('{"name":"a","value":"b"}',), "text-multi")),
        (list[RoomOption], [RoomOption("a", "b")], Field("x", ('{"name":"a","value":"b"}',), "text-multi")),
        (Place | None, None, Field("x", (), "text-multi")),
    ],
)
def test_form_fields(annotation: Any, default: Any, field: Field) -> None:
    kind = argument_type(annotation)
    assert kind.field("x", default=default) == field
    if default is not None:
        assert kind.parse_all(field.values) == default


@pytest.mark.parametrize(
    ("annotation", "words", "value"),
    [
        (str, ["--x", "a"], "a"),
        (int, ["--x", "-5"], -5),
        (bool, ["--x"], True),
        (bool, ["--no-x"], False),
        (JID, ["--x", "A@b"], JID("a@b")),
        (Colour, ["--x", "BLUE"], Colour.BLUE),
        (Size, ["--x", "1"], 1),
        (int | None, [], None),
        (int | None, ["--x", "5"], 5),
        (list[int], ["--x", "1", "--x", "2"], [1, 2]),
        (list[bool], ["--x", "yes", "--x", "no"], [True, False]),
    ],
)
def test_options_of_the_command_line(annotation: Any, words: list[str], value: object) -> None:
    option = argument_type(annotation).option()
    heard: list[object] = []

    def command(x: Any) -> None:
        heard.append(x)

    settings = typer.Option(parser=option.parser, metavar=option.metavar)
    command.__annotations__["x"] = Annotated[option.annotation, settings]
    if value is None:
        command.__defaults__ = (None,)
    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert heard == [value]


@pytest.mark.parametrize(
    ("annotation", "words", "value"),
    [
        (int, ["5"], 5),
        (int | None, [], None),
        (list[int], ["1,2", "3"], [1, 2, 3]),
        (list[int] | None, ["1,2"], [1, 2]),
        (list[int], [""], []),
        (list[int], ["[1, 2]"], [1, 2]),
        (list[str], ["[a,b"], ["[a", "b"]),
        (list[RoomOption], ["a:b,c:d"], [RoomOption("a", "b"), RoomOption("c", "d")]),
        (list[RoomOption], ['{"a": "b, c", "d": "e"}', "f:g"], [RoomOption("a", "b, c"), RoomOption("d", "e"), RoomOption("f", "g")]),
        (list[Contact], ['[{"jid": "a@b", "groups": ["x"]}]'], [Contact(jid=JID("a@b"), groups=["x"])]),
        (Annotated[list[int], MaxLen(2)], ["1,2"], [1, 2]),
    ],
)
def test_words_of_a_command_line(annotation: Any, words: list[str], value: object) -> None:
    assert argument_type(annotation).parse_words(words) == value


@pytest.mark.parametrize(
    "lines",
    [
        ['{"name": "a", "value": "b"}', '{"name": "c", "value": "d"}'],
        ["a:b", "c:d"],
        ["[", '{"name": "a", "value": "b"},', '{"name": "c", "value": "d"}', "]"],
        ['{"a": "b",', '"c": "d"}'],
    ],
)
def test_lines_of_a_form_are_objects(lines: list[str]) -> None:
    assert argument_type(list[RoomOption]).parse_all(lines) == [RoomOption("a", "b"), RoomOption("c", "d")]


def test_a_form_may_cut_an_object_into_lines() -> None:
    assert argument_type(Place).parse_all(["{", '"x": 1, "y": 2', "}"]) == {"x": 1, "y": 2}
    assert argument_type(Place | None).parse_all([]) is None
    with pytest.raises(UnfitValue, match="is missing"):
        argument_type(Place).parse_all([])


@pytest.mark.parametrize(
    ("annotation", "given", "problem"),
    [
        (Percent, 101, "less than or equal to 100"),
        (Percent, -1, "greater than or equal to 0"),
        (Annotated[int, Interval(ge=1, lt=3)], 3, "less than 3"),
        (Nick, "Romeo", "should match pattern"),
        (Nick, "juliet", "at most 5 characters"),
        (Even, 3, "the number is odd"),
        (Annotated[int, ModelField(multiple_of=5)], 3, "multiple of 5"),
        (Annotated[list[int], MaxLen(2)], [1, 2, 3], "at most 2 items"),
        (list[Percent], [1, 101], "less than or equal to 100"),
        (Annotated[Secret, MinLen(8)], "xyzzy", "at least 8"),
        (Annotated[int | None, Ge(1)], 0, "greater than or equal to 1"),
    ],
)
def test_values_out_of_range_say_so(annotation: Any, given: object, problem: str) -> None:
    with pytest.raises(UnfitValue, match=problem) as refused:
        argument_type(annotation).parse_json(given)
    assert refused.value.reason == "range"
    assert "xyzzy" not in str(refused.value)


def test_missing_and_doubled_values_say_so() -> None:
    for texts, reason in (([], "missing"), (["1", "2"], "doubled")):
        with pytest.raises(UnfitValue) as refused:
            argument_type(int).parse_all(texts)
        assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("annotation", "listed"),
    [
        *[(str, "binary"), (JID, "binary"), (Secret, "binary"), (int, "integer"), (float, "float"), (bool, "boolean")],
        *[(Colour, "binary"), (Literal[1, 2], "integer"), (Percent, "integer"), (int | None, "integer")],
        *[(list[str], "[binary]"), (list[int] | None, "[integer]"), (RoomOption, "object"), (list[RoomOption], "[object]")],
    ],
)
def test_words_for_types_in_listings(annotation: Any, listed: str) -> None:
    assert argument_type(annotation).listed == listed


@pytest.mark.parametrize(
    ("annotation", "is_secret"),
    [
        *[(str, False), (Secret, True), (Secret | None, True), (list[Secret], True), (Annotated[Secret, MinLen(8)], True)],
        *[(Contact, True), (list[Contact], True), (RoomOption, False), (list[RoomOption] | None, False)],
    ],
)
def test_types_know_whether_they_are_secret(annotation: Any, is_secret: bool) -> None:
    assert argument_type(annotation).is_secret is is_secret


def test_no_form_shows_a_secret_and_no_terminal_what_is_typed() -> None:
    assert argument_type(Secret).field("x", default=Secret("xyzzy")) == Field("x", (), "text-private")
    assert argument_type(Contact).field("x", default=Contact(jid=JID("a@b"), password=Secret("xyzzy"))).values == ()
    assert argument_type(Secret | None).option().hide_input


def test_secrets_are_shown_nowhere_by_accident() -> None:
    secret = Secret("xyzzy")
    contact = Contact(jid=JID("a@b"), password=secret)
    for shown in (str(secret), repr(secret), f"{secret}", f"{secret!r:>20}", "%s" % secret, repr(contact), contact.model_dump_json()):  # noqa: UP031
        assert "xyzzy" not in shown
        assert MASK in shown
    assert secret.value == "xyzzy"


def test_secrets_compare_by_their_text() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("\ud800")}) == 2
    assert len(Secret("abc")) == 3
    assert not Secret("")


def test_an_option_that_is_no_value_is_told_in_words() -> None:
    option = argument_type(Colour).option()
    app = typer.Typer()

    @app.command()
    def command(x: Annotated[str, typer.Option(parser=option.parser, metavar=option.metavar)]) -> None:
        raise AssertionError

    result = CliRunner().invoke(app, ["--x", "green"])
    assert result.exit_code == 2
    assert "green" in result.output


@pytest.mark.parametrize(
    "annotation", [complex, object, int | str, list, list[list[int]], list[int | None], dict[str, int], dict[str, RoomOption]]
)
def test_other_annotations_are_unknown(annotation: Any) -> None:
    with pytest.raises(UnknownType, match="use str, JID|its values are no objects"):
        argument_type(annotation)


@pytest.mark.parametrize(
    ("annotation", "problem"),
    [
        (Annotated[int, 0], "0 in Annotated is no limit; use Ge"),
        (Annotated[JID, "bare"], "'bare' in Annotated is no limit"),
        (Annotated[complex, Ge(1)], "use str, JID"),
    ],
)
def test_limits_that_are_none_are_told(annotation: Any, problem: str) -> None:
    with pytest.raises(UnknownType, match=problem):
        argument_type(annotation)


def test_every_type_has_a_name() -> None:
    assert all(kind.name == ListOf(kind).name for kind in TYPES.values())


def test_models_may_have_fields_of_addresses() -> None:
    adapter = TypeAdapter(dict[str, JID])
    assert adapter.validate_python({"a": "A@b"}) == {"a": JID("a@b")}
    assert isinstance(adapter.validate_json('{"a": "A@b"}')["a"], JID)
    with pytest.raises(ValidationError, match="is not a bare address"):
        TypeAdapter(BareJID).validate_python("a@b/c")
    assert TypeAdapter(BareJID).json_schema() == {"type": "string", "format": "jid"}
