"""Tokens where they are used: on handlers, commands, events; what their scopes allow, and their end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tigrest.auth.token_store import TokenStore
from tigrest.testing import TestGateway, serving
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import COMMANDS, REGISTER

ADMIN, ALICE = ("admin", "secret"), ("alice", "secret")
JSON = {"Content-Type": "application/json"}


DEPLOY = {"permissions": {"deploy": {"who": ["scope:deploy"], "what": ["reload_handlers"]}}}


@pytest.fixture
def gateway() -> Iterator[TestGateway]:
    with serving(api=DEPLOY) as running:
        yield running


@pytest.fixture(scope="module")
def shared() -> Iterator[TestGateway]:
    """Give a gateway that the test does not change, but for a token more."""
    with serving(api=DEPLOY) as running:
        yield running


def token(gateway: TestGateway, owner: str, *scopes: str, ttl: int = 3600) -> str:
    arguments = {"jid": f"{owner}@localhost", "ttl": ttl, "scopes": list(scopes)}
    answer = gateway.client.post("/api/oauth_issue_token", json=arguments, auth=ADMIN)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["scopes"], body["expires_in"]) == (list(scopes), ttl)
    return str(body["token"])


def ask(gateway: TestGateway, method: str, path: str, given: str, **options: Any) -> Any:
    return gateway.client.request(method, path, headers={"Authorization": f"Bearer {given}", **options.pop("headers", {})}, **options)


MESSAGE = {"to": "bob@localhost", "body": "hello"}


@pytest.mark.parametrize(
    ("owner", "scopes", "rest", "stream", "whole", "register", "status"),
    [
        ("alice", ["user"], 202, 403, 200, 403, 200),
        ("alice", ["rest"], 202, 403, 403, 403, 200),
        ("alice", ["admin"], 202, 403, 200, 403, 200),
        ("alice", ["check_account"], 403, 403, 403, 403, 200),
        ("admin", ["user"], 202, 403, 200, 403, 200),
        ("admin", ["admin"], 202, 200, 200, 409, 200),
        ("admin", ["register"], 403, 403, 403, 409, 200),
        ("admin", ["accounts"], 403, 403, 403, 409, 200),
        ("admin", ["deploy"], 403, 403, 403, 403, 200),
    ],
)
def test_what_scopes_allow(
    shared: TestGateway, owner: str, scopes: list[str], rest: int, stream: int, whole: int, register: int, status: int
) -> None:
    given = token(shared, owner, *scopes)
    ping = "<iq type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"
    account = {"user": "bob", "host": "localhost", "password": "secret"}
    assert ask(shared, "POST", "/rest", given, json=MESSAGE).status_code == rest
    headers = {"Content-Type": "application/xml", "Api-Key": "test-key"}
    assert ask(shared, "POST", "/rest/stream", given, content=ping, headers=headers).status_code == stream
    assert (
        ask(shared, "GET", "/rest/adhoc/alice@localhost/phone", given).status_code
        in ({200: (404, 200), 403: (403,)}[rest if rest == 403 else 200])
    )
    assert ask(shared, "POST", "/api/register", given, json=account).status_code == register
    assert ask(shared, "POST", "/api/status", given, json={}).status_code == status


def test_a_scope_that_permissions_name_allows_what_they_say(gateway: TestGateway) -> None:
    given = token(gateway, "alice", "deploy")
    assert ask(gateway, "POST", "/api/reload_handlers", given, json={}).status_code == 200
    refused = ask(gateway, "POST", "/api/register", given, json={})
    assert (refused.status_code, refused.json()["rule"]) == (403, "scope")
    assert "has the scopes deploy: register needs the role admin" in refused.json()["reason"]
    other = ask(gateway, "POST", "/api/reload_handlers", token(gateway, "alice", "user"), json={})
    assert other.status_code == 403


ADD_USER = [
    {"var": "accountjid", "value": "mallory@localhost"},
    {"var": "password", "value": "x"},
    {"var": "password-verify", "value": "x"},
]


@pytest.mark.parametrize("scope", ["user", "rest", "send_stanza"])
def test_a_token_for_less_does_not_administer_in_the_name_of_its_owner(shared: TestGateway, scope: str) -> None:
    given = token(shared, "admin", scope)
    for to, node in (("localhost", "http://jabber.org/protocol/admin#add-user"), ("http.localhost", "api-key-add")):
        command = {"command": {"node": node, "fields": ADD_USER}}
        assert ask(shared, "POST", f"/rest/adhoc/{to}", given, json=command).status_code == 403
        assert ask(shared, "GET", f"/rest/adhoc/{to}", given).status_code == 403
        stanza = f"<iq type='set' from='admin@localhost' to='{to}'><command xmlns='{COMMANDS}' node='{node}'/></iq>"
        headers = {"Content-Type": "application/xml"}
        assert ask(shared, "POST", "/rest", given, content=stanza, headers=headers).status_code == 403
        if scope != "send_stanza":  # with that the command does what its owner may
            assert ask(shared, "POST", "/api/send_stanza", given, json={"stanza": stanza}).status_code == 403
    whole = token(shared, "admin", "admin")
    assert ask(shared, "GET", "/rest/adhoc/http.localhost", whole).status_code == 200


def test_a_token_for_less_does_not_change_the_password_of_its_owner(gateway: TestGateway) -> None:
    change = f"<iq type='set' to='alice@localhost'><query xmlns='{REGISTER}'><username>alice</username><password>x</password></query></iq>"
    for scope, status in (("user", 403), ("rest", 403), ("admin", 200)):
        headers = {"Content-Type": "application/xml"}
        answer = ask(gateway, "POST", "/rest", token(gateway, "alice", scope), content=change, headers=headers)
        assert answer.status_code == status, answer.text


def test_a_token_makes_no_token_for_more_than_it_is_for(gateway: TestGateway) -> None:
    narrow, wide = token(gateway, "admin", "oauth_issue_token", "user"), token(gateway, "admin", "admin")
    for given, scopes, status in ((narrow, ["admin"], 403), (narrow, ["user", "rest"], 403), (narrow, ["user"], 200), (wide, ["muc"], 200)):
        arguments = {"jid": "admin@localhost", "ttl": 60, "scopes": scopes}
        assert ask(gateway, "POST", "/api/oauth_issue_token", given, json=arguments).status_code == status, scopes
        arguments["scopes"] = ";".join(scopes)
        assert ask(gateway, "POST", "/api/oauth_issue_token/v0", given, json=arguments).status_code == status, scopes


def test_an_account_that_is_banned_has_no_tokens(gateway: TestGateway) -> None:
    given = token(gateway, "bob", "user")
    banned = gateway.client.post("/api/ban_account/v0", json={"user": "bob", "host": "localhost", "reason": "spam"}, auth=ADMIN)
    assert banned.status_code == 200, banned.text
    assert ask(gateway, "POST", "/rest", given, json=MESSAGE).status_code == 401


OWN = {"own": {"who": ["own"], "what": ["change_password"]}, "alice": {"who": ["alice@localhost"], "what": ["registered_users"]}}


def test_a_token_has_the_permissions_of_its_owner_for_what_its_scopes_name_only() -> None:
    with serving(api={"permissions": OWN}) as gateway:
        change = {"user": "alice", "host": "localhost", "newpass": "secret"}
        for scope, own, named in (("send_message", 403, 403), ("rest", 403, 403), ("accounts", 200, 200), ("user", 200, 200)):
            given = token(gateway, "alice", scope)
            assert ask(gateway, "POST", "/api/change_password", given, json=change).status_code == own, scope
            assert ask(gateway, "GET", "/api/registered_users?host=localhost", given).status_code == named, scope


def test_a_token_acts_as_its_owner(gateway: TestGateway) -> None:
    given = token(gateway, "alice", "user")
    assert ask(gateway, "POST", "/rest", given, json=MESSAGE).status_code == 202
    assert ask(gateway, "POST", "/rest", given, json=MESSAGE | {"from": "bob@localhost"}).status_code == 403
    assert ask(gateway, "GET", "/rest/users", given).status_code == 403


@pytest.mark.parametrize("given", ["tgt_nothing", "", "tgr_key", "a b"])
def test_what_is_no_token_is_401_with_a_challenge(shared: TestGateway, given: str) -> None:
    answer = ask(shared, "POST", "/rest", given, json=MESSAGE)
    assert answer.status_code == 401
    challenge = 'Bearer realm="tigrest", error="invalid_token", error_description="the token is not accepted: '
    assert answer.headers["www-authenticate"].startswith(challenge)
    assert not given or given not in answer.text


def test_a_revoked_token_is_refused_at_once(gateway: TestGateway) -> None:
    given = token(gateway, "alice", "user")
    assert ask(gateway, "POST", "/rest", given, json=MESSAGE).status_code == 202
    assert gateway.client.post("/api/oauth_revoke_token", json={"token": given}, auth=ADMIN).json() is None
    assert ask(gateway, "POST", "/rest", given, json=MESSAGE).status_code == 401


def test_an_admin_who_is_none_any_more_has_no_admin_token(gateway: TestGateway) -> None:
    given = token(gateway, "admin", "admin")
    assert ask(gateway, "GET", "/rest/users", given).status_code == 200
    config = gateway.gateway.config
    changed = config.model_copy(update={"auth": config.auth.model_copy(update={"admins": (JID("alice@localhost"),)})})
    gateway.client.portal.call(gateway.gateway.reconfigure, changed)
    assert ask(gateway, "GET", "/rest/users", given).status_code == 403
    assert ask(gateway, "POST", "/rest", given, json=MESSAGE).status_code == 202


def test_the_token_of_an_account_that_is_taken_out_of_the_configuration_is_refused() -> None:
    robot = "robot@other.example"
    with serving(auth={"accounts": [{"jid": robot, "password": "secret"}]}) as gateway:
        issued = gateway.client.post("/api/oauth_issue_token", json={"jid": robot, "ttl": 60, "scopes": ["user"]}, auth=ADMIN).json()
        message = MESSAGE | {"to": "bob@localhost"}
        assert ask(gateway, "POST", "/rest", issued["token"], json=message).status_code == 202
        config = gateway.gateway.config
        changed = config.model_copy(update={"auth": config.auth.model_copy(update={"accounts": ()})})
        gateway.client.portal.call(gateway.gateway.reconfigure, changed)
        assert ask(gateway, "POST", "/rest", issued["token"], json=message).status_code == 401


def test_tokens_go_with_the_account(gateway: TestGateway) -> None:
    given = token(gateway, "bob", "user")
    assert gateway.client.post("/api/unregister", json={"user": "bob", "host": "localhost"}, auth=ADMIN).status_code == 200
    store = gateway.gateway.parts.authentication.tokens

    async def settle() -> None:
        for task in store._tasks:
            await task

    gateway.client.portal.call(settle)
    assert ask(gateway, "POST", "/rest", given, json=MESSAGE).status_code == 401


def test_tokens_are_listed_without_themselves(gateway: TestGateway, caplog: pytest.LogCaptureFixture) -> None:
    given = token(gateway, "alice", "user", "roster", ttl=60)
    ask(gateway, "POST", "/rest", given, json=MESSAGE)
    [listed] = gateway.client.get("/api/oauth_list_tokens", auth=ADMIN).json()
    assert (listed["user"], listed["scopes"], listed["last_address"] in (None, "127.0.0.1")) == (
        "alice@localhost",
        ["roster", "user"],
        True,
    )
    assert re.fullmatch(r"alice@localhost \d{4}-\d\d-\d\d \d\d:\d\d:\d\d [0-9a-f]{8}", listed["name"])
    assert given not in str(listed)
    assert given not in caplog.text


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ({"jid": "alice@localhost", "ttl": 0, "scopes": ["user"]}, 400),
        ({"jid": "alice@localhost", "ttl": 60, "scopes": []}, 400),
        ({"jid": "alice@localhost", "ttl": 60, "scopes": ["Not a scope"]}, 400),
        ({"jid": "alice@localhost/phone", "ttl": 60, "scopes": ["user"]}, 422),
        ({"jid": "localhost", "ttl": 60, "scopes": ["user"]}, 400),
    ],
)
def test_what_cannot_be_a_token_is_refused(shared: TestGateway, arguments: dict[str, object], status: int) -> None:
    assert shared.client.post("/api/oauth_issue_token", json=arguments, auth=ADMIN).status_code == status


def test_only_admins_issue_tokens(shared: TestGateway) -> None:
    arguments = {"jid": "admin@localhost", "ttl": 60, "scopes": ["admin"]}
    assert shared.client.post("/api/oauth_issue_token", json=arguments, auth=ALICE).status_code == 403
    assert ask(shared, "POST", "/api/oauth_issue_token", token(shared, "alice", "admin"), json=arguments).status_code == 403


def test_version_0_takes_scopes_as_a_text(shared: TestGateway) -> None:
    arguments = {"jid": "alice@localhost", "ttl": 60, "scopes": "user;roster"}
    assert shared.client.post("/api/oauth_issue_token/v0", json=arguments, auth=ADMIN).json()["scopes"] == ["user", "roster"]


def test_what_needs_the_password_says_so(gateway: TestGateway) -> None:
    answer = ask(gateway, "GET", "/rest/bosh/prebind", token(gateway, "alice", "user"))
    assert (answer.status_code, "by HTTP Basic with the password, not with a token" in answer.text) == (403, True)


def test_scripts_have_the_store(gateway: TestGateway) -> None:
    assert isinstance(gateway.gateway.parts.pipeline._provide(TokenStore), TokenStore)


def test_a_scope_by_which_a_token_could_do_nothing_is_refused_with_the_nearest(gateway: TestGateway) -> None:
    def issue(*scopes: str) -> Any:
        return gateway.client.post("/api/oauth_issue_token", json={"jid": "alice@localhost", "ttl": 60, "scopes": [*scopes]}, auth=ADMIN)

    assert issue("send_message", "roster", "deploy").status_code == 200
    for slip, near in (("send_mesage", "send_message"), ("deplyo", "deploy"), ("rset", "rest"), ("rostr", "roster")):
        answer = issue("user", slip)
        assert (answer.status_code, f"did you mean {near}?" in answer.text) == (400, True), answer.text
