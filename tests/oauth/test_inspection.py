"""Revocation and introspection: who may, and what he is told."""

from __future__ import annotations

import pytest

from tests.oauth.client import INTROSPECT, REVOKE, bearer, log_in, refresh, registered, whoami
from tigrest.testing import TestGateway

INACTIVE = {"active": False}


@pytest.mark.parametrize("path", ["/oauth2/revoke", "/oauth/revoke"])
@pytest.mark.parametrize("presented", ["access_token", "refresh_token"])
def test_whoever_presents_a_token_revokes_all_of_that_login(gateway: TestGateway, path: str, presented: str) -> None:
    client = registered(gateway) if path == REVOKE else registered(gateway, client_name="Other")
    body = log_in(gateway, client).json()
    assert whoami(gateway, body["access_token"]) == 200
    answer = gateway.post(path, data={"token": body[presented], "token_type_hint": "access_token"})
    assert (answer.status_code, answer.json()) == (200, {})
    assert whoami(gateway, body["access_token"]) == 401
    assert refresh(gateway, client, body["refresh_token"]).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("token", ["tgt_nothing", "tgr_nothing.at.all", "tgr_", "nothing", "x" * 10000, "é"])
def test_a_token_that_there_is_not_is_none_afterwards_either(gateway: TestGateway, token: str) -> None:
    changes = gateway.gateway.parts.authentication.tokens._store.changes
    assert gateway.post(REVOKE, data={"token": token}).status_code == 200
    assert gateway.gateway.parts.authentication.tokens._store.changes == changes, "nobody empties the cache by it"


def test_a_request_without_a_token_is_refused(gateway: TestGateway) -> None:
    assert gateway.post(REVOKE, data={"other": "x"}).json()["error"] == "invalid_request"
    assert gateway.post(INTROSPECT, data={"other": "x"}, login="admin").json()["error"] == "invalid_request"


def test_the_client_of_a_token_and_admins_are_told_what_it_is(gateway: TestGateway) -> None:
    client = registered(gateway)
    body = log_in(gateway, client, scope="xmpp prosody:user get_roster").json()
    for answer in (
        gateway.post(INTROSPECT, data={"token": body["access_token"]}, headers=client.headers),
        gateway.post("/oauth/introspect", data={"token": body["access_token"], "client_id": client.id, "client_secret": client.secret}),
        gateway.post(INTROSPECT, data={"token": body["access_token"]}, login="admin"),
    ):
        told = answer.json()
        assert answer.headers["cache-control"] == "no-store"
        assert told.pop("exp") - told.pop("iat") == pytest.approx(3600, abs=1)
        assert told == {
            "active": True,
            "scope": "xmpp prosody:user get_roster",
            "username": "alice@localhost",
            "sub": "alice@localhost",
            "client_id": client.id,
            "token_type": "bearer",
        }
    told = gateway.post(INTROSPECT, data={"token": body["refresh_token"]}, headers=client.headers).json()
    assert (told["active"], told["exp"] - told["iat"]) == (True, 2592000)


def test_an_admin_is_told_of_every_token(gateway: TestGateway) -> None:
    made = gateway.post("/api/oauth_issue_token", login="admin", json={"jid": "bob@localhost", "ttl": 60, "scopes": ["user", "muc"]}).json()
    of_admin = log_in(gateway, username="admin", scope="admin").json()["access_token"]
    told = gateway.post(INTROSPECT, data={"token": made["token"]}, headers=bearer(of_admin)).json()
    assert (told["active"], told["scope"], told["username"]) == (True, "muc user", "bob@localhost")
    assert "client_id" not in told


def test_nobody_else_is_told_anything(gateway: TestGateway) -> None:
    client, other = registered(gateway), registered(gateway)
    public = registered(gateway, token_endpoint_auth_method="none")
    token = log_in(gateway, client).json()["access_token"]
    unbound = log_in(gateway).json()["access_token"]
    assert gateway.post(INTROSPECT, data={"token": token}, headers=other.headers).json() == INACTIVE
    assert gateway.post(INTROSPECT, data={"token": unbound}, headers=other.headers).json() == INACTIVE
    assert gateway.post(INTROSPECT, data={"token": token}).status_code == 401
    assert gateway.post(INTROSPECT, data={"token": token}, login="alice").status_code == 403
    assert gateway.post(INTROSPECT, data={"token": token}, headers=bearer(token)).status_code == 403
    assert gateway.post(INTROSPECT, data={"token": token, "client_id": public.id}).status_code == 401
    assert gateway.post(INTROSPECT, data={"token": token, "client_id": client.id}).status_code == 401
    assert gateway.post(INTROSPECT, data={"token": token}, headers={"Authorization": "Bearer tgt_wrong"}).json()["error"] == "invalid_token"


def test_a_token_that_has_ended_is_not_active(gateway: TestGateway) -> None:
    client = registered(gateway)
    first = log_in(gateway, client).json()
    refresh(gateway, client, first["refresh_token"])
    for token in (first["access_token"], first["refresh_token"], "tgt_nothing", "tgr_no.thing"):
        assert gateway.post(INTROSPECT, data={"token": token}, headers=client.headers).json() == INACTIVE
