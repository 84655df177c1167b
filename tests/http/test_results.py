"""What handlers give, and what becomes of it on the wire."""

import logging
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.http.conftest import Serve
from tigrest.observability.context import request_id

RESULTS = '''
import threading, time, asyncio, enum

class Sync(Handler):
    """Each way to give a result."""
    regex = r"/give/(.+)"
    def exec_get(self, service, callback, what):
        png = b"\\x89PNG\\r\\n\\x1a\\n" + bytes(8)
        if what == "returned": return {"a": [1, None, True]}
        if what == "called": callback({"a": [1, None, True]})
        if what == "list": return ["x", {"y": 1}]
        if what == "text": return "héllo"
        if what == "empty": return ""
        if what == "bytes": return b"\\x00\\x01"
        if what == "image": return png
        if what == "result": return Result("image/x", b"abc", 201, {"X-Mine": "1"})
        if what == "starlette":
            from starlette.responses import PlainTextResponse
            return PlainTextResponse("mine", 418)
        if what == "http": raise HTTPException(409, "taken", {"X-Why": "so"})
        if what == "broken": raise KeyError("secret detail")
        if what == "odd": return object()
        if what == "header": return Result("text/plain", "x", 200, {"X": "a\\r\\nb: c"})
        if what == "twice":
            callback("first")
            callback("second")
        if what == "both":
            callback("called")
            return "returned"
        if what == "thread": return threading.current_thread() is threading.main_thread()

class Waits(Handler):
    regex = r"/later/(.+)"
    isAsync = True
    def exec_get(self, service, callback, what):
        if what == "thread": threading.Timer(0.02, callback, [{"late": True}]).start()
        if what == "reply": service.sendPacket('<iq type="get" to="localhost"><ping xmlns="urn:xmpp:ping"/></iq>', 5, lambda reply: callback(reply))
        if what == "none": threading.Timer(0.02, callback, [None]).start()
        if what == "bad": service.sendPacket('<iq type="get" to="localhost"><ping xmlns="urn:xmpp:ping"/></iq>', 5, lambda reply: 1 / 0)
        if what == "sleep": time.sleep(1)

class Late(Waits):
    regex = r"/late/(.+)"
    timeout = 0.2

class Coroutine(Handler):
    regex = r"/loop/(.+)"
    async def exec_get(self, service, what, callback):
        if what == "reply": return (await service.request('<iq type="get" to="localhost"><ping xmlns="urn:xmpp:ping"/></iq>')).type
        if what == "sleep": await asyncio.sleep(5)
        if what == "own": raise TimeoutError
        if what == "called": callback("x")

class TooLong(Coroutine):
    regex = r"/long/(.+)"
    timeout = 0.2

class Blocking(Handler):
    regex = r"/blocking"
    def exec_get(self, service):
        return service.request('<iq type="get" to="localhost"><ping xmlns="urn:xmpp:ping"/></iq>').type
'''


@pytest.mark.parametrize(
    ("path", "status", "content_type", "body"),
    [
        ("/give/returned", 200, "application/xml", b"<a><item>1</item><item/><item>true</item></a>"),
        ("/give/called", 200, "application/xml", b"<a><item>1</item><item/><item>true</item></a>"),
        ("/give/list", 200, "application/xml", b"<result><item>x</item><item><y>1</y></item></result>"),
        ("/give/text", 200, "text/plain; charset=utf-8", "héllo".encode()),
        ("/give/empty", 200, "text/plain; charset=utf-8", b""),
        ("/give/bytes", 200, "application/octet-stream", b"\x00\x01"),
        ("/give/image", 200, "image/png", b"\x89PNG\r\n\x1a\n" + bytes(8)),
        ("/give/result", 201, "image/x", b"abc"),
        ("/give/starlette", 418, "text/plain; charset=utf-8", b"mine"),
        ("/give/twice", 200, "text/plain; charset=utf-8", b"first"),
        ("/give/both", 200, "text/plain; charset=utf-8", b"returned"),
        ("/later/thread", 200, "application/xml", b"<late>true</late>"),
        ("/loop/reply", 200, "text/plain; charset=utf-8", b"result"),
        ("/loop/called", 200, "text/plain; charset=utf-8", b"x"),
        ("/blocking", 200, "text/plain; charset=utf-8", b"result"),
    ],
)
def test_results(share: Serve, path: str, status: int, content_type: str, body: bytes) -> None:
    response = share(RESULTS).get("/rest" + path)
    assert (response.status_code, response.headers["content-type"], response.content) == (status, content_type, body)


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/give/nothing", 404, "there is nothing here"),
        ("/give/http", 409, "taken"),
        ("/give/broken", 500, "its log has it under"),
        ("/give/odd", 500, "its log has it under"),
        ("/give/header", 500, "its log has it under"),
        ("/late/nothing", 504, "/rest/late/{what} gave no result within 0.2 s"),
        ("/later/none", 404, "there is nothing here"),
        ("/later/bad", 500, "its log has it under"),
        ("/late/sleep", 504, "/rest/late/{what} gave no result within 0.2 s"),
        ("/long/sleep", 504, "/rest/long/{what} gave no result within 0.2 s"),
        ("/loop/own", 500, "its log has it under"),
    ],
)
def test_errors_are_problems(share: Serve, path: str, status: int, detail: str) -> None:
    response = share(RESULTS).get("/rest" + path, type="application/json")
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    problem = response.json()
    assert problem["status"] == status
    assert detail in problem["detail"]
    assert problem["request_id"]
    assert "secret detail" not in response.text


def test_the_headers_of_an_exception_are_sent(share: Serve) -> None:
    assert share(RESULTS).get("/rest/give/http").headers["x-why"] == "so"


def test_a_traceback_is_in_the_log_under_the_request_id(share: Serve, caplog: pytest.LogCaptureFixture) -> None:
    problem = share(RESULTS).get("/rest/give/broken?type=json").json()
    [record] = [record for record in caplog.records if record.exc_info]
    assert "secret detail" in caplog.text
    assert re.fullmatch(r"GET /rest/give/broken failed in \S+/script.py:\d+: Sync\.exec_get", record.getMessage())
    assert problem["title"] == "Internal Server Error"


def test_a_second_callback_is_logged(share: Serve, caplog: pytest.LogCaptureFixture) -> None:
    share(RESULTS).get("/rest/give/twice")
    assert "callback was called again" in caplog.text


LATE = """
import threading

class Forgot(Handler):
    regex = "/forgot"
    def exec_get(self, callback): threading.Timer(0.02, callback, ["x"]).start()

class Slow(Handler):
    regex = "/slow"
    isAsync = True
    timeout = 0.05
    def exec_get(self, callback): threading.Timer(0.3, callback, ["x"]).start()

class Coroutine(Handler):
    regex = "/coroutine"
    isAsync = True
    timeout = 5
    def exec_get(self, service, callback):
        async def reply(stanza): callback("x")
        service.sendPacket({"to": "localhost", "ping": True}, 5, reply)
"""


@pytest.mark.parametrize(
    ("path", "status", "problem"),
    [
        (
            "/forgot",
            404,
            "callback was called after the method had ended: with isAsync = True the request waits for it; its result is dropped",
        ),
        ("/slow", 504, "callback was called after 0.05 s, when the request had been answered with 504; its result is dropped"),
    ],
)
def test_a_result_that_comes_too_late_is_logged_with_request_and_script(
    serve: Serve, caplog: pytest.LogCaptureFixture, path: str, status: int, problem: str
) -> None:
    requests: list[str] = []

    def note(record: logging.LogRecord) -> bool:
        requests.append(request_id())
        return True

    logging.getLogger("tigrest.scripting.callback").addFilter(note)
    try:
        response = serve(LATE).get(f"/rest{path}?type=json")
        assert response.status_code == status
        wait_until(lambda: problem in caplog.text)
    finally:
        logging.getLogger("tigrest.scripting.callback").removeFilter(note)
    [record] = [record for record in caplog.records if record.name == "tigrest.scripting.callback"]
    assert re.fullmatch(rf"\S+/script\.py:\d+: \w+\.exec_get: {re.escape(problem)}", record.getMessage())
    assert requests == [response.json()["request_id"]]


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_method_that_takes_too_long_is_logged(share: Serve, caplog: pytest.LogCaptureFixture) -> None:
    assert share(RESULTS).get("/rest/long/sleep").status_code == 504
    [record] = [record for record in caplog.records if record.levelname == "WARNING"]
    pattern = r"GET /rest/long/sleep failed in \S+/script\.py:\d+: Coroutine\.exec_get: /rest/long/\{what\} gave no result within 0\.2 s"
    assert re.fullmatch(pattern, record.getMessage())


def test_a_callback_of_sendpacket_that_is_a_coroutine_function_is_told(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    assert serve(LATE).get("/rest/coroutine").status_code == 500
    assert "the callback is a coroutine function, which nobody awaits" in caplog.text
    assert re.search(r"script\.py:\d+: Coroutine\.exec_get\.<locals>\.reply, the callback given to sendPacket, failed", caplog.text)


def test_a_reply_stanza_is_an_answer(share: Serve) -> None:
    response = share(RESULTS).get("/rest/later/reply")
    assert response.headers["content-type"] == "application/xml"
    assert b'type="result"' in response.content


def test_def_methods_run_in_threads_and_do_not_wait_for_each_other(serve: Serve) -> None:
    gateway = serve(
        """
        import threading
        class Meet(Handler):
            regex = "/meet"
            barrier = threading.Barrier(20)
            def exec_get(self):
                self.barrier.wait(5)
                return {"met": True}
        """
    )
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(gateway.get("/rest/meet").status_code)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 20


def test_head_is_get_without_the_body_and_options_tells_what_there_is(share: Serve) -> None:
    gateway = share(RESULTS)
    head = gateway.request("HEAD", "/rest/give/text")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "6", b"")
    options = gateway.request("OPTIONS", "/rest/give/text")
    assert (options.status_code, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    missing = gateway.delete("/rest/give/text")
    assert (missing.status_code, missing.headers["allow"]) == (404, "GET, HEAD, OPTIONS")


def test_a_template_makes_a_page_for_those_who_want_one(serve: Serve, tmp_path: Path) -> None:
    gateway = serve(
        """
        class Page(Handler):
            regex = "/page"
            def exec_get(self): return {"word": "<b>"}
            def exec_post(self): return {"word": "posted"}
        """,
        {"scriptGet.html": "{% include 'header.html' %}<p>{{ result.word }}</p>", "header.html": "<h1>hi</h1>"},
    )
    page = gateway.get("/rest/page", headers={"Accept": "text/html,application/xml;q=0.9"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.text == "<h1>hi</h1><p>&lt;b&gt;</p>"
    assert gateway.get("/rest/page?type=text/html").text == page.text
    assert gateway.get("/rest/page?type=application/json", headers={"Accept": "text/html"}).json() == {"word": "<b>"}
    assert gateway.get("/rest/page").text == "<word>&lt;b&gt;</word>"
    assert gateway.post("/rest/page", headers={"Accept": "text/html"}).text == "<word>posted</word>"


def test_startup_and_shutdown_are_awaited(serve: Serve, tmp_path: Path) -> None:
    gateway = serve(
        f"""
        from pathlib import Path
        class Life(Handler):
            regex = "/life"
            async def startup(self, service):
                self.jid = (await service.request('<iq type="get" to="localhost"><ping xmlns="urn:xmpp:ping"/></iq>')).to
            async def shutdown(self):
                Path({str(tmp_path / "down")!r}).write_text("done")
            def exec_get(self): return self.jid
        """
    )
    assert gateway.get("/rest/life").text == "http.localhost"
    (tmp_path / "script.py").unlink()
    gateway.reload()
    assert gateway.get("/rest/life").status_code == 404
    gateway.client.portal.call(gateway.gateway.stop)
    assert (tmp_path / "down").read_text() == "done"


VALUES = """
import datetime, enum
from dataclasses import dataclass
from decimal import Decimal
from pydantic import BaseModel

@dataclass
class Point:
    x: int
    when: datetime.date

class Order(BaseModel):
    price: Decimal

class Gives(Handler):
    regex = r"/gives/(.+)"
    async def exec_get(self, service, what):
        point = Point(1, datetime.date(2026, 11, 26))
        if what == "created": return Result(data={"id": 7}, status=201, headers={"Location": "/rest/gives/7"})
        if what == "nothing": return Result(status=202)
        if what == "text": return Result(data="héllo", status=418)
        if what == "image": return Result(data=b"\\x89PNG\\r\\n\\x1a\\n" + bytes(8), headers={"X-Mine": "1"})
        if what == "own": return Result("application/problem+json", {"when": point.when}, 409)
        if what == "own-xml": return Result("application/atom+xml", {"feed": None})
        if what == "policy": return Result(data={"a": 1}, headers={"Content-Security-Policy": "default-src 'self'"})
        if what == "dataclass": return point
        if what == "model": return Order(price=Decimal("1.10"))
        if what == "set": return {"b", "a"}
        if what == "forgotten": return service.request("<iq/>")
        if what == "within": return {"items": [1, {"reply": service.request("<iq/>")}]}
        if what == "generator": return {"all": (n for n in range(3))}
        if what == "number": return 5
        if what == "data": return Result(data={"raw": b"1"})
        if what == "unfit": return Result("text/csv", {"a": 1})
        if what == "header": return Result(data={"a": 1}, headers={"X": "a\\r\\nb: c"})
"""


@pytest.mark.parametrize(
    ("what", "status", "content_type", "body"),
    [
        ("created", 201, "application/json", b'{"id":7}'),
        ("nothing", 202, None, b""),
        ("text", 418, "text/plain; charset=utf-8", "héllo".encode()),
        ("image", 200, "image/png", b"\x89PNG\r\n\x1a\n" + bytes(8)),
        ("own", 409, "application/problem+json", b'{"when":"2026-11-26"}'),
        ("own-xml", 200, "application/atom+xml", b"<feed/>"),
        ("dataclass", 200, "application/json", b'{"x":1,"when":"2026-11-26"}'),
        ("model", 200, "application/json", b'{"price":"1.10"}'),
        ("set", 200, "application/json", b'["a","b"]'),
    ],
)
def test_values_with_a_status_of_their_own(share: Serve, what: str, status: int, content_type: str | None, body: bytes) -> None:
    response = share(VALUES).get(f"/rest/gives/{what}?type=json")
    assert (response.status_code, response.headers.get("content-type"), response.content) == (status, content_type, body)


ROOTED = """
class Rooted(Handler):
    regex = "/rooted/([12])"
    def exec_get(self, count):
        data = {"id": 7} if count == "1" else {"id": 7, "name": "x"}
        return Result(data=data, status=201, root="result")
"""


def test_a_root_is_the_same_however_many_keys_there_are(share: Serve) -> None:
    gateway = share(ROOTED)
    assert gateway.get("/rest/rooted/1").text == "<result><id>7</id></result>"
    assert gateway.get("/rest/rooted/2").text == "<result><id>7</id><name>x</name></result>"
    assert gateway.get("/rest/rooted/1?type=json").json() == {"id": 7}


def test_a_result_is_negotiated_like_its_data(share: Serve) -> None:
    gateway = share(VALUES, {"scriptGet.html": "<p>{{ result.id }}</p>"})
    created = gateway.get("/rest/gives/created")
    assert (created.status_code, created.headers["location"], created.content) == (201, "/rest/gives/7", b"<id>7</id>")
    assert "sandbox" in created.headers["content-security-policy"]
    page = gateway.get("/rest/gives/created?type=html")
    assert (page.status_code, page.headers["location"], page.text) == (201, "/rest/gives/7", "<p>7</p>")
    assert gateway.get("/rest/gives/policy").headers.get_list("content-security-policy") == ["default-src 'self'"]


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        ("forgotten", "$ is a coroutine that was not awaited: write await"),
        ("within", "$.items[1].reply is a coroutine that was not awaited: write await"),
        ("generator", "$.all is a generator: make a list of it"),
        ("number", "$ is of type int: give None, str, bytes, dict, list, a dataclass, Result or a Starlette response"),
        ("data", "$.raw is bytes: decode them to text"),
        ("unfit", "$ is of type dict, which text/csv cannot carry: give str or bytes, or leave content_type out"),
    ],
)
def test_what_cannot_be_sent_is_one_line_in_the_log(share: Serve, caplog: pytest.LogCaptureFixture, what: str, problem: str) -> None:
    for form in ("json", "xml"):
        caplog.clear()
        response = share(VALUES).get(f"/rest/gives/{what}?type={form}")
        assert response.status_code == 500
        assert "$" not in response.text
        [record] = [record for record in caplog.records if record.levelname == "ERROR"]
        where, _, said = record.getMessage().partition(": Gives.exec_get: the result cannot be sent: ")
        assert (said, record.exc_info) == (problem, None)
        assert where.startswith(f"GET /rest/gives/{what} failed: ")
        assert where.endswith("script.py:18")
