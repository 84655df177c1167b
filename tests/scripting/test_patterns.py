"""Paths that patterns match, for the OpenAPI document."""

from __future__ import annotations

import re

import pytest

from tigrest.scripting.patterns import MAX_VARIANTS, PathGroup, Variant, variants


def shown(variant: Variant) -> str:
    return "".join(piece if isinstance(piece, str) else f"{{{piece.index}}}" for piece in variant)


@pytest.mark.parametrize(
    ("regex", "paths"),
    [
        (r"", [""]),
        (r"/?", ["", "/"]),
        (r"/hello/([^/]+)", ["/hello/{0}"]),
        (r"(?i)^/hello$", ["/hello"]),
        (r"/a\.b-c", ["/a.b-c"]),
        (r"(?:/((?s:.*)))?", ["", "/{0}"]),
        (r"/([^/]+)(?:/|/(avatar|vcard4))?", ["/{0}", "/{0}/", "/{0}/{1}"]),
        (r"/(?:in|out)/(\d+)?", ["/in/", "/out/", "/in/{0}", "/out/{0}"]),
        (r"/(?P<outer>x(y)[)(]?\))/([^/]+)", ["/{0}/{2}"]),
        (r"/a(?=/)/(b)(?!c)", ["/a/{0}"]),
        (r"/x+y*", ["/x", "/xy"]),
        (r"/a|/b", ["/a", "/b"]),
    ],
)
def test_forms_of_a_path_are_told_apart(regex: str, paths: list[str]) -> None:
    assert sorted(map(shown, variants(re.compile(regex)))) == sorted(paths)


@pytest.mark.parametrize(
    "regex", [r"/[ab]", r"/.", r"/\d", r"/(a)+", r"/a{2}", r"/(a)/(?P=b)(?P<b>c)".replace("(?P=b)", r"\1"), r"/(a)?(?(1)b|c)"]
)
def test_forms_of_what_is_not_one_of_a_few_texts_are_not_listed(regex: str) -> None:
    assert variants(re.compile(regex)) == ()


def test_forms_of_a_pattern_for_people_are_not_listed() -> None:
    assert variants(re.compile("/a  # the first", re.VERBOSE)) == ()


def test_a_pattern_has_a_bounded_number_of_forms() -> None:
    assert variants(re.compile("/a?b?c?d?e?")) == ()
    assert MAX_VARIANTS < 2**5


@pytest.mark.parametrize(
    ("source", "choices"),
    [
        ("(in|out)", ("in", "out")),
        (r"(?P<at>a\.b|vcard-temp)", ("a.b", "vcard-temp")),
        ("([^/]+)", ()),
        ("(a|b+)", ()),
        ("(a|)", ()),
        ("((?s:.*))", ()),
    ],
)
def test_a_group_of_texts_lists_them(source: str, choices: tuple[str, ...]) -> None:
    assert PathGroup(0, source).choices == choices


@pytest.mark.parametrize(("source", "spans"), [("([^/]+)", False), ("((?s:.*))", False), ("([^/]+/(?s:.+))", True), (r"(a\/b)", True)])
def test_a_group_that_has_a_slash_spans_segments(source: str, spans: bool) -> None:
    assert PathGroup(0, source).spans_segments is spans
