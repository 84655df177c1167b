import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tigrest.auth.basic import read_basic
from tigrest.errors import LoginRequired

B64 = base64.b64encode


@pytest.mark.parametrize(
    ("plain", "jid", "password"),
    [
        ("alice@localhost:secret", "alice@localhost", "secret"),
        ("alice:secret", "alice@localhost", "secret"),
        ("Alice@LOCALHOST:Secret", "alice@localhost", "Secret"),
        ("alice@localhost/phone:secret", "alice@localhost", "secret"),
        ("alice/phone@home:secret", "alice@localhost", "secret"),
        ("alice@example.org:a:b:", "alice@example.org", "a:b:"),
        ("jürgen:pässwörd", "jürgen@localhost", "pässwörd"),
        ("alice: ", "alice@localhost", " "),
    ],
)
@pytest.mark.parametrize("scheme", [b"Basic ", b"basic ", b"BASIC  "])
def test_a_login_is_read(plain: str, jid: str, password: str, scheme: bytes) -> None:
    assert read_basic(scheme + B64(plain.encode()), "localhost") == (jid, password)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"Token c2VjcmV0", "use Basic, or Bearer with a token"),
        (b"c2VjcmV0", "use Basic"),
        (b"\xff", "use Basic"),
        (b"Basic", "no colon"),
        (b"Basic alice:secret", "not base64"),
        (b"Basic YWxpY2U6c2VjcmV", "not base64"),
        (b"Basic YWxp Y2U6c2VjcmV0", "not base64"),
        (b"Basic \xff\xfe", "not base64"),
        (b"Basic " + B64(b"alice:\xff"), "not UTF-8"),
        (b"Basic " + B64(b"alice"), "no colon"),
        (b"Basic " + B64(b"alice:"), "password of the login is empty"),
        (b"Basic " + B64(b":secret"), "not a JID"),
        (b"Basic " + B64(b"@localhost:secret"), "not a JID"),
        (b"Basic " + B64(b"alice@:secret"), "not a JID"),
        (b"Basic " + B64(b"a@b@c:secret"), "not a JID"),
        (b"Basic " + B64(b"alice/:secret"), "not a JID"),
        (b"Basic " + B64(b"two words:secret"), "not a JID"),
        (b"Basic " + B64(b"alice\x00:secret"), "control character"),
        (b"Basic " + B64(b"alice:sec\x00ret"), "control character"),
        (b"Basic " + B64(b"alice:secret\n"), "control character"),
    ],
)
def test_what_is_not_a_login_is_refused_without_being_shown(header: bytes, words: str) -> None:
    with pytest.raises(LoginRequired, match=words) as raised:
        read_basic(header, "localhost")
    assert "secret" not in str(raised.value)
    assert "c2VjcmV0" not in str(raised.value)


@given(st.binary() | st.binary().map(lambda raw: b"Basic " + raw) | st.binary().map(lambda raw: b"Basic " + B64(raw)))
def test_garbage_is_refused_and_never_breaks(header: bytes) -> None:
    try:
        jid, password = read_basic(header, "localhost")
    except LoginRequired:
        return
    assert jid.local
    assert jid.is_bare
    assert password


@given(st.text(), st.text())
def test_any_text_is_a_login_or_refused(username: str, password: str) -> None:
    header = b"Basic " + B64(f"{username}:{password}".encode())
    try:
        jid, read = read_basic(header, "localhost")
    except LoginRequired:
        return
    assert jid.local
    assert f"{username}:{password}".endswith(read)
