"""Commands with an idempotency key."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import ServeCommands
from tigrest.testing import TestGateway, serving

SOURCE = """
RUNS = []

def count(what):
    RUNS.append(what)
    return RUNS.count(what)

@command(role="user", route="PUT /things/{name}")
async def change(ctx, name: str) -> int:
    if name == "taken":
        count("taken")
        raise Conflict(f"taken {RUNS.count('taken')}")
    return count("change")

@command(role=None, effect="read")
async def look(ctx, name: str = "") -> int:
    return count("look")

@command(role=None, secret_result=True)
async def make_secret(ctx) -> str:
    return f"sesame {count('secret')}"

@command("change", role="user", version=1)
async def change_1(ctx, name: str) -> int:
    return count("change") + 1000
"""
PLACES = {"/ejabberd/api": {"version": 0, "compat": "ejabberd"}}


@pytest.fixture
def gateway(share: ServeCommands) -> TestGateway:
    return share(SOURCE, api={"mounts": PLACES})


def call(gateway: TestGateway, path: str, key: str = "k", method: str = "POST", **options: Any) -> Any:
    return gateway.request(method, path, headers={"Idempotency-Key": key}, **{"login": "alice", "json": {"name": "x"}, **options})


@pytest.mark.parametrize(
    ("path", "method", "body"),
    [
        ("/api/change", "POST", {"name": "x"}),
        ("/api/change/v0", "POST", {"name": "x"}),
        ("/v0/api/change", "POST", {"name": "x"}),
        ("/ejabberd/api/change", "POST", {"name": "x"}),
        ("/api/v0/things/x", "PUT", None),
    ],
)
def test_a_command_that_changes_something_runs_once_at_every_path(gateway: TestGateway, path: str, method: str, body: Any) -> None:
    first, again = [call(gateway, path, method=method, json=body) for _ in range(2)]
    assert (first.status_code, again.status_code, again.content) == (200, 200, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["cache-control"] == "no-store"
    assert call(gateway, path, method=method, json=body, login="bob").content != first.content
    assert call(gateway, path, method=method, json=body, key="other").content != first.content


def test_other_arguments_are_refused_in_the_words_of_the_place(gateway: TestGateway) -> None:
    for path in ("/api/change", "/ejabberd/api/change"):
        call(gateway, path, "arguments")
        answer = call(gateway, path, "arguments", json={"name": "y"})
        assert (answer.status_code, answer.json()["code"] if path == "/api/change" else 422) == (422, 422)
        assert "came with another request before" in answer.text


def test_a_command_that_only_tells_runs_each_time(gateway: TestGateway) -> None:
    assert call(gateway, "/api/look", json={}).content != call(gateway, "/api/look", json={}).content


def test_errors_are_not_kept_as_nothing_was_done(gateway: TestGateway) -> None:
    first, again = [call(gateway, "/api/change/v0", "errors", json={"name": "taken"}) for _ in range(2)]
    assert (first.status_code, first.json()["detail"] != again.json()["detail"]) == (409, True)
    assert call(gateway, "/api/change/v0", "errors", json={"nick": "x"}).status_code == 400
    assert call(gateway, "/api/change/v0", "errors").status_code == 200


def test_who_may_not_call_a_command_learns_nothing_of_keys(gateway: TestGateway) -> None:
    call(gateway, "/api/change", "private")
    assert call(gateway, "/api/change", "private", login="").status_code == 401
    assert call(gateway, "/api/change", '"', login="").status_code == 401


def test_a_secret_is_not_kept(gateway: TestGateway) -> None:
    first, again = [call(gateway, "/api/make_secret", json={}) for _ in range(2)]
    assert "sesame" in first.text
    assert (again.status_code, again.content, again.headers["idempotent-replayed"]) == (204, b"", "true")


def test_a_message_is_sent_once_by_the_built_in_command_and_a_token_is_shown_once() -> None:
    with serving() as gateway:
        message = {"type": "chat", "from": "admin@localhost", "to": "bob@localhost", "subject": "", "body": "Hi"}
        with gateway.recording() as sent:
            answers = [call(gateway, "/api/send_message", login="admin", json=message) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200] * 3, answers[0].text
        assert len(sent) == 1
        assert sent[0].id.endswith("-1")
        token = {"jid": "bob@localhost", "ttl": 60, "scopes": ["user"]}
        first, again = [call(gateway, "/api/oauth_issue_token", "token", login="admin", json=token) for _ in range(2)]
        assert "tgt_" in first.text
        assert (again.status_code, again.text) == (204, "")
