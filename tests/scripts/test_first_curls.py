"""What people send first, most often without the right header: it works, or the answer says what to add."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tigrest.gateway.demo import picture
from tigrest.testing import API_KEY, TestGateway, serving

FORM, TEXT, JSON, XML = "application/x-www-form-urlencoded", "text/plain", "application/json", "application/xml"
IN_JSON, IN_XML = b'{"to": "bob@localhost", "body": "Hello"}', b'<message to="bob@localhost"><body>Hello</body></message>'
COMMAND = b'{"command": {"node": "http://jabber.org/protocol/admin#get-registered-users-num"}}'


@pytest.fixture(scope="module")
def domain() -> Iterator[TestGateway]:
    with serving() as running:
        yield running


def send(gateway: TestGateway, path: str, content_type: str, body: bytes, method: str = "POST") -> Any:
    headers = {"Content-Type": content_type} if content_type else {}
    return gateway.request(method, path, login="admin", api_key=API_KEY, content=body, headers=headers)


@pytest.mark.parametrize("content_type", [FORM, f"{FORM}; charset=utf-8", "", TEXT])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/rest", IN_JSON),
        ("POST", "/rest/", IN_JSON),
        ("POST", "/rest", IN_XML),
        ("POST", "/rest/echo", IN_JSON),
        ("POST", "/rest/message/chat/bob@localhost", IN_JSON),
        ("POST", "/rest/message/chat/bob@localhost", IN_XML),
        ("POST", "/rest/presence/available/bob@localhost", b'{"show": "away"}'),
        ("POST", "/rest/iq/get/localhost", b'{"version": {}}'),
        ("POST", "/rest/iq/version/localhost", b"{}"),
        ("POST", "/rest/command/localhost", b'{"node": "uptime"}'),
        ("POST", "/rest/stream/bob@localhost", IN_JSON),
        ("POST", "/rest/adhoc/localhost", COMMAND),
        ("POST", "/rest/adhoc/localhost", b"<command><node>x</node></command>"),
        ("POST", "/rest/adhoc/http.localhost/desk", COMMAND),
        ("POST", "/rest/adhoc/bosh@localhost", COMMAND),
        ("POST", "/rest/user/alice@localhost/status", b'{"show": "xa"}'),
        ("POST", "/rest/user/alice@localhost/status", b"<command><show>xa</show></command>"),
        ("PUT", "/rest/user/carol@localhost", b'{"user": {"password": "secret"}}'),
        ("POST", "/rest/user/alice@localhost", b'{"user": {"password": "secret"}}'),
    ],
)
def test_json_and_xml_without_their_type_are_415_with_the_header_to_add(
    domain: TestGateway, method: str, path: str, body: bytes, content_type: str
) -> None:
    refused = send(domain, path, content_type, body, method)
    assert refused.status_code == 415, refused.text
    assert refused.headers["content-type"].startswith("application/problem+")
    assert (XML if body.startswith(b"<") or "/stream" in path else JSON) in refused.text


def test_a_form_that_begins_like_json_is_415_for_scripts_too(domain: TestGateway) -> None:
    assert send(domain, "/rest/user/carol@localhost", FORM, b"[FIRING:1] disk full", "PUT").status_code == 415


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        (TEXT, b"[FIRING:1] disk full", "[FIRING:1] disk full"),
        (TEXT, b"<b>not</b> a stanza", "<b>not</b> a stanza"),
        (TEXT, b"123456", "123456"),
        (FORM, b"Hello 100%", "Hello 100%"),
        (FORM, b"1+1", "1+1"),
        (FORM, b"Hello%20you%21", "Hello you!"),  # curl --data-urlencode
        (FORM, b"%5BFIRING%3A1%5D%20disk%20full", "[FIRING:1] disk full"),
        (FORM, b"caf%E9", "caf%E9"),
        (FORM, b"body=Hello+you", "Hello you"),
        (FORM, b"body={}", "{}"),
        (f"{TEXT}; charset=iso-8859-1", b"caf\xe9", "café"),
        (f"{TEXT}; charset=windows-1252", b"5 \x80", "5 €"),
        (f"{TEXT}; charset=utf-16", "café".encode("utf-16"), "café"),
        (f"{FORM}; charset=iso-8859-1", b"body=caf%E9+caf\xe9", "café café"),
        (f"{FORM}; charset=windows-1252", b"5%80", "5€"),
        (f"{JSON}; charset=iso-8859-1", b'{"body": "caf\xe9"}', "café"),
        (f"{JSON}; charset=utf-16", '{"body": "café"}'.encode("utf-16"), "café"),
        (JSON, b'\xef\xbb\xbf{"body": "Windows"}', "Windows"),
        (XML, '<?xml version="1.0" encoding="ISO-8859-1"?><message><body>café</body></message>'.encode("latin-1"), "café"),
        ("text/xml; charset=iso-8859-1", "<message><body>café</body></message>".encode("latin-1"), "café"),
        ("application/xmpp+xml", "<message><body>café</body></message>".encode("utf-16"), "café"),
    ],
)
def test_what_was_meant_is_sent(domain: TestGateway, content_type: str, body: bytes, text: str) -> None:
    shown = domain.post("/rest/echo", login="alice", content=body, headers={"Content-Type": content_type, "Accept": JSON})
    assert shown.status_code == 200, shown.text
    assert shown.json()["body"] == text


@pytest.mark.parametrize("path", ["/rest", "/rest/stream/bob@localhost", "/rest/adhoc/localhost", "/rest/user/bob@localhost/status"])
@pytest.mark.parametrize("charset", ["utf-7", "klingon", "base64"])
def test_a_charset_that_is_not_read_is_415(domain: TestGateway, path: str, charset: str) -> None:
    refused = send(domain, path, f"{XML}; charset={charset}", b"<message/>")
    assert (refused.status_code, "send UTF-8" in refused.text) == (415, True), refused.text


def test_a_stanza_and_a_command_may_be_in_another_charset(domain: TestGateway) -> None:
    stanza = '<?xml version="1.0" encoding="ISO-8859-1"?><message to="bob@localhost"><body>café</body></message>'
    assert send(domain, "/rest/stream", XML, stanza.encode("latin-1")).status_code == 200
    status = send(
        domain, "/rest/user/alice@localhost/status?type=json", f"{XML}; charset=iso-8859-1", b"<command><status>caf\xe9</status></command>"
    )
    assert "café" in status.text
    status = send(domain, "/rest/user/alice@localhost/status", f"{FORM}; charset=iso-8859-1", b"status=caf%E9&show=xa")
    assert "café" in status.text


@pytest.mark.parametrize("content_type", ["", XML, "text/xml", "application/octet-stream", FORM, TEXT])
def test_a_stanza_of_any_type_is_taken_where_nothing_else_is(domain: TestGateway, content_type: str) -> None:
    assert send(domain, "/rest/stream", content_type, IN_XML).status_code == 200


def test_an_avatar_may_come_as_a_form_unless_the_form_has_spoilt_it(domain: TestGateway) -> None:
    image, path = picture("alice"), "/rest/avatar/alice@localhost"
    assert send(domain, path, FORM, image, "PUT").status_code == 200  # curl -X PUT --data-binary @avatar.png
    spoilt = send(
        domain, path, FORM, image.replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b""), "PUT"
    )  # curl -X PUT -d @avatar.png
    assert (spoilt.status_code, "curl -T" in spoilt.text) == (415, True)
    for files, status in (({"image": image}, 200), ({"a": image, "b": image}, 400), ({"image": b"text"}, 400)):
        answer = domain.put(path, login="alice", files=files)
        assert answer.status_code == status, answer.text
    assert domain.get(path).content == image


@pytest.mark.parametrize(
    ("content_type", "body", "words"),
    [
        (FORM, b"text=hello", 'did you mean "body"?'),
        (JSON, b'{"message": "hello", "to": "bob@localhost"}', 'did you mean "body"?'),
        (JSON, b'{"body": "hello", "recipient": "bob@localhost"}', 'did you mean "to"?'),
        (JSON, b'{"version": "1.0", "title": "Disk", "message": "full", "type": "info"}', "version: is not a key of a message"),  # Apprise
        (FORM, b"see https://example.org/?a=b", "if it is text, add the header Content-Type: text/plain"),
        (FORM, b"load = 5", "if it is text, add the header Content-Type: text/plain"),
    ],
)
def test_what_other_programs_send_is_told_what_it_is_called_here(domain: TestGateway, content_type: str, body: bytes, words: str) -> None:
    refused = domain.post("/rest/message/chat/bob@localhost?type=json", login="alice", content=body, headers={"Content-Type": content_type})
    assert (refused.status_code, words in refused.json()["detail"]) == (400, True), refused.text


@pytest.mark.parametrize("path", ["", "/echo", "/message/chat/bob@localhost"])
def test_keys_in_the_query_are_told_to_be_in_the_body(domain: TestGateway, path: str) -> None:
    refused = domain.post(f"/rest{path}?to=bob@localhost&body=Hi&type=json", login="alice")
    assert (refused.status_code, refused.json()["detail"]) == (400, "body stands in the query: write it into the body")


@pytest.mark.parametrize("path", ["", "/echo"])
def test_a_request_without_a_body_is_told_so(domain: TestGateway, path: str) -> None:
    for headers in ({}, {"Content-Type": "application/json"}, {"Content-Type": "application/xml"}):
        refused = domain.post(f"/rest{path}", login="alice", headers=headers)
        assert refused.status_code == 400
        assert "there is no body: send a stanza in JSON, XML, a form or text" in refused.text
