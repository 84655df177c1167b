"""Format ``json``: any JSON, for hooks with a template of their own."""

import json
from typing import Any

from tigrest import Handler, HookPost


class AnyJson(Handler):
    """JSON of any program. The members of an object are the variables of the template, the whole is ``data``."""

    hookFormat = "json"

    def read_hook(self, post: HookPost) -> dict[str, Any]:
        data = post.json()
        shown = json.dumps(data, indent=2, ensure_ascii=False)
        members = {name: value for name, value in data.items() if name.isidentifier()} if isinstance(data, dict) else {}
        return {**members, "data": data, "pretty": shown}
