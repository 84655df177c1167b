"""What a server does not deliver, or not at once, is found out when the link comes up, is told once, with the cure, and is never answered 200."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from tests.servers.client import online
from tests.servers.conftest import KINDS, NEWER, StartServer
from tests.servers.gateway import eventually, gateway_for
from tigrest.backends.component.backend import Component
from tigrest.testing import API_KEY, TestGateway

ADMIN, ALICE = "admin:adminpw", "alice:alicepw"
INFO = "<query xmlns='http://jabber.org/protocol/disco#info'/>"
OWNER = "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>"
ENTER = "<presence from='alice@localhost/x' to='tea@rooms.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
LOST_IQS = "the server drops iqs of this component, those to bare addresses that are not below its own hosts"


def send(gateway: TestGateway, stanza: str, login: str = ADMIN) -> Any:
    return gateway.post("/rest", login=login, api_key=API_KEY, type="application/xml", content=stanza)


def iq(to: str, payload: str = INFO, type: str = "get", sender: str = "") -> str:
    return f"<iq type='{type}' id='q' to='{to}'{sender}>{payload}</iq>"


def component_of(gateway: TestGateway) -> Component:
    assert isinstance(gateway.gateway.backend, Component)
    return gateway.gateway.backend


def known_iqs(gateway: TestGateway) -> str:
    """Wait until the gateway knows which iqs get lost; return why."""
    eventually(lambda: component_of(gateway).probes.iqs_trouble)
    return component_of(gateway).probes.iqs_trouble


@pytest.mark.parametrize("kind", [*KINDS, *NEWER])
def test_messages_from_users_are_refused_where_the_server_takes_none(kind: str, start_server: StartServer, caplog: Any) -> None:
    server = start_server(kind, trust="false")
    with gateway_for(server, send_as="user") as gateway, online(server, "bob") as bob:
        refused = send(gateway, "<message to='bob@localhost'><body>as alice</body></message>", ALICE)
        assert refused.status_code in (501, 503), refused.text  # 503 while the link, which the server has closed, comes back
        eventually(lambda: gateway.service.connected)
        refused = send(gateway, "<message to='bob@localhost'><body>as alice</body></message>", ALICE)
        assert (refused.status_code, 'set [xmpp] send_as = "gateway"' in refused.text) == (501, True), refused.text
        assert send(gateway, "<message to='bob@localhost'><body>as the gateway</body></message>").status_code in (200, 202)
        assert bob.message("as the gateway")["from"] == "http.localhost"
        status = gateway.post("/rest/user/bob@localhost/status/desk", api_key=API_KEY, json={}).json()["status"]
        assert (status["success"], "send_as" in status["reason"]) == (False, True)
    assert caplog.text.count("the server takes no stanzas from users' addresses") == 1


@pytest.mark.parametrize("kind", ["prosody", "ejabberd", "prosody-13"])
def test_nothing_is_said_where_all_is_delivered(kind: str, start_server: StartServer, caplog: Any) -> None:
    with gateway_for(start_server(kind)) as gateway:
        assert gateway.get("/rest/user/alice@localhost", login=ADMIN).status_code == 200
        eventually(lambda: component_of(gateway).software)
        assert b"conference" in send(gateway, iq("rooms.localhost")).content
        assert send(gateway, iq("http.localhost")).status_code == 200
        assert not component_of(gateway).probes.is_limited
    assert "drops" not in caplog.text
    assert "takes no stanzas" not in caplog.text


def test_iqs_that_ejabberd_drops_are_refused_with_the_cure(start_server: StartServer, caplog: Any) -> None:
    with gateway_for(start_server("ejabberd-26")) as gateway:
        assert known_iqs(gateway).startswith(LOST_IQS)
        for to in ("rooms.localhost", "tea@rooms.localhost", "elsewhere.example"):
            refused = send(gateway, iq(to))
            assert refused.status_code == 501, refused.text
            assert "mod_privilege" in refused.text
        assert b"result" in send(gateway, iq("localhost")).content
        assert b"tigrest" in send(gateway, iq("http.localhost")).content  # needs no server
    assert caplog.text.count(LOST_IQS) == 1


@pytest.mark.parametrize("kind", [*KINDS, *NEWER])
def test_the_first_iq_of_a_link_is_answered(kind: str, start_server: StartServer, caplog: pytest.LogCaptureFixture) -> None:
    """ejabberd 25.03 and later drop iqs until they have granted privileges, a moment after the handshake."""
    server = start_server(kind)
    caplog.set_level("INFO")
    with gateway_for(server) as gateway:

        async def first() -> tuple[str, str | None]:
            connected = asyncio.Event()

            def see(record: logging.LogRecord) -> bool:
                if record.getMessage().startswith("connected to "):
                    connected.set()
                return True

            log = logging.getLogger("tigrest.backends.component.link")
            log.addFilter(see)  # in the very moment: to look in a loop keeps a processor from the server
            await connected.wait()
            log.removeFilter(see)
            assert gateway.service.connected
            reply = await gateway.service.request(iq("localhost"), 5.0)
            return reply.type, reply.sender

        server.kill()
        eventually(lambda: not gateway.service.connected)
        answer = gateway.client.portal.start_task_soon(first)
        server.start()
        assert answer.result(45.0) == ("result", "localhost")


def test_granted_namespaces_reach_rooms_of_ejabberd(start_server: StartServer) -> None:
    granted = "http://jabber.org/protocol/disco#info http://jabber.org/protocol/muc#owner"
    with gateway_for(start_server("ejabberd-26", granted=granted)) as gateway:
        known_iqs(gateway)
        assert b"conference" in send(gateway, iq("rooms.localhost")).content
        send(gateway, ENTER)
        made = send(gateway, iq("tea@rooms.localhost", OWNER, "set", " from='alice@localhost'"))
        assert (made.status_code, b"type='result'" in made.content.replace(b'"', b"'")) == (200, True), made.text
        assert b"from='tea@rooms.localhost'" in made.content.replace(b'"', b"'")
        assert send(gateway, iq("tea@rooms.localhost", OWNER, "set")).status_code == 501  # not in the domain's own name


def test_what_mod_privilege_grants_nothing_to_is_told(start_server: StartServer, caplog: Any) -> None:
    server = start_server("ejabberd-26", privileges="false")
    with gateway_for(server) as gateway:
        known_iqs(gateway)
        refused = send(gateway, iq("localhost"))
        assert (refused.status_code, "mod_privilege" in refused.text) == (501, True), refused.text
        assert send(gateway, "<message to='bob@localhost'><body>still</body></message>").status_code in (200, 202)
    assert caplog.text.count("the server drops iqs of this component, those to bare addresses, even its own") == 1


@pytest.mark.parametrize("kind", [*KINDS, *NEWER])
def test_a_stanza_with_a_long_tag_holds_up_nothing(kind: str, start_server: StartServer) -> None:
    with gateway_for(start_server(kind)) as gateway:
        for size in (9_000, 100_000):
            long = f"<message to='bob@localhost'><x xmlns='urn:x' a='{'y' * size}'/></message>"
            assert send(gateway, long, ALICE).status_code == 202
            reply = gateway.client.portal.call(gateway.service.request, iq("localhost"), 5.0)
            assert reply.type == "result"
