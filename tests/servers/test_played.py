"""The part that all played servers have in common: links, logins and messages both ways."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.client import online
from tests.servers.gateway import gateway_for
from tests.servers.played import Played
from tests.servers.process import COMPONENT, DOMAIN
from tests.waiting import eventually
from tigrest.backends.component.c2s import ClientPort, ClientPortSettings
from tigrest.testing import API_KEY
from tigrest.xmpp.jid import JID

ADMIN = "admin:adminpw"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Played]:
    running = Played(tmp_path)
    running.start()
    yield running
    running.stop()


@pytest.mark.parametrize("mechanisms", [("PLAIN",), ("SCRAM-SHA-1",), ("SCRAM-SHA-1", "PLAIN")])
def test_passwords_are_checked(server: Played, mechanisms: tuple[str, ...]) -> None:
    server.mechanisms = mechanisms
    port = ClientPort(ClientPortSettings(host="127.0.0.1", port=server.c2s, domain=DOMAIN, tls="allow"))
    assert asyncio.run(port.check(JID("alice@localhost"), "alicepw")) is True
    assert asyncio.run(port.check(JID("alice@localhost"), "wrong")) is False
    assert asyncio.run(port.check(JID("nobody@localhost"), "alicepw")) is False


def test_messages_go_both_ways(server: Played) -> None:
    with gateway_for(server) as gateway, online(server, "bob") as bob:
        stanza = "<message to='bob@localhost' type='chat'><body>from us</body><x xmlns='urn:x' xmlns:q='urn:q' q:a='1'/></message>"
        sent = gateway.post("/rest/stream", login=ADMIN, api_key=API_KEY, type="application/xml", content=stanza)
        assert sent.status_code == 200, sent.text
        heard = bob.message("from us")
        assert heard["from"] == COMPONENT
        assert heard.xml.find("{urn:x}x").get("{urn:q}a") == "1"
        assert bob.ask(f"type='get' to='{COMPONENT}'", "<ping xmlns='urn:xmpp:ping'/>")["type"] == "result"
        sent = gateway.post("/rest/stream", login=ADMIN, api_key=API_KEY, type="application/xml", content=stanza.replace("bob", "alice"))
        eventually(lambda: [message.get("to") for message in server.offline] == ["alice@localhost"])


def test_it_comes_back_on_the_same_ports(server: Played) -> None:
    with gateway_for(server) as gateway:
        server.stop()
        eventually(lambda: not gateway.service.connected)
        server.start()
        eventually(lambda: gateway.service.connected)
