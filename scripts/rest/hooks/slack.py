"""Format ``slack``: incoming webhooks of Slack, and of Mattermost and Rocket.Chat, which take the same.

https://api.slack.com/messaging/webhooks, https://developers.mattermost.com/integrate/webhooks/incoming/
"""

import html
import re
from typing import Any

from tigrest import Handler, HookPost

from ._reading import expect, object_of, objects, text

LINK = re.compile(r"<([^<>|\s]+)(?:\|([^<>]*))?>")
"""A link, or a mention, of Slack's own markup. https://api.slack.com/reference/surfaces/formatting"""

LONGEST = 20_000
"""Most characters of a text of which the markup is read; messages have less."""


class Slack(Handler):
    """Messages for Slack: their text, blocks and attachments, without its markup."""

    hookFormat = "slack"
    hookAnswer = "ok"

    def read_hook(self, post: HookPost) -> dict[str, Any]:
        data = object_of(post, "payload")
        parts = [plain(text(data, "text")), *map(block, objects(data.get("blocks")))]
        parts += [part for each in objects(data.get("attachments")) for part in attachment(each)]
        said = list(dict.fromkeys(part for part in parts if part))  # the text of a message with blocks is often one of them
        expect(said, "text, blocks or attachments of Slack")
        return {"parts": said, "username": text(data, "username")}


def block(value: dict[str, Any]) -> str:
    """Return a block as text. https://api.slack.com/reference/block-kit/blocks"""
    if value.get("type") == "divider":
        return ""
    pieces = [value.get("text"), *objects(value.get("fields")), *objects(value.get("elements"))]
    return "\n".join(filter(None, map(element, pieces))) or plain(text(value, "alt_text"))


def element(value: Any) -> str:
    """Return what is in a block as text: a text, a button with a link, rich text."""
    if isinstance(value, str):
        return plain(value)
    if not isinstance(value, dict):
        return ""
    inner = value.get("text")
    said = element(inner) if inner is not None else "".join(map(element, objects(value.get("elements"))))
    url = text(value, "url")
    return f"{said}: {url}" if url and url != said and said else said or url


def attachment(value: dict[str, Any]) -> list[str]:
    """Return the parts of an attachment. https://api.slack.com/reference/messaging/attachments"""
    title, link = plain(text(value, "title")), text(value, "title_link")
    fields = [f"{plain(text(each, 'title'))}: {plain(text(each, 'value'))}".strip(": ") for each in objects(value.get("fields"))]
    parts = [
        plain(text(value, "pretext")),
        f"{title} ({link})" if title and link else title or link,
        plain(text(value, "text")),
        *fields,
        *map(block, objects(value.get("blocks"))),
    ]
    return [part for part in parts if part] or [plain(text(value, "fallback"))]


def plain(value: str) -> str:
    """Return a text without Slack's markup: links as they are, and the three characters that it escapes."""
    return html.unescape(LINK.sub(_link, value[:LONGEST]))


def _link(match: re.Match[str]) -> str:
    target, label = match[1], match[2]
    if target.startswith("!"):
        return f"@{label or target[1:].partition('^')[0]}"
    if target[0] in "@#":
        return target[0] + (label or target[1:]).lstrip("@#")
    target = target.removeprefix("mailto:")
    return f"{label} ({target})" if label and label != target else target
