"""List, replay and drop deliveries to webhooks: ``tigrest webhooks``."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from tigrest.cli.stored import with_store
from tigrest.cli.tables import columns
from tigrest.errors import ConfigError
from tigrest.inbound.webhooks.store import Delivery, Store

LIST_LIMIT = 100
"""Most deliveries listed without ``--all``."""

HEADING = ["ID", "STATE", "WEBHOOK", "SENDER", "KIND", "ATTEMPTS", "AGE", "PROBLEM"]


def list_deliveries(path: Path | None, dead_only: bool, everything: bool, as_json: bool) -> int:
    """Print deliveries, oldest first.

    Args:
        path: configuration file from ``--config``, if any.
        dead_only: whether to print only those that have been given up.
        everything: whether to print more than :data:`LIST_LIMIT`.
        as_json: whether to print JSON.
    """
    deliveries = with_store(path, Store, lambda store: store.list(dead_only, None if everything else LIST_LIMIT + 1))
    shown = deliveries if everything else deliveries[:LIST_LIMIT]
    now = time.time()
    if as_json:
        typer.echo(json.dumps([_as_json(one, now) for one in shown], indent=2))
    else:
        for line in columns([HEADING, *[_as_row(one, now) for one in shown]]):
            typer.echo(line)
    if len(deliveries) > len(shown):
        typer.echo(f"only the first {LIST_LIMIT}; --all shows more", err=True)
    return 0


def replay_deliveries(path: Path | None, numbers: Sequence[int], everything: bool) -> int:
    """Queue deliveries again that have been given up.

    Args:
        path: configuration file from ``--config``, if any.
        numbers: their numbers.
        everything: whether to take all of them instead.
    """
    chosen = _chosen(numbers, everything)
    typer.echo(f"{with_store(path, Store, lambda store: store.replay(chosen))} to be tried again")
    return 0


def drop_deliveries(path: Path | None, numbers: Sequence[int], everything: bool) -> int:
    """Delete deliveries.

    Args:
        path: configuration file from ``--config``, if any.
        numbers: their numbers.
        everything: whether to take all that have been given up instead.
    """
    chosen = _chosen(numbers, everything)
    typer.echo(f"{with_store(path, Store, lambda store: store.drop(chosen))} dropped")
    return 0


def _chosen(numbers: Sequence[int], everything: bool) -> Sequence[int] | None:
    if bool(numbers) == everything:
        raise ConfigError("name the deliveries by their ID, or all of them by --all; see tigrest webhooks list")
    return None if everything else sorted(set(numbers))


def _as_json(one: Delivery, now: float) -> dict[str, Any]:
    keys = ("webhook", "sender", "kind", "state", "attempts", "problem")
    described = {key: getattr(one, key) for key in keys}
    return {"id": one.number, "webhook_id": one.id, **described, "age": max(0.0, round(now - one.created, 1))}


def _as_row(one: Delivery, now: float) -> list[str]:
    plain = [one.webhook, one.sender, one.kind, str(one.attempts), _age(now - one.created), one.problem]
    return [str(one.number), one.state, *plain]


def _age(seconds: float) -> str:
    """Return a time in the largest unit that fits."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
