"""Opening BOSH sessions at endpoints that misbehave, and who may have one opened."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.servers.process import free_ports
from tigrest.errors import InvalidValue, NotConnected, NotPermitted, NotSupported, StanzaError, TigrestError
from tigrest.http.statuses import status_of
from tigrest.service.bosh import BoshEndpoint, BoshLimits, PreBound
from tigrest.testing import API_KEY, PASSWORD, TestGateway, serving
from tigrest.xmpp.commands import CommandReply
from tigrest.xmpp.disco import DiscoItem
from tigrest.xmpp.forms import DataForm, Field
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import BOSH

ALICE = JID("alice@localhost/web")
STREAM = 'xmlns:stream="http://etherx.jabber.org/streams"'
PLAIN = '<mechanisms xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><mechanism>PLAIN</mechanism></mechanisms>'
BIND = '<bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/>'
SUCCESS = '<success xmlns="urn:ietf:params:xml:ns:xmpp-sasl"/>'


def http(body: str | bytes, status: str = "200 OK", *headers: str) -> bytes:
    """Return a response."""
    data = body.encode() if isinstance(body, str) else body
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(data)}", "Content-Type: text/xml", *headers]
    return "\r\n".join([*head, "", ""]).encode() + data


def bosh(payload: str = "", attributes: str = "") -> bytes:
    """Return a response with a ``body``."""
    return http(f'<body xmlns="{BOSH}" {STREAM} {attributes}>{payload}</body>')


def features(payload: str, attributes: str = "") -> bytes:
    return bosh(f"<stream:features>{payload}</stream:features>", attributes)


def result(jid: str, id: str = "bind") -> bytes:
    bound = f'<bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><jid>{jid}</jid></bind>'
    return bosh(f'<iq xmlns="jabber:client" type="result" id="{id}">{bound}</iq>')


def failure(condition: str) -> str:
    return f'<failure xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><{condition}/></failure>'


OPENED = features(PLAIN, 'sid="s1" hold="1" wait="20"')
RESTARTED = features(BIND)
GOOD = [OPENED, bosh(SUCCESS), RESTARTED, result(ALICE)]


class Endpoint:
    """A server that gives the answers it was told, in order, and keeps the requests."""

    def __init__(self, answers: list[bytes]) -> None:
        self.answers = list(answers)
        self.requests: list[ET.Element] = []
        self.heads: list[str] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                length = re.search(r"(?i)content-length: (\d+)", head)
                assert length is not None
                self.heads.append(head)
                self.requests.append(ET.fromstring(await reader.readexactly(int(length[1]))))
                if not self.answers:
                    await reader.read()  # say nothing, until the other side has enough
                    return
                writer.write(self.answers.pop(0))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def endpoint(*answers: bytes) -> AsyncIterator[Endpoint]:
    fake = Endpoint(list(answers))
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    fake.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/http-bind"
    try:
        yield fake
    finally:
        server.close()
        await server.wait_closed()


async def prebind(fake: Endpoint, jid: JID = ALICE, timeout: float = 5.0, **options: int) -> PreBound:
    return await BoshEndpoint(fake.url, "localhost", timeout).prebind(jid, "secret", **options)


async def refused(*answers: bytes, timeout: float = 5.0) -> TigrestError:
    """Return the error that some answers lead to."""
    async with endpoint(*answers) as fake:
        with pytest.raises(TigrestError) as caught:
            await prebind(fake, timeout=timeout)
        return caught.value


# The protocol


async def test_four_requests_open_a_session_and_bind() -> None:
    async with endpoint(*GOOD) as fake:
        bound = await prebind(fake, hold=2, wait=30)
    rids = [int(request.attrib["rid"]) for request in fake.requests]
    assert rids == list(range(rids[0], rids[0] + 4))
    assert 0 < rids[0] <= 2**31
    assert bound == PreBound(ALICE, "127.0.0.1", rids[-1] + 1, "s1", 1, 20)
    first, login, restart, bind = fake.requests
    assert {name: first.get(name) for name in ("to", "hold", "wait", "ver")} == {"to": "localhost", "hold": "2", "wait": "30", "ver": "1.6"}
    assert first.get("{urn:xmpp:xbosh}version") == "1.0"
    assert [request.get("sid") for request in fake.requests] == [None, "s1", "s1", "s1"]
    assert login[0].text == "AGFsaWNlAHNlY3JldA=="
    assert restart.get("{urn:xmpp:xbosh}restart") == "true"
    assert bind.findtext(".//{urn:ietf:params:xml:ns:xmpp-bind}resource") == "web"


async def test_rids_and_resources_are_different_each_time() -> None:
    seen: set[tuple[str, str | None]] = set()
    for _ in range(3):
        async with endpoint(*GOOD) as fake:
            await prebind(fake, ALICE.bare)
        resource = fake.requests[3].findtext(".//{urn:ietf:params:xml:ns:xmpp-bind}resource")
        seen.add((fake.requests[0].attrib["rid"], resource))
    assert len({rid for rid, _ in seen}) == len({resource for _, resource in seen}) == 3


async def test_answers_that_come_late_are_asked_for() -> None:
    answers = [bosh(attributes='sid="s1"'), features(PLAIN), bosh(), bosh(SUCCESS), RESTARTED]
    message = bosh('<message xmlns="jabber:client"/><iq xmlns="jabber:client" type="result" id="other"/>')
    async with endpoint(*answers, message, result(ALICE)) as fake:
        bound = await prebind(fake, hold=3, wait=7)
    assert (bound.hold, bound.wait) == (3, 7)
    assert bound.rid == int(fake.requests[-1].attrib["rid"]) + 1
    assert len(fake.requests) == 7


@pytest.mark.parametrize(("session", "requests"), [("<optional/>", 4), ("", 5)])
async def test_a_session_is_established_where_it_has_to_be(session: str, requests: int) -> None:
    restarted = features(f'{BIND}<session xmlns="urn:ietf:params:xml:ns:xmpp-session">{session}</session>')
    async with endpoint(OPENED, bosh(SUCCESS), restarted, result(ALICE), result(ALICE, "session")) as fake:
        bound = await prebind(fake)
    assert len(fake.requests) == requests
    assert bound.rid == int(fake.requests[-1].attrib["rid"]) + 1


async def test_text_from_the_server_and_the_user_is_escaped() -> None:
    jid = JID("alice@localhost/<&>'\"")
    opened = features(PLAIN, 'sid="a&quot;&lt;b"')
    async with endpoint(opened, bosh(SUCCESS), RESTARTED, result("alice@localhost/&lt;&amp;&gt;'\"")) as fake:
        bound = await prebind(fake, jid)
    assert (bound.jid, bound.sid) == (jid, 'a"<b')
    assert fake.requests[3].get("sid") == 'a"<b'


# What goes wrong


async def test_a_failed_login_says_so_and_ends_the_session() -> None:
    async with endpoint(OPENED, bosh(failure("not-authorized")), bosh(attributes='type="terminate"')) as fake:
        with pytest.raises(StanzaError) as caught:
            await prebind(fake)
    assert (caught.value.condition, caught.value.type, status_of(caught.value)) == ("not-authorized", "auth", 403)
    assert fake.requests[2].get("type") == "terminate"


async def test_a_failed_login_may_come_with_the_end_of_the_session() -> None:
    error = await refused(OPENED, bosh(failure("account-disabled"), 'type="terminate" condition="remote-stream-error"'), http("", "404 x"))
    assert isinstance(error, StanzaError)
    assert error.condition == "not-authorized"


async def test_a_server_that_cannot_check_logins_is_unavailable() -> None:
    error = await refused(OPENED, bosh(failure("temporary-auth-failure")))
    assert isinstance(error, NotConnected)


async def test_a_resource_that_is_taken_is_a_conflict() -> None:
    error = '<error type="cancel"><conflict xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>'
    conflict = bosh(f'<iq xmlns="jabber:client" type="error" id="bind">{error}</iq>')
    raised = await refused(OPENED, bosh(SUCCESS), RESTARTED, conflict, bosh(attributes='type="terminate"'))
    assert isinstance(raised, StanzaError)
    assert (raised.condition, status_of(raised)) == ("conflict", 409)


@pytest.mark.parametrize("offered", ["", PLAIN.replace("PLAIN", "SCRAM-SHA-1")])
async def test_without_plain_the_password_is_not_sent(offered: str) -> None:
    async with endpoint(features(offered, 'sid="s1"'), bosh(attributes='type="terminate"')) as fake:
        with pytest.raises(NotSupported, match=r"\[bosh\] url.*PLAIN"):
            await prebind(fake)
    assert [len(request) for request in fake.requests] == [0, 0]
    assert fake.requests[1].get("type") == "terminate"


ENTITIES = '<?xml version="1.0"?><!DOCTYPE body [<!ENTITY a "aaaa">]>'


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (http("<html><body>It works!</body></html>"), "does not speak BOSH"),
        (http("<!DOCTYPE html><html><p>It works!"), "does not speak BOSH"),
        (http(f'{ENTITIES}<body xmlns="{BOSH}" sid="&a;"/>'), "does not speak BOSH"),
        (http(b"\xff\xfe\x00"), "does not speak BOSH"),
        (http(""), "does not speak BOSH"),
        (http("<a>" * 1000), "does not speak BOSH"),
        (http("{}", "500 Oops"), "HTTP status 500"),
        (http("", "404 Not Found"), "HTTP status 404"),
        (http("", "204 No Content").replace(b"Content-Length: 0\r\n", b""), "HTTP status 204"),
        (http("", "302 Found", "Location: http://127.0.0.1:1/"), "HTTP status 302"),
        (http("", "307 Temporary Redirect", "Location: /other"), "HTTP status 307"),
        (http(b"x" * (BoshLimits().answer_bytes + 1)), f"more than {BoshLimits().answer_bytes} bytes"),
        (http(b"\x1f\x8b\x08\x00", "200 OK", "Content-Encoding: gzip"), "does not speak BOSH"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "cannot be reached: RemoteProtocolError"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "cannot be reached: RemoteProtocolError"),
        (bosh(attributes='type="terminate" condition="host-unknown"'), "ended the session: host-unknown"),
        (bosh(attributes='type="terminate" condition="&#10;2026 ERROR"'), "ended the session: no condition"),
        (bosh(attributes='type="error"'), "ended the session: no condition"),
        (features(PLAIN), "no session id"),
        (features(PLAIN, 'sid=""'), "no session id"),
    ],
)
async def test_a_hostile_answer_names_the_setting(answer: bytes, said: str) -> None:
    error = await refused(answer)
    assert isinstance(error, NotConnected)
    assert said in str(error)
    assert "[bosh] url" in str(error)
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    "answer",
    [
        result("bob@localhost/web"),
        result(""),
        result("a@@b"),
        bosh('<iq xmlns="jabber:client" type="result" id="bind"/>'),
        bosh(attributes='type="terminate" condition="system-shutdown"'),
    ],
)
async def test_a_strange_binding_is_refused(answer: bytes) -> None:
    assert isinstance(await refused(OPENED, bosh(SUCCESS), RESTARTED, answer), NotConnected)


@pytest.mark.parametrize("answers", [[], [OPENED], [OPENED, bosh(SUCCESS), RESTARTED], [OPENED, *[bosh()] * 20]])
async def test_a_server_that_is_slow_is_given_up(answers: list[bytes]) -> None:
    error = await refused(*answers, timeout=0.3)
    assert isinstance(error, NotConnected)
    assert "within 0.3 s" in str(error) or "ReadTimeout" in str(error)


async def test_an_answer_in_drops_is_given_up() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while not writer.is_closing():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        with pytest.raises(NotConnected, match=r"within 0\.3 s"):
            await BoshEndpoint(url, "localhost", 0.3).prebind(ALICE, "secret")


async def test_nobody_there_names_the_setting() -> None:
    [port] = free_ports(1)
    with pytest.raises(NotConnected, match=r"\[bosh\] url.*cannot be reached: ConnectError"):
        await BoshEndpoint(f"http://localhost:{port}/", "localhost").prebind(ALICE, "secret")


async def test_tls_is_verified() -> None:
    endpoint = BoshEndpoint("https://localhost/", "localhost")
    assert endpoint._tls.verify_mode is ssl.CERT_REQUIRED
    assert endpoint._tls.check_hostname


async def test_proxies_of_the_environment_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with endpoint(*GOOD) as fake:
        assert (await prebind(fake)).jid == ALICE


@pytest.mark.parametrize("url", ["http://192.0.2.1/http-bind", "http://localhost.example/", "HTTP://[2001:db8::1]/", "http://127.0.0.1.x/"])
async def test_a_password_does_not_leave_the_machine_in_the_clear(url: str) -> None:
    with pytest.raises(NotSupported, match=r"\[bosh\] url.*https://"):
        await BoshEndpoint(url, "localhost").prebind(ALICE, "secret")


@pytest.mark.parametrize(
    ("jid", "password", "hold", "wait"),
    [
        ("alice@localhost", "secret", -1, 60),
        ("alice@localhost", "secret", 11, 60),
        ("alice@localhost", "secret", 1, 0),
        ("alice@localhost", "secret", 1, 3601),
        ("alice@localhost", "", 1, 60),
        ("alice@localhost", "a\0b", 1, 60),
        ("alice@example.com", "secret", 1, 60),
        ("localhost", "secret", 1, 60),
    ],
)
async def test_values_that_cannot_be_are_refused_before_anything_is_sent(jid: str, password: str, hold: int, wait: int) -> None:
    with pytest.raises(InvalidValue):
        await BoshEndpoint("http://127.0.0.1:1/", "localhost").prebind(JID(jid), password, hold, wait)


async def test_the_log_tells_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    async with endpoint(*GOOD) as fake:
        bound = await prebind(fake)
    assert str(ALICE) in caplog.text
    assert not [secret for secret in ("secret", "AGFsaWNlAHNlY3JldA==", "s1", str(bound.rid)) if secret in caplog.text]
    assert "s1" not in repr(bound)


async def test_few_sessions_are_opened_at_a_time() -> None:
    running = most = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.01)
        running -= 1
        writer.write(http("", "500 x"))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        bosh = BoshEndpoint(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", "localhost")
        errors = await asyncio.gather(*[bosh.prebind(ALICE, "secret") for _ in range(30)], return_exceptions=True)
    assert {type(error) for error in errors} == {NotConnected}
    assert most <= BoshLimits().opening


async def test_it_works_from_worker_threads_too() -> None:
    async with endpoint(*GOOD) as fake:
        bosh = BoshEndpoint(fake.url, "localhost")
        bound: Any = await asyncio.to_thread(lambda: bosh.prebind(ALICE, "secret"))
    assert bound.jid == ALICE


# The handler


class Opened:
    """Stands for an endpoint: refuses what it refuses, keeps what else was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, int, int]] = []

    async def prebind(self, jid: JID, password: str, hold: int = 1, wait: int = 60) -> PreBound:
        if hold < 0 or wait < 1:
            raise InvalidValue("out of range")
        self.asked.append((jid, password, hold, wait))
        return PreBound(jid if jid.resource else jid.with_resource("r"), "node.localhost", 9929332, "3f1b", hold, wait)


class Offered:
    """Stands for the ad-hoc commands of a server: offers some of them at every address."""

    def __init__(self, *nodes: str, error: TigrestError | None = None) -> None:
        self.nodes, self.error = nodes, error
        self.executed: list[tuple[str, str, Any]] = []

    async def list(self, to: JID) -> list[DiscoItem]:
        if self.error is not None:
            raise self.error
        return [DiscoItem(to, node, "of the server") for node in self.nodes]

    async def execute(self, to: JID, node: str, fields: Any, **options: Any) -> CommandReply:
        self.executed.append((to, node, fields))
        return CommandReply(to, node, form=DataForm("result"))


def offer(domain: TestGateway, server: Offered) -> Offered:
    """Have callers see these commands."""
    domain.service.for_ = lambda principal: SimpleNamespace(adhoc=server)  # type: ignore[assignment,method-assign,return-value]
    return server


@pytest.fixture(scope="module")
def shared() -> Iterator[TestGateway]:
    with serving() as running:
        yield running


@pytest.fixture
def domain(shared: TestGateway) -> Iterator[TestGateway]:
    """Give a gateway whose service has what a test sets on it until the test ends."""
    before = dict(vars(shared.service))
    yield shared
    vars(shared.service).clear()
    vars(shared.service).update(before)


@pytest.fixture
def opened(domain: TestGateway) -> Opened:
    domain.service.bosh = opened = Opened()  # type: ignore[assignment]
    return opened


NODE = "pre-bind-bosh-session"


def post(domain: TestGateway, login: str = "alice", /, *, to: str = "bosh@localhost", node: str = NODE, **fields: Any) -> Any:
    listed = [{"var": var, "value": value} for var, value in fields.items()]
    return domain.post(f"/rest/adhoc/{to}", login=login, json={"command": {"node": node, "fields": listed}})


def test_a_field_that_it_does_not_have_is_told(domain: TestGateway, opened: Opened) -> None:
    refused = post(domain, frmo="alice@localhost/r")
    assert (refused.status_code, "did you mean from?" in refused.json()["detail"]) == (400, True)
    assert opened.asked == []


def test_the_answer_is_as_in_the_guide(domain: TestGateway, opened: Opened) -> None:
    fields: dict[str, Any] = {"from": "alice@localhost/resource", "hold": "1", "wait": 60}
    answer = post(domain, **fields)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {
        "command": {
            "jid": "bosh@localhost",
            "node": NODE,
            "fields": [
                {"var": "from", "label": "jid-single", "value": "alice@localhost/resource"},
                {"var": "hostname", "label": "jid-single", "value": "node.localhost"},
                {"var": "rid", "label": "text-single", "value": "9929332"},
                {"var": "sid", "label": "text-single", "value": "3f1b"},
                {"var": "hold", "label": "text-single", "value": "1"},
                {"var": "wait", "label": "text-single", "value": "60"},
            ],
        }
    }
    assert opened.asked == [("alice@localhost/resource", "secret", 1, 60)]


def test_users_have_their_own_sessions_and_admins_everybodys(domain: TestGateway, opened: Opened) -> None:
    cases: list[tuple[str, dict[str, Any], int]] = [
        ("alice", {"hold": "1"}, 200),
        ("alice", {"from": "alice@localhost/x"}, 200),
        ("alice", {"from": "bob@localhost"}, 403),
        ("alice", {"from": "bob@localhost", "password": "secret"}, 403),
        ("alice", {"from": "alice@localhost", "password": "secret"}, 403),
        ("admin", {"from": "admin@localhost"}, 200),
        ("admin", {"from": "bob@localhost"}, 400),
        ("admin", {"from": "bob@localhost", "password": "builder"}, 200),
        ("alice:wrong", {"hold": "1"}, 401),
    ]
    for login, fields, status in cases:
        answer = post(domain, login, **fields)
        assert answer.status_code == status, (login, fields, answer.text)
    assert domain.post("/rest/adhoc/bosh@localhost", json={"command": {"node": NODE}}).status_code == 401
    assert opened.asked == [
        ("alice@localhost", "secret", 1, 60),
        ("alice@localhost/x", "secret", 1, 60),
        ("admin@localhost", "secret", 1, 60),
        ("bob@localhost", "builder", 1, 60),
    ]


@pytest.mark.parametrize(
    "fields", [{"hold": "x"}, {"wait": "-1"}, {"wait": "٣"}, {"hold": ["1", "2"]}, {"from": "@"}, {"hold": "9" * 5000}]
)
def test_values_that_cannot_be_are_bad_requests(domain: TestGateway, opened: Opened, fields: dict[str, Any]) -> None:
    assert post(domain, **fields).status_code == 400
    assert opened.asked == []


def test_without_fields_the_form_comes_back(domain: TestGateway, opened: Opened) -> None:
    command = post(domain).json()["command"]
    assert {field["var"]: field["value"] for field in command["fields"]} == {"from": "alice@localhost", "hold": "1", "wait": "60"}
    assert opened.asked == []


def test_the_command_is_listed(domain: TestGateway, opened: Opened) -> None:
    items = domain.get("/rest/adhoc/bosh@localhost?type=json", login="alice").json()["items"]
    assert [(item["jid"], item["node"]) for item in items] == [("bosh@localhost", NODE)]
    offer(domain, Offered("other"))
    items = domain.get("/rest/adhoc/bosh@localhost?type=json", login="alice").json()["items"]
    assert [item["node"] for item in items] == ["other"]
    offer(domain, Offered(error=NotPermitted("commands are for admins")))
    assert NODE in domain.get("/rest/adhoc/bosh@localhost", login="alice").text


def test_other_commands_and_other_domains_are_relayed(domain: TestGateway, opened: Opened) -> None:
    server = offer(domain, Offered())
    assert post(domain, node="other").json()["command"]["jid"] == "bosh@localhost"
    assert post(domain, to="bosh@example.com", hold="2").json()["command"]["node"] == NODE
    assert server.executed == [("bosh@localhost", "other", {}), ("bosh@example.com", NODE, {"hold": ["2"]})]
    assert opened.asked == []
    assert domain.get("/rest/adhoc/bosh@example.com?type=json", login="alice").json() == {"items": []}


class Prebinding(Offered):
    """Stands for Tigase, which opens sessions itself, without asking for a password."""

    async def execute(self, to: JID, node: str, fields: Any, **options: Any) -> CommandReply:
        await super().execute(to, node, fields, **options)
        values = {"from": f"{fields['from']}/r", "hostname": "node", "rid": "9929332", "sid": "3f1b", "hold": "1", "wait": "60"}
        return CommandReply(to, node, form=DataForm("result", tuple(Field(var, (value,)) for var, value in values.items())))


def test_without_an_endpoint_a_server_that_has_the_command_gets_it(domain: TestGateway) -> None:
    server = domain.service.adhoc = Prebinding(NODE)  # type: ignore[assignment]
    fields = post(domain, hold="2").json()["command"]["fields"]
    assert {field["var"]: field["value"] for field in fields}["rid"] == "9929333"  # that of the client's first request
    assert post(domain, "admin", **{"from": "bob@localhost"}).status_code == 200
    assert post(domain, **{"from": "bob@localhost"}).status_code == 403
    assert post(domain, **{"from": "alice@localhost", "password": "x"}).status_code == 403
    assert domain.get("/rest/bosh/prebind?resource=web", login="alice").json() == {
        "jid": "alice@localhost/web/r",
        "sid": "3f1b",
        "rid": 9929333,
    }
    assert [(each["from"], each["hold"]) for _, _, each in server.executed] == [
        ("alice@localhost", "2"),
        ("bob@localhost", "1"),
        ("alice@localhost/web", "1"),
    ]
    domain.service.adhoc = Offered("other")  # type: ignore[assignment]
    assert post(domain, hold="1").status_code == 501
    domain.service.adhoc = Offered(NODE)  # type: ignore[assignment]
    assert post(domain, hold="1").status_code == 502


def test_who_has_a_password_of_the_gateway_alone_gets_no_session_of_the_server() -> None:
    with serving(auth={"accounts": [{"jid": "bob@localhost", "password": "of the gateway"}]}) as domain:
        server = domain.service.adhoc = Prebinding(NODE)  # type: ignore[assignment]
        answer = post(domain, "bob:of the gateway", hold="1")
        assert (answer.status_code, server.executed) == (403, [])
        assert "does not accept this password" in answer.text


def test_the_embedded_domain_has_no_bosh(domain: TestGateway) -> None:
    answer = post(domain, hold="1")
    assert answer.status_code == 501
    assert "[bosh] url" in answer.text
    assert "service-unavailable" in domain.get("/rest/adhoc/bosh@localhost", login="alice").text
    assert domain.request("HEAD", "/rest/bosh/prebind", login="alice").status_code == 501


@pytest.mark.parametrize("to", ["bosh@a@b", "bosh@ ", "bosh@%0A"])
def test_addresses_that_are_none_are_bad_requests(domain: TestGateway, opened: Opened, to: str) -> None:
    assert post(domain, to=to, hold="1").status_code == 400


def test_the_answer_of_a_bad_endpoint_is_a_problem(domain: TestGateway) -> None:
    [port] = free_ports(1)
    make: Callable[..., BoshEndpoint] = BoshEndpoint
    domain.service.bosh = domain.client.portal.call(make, f"http://127.0.0.1:{port}/", "localhost")
    answer = post(domain, hold="1")
    assert answer.status_code == 503
    assert "[bosh] url" in answer.text


# The prebind_url of Converse.js


@pytest.mark.parametrize("accept", ["application/json, text/javascript", "*/*", "text/xml"])
def test_a_client_in_a_page_gets_what_it_attaches_with(domain: TestGateway, opened: Opened, accept: str) -> None:
    answer = domain.get("/rest/bosh/prebind?resource=web&hold=2&wait=5", login="alice", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"], answer.headers["cache-control"]) == (200, "application/json", "no-store")
    assert answer.json() == {"jid": "alice@localhost/web", "sid": "3f1b", "rid": 9929332}
    assert opened.asked == [("alice@localhost/web", PASSWORD, 2, 5)]


def test_a_session_is_opened_for_nobody_else(domain: TestGateway, opened: Opened) -> None:
    assert domain.get("/rest/bosh/prebind").status_code == 401
    assert domain.get("/rest/bosh/prebind", api_key=API_KEY).status_code == 401
    assert domain.get("/rest/bosh/prebind", login="alice:wrong").status_code == 401
    assert domain.get("/rest/bosh/prebind?from=bob@localhost", login="alice").json()["jid"].startswith("alice@localhost")
    assert {jid.partition("/")[0] for jid, *_ in opened.asked} == {"alice@localhost"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example.org"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "http://testserver"}, 200),
        ({}, 200),
    ],
)
def test_a_page_of_another_origin_opens_no_session(domain: TestGateway, opened: Opened, headers: dict[str, str], status: int) -> None:
    for method in ("GET", "HEAD"):
        answer = domain.request(method, "/rest/bosh/prebind", login="alice", headers=headers)
        assert answer.status_code == status, answer.text
        assert "access-control-allow-origin" not in answer.headers
    assert len(opened.asked) == (status == 200)  # HEAD opens none


def test_a_page_of_a_listed_origin_may_ask_and_read() -> None:
    listed = "https://app.example.com"
    with serving(http={"cors_origins": [listed]}) as gateway:
        gateway.service.bosh = Opened()  # type: ignore[assignment]
        answer = gateway.get("/rest/bosh/prebind", login="alice", headers={"Origin": listed})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, listed)
        assert gateway.get("/rest/bosh/prebind", login="alice", headers={"Origin": "https://evil.example.org"}).status_code == 403


@pytest.mark.parametrize("query", ["hold=x", "wait=1.5", "resource=%00"])
def test_parameters_that_cannot_be_are_bad_requests(domain: TestGateway, opened: Opened, query: str) -> None:
    assert domain.get(f"/rest/bosh/prebind?{query}", login="alice").status_code == 400
    assert opened.asked == []


def test_the_embedded_domain_has_no_bosh_for_pages_either(domain: TestGateway) -> None:
    answer = domain.get("/rest/bosh/prebind?type=json", login="alice")
    assert (answer.status_code, "[bosh] url" in answer.json()["detail"]) == (501, True)
