"""Data forms (XEP-0004), read and written."""

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
    """One choice of a ``list-*`` field."""

    value: str
    label: str = ""


@dataclass(frozen=True)
class Field:
    """One field of a form.

    Args:
        var: its name; empty only for ``fixed`` fields.
        values: its values, in order. No value and one empty value are different: ``()`` and ``("",)``.
        type: one of XEP-0004 §3.3, e.g. ``text-single``; empty when not said.
        label: text for people; empty when not said.
        options: choices of a list field.
        required: whether it must be filled in.
        desc: help for people.
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
        """First value, or the empty string."""
        return self.values[0] if self.values else ""

    @property
    def is_multi(self) -> bool:
        """Whether it may have several values. Tigase's older commands write the type into ``label``."""
        return (self.type or self.label).endswith("-multi") or len(self.values) > 1


@dataclass(frozen=True)
class FormTable:
    """Rows of a result form (``reported`` and ``item``, XEP-0004 §3.4)."""

    columns: tuple[Field, ...]
    rows: tuple[tuple[Field, ...], ...]


@dataclass(frozen=True)
class DataForm:
    """A data form.

    Args:
        type: ``form``, ``submit``, ``cancel`` or ``result``.
        fields: its fields, in order.
        title, instructions: texts for people; empty when absent. Several instructions are joined by newlines.
        table: its ``reported`` table, if it has one.
    """

    type: str
    fields: tuple[Field, ...] = ()
    title: str = ""
    instructions: str = ""
    table: FormTable | None = None

    def field(self, var: str) -> Field | None:
        """The field of this name."""
        return next((f for f in self.fields if f.var == var), None)

    def values(self, var: str) -> tuple[str, ...]:
        """All values of a field; empty when there is no such field."""
        found = self.field(var)
        return found.values if found else ()

    def value(self, var: str) -> str:
        """First value of a field; empty when there is none."""
        return next(iter(self.values(var)), "")

    @classmethod
    def of(cls, element: ET.Element) -> DataForm:
        """Read an ``x`` element."""
        instructions = [child.text or "" for child in element.findall(f"{_N}instructions")]
        reported = element.find(f"{_N}reported")
        table = None
        if reported is not None:
            rows = tuple(_fields(item) for item in element.findall(f"{_N}item"))
            table = FormTable(_fields(reported), rows)
        return cls(element.get("type", "form"), _fields(element), element.findtext(f"{_N}title", ""), "\n".join(instructions), table)

    @classmethod
    def find(cls, parent: ET.Element) -> DataForm | None:
        """Read the form among the children of an element, if there is one."""
        element = parent.find(f"{_N}x")
        return None if element is None else cls.of(element)

    def to_element(self) -> ET.Element:
        """Write it as an ``x`` element."""
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
        values: names and values, in the order wanted.
        template: the form being answered; its types are used, and its ``hidden`` fields go back where not given.
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
