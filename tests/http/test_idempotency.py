"""Requests with an idempotency key: executed once, answered as often as they are repeated."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.types import Message, Receive

from tests.http.conftest import Serve
from tigrest.auth.principal import Principal
from tigrest.errors import HandlerTimeout, NotConnected, StanzaError, StanzaTimeout
from tigrest.http.idempotency import Idempotency, KeyedRequest, fate_of, read_key
from tigrest.http.replies import Reply
from tigrest.state.database import Database
from tigrest.state.gateway_tables import idempotency_keys
from tigrest.state.idempotency import IdempotencyStore
from tigrest.testing import TestGateway
from tigrest.xmpp.jid import JID

SCRIPT = """
import asyncio, threading

class Counting(Handler):
    regex = "/count"
    requiredRole = "user"
    idempotencyKey = True
    runs = 0
    async def exec_post(self, content):
        Counting.runs += 1
        return Result(data={"run": Counting.runs, "got": content}, status=201, headers={"X-Run": str(Counting.runs), "Set-Cookie": "a=b"})
    exec_put = exec_post

class Ignoring(Handler):
    regex = "/ignore"
    runs = 0
    async def exec_post(self):
        Ignoring.runs += 1
        return {"run": Ignoring.runs}

class Raw(Handler):
    regex = "/raw"
    idempotencyKey = True
    decodeContent = False
    maxBody = 3_000_000
    runs = 0
    async def exec_post(self, request):
        Raw.runs += 1
        size = 0
        async for piece in request.stream():
            size += len(piece)
        return {"run": Raw.runs, "size": size}

class Large(Handler):
    regex = "/large"
    idempotencyKey = True
    runs = 0
    def exec_post(self):
        Large.runs += 1
        return Result("text/plain", "x" * 70_000 + str(Large.runs), status=203)

class Streamed(Handler):
    regex = "/streamed"
    idempotencyKey = True
    async def exec_post(self):
        async def pieces():
            yield b"once"
        return StreamingResponse(pieces(), 202)

class Sending(Handler):
    regex = "/send/(loop|thread|sendPacket)"
    idempotencyKey = True
    fails = set()
    async def exec_post(self, service, way):
        if way == "sendPacket":
            service.sendPacket("<message to='bob@localhost'><body>Hi</body></message>")
        else:
            await service.message("bob@localhost", "one")
            await service.send("<message to='bob@localhost'><body>two</body></message>")
        return await self._end(way)
    async def _end(self, way):
        if way not in Sending.fails:
            Sending.fails.add(way)
            raise NotConnected()
        return "sent"

class InThread(Handler):
    regex = "/thread"
    idempotencyKey = True
    runs = 0
    def exec_post(self, service):
        service.message("bob@localhost", "one")
        service.send("<message to='bob@localhost'><body>two</body></message>")
        InThread.runs += 1
        if InThread.runs == 1:
            raise RuntimeError("after sending")
        return "sent"

class Refusing(Handler):
    regex = "/refuse/(before|after|stanza|wait|answer)"
    idempotencyKey = True
    runs = 0
    async def exec_post(self, service, when):
        Refusing.runs += 1
        if when == "after":
            await service.message("bob@localhost", "Hi")
        if when == "stanza":
            raise StanzaError("item-not-found")
        if when == "wait":
            raise StanzaError("recipient-unavailable", "wait")
        if when == "answer":
            return Result("text/plain", str(Refusing.runs), status=409)
        raise HTTPException(403, f"refused {Refusing.runs}")

class Unconfirmed(Handler):
    regex = "/unconfirmed"
    idempotencyKey = True
    async def exec_post(self, service):
        from tigrest.service.outbound import id_seed
        id = await service.message("bob@localhost", "Hi")
        id_seed.get().is_uncertain = True  # as send_confirmed() does when the time is up
        return Result("text/plain", id, status=202)

class Slow(Handler):
    regex = "/slow"
    idempotencyKey = True
    began, go_on = threading.Event(), threading.Event()
    def exec_post(self):
        Slow.began.set()
        assert Slow.go_on.wait(20)
        return "done"
"""


def keyed(gateway: TestGateway, path: str, key: str, method: str = "POST", **options: Any) -> Any:
    headers = {"Idempotency-Key": key, "Accept": "application/json"} | options.pop("headers", {})
    return gateway.request(method, path, headers=headers, **options)


async def never() -> Message:
    raise AssertionError("there is no body")


@pytest.fixture
def gateway(share: Serve) -> TestGateway:
    return share(SCRIPT)


def test_a_repeat_gets_the_same_answer_and_is_not_executed(gateway: TestGateway) -> None:
    first = keyed(gateway, "/rest/count", '"same"', login="alice", json={"a": 1})
    again = keyed(gateway, "/rest/count?api-key=k", "same", login="alice", json={"a": 1})
    assert (first.status_code, first.json()["got"]) == (201, {"a": 1})
    assert (again.status_code, again.content, again.headers["x-run"]) == (201, first.content, first.headers["x-run"])
    assert (again.headers["idempotent-replayed"], again.headers["content-type"]) == ("true", "application/json")
    assert "idempotent-replayed" not in first.headers
    assert "set-cookie" not in again.headers


def test_a_key_is_for_one_caller_method_path_and_content(gateway: TestGateway) -> None:
    def run(path: str = "/rest/count", **options: Any) -> Any:
        return keyed(gateway, path, "mine", **{"login": "alice", "json": [1], **options}).json()["run"]

    runs = [run(), run(login="bob"), run(method="PUT"), run(), run(login="alice@localhost:secret")]
    assert [each - runs[0] for each in runs] == [0, 1, 2, 0, 0]
    others: list[dict[str, Any]] = [
        {"json": [2]},
        {"path": "/rest/count?q=1"},
        {"json": None, "type": "application/xml", "content": b"<a/>"},
        {"json": None, "type": "text/json", "content": b"[1]"},
    ]
    for other in others:
        response = keyed(gateway, other.pop("path", "/rest/count"), "mine", **{"login": "alice", "json": [1], **other})
        assert response.status_code == 422
        assert "came with another request before" in response.text


def test_without_key_or_where_it_does_not_count_each_request_is_executed(gateway: TestGateway) -> None:
    assert [keyed(gateway, "/rest/ignore", "k").json()["run"] for _ in range(2)] == [1, 2]
    first, second = [gateway.post("/rest/count", login="alice", type="application/json").headers["x-run"] for _ in range(2)]
    assert first != second


@pytest.mark.parametrize("key", ["", '""', " ", '"open', 'o"pen', "a b", "ä", '"ä"', "a,b", "k" * 256, '"' + "k" * 256 + '"', '"\t"'])
def test_a_malformed_key_is_refused(gateway: TestGateway, key: str) -> None:
    response = gateway.client.request("POST", "/rest/raw", headers=[("Idempotency-Key", key.encode("latin-1"))], content=b"x")
    assert response.status_code == 400
    assert "Idempotency-Key" in response.text


async def test_the_database_alone_does_not_show_an_answer(database: Database) -> None:
    store = IdempotencyStore(database)
    await store.start()
    scope = {"type": "http", "method": "POST", "path": "/rest/adhoc/x", "query_string": b"", "headers": [(b"idempotency-key", b"k-1")]}
    request = KeyedRequest(scope, never, {}, Principal(JID("alice@localhost")))

    async def run(_receive: Receive) -> Reply:
        return Reply(200, b"application/json", b'{"secret": "tgh_abc"}')

    first, again = [await Idempotency(store).answer(request, run, lambda _error: Reply(500, b"", b"")) for _ in range(2)]
    async with database.begin() as connection:
        [stored] = (await connection.execute(sa.select(idempotency_keys))).mappings()
    await store.stop()
    assert (first.body, again.body) == (b'{"secret": "tgh_abc"}', b'{"secret": "tgh_abc"}')
    assert b"tgh" not in stored["body"]


def test_two_keys_are_refused(gateway: TestGateway) -> None:
    assert gateway.client.request("POST", "/rest/raw", headers=[("Idempotency-Key", "a"), ("Idempotency-Key", "b")]).status_code == 400


@pytest.mark.parametrize(
    ("value", "key"),
    [('"a b"', "a b"), ("8e03978e-40d5", "8e03978e-40d5"), (r'"a\"b\\"', 'a"b\\'), ('"a"; version=2', "a"), ("k" * 255, "k" * 255), (" order/17:x== ", "order/17:x==")],
)  # fmt: skip
def test_keys_are_strings_of_structured_fields_or_bare(value: str, key: str) -> None:
    assert read_key([(b"host", b"x"), (b"idempotency-key", value.encode())]) == key


def test_a_body_is_streamed_and_compared_by_its_beginning_and_length(gateway: TestGateway) -> None:
    body = b"x" * 2_500_000
    first = keyed(gateway, "/rest/raw", "big", content=body)
    assert first.json()["size"] == len(body)
    assert keyed(gateway, "/rest/raw", "big", content=body).json() == first.json()
    assert keyed(gateway, "/rest/raw", "big", content=body[:-1]).status_code == 422
    assert keyed(gateway, "/rest/raw", "big", content=b"y" + body[1:]).status_code == 422
    assert keyed(gateway, "/rest/raw", "chunked", content=iter([b"a" * 600_000, b"b" * 600_000])).json()["size"] == 1_200_000
    assert keyed(gateway, "/rest/raw", "too-big", content=b"x" * 3_000_001).status_code == 413
    assert keyed(gateway, "/rest/raw", "too-big", content=iter([b"x" * 3_000_001])).status_code == 413


def test_a_form_with_files_may_have_another_boundary(gateway: TestGateway) -> None:
    def form(boundary: str, text: str = "Hi") -> Any:
        body = f'--{boundary}\r\nContent-Disposition: form-data; name="body"\r\n\r\n{text}\r\n--{boundary}--\r\n'
        return keyed(gateway, "/rest/raw", "form", type=f"multipart/form-data; boundary={boundary}", content=body)

    assert form("abc").json()["run"] == form("xyz-longer").json()["run"]
    assert form("abc", "Bye").status_code == 422


def test_of_a_long_or_streamed_answer_status_and_headers_are_repeated(gateway: TestGateway) -> None:
    first, again = [keyed(gateway, "/rest/large", "k") for _ in range(2)]
    assert (first.status_code, len(first.content)) == (203, 70_001)
    assert (again.status_code, again.content, again.headers["idempotent-replayed"]) == (203, b"", "true")
    assert "content-type" not in again.headers
    first, again = [keyed(gateway, "/rest/streamed", "k") for _ in range(2)]
    assert (first.status_code, first.content, again.status_code, again.content) == (202, b"once", 202, b"")


@pytest.mark.parametrize("path", ["/rest/send/loop", "/rest/thread"])
def test_what_may_have_been_sent_is_sent_again_with_the_same_ids(gateway: TestGateway, path: str) -> None:
    with gateway.recording() as sent:
        first, second, third = [keyed(gateway, path, "k") for _ in range(3)]
    assert first.status_code >= 500
    assert (second.status_code, "idempotent-replayed" in second.headers, third.headers["idempotent-replayed"]) == (200, False, "true")
    ids = [stanza.id for stanza in sent]
    assert len(ids) == 4
    assert ids[:2] == ids[2:]
    assert [each[22:] for each in ids[:2]] == ["-1", "-2"]
    with gateway.recording() as others:
        keyed(gateway, path, "another")
    assert not {stanza.id for stanza in others} & set(ids)


def test_what_was_not_confirmed_in_time_is_sent_again_with_the_same_id(gateway: TestGateway) -> None:
    first, again = [keyed(gateway, "/rest/unconfirmed", "k") for _ in range(2)]
    assert (first.status_code, again.status_code, again.text, "idempotent-replayed" in again.headers) == (202, 202, first.text, False)


def test_tigases_way_to_send_has_the_same_ids_too(gateway: TestGateway) -> None:
    with gateway.recording() as sent:
        for _ in range(2):
            keyed(gateway, "/rest/send/sendPacket", "k")
        gateway.client.portal.call(gateway.gateway.settle)
    assert len({stanza.id for stanza in sent}) == 1
    assert sent[0].id.endswith("-1")


def test_a_refusal_before_anything_was_sent_is_not_kept(gateway: TestGateway) -> None:
    def run(when: str, **options: Any) -> Any:
        return keyed(gateway, f"/rest/refuse/{when}", "k", **options)

    assert [run("before").json()["detail"] == run("before").json()["detail"], run("before", json=[1]).status_code] == [False, 403]
    assert run("answer").text != run("answer").text
    first, again = run("after"), run("after")
    assert (first.status_code, first.json(), again.headers["idempotent-replayed"]) == (403, again.json(), "true")


def test_the_error_of_another_entity_is_kept_unless_it_asks_to_wait(gateway: TestGateway) -> None:
    first, again = [keyed(gateway, "/rest/refuse/stanza", "k") for _ in range(2)]
    assert (first.status_code, again.json()["condition"], again.headers["idempotent-replayed"]) == (404, "item-not-found", "true")
    assert again.headers["content-type"] == "application/problem+json"
    assert ["idempotent-replayed" in keyed(gateway, "/rest/refuse/wait", "k").headers for _ in range(2)] == [False, False]


@pytest.mark.parametrize(
    ("error", "status", "has_sent", "fate"),
    [
        (None, 202, False, "final"),
        (StanzaError("internal-server-error"), 500, False, "final"),
        (StanzaError("remote-server-timeout", "wait"), 504, True, "open"),
        (StanzaTimeout("late"), 504, False, "open"),
        (HandlerTimeout("late"), 504, False, "open"),
        (NotConnected(), 503, False, "forgotten"),
        (NotConnected(), 503, True, "open"),
        (RuntimeError(), 500, True, "open"),
        (None, 429, True, "open"),
        (None, 404, True, "final"),
        (None, 404, False, "forgotten"),
    ],
)
def test_what_becomes_of_a_key(error: Exception | None, status: int, has_sent: bool, fate: str) -> None:
    assert fate_of(error, status, has_sent=has_sent) == fate


def test_of_two_at_once_the_second_is_told_to_wait(gateway: TestGateway) -> None:
    slow = gateway.gateway.table.match("POST", "/rest/slow")
    assert slow is not None
    assert slow.route is not None
    handler: Any = type(slow.route.handler)
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(keyed(gateway, "/rest/slow", "k")))
    thread.start()
    assert handler.began.wait(20)
    second, other = keyed(gateway, "/rest/slow", "k"), keyed(gateway, "/rest/slow", "k", json=[1])
    handler.go_on.set()
    thread.join()
    assert (second.status_code, second.headers["retry-after"], other.status_code) == (409, "1", 422)
    assert [keyed(gateway, "/rest/slow", "k").text, answers[0].text] == ["done", "done"]


def test_strangers_are_told_apart_by_what_they_may_have_logged_in_with(gateway: TestGateway) -> None:
    def run(**headers: str) -> int:
        return int(keyed(gateway, "/rest/raw", "stranger", headers=headers).json()["run"])

    first = run()
    assert [run(**headers) - first for headers in ({}, {"X-Gotify-Key": "a"}, {"X-Gotify-Key": "b"}, {"X-Gotify-Key": "a"})] == [0, 1, 2, 1]


def test_the_metrics_count_what_became_of_requests_with_keys(serve: Serve) -> None:
    gateway = serve(SCRIPT)
    for key, content in (("a", b"1"), ("a", b"1"), ("a", b"2"), ("b", b"1")):
        keyed(gateway, "/rest/raw", key, content=content)
    lines = gateway.get("/metrics").text.splitlines()
    for line in (
        'tigrest_idempotent_requests_total{outcome="new"} 2.0',
        'tigrest_idempotent_requests_total{outcome="replayed"} 1.0',
        'tigrest_idempotent_requests_total{outcome="mismatch"} 1.0',
        'tigrest_idempotent_requests_total{outcome="conflict"} 0.0',
        "tigrest_idempotency_keys 2.0",
    ):
        assert line in lines


def test_a_page_of_another_origin_may_send_a_key_and_see_that_an_answer_is_a_repeat(share: Serve) -> None:
    gateway = share(SCRIPT, http={"cors_origins": ["https://app.example.com"]})
    asks = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "POST"}
    preflight = gateway.request("OPTIONS", "/rest/raw", headers=asks | {"Access-Control-Request-Headers": "idempotency-key"})
    assert preflight.status_code == 200
    answer = keyed(gateway, "/rest/raw", "k", headers={"Origin": "https://app.example.com"})
    assert "Idempotent-Replayed" in answer.headers["access-control-expose-headers"]
