"""Format ``json``: any JSON, for hooks with a template of their own."""

import json
from typing import Any

from tigrest import Handler, HookPost

INDENTED = 16_384
"""Most bytes of JSON that is shown indented; of more not all would be shown."""


class AnyJson(Handler):
    """JSON of any program. The members of an object are the variables of the template, the whole is ``data``."""

    hookFormat = "json"

    def read_hook(self, post: HookPost) -> dict[str, Any]:
        data = post.json()
        is_short = len(post.body) <= INDENTED
        shown = json.dumps(data, indent=2, ensure_ascii=False) if is_short else post.text()[:INDENTED]
        members = {name: value for name, value in data.items() if name.isidentifier()} if isinstance(data, dict) else {}
        return {**members, "data": data, "pretty": shown}
