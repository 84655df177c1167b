"""Clients that stand for an account by themselves. RFC 6749 §4.4"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.oauth.client import INTROSPECT, TOKEN, Registered, bearer, opened, registered, whoami
from tests.waiting import eventually
from tigrest.auth.client_store import ClientStore
from tigrest.config import Config
from tigrest.gateway.authentication import make_permissions
from tigrest.testing import TestGateway
from tigrest.xmpp.jid import JID


@pytest.fixture(scope="module")
def gateway() -> Iterator[TestGateway]:
    with opened() as running:
        groups = {"deploy": {"who": ["scope:deploy"], "what": ["registered_users"]}}
        running.gateway.parts.service.policy.permissions = make_permissions(Config.model_validate({"api": {"permissions": groups}}))
        yield running


def made(gateway: TestGateway, owner: str, scope: str) -> Registered:
    """Make a client as an administrator does."""
    store = ClientStore(gateway.gateway.parts.databases.state)

    async def make() -> Registered:
        properties = {"client_name": "Robot", "grant_types": ["client_credentials"], "scope": scope}
        client, secret = await store.add(properties, by_admin=True, owner=JID(owner))
        return Registered(client.id, secret)

    client: Registered = gateway.client.portal.call(make)
    return client


def ask(gateway: TestGateway, client: Registered, **parameters: str) -> dict[str, str]:
    form = {"grant_type": "client_credentials", **parameters}
    answer: dict[str, str] = gateway.post(TOKEN, data=form, headers=client.headers).json()
    return answer


def test_the_token_is_of_the_account_and_of_the_client(gateway: TestGateway) -> None:
    client = made(gateway, "bob@localhost", "user")
    token = ask(gateway, client, scope="user admin")["access_token"]
    assert whoami(gateway, token) == 200
    found = gateway.post(INTROSPECT, data={"token": token}, headers=client.headers).json()
    assert (found["sub"], found["client_id"], found["scope"]) == ("bob@localhost", client.id, "user")


def test_it_has_what_the_administrator_has_given_and_does_not_set_the_password(gateway: TestGateway) -> None:
    allowed = ask(gateway, made(gateway, "bob@localhost", "deploy"))["access_token"]
    assert gateway.get("/api/registered_users?host=localhost", headers=bearer(allowed)).status_code == 200
    user = ask(gateway, made(gateway, "bob@localhost", "user"))["access_token"]
    iq = {"kind": "iq", "type": "set", "to": "localhost", "register": {"username": "bob", "password": "another"}}
    assert gateway.post("/rest", json=iq, headers=bearer(user)).status_code == 403


def test_a_client_that_has_registered_itself_stands_for_nobody(gateway: TestGateway) -> None:
    for client in (registered(gateway), registered(gateway, grant_types=["client_credentials", "password"])):
        assert ask(gateway, client)["error"] == "unauthorized_client"


def test_the_account_gives_what_it_has(gateway: TestGateway) -> None:
    client = made(gateway, "bob@localhost", "admin user")
    assert ask(gateway, client)["scope"] == "user", "bob is no admin"
    assert ask(gateway, made(gateway, "bob@localhost", "admin"))["error"] == "invalid_scope"
    token = ask(gateway, client)["access_token"]
    assert gateway.delete("/rest/user/bob@localhost", login="admin").status_code == 200
    eventually(lambda: whoami(gateway, token) == 401)
    assert ask(gateway, client)["error"] == "invalid_grant"
