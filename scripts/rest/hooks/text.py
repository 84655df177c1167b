"""Format ``text``: the body as it is, as ``curl --data-binary @-`` sends what cron mails."""

from typing import Any

from tigrest import Handler, HookPost, UnexpectedPost


class PlainText(Handler):
    """Text of any program; of a form the field ``text``, ``message`` or ``body``."""

    hookFormat = "text"

    def read_hook(self, post: HookPost) -> dict[str, Any]:
        text = post.text()
        if post.has_form:
            fields = post.form()
            text = next((fields[name] for name in ("text", "message", "body") if fields.get(name)), text)
        if not text.strip():
            raise UnexpectedPost("the body is empty")
        return {"title": post.query.get("title", ""), "text": text}
