"""What is served besides handlers: index, static files, health, metrics, CORS."""

from pathlib import Path
from unittest.mock import ANY

import pytest

from tests.http.conftest import Serve
from tigrest import __version__

HANDLER = '''
class Greets(Handler):
    """Greet somebody.

    At length.
    """
    regex = r"/greet/([^/]+)"
    requiredRole = "user"
    description = {"POST": {"info": "Send <greetings>", "request": {"greeting": {"words": ["a", "b"]}}}}
    def exec_get(self, name): return {}
    def exec_post(self, name): return {}
'''


def test_the_index_lists_every_route(share: Serve) -> None:
    gateway = share(HANDLER)
    assert gateway.get("/rest/").json() == {
        "routes": [
            {
                "method": "GET",
                "uri": "/rest/greet/{name}",
                "example": "/rest/greet/name",
                "curl": "curl -u alice@localhost:PASSWORD http://testserver/rest/greet/name",
                "role": "user",
                "api_key": False,
                "info": "Greet somebody.",
                "script": "script.py",
            },
            {
                "method": "POST",
                "uri": "/rest/greet/{name}",
                "example": "/rest/greet/name",
                "curl": "curl -u alice@localhost:PASSWORD -H 'Content-Type: application/json' "
                """-d '{"greeting":{"words":["a","b"]}}' http://testserver/rest/greet/name""",
                "role": "user",
                "api_key": False,
                "info": "Send <greetings>",
                "script": "script.py",
            },
        ],
        "links": [{"uri": uri, "info": ANY, "role": role} for uri, role in (("/api/commands", None), ("/api/docs", "admin"))],
        "problem_count": 0,
    }
    assert gateway.get("/rest").json() == gateway.get("/rest/").json()


def test_the_index_is_a_page_for_browsers(share: Serve) -> None:
    page = share(HANDLER).get("/rest/", headers={"Accept": "text/html"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for expected in (
        "Send &lt;greetings&gt;",
        "At length.",
        "&lt;greeting&gt;\n  &lt;words&gt;\n    &lt;item&gt;a",
        "Request, JSON",
        "/rest/greet/{name}",
        "http://testserver/rest/greet/name",
        "script.py",
    ):
        assert expected in page.text


@pytest.mark.parametrize(("docs", "roles"), [("admin", {"admin"}), ("public", {None}), ("off", set())])
def test_the_index_leads_to_the_commands(serve: Serve, docs: str, roles: set[str | None]) -> None:
    gateway = serve(HANDLER, builtins=True, api={"docs": docs})
    page = gateway.get("/rest/", headers={"Accept": "text/html"}).text
    assert 'href="/api/commands"' in page
    assert ('href="/api/docs"' in page) is bool(roles)
    assert {link["role"] for link in gateway.get("/rest/").json()["links"] if link["uri"] == "/api/docs"} == roles
    for link in gateway.get("/rest/").json()["links"]:
        assert gateway.get(link["uri"], login="admin").status_code == 200


def test_the_index_shows_load_errors_without_the_machines_paths(serve: Serve, tmp_path: Path) -> None:
    gateway = serve(HANDLER)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "broken.py").write_text("class <script>")
    gateway.reload()
    assert gateway.get("/rest/", login="admin").json()["problems"] == ["sub/broken.py:1: SyntaxError: invalid syntax"]
    page = gateway.get("/rest/", login="admin", headers={"Accept": "text/html"}).text
    assert "sub/broken.py:1" in page
    assert str(tmp_path) not in page


SECRET = "postgresql://app:hunter2@db.internal/app"
LISTENS = """
class Hears(Handler):
    match = Match(local="hush", body="passphrase (.*)")
    def on_message(self, what): return what
"""


@pytest.mark.parametrize("login", ["", "alice", "admin"])
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_why_scripts_did_not_load_and_what_is_heard_is_for_admins(serve: Serve, tmp_path: Path, login: str, accept: str) -> None:
    gateway = serve(HANDLER + LISTENS)
    for name in ("one", "two"):
        (tmp_path / f"{name}.py").write_text(f"raise RuntimeError('cannot connect to {SECRET}')")
    gateway.reload()
    shown = gateway.get("/rest/", login=login, headers={"Accept": accept})
    assert shown.status_code == 200
    assert "www-authenticate" not in shown.headers
    for hidden in ("hunter2", "one.py", "passphrase", "hush"):
        assert (hidden in shown.text) is (login == "admin"), hidden
    if accept == "text/html":
        assert ("2 scripts did not load" in shown.text) is (login != "admin")
        assert (f"tigrest {__version__}" in shown.text) is (login == "admin")
    else:
        assert shown.json()["problem_count"] == 2
        assert shown.json().keys() - {"routes", "links", "problem_count"} == (
            {"listeners", "schedules", "problems", "version"} if login == "admin" else set()
        )
    assert (shown.headers.get("cache-control") == "no-store") is (login != "")
    assert shown.headers["vary"] == "Accept, Authorization"
    for path in ("/metrics", "/health/ready", "/health/live", "/rest/one", "/rest/greet/x", "/"):
        for method in ("GET", "POST", "OPTIONS"):
            answer = gateway.request(method, path, login="alice", headers={"Accept": accept})
            assert "hunter2" not in answer.text
            assert "hunter2" not in str(answer.headers)


def test_the_index_asks_for_a_login_only_when_told_to(share: Serve) -> None:
    gateway = share(HANDLER)
    assert gateway.get("/rest/", login="admin:wrong").status_code == 401
    asked = gateway.get("/rest/?login")
    assert (asked.status_code, asked.headers["www-authenticate"]) == (401, 'Basic realm="tigrest"')
    assert gateway.get("/rest/?login", login="alice").status_code == 200
    assert "listeners" in gateway.get("/rest/?login", login="admin").json()


def test_static_folders_serve_files_and_nothing_else(serve: Serve, tmp_path: Path) -> None:
    files = {"a/static/page.css": "p {}", "a/static/deep/x.txt": "deep", "a/static/.hidden": "h", "a/secret.txt": "s", "a/_x/static/y": "y"}
    gateway = serve(HANDLER, files)
    (tmp_path / "a" / "static" / "link").symlink_to(tmp_path / "a" / "secret.txt")
    css = gateway.get("/rest/a/static/page.css")
    assert (css.status_code, css.text, css.headers["content-type"]) == (200, "p {}", "text/css; charset=utf-8")
    assert gateway.get("/rest/a/static/page.css", headers={"If-None-Match": css.headers["etag"]}).status_code == 304
    assert gateway.get("/rest/a/static/deep/x.txt").text == "deep"
    for path in (
        "static/",
        "static/.hidden",
        "static/..%2Fsecret.txt",
        "static/%2e%2e/secret.txt",
        "secret.txt",
        "static/link",
        "_x/static/y",
        "static/no",
    ):
        assert gateway.get(f"/rest/a/{path}").status_code == 404, path
    assert gateway.post("/rest/a/static/page.css").status_code == 404
    assert gateway.request("HEAD", "/rest/a/static/page.css").headers["content-length"] == "4"


def test_health_and_metrics(serve: Serve) -> None:
    gateway = serve(HANDLER)
    assert gateway.get("/health/live").status_code == 200
    assert gateway.get("/health/ready").status_code == 200
    gateway.get("/rest/greet/bob", login="alice")
    gateway.get("/rest/greet/eve")
    gateway.get("/rest/no/such/place")
    text = gateway.get("/metrics").text
    assert 'tigrest_requests_total{method="GET",route="/rest/greet/{name}",status="200"} 1.0' in text
    assert 'tigrest_requests_total{method="GET",route="/rest/greet/{name}",status="401"} 1.0' in text
    assert 'route="",status="404"' in text
    assert "no/such" not in text


def test_the_root_leads_to_the_index(share: Serve) -> None:
    response = share(HANDLER).get("/")
    assert (response.status_code, response.headers["location"]) == (307, "/rest/")


@pytest.mark.parametrize("allowed", [True, False])
def test_cors_is_answered_where_it_is_configured(share: Serve, allowed: bool) -> None:
    gateway = share(HANDLER, http={"cors_origins": ["https://app.example.com"] if allowed else []})
    asked = {
        "Origin": "https://app.example.com",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization, prosody-rest-timeout",
    }
    response = gateway.request("OPTIONS", "/rest/greet/bob", headers=asked)
    assert (response.headers.get("access-control-allow-origin") == "https://app.example.com") is allowed
    simple = gateway.get("/rest/", headers={"Origin": "https://app.example.com"})
    assert ("access-control-allow-origin" in simple.headers) is allowed
