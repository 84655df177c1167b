"""Format ``uptime-kuma``: notifications of type webhook of Uptime Kuma.

https://github.com/louislam/uptime-kuma/wiki/Notification-Methods
"""

from typing import Any

from tigrest import Handler, HookPost

from ._reading import excerpt, expect, inside, object_of, text

STATES = {"0": "DOWN", "1": "UP", "2": "PENDING", "3": "MAINTENANCE"}


class UptimeKuma(Handler):
    """Monitors of Uptime Kuma that went down or came up again, and its tests."""

    hookFormat = "uptime-kuma"

    def read_hook(self, post: HookPost) -> dict[str, Any]:
        data = object_of(post, "data")
        expect("heartbeat" in data and "monitor" in data and "msg" in data, "heartbeat, monitor and msg of Uptime Kuma")
        heartbeat, monitor = inside(data, "heartbeat"), inside(data, "monitor")
        url = text(monitor, "url")
        return {
            "state": STATES.get(text(heartbeat, "status"), ""),
            "name": text(monitor, "name"),
            "reason": excerpt(heartbeat.get("msg")),
            "url": "" if url in ("https://", "http://") else url or text(monitor, "hostname"),
            "time": text(heartbeat, "localDateTime") or text(heartbeat, "time"),
            "msg": excerpt(data.get("msg")),
        }
