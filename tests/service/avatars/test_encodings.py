"""What clients write into avatars."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tigrest.formats.images import image_type, looks_like_markup, raster_type
from tigrest.service.avatars.encodings import MAX_URL, decode_base64, decode_data_uri, web_address


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("aGVsbG8=", b"hello"),
        ("aGVsbG8", b"hello"),
        (" aG\r\nVs\tbG8 = ", b"hello"),
        ("--__", b"\xfb\xef\xff"),
        ("++//", b"\xfb\xef\xff"),
        ("data:image/png;base64,aGVsbG8=", b"hello"),
        ("DATA:;BASE64,aGVsbG8", b"hello"),
        ("a", b""),
        ("§", b""),
        ("aGVs=bG8=", b""),
        ("", b""),
    ],
)
def test_base64_as_found(text: str, data: bytes) -> None:
    assert decode_base64(text) == data


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("data:image/gif;base64,aGVsbG8=", (b"hello", "image/gif")),
        ("data:IMAGE/GIF;a=b;base64,aGVs%62G8%3D", (b"hello", "image/gif")),
        ("data:,a%20b", (b"a b", "")),
        ("data:", (b"", "")),
        ("data:image/gif;base64", (b"", "image/gif")),
    ],
)
def test_data_uris(uri: str, expected: tuple[bytes, str]) -> None:
    assert decode_data_uri(uri) == expected


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://example.com/a.png", "https://example.com/a.png"),
        (" http://x/\n", "http://x/"),
        ("HTTPS://X/%41?a=b#c", "https://x/%41?a=b#c"),
        ("https://bücher.example/ä?ü#é", "https://xn--bcher-kva.example/%C3%A4?%C3%BC#%C3%A9"),
        ("https://www.xn--bcher-kva.example/", "https://www.xn--bcher-kva.example/"),
        ("https://x/画像", "https://x/%E7%94%BB%E5%83%8F"),
        ("https://x/\"<>'", "https://x/%22%3C%3E'"),
        ("http://[::1]:8080/a", "http://[::1]:8080/a"),
        *[
            (bad, "")
            for bad in (
                "javascript:alert(1)", "data:image/png;base64,x", "file:///etc/passwd", "//x/y", "x", "", "https://", "http:///x", "http://x:0/",
                "http://x:99999/", "http://x:y/", "http://a:b@x/", "http://a@x/", "http://a b/", "http://a%20b/", "https://x/a b", "https://x/\r\nb",
                "https://x/\u202eb", "https://x/\x00", "http://x\\@y/", "https://x/\ud800", "http://xn--/", "http://www.xn--0.example/", "http://[::1/", "http://x/" + "a" * MAX_URL,
                "http://x/" + "é" * (MAX_URL // 4), "ftp://x/", "\x01http://x/",
            )
        ],
    ],
)  # fmt: skip
def test_web_addresses(text: str, address: str) -> None:
    assert web_address(text) == address


@given(st.text() | st.text().map(lambda text: f"https://{text}") | st.text().map(lambda text: f"http://x/{text}"))
def test_whatever_comes_may_stand_in_a_header(text: str) -> None:
    address = web_address(text)
    assert address.isascii()
    assert address.isprintable()
    assert " " not in address
    decode_base64(text)
    decode_data_uri(f"data:{text}")
    assert raster_type(text).isascii()


def test_media_types_are_of_raster_formats() -> None:
    for written in ("image/png", "IMAGE/PNG", " image/Png ; a=b", "image/x-png"):
        assert raster_type(written) == "image/png"
    assert raster_type("image/jpg") == "image/jpeg"
    for written in (
        "image/svg+xml",
        "image/SVG+XML;x",
        "image/svg",
        "text/html",
        "image/*",
        "image/png\r\nx: y",
        "画像/png",
        "image/" + "x" * 100_000,
        "",
    ):
        assert raster_type(written) == ""


def test_markup_is_told_from_images() -> None:
    svg = "\n <svg/>"
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        assert looks_like_markup(svg.encode(encoding)), encoding
    assert looks_like_markup(b"\x1f\x8bsvgz")
    for image in (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"RIFF....WEBP", b"....ftypavif", b"BM"):
        assert image_type(image)
        assert not looks_like_markup(image)
