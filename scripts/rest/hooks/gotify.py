"""Format ``gotify``: messages that clients of Gotify push, as JSON or forms, to ``…/message``.

https://gotify.net/docs/pushmsg
"""

from typing import Any

from tigrest import Handler, HookPost

from ._reading import expect, inside, text

URGENT = 8
"""Priority from which on Gotify's own client makes a noise."""


class Gotify(Handler):
    """Messages for Gotify."""

    hookFormat = "gotify"

    def read_hook(self, post: HookPost) -> dict[str, Any]:
        data: dict[str, Any] = dict(post.form()) if post.has_form else post.object()
        message = text(data, "message")
        expect(message and "topic" not in data, "message of Gotify")
        priority = text(data, "priority")
        return {
            "title": text(data, "title"),
            "message": message,
            "is_urgent": priority.isdecimal() and int(priority[:3]) >= URGENT,
            "url": text(inside(data, "extras", "client::notification"), "click", "url"),
        }
