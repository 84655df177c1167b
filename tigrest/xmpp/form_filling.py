"""Fill in data forms: values that were given, and the defaults of the form for all others. XEP-0004 §3.2"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from tigrest.errors import InvalidValue
from tigrest.xmpp.forms import DataForm, Field

Values = Mapping[str, Sequence[str] | None]
"""Values by names of fields; ``None`` for what the form has, an empty sequence to clear a field."""

BOOLEANS = ("false", "true", "0", "1")
"""Spellings of a boolean. XEP-0004 §3.3, W3C XML Schema Part 2 §3.2.2.1"""

LISTED_NAMES = 20
"""Most names or options that an error message lists."""

_NEWLINE = re.compile(r"\r\n|\r|\n")


def fill(form: DataForm, given: Values) -> DataForm:
    """Fill in a form.

    A value is the default of its field, and goes back unless another is given. ``fixed`` fields do not go back, nor do fields without
    any value. Names that the form does not have are ignored.

    Args:
        form: the form to answer.
        given: values by name.

    Returns:
        A form of type ``submit``, its fields in the order of the form.

    Raises:
        InvalidValue: a value is not one that its field may have, or a field that requires one has none.

    XEP-0004 §3.2, §3.3
    """
    missing = [f.var for f in form.fields if f.required and f.asks and given.get(f.var) is None and not any(f.values)]
    if missing:
        raise InvalidValue(f"the form requires a value of {quoted(missing)}: give it in fields")
    filled = [_filled(f, given) for f in form.fields if f.var]
    return DataForm("submit", tuple(f for f in filled if f is not None))


def submission(given: Values) -> DataForm:
    """Return the answer to a form that is not known: the given values, a line each."""
    return DataForm("submit", tuple(Field(var, _lines(values)) for var, values in given.items() if var and values is not None))


def quoted(names: Collection[str]) -> str:
    """Return names as error messages list them."""
    listed = ", ".join(repr(name[:80]) for name in list(names)[:LISTED_NAMES])
    return f"{listed}, …" if len(names) > LISTED_NAMES else listed


def _filled(field: Field, given: Values) -> Field | None:
    """Return a field as it is submitted; ``None`` when it is not."""
    chosen = given.get(field.var)
    values = field.values if chosen is None else tuple(chosen)
    if field.kind == "fixed":
        if values not in (field.values, ()):
            raise InvalidValue(f"field {field.var!r} is text that the form shows (fixed): leave it out")
        return None
    if chosen is None and not values:
        return None
    return Field(field.var, values if values == field.values else _fitting(field, values), field.type)


def _fitting(field: Field, values: tuple[str, ...]) -> tuple[str, ...]:
    """Return values as the type of a field has them.

    Raises:
        InvalidValue: it cannot have them.
    """
    kind = field.kind
    if kind == "hidden":
        return values
    if kind.endswith("-multi"):
        lines = _lines(values)
        if kind == "text-multi":
            return lines
        lines = tuple(line for line in lines if line)
        return _chosen(field, lines) if kind == "list-multi" else lines
    if len(values) > 1:
        raise InvalidValue(f"field {field.var!r} takes one value ({kind}), not {len(values)}")
    if any(_NEWLINE.search(value) for value in values):
        raise InvalidValue(f"field {field.var!r} takes one line ({kind}): a value with a newline cannot be sent in it")
    if kind == "boolean" and any(value not in (*BOOLEANS, "") for value in values):
        raise InvalidValue(f"field {field.var!r} is a boolean, not {values[0][:80]!r}: use true or false")
    return _chosen(field, values) if kind == "list-single" else values


def _lines(values: Sequence[str]) -> tuple[str, ...]:
    """Return each line as a value of its own. XEP-0004 §3.3, third note"""
    return tuple(line for value in values for line in _NEWLINE.split(value))


def _chosen(field: Field, values: tuple[str, ...]) -> tuple[str, ...]:
    """Return chosen options, in the order of the form: it may mean something. XEP-0004 §3.3

    Raises:
        InvalidValue: one is not among the options.
    """
    order = {option.value: index for index, option in enumerate(field.options)}
    known = {"", *order, *field.values}
    strange = [value for value in values if value not in known]
    if strange and order and not field.is_open:
        raise InvalidValue(f"field {field.var!r} does not offer {quoted(strange)}; it has {quoted(order)}")
    return tuple(sorted(values, key=lambda value: order.get(value, len(order))))
