"""White space behind stanzas with long tags."""

from __future__ import annotations

import pytest

from tigrest.backends.component.padding import LONG_TAG, padded

LONG = "y" * 2 * LONG_TAG


@pytest.mark.parametrize(
    "tag",
    [
        f'<x a="{LONG}"/>',
        f"<x a='{LONG}'></x>",
        f"<x a='>{LONG}'/>",
        f"<x a='\">' b=\">'{LONG}\"/>",
        f"<{LONG}/>",
        f"<y><![CDATA[< ']]></y><x a='>{LONG}'/>",
        f"<y><![CDATA[< \n\"]]></y><x a='{LONG}'/>",
        f"<x {' ' * 2 * LONG_TAG}/>",
        f"<x a='{LONG}'/><y b=\"it's\"/>",
    ],
)
def test_a_long_tag_is_followed_by_as_much_white_space(tag: str) -> None:
    data = f'<message>{tag}<body>it\'s "so" &gt; x ></body></message>'.encode()
    assert padded(data).rstrip(b" ") == data
    assert 0 <= len(padded(data)) - len(data) - 2 * LONG_TAG < 40


@pytest.mark.parametrize(
    "payload",
    [
        "<body>x</body>",
        f"<body>{LONG}</body>",
        f"<body xml:lang='en'>it's {LONG} \"\"</body>",
        f"<body><![CDATA[it's < {LONG}]]></body>",
        "<a b='c'/>" * LONG_TAG,
    ],
)
def test_other_stanzas_stay_as_they_are(payload: str) -> None:
    data = f"<message>{payload}</message>".encode()
    assert padded(data) is data
