"""The registration endpoint, and the metadata."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.oauth.client import PORTAL, REGISTER, SERVICE, log_in, opened, refresh, registered, whoami
from tests.waiting import eventually
from tigrest.config.models import AccountConfig
from tigrest.testing import API_KEY, TestGateway, serving

Register = Callable[..., Any]


@pytest.fixture(scope="module")
def register(gateway: TestGateway) -> Register:
    """Return what posts a registration, each time from another network: one may register few clients only."""
    numbers = count(1)

    def post(path: str = REGISTER, *, type: str = "application/json", **options: Any) -> Any:
        client = TestClient(gateway.gateway.app, client=(f"198.51.100.{next(numbers)}", 50000))
        client.portal = gateway.client.portal
        return client.post(path, headers={"Content-Type": type}, **options)

    return post


def test_nobody_registers_by_default_and_is_told_the_cure() -> None:
    with serving() as gateway:
        answer = gateway.post(REGISTER, json=PORTAL, api_key=API_KEY)
        assert (answer.status_code, answer.json()["error"]) == (403, "access_denied")
        assert '[auth.tokens] register = "key"' in answer.json()["error_description"]
        assert "registration_endpoint" not in gateway.get("/.well-known/oauth-authorization-server").json()


def test_with_key_an_api_key_is_needed() -> None:
    with opened("key") as gateway:
        assert gateway.post(REGISTER, json=PORTAL).status_code == 403
        assert gateway.post(REGISTER, json=PORTAL, api_key="wrong").status_code == 403
        assert gateway.post(REGISTER, json=PORTAL, api_key=API_KEY).status_code == 201


@pytest.mark.parametrize("path", [REGISTER, "/oauth/register"])
def test_a_client_is_told_what_it_has_registered(register: Register, path: str) -> None:
    answer = register(path, json=PORTAL | {"unknown": 1, "client_name#de": "Portal"})
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    body = answer.json()
    assert body["client_id"].startswith("tgc_")
    assert len(body["client_secret"]) > 40
    assert body["client_secret_expires_at"] == 0
    assert body["client_id_issued_at"] > 1_700_000_000
    assert {key: body[key] for key in PORTAL} == PORTAL
    assert "unknown" not in body


def test_grants_that_are_not_offered_are_left_out(register: Register) -> None:
    answer = register(json=SERVICE | {"grant_types": ["implicit", "client_credentials", "password", "password"]})
    assert answer.json()["grant_types"] == ["password"]
    assert register(json={}).json()["grant_types"] == ["password", "refresh_token"]


def test_codes_are_for_clients_that_users_can_be_sent_back_to(register: Register) -> None:
    for uris, grants in {
        "https://a.example/x": ["password", "refresh_token", "authorization_code"],
        "http://a.example/x": ["password", "refresh_token"],
    }.items():
        assert register(json={"redirect_uris": [uris]}).json()["grant_types"] == grants


@pytest.mark.parametrize(
    ("properties", "code", "words"),
    [
        ({"grant_types": ["implicit"]}, "invalid_client_metadata", "grant_types"),
        ({"grant_types": "password"}, "invalid_client_metadata", "grant_types"),
        ({"client_name": "a\nb"}, "invalid_client_metadata", "client_name"),
        ({"client_name": "a" * 101}, "invalid_client_metadata", "client_name"),
        ({"client_name": 1}, "invalid_client_metadata", "client_name"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata", "token_endpoint_auth_method"),
        ({"redirect_uris": ["/relative"]}, "invalid_redirect_uri", "redirect_uris"),
        ({"redirect_uris": ["https://a.example/#x"]}, "invalid_redirect_uri", "redirect_uris"),
        ({"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri", "redirect_uris"),
        ({"redirect_uris": ["https://[a/"]}, "invalid_redirect_uri", "redirect_uris"),
        ({"grant_types": ["authorization_code"]}, "invalid_redirect_uri", "needs one"),
        *(
            ({"grant_types": ["authorization_code"], "redirect_uris": [uri]}, "invalid_redirect_uri", "redirect_uris")
            for uri in (
                "http://a.example/x",
                "http://127.0.0.1@a.example/x",
                "http://127.0.0.1.a.example/x",
                "https://u:p@a.example/",
                "https:///x",
                "https:x",
                "vbscript:x",
                "file:///etc/passwd",
                "myapp:/x",
                "https://a.example/ü",
            )
        ),
        ({"scope": "x" * 2001}, "invalid_client_metadata", "scope"),
        ({"contacts": ["x" * 1999] * 9}, "invalid_client_metadata", "16384"),
    ],
)
def test_what_cannot_be_used_is_refused(register: Register, properties: dict[str, Any], code: str, words: str) -> None:
    answer = register(json=SERVICE | properties)
    assert (answer.status_code, answer.json()["error"]) == (400, code)
    assert words in answer.json()["error_description"]


@pytest.mark.parametrize(
    ("content", "type"), [("{", "application/json"), ("[]", "application/json"), ("a=b", "application/x-www-form-urlencoded")]
)
def test_a_body_that_is_no_object_in_json_is_refused(register: Register, content: str, type: str) -> None:
    answer = register(content=content, type=type)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")


def test_a_network_registers_so_many_clients_only() -> None:
    with opened() as gateway:
        statuses = [gateway.post(REGISTER, json=SERVICE).status_code for _ in range(21)]
        assert statuses == [201] * 20 + [429]
        answer = gateway.post(REGISTER, json=SERVICE)
        assert int(answer.headers["retry-after"]) > 0


def test_the_metadata_tell_what_there_is(gateway: TestGateway) -> None:
    answer = gateway.get("/.well-known/oauth-authorization-server", headers={"Host": "chat.example.org:8080"})
    body = answer.json()
    assert body["issuer"] == "http://chat.example.org:8080"
    endpoints = {key: value for key, value in body.items() if key.endswith("_endpoint")}
    paths = {"token": "token", "registration": "register", "revocation": "revoke", "introspection": "introspect"}
    paths |= {"authorization": "authorize", "device_authorization": "device_authorization"}
    assert endpoints == {f"{name}_endpoint": f"http://chat.example.org:8080/oauth2/{path}" for name, path in paths.items()}
    device = "urn:ietf:params:oauth:grant-type:device_code"
    assert body["grant_types_supported"] == ["password", "refresh_token", "authorization_code", device, "client_credentials"]
    assert (body["response_types_supported"], body["code_challenge_methods_supported"]) == (["code"], ["S256"])
    assert body["authorization_response_iss_parameter_supported"] is True
    for path in endpoints.values():
        assert gateway.post(path.removeprefix("http://chat.example.org:8080")).status_code in (400, 401)


def test_settings_change_while_the_gateway_runs() -> None:
    with opened(tokens={"access_seconds": 60.0}) as gateway:
        client = registered(gateway)
        assert log_in(gateway, client).json()["expires_in"] == 60
        config = gateway.gateway.config
        tokens = config.auth.tokens.model_copy(update={"register_": "off", "access_seconds": 90.0})
        changed = config.model_copy(update={"auth": config.auth.model_copy(update={"tokens": tokens})})
        gateway.client.portal.call(gateway.gateway.reconfigure, changed)
        assert log_in(gateway, client).json()["expires_in"] == 90
        assert gateway.post(REGISTER, json=SERVICE).status_code == 403


def test_what_clients_got_by_a_password_ends_when_the_configuration_has_another_one() -> None:
    def accounts(password: str) -> tuple[AccountConfig, ...]:
        jids = ("robot@localhost", "other@localhost")
        given = [{"jid": jid, "password": password if jid.startswith("robot") else "secret"} for jid in jids]
        return tuple(AccountConfig.model_validate(account) for account in given)

    with opened(accounts=[{"jid": jid, "password": "secret"} for jid in ("robot@localhost", "other@localhost")]) as gateway:
        client = registered(gateway)
        robot, other = (log_in(gateway, client, name).json() for name in ("robot", "other"))
        assert [whoami(gateway, each["access_token"]) for each in (robot, other)] == [200, 200]
        config = gateway.gateway.config
        changed = config.model_copy(update={"auth": config.auth.model_copy(update={"accounts": accounts("another")})})
        gateway.client.portal.call(gateway.gateway.reconfigure, changed)
        eventually(lambda: whoami(gateway, robot["access_token"]) == 401)
        assert refresh(gateway, client, robot["refresh_token"]).json()["error"] == "invalid_grant"
        assert refresh(gateway, client, other["refresh_token"]).status_code == 200
