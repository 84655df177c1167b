"""Sessions opened for somebody are gone on with by somebody else, at real servers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

import httpx2
import pytest

from tests.curl import SHELLS, Shell, listening
from tests.servers.browser import chromium, page
from tests.servers.process import DOMAIN, USERS, XmppServer
from tigrest.concurrency.loop import run
from tigrest.errors import StanzaError
from tigrest.service.bosh import BoshEndpoint, PreBound
from tigrest.testing import TestGateway, serving
from tigrest.xmpp.jid import JID

CLIENT = "{jabber:client}"


def url_of(server: XmppServer) -> str:
    return f"http://127.0.0.1:{server.http}/http-bind"


class Attached:
    """A client that goes on with a session of which it knows only sid and rid.

    Args:
        client: sends its requests.
        url: of the endpoint.
        sid: of the session.
        rid: of the next request.
    """

    def __init__(self, client: httpx2.AsyncClient, url: str, sid: str, rid: int) -> None:
        self._client, self._url, self._sid, self._rid = client, url, sid, rid
        self._requests: set[asyncio.Task[None]] = set()
        self._inbox: list[ET.Element] = []

    def send(self, payload: str = "", attributes: str = "") -> None:
        """Send stanzas, or nothing. The server may hold the request until it has something to say."""
        body = f'<body xmlns="http://jabber.org/protocol/httpbind" rid="{self._rid}" sid="{self._sid}" {attributes}>{payload}</body>'
        self._rid += 1
        self._requests.add(asyncio.create_task(self._exchange(body)))

    async def _exchange(self, body: str) -> None:
        response = await self._client.post(self._url, content=body)
        assert response.status_code == 200
        answer = ET.fromstring(response.text)
        assert answer.get("condition") is None, response.text
        self._inbox.extend(answer)

    async def receive(self, kind: str, sender: str) -> ET.Element:
        """Return the next stanza of a kind from somebody."""
        while True:
            for stanza in self._inbox:
                if stanza.tag == CLIENT + kind and stanza.get("from") == sender:
                    self._inbox.remove(stanza)
                    return stanza
            if not self._requests:
                self.send()
            done, self._requests = await asyncio.wait(self._requests, return_when=asyncio.FIRST_COMPLETED)
            for request in done:
                request.result()

    async def ping(self) -> None:
        """See that the server takes us for who we are."""
        self.send(f'<iq xmlns="jabber:client" type="get" id="p" to="{DOMAIN}"><ping xmlns="urn:xmpp:ping"/></iq>')
        assert (await self.receive("iq", DOMAIN)).get("type") == "result"

    async def close(self) -> None:
        """End the session; the requests that are held end with it, as each server sees fit."""
        self.send(attributes='type="terminate"')
        await asyncio.gather(*self._requests, return_exceptions=True)


@asynccontextmanager
async def attached(url: str, sid: str, rid: int) -> AsyncIterator[Attached]:
    """Go on with a session, and end it."""
    async with asyncio.timeout(20), httpx2.AsyncClient(timeout=20, trust_env=False) as client:
        session = Attached(client, url, sid, rid)
        yield session
        await session.close()


def endpoint(server: XmppServer) -> BoshEndpoint:
    return BoshEndpoint(url_of(server), DOMAIN, 10)


async def prebind(server: XmppServer, user: str, hold: int = 1, wait: int = 60) -> PreBound:
    jid = JID(user)
    return await endpoint(server).prebind(jid, USERS[jid.local], hold, wait)


@pytest.mark.parametrize("hold", [0, 1, 10])
async def test_a_session_has_the_resource_asked_for_or_a_random_one(server: XmppServer, hold: int) -> None:
    full = await prebind(server, f"alice@{DOMAIN}/web", hold=hold, wait=3600)
    assert (full.jid, full.host) == (f"alice@{DOMAIN}/web", "127.0.0.1")
    assert 0 < full.wait <= 3600
    assert full.hold <= max(hold, 1)
    bare = [await prebind(server, f"alice@{DOMAIN}", hold=hold) for _ in range(2)]
    assert [session.jid.bare for session in bare] == [f"alice@{DOMAIN}"] * 2
    assert len({session.jid.resource for session in bare}) == len({session.sid for session in bare}) == 2


@pytest.mark.parametrize("user", ["alice", "nobody"])
async def test_a_wrong_password_is_not_authorized(server: XmppServer, user: str) -> None:
    for jid in (f"{user}@{DOMAIN}", f"{user}@{DOMAIN}/web"):
        with pytest.raises(StanzaError) as caught:
            await endpoint(server).prebind(JID(jid), "wrong")
        assert (caught.value.condition, caught.value.type) == ("not-authorized", "auth")


async def test_two_attached_clients_talk_to_each_other(server: XmppServer) -> None:
    alices, bobs = await prebind(server, f"alice@{DOMAIN}/a"), await prebind(server, f"bob@{DOMAIN}")
    async with attached(url_of(server), alices.sid, alices.rid) as alice, attached(url_of(server), bobs.sid, bobs.rid) as bob:
        alice.send(f'<message xmlns="jabber:client" to="{bobs.jid}" type="chat"><body>hello</body></message>')
        assert (await bob.receive("message", alices.jid)).findtext(f"{CLIENT}body") == "hello"
        bob.send(f'<message xmlns="jabber:client" to="{alices.jid}" type="chat"><body>and you</body></message>')
        assert (await alice.receive("message", bobs.jid)).findtext(f"{CLIENT}body") == "and you"


@pytest.mark.parametrize("hold", [0, 10])
async def test_a_session_of_any_hold_can_be_gone_on_with(server: XmppServer, hold: int) -> None:
    session = await prebind(server, f"bob@{DOMAIN}", hold=hold, wait=5)
    async with attached(url_of(server), session.sid, session.rid) as client:
        await client.ping()


async def test_many_sessions_open_at_once(server: XmppServer) -> None:
    shared = endpoint(server)
    sessions = await asyncio.gather(*[shared.prebind(JID(f"alice@{DOMAIN}"), "alicepw") for _ in range(50)])
    assert len({session.sid for session in sessions}) == 50


# The handler


@pytest.fixture
def gateway(server: XmppServer) -> Iterator[TestGateway]:
    """Give a gateway whose accounts have the passwords of the server's."""
    accounts = [{"jid": f"{user}@{DOMAIN}", "password": password} for user, password in USERS.items()]
    with serving(auth={"accounts": accounts}) as running:
        running.service.bosh = running.client.portal.call(BoshEndpoint, url_of(server), DOMAIN)
        yield running


XML = """
<command>
  <node>pre-bind-bosh-session</node>
  <fields>
    <item>
      <var>from</var>
      <value>alice@localhost/resource</value>
    </item>
    <item>
      <var>hold</var>
      <value>1</value>
    </item>
    <item>
      <var>wait</var>
      <value>60</value>
    </item>
  </fields>
</command>
"""
LABELS = {
    "from": "jid-single",
    "hostname": "jid-single",
    "rid": "text-single",
    "sid": "text-single",
    "hold": "text-single",
    "wait": "text-single",
}


async def ping(server: XmppServer, sid: str, rid: str) -> None:
    async with attached(url_of(server), sid, int(rid)) as client:
        await client.ping()


def test_the_guides_request_opens_a_session_that_a_client_goes_on_with(server: XmppServer, gateway: TestGateway) -> None:
    answer = gateway.post(f"/rest/adhoc/bosh@{DOMAIN}", login="alice:alicepw", type="text/xml", content=XML)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/xml")
    command = ET.fromstring(answer.text)
    assert [child.tag for child in command] == ["jid", "node", "fields"]
    assert (command.findtext("jid"), command.findtext("node")) == (f"bosh@{DOMAIN}", "pre-bind-bosh-session")
    items = command.findall("fields/item")
    assert [[part.tag for part in item] for item in items] == [["var", "label", "value"]] * 6
    assert {item.findtext("var"): item.findtext("label") for item in items} == LABELS
    values = {item.findtext("var", ""): item.findtext("value", "") for item in items}
    assert {name: values[name] for name in ("from", "hostname", "hold", "wait")} == {
        "from": "alice@localhost/resource",
        "hostname": "127.0.0.1",
        "hold": "1",
        "wait": "60",
    }
    run(ping(server, values["sid"], values["rid"]))


def test_an_admin_opens_a_session_of_somebody_else(server: XmppServer, gateway: TestGateway) -> None:
    def post(password: str) -> httpx2.Response:
        fields = [{"var": "from", "value": f"bob@{DOMAIN}"}, {"var": "password", "value": password}]
        command = {"node": "pre-bind-bosh-session", "fields": fields}
        answer: httpx2.Response = gateway.post(f"/rest/adhoc/bosh@{DOMAIN}", login="admin:adminpw", json={"command": command})
        return answer

    values = {field["var"]: field["value"] for field in post("bobpw").json()["command"]["fields"]}
    assert JID(values["from"]).bare == f"bob@{DOMAIN}"
    run(ping(server, values["sid"], values["rid"]))
    refused = post("wrong")
    assert (refused.status_code, refused.json()["condition"]) == (403, "not-authorized")
    assert "www-authenticate" not in refused.headers


# The prebind_url of Converse.js


def test_a_client_goes_on_with_the_session_of_the_prebind_url(server: XmppServer, gateway: TestGateway) -> None:
    opened = gateway.get("/rest/bosh/prebind?resource=web", login="alice:alicepw").json()
    assert opened["jid"] == f"alice@{DOMAIN}/web"
    run(ping(server, opened["sid"], opened["rid"]))
    refused = gateway.get("/rest/bosh/prebind?type=json", login="alice:wrong")
    assert refused.status_code == 401


@pytest.mark.parametrize("shell", SHELLS)
def test_the_lines_of_the_index_work_as_pasted(server: XmppServer, gateway: TestGateway, tmp_path: Path, shell: str) -> None:
    with listening(gateway) as base:
        routes = gateway.get("/rest/", headers={"Host": base.removeprefix("http://"), "Accept": "application/json"}).json()["routes"]
        lines = [route["curl"].replace("PASSWORD", "alicepw") for route in routes if "bosh" in route["uri"]]
        said = [Shell(shell, tmp_path).paste(line) for line in lines]
    assert [answer.status for answer in said] == [200] * 3, said


STROPHE = Path("/usr/share/javascript/strophe/strophe.js")

ATTACH = """
const opened = await (await fetch('/rest/bosh/prebind', {headers: {Accept: 'application/json, text/javascript'}})).json();
const connection = new Strophe.Connection(%r);
const status = await new Promise(resolve => connection.attach(opened.jid, opened.sid, opened.rid, resolve));
if (status !== Strophe.Status.ATTACHED) return 'status ' + status;
const ping = $iq({type: 'get', to: %r}).c('ping', {xmlns: 'urn:xmpp:ping'});
const reply = await new Promise((resolve, reject) => connection.sendIQ(ping, resolve, reject, 10000));
connection.disconnect();
return [opened.jid, reply.getAttribute('type'), reply.getAttribute('to')];
"""


def test_strophe_in_a_browser_attaches_to_the_session_of_the_prebind_url(
    server: XmppServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "tigrest.service.bosh")
    if not STROPHE.exists():
        assert "CI" not in os.environ, "tests/servers/install.sh installs Strophe"
        pytest.skip("as root: apt-get install libjs-strophe")
    static = tmp_path / "rest" / "chat" / "static"
    static.mkdir(parents=True)
    (static / "strophe.js").write_bytes(STROPHE.read_bytes())
    (static / "page.html").write_text("<!doctype html><script src=strophe.js></script>")
    accounts = [{"jid": f"{user}@{DOMAIN}", "password": password} for user, password in USERS.items()]
    with (
        serving(tmp_path / "rest", auth={"accounts": accounts}) as gateway,
        listening(gateway) as base,
        page("<!doctype html>") as other,
        chromium(tmp_path) as browser,
    ):
        gateway.service.bosh = gateway.client.portal.call(BoshEndpoint, url_of(server), DOMAIN)
        browser.open(base.replace("//", "//alice:alicepw@") + "/rest/version/localhost?type=json")  # from now on it is logged in
        browser.open(f"{base}/rest/chat/static/page.html")
        jid, type, to = browser.run(ATTACH % (url_of(server), DOMAIN))
        assert (JID(jid).bare, type, to) == (f"alice@{DOMAIN}", "result", jid)
        browser.open(f"http://localhost:{other}/")
        read = f"return await (await fetch('{base}/rest/bosh/prebind', {{credentials: 'include'}})).text()"
        assert "Failed to fetch" in browser.run(read)
        blind = f"return (await fetch('{base}/rest/bosh/prebind', {{credentials: 'include', mode: 'no-cors'}})).type"
        assert browser.run(blind) == "opaque"
    assert caplog.text.count("a BOSH session of") == 1  # none for the other page
