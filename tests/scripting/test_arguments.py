"""Types of arguments, each with its four faces: texts and JSON, schema, form field, option."""

import enum
from typing import Annotated, Any, Literal

import pytest
import typer
from pydantic import TypeAdapter, ValidationError
from typer.testing import CliRunner

from tigrest.scripting.argument_types import ListOf
from tigrest.scripting.arguments import TYPES, UnknownType, argument_type
from tigrest.xmpp.forms import Field, Option
from tigrest.xmpp.jid import JID, BareJID, DomainJID, FullJID


class Colour(enum.Enum):
    RED = "red"
    BLUE = 2


Size = Literal["s", "m", 1]


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
    ],
)
def test_what_is_no_value_is_told_in_words(annotation: Any, text: str, problem: str) -> None:
    with pytest.raises(ValueError, match="not") as refused:
        argument_type(annotation).parse(text)
    assert problem in str(refused.value)
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
    ],
)
def test_json_is_parsed(annotation: Any, given: object, value: object) -> None:
    assert argument_type(annotation).parse_json(given) == value


@pytest.mark.parametrize(
    ("annotation", "given"),
    [
        *[(str, 5), (str, None), (int, "5"), (int, 5.5), (int, True), (float, "1"), (float, True), (bool, 1), (bool, "true")],
        *[(JID, 5), (JID, "@"), (Colour, 2.0), (Colour, ["red"]), (Size, True), (list[int], 5), (list[int], ["5"]), (int | None, {})],
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
    "annotation", [complex, object, int | str, list, list[list[int]], list[int | None], dict[str, int], Annotated[int, 5]]
)
def test_other_annotations_are_unknown(annotation: Any) -> None:
    with pytest.raises(UnknownType, match="use str, JID"):
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
