"""Which type an annotation asks for, and how its value is read."""

from __future__ import annotations

import enum
import types
import typing
from typing import Annotated, Any, Literal, TypeVar

from annotated_types import BaseMetadata, GroupedMetadata
from pydantic import AfterValidator
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo

from tigrest.errors import InvalidValue
from tigrest.scripting.argument_types import Address, ArgumentType, Boolean, Choice, Integer, Number, SecretText, Text
from tigrest.scripting.compound_types import Constrained, ListOf, Nullable
from tigrest.scripting.models import ModelError, is_model
from tigrest.scripting.secret import Secret
from tigrest.scripting.structured import Structured
from tigrest.xmpp.jid import JID, AddressKind

T = TypeVar("T")


class UnknownType(ValueError):
    """An annotation is of no type that arguments may have; the message says which there are."""


TYPES: dict[Any, ArgumentType[Any]] = {
    str: Text(),
    JID: Address(),
    int: Integer(),
    float: Number(),
    bool: Boolean(),
    Secret: SecretText(),
}
"""Types that have no arguments of their own, by annotation."""

CONSTRAINTS = (BaseMetadata, GroupedMetadata, FieldInfo, AfterValidator)
"""Kinds of limits in ``Annotated``. https://docs.pydantic.dev/latest/concepts/fields/#the-annotated-pattern"""


def argument_type(annotation: Any) -> ArgumentType[Any]:
    """Find the type that an annotation asks for.

    Raises:
        UnknownType: it is none of ``str``, ``int``, ``float``, ``bool``, ``JID``, ``BareJID``, ``FullJID``, ``DomainJID``, ``Secret``, an
            ``Enum``, a ``Literal``, a dataclass, a pydantic model, a ``TypedDict``, a ``list`` of one of these, one of these ``| None``,
            or ``Annotated`` with limits such as ``Ge(1)`` or ``Field(max_length=20)``.
    """
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType) and len(inside) == 2 and type(None) in inside:
        return Nullable(argument_type(next(each for each in inside if each is not type(None))))
    if origin is list and inside and not (inner := argument_type(inside[0])).is_list and not inner.is_optional:
        return ListOf(inner)
    if origin is Annotated:
        return _annotated(inside[0], inside[1:])
    if origin is Literal:
        return Choice([(value, value) for value in inside], {})
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return Choice([(member.value, member) for member in annotation], dict(annotation.__members__))
    if is_model(annotation):
        return _structured(annotation)
    try:
        return TYPES[annotation]
    except (KeyError, TypeError):
        raise UnknownType(f"use {', '.join(known.__name__ for known in TYPES)}, a Literal, an Enum or a dataclass") from None


def _annotated(annotation: Any, metadata: tuple[Any, ...]) -> ArgumentType[Any]:
    """Find the type of ``Annotated``: of a kind of address, or within limits."""
    if annotation is JID and isinstance(metadata[0], AddressKind):
        inner: ArgumentType[Any] = Address(metadata[0])
        limits = metadata[1:]
    else:
        inner, limits = argument_type(annotation), metadata
    if not limits:
        return inner
    for each in limits:
        if not isinstance(each, CONSTRAINTS):
            raise UnknownType(f"{each!r} in Annotated is no limit; use Ge(1), MaxLen(20), Field(pattern=…) and the like")
    if inner.is_optional:  # the limits are for values, and the schema of the type without None is simpler
        kinds = [each for each in typing.get_args(annotation) if each is not type(None)]
        return Nullable(_annotated(kinds[0], limits))
    try:
        return Constrained(inner, Annotated[annotation, *limits])
    except (TypeError, PydanticUserError) as error:
        raise UnknownType(str(error).partition("\n")[0]) from None


def _structured(annotation: Any) -> ArgumentType[Any]:
    try:
        return Structured(annotation)
    except ModelError as error:
        raise UnknownType(str(error)) from None


def read_argument(annotation: type[T], value: object, name: str, *, default: T | None = None) -> T:
    """Make a value of what a caller wrote: of text as it is in XML, forms and queries, or of JSON.

    Args:
        annotation: see :func:`argument_type`.
        value: what was written; ``None`` and the empty text are nothing.
        name: of it, for messages.
        default: the value of nothing; ``None`` where there must be something.

    Raises:
        InvalidValue: it is not of that type, or missing.
        UnknownType: there is no such type.
    """
    if value is None or value == "":
        if default is not None:
            return default
        raise InvalidValue(f"{name} is missing")
    kind = argument_type(annotation)
    try:
        made: T = kind.parse(value) if isinstance(value, str) else kind.parse_json(value)
    except ValueError as error:
        raise InvalidValue(f"{name}: {error}") from None
    return made
