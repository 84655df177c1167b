"""Paths to try a handler with, made from its pattern."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tigrest.scripting.arguments import argument_type
from tigrest.scripting.examples import example_path
from tigrest.xmpp.jid import JID, DomainJID, FullJID


@pytest.mark.parametrize(
    ("regex", "names", "path"),
    [
        ("", [], ""),
        (r"/?", [], ""),
        (r"/hello/([^/]+)", ["name"], "/hello/name"),
        (r"/([^/]+)(?:/|/(avatar|vcard4|vcard-temp))?", ["jid", "source"], "/alice@example.com"),
        (r"/(message|presence|iq)/([^/]+)/((?s:.*))", ["kind", "type", "to"], "/message/type/alice@example.com"),
        (r"/bosh@([^/]+)", ["domain"], "/bosh@example.com"),
        (r"/(\d{4})-(\d\d)/(?P<x>[a-f]+)\.html", ["year", "month", "x"], "/1111-11/a.html"),
        (r"(?i)/HELLO/([^/]+)$", ["name"], "/HELLO/name"),
        (r"/a|/b", [], "/a"),
        (r"/[^]/]{2,3}[]]\w+?\s*", [], "/aa%5Da"),
        (r"/x(?!y)(?=z)z(?<=z)", [], "/xz"),
        (r"/ü ([^/]+)", ["a b"], "/%C3%BC%20a%20b"),
        (r"/([^/]+/(?s:.+))", ["jid"], "/a/a"),
        (r"/()x\b", ["nothing"], "/x"),
    ],
)
def test_a_path_that_the_pattern_matches(regex: str, names: list[str], path: str) -> None:
    assert example_path(re.compile(regex), dict(enumerate(names)), {}) == path


@pytest.mark.parametrize(
    ("annotation", "path"),
    [
        (JID, "/alice@example.com"),
        (DomainJID, "/example.com"),
        (FullJID, "/alice@example.com/desk"),
        (int, "/1"),
        (float, "/1"),
        (bool, "/1"),
    ],
)
def test_an_argument_with_a_type_gets_what_it_reads(annotation: type, path: str) -> None:
    assert example_path(re.compile(r"/(.+)"), {0: "x"}, {0: argument_type(annotation)}) == path


@pytest.mark.parametrize("regex", [r"/(a|b)\1", r"(?x) /a  # c", r"/(x)?(?(1)a|b)", r"/a(?!)", r"/[^\x00-\uffff]"])
def test_for_a_pattern_that_is_too_intricate_there_is_none(regex: str) -> None:
    assert example_path(re.compile(regex), {}, {}) is None


@given(st.text("ab/()[]{}|?*+.\\d^$:!=<P>-1,", max_size=20))
def test_an_example_always_matches(regex: str) -> None:
    try:
        pattern = re.compile(regex)
    except (re.error, FutureWarning):
        return
    path = example_path(pattern, {}, {})
    assert path is None or pattern.fullmatch(path.replace("%5B", "[").replace("%5D", "]")) or "%" in path
