"""Data forms as values: parsed from XML, written as XML. XEP-0004"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from tigrest.xmpp.namespaces import DATA_FORMS

FORM_TYPE = "FORM_TYPE"
"""Name of the field that says what the other fields mean. XEP-0068"""

FORM_TYPES = ("form", "submit", "cancel", "result")
"""Types of forms. XEP-0004 §3.1"""

FIELD_TYPES = (
    "boolean",
    "fixed",
    "hidden",
    "jid-multi",
    "jid-single",
    "list-multi",
    "list-single",
    "text-multi",
    "text-private",
    "text-single",
)
"""Types of fields. XEP-0004 §3.3"""

_N = f"{{{DATA_FORMS}}}"


@dataclass(frozen=True)
class Option:
    """A choice of a list field. XEP-0004 §3.2

    Args:
        value: value that the choice submits.
        label: text for people; empty for none.
    """

    value: str
    label: str = ""


@dataclass(frozen=True)
class Field:
    """A field of a form. XEP-0004 §3.2

    Args:
        var: its name; empty for ``fixed`` fields, which need none.
        values: its values, in order. ``()`` is no value, ``("",)`` one empty value.
        type: one of :data:`FIELD_TYPES`; empty when the form does not say.
        label: text for people; empty for none.
        options: choices of a list field.
        required: whether a value is required.
        desc: longer description for people; empty for none.
    """

    var: str
    values: tuple[str, ...] = ()
    type: str = ""
    label: str = ""
    options: tuple[Option, ...] = ()
    required: bool = False
    desc: str = ""

    @property
    def value(self) -> str:
        """Return the first value; empty when there is none."""
        return self.values[0] if self.values else ""

    @property
    def is_multi(self) -> bool:
        """Return whether the field may have several values."""
        # Tigase's older commands write the type into the label
        return (self.type or self.label).endswith("-multi") or len(self.values) > 1


@dataclass(frozen=True)
class FormTable:
    """Rows of a form of type ``result``. XEP-0004 §3.4

    Args:
        columns: the ``reported`` fields.
        rows: an ``item`` each, as fields.
    """

    columns: tuple[Field, ...]
    rows: tuple[tuple[Field, ...], ...]


@dataclass(frozen=True)
class DataForm:
    """A data form.

    Args:
        type: one of :data:`FORM_TYPES`.
        fields: its fields, in order.
        title: text for people; empty for none.
        instructions: text for people, several joined by newlines; empty for none.
        table: its rows; ``None`` without ``reported``.
    """

    type: str
    fields: tuple[Field, ...] = ()
    title: str = ""
    instructions: str = ""
    table: FormTable | None = None

    def field(self, var: str) -> Field | None:
        """Return the field of a name; ``None`` when there is none."""
        return next((f for f in self.fields if f.var == var), None)

    def values(self, var: str) -> tuple[str, ...]:
        """Return all values of a field; empty when there is no such field."""
        found = self.field(var)
        return found.values if found else ()

    def value(self, var: str) -> str:
        """Return the first value of a field; empty when there is none."""
        return next(iter(self.values(var)), "")

    @classmethod
    def of(cls, element: ET.Element) -> DataForm:
        """Parse an ``x`` element."""
        instructions = [child.text or "" for child in element.findall(f"{_N}instructions")]
        reported = element.find(f"{_N}reported")
        table = None
        if reported is not None:
            rows = tuple(_fields(item) for item in element.findall(f"{_N}item"))
            table = FormTable(_fields(reported), rows)
        return cls(element.get("type", "form"), _fields(element), element.findtext(f"{_N}title", ""), "\n".join(instructions), table)

    @classmethod
    def find(cls, parent: ET.Element) -> DataForm | None:
        """Parse the form among the children of an element; ``None`` when there is none."""
        element = parent.find(f"{_N}x")
        return None if element is None else cls.of(element)

    def to_element(self) -> ET.Element:
        """Write the form as an ``x`` element."""
        x = ET.Element(f"{_N}x", {"type": self.type})
        if self.title:
            ET.SubElement(x, f"{_N}title").text = self.title
        if self.instructions:
            ET.SubElement(x, f"{_N}instructions").text = self.instructions
        _write_fields(x, self.fields)
        if self.table is not None:
            _write_fields(ET.SubElement(x, f"{_N}reported"), self.table.columns)
            for row in self.table.rows:
                _write_fields(ET.SubElement(x, f"{_N}item"), row)
        return x


def submit(values: Iterable[tuple[str, Sequence[str]]], template: DataForm | None = None) -> DataForm:
    """Fill in a form.

    Args:
        values: names and values, in the order in which they are sent.
        template: the form being answered: gives the types of fields, and the ``hidden`` fields that are returned with their values.

    XEP-0004 §3.1
    """
    types = {f.var: f.type for f in template.fields} if template else {}
    fields = [Field(var, tuple(given), types.get(var, "")) for var, given in values]
    given_vars = {f.var for f in fields}
    asked = template.fields if template else ()
    hidden = [Field(f.var, f.values, f.type) for f in asked if f.type == "hidden" and f.var not in given_vars]
    return DataForm("submit", (*hidden, *fields))


def _fields(parent: ET.Element) -> tuple[Field, ...]:
    return tuple(_field(child) for child in parent.findall(f"{_N}field"))


def _field(element: ET.Element) -> Field:
    return Field(
        var=element.get("var", ""),
        values=tuple(v.text or "" for v in element.findall(f"{_N}value")),
        type=element.get("type", ""),
        label=element.get("label", ""),
        options=tuple(Option(o.findtext(f"{_N}value", ""), o.get("label", "")) for o in element.findall(f"{_N}option")),
        required=element.find(f"{_N}required") is not None,
        desc=element.findtext(f"{_N}desc", ""),
    )


def _write_fields(parent: ET.Element, fields: Iterable[Field]) -> None:
    for f in fields:
        attributes = {"var": f.var, "type": f.type, "label": f.label}
        element = ET.SubElement(parent, f"{_N}field", {k: v for k, v in attributes.items() if v})
        if f.desc:
            ET.SubElement(element, f"{_N}desc").text = f.desc
        if f.required:
            ET.SubElement(element, f"{_N}required")
        for value in f.values:
            ET.SubElement(element, f"{_N}value").text = value
        for option in f.options:
            choice = ET.SubElement(element, f"{_N}option", {"label": option.label} if option.label else {})
            ET.SubElement(choice, f"{_N}value").text = option.value
