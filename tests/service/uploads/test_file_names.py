"""Names and types of files."""

from __future__ import annotations

import pytest

from tigrest.service.uploads.file_names import MAX_NAME, clean_name, media_type_of


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("photo.jpg", "photo.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\plan.txt", "plan.txt"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
        ("a\r\nX-Evil: 1\x00.txt", "aX-Evil: 1.txt"),
        ("  two   words .txt ", "two words.txt"),
        (".htaccess", "htaccess"),
        ("..", "file.png"),
        ("", "file.png"),
        ("na\u0308iv.txt", "näiv.txt"),
        ("\ud800.txt", "txt"),
    ],
)
def test_a_name_has_nothing_that_misleads(name: str, clean: str) -> None:
    assert clean_name(name, "image/png") == clean


@pytest.mark.parametrize("name", ["ü" * 300 + ".jpeg", "x" * 300, "a." + "y" * 300])
def test_a_long_name_is_cut_in_front_of_its_extension(name: str) -> None:
    clean = clean_name(name)
    assert 100 < len(clean.encode()) <= MAX_NAME
    assert clean.endswith(".jpeg") == name.endswith(".jpeg")


@pytest.mark.parametrize(
    ("declared", "name", "media_type"),
    [
        ("image/png", "a.jpg", "image/png"),
        ("text/plain; charset=utf-8", "a", "text/plain; charset=utf-8"),
        ("", "a.jpg", "image/jpeg"),
        ("application/x-www-form-urlencoded", "a.pdf", "application/pdf"),
        ("image/png\r\nX-Evil: 1", "a.png", "image/png"),
        ("nonsense", "a", "application/octet-stream"),
        ("", "a.tar.gz", "application/octet-stream"),
    ],
)
def test_the_type_is_the_declared_one_or_that_of_the_name(declared: str, name: str, media_type: str) -> None:
    assert media_type_of(declared, name) == media_type
