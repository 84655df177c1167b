"""tigrest in front of Openfire, which is played: see :mod:`tests.servers.openfire`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.cli.process import serving as serving_process
from tests.cli.process import tigrest
from tests.servers.gateway import eventually, gateway_for, settings
from tests.servers.openfire import PlayedOpenfire
from tigrest.gateway.demo import picture
from tigrest.testing import API_KEY, TestGateway, serving

ADMIN, ALICE = "admin:adminpw", "alice:alicepw"
PNG, OTHER = picture("alice"), picture("other")

Start = Callable[..., tuple[PlayedOpenfire, TestGateway]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Play Openfire with options, and run a gateway in front: ``start({"admin": "false"}, send_as="gateway")``."""
    with ExitStack() as stack:

        def run(options: dict[str, str] | None = None, send_as: str = "user") -> tuple[PlayedOpenfire, TestGateway]:
            server = PlayedOpenfire(tmp_path, **(options or {}))
            stack.callback(server.stop)
            server.start()
            return server, stack.enter_context(gateway_for(server, send_as=send_as))

        yield run


def user(gateway: TestGateway, method: str, jid: str, **fields: str) -> tuple[int, str]:
    body: Any = {"json": {"user": fields}} if fields else {}
    answer = gateway.request(method, f"/rest/user/{jid}", login=ADMIN, type="application/json", **body)
    return answer.status_code, answer.text


def test_accounts_are_made_changed_and_deleted(start: Start) -> None:
    server, gateway = start()
    assert user(gateway, "GET", "carol@localhost")[0] == 404
    assert user(gateway, "PUT", "carol@localhost", password="first", email="carol@example.org")[0] == 200
    assert user(gateway, "PUT", "carol@localhost", password="first")[0] == 409
    assert user(gateway, "GET", "carol@localhost")[0] == 200
    assert user(gateway, "POST", "carol@localhost", password="second")[0] == 200
    assert server.accounts["carol"] == "second"
    assert user(gateway, "DELETE", "carol@localhost")[0] == 200
    assert "carol" not in server.accounts
    assert user(gateway, "DELETE", "carol@localhost")[0] == 404
    assert user(gateway, "POST", "carol@localhost", password="third")[0] == 404


def test_what_it_has_no_command_for_is_501_with_the_reason(start: Start) -> None:
    _, gateway = start()
    answer = gateway.get("/rest/users/", login=ADMIN, type="application/json")
    assert answer.status_code == 501
    assert "does not offer the command http://jabber.org/protocol/admin#get-registered-users-list" in answer.text
    assert "Openfire 4.7" in answer.text


def test_a_command_that_is_not_there_is_not_an_account_that_is_not_there(start: Start) -> None:
    """Both are ``item-not-found``: the list of commands tells which it is."""
    server, gateway = start()
    for node in ("get-user-properties", "change-user-password"):
        del server.commands[f"http://jabber.org/protocol/admin#{node}"]
    status, text = user(gateway, "GET", "alice@localhost")
    assert (status, "no command that tells whether there is an account" in text) == (501, True)
    status, text = user(gateway, "POST", "alice@localhost", password="new")
    assert (status, "does not offer the command http://jabber.org/protocol/admin#change-user-password" in text) == (501, True)
    assert user(gateway, "DELETE", "nobody@localhost")[0] == 404  # the command itself says so
    assert user(gateway, "DELETE", "alice@localhost")[0] == 200


def test_a_component_that_is_no_administrator_hears_what_to_do(start: Start) -> None:
    _, gateway = start({"admin": "false"})
    for method, fields in (("GET", {}), ("POST", {"password": "new"})):
        status, text = user(gateway, method, "alice@localhost", **fields)
        assert (status, "make the component an administrator" in text) == (501, True), text
    assert user(gateway, "PUT", "carol@localhost", password="first")[0] == 200
    assert user(gateway, "DELETE", "carol@localhost")[0] == 200
    assert user(gateway, "DELETE", "carol@localhost")[0] == 404


def test_the_served_program_does_the_same(tmp_path: Path) -> None:
    server = PlayedOpenfire(tmp_path)
    server.start()
    variables = {f"TIGREST__{key}": value for key, value in (server.settings() | {"XMPP__SEND_AS": "user"}).items()}
    try:
        with serving_process(cwd=tmp_path, TIGREST__AUTH__ADMINS='["admin@localhost"]', **variables) as (_, base):
            eventually(lambda: httpx2.get(f"{base}/health/ready").status_code == 200)
            with httpx2.Client(base_url=base, auth=("admin", "adminpw"), timeout=60) as client:
                url, password = "/rest/user/carol@localhost", {"user": {"password": "secret"}}
                steps = [client.get(url), client.put(url, json=password), client.get(url), client.post(url, json=password)]
                steps += [client.put("/rest/avatar/carol@localhost", content=PNG), client.get("/rest/avatar/carol@localhost")]
                steps += [client.delete(url), client.delete(url), client.get("/rest/users/")]
        assert [step.status_code for step in steps] == [404, 200, 200, 200, 200, 200, 200, 404, 501]
        assert steps[5].content == PNG
    finally:
        server.stop()
    assert "Traceback" not in (tmp_path / "log").read_text()


def put_avatar(gateway: TestGateway, image: bytes, login: str = ALICE) -> tuple[int, str]:
    answer = gateway.put("/rest/avatar/alice@localhost", login=login, type="image/png", content=image)
    return answer.status_code, answer.text


def test_an_avatar_is_set_in_the_vcard_by_its_owner_s_own_iq(start: Start) -> None:
    server, gateway = start()
    server.vcards["alice"] = "<vCard xmlns='vcard-temp'><FN>Alice</FN><N><FAMILY>A.</FAMILY></N></vCard>"
    for image in (PNG, OTHER):
        assert put_avatar(gateway, image)[0] == 200
        served = gateway.get("/rest/avatar/alice@localhost")
        assert (served.status_code, served.content) == (200, image)
    assert "<FN>Alice</FN>" in server.vcards["alice"]
    assert server.vcards["alice"].count("<PHOTO>") == 1
    assert put_avatar(gateway, PNG, login="bob:bobpw")[0] == 403


def test_an_avatar_that_is_not_there_afterwards_was_not_set(start: Start) -> None:
    server, gateway = start({"self_addressed": "false"})
    status, text = put_avatar(gateway, PNG)
    assert (status, server.vcards) == (501, {})
    assert "XEP-0356" in text


def test_nothing_is_sent_from_a_user_whom_the_server_may_not_trust_us_with(start: Start) -> None:
    server, gateway = start(send_as="gateway")
    assert put_avatar(gateway, PNG)[0] == 501
    assert not [stanza for stanza in server.received if stanza.get("from", "").startswith("alice@")]


def test_the_vcard_of_nobody_is_not_set(start: Start) -> None:
    _, gateway = start()
    answer = gateway.put("/rest/avatar/nobody@localhost", login=ADMIN, type="image/png", content=PNG)
    assert answer.status_code == 404, answer.text


def test_commands_by_hand(start: Start) -> None:
    _, gateway = start()
    nodes = [item["node"] for item in gateway.get("/rest/adhoc/localhost", login=ADMIN, type="application/json").json()["items"]]
    assert "http://jabber.org/protocol/admin#get-user-properties" in nodes
    command = {
        "node": "http://jabber.org/protocol/admin#get-user-properties",
        "fields": [{"var": "accountjids", "value": ["alice@localhost"]}],
    }
    answer = gateway.post("/rest/adhoc/localhost", login=ADMIN, json={"command": command})
    assert (answer.status_code, "alice@localhost" in answer.text) == (200, True), answer.text
    answer = gateway.post("/rest/adhoc/localhost", login=ADMIN, json={"command": {"node": "http://jabber.org/protocol/admin#user-stats"}})
    assert (answer.status_code, answer.json()["condition"]) == (404, "item-not-found")


def check(server: PlayedOpenfire, folder: Path, **xmpp: str) -> tuple[int, str, str]:
    found = server.settings() | {"XMPP__SEND_AS": "user"} | {f"XMPP__{key}": value for key, value in xmpp.items()}
    done = tigrest("check", "--live", cwd=folder, **{f"TIGREST__{key}": value for key, value in found.items()})
    return done.returncode, done.stdout, done.stderr


def test_what_works_is_told_with_cures_in_the_words_of_openfire(tmp_path: Path) -> None:
    server = PlayedOpenfire(tmp_path, admin="false")
    server.start()
    try:
        for send_as in ("user", "gateway"):
            code, out, err = check(server, tmp_path, SEND_AS=send_as)
            assert (code, err) == (1, ""), err
            assert "Openfire 4.7.5" in out
            lines = {line.split("  ")[0]: line for line in out.splitlines()}
            assert "admin.authorizedJIDs" in lines["POST /rest/user"]
            assert "newer ones have it" in lines["GET /rest/users"]
            status = lines["POST /rest/user/…/status"]
            assert ("XEP-0356" in status, "send_as" in status) == (True, False)
    finally:
        server.stop()


@pytest.mark.parametrize("send_as", ["user", "gateway"])
def test_a_status_is_refused_with_a_reason_that_no_setting_changes(send_as: str, tmp_path: Path) -> None:
    server = PlayedOpenfire(tmp_path)
    server.start()
    try:
        with serving(xmpp=settings(server) | {"send_as": send_as}) as gateway:
            eventually(lambda: gateway.service.connected)
            answer = gateway.post("/rest/user/alice@localhost/status", api_key=API_KEY, json={"show": "away"}).json()["status"]
    finally:
        server.stop()
    assert answer["success"] is False
    assert answer["reason"].startswith("Openfire tells no component who the contacts of alice@localhost are")
    assert "send_as" not in answer["reason"]


def test_the_link_says_what_openfire_means(tmp_path: Path) -> None:
    server = PlayedOpenfire(tmp_path)
    server.start()
    try:
        code, _, err = check(server, tmp_path, JID="rest.localhost")
        assert (code, "(internal-server-error)" in err, "check the secret" in err) == (3, True, True), err
        code, _, err = check(server, tmp_path, SECRET="wrong")
        assert (code, "(not-authorized)" in err, "check the secret" in err) == (3, True, True), err
        with serving(xmpp=settings(server)) as gateway:
            eventually(lambda: gateway.service.connected)
            code, _, err = check(server, tmp_path)
            assert (code, "another program is connected" in err, "(conflict)" in err) == (3, True, True), err
            assert gateway.service.connected
    finally:
        server.stop()
