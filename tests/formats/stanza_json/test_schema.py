"""The JSON Schema: it describes what there is, and fits it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from tests.formats.stanza_json import strategies
from tigrest.formats.stanza_json.envelope import KEYS
from tigrest.formats.stanza_json.reading import from_json
from tigrest.formats.stanza_json.schema import schema
from tigrest.formats.stanza_json.table import ROWS
from tigrest.formats.stanza_json.vocabulary import SEED, Row
from tigrest.formats.stanza_json.writing import to_json

SCHEMA = schema()
TYPES: dict[str, Any] = {"string": str, "boolean": bool, "integer": int, "number": (int, float), "array": list, "object": dict}


def fits(value: Any, wanted: dict[str, Any]) -> bool:
    """Validate by the part of JSON Schema that we use."""
    if "anyOf" in wanted:
        return any(fits(value, other) for other in wanted["anyOf"])
    if "enum" in wanted and value not in wanted["enum"]:
        return False
    if "type" not in wanted:
        return True
    if not isinstance(value, TYPES[wanted["type"]]) or (isinstance(value, bool) and wanted["type"] in ("integer", "number")):
        return False
    if isinstance(value, list):
        return all(fits(item, wanted["items"]) for item in value)
    return not isinstance(value, dict) or members_fit(value, wanted)


def members_fit(value: dict[str, Any], wanted: dict[str, Any]) -> bool:
    known, more = wanted.get("properties", {}), wanted.get("additionalProperties", True)
    if not set(wanted.get("required", ())) <= value.keys():
        return False
    others = {} if more is True else more
    return all(fits(item, known[key]) if key in known else others is not False and fits(item, others) for key, item in value.items())


def test_it_has_every_key_with_meaning_and_example() -> None:
    assert SCHEMA["properties"].keys() == KEYS | {row.key for row in ROWS}
    for key, value in SCHEMA["properties"].items():
        assert value["description"], key
        assert "example" in value, key


def test_it_has_the_keys_of_the_seed() -> None:
    """Those of OpenAPI document 0.1.0 of mod_rest."""
    seed = (
        "body command dataform delay disco formdata from html id items join kind lang nick oob_url payload ping priority replace show "
        "state stats status subject thread to type version"
    )
    assert KEYS | {row.key for row in ROWS if row.generation == SEED} == set(seed.split())


def test_it_is_json_and_fits_its_own_example() -> None:
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
    assert fits(SCHEMA["example"], SCHEMA)
    assert from_json(SCHEMA["example"]).kind == "message"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_examples_fit_and_so_does_what_we_write(row: Row) -> None:
    assert fits({row.key: row.example}, SCHEMA)
    for kind in row.kinds:
        written = to_json(from_json({"kind": kind, "type": "result" if kind == "iq" else None, row.key: row.example}))
        assert fits(written, SCHEMA), written


@pytest.mark.hypothesis
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_values_fit(row: Row) -> None:
    @settings(max_examples=settings().max_examples // 5)
    @given(strategies.of(row.shape))
    def check(value: Any) -> None:
        assert fits(without_nulls({row.key: value}), SCHEMA)

    check()


def without_nulls(value: Any) -> Any:
    """JSON without members that are null, which schemas do not mention."""
    if isinstance(value, dict) and "datatype" not in value:
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    "value", [{"body": 5}, {"boddy": "x"}, {"show": "busy"}, {"command": {}}, {"reply": {"to": "x"}}, {"items": [{}]}, []]
)
def test_what_is_refused_does_not_fit(value: Any) -> None:
    assert not fits(value, SCHEMA)
