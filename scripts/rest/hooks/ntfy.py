"""Format ``ntfy``: what clients of ntfy publish, as text with headers or as JSON.

https://docs.ntfy.sh/publish/
"""

import contextlib
import email.errors
import email.header
from typing import Any

from tigrest import Handler, HookPost, UnexpectedPost

from ._reading import expect, text

PRIORITIES = {"1": "min", "2": "low", "3": "default", "4": "high", "5": "max", "urgent": "max"}

NAMES = {
    "title": ("title", "t"),
    "priority": ("priority", "prio", "p"),
    "tags": ("tags", "tag", "ta"),
    "click": ("click",),
    "message": ("message", "m"),
    "attach": ("attach", "a"),
}
"""Names that headers, with or without ``x-``, and parameters of the query may have."""


class Ntfy(Handler):
    """Messages for ntfy."""

    hookFormat = "ntfy"

    def read_hook(self, post: HookPost) -> dict[str, Any]:
        found = as_json(post) or as_text(post)
        priority = PRIORITIES.get(found["priority"].lower(), found["priority"].lower())
        return {**found, "is_urgent": priority in ("high", "max")}


def as_json(post: HookPost) -> dict[str, str]:
    """Return what is published as JSON; empty where it is not."""
    if not post.body.lstrip().startswith(b"{") or b'"topic"' not in post.body:
        return {}
    data = post.object()
    tags = data.get("tags")
    found = {name: text(data, name) for name in NAMES}
    return found | {
        "tags": ", ".join(map(text, tags)) if isinstance(tags, list) else text(tags),
        "message": found["message"] or "triggered",
    }


def as_text(post: HookPost) -> dict[str, str]:
    """Return what is published as text, with the rest in headers or in the query."""
    found = {name: said(post, names) for name, names in NAMES.items()}
    body = post.text().strip()
    if body.startswith(("{", "[")) and "json" in post.content_type:
        raise UnexpectedPost("there is no topic of ntfy in the JSON")
    message = body or found["message"] or ("triggered" if found["title"] else "")
    expect(message, "text")
    return found | {"message": message}


def said(post: HookPost, names: tuple[str, ...]) -> str:
    """Return the first of a header and a parameter of some names."""
    for name in names:
        if value := post.headers.get(f"x-{name}") or post.headers.get(name) or post.query.get(name):
            return decoded(value)
    return ""


def decoded(value: str) -> str:
    """Return the text of a header: UTF-8 as it is, or as RFC 2047 has it; what is malformed there is text as well. RFC 2047 §6.3"""
    if "=?" in value:
        with contextlib.suppress(email.errors.HeaderParseError, LookupError, ValueError):
            return str(email.header.make_header(email.header.decode_header(value)))
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value
