"""What pages of other origins may have a browser send, and what our answers may do in one."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.process import demo, serving
from tests.http.conftest import Serve
from tigrest.config import load
from tigrest.testing import TestGateway
from tigrest.testing import serving as serving_here

SCRIPT = """
class Open(Handler):
    regex = "/open"
    calls = []
    def exec_get(self): return {"calls": len(self.calls)}
    def exec_post(self): self.calls.append(1); return {}
    exec_put = exec_delete = exec_patch = exec_post

class Own(Handler):
    regex = "/own"
    requiredRole = "user"
    def exec_post(self, user): return {"user": user}

class Keyed(Handler):
    regex = "/keyed"
    apiKey = True
    def exec_post(self): return {}
"""

HOST = "gw.example.org"
OWN, OTHER = f"https://{HOST}", "https://evil.example"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestGateway]:
    folder = tmp_path_factory.mktemp("scripts")
    (folder / "script.py").write_text(f"from tigrest import Handler\n{SCRIPT}")
    with serving_here(folder, builtins=False) as running:
        yield running


def status(gateway: TestGateway, method: str = "POST", path: str = "/rest/open", login: str = "", **headers: str) -> int:
    """Send a request with headers; ``_`` in their names is ``-``."""
    named = {"Host": HOST} | {name.replace("_", "-"): value for name, value in headers.items()}
    found: int = gateway.request(method, path, login=login, headers=named).status_code
    return found


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),  # curl, servers
        ({"Origin": OWN}, True),
        ({"Origin": f"http://{HOST}"}, True),
        ({"Origin": f"https://{HOST}:443"}, True),
        ({"Origin": f"http://{HOST}", "Host": f"{HOST}:80"}, True),
        ({"Origin": f"https://{HOST}", "Host": f"{HOST}:443"}, True),
        ({"Origin": OWN, "Host": HOST.upper()}, True),
        ({"Origin": "http://localhost:8080", "Host": "localhost:8080"}, True),
        ({"Origin": "http://[::1]:8080", "Host": "[::1]:8080"}, True),
        ({"Origin": OWN, "Sec_Fetch_Site": "same-origin"}, True),
        ({"Sec_Fetch_Site": "same-origin"}, True),
        ({"Sec_Fetch_Site": "none"}, True),
        ({"Sec_Fetch_Site": "cross-site"}, False),
        ({"Sec_Fetch_Site": "same-site"}, False),
        ({"Sec_Fetch_Site": "whatever"}, False),
        ({"Origin": OTHER}, False),
        ({"Origin": OTHER, "Sec_Fetch_Site": "same-origin"}, False),
        ({"Origin": f"http://{HOST}", "Sec_Fetch_Site": "cross-site"}, False),  # a page without TLS and a gateway with it
        ({"Origin": f"http://{HOST}", "Sec_Fetch_Site": "same-site"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Origin": HOST}, False),
        ({"Origin": f"{OWN}:8443"}, False),
        ({"Origin": "http://localhost:8081", "Host": "localhost:8080"}, False),
        ({"Origin": "http://127.0.0.1:8080", "Host": "localhost:8080"}, False),
        ({"Origin": f"https://www.{HOST}"}, False),
        ({"Origin": f"https://{HOST}.evil.example"}, False),
        ({"Origin": f"https://evil.example/{HOST}"}, False),
        ({"Origin": f"https://{HOST}@evil.example"}, False),
        ({"Origin": f"chrome-extension://{HOST}"}, False),
        ({"Origin": f"{OWN}, {OTHER}"}, False),
    ],
)
def test_an_unsafe_request_has_to_come_from_our_own_pages(gateway: TestGateway, headers: dict[str, str], allowed: bool) -> None:
    before = gateway.get("/rest/open?type=json").json()["calls"]
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert status(gateway, method, **headers) == (200 if allowed else 403), method
    assert gateway.get("/rest/open?type=json").json()["calls"] - before == (4 if allowed else 0)
    for method in ("GET", "HEAD"):
        assert status(gateway, method, **headers) == 200
    assert status(gateway, "OPTIONS", **headers) == 204


@pytest.mark.parametrize("path", ["/rest/own", "/rest/keyed", "/rest/nowhere", "/rest/", "/metrics", "/health/live"])
@pytest.mark.parametrize("login", ["", "alice", "alice:wrong"])
def test_it_is_refused_before_anything_else(gateway: TestGateway, path: str, login: str) -> None:
    for method in ("POST", "PUT", "PROPFIND"):
        for _ in range(5):  # more than ten altogether: a page must not get anybody throttled
            assert status(gateway, method, path, login, Origin=OTHER) == 403
    assert status(gateway, "POST", "/rest/own", "alice") == 200
    answer = gateway.post(path, headers={"Origin": "https://<script>.example", "Host": HOST, "Accept": "text/html"})
    assert answer.status_code == 403
    assert "https://&lt;script&gt;.example" in answer.text


def test_pages_of_cors_origins_may_send(share: Serve) -> None:
    gateway = share(SCRIPT, http={"cors_origins": ["https://App.Example.com:443", "http://bücher.example", "http://[::1]:8080"]})
    for origin in ("https://app.example.com", "http://xn--bcher-kva.example", "http://[::1]:8080"):
        assert status(gateway, "POST", "/rest/own", "alice", Origin=origin, Sec_Fetch_Site="cross-site") == 200
        answer = gateway.get("/rest/open", headers={"Origin": origin})
        assert answer.headers["access-control-allow-origin"] == origin
        assert "access-control-allow-credentials" not in answer.headers
        assert answer.headers["vary"] == "Origin"
    for origin in ("http://app.example.com", "https://app.example.com:8443", OTHER, "null"):
        assert status(gateway, "POST", "/rest/own", "alice", Origin=origin) == 403
        answer = gateway.get("/rest/open", headers={"Origin": origin})
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["vary"] == "Origin"
    assert gateway.get("/rest/open").headers["vary"] == "Origin"


@pytest.mark.parametrize("origin", [OTHER, "null"])
def test_with_any_origin_no_login_is_used_that_a_browser_remembers(share: Serve, origin: str) -> None:
    gateway = share(SCRIPT, http={"cors_origins": ["*", "https://app.example.com"]})
    assert status(gateway, "POST", "/rest/open", Origin=origin) == 200
    assert status(gateway, "POST", "/rest/keyed", Origin=origin, Api_Key="test-key") == 200
    assert status(gateway, "POST", "/rest/own", Origin=origin, Authorization="Bearer x") == 401
    for headers in ({"Authorization": "Basic YWxpY2U6c2VjcmV0"}, {"Authorization": "Negotiate x"}, {"Cookie": "a=b"}):
        assert status(gateway, "POST", "/rest/own", Origin=origin, **headers) == 403
    assert status(gateway, "POST", "/rest/own", "alice", Origin="https://app.example.com") == 200
    assert status(gateway, "POST", "/rest/own", "alice", Origin=OWN) == 200
    for credentials in ({}, {"Cookie": "a=b"}):
        answer = gateway.get("/rest/open", headers={"Origin": origin, **credentials})
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers


def test_origins_are_written_as_browsers_write_them() -> None:
    config = load(None, {"TIGREST__HTTP__CORS_ORIGINS": '["*", "https://Faß.example:443", "http://a.B:443", "http://[::1]:80"]'})
    assert config.http.cors_origins == ("*", "https://xn--fa-hia.example", "http://a.b:443", "http://[::1]")


@contextmanager
def connected(base: str) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(base.removeprefix("http://"), timeout=10)
    try:
        yield connection
    finally:
        connection.close()


def test_several_origins_have_to_be_allowed_each(tmp_path: Path) -> None:
    with serving("--no-reload", cwd=tmp_path) as (_, base), connected(base) as connection:
        for origins, expected in (([base, OTHER], 403), ([OTHER, base], 403), ([base, base], 404), ([base], 404)):
            connection.putrequest("POST", "/rest/nowhere")
            for origin in origins:
                connection.putheader("Origin", origin)
            connection.putheader("Content-Length", "0")
            connection.endheaders()
            answer = connection.getresponse()
            answer.read()
            assert answer.status == expected, origins


PAGES = '''
from tigrest import Handler, Result, Stanza

XML = '<iq><script xmlns="http://www.w3.org/1999/xhtml">alert(1)</script></iq>'


class Kinds(Handler):
    """Answers of all kinds."""

    regex = "/kinds/(.*)"

    def exec_get(self, kind):
        return {
            "text": "<script>alert(1)</script>",
            "json": Result("application/json", "{}"),
            "bytes": b"<html><script>alert(1)</script>",
            "dict": {"a": "<script>"},
            "stanza": Stanza.parse(XML.encode()),
            "result": Result("Application/XMPP+xml", XML),
            "own": Result("text/xml", XML, headers={"Content-Security-Policy": "default-src 'self'"}),
            "xhtml": Result("application/xhtml+xml", XML),
            "framed": Result("text/html", "", 200, {"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Server": "mine"}),
        }.get(kind)
'''


def test_answers_are_safe_in_a_browser(tmp_path: Path) -> None:
    rest = tmp_path / "scripts" / "rest"
    (rest / "static").mkdir(parents=True)
    (rest / "static" / "page.html").write_text("<h1>Hello")
    (rest / "kinds.py").write_text(PAGES)
    policies = {
        "/rest/": "frame-ancestors 'none'",
        "/rest/no/<script>": "frame-ancestors 'none'",
        "/rest/static/page.html": None,
        "/health/live": None,
        "/metrics": None,
        "/rest/kinds/text": None,
        "/rest/kinds/json": None,
        "/rest/kinds/bytes": None,
        "/rest/kinds/dict": "sandbox",
        "/rest/kinds/stanza": "sandbox",
        "/rest/kinds/result": "sandbox",
        "/rest/kinds/own": "default-src 'self'",
        "/rest/kinds/xhtml": None,
        "/rest/avatar/alice@localhost": "sandbox",
    }
    with serving("--no-reload", cwd=tmp_path) as (_, base), connected(base) as connection:
        login = base64.b64encode(f"alice:{demo(tmp_path)['passwords']['alice']}".encode()).decode()
        connection.request("POST", "/rest/upload?filename=a.html&type=json", b"<p>", {"Authorization": f"Basic {login}"})
        policies[urlsplit(json.loads(connection.getresponse().read())["url"]).path] = "sandbox"
        for path, policy in policies.items():
            connection.request("GET", path, headers={"Accept": "text/html"})
            answer = connection.getresponse()
            assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"], path
            assert answer.headers.get_all("X-Frame-Options") == ["SAMEORIGIN"], path
            assert (
                policy in (answer.headers["Content-Security-Policy"] or "") if policy else "Content-Security-Policy" not in answer.headers
            )
            body = answer.read()
            assert answer.headers.get_content_type() != "text/html" or b"<script" not in body, path
        connection.request("GET", "/rest/kinds/framed")
        answer = connection.getresponse()
        own = [answer.headers.get_all(name) for name in ("X-Frame-Options", "X-Content-Type-Options", "Server")]
        assert (own, len(answer.headers.get_all("Date") or []), answer.read()) == ([["DENY"], ["nosniff"], ["mine"]], 1, b"")
        connection.request("GET", "/rest/no", headers={"Accept": "application/xml"})
        answer = connection.getresponse()
        assert (answer.status, answer.headers.get_content_type()) == (404, "application/problem+xml")
        assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_a_login_that_a_browser_remembers_is_not_even_looked_at(tmp_path: Path) -> None:
    login = base64.b64encode(b"nobody:wrong").decode()
    with serving("--no-reload", cwd=tmp_path) as (_, base), connected(base) as connection:
        for _ in range(30):
            connection.request("POST", "/rest", b"{}", {"Origin": OTHER, "Authorization": f"Basic {login}"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 403
        connection.request("POST", "/rest", b"{}", {"Authorization": f"Basic {login}"})
        assert connection.getresponse().status == 401  # not 429
