"""What is written as XML comes back as the same JSON: every key of every kind, alone and together."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.formats.stanza_json import strategies
from tigrest.formats.stanza_json.reading import from_json
from tigrest.formats.stanza_json.table import ROWS, VOCABULARIES
from tigrest.formats.stanza_json.vocabulary import Row
from tigrest.formats.stanza_json.writing import to_json
from tigrest.xmpp.kinds import STANZA_TYPES
from tigrest.xmpp.stanza import Stanza

ONLY_WRITTEN = {"formdata": "dataform", "error_code": "error"}
"""Keys that come back as others."""

TOGETHER = {"oob_url": "oob", "oob": "oob_url", "join": "muc", "muc": "join"}
"""Keys that always come back together."""

PLACES = [(kind, row) for kind in VOCABULARIES for row in ROWS if kind in row.kinds]

fewer = settings(max_examples=settings().max_examples // 3, suppress_health_check=list(HealthCheck))
"""For each of many keys."""


def place_of(place: Any) -> str:
    return place.key if isinstance(place, Row) else str(place)


def round_trip(value: dict[str, Any]) -> dict[str, Any]:
    stanza = from_json(value)
    return to_json(Stanza.parse(bytes(stanza)))


def as_reply(stanza: dict[str, Any]) -> dict[str, Any]:
    """Return a stanza whose items, if it is a result, are a list and no query, which looks like an empty one in XML."""
    is_query = stanza.get("type") == "result" and isinstance(stanza.get("items"), bool | str)
    return stanza | {"items": []} if is_query else stanza


@pytest.mark.hypothesis
@pytest.mark.parametrize(("kind", "row"), PLACES, ids=place_of)
def test_a_key_alone(kind: str, row: Row) -> None:
    @fewer
    @given(strategies.of(row.shape))
    def check(value: Any) -> None:
        given_type = {"type": "result"} if kind == "iq" else {}
        stanza = {"kind": kind, **given_type, row.key: value}
        back = round_trip(stanza)
        if row.key in ONLY_WRITTEN:
            assert ONLY_WRITTEN[row.key] in back
        else:
            assert back[row.key] == as_reply(stanza)[row.key]
        assert round_trip(back) == back

    check()


@pytest.mark.hypothesis
@pytest.mark.parametrize("kind", VOCABULARIES)
def test_keys_together(kind: str) -> None:
    rows = {key: row for key, row in VOCABULARIES[kind].rows.items() if key not in (*ONLY_WRITTEN, *TOGETHER, "error")}
    keys = st.lists(st.sampled_from(sorted(rows)), unique=True, max_size=1 if kind == "iq" else 4)
    types = [name for name in STANZA_TYPES[kind] if name not in ("error", "get", "set")]
    attributes = st.fixed_dictionaries(
        {"kind": st.just(kind), "type": st.sampled_from(types)},
        optional={"to": strategies.ADDRESS, "from": strategies.ADDRESS, "id": strategies.TEXT, "lang": strategies.TEXT},
    )

    @fewer
    @given(attributes, keys.flatmap(lambda names: st.fixed_dictionaries({name: strategies.of(rows[name].shape) for name in names})))
    def check(envelope: dict[str, Any], payload: dict[str, Any]) -> None:
        assert round_trip(envelope | payload) == as_reply(envelope | payload)

    check()


@pytest.mark.parametrize(("kind", "row"), PLACES, ids=place_of)
def test_the_example_of_a_key(kind: str, row: Row) -> None:
    back = round_trip({"kind": kind, "type": "result" if kind == "iq" else None, row.key: row.example})
    extra = {row.key, TOGETHER.get(row.key), ONLY_WRITTEN.get(row.key)}
    assert back.keys() - {"kind", "type"} <= extra
    if row.key not in ONLY_WRITTEN and (kind, row.key) != ("iq", "archive"):
        assert back[row.key] == row.example


@pytest.mark.parametrize("key", sorted(TOGETHER))
def test_keys_that_say_the_same_are_one_element(key: str) -> None:
    row = next(row for row in ROWS if row.key == key)
    stanza = from_json(round_trip({"kind": row.kinds[0], key: row.example}))
    assert len(stanza.xml) == 1


def test_two_attached_files_stay_two() -> None:
    both = {"kind": "message", "oob": {"url": "http://a/"}, "oob_url": "http://b/"}
    assert len(from_json(both).xml) == 2
    assert round_trip(both) == both


def test_a_key_means_one_thing_in_each_kind() -> None:
    for kind in VOCABULARIES:
        keys = [row.key for row in ROWS if kind in row.kinds]
        assert len(keys) == len(set(keys))
