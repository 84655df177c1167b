"""Data forms as values: parsed from XML, written as XML. XEP-0004"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from tigrest.xmpp.namespaces import DATA_FORMS, DATA_VALIDATION, MEDIA_ELEMENT

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
_VALUE, _DESC, _REQUIRED, _FIELD = f"{_N}value", f"{_N}desc", f"{_N}required", f"{_N}field"


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
class Media:
    """A picture, sound or film that belongs to a field, such as a QR code to scan. XEP-0221

    Args:
        type: media type.
        uri: where it is.
    """

    type: str
    uri: str


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
        is_open: whether a list field takes values that are none of its options. XEP-0122 §4.3.2
        media: what is shown with it.
    """

    var: str
    values: tuple[str, ...] = ()
    type: str = ""
    label: str = ""
    options: tuple[Option, ...] = ()
    required: bool = False
    desc: str = ""
    is_open: bool = False
    media: tuple[Media, ...] = ()

    @property
    def value(self) -> str:
        """Return the first value; empty when there is none."""
        return self.values[0] if self.values else ""

    @property
    def is_multi(self) -> bool:
        """Return whether the field may have several values. XEP-0004 §3.2"""
        return self.kind.endswith("-multi") or len(self.values) > 1

    @property
    def kind(self) -> str:
        """Return the type of the field: one of :data:`FIELD_TYPES`, ``text-single`` where none of them is given. XEP-0004 §3.3"""
        if self.type in FIELD_TYPES:
            return self.type
        # Tigase's older commands write the type into the label
        return self.label if not self.type and "-" in self.label and self.label in FIELD_TYPES else "text-single"

    @property
    def asks(self) -> bool:
        """Return whether somebody has to fill in the field: ``fixed`` ones are text, ``hidden`` ones go back as they are. XEP-0004 §3.3"""
        return bool(self.var) and self.kind not in ("fixed", "hidden")


@dataclass(frozen=True)
class FormTable:
    """Rows of a form of type ``result``. XEP-0004 §3.4

    Args:
        columns: the ``reported`` fields; empty for rows without them.
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
        tables: its rows, under each ``reported`` those that follow it: the standard allows one, some entities write several.
    """

    type: str
    fields: tuple[Field, ...] = ()
    title: str = ""
    instructions: str = ""
    tables: tuple[FormTable, ...] = ()

    @property
    def table(self) -> FormTable | None:
        """Return the only table, or the first one; ``None`` when there is none."""
        return next(iter(self.tables), None)

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
        title = element.findtext(f"{_N}title", "")
        return cls(element.get("type", "form"), _fields(element), title, "\n".join(instructions), _tables(element))

    @classmethod
    def find(cls, parent: ET.Element) -> DataForm | None:
        """Parse the form among the children of an element; ``None`` when there is none."""
        element = parent.find(f"{_N}x")
        return None if element is None else cls.of(element)

    @classmethod
    def find_all(cls, parent: ET.Element) -> tuple[DataForm, ...]:
        """Parse the forms among the children of an element, in order."""
        return tuple(cls.of(element) for element in parent.findall(f"{_N}x"))

    @property
    def asks(self) -> bool:
        """Return whether the form is to be filled in, and has something to fill in. XEP-0004 §3.1"""
        return self.type == "form" and any(field.asks for field in self.fields)

    def to_element(self) -> ET.Element:
        """Write the form as an ``x`` element."""
        x = ET.Element(f"{_N}x", {"type": self.type})
        if self.title:
            ET.SubElement(x, f"{_N}title").text = self.title
        if self.instructions:
            ET.SubElement(x, f"{_N}instructions").text = self.instructions
        _write_fields(x, self.fields)
        for table in self.tables:
            if table.columns:
                _write_fields(ET.SubElement(x, f"{_N}reported"), table.columns)
            for row in table.rows:
                _write_fields(ET.SubElement(x, f"{_N}item"), row)
        return x


def _tables(element: ET.Element) -> tuple[FormTable, ...]:
    """Parse ``reported`` and ``item`` children; rows without ``reported`` are a table too."""
    parts: list[tuple[tuple[Field, ...], list[tuple[Field, ...]]]] = []
    for child in element:
        if child.tag == f"{_N}reported":
            parts.append((_fields(child), []))
        elif child.tag == f"{_N}item":
            if not parts:
                parts.append(((), []))
            parts[-1][1].append(_fields(child))
    return tuple(FormTable(columns, tuple(rows)) for columns, rows in parts)


def _fields(parent: ET.Element) -> tuple[Field, ...]:
    return tuple(_field(child) for child in parent.findall(_FIELD))


def _field(element: ET.Element) -> Field:
    get = element.get
    var, kind, label = get("var", ""), get("type", ""), get("label", "")
    if not len(element):
        return Field(var, (), kind, label)
    values, desc, required = [], "", False
    further: list[ET.Element] = []
    for child in element:  # one pass: a stranger's form may have as many fields as there is room for in a stanza
        tag = child.tag
        if tag == _VALUE:
            values.append(child.text or "")
        elif tag == _DESC:
            desc = desc or child.text or ""
        elif tag == _REQUIRED:
            required = True
        else:
            further.append(child)
    if not further:
        return Field(var, tuple(values), kind, label, (), required, desc)
    options = tuple(Option(each.findtext(_VALUE, ""), each.get("label", "")) for each in further if each.tag == f"{_N}option")
    is_open = any(each.find(f"{{{DATA_VALIDATION}}}open") is not None for each in further if each.tag == f"{{{DATA_VALIDATION}}}validate")
    media = (uri for each in further if each.tag == f"{{{MEDIA_ELEMENT}}}media" for uri in each.findall(f"{{{MEDIA_ELEMENT}}}uri"))
    shown = tuple(Media(uri.get("type", ""), (uri.text or "").strip()) for uri in media)
    return Field(var, tuple(values), kind, label, options, required, desc, is_open, shown)


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
        if f.is_open:
            validate = ET.SubElement(element, f"{{{DATA_VALIDATION}}}validate")
            ET.SubElement(validate, f"{{{DATA_VALIDATION}}}open")
        for media in f.media:
            uri = ET.SubElement(ET.SubElement(element, f"{{{MEDIA_ELEMENT}}}media"), f"{{{MEDIA_ELEMENT}}}uri", {"type": media.type})
            uri.text = media.uri
