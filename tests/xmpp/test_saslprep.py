"""Which passwords can be, and which may be set."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tigrest.errors import InvalidValue
from tigrest.xmpp.saslprep import MAX_PASSWORD_BYTES, expect_settable, saslprep


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),
        ("\u0627\u0031\u0628", "\u0627\u0031\u0628"),
        ("🐯", "🐯"),
    ],
)
def test_passwords_are_prepared(text: str, prepared: str) -> None:
    assert saslprep(text) == prepared


@pytest.mark.parametrize("text", ["\u0007", "\u0627\u0031", "\u0627a\u0628", "\u00ad", "", "a\u200e", "\ue000", "\ufffd", "\U000e0001"])
def test_passwords_that_cannot_be(text: str) -> None:
    with pytest.raises(InvalidValue):
        saslprep(text)


@pytest.mark.parametrize(
    "password", ["secret", "pass word", "schlüssel", "a😀b", "虎", "\u0627\u0628\u062c", "x" * MAX_PASSWORD_BYTES, "a\u00a0b"]
)
def test_passwords_that_may_be_set(password: str) -> None:
    expect_settable(password)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "empty"),
        ("\u00ad", "only characters that are ignored"),
        ("tab\t", r"U\+0009, which is a control character"),
        ("line\n", "a control character"),
        ("\x7f", "a control character"),
        ("\x85", "a control character"),
        ("\x00", "a control character"),
        ("\ue000", r"U\+E000, which is a private-use character"),
        ("\U000f0000", "private-use"),
        ("\ud83d", "surrogate"),
        ("\ufdd0", "not a character"),
        ("\uffff", "not a character"),
        ("\U0001fffe", "not a character"),
        ("\u0378", "not an assigned character"),
        ("a\u0627b", "right to left"),
        ("x" * (MAX_PASSWORD_BYTES + 1), "at most 1023"),
        ("ü" * 600, "1200"),
        ("x" * 1_000_000, "at most 1023"),
    ],
)
def test_passwords_that_may_not_be_set(password: str, reason: str) -> None:
    with pytest.raises(InvalidValue, match=reason) as raised:
        expect_settable(password)
    assert not password or password not in str(raised.value)


@given(st.text(alphabet=st.characters(), max_size=20))
def test_any_text_is_settable_or_refused(text: str) -> None:
    try:
        expect_settable(text)
    except InvalidValue:
        return
    assert saslprep(text)
