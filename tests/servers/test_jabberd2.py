"""jabberd2: what works with it, what does not and says so, and its page."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers.certificates import make_certificate
from tests.servers.client import online
from tests.servers.conftest import StartServer, installed
from tests.servers.debian import DOMAIN, DebianJabberd2
from tests.servers.gateway import gateway_for
from tests.servers.page import Reader
from tests.servers.process import XmppServer
from tests.servers.test_live import check
from tigrest.gateway.demo import picture
from tigrest.testing import API_KEY, TestGateway
from tigrest.xmpp.jid import JID

ADMIN, ALICE, BOB = "admin:adminpw", "alice:alicepw", "bob:bobpw"
NODE = "http://jabber.org/protocol/admin#add-user"
NO_COMMANDS = "jabberd2 has no ad-hoc commands"


@pytest.fixture(scope="module")
def jabberd2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[XmppServer]:
    running = installed("jabberd2")(tmp_path_factory.mktemp("jabberd2"))
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def gateway(jabberd2: XmppServer) -> Iterator[TestGateway]:
    with gateway_for(jabberd2, send_as="gateway") as running:
        yield running


def iq(gateway: TestGateway, to: str) -> str:
    stanza = f"<iq type='get' id='q' to='{to}'><ping xmlns='urn:xmpp:ping'/></iq>"
    return str(gateway.post("/rest", login=ADMIN, type="application/xml", content=stanza).text)


def test_logins_messages_and_iqs_work(jabberd2: XmppServer, gateway: TestGateway) -> None:
    assert gateway.get("/rest/adhoc/localhost", login="alice:wrong").status_code == 401
    with online(jabberd2, "bob") as bob:
        assert gateway.post("/rest", login=ALICE, json={"to": "bob@localhost", "body": "hello"}).status_code == 202
        assert bob.message("hello")["from"] == "alice@http.localhost"
        bob.send("<message to='bot@http.localhost' type='chat' id='m1'><body>hello?</body></message>")
        assert bob.expect(lambda stanza: stanza["type"] == "error")["id"] == "m1"
    confirmed = [
        gateway.post("/rest?confirm=server", login=ALICE, json={"to": f"{user}@localhost", "body": "x"}) for user in ("bob", "nobody")
    ]
    assert [answer.status_code for answer in confirmed] == [200, 404]  # what cannot be delivered is returned as it was sent
    assert 'type="result"' in iq(gateway, "localhost")
    assert 'from="rooms.localhost"' in iq(gateway, "rooms.localhost")  # returned as it was sent


def test_an_avatar_of_a_vcard_is_found(jabberd2: XmppServer, gateway: TestGateway) -> None:
    assert gateway.get("/rest/avatar/bob@localhost").status_code == 404
    photo = f"<PHOTO><TYPE>image/png</TYPE><BINVAL>{b64encode(picture('bob')).decode()}</BINVAL></PHOTO>"
    with online(jabberd2, "bob") as bob:
        bob.ask("type='set'", f"<vCard xmlns='vcard-temp'>{photo}</vCard>")
    gateway.service.avatars.cache.forget(JID("bob@localhost"))
    assert gateway.get("/rest/avatar/bob@localhost").content == picture("bob")


def test_what_needs_commands_is_501_and_says_so(gateway: TestGateway) -> None:
    password = {"json": {"user": {"password": "one"}}}
    requests: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", "/rest/adhoc/localhost", {}),
        ("POST", "/rest/adhoc/localhost", {"json": {"command": {"node": NODE}}}),
        ("GET", "/rest/user/carol@localhost", {}),
        ("PUT", "/rest/user/carol@localhost", password),
        ("POST", "/rest/user/bob@localhost", password),
        ("DELETE", "/rest/user/bob@localhost", {}),
        ("GET", "/rest/users/", {}),
    ]
    for method, path, options in requests:
        answer: Any = gateway.request(method, path, login=ADMIN, **options)
        assert answer.status_code == 501, (method, path, answer.text)
        assert re.search("has no (ad-hoc )?commands|jabberd2 have none|feature-not-implemented", answer.text), (method, path, answer.text)
        assert "administrator" not in answer.text
    assert gateway.put("/rest/avatar/bob@localhost", login=BOB, type="image/png", content=picture("x")).status_code == 501


def test_messages_from_users_are_refused_not_lost(start_server: StartServer, caplog: pytest.LogCaptureFixture) -> None:
    server = start_server("jabberd2")
    with gateway_for(server, send_as="user") as gateway:
        lost = gateway.post("/rest", login=ALICE, json={"to": "bob@localhost", "body": "hello"})
        assert (lost.status_code, 'send_as = "gateway"' in lost.json()["detail"]) == (501, True), lost.text
        status = gateway.post("/rest/user/bob@localhost/status/desk", api_key=API_KEY, json={"show": "away"}).json()["status"]
        assert (status["success"], "send_as" in status["reason"]) == (False, True)
    assert caplog.text.count("the server takes no stanzas from users' addresses: it returns them to those as errors") == 1


def test_the_live_check_advises_nothing_that_it_cannot_do(start_server: StartServer, tmp_path: Path) -> None:
    code, out, err = check(start_server("jabberd2"), tmp_path, SEND_AS="gateway")
    assert (code, err) == (1, "")
    assert "server      jabberd2 2.7.0" in out
    said = {line.split("  ")[0]: line.split("  ", 1)[1].strip() for line in out.partition("BUILT-IN")[2].splitlines()[1:] if "  " in line}
    assert said["logins"].startswith("not tried  a wrong login is refused")
    for name in ("/rest/adhoc", "PUT /rest/user", "GET /rest/users"):
        assert NO_COMMANDS in said[name], said[name]
    assert "XEP-0356" in said["PUT /rest/avatar"]
    assert "administrator" not in out


@pytest.mark.parametrize("certificate", ["of an authority", "of one's own"])
def test_every_line_of_the_page_works(certificate: str, tmp_path: Path) -> None:
    installed("jabberd2")
    authority = make_certificate(tmp_path / "certificate", DOMAIN) if certificate == "of an authority" else None
    server = DebianJabberd2(tmp_path / "root")
    server.install()
    try:
        with Reader(server, authority).following() as reader:
            [checked] = [said for line, said in reader.said.items() if line.startswith("tigrest check --live")]
            assert re.search(r"(?m)^logins +not tried +a wrong login is refused", checked), (
                checked
            )  # there are no commands to make accounts
            lines = [line for line in reader.said if line.startswith("curl ")]
            assert len(lines) == 3
    finally:
        server.stop()
