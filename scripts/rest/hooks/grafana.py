"""Format ``grafana``: notifications of Grafana's contact points of type webhook; of its old alerting too.

https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
"""

from typing import Any

from tigrest import Handler, HookIgnored, HookPost

from ._alerts import grouped
from ._reading import expect, inside, objects, text


class Grafana(Handler):
    """Alerts of Grafana, with the values that raised them."""

    hookFormat = "grafana"

    def read_hook(self, post: HookPost) -> dict[str, Any] | HookIgnored:
        data = post.object()
        if "ruleName" in data and "state" in data:
            return {"old": old_alert(data)}
        expect("orgId" in data and isinstance(data.get("alerts"), list), "orgId and alerts of Grafana")
        common, alerts = inside(data, "commonLabels"), objects(data["alerts"])
        found = grouped(alerts, common)
        if not alerts:
            return HookIgnored("there is no alert in it")
        return {
            **found,
            "name": text(common, "alertname"),
            "severity": text(common, "severity"),
            "folder": text(common, "grafana_folder"),
            "url": next((url for name in ("panelURL", "dashboardURL", "generatorURL") if (url := text(alerts[0], name))), ""),
        }


def old_alert(data: dict[str, Any]) -> dict[str, Any]:
    """Return an alert of Grafana before version 9."""
    matches = [f"{text(each, 'metric')}={text(each, 'value')}" for each in objects(data.get("evalMatches"))[:10]]
    return {
        "title": text(data, "title") or f"[{text(data, 'state')}] {text(data, 'ruleName')}",
        "message": text(data, "message"),
        "matches": ", ".join(matches),
        "url": text(data, "ruleUrl"),
    }
