"""Bodies that are evidently of another type than they say."""

import pytest

from tigrest.errors import MislabelledContent
from tigrest.formats.labels import check_label, guess

FORM, TEXT = "application/x-www-form-urlencoded", "text/plain; charset=utf-8"
STANZA = b"<message to='a@b'><body>Hi</body></message>"


@pytest.mark.parametrize(
    ("content_type", "body", "header"),
    [
        (FORM, b'{"to": "a@b", "body": "Hi"}', "application/json"),
        (FORM, b"{broken", "application/json or Content-Type: text/plain"),
        (FORM, b"{name}, hello", "application/json or Content-Type: text/plain"),
        (FORM, b"<3 you", "application/xml or Content-Type: text/plain"),
        (FORM, b" \n{}", "application/json"),
        (FORM, b"\xef\xbb\xbf{}", "application/json"),
        (FORM, b"[1]", "application/json"),
        (FORM, b"[FIRING:1] disk full", "application/json or Content-Type: text/plain"),
        (FORM, STANZA, "application/xml"),
        (FORM, b"\n<command/>\n", "application/xml"),
        (FORM, b"<command>", "application/xml or Content-Type: text/plain"),
        (FORM, b"%7B%22to%22%3A%22a%40b%22%7D", "application/json"),
        (FORM, b"%3cmessage%2f%3e", "application/xml"),
        (TEXT, b'{"to": "a@b", "body": "Hi"}', "application/json"),
        (TEXT, b' [1, {"to": "a@b"}]\n', "application/json"),
        (TEXT, STANZA, "application/xml"),
        (TEXT, b"\n<presence/>", "application/xml"),
        (TEXT, b"<iq type='get' to='@@'/>", "application/xml"),
    ],
)
def test_the_header_to_add_is_named(content_type: str, body: bytes, header: str) -> None:
    with pytest.raises(MislabelledContent) as refused:
        check_label(content_type, body)
    assert str(refused.value).endswith(f"add the header Content-Type: {header}")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (TEXT, b"[FIRING:1] disk full"),
        (TEXT, b"[1]"),
        (TEXT, b"[]"),
        (TEXT, b"<3 you"),
        (TEXT, b"{not json}"),
        (TEXT, b"<b>bold</b>"),
        (TEXT, b"<message"),
        *[(TEXT, text) for text in (b"5", b'"quoted"', b"null", b"true", b"", b"Hello")],
        (FORM, b"body={}"),
        (FORM, b"hello [x]"),
        (FORM, b"%5B0%5D.name=x"),  # names of ASP.NET's forms
        (FORM, b"%5BFIRING%3A1%5D%20disk%20full"),
        (FORM, b""),
        ("application/octet-stream", b"{}"),
        ("application/json", b"<message/>"),
    ],
)
def test_other_bodies_pass(content_type: str, body: bytes) -> None:
    check_label(content_type, body)


def test_a_body_without_type_is_guessed_by_its_beginning() -> None:
    assert [guess(body) for body in (b'\n{"a": 1}', b"[1]", b" <a/>", b"Hello", b"")] == [
        *("application/json", "application/json", "application/xml"),
        *("text/plain", "text/plain"),
    ]
