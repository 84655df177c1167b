"""Format ``alertmanager``: notifications of Prometheus' Alertmanager, ``webhook_configs``.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from typing import Any

from tigrest import Handler, HookIgnored, HookPost, UnexpectedPost

from ._alerts import grouped
from ._reading import expect, inside, objects, text


class Alertmanager(Handler):
    """Alerts of Prometheus: those firing and those resolved, the first ten of each."""

    hookFormat = "alertmanager"

    def read_hook(self, post: HookPost) -> dict[str, Any] | HookIgnored:
        data = post.object()
        alerts = data.get("alerts")
        expect(isinstance(alerts, list) and "groupKey" in data, "alerts and groupKey of Alertmanager")
        if "orgId" in data:
            raise UnexpectedPost("orgId is there, which Grafana writes")
        common = inside(data, "commonLabels")
        found = grouped(objects(alerts), common)
        if not found["firing"]["count"] and not found["resolved"]["count"]:
            return HookIgnored("there is no alert in it")
        dropped = data.get("truncatedAlerts")
        return {
            **found,
            "dropped": dropped if isinstance(dropped, int) else 0,
            "group": ", ".join(
                f"{name}={text(value)}" for name, value in sorted(inside(data, "groupLabels").items()) if name != "alertname"
            ),
            "severity": text(common, "severity"),
            "name": text(common, "alertname"),
            "url": text(data, "externalURL"),
            "receiver": text(data, "receiver"),
        }
