"""The token endpoint: a password or a refresh token becomes a token."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy import delete

from tests.oauth.client import INTROSPECT, REVOKE, SERVICE, TOKEN, bearer, log_in, opened, refresh, registered, whoami
from tests.waiting import eventually
from tigrest.auth.permissions import Permissions
from tigrest.backends.embedded.tables import accounts
from tigrest.config import Config
from tigrest.gateway.authentication import make_permissions
from tigrest.testing import API_KEY, TestGateway


@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth/token"])
def test_a_password_becomes_a_token_that_counts_like_the_login(gateway: TestGateway, path: str) -> None:
    form = {"grant_type": "password", "username": "alice", "password": "secret", "scope": "xmpp"}
    answer = gateway.post(path, data=form)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body.pop("access_token").startswith("tgt_")
    assert body == {"token_type": "bearer", "expires_in": 3600, "scope": "xmpp"}
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    assert whoami(gateway, gateway.post(path, data=form).json()["access_token"]) == 200


@pytest.mark.parametrize("username", ["alice", "alice@localhost", "ALICE@LocalHost", "alice@localhost/phone"])
def test_the_username_is_an_address_or_its_local_part(gateway: TestGateway, username: str) -> None:
    token = log_in(gateway, username=username).json()["access_token"]
    answer = gateway.post(INTROSPECT, data={"token": token}, login="admin")
    assert answer.json()["username"] == "alice@localhost"


@pytest.mark.parametrize(
    "login",
    [
        {"password": "wrong"},
        {"username": "nobody"},
        {"username": "alice@elsewhere.org"},
        {"username": "user-status-endpoint"},
        {"username": "a@b@c"},
        {"password": "x" * 4097},
        {"password": "secret\0"},
        {"password": "sec\x07ret"},
    ],
)
def test_a_login_that_is_not_accepted_is_an_invalid_grant(gateway: TestGateway, login: dict[str, str]) -> None:
    answer = log_in(gateway, None, **login)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert answer.headers["cache-control"] == "no-store"
    assert "wrong" not in answer.text


def test_guessing_passwords_is_throttled_as_at_every_login(fresh: TestGateway) -> None:
    for _ in range(10):
        assert log_in(fresh, password="wrong").status_code == 400
    answer = log_in(fresh)
    assert (answer.status_code, answer.json()["error"]) == (429, "temporarily_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert fresh.get("/rest/adhoc/localhost", login="alice").status_code == 429
    assert log_in(fresh, username="bob").status_code == 200


@pytest.mark.parametrize(
    ("username", "asked", "granted"),
    [
        ("alice", "", "user"),
        ("alice", "user", "user"),
        ("alice", "prosody:restricted xmpp prosody:admin", "prosody:restricted xmpp"),
        ("admin", "prosody:restricted xmpp prosody:admin", "prosody:restricted xmpp prosody:admin"),
        ("admin", "prosody:operator", "prosody:operator"),
        ("alice", "openid xmpp offline_access xmpp", "xmpp"),
        ("alice", "get_roster muc", "get_roster muc"),
        ("alice", "admin rest", "rest"),
        ("admin", "admin", "admin"),
    ],
)
def test_what_of_a_scope_is_granted_is_told_in_the_words_of_the_client(
    gateway: TestGateway, username: str, asked: str, granted: str
) -> None:
    assert log_in(gateway, username=username, scope=asked).json()["scope"] == granted


@pytest.mark.parametrize("asked", ["openid", "admin", "prosody:admin", "deploy", "*", "xmpp " * 401, "user\0", "user ü"])
def test_a_scope_of_which_nothing_is_a_user_s_to_grant_is_refused(gateway: TestGateway, asked: str) -> None:
    answer = log_in(gateway, scope=asked)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


def test_a_client_gets_no_more_than_it_has_registered(gateway: TestGateway) -> None:
    client = registered(gateway, scope="xmpp")
    assert log_in(gateway, client, "admin", scope="prosody:registered prosody:admin get_roster").json()["scope"] == "prosody:registered"
    assert log_in(gateway, client, "admin").json()["scope"] == "xmpp"


def test_a_token_has_the_rights_of_its_scope(gateway: TestGateway) -> None:
    of_user, of_admin = (log_in(gateway, username="admin", scope=scope).json()["access_token"] for scope in ("xmpp", "prosody:admin"))
    assert [gateway.get("/rest/users", headers=bearer(token)).status_code for token in (of_user, of_admin)] == [403, 200]


def test_a_scope_that_a_user_chose_gives_him_nothing() -> None:
    """Permissions by scope are for tokens that administrators make: here everybody may choose the name of a command as scope."""
    permissions = {"all": {"who": ["scope:check_account"], "what": ["check_account", "registered_users"]}}
    with opened() as gateway:
        gateway.gateway.parts.service.policy.permissions = _permissions(permissions)
        token = log_in(gateway, scope="check_account").json()["access_token"]
        answer = gateway.get("/api/registered_users?host=localhost", headers=bearer(token))
        assert answer.status_code == 403
        made = gateway.post(
            "/api/oauth_issue_token", login="admin", json={"jid": "alice@localhost", "ttl": 60, "scopes": ["check_account"]}
        )
        answer = gateway.get("/api/registered_users?host=localhost", headers=bearer(made.json()["token"]))
        assert answer.status_code == 200, answer.text


def _permissions(groups: dict[str, dict[str, list[str]]]) -> Permissions:
    return make_permissions(Config.model_validate({"api": {"permissions": groups}}))


@pytest.mark.parametrize(("ttl", "seconds"), [("60", 60), ("9999999999", 2592000)])
def test_the_lifetime_may_be_chosen_up_to_a_limit(gateway: TestGateway, ttl: str, seconds: int) -> None:
    assert log_in(gateway, ttl=ttl).json()["expires_in"] == seconds


@pytest.mark.parametrize("ttl", ["0", "-1", "1.5", "x", "١", "1" * 11, "1e3"])
def test_a_lifetime_that_is_none_is_refused(gateway: TestGateway, ttl: str) -> None:
    answer = log_in(gateway, ttl=ttl)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ("username=alice&password=secret", "invalid_request"),
        ("grant_type=password&username=alice", "invalid_request"),
        ("grant_type=password&password=secret", "invalid_request"),
        ("grant_type=password&username=alice&password=", "invalid_request"),
        ("grant_type=password&grant_type=password&username=alice&password=secret", "invalid_request"),
        ("grant_type=implicit", "unsupported_grant_type"),
        ("grant_type=authorization_code&code=x", "invalid_client"),
        ("grant_type=client_credentials", "invalid_client"),
        ("grant_type=refresh_token", "invalid_request"),
        ("grant_type=refresh_token&refresh_token=tgr_x.y", "invalid_grant"),
        ("grant_type=password&client_secret=x&username=alice&password=secret", "invalid_request"),
        ('{"grant_type": "password"}', "invalid_request"),
        ("grant_type=%ff", "invalid_request"),
    ],
)
def test_a_malformed_request_is_told_so(gateway: TestGateway, form: str, code: str) -> None:
    answer = gateway.post(TOKEN, content=form, type="application/x-www-form-urlencoded")
    assert answer.json()["error"] == code
    assert answer.status_code in ((401,) if code == "invalid_client" else (400, 415))
    assert answer.headers["cache-control"] == "no-store"


def test_parameters_count_in_a_form_only(gateway: TestGateway) -> None:
    form = {"grant_type": "password", "username": "alice", "password": "secret"}
    assert gateway.post(TOKEN, json=form).json()["error"] == "invalid_request"
    assert gateway.post(TOKEN, params=form).json()["error"] == "invalid_request"
    assert gateway.get(TOKEN, params=form).status_code == 404


@pytest.mark.parametrize("where", ["header", "body"])
def test_a_client_logs_in_by_basic_or_in_the_body(gateway: TestGateway, where: str) -> None:
    client = registered(gateway)
    form = {"grant_type": "password", "username": "alice", "password": "secret"}
    headers = client.headers if where == "header" else {}
    if where == "body":
        form |= {"client_id": client.id, "client_secret": client.secret}
    answer = gateway.post(TOKEN, data=form, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["refresh_token"].startswith("tgr_")


@pytest.mark.parametrize(
    "parameters",
    [
        {"client_id": "ID", "client_secret": "wrong"},
        {"client_id": "ID"},
        {"client_id": "tgc_other", "client_secret": "SECRET"},
        {"client_id": "tgc_other"},
    ],
)
def test_a_client_that_is_not_known_is_refused_before_any_password_is_looked_at(fresh: TestGateway, parameters: dict[str, str]) -> None:
    client = registered(fresh)
    given = {name: value.replace("ID", client.id).replace("SECRET", client.secret) for name, value in parameters.items()}
    answer = log_in(fresh, None, **given)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["www-authenticate"].startswith("Basic ")
    for _ in range(30):
        answer = log_in(fresh, None, **given)
    assert answer.status_code == 429, "guessing is throttled"
    assert log_in(fresh, client).status_code != 401, "not for those who know the secret"


def test_a_client_that_did_not_register_a_grant_may_not_use_it(gateway: TestGateway) -> None:
    client = registered(gateway, grant_types=["password"])
    body = log_in(gateway, client).json()
    assert "refresh_token" not in body
    assert refresh(gateway, client, "tgr_x.y").json()["error"] == "unauthorized_client"


def test_a_refresh_token_makes_the_next_tokens_and_is_replaced(gateway: TestGateway) -> None:
    client = registered(gateway)
    first = log_in(gateway, client, scope="xmpp get_roster").json()
    second = refresh(gateway, client, first["refresh_token"])
    assert second.status_code == 200, second.text
    body = second.json()
    assert (body["scope"], body["token_type"], second.headers["cache-control"]) == ("xmpp get_roster", "bearer", "no-store")
    assert body["refresh_token"] != first["refresh_token"]
    assert [whoami(gateway, each["access_token"]) for each in (first, body)] == [401, 200]
    narrower = refresh(gateway, client, body["refresh_token"], scope="get_roster").json()
    assert narrower["scope"] == "get_roster"
    assert whoami(gateway, narrower["access_token"]) == 403
    beyond = refresh(gateway, client, narrower["refresh_token"], scope="xmpp rest")
    assert beyond.json()["error"] == "invalid_scope"
    assert refresh(gateway, client, narrower["refresh_token"]).json()["scope"] == "xmpp get_roster"


def test_a_refresh_token_used_twice_ends_all_tokens_of_that_login(gateway: TestGateway, caplog: pytest.LogCaptureFixture) -> None:
    client = registered(gateway)
    other = log_in(gateway, client).json()
    first = log_in(gateway, client).json()
    second = refresh(gateway, client, first["refresh_token"]).json()
    assert refresh(gateway, client, first["refresh_token"]).json()["error"] == "invalid_grant"
    assert whoami(gateway, second["access_token"]) == 401
    assert refresh(gateway, client, second["refresh_token"]).json()["error"] == "invalid_grant"
    assert whoami(gateway, other["access_token"]) == 200, "another login goes on"
    assert "was used twice" in caplog.text


def test_a_refresh_token_is_for_its_client_only(gateway: TestGateway) -> None:
    client, other = registered(gateway), registered(gateway)
    body = log_in(gateway, client).json()
    assert refresh(gateway, other, body["refresh_token"]).json()["error"] == "invalid_grant"
    form = {"grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
    assert gateway.post(TOKEN, data=form).json()["error"] == "invalid_grant"
    assert gateway.post(TOKEN, data=form | {"client_id": client.id}).json()["error"] == "invalid_client"
    assert refresh(gateway, client, body["refresh_token"]).status_code == 200, "it was not used up"


def test_a_public_client_has_no_secret(gateway: TestGateway) -> None:
    client = registered(gateway, token_endpoint_auth_method="none")
    assert client.secret == ""
    body = log_in(gateway, client_id=client.id).json()
    form = {"grant_type": "refresh_token", "refresh_token": body["refresh_token"], "client_id": client.id}
    assert gateway.post(TOKEN, data=form).status_code == 200


def test_tokens_end_with_the_account(fresh: TestGateway) -> None:
    client = registered(fresh)
    body = log_in(fresh, client, "bob").json()
    assert whoami(fresh, body["access_token"]) == 200
    fresh.delete("/rest/user/bob@localhost", login="admin")
    eventually(lambda: whoami(fresh, body["access_token"]) == 401)
    assert refresh(fresh, client, body["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_refresh_token_is_none_for_an_account_that_is_gone_from_the_server(fresh: TestGateway) -> None:
    """The gateway is not told what is deleted elsewhere: so it asks."""
    client = registered(fresh)
    body = log_in(fresh, client, "bob").json()

    async def delete_elsewhere() -> None:
        async with fresh.gateway.parts.databases.embedded.begin() as connection:
            await connection.execute(delete(accounts).where(accounts.c.jid == "bob@localhost"))

    fresh.client.portal.call(delete_elsewhere)
    assert refresh(fresh, client, body["refresh_token"]).json()["error"] == "invalid_grant"


def test_what_a_token_may_ends_with_the_role(fresh: TestGateway) -> None:
    client = registered(fresh)
    body = log_in(fresh, client, "admin", scope="xmpp prosody:admin").json()
    policy, admission = fresh.gateway.parts.service.policy, fresh.gateway.parts.authentication.admission
    policy.admins = frozenset()
    admission.forget_roles()
    assert fresh.get("/rest/users", headers=bearer(body["access_token"])).status_code == 403
    assert refresh(fresh, client, body["refresh_token"]).json()["scope"] == "xmpp"


def test_an_administrator_who_revokes_a_token_revokes_what_would_bring_it_back(gateway: TestGateway) -> None:
    client = registered(gateway)
    body = log_in(gateway, client).json()
    assert gateway.post("/api/oauth_revoke_token", login="admin", json={"token": body["access_token"]}).status_code == 200
    assert refresh(gateway, client, body["refresh_token"]).json()["error"] == "invalid_grant"


def test_pages_of_other_origins_may_ask_for_tokens_and_end_them(gateway: TestGateway) -> None:
    headers = {"Origin": "https://app.example.net"}
    form = {"grant_type": "password", "username": "alice", "password": "secret"}
    answer = gateway.post(TOKEN, data=form, headers=headers)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
    assert "access-control-allow-credentials" not in answer.headers
    assert gateway.post(REVOKE, data={"token": answer.json()["access_token"]}, headers=headers).status_code == 200
    assert gateway.post(INTROSPECT, data={"token": "x"}, headers=headers, login="admin").status_code == 403
    assert gateway.post("/oauth2/register", json=SERVICE, headers=headers).status_code == 403


def test_secrets_reach_neither_logs_nor_errors(gateway: TestGateway, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    client = registered(gateway)
    first = log_in(gateway, client).json()
    second = refresh(gateway, client, first["refresh_token"]).json()
    errors = [
        log_in(gateway, client, password="not-the-password").text,
        refresh(gateway, client, first["refresh_token"]).text,
        gateway.post(TOKEN, data={"grant_type": "password", "client_id": client.id, "client_secret": "bad-secret"}).text,
    ]
    gateway.post(REVOKE, data={"token": second["access_token"]})
    secrets = [
        client.secret,
        "not-the-password",
        "bad-secret",
        API_KEY,
        *(body[key] for body in (first, second) for key in ("access_token", "refresh_token")),
    ]
    everything = caplog.text + "".join(errors)
    assert "a token for alice@localhost is issued to Service" in everything
    assert [secret for secret in secrets if secret in everything] == []


def test_what_was_granted_by_a_password_ends_with_it(fresh: TestGateway) -> None:
    client = registered(fresh)
    before = log_in(fresh, client).json()
    assert whoami(fresh, before["access_token"]) == 200
    own = {"jid": "alice@localhost", "ttl": 600, "scopes": ["user"]}
    made = fresh.post("/api/oauth_issue_token", json=own, login="admin").json()["token"]
    new = {"user": "alice", "host": "localhost", "newpass": "another"}
    assert fresh.post("/api/change_password", json=new, login="admin").status_code == 200
    eventually(lambda: refresh(fresh, client, before["refresh_token"]).status_code == 400)
    assert fresh.post("/rest/echo", json={"body": "x"}, headers=bearer(before["access_token"])).status_code == 401
    assert whoami(fresh, made) == 200
