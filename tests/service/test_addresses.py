"""The addresses at the gateway that are users' own."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tigrest.errors import InvalidJID
from tigrest.service import Addresses
from tigrest.xmpp.jid import JID, escaped


def addresses(jid: str = "http.example.org") -> Addresses:
    return Addresses(JID(jid), JID("example.org"))


def test_nobody_gets_the_address_of_somebody_else() -> None:
    """A local part may look like a whole address: anybody may have registered it."""
    users = [
        r"robot\40elsewhere.org@example.org",
        "robot@elsewhere.org",
        r"robot\5c40elsewhere.org@example.org",
        r"\40elsewhere.org@example.org",
    ]
    found = {addresses().address_of(JID(user)) for user in [*users, "elsewhere.org", "elsewhere.org@example.org"]}
    assert len(found) == 6
    assert addresses().address_of(JID(users[0])) == r"robot\5c40elsewhere.org\40example.org@http.example.org"


def test_everybody_has_our_address_when_it_is_one_of_a_user() -> None:
    ours = addresses("gateway@example.org/rest")
    assert ours.address_of(JID("alice@example.org")) == ours.address_of(JID("robot@elsewhere.org")) == "gateway@example.org"


def test_an_address_that_would_be_too_long_is_refused() -> None:
    with pytest.raises(InvalidJID):
        addresses().address_of(JID("a" * 1000 + "@" + "b" * 63 + ".org"))


def test_escapes_are_those_of_the_specification() -> None:
    assert escaped(" \"&'/:<>@\\") == r"\20\22\26\27\2f\3a\3c\3e\40" + "\\"
    assert escaped(r"\2f \2g \5c") == r"\5c2f\20\2g\20\5c5c"


@given(st.text(alphabet="\\0257acef @/:b") | st.text())
def test_what_is_escaped_can_be_read_again(text: str) -> None:
    assert re.sub(r"\\(20|22|26|27|2f|3a|3c|3e|40|5c)", lambda match: chr(int(match[1], 16)), escaped(text)) == text
