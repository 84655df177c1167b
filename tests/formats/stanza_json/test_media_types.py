"""Which media type an answer has."""

from __future__ import annotations

import pytest

from tigrest.formats.stanza_json.media_types import choose_media_type

XML, JSON, FORM, TEXT = "application/xmpp+xml", "application/json", "application/x-www-form-urlencoded", "text/plain"


@pytest.mark.parametrize(
    ("accept", "content_type", "answer"),
    [
        ("", "", XML),
        ("*/*", "", XML),
        ("*/*", JSON, JSON),
        ("", "application/json; charset=utf-8", JSON),
        ("", FORM, FORM),
        ("*/*", TEXT, XML),
        ("", "text/xml", "text/xml"),
        ("", "image/png", XML),
        ("text/html", JSON, JSON),
        ("text/html", "", XML),
        ("text/html, */*;q=0.1", JSON, JSON),
        (JSON, XML, JSON),
        (XML, JSON, XML),
        (FORM, JSON, FORM),
        (TEXT, JSON, JSON),
        (TEXT, TEXT, XML),
        ("application/xml", JSON, "application/xml"),
        ("Application/JSON", "", JSON),
        ("application/json;charset=utf-8", "", JSON),
        (f"{XML}, {JSON}", "", XML),
        (f"{JSON}, {XML}", "", JSON),
        (f"{XML};q=0.1, {JSON};q=0.9", "", JSON),
        (f"{XML}; q=0.1 , {JSON}; q=0.9", XML, JSON),
        ("application/json, text/plain, */*", XML, JSON),
        ("*/*, application/json", XML, JSON),
        ("application/*", JSON, JSON),
        ("application/*", TEXT, XML),
        ("text/*", "", "text/xml"),
        ("text/*", "text/xml", "text/xml"),
        (f"*/*, {XML};q=0", XML, JSON),
        (f"{XML};q=0", "", XML),
        ("*/*;q=0", JSON, JSON),
        (f"{JSON};q=high, {XML};q=0.1", "", XML),
        (f"{JSON};q=7, {XML}", "", JSON),
        (",,", JSON, JSON),
    ],
)
def test_the_answer_has_the_type_that_is_wanted_most(accept: str, content_type: str, answer: str) -> None:
    assert choose_media_type(accept, content_type) == answer
