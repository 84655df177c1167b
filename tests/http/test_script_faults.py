"""What a script does wrong is 500, told to nobody, and in the log with request, script, line and method."""

import re
from pathlib import Path

import pytest

from tests.http.conftest import Serve

RESULTS = """
import collections, http, io
from starlette.responses import JSONResponse, PlainTextResponse

async def read(): ...

class Odd: ...

ring = {"next": []}
ring["next"].append(ring)

RESULTS = {
    "status 999": lambda: Result("text/plain", "x", 999),
    "status 100": lambda: Result("text/plain", "x", 100),
    "status text": lambda: Result("text/plain", "x", "201"),
    "status true": lambda: Result("text/plain", "x", True),
    "status none": lambda: Result("text/plain", "x", None),
    "line break": lambda: Result("text/plain", "x", 200, {"X-A": "a\\r\\nb: c"}),
    "snowman": lambda: Result("text/plain", "x", 200, {"X-A": "\\u2603"}),
    "name": lambda: Result("text/plain", "x", 200, {"X A": "a"}),
    "number": lambda: Result("text/plain", "x", 200, {"X-A": 3}),
    "cookies": lambda: Result("text/plain", "x", 200, {"Set-Cookie": ["a=1", "b=2"]}),
    "pairs": lambda: Result("text/plain", "x", 200, [("X-A", "1")]),
    "length": lambda: Result("text/plain", "x", 200, {"Content-Length": "5"}),
    "chunked": lambda: Result("text/plain", "x", 200, {"Transfer-Encoding": "chunked"}),
    "two types": lambda: Result("text/plain", "x", 200, {"Content-Type": "text/html"}),
    "no type": lambda: Result("nonsense", "x"),
    "type break": lambda: Result("text/plain\\r\\nX-A: b", "x"),
    "swapped": lambda: Result({"a": 1}, "application/json"),
    "flask": lambda: ({"a": 1}, 201),
    "result in a dict": lambda: {"a": Result("text/plain", "x")},
    "result in a result": lambda: Result(data=Result("text/plain", "x"), status=201),
    "response": lambda: PlainTextResponse("x", 999),
    "response header": lambda: PlainTextResponse("x", headers={"X-A": "a\\nb"}),
    "ring": lambda: {"a": ring},
    "class": lambda: {"a": Odd},
    "function": lambda: [read],
    "exception": lambda: HTTPException(404),
    "file": lambda: {"a": io.StringIO()},
    "range": lambda: range(3),
    "object": lambda: {"a": Odd()},
    "task": lambda: {"a": read()},
    "steps": lambda: map(str, [1]),
}

class Gives(Handler):
    regex = "/gives/(.+)"
    async def exec_get(self, what): return RESULTS[what]()

class Right(Handler):
    regex = "/right/(.+)"
    async def exec_get(self, what):
        if what == "created": return Result("text/plain", "x", http.HTTPStatus.CREATED)
        if what == "type among headers": return Result(data="a,b", headers={"Content-Type": "text/csv"})
        if what == "dict in xml": return Result(data={"a": 1}, headers={"Content-Type": "application/xml"})
        if what == "spaces": return Result("text/plain", "x", 200, {"X-A": " a\\t"})
        if what == "keys": return {"b": 1, "a": 2}.keys()
        if what == "values": return {"a": {"b": 1, "a": "x"}.values()}
        if what == "items": return {"b": 1, "a": None}.items()
        if what == "deque": return collections.deque([1, 2])
        if what == "pair": return ("a", "b")
"""


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        ("status 999", "status 999 is no number from 200 to 599"),
        ("status 100", "status 100 is no number from 200 to 599"),
        ("status text", "status '201' is no number from 200 to 599"),
        ("status true", "status True is no number from 200 to 599"),
        ("status none", "status None is no number from 200 to 599"),
        ("line break", "header X-A may not contain a line break or another control character"),
        ("snowman", "header X-A cannot carry the character U+2603: percent-encode it (RFC 8187)"),
        ("name", "'X A' is not the name of a header"),
        ("number", "header X-A is of type int: give text; for several of one name return a Starlette response"),
        ("cookies", "header Set-Cookie is of type list: give text; for several of one name return a Starlette response"),
        ("pairs", "headers are of type list: give a dict"),
        ("length", "header Content-Length is computed from the data: leave it out"),
        ("chunked", "header Transfer-Encoding is computed from the data: leave it out"),
        ("two types", "header Content-Type stands beside content_type: leave one of them out"),
        ("no type", "content_type 'nonsense' is not a media type: write one such as text/plain"),
        ("type break", "header Content-Type may not contain a line break or another control character"),
        ("swapped", "content_type is of type dict: write Result(content_type, data, status, headers)"),
        ("flask", "$ is a tuple of data and status: return Result(data=…, status=201), or a list if it is one"),
        ("result in a dict", "$.a is a Result inside of the data: return it alone"),
        ("result in a result", "$ is a Result in a Result: return one"),
        ("response", "status 999 is no number from 200 to 599"),
        ("response header", "header x-a may not contain a line break or another control character"),
        ("ring", "$.a.next[0] is an object that holds itself"),
        ("class", "$.a is the class Odd: make an object of it, Odd(…)"),
        ("function", "$[0] is the function read: call it, read(…)"),
        ("exception", "$ is an exception, HTTPException: raise it"),
        ("file", "$.a is a StringIO: read it"),
        ("range", "$ is an object of type range: make a list of it"),
        ("object", "$.a is an object of type Odd: make a dict or a text of it"),
        ("task", "$.a is a coroutine that was not awaited: write await"),
        ("steps", "$ is a map: make a list of it"),
    ],
)
def test_a_result_that_cannot_be_sent_is_one_line_in_the_log(
    share: Serve, caplog: pytest.LogCaptureFixture, what: str, problem: str
) -> None:
    response = share(RESULTS).get(f"/rest/gives/{what}?type=json")
    assert (response.status_code, response.headers["content-type"]) == (500, "application/problem+json")
    assert f"its log has it under {response.json()['request_id']}" in response.json()["detail"]
    [record] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert re.fullmatch(
        rf"GET /rest/gives/{what} failed: \S+/script.py:\d+: Gives.exec_get: the result cannot be sent: {re.escape(problem)}",
        record.getMessage(),
    )


@pytest.mark.parametrize(
    ("what", "status", "content_type", "body"),
    [
        ("created", 201, "text/plain", "x"),
        ("type among headers", 200, "text/csv", "a,b"),
        ("dict in xml", 200, "application/xml", "<a>1</a>"),
        ("keys", 200, "application/json", '["b","a"]'),
        ("values", 200, "application/json", '{"a":[1,"x"]}'),
        ("items", 200, "application/json", '[["b",1],["a",null]]'),
        ("deque", 200, "application/json", "[1,2]"),
        ("pair", 200, "application/json", '["a","b"]'),
    ],
)
def test_results_that_have_one_meaning_are_sent(share: Serve, what: str, status: int, content_type: str, body: str) -> None:
    response = share(RESULTS).get(f"/rest/right/{what}?type=json")
    assert (response.status_code, response.headers.get_list("content-type"), response.text) == (status, [content_type], body)


def test_space_around_the_value_of_a_header_is_no_part_of_it(share: Serve) -> None:
    assert share(RESULTS).get("/rest/right/spaces").headers["x-a"] == "a"


RAISED = """
from tigrest.errors import ConfigError, ScriptError

class Raises(Handler):
    regex = "/raises/(.+)"
    async def exec_get(self, service, what):
        match what:
            case "status": raise HTTPException(999, "x")
            case "success": raise HTTPException(204)
            case "header": raise HTTPException(409, "x", {"X-A": "a\\r\\nb"})
            case "detail": raise HTTPException(409, object())
            case "dict": raise HTTPException(409, {"field": "name"})
            case "types": raise UnsupportedContent("a/b", ("c/d\\r\\nX-A: b",))
            case "word": raise UnsupportedContent("a/b", ("json",))
            case "seconds": raise NotConnected("gone", float("inf"))
            case "type": raise UnsupportedContent("a/b", "application/json")
            case "own": raise ScriptError("/etc/secret.py", 1, "a secret")
            case "config": raise ConfigError("a secret")
            case "xml": await service.send("<message to='bob@localhost'><body>a & b</body></message>")
            case "iq": await service.request("<iq type='get'><ping></iq>")
            case "no iq": await service.request("<message/>")
            case "all": await service.request_all("<iq")
            case "as": await service.request_as("bob@localhost", "<iq")
            case "packet": service.sendPacket("<message>")
            case "nothing": await service.send(None)
            case "to": await service.send("<message to='@@'/>")
            case "from": await service.send("<message from='bob@elsewhere.org' to='bob@localhost'/>")
            case "caught":
                try:
                    await service.send("<message>")
                except InvalidStanza as error:
                    return str(error)

    async def exec_post(self, service, principal, content, what):
        await service.for_(principal).send(content["stanza"])
        return "sent"

    requiredRole = "user"
"""


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        ("status", "HTTPException cannot be sent: status 999 is no number from 300 to 599"),
        ("success", "HTTPException cannot be sent: status 204 is no number from 300 to 599"),
        ("header", "HTTPException cannot be sent: header x-a may not contain a line break or another control character"),
        ("detail", "HTTPException cannot be sent: $ is an object of type object: make a dict or a text of it"),
        ("types", "UnsupportedContent cannot be sent: header Content-Type may not contain a line break"),
        ("word", "UnsupportedContent cannot be sent: content_type 'json' is not a media type"),
        ("seconds", "NotConnected cannot be sent: retry_after inf is no number of seconds"),
        ("own", "ScriptError: /etc/secret.py:1: a secret"),
        ("config", "ConfigError: a secret"),
        ("xml", "ScriptStanzaInvalid: XML is not well-formed: not well-formed (invalid token) at line 1"),
        ("iq", "ScriptStanzaInvalid: XML is not well-formed: mismatched tag at line 1"),
        ("no iq", "ScriptStanzaInvalid: a message of type 'none' has no reply"),
        ("all", "ScriptStanzaInvalid: XML is not well-formed"),
        ("as", "ScriptStanzaInvalid: XML is not well-formed"),
        ("packet", "ScriptStanzaInvalid: XML is not well-formed"),
        ("nothing", "ScriptStanzaInvalid: NoneType is not a stanza"),
        ("to", "ScriptStanzaInvalid: attribute 'to': '@@' is not an XMPP address"),
        ("from", "ScriptSenderInvalid: from bob@elsewhere.org is not"),
    ],
)
def test_what_a_script_itself_did_wrong_is_not_blamed_on_the_caller(
    share: Serve, caplog: pytest.LogCaptureFixture, what: str, problem: str
) -> None:
    response = share(RAISED, xmpp={"send_as": "gateway"}).get(f"/rest/raises/{what}?type=json", login="alice")
    assert (response.status_code, response.headers["content-type"]) == (500, "application/problem+json")
    assert "secret" not in response.text
    assert problem in caplog.text
    [record] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert re.match(rf"GET /rest/raises/{what} failed.* \S+/script.py:\d+: Raises\.exec_get", record.getMessage())
    assert record.exc_info
    assert f'case "{what}"' in caplog.text, "the line of the script"


def test_a_script_may_name_one_type_that_it_reads(share: Serve) -> None:
    response = share(RAISED, xmpp={"send_as": "gateway"}).get("/rest/raises/type?type=json", login="alice")
    assert (response.status_code, response.headers["accept"]) == (415, "application/json")
    assert response.json()["detail"] == "content of type a/b is not read here; send application/json"


def test_a_script_may_catch_its_own_mistake_by_the_usual_name(share: Serve) -> None:
    assert "not well-formed" in share(RAISED).get("/rest/raises/caught", login="alice").text


def test_a_callers_own_stanza_is_the_callers(share: Serve) -> None:
    for stanza, status in (("<message>", 400), ("<message from='bob@localhost'/>", 403), ("<message to='@@'/>", 400)):
        response = share(RAISED).post("/rest/raises/x", login="alice", json={"stanza": stanza})
        assert response.status_code == status, response.text


def test_the_detail_of_an_error_may_be_data(share: Serve) -> None:
    assert share(RAISED).get("/rest/raises/dict?type=json", login="alice").json()["detail"] == '{"field":"name"}'


def test_a_page_that_fails_is_named_in_the_traceback(serve: Serve, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    handler = 'class Page(Handler):\n    regex = "/page"\n    def exec_get(self): return {"a": 1}\n'
    response = serve(handler, {"scriptGet.html": "<p>\n{{ result.a.b.c }}"}).get("/rest/page?type=html")
    assert response.status_code == 500
    assert f'File "{tmp_path}/scriptGet.html", line 2' in caplog.text
    assert re.search(r"GET /rest/page failed in \S+/script.py:\d+: Page\.exec_get", caplog.text)


STREAMS = """
import sys
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, PlainTextResponse

async def after_a_piece():
    yield b"one"
    raise ValueError("in the middle")

async def leave():
    yield b"one"
    sys.exit(3)

async def clean_up():
    raise ValueError("afterwards")

class Streams(Handler):
    regex = "/streams/(.+)"
    async def exec_get(self, what):
        if what == "piece": return StreamingResponse(after_a_piece())
        if what == "exit": return StreamingResponse(leave())
        if what == "file": return FileResponse("/there/is/none")
        if what == "background": return PlainTextResponse("done", background=BackgroundTask(clean_up))
"""


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        ("piece", "in the middle"),
        ("exit", "the script calls sys.exit() in its stream"),
        ("file", "File at path /there/is/none does not exist"),
        ("background", "afterwards"),
    ],
)
def test_an_answer_that_fails_while_it_is_sent_is_in_the_log(
    share: Serve, caplog: pytest.LogCaptureFixture, what: str, problem: str
) -> None:
    response = share(STREAMS).get(f"/rest/streams/{what}?type=json")
    assert response.status_code == (500 if what == "file" else 200)
    if what == "file":
        assert response.json()["title"] == "Internal Server Error"
    [record] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert re.fullmatch(rf"GET /rest/streams/{what} failed in \S+/script.py:\d+: Streams\.exec_get", record.getMessage())
    assert problem in caplog.text
