"""XMPP addresses."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tigrest.errors import InvalidJID
from tigrest.xmpp.jid import JID, _memoised


def test_an_address_has_three_parts() -> None:
    jid = JID("Alice@Example.COM/Phone")
    assert (jid.local, jid.domain, jid.resource) == ("alice", "example.com", "Phone")
    assert jid.bare == "alice@example.com"
    assert jid == "alice@example.com/Phone"


def test_an_address_is_text_in_json_and_as_a_key() -> None:
    assert orjson.dumps({"user": JID("a@b")}) == b'{"user":"a@b"}'
    assert "a@b" in {JID("a@b"): 1}


@pytest.mark.parametrize("text", ["localhost", "a@127.0.0.1", "a@[::1]", "a@b/x@y/z", "ü@exämple.org/Ü", r"a\20b@c", "a@b."])
def test_valid_addresses_are_accepted(text: str) -> None:
    assert JID(text).domain


@pytest.mark.parametrize(
    "text",
    [
        *["", "@b", "a@", "a@b/", "a b@c", "a@b@c", "a@b c", "a'@b", "a<@b", "a@b..c", "a@-b", "a@b:5222", "\ud800@b"],
        *["a\n@b", "a@b\n", "a@b/c\nd", "a\x00@b", "a@b/\x07", "a@b/\u2028", "a" * 1024 + "@b", "a@" + "b" * 1024, "a@b/" + "é" * 512],
    ],
)
def test_anything_else_is_refused_with_a_short_message(text: str) -> None:
    with pytest.raises(InvalidJID) as refused:
        JID(text)
    assert len(str(refused.value)) < 250


@pytest.mark.parametrize(
    ("text", "prepared"),
    [("a@b/c\u00a0d", "a@b/c d"), ("a@b/c\u200dd", "a@b/cd"), ("a\u00ad@b", "a@b"), ("\uff21@\uff42.", "a@b")],
)
def test_what_servers_let_pass_is_prepared_as_they_do(text: str, prepared: str) -> None:
    assert JID(text) == prepared


def test_long_addresses_are_not_memoised() -> None:
    before = _memoised.cache_info().currsize
    assert JID(f"a@b/{'c' * 300}").resource == "c" * 300
    assert _memoised.cache_info().currsize == before


@given(st.text(max_size=60))
def test_an_accepted_address_is_stable_and_has_no_control_characters(text: str) -> None:
    try:
        jid = JID(text)
    except InvalidJID:
        return
    assert JID(str(jid)) == jid
    assert str(jid).isprintable()
