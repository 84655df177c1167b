"""The page about stanzas as JSON is true."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.formats.stanza_json.test_recorded import tree
from tigrest.errors import InvalidJID, InvalidStanza, MalformedContent
from tigrest.formats.stanza_json.reading import from_json
from tigrest.formats.stanza_json.reference import BEGIN, reference, update_pages, updated
from tigrest.formats.stanza_json.table import GROUPS, ROWS

PAGE = Path(__file__).parent.parent.parent.parent / "docs" / "stanzas-as-json.md"
TEXT = PAGE.read_text("utf-8")

EXAMPLES = re.findall(r"^```json\n(.*?)^```\n\n```xml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def refusals(heading: str) -> list[tuple[str, str]]:
    part = TEXT.split(heading, 1)[1].split("|---|---|\n", 1)[1].split("\n\n", 1)[0]
    return re.findall(r"^\| `(.*)` \| `(.*)` \|$", part, re.MULTILINE)


def stripped(element: ET.Element) -> ET.Element:
    for inner in element.iter():
        inner.text = (inner.text or "").strip()
    return element


def test_the_key_reference_is_up_to_date() -> None:
    assert updated(TEXT) == TEXT, "run make docs"


def test_the_reference_can_be_written_anew(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(TEXT.split(BEGIN)[0] + BEGIN + "\nold\n<!-- end of keys -->\n")
    update_pages([str(page)])
    assert page.read_text() == TEXT


def test_the_reference_has_every_key() -> None:
    assert {row.key for row in ROWS} <= set(re.findall(r"^- \*\*`(\w+)`", reference(), re.MULTILINE))
    assert [row for rows in GROUPS.values() for row in rows] == list(ROWS)


@pytest.mark.parametrize(("given", "xml"), EXAMPLES)
def test_an_example_is_the_xml_beside_it(given: str, xml: str) -> None:
    assert tree(from_json(json.loads(given)).xml) == tree(stripped(ET.fromstring(xml)))


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 6


@pytest.mark.parametrize(("given", "message"), refusals("## What does not fit"))
def test_a_refusal_has_the_message_beside_it(given: str, message: str) -> None:
    with pytest.raises((MalformedContent, InvalidJID)) as refused:
        from_json(json.loads(given))
    assert str(refused.value) == message
    assert not isinstance(refused.value, InvalidStanza)


@pytest.mark.parametrize(("given", "message"), refusals("but are no stanzas"))
def test_what_is_no_stanza_is_another_error(given: str, message: str) -> None:
    with pytest.raises(InvalidStanza) as refused:
        from_json(json.loads(given))
    assert str(refused.value) == message
