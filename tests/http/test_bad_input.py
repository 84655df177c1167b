"""Nothing a stranger sends is a 500, a hang or a crash."""

from collections.abc import Iterator

import pytest

from tests.http.conftest import Serve
from tigrest.testing import API_KEY, TestGateway, serving

ECHO = """
class Echo(Handler):
    regex = r"/echo"
    def exec_post(self, content): return {"content": content}

class Raw(Handler):
    regex = "/raw"
    decodeContent = False
    def exec_post(self, content): return {"length": len(content.body())}

class Typed(Handler):
    regex = r"/typed/([^/]*)"
    def exec_get(self, jid: JID): return {"jid": jid}
"""


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/xml", b"<a>" * 20_000 + b"</a>" * 20_000),
        ("application/xml", b"<a>" * 257 + b"</a>" * 257),
        ("application/json", b"[" * 20_000 + b"]" * 20_000),
        ("application/json", b"[" * 257 + b"]" * 257),
        ("application/json", b'{"a":' * 20_000 + b"1" + b"}" * 20_000),
        ("application/xml", b"<a>"),
        ("application/xml", b"<a>&lol;</a>"),
        ("application/xml", b'<!DOCTYPE a [<!ENTITY l "lol"><!ENTITY m "&l;&l;&l;&l;">]><a>&m;</a>'),
        ("application/xml", b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'),
        ("application/xml", b"<a><?php x ?></a>"),
        ("application/xml", b"<a><!-- c --></a>"),
        ("application/xml", b"<a>\x00</a>"),
        ("application/xml", b"<a>\x01</a>"),
        ("application/xml", b"<a>\xff</a>"),
        ("application/xml", "<a>é</a>".encode("utf-16-le")),
        ("application/json", b"{"),
        ("application/json", b'"\xff"'),
        ("application/json", b'"\x00"'),
        ("application/json", '{"a": 1}'.encode("utf-16")),
        ("application/x-www-form-urlencoded", b"a=%FF"),
        ("application/x-www-form-urlencoded", b"a=\xff"),
        ("application/x-www-form-urlencoded", b"&".join(b"a=1" for _ in range(1001))),
    ],
)
def test_a_bad_body_is_400_with_a_reason(share: Serve, content_type: str, body: bytes) -> None:
    response = share(ECHO).post("/rest/echo", type=content_type, content=body)
    assert response.status_code == 400, response.text
    assert response.headers["content-type"].startswith("application/problem+")
    assert len(response.text) < 1000


@pytest.mark.parametrize(
    ("type", "body"),
    [
        ("application/json", b'{"a":["[{",' * 128 + b"1" + b"]}" * 128),
        ("application/xml", b"<a>" * 256 + b"1" + b"</a>" * 256),
    ],
)
def test_what_is_just_deep_enough_comes_back(share: Serve, type: str, body: bytes) -> None:
    response = share(ECHO).post("/rest/echo", type=type, content=body)
    assert (response.status_code, body in response.content) == (200, True), response.text


@pytest.mark.parametrize("path", ["/rest/echo", "/rest/raw"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_413(share: Serve, path: str, chunked: bool) -> None:
    gateway = share(ECHO, http={"max_body": 1000})
    body = b'"' + b"x" * 999 + b'"'
    content = iter([body[:600], body[600:]]) if chunked else body
    response = gateway.post(path, type="application/json", content=content)
    assert response.status_code == 413
    assert "1000 bytes" in response.text
    assert gateway.post(path, type="application/json", content=body[2:]).status_code in (200, 400)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/rest/typed/a%0A@localhost", 400),
        ("/rest/typed/a@localhost%0A", 400),
        ("/rest/typed/a%00@localhost", 400),
        ("/rest/typed/%FF", 400),
        ("/rest/typed/%C3", 400),
        ("/rest/typed/" + "a" * 4096 + "@localhost", 400),
        ("/rest/typed/a@" + "b" * 4096, 400),
        ("/rest/typed/", 400),
        ("/rest/typed/a@b@c", 400),
        ("/rest/typed/%EF%BF%BD", 400),
        ("/rest/typed/%F0%9F%92%A9@localhost", 400),
        ("/rest/typed/..%2F..%2Fetc", 404),
        ("/rest/%00", 400),
        ("/%FF", 400),
        ("//rest//typed", 404),
    ],
)
def test_a_bad_path_is_refused(share: Serve, path: str, status: int) -> None:
    response = share(ECHO).get(path)
    assert response.status_code == status, response.text
    assert len(response.text) < 1000


@pytest.mark.parametrize("query", ["type=%FF", "type=" + "x" * 5000, "type", "type=&type=json", "%FF=%FF", "&&==&type=json", "api-key=%00"])
def test_a_bad_query_does_no_harm(share: Serve, query: str) -> None:
    assert share(ECHO).get(f"/rest/typed/a@b?{query}").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": b"\xff\xfe"},
        {"Accept": "application/json;q=" + "9" * 1000},
        {"Accept": "," * 5000},
        {"Content-Type": b"\xff"},
        {"Content-Type": "application/json;" * 500},
        {"Host": "\x7f"},
        {"Api-Key": b"\xff\xff"},
    ],
)
def test_a_bad_header_does_no_harm(share: Serve, headers: dict[str, str]) -> None:
    assert share(ECHO).get("/rest/typed/a@b", headers=headers).status_code == 200


@pytest.fixture(scope="module")
def domain() -> Iterator[TestGateway]:
    with serving() as running:
        yield running


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"   ", 400),
        (b"hello", 400),
        (b"<message to='alice@localhost'>", 400),
        (b"<message to='a b@localhost'/>", 400),
        (b"<message to=''/>", 400),
        (b"<message/>", 400),
        (b"<message to='alice@localhost'/><message to='alice@localhost'/>", 400),
        (b"<stream:stream xmlns:stream='x'/>", 400),
        (b"<message to='alice@localhost'></stream:stream>", 400),
        (b"<message to='alice@localhost'><body>&evil;</body></message>", 400),
        (b"<message to='alice@localhost'><!-- --></message>", 400),
        (b"<message to='alice@localhost'><q:x/></message>", 400),
        (b"<message to='alice@localhost'><body>\x00</body></message>", 400),
        (b"<message to='alice@localhost'><body>\xff</body></message>", 400),
        (b"<message to='alice@localhost'>" + b"<a>" * 20_000 + b"</a>" * 20_000 + b"</message>", 400),
        (b"<handshake xmlns='jabber:component:accept'/>", 400),
        (b"<message from='eve@elsewhere.org' to='alice@localhost'/>", 403),
        (b"<message from='@' to='alice@localhost'/>", 400),
        (b"<iq to='alice@localhost' type='get'/>", 400),
        (b"<iq to='localhost' type='get' id='1'><a/><b/></iq>", 400),
        (b"<iq to='localhost' type='bogus' id='1'><a/></iq>", 200),
        (b"<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>", 200),
        (b"<presence to='alice@localhost' type='bogus'/>", 200),
        (b"<message to='alice@localhost'><body>" + b"x" * 300_000 + b"</body></message>", 200),
    ],
)
def test_bad_stanzas_are_refused_before_the_wire(domain: TestGateway, body: bytes, status: int) -> None:
    response = domain.post("/rest/stream", login="admin", api_key=API_KEY, type="application/xml", content=body)
    assert response.status_code == status, response.text
    ping = b"<iq type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"
    again = domain.post("/rest/stream", login="admin", api_key=API_KEY, content=ping)
    assert b'type="result"' in again.content


@pytest.mark.parametrize("to", ["a%20b@localhost", "a%0A@localhost", "@", "x" * 4096])
def test_a_bad_address_in_the_url_of_a_stanza_is_400(domain: TestGateway, to: str) -> None:
    body = b"<message><body>x</body></message>"
    assert domain.post(f"/rest/stream/{to}", login="admin", api_key=API_KEY, content=body).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        *[
            "5",
            '"x"',
            "[]",
            "{}",
            '{"command": 5}',
            '{"command": {}}',
            '{"command": {"node": 5}}',
            '{"command": {"node": "x", "fields": 5}}',
        ],
        *['{"command": {"node": "x", "fields": [5]}}', '{"command": {"node": "x", "fields": [{"value": 1}]}}'],
        *['{"command": {"node": "x", "fields": [{"var": "a", "value": {}}]}}', '{"command": {"node": "x", "action": "jump"}}'],
        '{"command": {"node": "x", "action": "next"}}',
    ],
)
def test_a_bad_command_is_400(domain: TestGateway, body: str) -> None:
    response = domain.post("/rest/adhoc/localhost", login="admin", type="application/json", content=body.encode())
    assert response.status_code == 400, response.text


@pytest.mark.parametrize(
    "body",
    [
        *[
            "5",
            "[]",
            '{"unknown": 1}',
            '{"available": "maybe"}',
            '{"priority": "x"}',
            '{"priority": 200}',
            '{"show": "busy"}',
            '{"status": {}}',
        ],
        *['{"activity": "x"}', '{"activity": {"type": "x"}}', '{"command": 5}'],
    ],
)
def test_a_bad_status_is_400(domain: TestGateway, body: str) -> None:
    response = domain.post("/rest/user/alice@localhost/status", api_key=API_KEY, type="application/json", content=body.encode())
    assert response.status_code == 400, response.text


@pytest.mark.parametrize("body", ["5", "{}", '{"user": 5}', '{"user": {}}', '{"user": {"password": ""}}', '{"user": {"password": 5}}'])
@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_bad_account_is_400(domain: TestGateway, method: str, body: str) -> None:
    response = domain.request(method, "/rest/user/carol@localhost", login="admin", type="application/json", content=body.encode())
    assert response.status_code == 400, response.text


@pytest.mark.parametrize("body", [b"", b"not an image", b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>"])
def test_a_bad_avatar_is_400(domain: TestGateway, body: bytes) -> None:
    response = domain.put("/rest/avatar/alice@localhost", login="alice", type="image/png", content=body)
    assert response.status_code == 400, response.text
