"""Format ``apprise``: notifications that Apprise sends to ``json://`` addresses.

https://github.com/caronc/apprise/wiki/Notify_Custom_JSON
"""

from typing import Any

from tigrest import Handler, HookPost

from ._reading import expect, text

SIGNS = {"warning": "⚠ ", "failure": "‼ ", "success": "✔ "}


class Apprise(Handler):
    """Notifications of Apprise, and of the many programs that send by it."""

    hookFormat = "apprise"

    def read_hook(self, post: HookPost) -> dict[str, Any]:
        data = post.object()
        expect("version" in data and "type" in data and "message" in data, "version, type and message of Apprise")
        attachments = data.get("attachments")
        return {
            "title": text(data, "title"),
            "message": text(data, "message"),
            "sign": SIGNS.get(text(data, "type"), ""),
            "attachments": len(attachments) if isinstance(attachments, list) else 0,
        }
