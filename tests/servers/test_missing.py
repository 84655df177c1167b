"""An account that is not there is 404, a command that is not there 501, whatever a server calls each of them."""

from __future__ import annotations

import pytest

from tests.servers.conftest import KINDS, NEWER, StartServer
from tests.servers.gateway import gateway_for
from tigrest.gateway.demo import picture
from tigrest.testing import TestGateway

ADMIN = "admin:adminpw"


def statuses(gateway: TestGateway, account: str) -> tuple[int, int, int]:
    """Look at an account, change its password and delete it; return the statuses."""
    path, body = f"/rest/user/{account}@localhost", {"user": {"password": "new"}}
    looked = gateway.get(path, login=ADMIN)
    changed = gateway.post(path, login=ADMIN, json=body)
    return looked.status_code, changed.status_code, gateway.delete(path, login=ADMIN).status_code


@pytest.mark.parametrize("kind", [*KINDS, *NEWER])
def test_an_account_that_is_not_there_is_404(kind: str, start_server: StartServer) -> None:
    with gateway_for(start_server(kind)) as gateway:
        assert statuses(gateway, "nobody") == (404, 404, 404)
        assert statuses(gateway, "bob") == (200, 200, 200)
        assert statuses(gateway, "bob") == (404, 404, 404)


@pytest.mark.parametrize("kind", [*KINDS, *NEWER])
def test_a_command_that_is_not_there_is_501(kind: str, start_server: StartServer) -> None:
    with gateway_for(start_server(kind, administration="false")) as gateway:
        for account in ("bob", "nobody"):
            assert statuses(gateway, account) == (501, 501, 501)
        answer = gateway.get("/rest/user/bob@localhost", login=ADMIN)
        assert "offers no command that tells whether there is an account" in answer.text
        created = gateway.put("/rest/user/carol@localhost", login=ADMIN, json={"user": {"password": "new"}})
        assert (created.status_code, "does not offer the command http://jabber.org/protocol/admin#add-user" in created.text) == (501, True)
        assert gateway.get("/rest/users/", login=ADMIN).status_code == 501


@pytest.mark.parametrize("kind", ["ejabberd"])
def test_nobody_gets_no_avatar(kind: str, start_server: StartServer) -> None:
    """ejabberd keeps the vCard of an account that is not there."""
    with gateway_for(start_server(kind, privileges="false")) as gateway:
        for account, status in (("bob", 200), ("nobody", 404)):
            put = gateway.put(f"/rest/avatar/{account}@localhost", login=ADMIN, type="image/png", content=picture("bob"))
            assert put.status_code == status, put.text
            assert gateway.get(f"/rest/avatar/{account}@localhost").status_code == status
