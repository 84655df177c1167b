"""Shared by Alertmanager and Grafana, which has the alerts of the former with more in them."""

from collections.abc import Iterable
from typing import Any

from ._reading import inside, text

SHOWN = 10
"""Most alerts of each state that are shown one by one."""

COMMON = ("alertname", "severity", "grafana_folder", "__alert_rule_uid__", "ref_id", "datasource_uid", "rulename")
"""Labels that are not shown once more, or say nothing to people."""


def grouped(alerts: Iterable[dict[str, Any]], common: dict[str, Any]) -> dict[str, Any]:
    """Return what a template shows of alerts: those firing and those resolved, the first of each, and how many there are."""
    by_state: dict[str, list[dict[str, Any]]] = {"firing": [], "resolved": []}
    for alert in alerts:
        state = by_state["resolved" if alert.get("status") == "resolved" else "firing"]
        state.append(alert)
    return {
        state: {"count": len(some), "alerts": [shown(each, common) for each in some[:SHOWN]], "more": max(0, len(some) - SHOWN)}
        for state, some in by_state.items()
    }


def shown(alert: dict[str, Any], common: dict[str, Any]) -> dict[str, Any]:
    """Return what a template shows of an alert; labels that all have in common are left out."""
    labels, notes = inside(alert, "labels"), inside(alert, "annotations")
    own = {name: text(value) for name, value in labels.items() if name not in COMMON and common.get(name) != value}
    return {
        "name": text(labels, "alertname") or "an alert",
        "severity": text(labels, "severity"),
        "labels": ", ".join(f"{name}={value}" for name, value in sorted(own.items())[:8]),
        "summary": text(notes, "summary") or text(notes, "message") or text(notes, "description"),
        "url": text(notes, "runbook_url"),
        "values": ", ".join(f"{name}={number(value)}" for name, value in sorted(inside(alert, "values").items())[:5]),
    }


def number(value: Any) -> str:
    """Return a measured value, with as many digits as people read."""
    return f"{value:.6g}" if isinstance(value, float) else text(value)
