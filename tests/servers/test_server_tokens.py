"""Tokens that real servers give: ejabberd's by X-OAUTH2, in place of the password; Prosody 13's by OAUTHBEARER, as Bearer."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.bearers import Gateway, expect_same
from tests.cli.process import serving
from tests.conftest import Run
from tests.identity_provider import identity_provider
from tests.servers.conftest import installed
from tests.servers.ejabberd import Ejabberd
from tests.servers.gateway import eventually, gateway_for
from tests.servers.process import USERS, XmppServer
from tests.servers.test_c2s import port_of
from tigrest.errors import NotSupported
from tigrest.testing import TestGateway
from tigrest.xmpp.jid import JID

ALICE = JID("alice@localhost")
ADMIN = ("admin", USERS["admin"])
PREBIND = {"node": "pre-bind-bosh-session", "fields": [{"var": "from", "value": "alice@localhost/x"}]}


@pytest.fixture(scope="module")
def ejabberd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[XmppServer]:
    if not any(Path("/usr/lib/erlang/lib").glob("p1_oauth2*")):
        pytest.skip("ejabberd makes no tokens without the package erlang-p1-oauth2")
    yield from _started("ejabberd", tmp_path_factory)


@pytest.fixture(scope="module")
def prosody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[XmppServer]:
    yield from _started("prosody-13", tmp_path_factory, authentication="internal_hashed", tokens="true")


def _started(kind: str, factory: pytest.TempPathFactory, **options: str) -> Iterator[XmppServer]:
    server = installed(kind)(factory.mktemp(kind), **options)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def ejabberds_token(server: XmppServer, user: str = "alice", scope: str = "sasl_auth") -> str:
    assert isinstance(server, Ejabberd)
    answer: Any = server.api("oauth_issue_token", jid=f"{user}@localhost", ttl=3600, scopes=scope)  # type: ignore[arg-type]
    return str(answer["token"])


def prosodys_token(server: XmppServer, user: str = "alice", role: str = "prosody:registered") -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.http}/test_tokens/{user}?role={role}", timeout=10) as response:
        return str(response.read().decode())


def status(gateway: TestGateway, path: str, token: str = "", **options: Any) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return int(gateway.get(path, headers=headers, **options).status_code)


def test_ejabberds_token_stands_for_the_password(ejabberd: XmppServer, run: Run) -> None:
    token, other = ejabberds_token(ejabberd), ejabberds_token(ejabberd, scope="get_roster")

    async def story() -> None:
        port = port_of(ejabberd)
        assert await port.check_login(ALICE, token) == "token"
        assert await port.check_login(ALICE, "alicepw") == "password"
        assert await port.check(ALICE, token) is False
        for wrong in (other, "x" * 32, "wrong"):
            assert await port.check_login(ALICE, wrong) is None
        assert await port.check_login(JID("bob@localhost"), token) is None
        with pytest.raises(NotSupported, match="OAUTHBEARER"):
            await port.owner_of_token(token)

    run(story())


def test_ejabberds_token_as_basic(ejabberd: XmppServer) -> None:
    token, admins = ejabberds_token(ejabberd), ejabberds_token(ejabberd, "admin")
    with gateway_for(ejabberd) as gateway:
        for _ in range(2):
            assert status(gateway, "/rest/disco/localhost", login=f"alice:{token}") == 200
        assert status(gateway, "/rest/disco/localhost", login=f"bob:{token}") == 401
        assert status(gateway, "/rest/users", login="admin:adminpw") == 200
        assert status(gateway, "/rest/users", login=f"admin:{admins}") == 403
        refused = gateway.get("/rest/bosh/prebind", login=f"alice:{token}")
        assert (refused.status_code, "with the password" in refused.text) == (403, True)
        assert status(gateway, "/rest/disco/localhost", token) == 401


def test_prosodys_token_tells_whose_it_is(prosody: XmppServer, run: Run) -> None:
    tokens = {role: prosodys_token(prosody, role=role) for role in ("prosody:registered", "prosody:restricted")}

    async def story() -> None:
        port = port_of(prosody)
        for token in tokens.values():
            assert await port.owner_of_token(token) == ALICE
        for wrong in (tokens["prosody:registered"][:-4] + "AAAA", "x", "no token\n", "ü", ""):
            assert await port.owner_of_token(wrong) is None

    run(story())


def test_prosodys_token_as_bearer(prosody: XmppServer) -> None:
    token, admins = prosodys_token(prosody), prosodys_token(prosody, "admin", "prosody:admin")
    with gateway_for(prosody) as gateway:
        for _ in range(2):
            assert status(gateway, "/rest/disco/localhost", token) == 200
        assert status(gateway, "/rest/users", admins) == 403
        refused = gateway.get("/rest/bosh/prebind", headers={"Authorization": f"Bearer {token}"})
        assert (refused.status_code, "with the password" in refused.text) == (403, True)
        refused = gateway.get("/rest/users", headers={"Authorization": "Bearer other"})
        assert refused.status_code == 401
        assert "the XMPP server refuses it" in refused.headers["www-authenticate"]


def test_tokens_of_all_kinds_go_all_ways_that_passwords_go(prosody: XmppServer, tmp_path: Path) -> None:
    settings = {f"TIGREST__{key}": value for key, value in prosody.settings().items()}
    with identity_provider({"alice": {}}) as provider:
        settings["TIGREST__AUTH__ISSUERS"] = f'[{{url = "{provider.url}", audience = "tigrest"}}]'
        with (
            serving(cwd=tmp_path, HTTP_API_KEY_BOOTSTRAP="key", **settings) as (_, base),
            httpx2.Client(base_url=base, timeout=60) as client,
        ):
            eventually(lambda: client.get("/health/ready").status_code == 200)
            # Prosody hashes the password at the first login, which counts as a change of it, and ends tokens from before that
            assert client.get("/rest/disco/localhost", auth=("alice", USERS["alice"])).status_code == 200
            own = {"jid": "alice@localhost", "ttl": 3600, "scopes": ["user"]}
            tokens = {
                "a token of the gateway": client.post("/api/oauth_issue_token", json=own, auth=ADMIN).json()["token"],
                "one of the provider": provider.log_in("alice"),
                "one of the server": prosodys_token(prosody),
            }
            assert expect_same(Gateway(client, ADMIN, "key"), ("alice", USERS["alice"]), tokens) > 80
            for token in tokens.values():
                headers = {"Authorization": f"Bearer {token}"}
                refused = client.post("/rest/adhoc/bosh@localhost", json={"command": PREBIND}, headers=headers)
                assert (refused.status_code, "with the password" in refused.text) == (403, True), refused.text
        assert all(token not in (tmp_path / "log").read_text() for token in tokens.values())
