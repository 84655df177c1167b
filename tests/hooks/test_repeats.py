"""Deliveries that come again: one message, unless the first attempt failed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.hooks.test_hooks import SECRET, post, sample
from tigrest.auth.hook_store import make_hook
from tigrest.errors import StorageUnavailable, TooManyIdempotencyKeys
from tigrest.hooks.outcome import HookOutcome
from tigrest.hooks.post import HookPost
from tigrest.hooks.repeats import DELIVERY_HEADERS, HookRepeats, delivery_of
from tigrest.http.idempotency import Idempotency
from tigrest.state.database import Database
from tigrest.state.idempotency import IdempotencyStore, KeyClaim, StoredAnswer
from tigrest.testing import TestGateway, serving
from tigrest.webhooks import sign
from tigrest.xmpp.jid import JID

ADMIN = ("admin", "secret")


@pytest.fixture(scope="module")
def gateway() -> Iterator[TestGateway]:
    with serving() as running:
        add = running.gateway.parts.hook_store.add
        for name, format, to in (("github", "github", "bob"), ("text", "text", "bob"), ("other", "text", "bob"), ("late", "text", "late")):
            running.client.portal.call(add, make_hook(name, format, JID(f"{to}@localhost"), SECRET, signs=True))
        yield running


def test_a_redelivery_of_github_is_one_message(gateway: TestGateway) -> None:
    push = sample("github-push")
    headers = push["headers"] | {"X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958"}
    (first, sent), (again, repeated) = [post(gateway, "github", **push | {"headers": headers}) for _ in range(2)]
    assert (first.status_code, len(sent), "idempotent-replayed" in first.headers) == (200, 1, False)
    assert (again.status_code, repeated, again.headers["idempotent-replayed"]) == (200, [], "true")
    assert again.json() == first.json()


@pytest.mark.parametrize("header", DELIVERY_HEADERS)
def test_a_delivery_is_known_by_hook_id_and_content(gateway: TestGateway, header: str) -> None:
    def count(hook: str, body: bytes, id: str) -> int:
        answer, texts = post(gateway, hook, content=body, headers={header: id})
        assert answer.status_code == 200
        return len(texts)

    assert [count("text", b"one", header) for _ in range(2)] == [1, 0]
    assert count("text", b"two", header) == 1
    assert count("text", b"one", f"{header}-2") == 1
    assert count("other", b"one", header) == 1
    assert [count("text", b"one", "x" * 256) for _ in range(2)] == [1, 1]


def test_a_key_counts_before_the_id_and_for_one_content(gateway: TestGateway) -> None:
    def send(body: bytes, id: str) -> tuple[Any, list[str]]:
        return post(gateway, "text", content=body, headers={"Idempotency-Key": "night-1", "X-GitHub-Delivery": id})

    assert len(send(b"one", "a")[1]) == 1
    assert send(b"one", "b")[1] == []
    assert send(b"two", "c")[0].status_code == 422
    wrong, texts = post(gateway, "text", content=b"one", headers={"Idempotency-Key": "night-1"}, params={"token": "wrong"})
    assert (wrong.status_code, texts) == (401, [])


def test_attempts_that_are_signed_anew_are_the_same_delivery(gateway: TestGateway) -> None:
    def attempt(at: int) -> int:
        headers = {"webhook-id": "msg_9", "webhook-timestamp": str(at), "webhook-signature": sign(SECRET, "msg_9", at, b"signed")}
        answer, texts = post(gateway, "text", content=b"signed", headers=headers, params={})
        assert answer.status_code == 200
        return len(texts)

    assert [attempt(int(time.time()) - age) for age in (9, 4)] == [1, 0]


def test_a_delivery_that_failed_is_sent_when_it_comes_again(gateway: TestGateway) -> None:
    def deliver() -> tuple[int, int]:
        answer, texts = post(gateway, "late", content=b"at last", headers={"X-GitHub-Delivery": "late-1"})
        return answer.status_code, len(texts)

    assert [deliver()[0] for _ in range(2)] == [404, 404]
    account = {"user": "late", "host": "localhost", "password": "secret"}
    assert gateway.client.post("/api/register", json=account, auth=ADMIN).status_code == 200
    assert [deliver() for _ in range(2)] == [(200, 1), (200, 0)]


class NoRoom(Idempotency):
    """Stores no key."""

    def __init__(self, store: IdempotencyStore, error: Exception) -> None:
        super().__init__(store)
        self._error = error

    async def claim(self, claim: KeyClaim) -> StoredAnswer | None:
        raise self._error


@pytest.mark.parametrize("error", [StorageUnavailable("the disk is full"), TooManyIdempotencyKeys(1, 1.0)])
async def test_an_alert_that_cannot_be_remembered_is_sent_all_the_same(database: Database, error: Exception) -> None:
    sent: list[str] = []

    async def deliver() -> HookOutcome:
        sent.append("one")
        return HookOutcome("id-1")

    repeats, hook = HookRepeats(NoRoom(IdempotencyStore(database), error)), make_hook("ops", "text", JID("bob@localhost"), SECRET)
    delivery = HookPost("ops", b"disk full", headers={"webhook-id": "msg_1"})
    assert delivery_of(delivery.headers) == ("webhook-id", "msg_1")
    assert (await repeats.once(hook, delivery, [], deliver)).id == "id-1"
    with pytest.raises(type(error)):
        await repeats.once(hook, delivery, [(b"idempotency-key", b"k")], deliver)
    assert sent == ["one"]
