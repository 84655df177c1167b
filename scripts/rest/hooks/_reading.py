"""Shared by the formats: reading what may be missing or of another type."""

import re
from collections.abc import Mapping
from typing import Any

from tigrest import HookPost, UnexpectedPost


def object_of(post: HookPost, field: str) -> dict[str, Any]:
    """Return the JSON object of a post: its body, or a field of a form. curl calls JSON a form where it is told no type."""
    is_form = post.has_form and not post.body.lstrip().startswith(b"{")
    return post.object_in(field) if is_form else post.object()


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list; what else is in it, or is no list, counts for nothing."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def inside(value: Any, *names: str) -> dict[str, Any]:
    """Return an object inside of others; an empty one where there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, dict) else {}


def text(value: Any, *names: str) -> str:
    """Return a text, or the one inside of objects; numbers as text, and an empty one where there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def first_line(value: Any, length: int = 120) -> str:
    """Return the first line of a text, shortened."""
    line = text(value).partition("\n")[0].strip()
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"


def excerpt(value: Any, length: int = 500) -> str:
    """Return the beginning of a text of several lines."""
    whole = re.sub(r"\n{3,}", "\n\n", text(value).replace("\r\n", "\n"))
    return whole if len(whole) <= length else f"{whole[: length - 1].rstrip()}…"


def expect(is_there: object, what: str) -> None:
    """Refuse a post that lacks what its format has."""
    if not is_there:
        raise UnexpectedPost(f"there is no {what}")
