"""Bodies in the charset that they declare. RFC 9110 §8.3.2, RFC 7303 §3"""

import pytest

from tigrest.errors import MalformedContent, UnsupportedCharset
from tigrest.formats.charsets import charset_of, to_utf8, xml_to_utf8

TEXT = "Grüße – naïve €"


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("", ""),
        ("text/plain", ""),
        ("text/plain; charset=utf-8", "utf-8"),
        ('text/plain; charset="UTF8"', "utf-8"),
        ("text/plain;charset=ISO-8859-1", "iso8859-1"),
        ("text/plain; format=flowed; CharSet=latin1; x=y", "iso8859-1"),
        ('text/plain; charset="win\\dows-1252"', "cp1252"),
        ("text/plain; charset = koi8-r", "koi8-r"),
        ("text/plain; charset=shift_jis", "shift_jis"),
        ("text/plain; charset=utf-16", "utf-16"),
        ("text/plain; charset=", ""),
        ('text/plain; charset=""', ""),
        ("text/plain; boundary=charset", ""),
    ],
)
def test_the_charset_of_a_content_type(content_type: str, encoding: str) -> None:
    assert charset_of(content_type) == encoding


@pytest.mark.parametrize(
    "charset",
    [
        *("utf-7", "unicode-1-1-utf-7", "iso-2022-jp", "iso-2022-kr", "hz", "utf-32", "punycode", "idna"),
        *("base64", "rot13", "zlib", "unicode_escape", "raw_unicode_escape", "undefined", "utf-8-sig"),
        *("klingon", "../../x", "é", "x" * 1000, "a b", "os", "mbcs"),
    ],
)
def test_a_charset_that_is_unknown_or_dangerous_is_refused(charset: str) -> None:
    with pytest.raises(UnsupportedCharset, match="send UTF-8"):
        to_utf8(f'text/plain; charset="{charset}"', b"x")


@pytest.mark.parametrize("charset", ["windows-1252", "utf-16", "utf-16le", "utf-16be", "gb18030", "utf-8"])
def test_a_body_is_converted_from_its_charset(charset: str) -> None:
    assert to_utf8(f"text/plain; charset={charset}", TEXT.encode(charset)) == TEXT.encode()


def test_byte_order_marks_are_left_out() -> None:
    assert to_utf8("application/json", b"\xef\xbb\xbf{}") == b"{}"
    assert to_utf8("text/plain; charset=utf-16", TEXT.encode("utf-16")) == TEXT.encode()
    assert to_utf8("text/plain; charset=utf-16", b"\0H\0i") == b"Hi"  # RFC 2781 §4.3: big-endian


def test_what_is_not_text_in_its_charset_is_malformed() -> None:
    with pytest.raises(MalformedContent, match=r"text must be utf-16.*: .* at byte"):
        to_utf8("text/plain; charset=utf-16", b"\0H\0")
    with pytest.raises(MalformedContent, match="text must be ascii"):
        to_utf8("text/plain; charset=us-ascii", b"\xe9")
    assert to_utf8("text/plain", b"\xff") == b"\xff"  # its parser says what is wrong


LATIN = '<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>'


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/xml", LATIN.encode("latin-1")),
        ("text/xml", LATIN.replace('"', "'").encode("latin-1")),
        ("text/xml", LATIN.replace("?>", ' standalone="yes" ?>').encode("latin-1")),
        ("application/xml; charset=iso-8859-1", "<a>é</a>".encode("latin-1")),
        ("application/xml; charset=utf-8", LATIN.encode()),  # the header counts more than the declaration
        ("application/xml; charset=iso-8859-1", LATIN.encode("utf-16")),  # and a byte order mark more than both
        ("application/xml; charset=iso-8859-1", b"\xef\xbb\xbf" + "<a>é</a>".encode()),
        ("application/xml", "<a>é</a>".encode("utf-16")),
        ("application/xml; charset=utf-16", "<a>é</a>".encode("utf-16-be")),
        ("application/xml", "<?xml version='1.0' encoding='utf-16'?><a>é</a>".encode()),  # XML 1.0 §4.3.3: it has no byte order mark
        ("application/xml", "<a>é</a>".encode()),
    ],
)
def test_of_xml_the_byte_order_mark_counts_then_the_header_then_the_declaration(content_type: str, body: bytes) -> None:
    assert "<a>é</a>".encode() in xml_to_utf8(content_type, body)


def test_xml_in_a_dangerous_charset_is_refused() -> None:
    with pytest.raises(UnsupportedCharset, match="utf-7"):
        xml_to_utf8("application/xml", b'<?xml version="1.0" encoding="utf-7"?><a>+ADw-</a>')
    with pytest.raises(UnsupportedCharset, match="utf-7"):
        xml_to_utf8("application/xml; charset=utf-7", b"<a/>")


def test_a_long_beginning_costs_little() -> None:
    assert xml_to_utf8("application/xml", b"<?xml version" + b" " * 1_000_000).startswith(b"<?xml")
    assert xml_to_utf8("application/xml", b"<?xml" + b" " * 1_000_000).startswith(b"<?xml")
    assert charset_of("text/plain" + "; charset" * 100_000) == ""
    assert charset_of("text/plain;" + " " * 100_000) == ""
