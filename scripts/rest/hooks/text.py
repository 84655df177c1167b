"""Format ``text``: the body as it is, as ``curl --data-binary @-`` sends what cron mails."""

from typing import Any

from tigrest import Handler, HookPost, UnexpectedPost

FIELDS = ("text", "message", "body")
"""Fields of a form that are the text; else a form is text itself."""


class PlainText(Handler):
    """Text of any program; of a form that begins with one of :data:`FIELDS`, that."""

    hookFormat = "text"

    def read_hook(self, post: HookPost) -> dict[str, Any]:
        text = post.text()
        if post.has_form and (post.fields or text.startswith(tuple(f"{name}=" for name in FIELDS))):  # curl calls all text a form
            fields = post.form()
            text = next((fields[name] for name in FIELDS if fields.get(name)), "")
        if not text.strip():
            raise UnexpectedPost("the body is empty")
        return {"title": post.query.get("title", ""), "text": text}
