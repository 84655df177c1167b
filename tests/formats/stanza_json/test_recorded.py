"""What mod_rest did, recorded on the wire: two generations of it, each with JSON sent and stanza seen, or stanza sent and JSON seen.

``seed`` is the version of the OpenAPI document 0.1.0, ``newer`` one of 2024, ``both`` stands where they agree, ``null`` for a refusal.
We agree with one of them, or with both at once where they write different keys.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tigrest.errors import MalformedContent
from tigrest.formats.stanza_json.reading import from_json
from tigrest.formats.stanza_json.writing import to_json
from tigrest.xmpp.namespaces import CLIENT
from tigrest.xmpp.stanza import Stanza

PAIRS: list[dict[str, Any]] = [
    json.loads(line) for line in (Path(__file__).parent / "recorded_pairs.jsonl").read_text("utf-8").splitlines()
]

OTHERWISE = {
    "to xml: state bogus": "a state that does not exist is refused",
    "to xml: dataform msg": "mod_rest nests fields in one another and drops options and true",
    "to xml: formdata bool/num": "mod_rest drops values that are not text, and the type of the form",
    "to xml: archive result": "a message from an archive is a message, not an iq",
    "to json: muc mediated invite": "what a room tells of the sender, and invitations by way of it, have a key",
    "to xml: error": "mod_rest breaks on its own way of writing errors",
    "to xml: Q command data": "mod_rest leaves out the type of the form",
    "to xml: Q command note+actions": "mod_rest drops the note beside actions",
    "to xml: Q stats": "the attribute is units, XEP-0039; mod_rest writes unit",
    "to xml: X type chat+disco": "a disco query in a message means nothing to anybody; the key is refused like any other of another kind",
    "to json: dataform": "mod_rest keeps only the first of several values in a field without type",
    "to json: Q command actions": "mod_rest drops the note beside actions",
    "to json: Q register form": "the form of a registration is kept, as form",
    "to json: command 2 notes + result": "further notes are kept, as notes",
    "to json: stats": "units is read, too",
    "to json: fin": "complete is kept",
    "to json: items empty": "a list without items is a list, not true",
}
"""Pairs that we do not follow, and why."""


def name_of(pair: dict[str, Any]) -> str:
    return f"{pair['direction']}: {pair['case']}"


def recorded(pair: dict[str, Any]) -> list[Any]:
    return [pair["both"]] if "both" in pair else [pair["seed"], pair["newer"]]


def tree(element: ET.Element) -> Any:
    """Return an element, whatever the order of its children."""
    children = sorted((tree(child) for child in element), key=repr)
    return [element.tag.removeprefix(f"{{{CLIENT}}}"), sorted(element.attrib.items()), element.text or "", children]


def agrees_to_xml(pair: dict[str, Any]) -> bool:
    try:
        ours = tree(from_json(pair["given"]).xml)
    except MalformedContent:
        return None in recorded(pair)
    return ours in [tree(ET.fromstring(xml)) for xml in recorded(pair) if xml is not None]


def agrees_to_json(pair: dict[str, Any]) -> bool:
    theirs = [canonical(value) for value in recorded(pair)]
    return canonical(to_json(Stanza.parse(pair["given"]))) in [*theirs, theirs[-1] | theirs[0]]


def canonical(stanza: dict[str, Any]) -> dict[str, Any]:
    """JSON without what the test rig put in, and with XML in one way of writing."""
    kept = {key: value for key, value in stanza.items() if key not in ("to", "from", "id", "lang")}
    return kept | ({"html": ET.canonicalize(kept["html"])} if "html" in kept else {})


@pytest.mark.parametrize("pair", PAIRS, ids=name_of)
def test_a_recorded_pair_is_followed_unless_listed(pair: dict[str, Any]) -> None:
    agrees = agrees_to_xml(pair) if pair["direction"] == "to xml" else agrees_to_json(pair)
    assert agrees == (name_of(pair) not in OTHERWISE), OTHERWISE.get(name_of(pair), recorded(pair))


def test_the_list_names_pairs_there_are() -> None:
    assert OTHERWISE.keys() <= {name_of(pair) for pair in PAIRS}
