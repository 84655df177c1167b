"""``tigrest serve`` with an identity provider beside it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import httpx2
import pytest

from tests.cli.process import serving
from tests.identity_provider import IdentityProvider, identity_provider

ADMINS = {"groups": ["xmpp-admins"]}


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    people = {"alice": {}, "admin": ADMINS, "bob": ADMINS, "stranger": {}}
    with identity_provider(people) as provider:
        yield provider


@pytest.fixture(scope="module")
def base(provider: IdentityProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    issuers = f'[{{url = "{provider.url}", audience = "tigrest", admin_claim = "groups=xmpp-admins"}}]'
    with serving(cwd=tmp_path_factory.mktemp("served"), TIGREST__AUTH__ISSUERS=issuers) as (_, base):
        yield base


def ask(base: str, token: str, path: str) -> httpx2.Response:
    return httpx2.get(f"{base}/rest/{path}", headers={"Authorization": f"Bearer {token}", "Accept": "application/json"})


def test_users_come_in_by_their_login_at_the_provider(base: str, provider: IdentityProvider) -> None:
    token = provider.log_in("alice")
    for _ in range(2):
        assert ask(base, token, "adhoc/localhost").status_code == 200
    assert ask(base, token, "users").status_code == 403


def test_admins_are_those_who_are_so_here_and_there(base: str, provider: IdentityProvider) -> None:
    assert ask(base, provider.log_in("admin"), "users").status_code == 200
    assert ask(base, provider.log_in("bob"), "users").status_code == 403


def test_a_token_that_is_not_accepted_is_401_with_the_reason(base: str, provider: IdentityProvider) -> None:
    head, _, signature = provider.log_in("alice").split(".")
    forged = base64.urlsafe_b64encode(json.dumps({"iss": provider.url, "preferred_username": "admin"}).encode()).decode().rstrip("=")
    reasons = {
        provider.log_in("stranger"): "there is no account stranger@localhost",
        provider.log_in("alice", "other"): "it is for somebody else: its claim aud has none of [[auth.issuers]] audience",
        f"{head}.{forged}.{signature}": "its signature is not right",
    }
    for token, reason in reasons.items():
        response = ask(base, token, "users")
        assert response.status_code == 401
        challenge = response.headers["www-authenticate"]
        assert challenge.startswith('Bearer realm="tigrest", error="invalid_token", error_description="the token ')
        assert challenge.endswith(f'is not accepted: {reason}"')
        assert token not in response.text


def test_a_provider_that_is_down_is_503_as_long_as_its_keys_were_never_read(base: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    with identity_provider({"alice": {}}) as provider:
        token = provider.log_in("alice")
        provider.stop()
        issuers = f'[{{url = "{provider.url}", audience = "tigrest"}}]'
        with serving(cwd=tmp_path_factory.mktemp("alone"), TIGREST__AUTH__ISSUERS=issuers) as (_, alone):
            response = ask(alone, token, "adhoc/localhost")
    assert response.status_code == 503
    assert "retry-after" in response.headers
    assert provider.url in response.json()["detail"]
