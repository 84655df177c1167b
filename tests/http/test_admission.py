"""Who gets in: route, API key, login, role, in this order."""

from collections.abc import Iterator

import pytest

from tests.http.conftest import Serve
from tigrest.testing import API_KEY, TestGateway, serving

ROLES = """
class Anybody(Handler):
    regex = "/anybody"
    def exec_get(self): return "in"

class Users(Handler):
    regex = "/user"
    requiredRole = "user"
    def exec_get(self, user): return f"in: {user}"

class Admins(Handler):
    regex = "/admin"
    requiredRole = "admin"
    def exec_get(self, user): return f"in: {user}"

class Keyed(Handler):
    regex = "/keyed"
    apiKey = True
    def exec_get(self): return "in"

class Both(Handler):
    regex = "/both"
    apiKey = True
    requiredRole = "admin"
    def exec_get(self, user): return f"in: {user}"

class Either(Handler):
    regex = "/either"
    requiredRole = "admin"
    def authRequired(self, api_key): return api_key is None
    def exec_get(self, user): return f"in: {user}"
"""

K = API_KEY


@pytest.mark.parametrize(
    ("path", "login", "key", "status", "body"),
    [
        ("anybody", "", "", 200, "in"),
        ("anybody", "alice:wrong", "wrong", 200, "in"),
        ("user", "", "", 401, None),
        ("user", "alice:wrong", "", 401, None),
        ("user", "nobody:secret", "", 401, None),
        ("user", "alice", "", 200, "in: alice@localhost"),
        ("user", "ALICE@LocalHost:secret", "", 200, "in: alice@localhost"),
        ("user", "alice@localhost/phone:secret", "", 200, "in: alice@localhost"),
        ("user", "alice@elsewhere.org:secret", "", 401, None),
        ("user", "alice", "wrong", 200, "in: alice@localhost"),
        ("user", "", K, 401, None),
        ("admin", "", "", 401, None),
        ("admin", "alice", "", 403, None),
        ("admin", "admin", "", 200, "in: admin@localhost"),
        ("keyed", "", "", 403, None),
        ("keyed", "admin", "", 403, None),
        ("keyed", "", "wrong", 403, None),
        ("keyed", "", K, 200, "in"),
        ("both", "", "", 403, None),
        ("both", "admin", "", 403, None),
        ("both", "", K, 401, None),
        ("both", "alice", K, 403, None),
        ("both", "admin:wrong", K, 401, None),
        ("both", "admin", K, 200, "in: admin@localhost"),
        ("either", "", "", 401, None),
        ("either", "", "wrong", 403, None),
        ("either", "alice", "", 403, None),
        ("either", "admin", "", 200, "in: admin@localhost"),
        ("either", "", K, 200, "in: None"),
        ("missing", "alice:wrong", "wrong", 404, None),
    ],
)
def test_admission(share: Serve, path: str, login: str, key: str, status: int, body: str | None) -> None:
    response = share(ROLES).get(f"/rest/{path}", login=login, api_key=key)
    assert response.status_code == status, response.text
    if body is not None:
        assert response.text == body
    assert ("www-authenticate" in response.headers) == (status == 401)
    if status == 401:
        assert response.headers["www-authenticate"] == 'Basic realm="tigrest"'


def test_a_refusal_names_the_cure_but_no_secret(serve: Serve) -> None:
    gateway = serve(ROLES)
    assert "Api-Key" in gateway.get("/rest/keyed").text
    assert "auth] admins" in gateway.get("/rest/admin", login="alice").text
    for response in (gateway.get("/rest/keyed", api_key="s3cret-key"), gateway.get("/rest/user", login="alice:s3cret-word")):
        assert "s3cret" not in response.text


def test_a_key_is_limited_to_paths_and_hosts(serve: Serve) -> None:
    keys = [
        {"name": "there", "key": "there", "paths": ["/rest/else.*"]},
        {"name": "here", "key": "here", "paths": ["/rest/key.*"]},
        {"name": "host", "key": "host", "paths": [], "domains": ["api.example.com"]},
    ]
    gateway = serve(ROLES, auth={"api_keys": keys})
    assert gateway.get("/rest/keyed", api_key="there").status_code == 403
    assert gateway.get("/rest/keyed", api_key="here").status_code == 200
    assert gateway.get("/rest/keyed?api-key=here").status_code == 200
    assert gateway.get("/rest/keyed", api_key="host").status_code == 403
    assert gateway.get("/rest/keyed", api_key="host", headers={"Host": "API.example.com:8080"}).status_code == 200


def test_open_access_waives_keys_but_not_logins(serve: Serve) -> None:
    gateway = serve(ROLES, auth={"open_access": True})
    assert gateway.get("/rest/keyed").status_code == 200
    assert gateway.get("/rest/both").status_code == 401
    assert gateway.get("/rest/both", login="admin").status_code == 200


def test_the_bootstrap_key_works_while_there_is_no_other(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_API_KEY_BOOTSTRAP", "boot")
    gateway = serve(ROLES, auth={"api_keys": []})
    assert gateway.get("/rest/keyed", api_key="boot").status_code == 200
    assert gateway.get("/rest/keyed", api_key="other").status_code == 403
    assert serve(ROLES).get("/rest/keyed", api_key="boot").status_code == 403


def test_gateway_accounts_are_tried_first_and_hide_the_servers(serve: Serve) -> None:
    accounts = [{"jid": "robot@elsewhere.org", "password": "tin"}, {"jid": "alice@localhost", "password": "other"}]
    gateway = serve(ROLES, auth={"accounts": accounts})
    assert gateway.get("/rest/user", login="robot@elsewhere.org:tin").text == "in: robot@elsewhere.org"
    assert gateway.get("/rest/user", login="alice:other").status_code == 200
    assert gateway.get("/rest/user", login="alice").status_code == 401


def test_guessing_is_slowed_down_but_the_owner_who_is_logged_in_is_not(serve: Serve) -> None:
    gateway = serve(ROLES)
    assert gateway.get("/rest/user", login="alice").status_code == 200
    statuses = [gateway.get("/rest/user", login=f"alice:guess{n}").status_code for n in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    refused = gateway.get("/rest/user", login="alice:guess")
    assert int(refused.headers["retry-after"]) >= 1
    assert gateway.get("/rest/user", login="alice").status_code == 200


@pytest.fixture(scope="module")
def domain() -> Iterator[TestGateway]:
    with serving() as running:
        yield running


def test_a_changed_password_counts_at_once(domain: TestGateway) -> None:
    domain.put("/rest/user/dora@localhost", login="admin", json={"user": {"password": "old"}})
    path = "/rest/adhoc/localhost"
    assert domain.get(path, login="dora:old").status_code == 200
    domain.post("/rest/user/dora@localhost", login="admin", json={"user": {"password": "new"}})
    assert domain.get(path, login="dora:new").status_code == 200
    assert domain.get(path, login="dora:old").status_code == 401
