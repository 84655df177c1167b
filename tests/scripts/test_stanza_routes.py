"""The routes of mod_rest: POST /rest and the ways to say the same in the path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tigrest.testing import TestGateway, serving

PING = {"kind": "iq", "ping": True, "to": "localhost"}
JSON, XML, FORM = "application/json", "application/xmpp+xml", "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def domain() -> Iterator[TestGateway]:
    with serving() as running:
        yield running


def test_an_iq_is_answered_with_its_reply_in_the_form_of_the_request(domain: TestGateway) -> None:
    reply = domain.post("/rest", login="alice", json=PING | {"id": "mine"})
    assert reply.status_code == 200
    assert reply.headers["content-type"] == JSON
    assert reply.json() == {"kind": "iq", "type": "result", "id": "mine", "from": "localhost", "to": "alice@localhost"}
    body = "<iq type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"
    reply = domain.post("/rest", login="alice", content=body, headers={"Content-Type": XML})
    assert reply.headers["content-type"] == XML
    assert ET.fromstring(reply.content).get("type") == "result"
    assert b"xmlns" not in reply.content


@pytest.mark.parametrize("path", ["/rest", "/rest/"])
def test_a_message_is_202_and_goes_to_the_caller_when_it_says_nothing_else(domain: TestGateway, path: str) -> None:
    sent = domain.post(path, login="bob", json={"body": "to myself"})
    assert (sent.status_code, sent.content) == (202, b"")
    assert "content-type" not in sent.headers
    assert domain.post("/rest/message/chat/", login="bob", json={"body": "x"}).status_code == 202


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", JSON),
        ("application/xmpp+xml;q=0.1, application/json;q=0.9", JSON),
        ("application/xmpp+xml", XML),
        ("application/json;q=0.1, application/xmpp+xml", XML),
        ("text/html", JSON),
        ("application/x-www-form-urlencoded", "application/x-www-form-urlencoded"),
    ],
)
def test_accept_is_heeded_with_its_qualities(domain: TestGateway, accept: str, content_type: str) -> None:
    reply = domain.post("/rest", login="alice", json=PING, headers={"Accept": accept} if accept else {})
    assert (reply.status_code, reply.headers["content-type"]) == (200, content_type)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/rest", {"version": {}, "to": "localhost"}),
        ("POST", "/rest/iq/get/localhost", {"version": {}}),
        ("POST", "/rest/iq/get/localhost", {"version": True, "to": "elsewhere.org", "kind": "message"}),
        ("POST", "/rest/iq/version/localhost", {}),
        ("GET", "/rest/version/localhost", None),
        ("GET", "/rest/version/%6Cocalhost", None),
    ],
)
def test_all_ways_to_ask_for_the_version_say_the_same(domain: TestGateway, method: str, path: str, body: object) -> None:
    given: dict[str, Any] = {"json": body} if body is not None else {}
    reply = domain.request(method, path, login="alice", headers={"Accept": JSON}, **given)
    assert reply.status_code == 200, reply.text
    assert reply.json()["version"]["name"] == "tigrest"


def test_query_parameters_are_members_of_the_query(domain: TestGateway) -> None:
    node = "http://jabber.org/protocol/commands"
    reply = domain.get(f"/rest/items/localhost?node={node}", login="admin", headers={"Accept": JSON})
    assert "http://jabber.org/protocol/admin#add-user" in {item["node"] for item in reply.json()["items"]}
    assert "<query" in domain.get("/rest/disco/localhost", login="alice").text


@pytest.mark.parametrize(
    ("type", "media"),
    [
        ("json", JSON),
        ("JSON", JSON),
        ("application/json", JSON),
        ("xml", "application/xml"),
        ("text/xml", "text/xml"),
        ("application/xmpp%2Bxml", XML),
        ("html", XML),
        ("text/html", XML),
        ("image/png", XML),
        ("", XML),
    ],
)
def test_the_parameter_type_is_the_form_of_the_answer(domain: TestGateway, type: str, media: str) -> None:
    for path in ("/rest/version/localhost", "/rest/ping/localhost", "/rest/items/localhost", "/rest/disco/localhost"):
        reply = domain.get(f"{path}?type={type}", login="alice", headers={"Accept": "*/*"})
        assert (reply.status_code, reply.headers["content-type"]) == (200, media), reply.text
    reply = domain.post(f"/rest?type={type}", login="alice", content=b"to=localhost&ping=", headers={"Content-Type": FORM, "Accept": XML})
    assert reply.headers["content-type"] == media


def test_a_parameter_type_that_is_no_form_of_answers_and_a_key_are_told_apart(domain: TestGateway) -> None:
    refused = domain.get("/rest/version/localhost?type=turn", login="alice", headers={"Accept": JSON})
    assert (refused.status_code, "version.type: is not a key here" in refused.text) == (400, True)
    assert domain.get("/rest/extdisco/localhost?type=turn&api-key=x", login="alice").status_code == 200
    problem = domain.get("/rest/version/@?type=json", login="alice", headers={"Accept": "text/xml"})
    assert problem.headers["content-type"] == "application/problem+json"


def test_an_empty_list_of_items_is_a_list(domain: TestGateway) -> None:
    assert domain.get("/rest/items/alice@localhost?type=json", login="alice").json()["items"] == []
    assert "<query" in domain.get("/rest/items/alice@localhost?type=xml", login="alice").text
    assert domain.post("/rest/echo", login="admin", json={"kind": "iq", "items": True, "to": "localhost"}).json()["items"] is True


def test_plain_text_and_forms_are_messages(domain: TestGateway) -> None:
    text = {"Content-Type": "text/plain", "Accept": JSON}
    assert domain.post("/rest/echo", login="alice", content="hi", headers=text).json()["body"] == "hi"
    form = {"Content-Type": "application/x-www-form-urlencoded", "Accept": JSON}
    echoed = domain.post("/rest/echo", login="alice", content="body=hello+you&to=bob@localhost&type=chat", headers=form).json()
    assert (echoed["body"], echoed["to"], echoed["type"]) == ("hello you", "bob@localhost", "chat")
    assert domain.post("/rest/message/chat/bob@localhost", login="alice", content="hi", headers=text).status_code == 202


def test_a_command_runs(domain: TestGateway) -> None:
    command = {"node": "http://jabber.org/protocol/admin#get-registered-users-num"}
    reply = domain.post("/rest", login="admin", json={"command": command, "to": "localhost"}).json()
    assert reply["type"] in ("result", "error")
    assert (
        domain.post("/rest", login="alice", json={"command": {"node": "x"}, "to": "localhost"}).json()["error"]["condition"] == "forbidden"
    )


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"bdy": "x"}, 400, 'did you mean "body"?'),
        ({}, 400, "object"),
        ([], 400, "object"),
        ({"body": "x", "to": "@"}, 400, "not an XMPP address"),
        ({"body": "x\u0000"}, 400, ""),
        ({"kind": "foo"}, 422, "foo"),
        ({"kind": "iq", "type": "get", "to": "localhost"}, 422, "exactly one payload"),
        ({"kind": "iq", "type": "result", "to": "localhost"}, 422, "get or set"),
        ({"kind": "iq", "ping": True, "version": {}, "to": "localhost"}, 422, "exactly one payload"),
    ],
)
def test_what_does_not_fit_is_named(domain: TestGateway, body: object, status: int, words: str) -> None:
    refused = domain.post("/rest", login="alice", json=body)
    assert refused.status_code == status, refused.text
    assert words in refused.json()["detail"]


@pytest.mark.parametrize(
    ("path", "content_type", "body", "status"),
    [
        ("/rest", "text/csv", "x", 415),
        ("/rest", "", "x", 415),
        ("/rest", JSON, "{", 400),
        ("/rest", XML, "<message>", 400),
        ("/rest", XML, "<foo/>", 422),
        ("/rest", XML, "<!DOCTYPE x><message/>", 400),
        ("/rest", XML, "<message to='@'/>", 422),
        ("/rest/iq/get/localhost", "text/plain", "x", 400),
        ("/rest/iq/versoin/localhost", JSON, "{}", 422),
        ("/rest/message/weird/localhost", JSON, '{"body": "x"}', 422),
        ("/rest/foo", JSON, "{}", 404),
    ],
)
def test_bodies_that_cannot_be_read(domain: TestGateway, path: str, content_type: str, body: str, status: int) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    assert domain.post(path, login="alice", content=body, headers=headers).status_code == status


def test_error_stanzas_are_200_unless_asked_for_as_statuses(domain: TestGateway) -> None:
    body = {"ping": True, "to": "elsewhere.org"}
    assert domain.post("/rest", login="alice", json=body).json()["error"]["condition"] == "remote-server-not-found"
    refused = domain.post("/rest?errors=http", login="alice", json=body)
    assert (refused.status_code, refused.json()["condition"]) == (404, "remote-server-not-found")
    assert domain.get("/rest/ping/elsewhere.org?errors=http", login="alice").status_code == 404


def test_who_may_send_as_whom(domain: TestGateway) -> None:
    def sender(login: str, **stanza: str) -> object:
        answer = domain.post("/rest/echo", login=login, json={"body": "x"} | stanza)
        return answer.json()["from"] if answer.is_success else answer.status_code

    assert sender("alice") == "alice@localhost"  # the embedded domain lets users be themselves
    assert sender("alice", **{"from": "alice@localhost/Phone"}) == "alice@localhost/Phone"
    assert sender("alice", **{"from": "alice@http.localhost"}) == "alice@http.localhost"
    assert sender("alice", **{"from": "bob@localhost"}) == 403
    assert sender("alice", **{"from": "http.localhost"}) == 403
    assert sender("admin") == "http.localhost"
    assert sender("admin", **{"from": "bob@localhost/x"}) == "bob@localhost/x"
    assert sender("admin", **{"from": "bob@elsewhere.org"}) == 403


def test_where_users_may_not_be_themselves_they_have_an_address_at_the_gateway() -> None:
    accounts = [{"jid": "robot@elsewhere.org", "password": "tin"}]
    with serving(xmpp={"send_as": "gateway"}, auth={"accounts": accounts}) as gateway:
        assert gateway.post("/rest/echo", login="alice", json={"body": "x"}).json()["from"] == "alice@http.localhost"
        echoed = gateway.post("/rest/echo", login="robot@elsewhere.org:tin", json={"body": "x"}).json()
        assert echoed["from"] == "robot\\40elsewhere.org@http.localhost"
        assert gateway.post("/rest/echo", login="alice", json={"body": "x", "from": "alice@localhost"}).status_code == 403
        reply = gateway.post("/rest", login="alice", json=PING).json()
        assert (reply["type"], reply["to"]) == ("result", "alice@http.localhost")


def test_nobody_gets_in_without_a_login(domain: TestGateway) -> None:
    assert domain.post("/rest", json=PING).status_code == 401
    assert domain.get("/rest/ping/localhost").status_code == 401
    assert domain.post("/rest", login="alice:wrong", json=PING).status_code == 401


def test_the_list_of_handlers_is_still_where_it_was(domain: TestGateway) -> None:
    assert domain.get("/rest/").status_code == 200
    assert domain.get("/rest").status_code == 200
    assert domain.request("OPTIONS", "/rest").headers["allow"] == "GET, POST, HEAD, OPTIONS"  # of the list, and of the handler


@pytest.mark.parametrize(("given", "status"), [("0", 504), ("nan", 200), ("soon", 200), ("5", 200), ("1e9", 200), ("-1", 504)])
def test_the_caller_may_say_how_long_to_wait(domain: TestGateway, given: str, status: int) -> None:
    reply = domain.post("/rest", login="alice", json=PING, headers={"Prosody-Rest-Timeout": given})
    assert reply.status_code in (200, status)  # nothing is so quick that it may not come in time


@pytest.mark.parametrize("path", ["/rest/block/bob@localhost?jid=spam@example.org", "/rest/command/localhost?node=x"])
def test_a_get_changes_nothing(domain: TestGateway, path: str) -> None:
    for method in ("GET", "HEAD"):
        refused = domain.request(method, path, login="alice")
        assert (refused.status_code, refused.headers["allow"]) == (404, "POST, OPTIONS")
    assert "there is POST" in domain.get(path, login="alice", headers={"Accept": JSON}).json()["detail"]
    assert domain.request("OPTIONS", path).headers["allow"] == "POST, OPTIONS"


@pytest.mark.parametrize("path", ["/rest/command/localhost", "/rest/iq/command/localhost"])
def test_what_changes_something_is_posted(domain: TestGateway, path: str) -> None:
    command = {"node": "http://jabber.org/protocol/admin#add-user"}
    assert domain.post(path, login="admin", json=command).json()["command"]["node"] == command["node"]
    assert domain.post(path, login="alice", json=command).json()["error"]["condition"] == "forbidden"


def test_an_archive_may_be_read_by_get(domain: TestGateway) -> None:
    """A set by protocol that only reads; the embedded domain has no archive."""
    reply = domain.get("/rest/archive/alice@localhost?max=1", login="alice", headers={"Accept": JSON})
    assert (reply.status_code, reply.json()["detail"]) == (501, "alice@localhost has no archive (XEP-0313)")
    assert domain.get("/rest/archive/nobody@localhost", login="alice").status_code == 403
    assert domain.get("/rest/archive/alice@localhost?max=many", login="alice").status_code == 400
    reply = domain.post("/rest/iq/archive/alice@localhost", login="alice", json={"max": 1})
    assert (reply.status_code, reply.json()["error"]["condition"]) == (200, "service-unavailable")
