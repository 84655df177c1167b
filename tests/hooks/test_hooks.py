"""Hooks on the embedded domain: what is posted arrives as a message, and what cannot be used is said."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tigrest.auth.hook_store import make_hook
from tigrest.scripting.hook_formats import HookFormat
from tigrest.testing import TestGateway, serving
from tigrest.xmpp.jid import JID

SECRET = "tgh_0123456789abcdef"
SAMPLES = Path(__file__).with_name("samples")
FORMATS = ("alertmanager", "apprise", "github", "gitea", "gitlab", "gotify", "grafana", "json", "ntfy", "slack", "text", "uptime-kuma")


def add(gateway: TestGateway, name: str, format: str, **options: Any) -> None:
    """Store a hook for bob."""
    gateway.client.portal.call(gateway.gateway.parts.hook_store.add, make_hook(name, format, JID("bob@localhost"), SECRET, **options))


@pytest.fixture(scope="module")
def gateway() -> Iterator[TestGateway]:
    with serving() as running:
        for name in FORMATS:
            add(running, name, name)
        add(running, "ntfy-json", "ntfy")
        yield running


def post(gateway: TestGateway, name: str, **options: Any) -> tuple[Any, list[str]]:
    """Post to a hook with its secret; gives the answer and the texts that arrive."""
    options.setdefault("params", {"token": SECRET})
    with gateway.recording() as sent:
        answer = gateway.post(f"/rest/hooks/{name}", **options)
    return answer, [str(stanza.xml.findtext("{jabber:client}body")) for stanza in sent]


def sample(name: str) -> dict[str, Any]:
    """Return headers and body of a sample."""
    head, _, body = (SAMPLES / f"{name}.http").read_text("utf-8").partition("\n\n")
    head, body = ("", head.lstrip("\n")) if ": " not in head.partition("\n")[0] else (head, body)
    return {"headers": dict(line.split(": ", 1) for line in head.splitlines()), "content": body.strip().encode()}


def test_there_is_a_format_for_each_program(gateway: TestGateway) -> None:
    assert sorted(each.format for each in gateway.gateway.table.of(HookFormat)) == sorted(FORMATS)


@pytest.mark.parametrize("name", sorted(path.stem for path in SAMPLES.glob("*.http")))
def test_what_a_program_posts_arrives_as_readable_text(gateway: TestGateway, name: str) -> None:
    format = next(each for each in FORMATS if name.startswith(each))
    answer, texts = post(gateway, format, **sample(name))
    assert (answer.status_code, len(texts)) == (200, 1), answer.text
    expected = SAMPLES / f"{name}.txt"
    if os.environ.get("TIGREST_WRITE_SAMPLES"):
        expected.write_text(f"{texts[0]}\n", "utf-8")
    assert f"{texts[0]}\n" == expected.read_text("utf-8")
    assert answer.text == "ok" if format == "slack" else list(answer.json()) == ["id"]


def test_an_alert_storm_is_one_message_of_bounded_length(gateway: TestGateway) -> None:
    data = json.loads(sample("alertmanager")["content"])
    data["alerts"] = [data["alerts"][0] | {"annotations": {"summary": f"{number} " + "is down " * 100}} for number in range(500)]
    answer, [text] = post(gateway, "alertmanager", json=data | {"truncatedAlerts": 3})
    assert answer.status_code == 200
    assert text.startswith("[FIRING:500] InstanceDown (critical)")
    assert "… and 490 more" in text
    assert len(text) < 4000
