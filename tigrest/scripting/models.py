"""Models that bodies and queries are validated against: ``content: Order``, ``query: Search``.

A model is a pydantic model, a dataclass or a TypedDict; pydantic does the work. What is here is what it does not know: XML, forms and
queries are all text, in which a list of one looks like one, and nothing like an empty text; and callers are told which field is wrong.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, is_dataclass
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, RootModel, TypeAdapter, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUndefinedAnnotation, PydanticUserError
from pydantic_core import ErrorDetails

from tigrest.errors import FieldProblem, MalformedContent, UnprocessableContent
from tigrest.formats.content import is_json, is_xml
from tigrest.formats.urlencoded import by_name, read_parameters

MAX_LISTED = 20
"""Most problems that a caller is told of."""

MAX_COUNTED = 1000
"""Most problems of which pydantic is asked for more than their number: it makes them all at once, which takes 1.5 µs each."""

MAX_DETAIL, MAX_FIELD_NAME = 200, 100
"""Lengths to which what callers are told is cut, in characters: they name the fields, and scripts word some of the problems."""

GATEWAY_PARAMETERS = frozenset({"type", "api-key"})
"""Parameters of a query that are for the gateway, unless a model has a field of that name."""


class ModelError(Exception):
    """An annotation is no model that can be used; the message says why."""


@dataclass(frozen=True)
class Body:
    """The body of a request for a handler with a model.

    Args:
        media: its media type, one that is decoded.
        data: its bytes.
        value: the same, decoded.
    """

    media: str
    data: bytes
    value: Any


class Model:
    """A model, compiled.

    Args:
        annotation: what a script wrote; has a pydantic model, a dataclass or a TypedDict in it.

    Raises:
        ModelError: it cannot be compiled.
    """

    def __init__(self, annotation: Any) -> None:
        self._annotation = annotation
        self.is_optional = type(None) in _choices(annotation)
        try:
            self._adapter: TypeAdapter[Any] = TypeAdapter(annotation)
        except (PydanticUserError, PydanticUndefinedAnnotation, NameError) as error:
            raise ModelError(str(error).partition("\n")[0]) from None
        self._names = {name for choice in _choices(annotation) for name in _fields(choice) or ()}
        self.is_mapping = all(_fields(choice) is not None for choice in _choices(annotation) if choice is not type(None))
        """True when its values are objects in JSON."""

    def schema(self) -> dict[str, Any] | None:
        """Return its JSON schema; ``None`` when it has a field that JSON Schema cannot describe."""
        try:
            return self._adapter.json_schema()
        except PydanticInvalidForJsonSchema:
            return None

    def read_body(self, body: Body | None) -> Any:
        """Validate the body of a request.

        Args:
            body: ``None`` when there is none.

        Raises:
            MalformedContent: it is nested too deeply for a model that refers to itself.
            UnprocessableContent: it does not fit, or is missing although the model does not allow ``None``.
        """
        try:
            if body is None:
                return None if self.is_optional else self._missing()
            if is_json(body.media):
                return self._adapter.validate_json(body.data)
            return self._read_texts(self._unwrap(body.value) if is_xml(body.media) else body.value)
        except ValidationError as error:
            raise _told("content", error) from None
        except RecursionError:
            raise MalformedContent("the content is nested too deeply") from None

    def read_query(self, query: bytes) -> Any:
        """Validate the query of a request.

        Args:
            query: as it came, percent-encoded.

        Raises:
            MalformedContent: it is not UTF-8, or has too many parameters.
            UnprocessableContent: it does not fit.
        """
        others = GATEWAY_PARAMETERS - self._names
        parameters = by_name((name, value) for name, value in read_parameters(query) if name not in others)
        try:
            return None if self.is_optional and not parameters else self._read_texts(parameters)
        except ValidationError as error:
            raise _told("query", error) from None

    def read_value(self, value: object) -> Any:
        """Validate a value that is decoded already, such as a part of a body in JSON.

        Raises:
            UnprocessableContent: it does not fit.
        """
        try:
            return self._adapter.validate_python(value)
        except ValidationError as error:
            raise _told("value", error) from None
        except RecursionError:
            raise MalformedContent("the value is nested too deeply") from None

    def write_json(self, value: Any) -> str:
        """Return a value of the model in JSON, as :meth:`read_value` takes it when it is decoded."""
        return self._adapter.dump_json(value, by_alias=True).decode()

    def _missing(self) -> typing.NoReturn:
        raise UnprocessableContent("content", [FieldProblem("", "there is no body")], 1)

    def _unwrap(self, document: Mapping[str, Any]) -> Any:
        """Take the root element away, unless it is a field: ``<order><id>7</id></order>`` is an order with the field ``id``."""
        [(root, value)] = document.items()
        return document if root in self._names else value

    def _read_texts(self, value: Any) -> Any:
        return self._adapter.validate_python(_from_texts(value, self._annotation), strict=False)


def is_model(annotation: Any) -> bool:
    """Return whether an annotation has a pydantic model, a dataclass or a TypedDict in it."""
    inside = typing.get_args(annotation)
    return _is_root(annotation) or _fields(annotation) is not None or any(is_model(each) for each in inside)


def _told(what: str, error: ValidationError) -> UnprocessableContent:
    """Return what callers are told: which fields are wrong, and why."""
    count = error.error_count()
    if count > MAX_COUNTED:
        return UnprocessableContent(what, [FieldProblem("", "too much is wrong with it")], count)
    details = error.errors(include_url=False, include_input=False)
    return UnprocessableContent(what, [_problem(detail) for detail in details[:MAX_LISTED]], count)


def _problem(detail: ErrorDetails) -> FieldProblem:
    name = ".".join(str(step) for step in detail["loc"])
    text = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "union_tag_invalid":  # pydantic's text repeats what was sent
        text = "{discriminator} should be one of {expected_tags}".format(**detail["ctx"])
    return FieldProblem(name[:MAX_FIELD_NAME], text[:MAX_DETAIL])


def _choices(annotation: Any) -> tuple[Any, ...]:
    """Return the members of a union; of another annotation itself."""
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _choices(inside[0])
    return inside if origin in (typing.Union, types.UnionType) else (annotation,)


def _fields(cls: Any) -> dict[str, Any] | None:
    """Return the annotations of a model's fields, by each name that they may have in what is sent; ``None`` for what is no model."""
    if _is_root(cls):
        return _fields(cls.model_fields["root"].annotation)
    if isinstance(cls, type) and issubclass(cls, BaseModel):
        return dict(_model_fields(cls))
    if isinstance(cls, type) and (is_dataclass(cls) or hasattr(cls, "__required_keys__")):  # the latter is a TypedDict
        return typing.get_type_hints(cls)
    return None


def _is_root(cls: Any) -> bool:
    """Return whether a model is a name for another type only. https://docs.pydantic.dev/latest/concepts/models/#rootmodel-and-custom-root-types"""
    return isinstance(cls, type) and issubclass(cls, RootModel)


def _model_fields(cls: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    for name, field in cls.model_fields.items():
        alias = field.validation_alias
        aliases = alias.choices if isinstance(alias, AliasChoices) else [alias]
        yield from ((each, field.annotation) for each in (name, *aliases) if isinstance(each, str))


def _from_texts(value: Any, annotation: Any) -> Any:
    """Add what text cannot say: that one is a list of one, that an empty text is an empty list, an empty object or nothing.

    Args:
        value: texts, and lists and mappings of such.
        annotation: what is expected there.
    """
    choices = _choices(annotation)
    kinds = [choice for choice in choices if choice is not type(None)]
    if len(kinds) != 1:
        return value
    [kind] = kinds
    if _is_root(kind):
        return _from_texts(value, kind.model_fields["root"].annotation)
    origin, inside = typing.get_origin(kind) or kind, typing.get_args(kind)
    if _is_list(origin):
        items = value if isinstance(value, list) else [] if value == "" else [value]
        return [_from_texts(item, inside[0]) for item in items] if inside else items
    if value == "" and len(choices) > 1 and kind is not str:
        return None
    if isinstance(value, dict) and len(inside) == 2 and isinstance(origin, type) and issubclass(origin, Mapping):
        return {name: _from_texts(item, inside[1]) for name, item in value.items()}
    if (fields := _fields(kind)) is not None:
        return _fields_from_texts({} if value == "" else value, fields)
    return value


def _fields_from_texts(value: Any, fields: Mapping[str, Any]) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _from_texts(item, fields[name]) if name in fields else item for name, item in value.items()}


def _is_list(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Sequence | AbstractSet) and not issubclass(kind, str | bytes)
