"""Confirmed sends in front of real servers: what comes back before the confirmation, and what arrives when processes are killed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers.client import online
from tests.servers.conftest import StartServer
from tests.servers.gateway import gateway_for
from tests.servers.process import XmppServer
from tests.servers.repeating import repeated_through_kills
from tigrest.testing import TestGateway

NEWER_TOO = True
MANY = int(os.environ.get("TIGREST_SOAK_MESSAGES") or 400)
"""Messages that are sent while processes are killed; ``make soak`` sends more."""


@pytest.fixture
def gateway(server: XmppServer) -> Iterator[TestGateway]:
    with gateway_for(server, send_as="gateway") as running:
        yield running


def confirmed(gateway: TestGateway, to: str, until: str = "server", **keys: Any) -> tuple[int, Any]:
    given = {"to": to, "body": "Hello", "from": "http.localhost"} | keys
    answer = gateway.post(f"/rest?confirm={until}", login="admin:adminpw", json=given)
    problem = answer.json()
    return answer.status_code, problem.get("condition") or problem["confirmed"]


def test_an_unknown_user_is_told_before_the_confirmation_each_time(gateway: TestGateway) -> None:
    for _ in range(25):
        for to in ("nobody@localhost", "nobody@localhost/x"):
            assert confirmed(gateway, to) == (404, "service-unavailable")


def test_what_users_get_is_confirmed_whether_they_are_online_or_not(server: XmppServer, gateway: TestGateway) -> None:
    assert confirmed(gateway, "alice@localhost") == (200, "server")
    with online(server, "bob") as bob:
        assert confirmed(gateway, "bob@localhost", body="you are there") == (200, "server")
        assert bob.message("you are there")
        assert confirmed(gateway, "bob@localhost", kind="presence", body=None) == (200, "server")
        command = {"to": "nobody@localhost", "body": "Hello", "from": "http.localhost"}
        assert gateway.post("/api/send_message", login="admin:adminpw", json=command).status_code == 404
        assert gateway.post("/api/send_message", login="admin:adminpw", json=command | {"to": "bob@localhost"}).status_code == 200


def test_a_receipt_of_a_client_is_waited_for(server: XmppServer, gateway: TestGateway) -> None:
    with online(server, "bob") as bob:
        bob.xmpp.register_plugin("xep_0184")
        bob.xmpp.plugin["xep_0184"].auto_ack = True
        assert confirmed(gateway, "bob@localhost", "receipt", type="chat") == (200, "receipt")


def test_a_user_is_told_nothing_of_what_goes_to_his_own_clients(server: XmppServer) -> None:
    with gateway_for(server) as gateway:
        sent = gateway.post("/rest", login="alice:alicepw", json={"to": "nobody@localhost", "body": "x"}, headers={"Prefer": "wait=5"})
        assert (sent.status_code, sent.json()["confirmed"], "preference-applied" in sent.headers) == (202, None, False)


@pytest.mark.parametrize("kind", ["prosody", "ejabberd"] if "TIGREST_SOAK_MESSAGES" in os.environ else ["prosody"])
def test_all_that_callers_repeat_arrives_though_gateway_and_server_are_killed(kind: str, start_server: StartServer, tmp_path: Path) -> None:
    outcome = repeated_through_kills(start_server(kind), tmp_path, MANY)
    print(f"\n{kind}: {outcome}")  # noqa: T201 - for make soak
    assert outcome.confirmed + len(outcome.accepted) == MANY
    assert outcome.missing == set()
    assert outcome.twice <= outcome.repeated
    assert all(len(ids) == 1 for ids in outcome.ids.values())
