"""Hooks on the embedded domain: what is posted arrives as a message, and what cannot be used is said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tigrest.auth.hook_store import HookStore, make_hook
from tigrest.testing import TestGateway, serving
from tigrest.xmpp.jid import JID

SECRET = "tgh_0123456789abcdef"


def add(gateway: TestGateway, name: str, format: str, **options: Any) -> None:
    """Store a hook for bob."""
    hook = make_hook(name, format, JID("bob@localhost"), SECRET, **options)
    store: HookStore = gateway.gateway.parts.hook_store
    gateway.client.portal.call(store.add, hook)


@pytest.fixture(scope="module")
def gateway() -> Iterator[TestGateway]:
    with serving() as running:
        for name in ("text", "json"):
            add(running, name, name)
        yield running


def post(gateway: TestGateway, name: str, **options: Any) -> tuple[Any, list[str]]:
    """Post to a hook with its secret; gives the answer and the texts that arrive."""
    with gateway.recording() as sent:
        answer = gateway.post(f"/rest/hooks/{name}", params={"token": SECRET}, **options)
    return answer, [str(stanza.xml.findtext("{jabber:client}body")) for stanza in sent]


def test_text_arrives(gateway: TestGateway) -> None:
    answer, texts = post(gateway, "text", content=b"Backup done\n", type="text/plain")
    assert (answer.status_code, list(answer.json()), texts) == (200, ["id"], ["Backup done"])
