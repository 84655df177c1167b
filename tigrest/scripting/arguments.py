"""Which type an annotation asks for, and how its value is read."""

from __future__ import annotations

import enum
import types
import typing
from typing import Annotated, Any, Literal, TypeVar

from tigrest.errors import InvalidValue
from tigrest.scripting.argument_types import Address, ArgumentType, Boolean, Choice, Integer, ListOf, Nullable, Number, Text
from tigrest.xmpp.jid import JID, AddressKind

T = TypeVar("T")


class UnknownType(ValueError):
    """An annotation is of no type that arguments may have; the message says which there are."""


TYPES: dict[Any, ArgumentType[Any]] = {str: Text(), JID: Address(), int: Integer(), float: Number(), bool: Boolean()}
"""Types that have no arguments of their own, by annotation."""


def argument_type(annotation: Any) -> ArgumentType[Any]:
    """Find the type that an annotation asks for.

    Raises:
        UnknownType: it is none of ``str``, ``int``, ``float``, ``bool``, ``JID``, ``BareJID``, ``FullJID``, ``DomainJID``, an ``Enum``,
            a ``Literal``, a ``list`` of one of these, or one of these ``| None``.
    """
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType) and len(inside) == 2 and type(None) in inside:
        return Nullable(argument_type(next(each for each in inside if each is not type(None))))
    if origin is list and inside and not (inner := argument_type(inside[0])).is_list and not inner.is_optional:
        return ListOf(inner)
    if origin is Annotated and inside[0] is JID and len(inside) == 2 and isinstance(inside[1], AddressKind):
        return Address(inside[1])
    if origin is Literal:
        return Choice([(value, value) for value in inside], {})
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return Choice([(member.value, member) for member in annotation], dict(annotation.__members__))
    try:
        return TYPES[annotation]
    except (KeyError, TypeError):
        raise UnknownType(f"use {', '.join(known.__name__ for known in TYPES)}, a Literal or an Enum") from None


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
