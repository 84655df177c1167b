"""Confirmations over HTTP: ``?confirm=``, ``Prefer``, and the commands that send."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tigrest.testing import API_KEY, TestGateway, serving

TO_BOB = {"to": "bob@localhost", "body": "Hello", "id": "m1"}
TO_NOBODY = {"to": "nobody@localhost", "body": "Hello", "id": "m1"}
RAW = "<message to='{to}' id='m1'><body>Hello</body></message>"
PLAIN = {"Content-Type": "text/plain"}


@pytest.fixture(scope="module")
def domain() -> Iterator[TestGateway]:
    with serving() as running:
        yield running


def both(to: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the ways to send a message: path of the request, and its body."""
    return [
        ("/rest", {"json": {"to": to, "body": "Hello", "id": "m1"}}),
        (f"/rest/message/chat/{to}", {"json": {"body": "Hello", "id": "m1"}}),
        ("/rest/stream", {"content": RAW.format(to=to), "headers": {"Accept": "application/json"}}),
    ]


@pytest.mark.parametrize(("path", "body"), both("bob@localhost"))
def test_a_message_that_is_confirmed_is_200_with_its_id(domain: TestGateway, path: str, body: dict[str, Any]) -> None:
    sent = domain.post(f"{path}?confirm=server", login="admin", api_key=API_KEY, **body)
    assert (sent.status_code, sent.headers["content-type"], sent.json()) == (200, "application/json", {"id": "m1", "confirmed": "server"})
    assert "preference-applied" not in sent.headers
    sent = domain.post(path, login="admin", api_key=API_KEY, **{**body, "headers": body.get("headers", {}) | {"Prefer": "wait=7"}})
    assert (sent.status_code, sent.json()["confirmed"], sent.headers["preference-applied"]) == (200, "server", "wait=7")


@pytest.mark.parametrize(("path", "body"), both("nobody@localhost"))
def test_a_message_to_nobody_is_404_with_the_condition(domain: TestGateway, path: str, body: dict[str, Any]) -> None:
    assert domain.post(path, login="admin", api_key=API_KEY, **body).status_code == (200 if "stream" in path else 202)
    refused = domain.post(f"{path}?confirm=server", login="admin", api_key=API_KEY, **body)
    assert refused.status_code == 404
    assert "service-unavailable" in refused.text
    assert "there is no account nobody@localhost" in refused.text


def test_the_answer_is_in_the_language_of_the_caller(domain: TestGateway) -> None:
    answer = b"<result><id>m1</id><confirmed>server</confirmed></result>"
    xml = RAW.format(to="bob@localhost")
    sent = domain.post("/rest?confirm=server", login="admin", content=xml, headers={"Content-Type": "application/xmpp+xml"})
    assert (sent.status_code, sent.headers["content-type"].partition(";")[0]) == (200, "application/xml")
    assert answer in sent.content
    sent = domain.post("/rest?confirm=server", login="admin", json=TO_BOB, headers={"Accept": "application/xml"})
    assert answer in sent.content
    sent = domain.post("/rest/message/chat/bob@localhost?confirm=server", login="admin", content="Hello", headers=PLAIN)
    assert sent.json()["confirmed"] == "server"


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [
        ("wait=5", "wait=5"),
        ('Wait = "5"', "wait=5"),
        ("respond-async, wait=10", "wait=10"),
        ("wait=4;x=y, wait=9", "wait=4"),
        ('foo="a,wait=3", , handling=lenient; a="b\\"c", WAIT="7"', "wait=7"),
        ("wait=" + "9" * 5000, "wait=300"),
        ("respond-async", None),
        ("return=minimal; wait=4", None),
        ('wait="1, 2"', None),
        ("wait=-1", None),
        ("wait=1.5", None),
        ("wait", None),
        ("wait=5 6", None),
        ('wait=5, "', None),
        ("wait=5, a=b=c", None),
        ("", None),
    ],
)
def test_a_preference_is_applied_or_ignored(domain: TestGateway, prefer: str, applied: str | None) -> None:
    sent = domain.post("/rest", login="alice", json=TO_BOB, headers={"Prefer": prefer})
    assert (sent.status_code, sent.headers.get("preference-applied")) == (200 if applied else 202, applied)


def test_no_time_to_wait_is_202_with_the_id(domain: TestGateway) -> None:
    sent = domain.post("/rest", login="alice", json=TO_BOB, headers={"Prefer": "wait=0"})
    assert (sent.status_code, sent.json()) == (202, {"id": "m1", "confirmed": None})


def test_a_receipt_that_does_not_come_is_202_with_what_is_known(domain: TestGateway) -> None:
    with domain.recording() as stanzas:
        sent = domain.post("/rest?confirm=receipt", login="alice", json=TO_BOB, headers={"Prefer": "wait=1"})
    assert (sent.status_code, sent.json(), sent.headers["preference-applied"]) == (202, {"id": "m1", "confirmed": "server"}, "wait=1")
    assert [each.xml.find("{urn:xmpp:receipts}request") is not None for each in stanzas] == [True]


@pytest.mark.parametrize(
    ("query", "body"),
    [("banana", TO_BOB), ("", TO_BOB), ("receipt", {"kind": "presence", "to": "bob@localhost"})],
)
def test_a_confirmation_that_there_is_not_is_400(domain: TestGateway, query: str, body: dict[str, Any]) -> None:
    with domain.recording() as stanzas:
        assert domain.post(f"/rest?confirm={query}", login="alice", json=body).status_code == 400
    assert stanzas == []


def test_presence_and_results_of_iqs_are_confirmed(domain: TestGateway) -> None:
    assert domain.post("/rest?confirm=server", login="alice", json={"kind": "presence", "to": "bob@localhost"}).status_code == 200
    result = "<iq type='result' id='r' to='bob@localhost'/>"
    sent = domain.post("/rest/stream?confirm=server", login="admin", api_key=API_KEY, content=result)
    assert (sent.status_code, sent.json()) == (200, {"id": "r", "confirmed": "server"})


def test_commands_confirm_what_they_send(domain: TestGateway) -> None:
    for to, status in (("bob@localhost", 200), ("nobody@localhost", 404), ("a@elsewhere.example", 404)):
        assert domain.post("/api/send_message", login="admin", json={"to": to, "body": "Hello"}).status_code == status
        stanza = {"stanza": RAW.format(to=to)}
        assert domain.post("/api/send_stanza", login="admin", json=stanza).status_code == status
    assert domain.post("/api/send_message", login="admin", json={"to": "bob@localhost", "body": ""}).status_code == 400
