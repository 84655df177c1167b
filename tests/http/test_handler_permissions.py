"""Permissions of handlers: a group that names one decides, instead of its requiredRole."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.process import tigrest
from tigrest.config import Config
from tigrest.testing import API_KEY, TestGateway, serving
from tigrest.xmpp.jid import JID

HANDLERS = """
from tigrest import Handler

class Open(Handler):
    regex = "/open"
    def exec_get(self): return "in"

class Users(Handler):
    regex = "/users"
    requiredRole = "user"
    def exec_get(self, user): return f"in: {user}"

class Admins(Handler):
    regex = "/admins/([^/]+)"
    requiredRole = "admin"
    def exec_get(self, user, jid): return f"in: {user}"

class Unnamed(Handler):
    regex = "/unnamed"
    requiredRole = "admin"
    def exec_get(self, user): return f"in: {user}"

class Keyed(Handler):
    regex = "/keyed"
    apiKey = True
    def exec_get(self): return "in"

class Either(Handler):
    regex = "/either"
    requiredRole = "admin"
    def authRequired(self, api_key): return api_key is None
    def exec_get(self, user): return f"in: {user}"
"""

GROUPS = {
    "closed": {"who": ["alice@localhost"], "what": ["rest:/rest/p/open", "rest:/rest/p/users", "rest:/rest/p/either"]},
    "own": {"who": ["own"], "what": ["rest:/rest/p/admins/*"]},
    "scoped": {"who": ["scope:deploy"], "what": ["rest:/rest/p/users", "rest:/rest/p/admins/{jid}"]},
    "keyed": {"who": ["role:user"], "what": ["rest:/rest/p/keyed"]},
    "loop": {"from": ["/rest/p/users"], "who": ["192.0.2.0/24"], "what": ["rest:/rest/p/users", "rest:/rest/p/open"]},
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestGateway]:
    folder = tmp_path_factory.mktemp("scripts")
    (folder / "p").mkdir()
    (folder / "p" / "handlers.py").write_text(HANDLERS)
    with serving(folder, api={"permissions": GROUPS}) as running:
        yield running


@pytest.mark.parametrize(
    ("path", "login", "key", "status", "body"),
    [
        ("open", "", "", 401, None),
        ("open", "bob", "", 403, None),
        ("open", "alice", "", 200, "in"),
        ("open", "alice:wrong", "", 401, None),
        ("users", "", "", 401, None),
        ("users", "bob", "", 403, None),
        ("users", "alice", "", 200, "in: alice@localhost"),
        ("users", "admin", "", 200, "in: admin@localhost"),
        ("admins/alice@localhost", "alice", "", 200, "in: alice@localhost"),
        ("admins/ALICE@localhost%2Fphone", "alice", "", 404, None),
        ("admins/ALICE@localhost", "alice", "", 200, "in: alice@localhost"),
        ("admins/alice@localhost%0A", "alice", "", 403, None),
        ("admins/bob@localhost", "alice", "", 403, None),
        ("admins/bob@localhost", "admin", "", 200, "in: admin@localhost"),
        ("unnamed", "alice", "", 403, None),
        ("keyed", "alice", "", 403, None),
        ("keyed", "alice", API_KEY, 200, "in"),
        ("keyed", "", API_KEY, 401, None),
        ("either", "", API_KEY, 200, "in: None"),
        ("either", "", "", 401, None),
        ("either", "alice", "", 200, "in: alice@localhost"),
        ("either", "bob", API_KEY, 403, None),
    ],
)
def test_a_group_decides_about_the_handlers_that_it_names(
    gateway: TestGateway, path: str, login: str, key: str, status: int, body: str | None
) -> None:
    response = gateway.get(f"/rest/p/{path}", login=login, api_key=key)
    assert (response.status_code, response.text if status == 200 else None) == (status, body), response.text


def test_a_refusal_names_the_group_and_why_and_strangers_learn_no_more_than_that_they_have_to_log_in(gateway: TestGateway) -> None:
    refused = gateway.get("/rest/p/open", login="bob", headers={"Accept": "application/json"}).json()
    assert refused["rule"] == "closed"
    assert refused["reason"].startswith("group closed: the caller is not alice@localhost; group loop: it is for calls from /rest/p/users")
    stranger = gateway.get("/rest/p/open", headers={"Accept": "application/json"}).json()
    assert "closed" not in str(stranger)
    assert "alice" not in str(stranger)


def token_for(gateway: TestGateway, scope: str, owner: str = "bob@localhost") -> dict[str, str]:
    store = gateway.gateway.parts.authentication.tokens._store
    made = gateway.client.portal.call(store.add, f"{scope} of {owner}", JID(owner), [scope])
    return {"Authorization": f"Bearer {made}"}


def test_a_scope_lets_a_token_call_what_its_group_names_and_nothing_else(gateway: TestGateway) -> None:
    deploy, other = token_for(gateway, "deploy"), token_for(gateway, "user")
    assert gateway.get("/rest/p/users", headers=deploy).text == "in: bob@localhost"
    assert gateway.get("/rest/p/admins/alice@localhost", headers=deploy).status_code == 200
    assert gateway.get("/rest/p/unnamed", headers=deploy).status_code == 403
    refused = gateway.get("/rest/p/users", headers=other | {"Accept": "application/json"})
    assert (refused.status_code, refused.json()["rule"]) == (403, "scope")


def test_a_token_for_something_else_stands_for_nobody_where_others_may_call(tmp_path: Path) -> None:
    """Neither a group for all, nor an API key beside it, makes a token for ``status`` act for its owner."""
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "handlers.py").write_text(HANDLERS)
    handlers = ["rest:/rest", "rest:/rest/p/users"]
    groups = {"all": {"who": ["all"], "what": [*handlers, "send_message"]}, "ci": {"who": ["scope:deploy"], "what": handlers}}
    stanza = {"kind": "message", "to": "alice@localhost", "body": "hi"}
    message = {"type": "chat", "from": "bob@localhost", "to": "alice@localhost", "subject": "", "body": "hi"}
    with serving(tmp_path, api={"permissions": groups}) as gateway:
        for scope, users, sends in (("status", 403, 403), ("deploy", 200, 202), ("user", 200, 202), ("send_message", 403, 403)):
            token = token_for(gateway, scope)
            assert gateway.get("/rest/p/users", headers=token).status_code == users, scope
            assert gateway.post("/rest", json=stanza, headers=token).status_code == sends, scope
            told = gateway.post("/api/send_message", json=message, headers=token)
            assert told.status_code == (200 if scope in ("user", "send_message") else 403), told.text
            beside_key = gateway.get("/rest/p/either", headers=token, api_key=API_KEY)
            assert beside_key.text == "in: bob@localhost" if scope == "user" else beside_key.status_code == 403, scope


def test_a_token_of_an_admin_that_is_for_less_is_no_admin_at_a_handler_that_a_group_names(gateway: TestGateway) -> None:
    rest = token_for(gateway, "rest", "admin@localhost")
    assert gateway.get("/rest/p/open", headers=rest).status_code == 403
    assert gateway.get("/rest/p/open", headers=token_for(gateway, "admin", "admin@localhost")).status_code == 200


def test_networks_count_but_not_for_pages(tmp_path: Path) -> None:
    groups = {"here": {"who": ["127.0.0.1"], "what": ["rest:/rest/tested/test"]}}
    with serving(api={"permissions": groups}) as gateway:
        assert gateway.get("/rest/tested/test").status_code == 200
        assert gateway.get("/rest/tested/test", headers={"Sec-Fetch-Site": "same-site"}).status_code == 401
        assert gateway.get("/rest/tested/test?api-key=", headers={"Sec-Fetch-Site": "same-site"}).status_code == 401
        assert gateway.get("/api/status").status_code == 200
        assert gateway.get("/api/status?api-key=", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 401


def test_who_opens_all_handlers_to_everybody_gets_answers_without_defects(caplog: pytest.LogCaptureFixture) -> None:
    with serving(api={"permissions": {"all": {"who": ["all"], "what": ["rest:*"]}}}) as gateway:
        for method, path in (
            ("POST", "/rest"),
            ("GET", "/rest/disco/localhost"),
            ("GET", "/rest/adhoc/localhost"),
            ("GET", "/rest/events"),
            ("GET", "/rest/bosh/prebind"),
            ("PUT", "/rest/avatar/alice@localhost"),
            ("GET", "/rest/user/alice@localhost"),
            ("POST", "/rest/user/alice@localhost/status"),
        ):
            response = gateway.request(method, path, json={"to": "alice@localhost", "body": "x"} if method == "POST" else None)
            assert response.status_code < 500 or response.status_code == 501, (path, response.text)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_names_of_no_handler_are_told_with_the_nearest(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    told = "api.permissions.g.what: there is no handler 'rest:/rest/strem'; did you mean 'rest:/rest/stream'?"
    with serving(api={"permissions": {"g": {"what": ["rest:/rest/strem"]}}}) as gateway:
        gateway.reload()
        assert [record.getMessage() for record in caplog.records if "api.permissions" in record.getMessage()] == [told]
    (tmp_path / "c.toml").write_text('[api.permissions.g]\nwhat = ["rest:/rest/strem"]\n')
    done = tigrest("check", "--config", "c.toml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, f"{told}\n")


def test_groups_count_at_once_when_they_change() -> None:
    with serving() as gateway:
        assert gateway.get("/rest/tested/test").status_code == 200
        groups = {"g": {"who": ["alice@localhost"], "what": ["rest:/rest/tested/*"]}}
        changed = gateway.gateway.config.model_copy(update={"api": Config.model_validate({"api": {"permissions": groups}}).api})
        gateway.client.portal.call(gateway.gateway.reconfigure, changed)
        assert gateway.get("/rest/tested/test").status_code == 401
        assert gateway.get("/rest/tested/test", login="alice").status_code == 200
