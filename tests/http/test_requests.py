"""What handlers receive."""

import asyncio
import json
from typing import Any

import pytest
from starlette.types import Message

from tests.http.conftest import Serve
from tigrest.errors import MalformedContent, TooManyWaiting
from tigrest.http.body_limits import CallerShare
from tigrest.http.requests import BodyLimit, HandlerRequest
from tigrest.service.shares import Shares

ECHO = """
class Echo(Handler):
    regex = r"/echo(?:/(.*))?"
    def exec_post(self, content, path): return {"content": content if not isinstance(content, Request) else "request", "path": path}
    exec_put = exec_post

class Raw(Handler):
    regex = "/raw"
    decodeContent = False
    def exec_post(self, request, content): return {"same": request is content, "body": content.body().decode()}

class RawLoop(Handler):
    regex = "/rawloop"
    decodeContent = False
    async def exec_post(self, request): return {"body": (await request.body()).decode(), "q": request.query_params.get("q")}
"""


@pytest.mark.parametrize(
    ("content_type", "body", "content"),
    [
        ("application/json", '{"a": [1, null]}', {"a": [1, None]}),
        ("text/json; charset=utf-8", "[1]", [1]),
        ("application/problem+json", "1.5", 1.5),
        ("application/xml", "<a><item>1</item></a>", {"a": ["1"]}),
        ("text/xml", "<a x='1'>é</a>", {"a": "é"}),
        ("application/xmpp+xml", "<a/>", {"a": ""}),
        ("application/x-www-form-urlencoded", "a=1&b=&a=%C3%A9", {"a": ["1", "é"], "b": ""}),
        ("text/plain", "hi", "request"),
        ("", "hi", "request"),
        ("application/json", "", None),
    ],
)
def test_content_is_decoded_by_its_type(share: Serve, content_type: str, body: str, content: Any) -> None:
    response = share(ECHO).post("/rest/echo?type=json", type=content_type, content=body.encode())
    assert json.loads(response.content)["content"] == content if content_type.endswith("json") else True
    accept = share(ECHO).post("/rest/echo", type=content_type, content=body.encode(), headers={"Accept": "application/json"})
    if "xml" not in content_type:
        assert accept.json()["content"] == content
    else:
        assert response.status_code == accept.status_code == 200


def test_a_chunked_body_is_content_too(share: Serve) -> None:
    response = share(ECHO).post("/rest/echo", type="application/json", content=iter([b'{"a"', b": 1}"]))
    assert response.json()["content"] == {"a": 1}


def test_raw_content_is_the_request_and_works_from_a_thread(share: Serve) -> None:
    gateway = share(ECHO)
    assert gateway.post("/rest/raw", type="application/json", content=b"{").json() == {"same": True, "body": "{"}
    response = gateway.post("/rest/rawloop?q=1", headers={"Accept": "application/json"}, content=b"x")
    assert response.json() == {"body": "x", "q": "1"}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
def test_every_method_has_its_function_with_and_without_a_body(serve: Serve, method: str) -> None:
    gateway = serve(
        "class All(Handler):\n    regex = '/all'\n"
        + "".join(
            f"    def exec_{m.lower()}(self, content): return {{'method': '{m}', 'content': content}}\n"
            for m in ("GET", "POST", "PUT", "DELETE", "PATCH")
        )
    )
    with_body = gateway.request(method, "/rest/all", type="application/json", content=b"[1]")
    assert with_body.json() == {"method": method, "content": [1]}
    without = gateway.request(method, "/rest/all", headers={"Accept": "application/json"})
    assert without.json() == {"method": method, "content": None}


def test_forms_with_files_work_in_threads_and_on_the_loop(serve: Serve) -> None:
    gateway = serve(
        """
        class Upload(Handler):
            regex = "/(thread|loop)"
            decodeContent = False
            def exec_post(self, content, _):
                form = content.form()
                return {"name": form["name"], "size": len(form["file"].file.read())}
            async def exec_put(self, content, _):
                form = await content.form()
                return {"name": form["name"], "size": len(await form["file"].read())}
        """
    )
    for method in ("POST", "PUT"):
        response = gateway.request(method, "/rest/thread?type=json", data={"name": "x"}, files={"file": b"12345"})
        assert response.json() == {"name": "x", "size": 5}, response.text


LIMITS = """
class Small(Handler):
    regex = "/small"
    maxBody = 10
    def exec_post(self, content): return {"sent": True}

class Large(Handler):
    regex = "/large"
    maxBody = 5000
    async def exec_post(self, request): return {"bytes": len(await request.body())}

class Usual(Handler):
    regex = "/usual"
    def exec_post(self, content): return {"sent": True}

class Stream(Handler):
    regex = "/stream"
    maxBody = 5000
    decodeContent = False
    async def exec_post(self, content):
        return {"bytes": sum([len(piece) async for piece in content.stream()])}
"""


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize(
    ("path", "size", "status", "origin"),
    [
        ("/small", 10, 200, ""),
        ("/small", 11, 413, "maxBody of the handler"),
        ("/usual", 1000, 200, ""),
        ("/usual", 1001, 413, "[http] max_body"),
        ("/large", 5000, 200, ""),
        ("/large", 5001, 413, "maxBody of the handler"),
        ("/stream", 5000, 200, ""),
        ("/stream", 5001, 413, "maxBody of the handler"),
    ],
)
def test_a_handler_may_have_a_limit_of_its_own(share: Serve, path: str, size: int, status: int, origin: str, is_chunked: bool) -> None:
    gateway = share(LIMITS, http={"max_body": 1000})
    body = b'"' + b"x" * (size - 2) + b'"'
    content = iter([body[:5], body[5:]]) if is_chunked else body
    response = gateway.post(f"/rest{path}", content=content, type="application/json")
    assert response.status_code == status
    if origin:
        limit = {"/small": 10, "/usual": 1000}.get(path, 5000)
        assert response.json()["detail"] == f"the request body is larger than {limit} bytes ({origin})"


def test_a_request_reads_json_and_forms_in_the_charset_that_they_declare(serve: Serve) -> None:
    gateway = serve(
        """
        class Read(Handler):
            regex = "/(json|form)"
            decodeContent = False
            def exec_post(self, content, what): return {"read": content.json() if what == "json" else dict(content.form())}
            async def exec_put(self, content, what): return {"read": await content.json() if what == "json" else dict(await content.form())}
        """
    )
    form = "application/x-www-form-urlencoded"
    for method in ("POST", "PUT"):

        def send(path: str, type: str, body: bytes, method: str = method) -> Any:
            return gateway.request(method, f"/rest{path}", headers={"Accept": "application/json", "Content-Type": type}, content=body)

        assert send("/json", "text/json; charset=iso-8859-1", b'{"a": "\xe9"}').json() == {"read": {"a": "é"}}
        assert send("/form", f"{form}; charset=windows-1252", b"a=%80&b=\xe9").json() == {"read": {"a": "€", "b": "é"}}
        assert send("/form", form, b"a=%C3%A9&b=+").json() == {"read": {"a": "é", "b": " "}}
        assert send("/form", f"{form}; charset=utf-7", b"a=1").status_code == 415
        assert send("/form", f"{form}; charset=utf-16", b"a=1").status_code == 415
        assert send("/form", form, b'{"a": 1}').status_code == 415
        assert send("/form", form, b"a=%E9").status_code == 400


def test_415_lists_what_would_be_read(serve: Serve) -> None:
    gateway = serve(
        """
        class Takes(Handler):
            regex = "/takes"
            def exec_post(self, content):
                if isinstance(content, Request):
                    raise UnsupportedContent(content.headers.get("content-type", ""), ("application/json", "text/csv"))
                return content
        """
    )
    for type, accepted in (("image/png", "application/json, text/csv"), ("application/x-www-form-urlencoded", "application/json")):
        refused = gateway.post("/rest/takes", type=type, content=b"{}")
        assert (refused.status_code, refused.headers["accept"]) == (415, accepted)
    assert "accept" not in gateway.post("/rest/takes", type="text/xml; charset=utf-7", content=b"<a/>").headers


async def test_forms_with_large_files_have_a_share_until_they_are_closed() -> None:
    share, may_go_on = CallerShare(Shares(1, "forms with files"), "alice"), asyncio.Event()
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="b"\r\n\r\nhello\r\n--x--\r\n'

    def request(body: bytes) -> HandlerRequest:
        async def receive() -> Message:
            await may_go_on.wait()
            return {"type": "http.request", "body": body}

        scope = {"type": "http", "headers": [(b"content-type", b"multipart/form-data; boundary=x")]}
        return HandlerRequest(scope, receive, asyncio.get_running_loop(), None, BodyLimit(10), share)

    first = request(form)
    reading = asyncio.ensure_future(first.form())
    await asyncio.sleep(0)
    with pytest.raises(TooManyWaiting):
        await request(form).form()
    may_go_on.set()
    await reading
    with pytest.raises(TooManyWaiting):
        await request(form).form()
    await first.close()
    await first.close()
    for _ in range(2):
        with pytest.raises(MalformedContent):
            await request(b"no form").form()
    last = request(form)
    await last.form()
    await last.close()
