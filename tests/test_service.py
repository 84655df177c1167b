"""What the service tells without asking anybody."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tigrest.errors import InvalidJID
from tigrest.jid import JID, escaped
from tigrest.service import Policy, Service


class Addresses:
    """As much of a back end as is needed to know our addresses."""

    def __init__(self, jid: str = "http.example.org", domain: str = "example.org") -> None:
        self.jid, self.domain = JID(jid), JID(domain)


async def service(backend: Addresses | None = None) -> Service:
    known: Any = backend or Addresses()
    return Service(known, Policy(known.jid, known.domain))


@pytest.mark.parametrize(
    ("user", "address"),
    [
        ("alice@example.org", "alice@http.example.org"),
        ("alice@example.org/desk", "alice@http.example.org"),
        ("ü@example.org", "ü@http.example.org"),
        (r"d\27artagnan@example.org", r"d\27artagnan@http.example.org"),
        ("robot@elsewhere.org", r"robot\40elsewhere.org@http.example.org"),
        (r"d\27artagnan@elsewhere.org", r"d\5c27artagnan\40elsewhere.org@http.example.org"),
        ("elsewhere.org", r"\40elsewhere.org@http.example.org"),
        ("example.org", r"\40example.org@http.example.org"),
        ("alice@http.example.org", r"alice\40http.example.org@http.example.org"),
    ],
)
async def test_every_user_has_an_address_of_ours(user: str, address: str) -> None:
    assert (await service()).address_of(JID(user)) == address


async def test_nobody_gets_the_address_of_somebody_else() -> None:
    """A local part may look like a whole address: anybody may have registered it."""
    users = [
        r"robot\40elsewhere.org@example.org",
        "robot@elsewhere.org",
        r"robot\5c40elsewhere.org@example.org",
        r"\40elsewhere.org@example.org",
    ]
    addresses = {(await service()).address_of(JID(user)) for user in [*users, "elsewhere.org", "elsewhere.org@example.org"]}
    assert len(addresses) == 6
    assert (await service()).address_of(JID(users[0])) == r"robot\5c40elsewhere.org\40example.org@http.example.org"


async def test_everybody_has_our_address_when_it_is_one_of_a_user() -> None:
    ours = await service(Addresses("gateway@example.org/rest"))
    assert ours.address_of(JID("alice@example.org")) == ours.address_of(JID("robot@elsewhere.org")) == "gateway@example.org"


async def test_an_address_that_would_be_too_long_is_refused() -> None:
    with pytest.raises(InvalidJID):
        (await service()).address_of(JID("a" * 1000 + "@" + "b" * 63 + ".org"))


def test_escapes_are_those_of_the_specification() -> None:
    assert escaped(" \"&'/:<>@\\") == r"\20\22\26\27\2f\3a\3c\3e\40" + "\\"
    assert escaped(r"\2f \2g \5c") == r"\5c2f\20\2g\20\5c5c"


@given(st.text(alphabet="\\0257acef @/:b") | st.text())
def test_what_is_escaped_can_be_read_again(text: str) -> None:
    assert re.sub(r"\\(20|22|26|27|2f|3a|3c|3e|40|5c)", lambda match: chr(int(match[1], 16)), escaped(text)) == text
