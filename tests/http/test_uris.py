"""Handlers outside ``/rest``: ``uri = "/msg"``."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from tests.cli.process import tigrest
from tests.http.conftest import Serve
from tigrest.gateway.assembly import add_mounts
from tigrest.http.mounts import Mount
from tigrest.oauth.server import METADATA, ROOTS
from tigrest.observability.logs import ACCESS
from tigrest.observability.metrics import Metrics
from tigrest.scripting.loader import Loader
from tigrest.scripting.table import Table
from tigrest.scripting.uris import OF_GATEWAY, owner_of, problem_of
from tigrest.testing import API_KEY

SCRIPT = '''
class Old(Handler):
    """What an old client posts."""
    uri = "/msg"
    regex = r"/([^/]+)"
    requiredRole = "user"
    def exec_post(self, user, content, name): return {"to": name, "by": str(user), "content": content}

class Alone(Handler):
    uri = "/old/api.php"
    def exec_get(self): return {"alone": True}

class Spaced(Handler):
    uri = "/my ümläut/deep"
    regex = "/?"
    apiKey = True
    def exec_get(self): return {"spaced": True}

class Within(Handler):
    uri = "/rest/elsewhere"
    def exec_get(self): return {"within": True}

class Own(Handler):
    regex = "/own"
    url = "https://api.example.org/"
    def exec_get(self): return self.url
'''


def test_a_handler_is_served_where_it_says(share: Serve) -> None:
    gateway = share(SCRIPT)
    assert gateway.post("/msg/bob?type=json", login="alice", json={"a": 1}).json() == {
        "to": "bob",
        "by": "alice@localhost",
        "content": {"a": 1},
    }
    assert gateway.post("/msg/bob").status_code == 401
    assert gateway.get("/old/api.php?type=json").json() == {"alone": True}
    assert gateway.get("/rest/elsewhere?type=json").json() == {"within": True}
    assert gateway.get("/rest/own").text == "https://api.example.org/"
    for path in ("/msg", "/msg/", "/msg/a/b", "/rest/msg/bob", "/msgs/bob", "/old", "/old/api.php/", "/old/api.phpx"):
        assert gateway.get(path, login="alice").status_code == 404, path
    missing = gateway.get("/msg/bob", login="alice")
    assert (missing.status_code, missing.headers["allow"]) == (404, "POST, OPTIONS")
    assert gateway.request("OPTIONS", "/msg/bob").headers["allow"] == "POST, OPTIONS"
    assert gateway.request("HEAD", "/old/api.php").status_code == 200


def test_it_is_treated_as_any_other(share: Serve, caplog: pytest.LogCaptureFixture) -> None:
    keys = [
        {"name": "here", "key": "here", "paths": ["/my ümläut/.*"]},
        {"name": "there", "key": "there", "paths": ["/rest/.*"]},
        {"name": "all", "key": API_KEY, "paths": []},
    ]
    gateway = share(SCRIPT, auth={"api_keys": keys})
    for key, status in (("here", 200), ("there", 403), (API_KEY, 200), ("", 403)):
        assert gateway.get("/my%20%C3%BCml%C3%A4ut/deep", api_key=key).status_code == status, key
    with caplog.at_level(logging.INFO, ACCESS):
        assert gateway.post("/msg/bob", login="alice", headers={"Origin": "https://evil.example.org"}).status_code == 403
    assert "POST /msg/bob 403" in caplog.text
    assert gateway.post("/msg/bob", login="alice", content=b"{", type="application/x-www-form-urlencoded").status_code == 415
    metrics = gateway.get("/metrics").text
    assert 'tigrest_requests_total{method="POST",route="/msg/{name}",status="403"} 1.0' in metrics
    assert 'route="/my ümläut/deep[/]",status="200"' in metrics


def test_the_index_and_the_command_line_show_it(serve: Serve, tmp_path: Path) -> None:
    gateway = serve(SCRIPT)
    shown = {entry["uri"]: entry for entry in gateway.get("/rest/").json()["routes"]}
    assert set(shown) == {"/msg/{name}", "/old/api.php", "/my ümläut/deep[/]", "/rest/elsewhere", "/rest/own"}
    assert shown["/msg/{name}"]["curl"] == "curl -X POST -u alice@localhost:PASSWORD http://testserver/msg/name"
    assert shown["/my ümläut/deep[/]"]["example"] == "/my%20%C3%BCml%C3%A4ut/deep"
    assert "<h2>/msg</h2>" in gateway.get("/rest/", headers={"Accept": "text/html"}).text
    folder = tmp_path / "project" / "scripts" / "rest"
    folder.mkdir(parents=True)
    (folder / "old.py").write_text("from tigrest import *\n" + SCRIPT)
    routes = json.loads(tigrest("routes", "--json", cwd=tmp_path / "project").stdout)
    assert {"/msg/{name}", "/old/api.php"} <= {route["uri"] for route in routes}
    assert tigrest("check", cwd=tmp_path / "project").returncode == 0


HANDLER = "from tigrest import Handler\nclass H(Handler):\n    {}\n    def exec_get(self, *groups): return {{}}\n"


def load(folder: Path, *classes: str) -> Table:
    for number, attributes in enumerate(classes):
        (folder / f"s{number}.py").write_text(HANDLER.format(attributes))
    return Loader([folder]).load()


@pytest.mark.parametrize("second", ['uri = "/msg"; regex = "/x"', 'uri = "/msg"; regex = "/" + "x"', 'regex = "/x"; uri = "/" + "msg"'])
def test_two_at_one_place_are_an_error_that_names_both(tmp_path: Path, second: str) -> None:
    [problem] = load(tmp_path, 'uri = "/msg"; regex = "/x"', second).problems
    assert "GET /msg/x is already served by" in str(problem)
    assert "s0.py:2" in str(problem)


def test_a_uri_and_a_folder_of_the_same_name_are_the_same_place(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "s.py").write_text(HANDLER.format('regex = "/x"'))
    [problem] = load(tmp_path, 'uri = "/rest/a"; regex = "/x"').problems
    assert "GET /rest/a/x is already served by" in str(problem)


@pytest.mark.parametrize("own", OF_GATEWAY)
def test_what_the_gateway_serves_itself_is_not_for_scripts(tmp_path: Path, own: str) -> None:
    for uri in (own, f"{own}/x"):
        [problem] = load(tmp_path, f'uri = "{uri}"').problems
        assert f"the gateway itself serves {own}" in str(problem)
    assert load(tmp_path, f'uri = "{own}x"').problems == ()
    assert load(tmp_path, 'uri = "/.well-known/other"').problems == ()


def test_every_mount_outside_of_rest_is_known() -> None:
    paths: list[str] = []

    class Noting:
        table = Table()

        def add(self, mount: Mount) -> None:
            paths.append(mount.path)

    service = cast("Any", type("Service", (), {"domain": "localhost", "connected": True}))
    cast("Callable[..., None]", add_mounts)(Noting(), service, Metrics(), [], lambda: False)
    paths += [*ROOTS, METADATA]
    assert {"/health/live", "/metrics"} <= set(paths)
    assert [path for path in paths if path != "/" and not path.startswith("/rest") and owner_of(path) is None] == []


@pytest.mark.parametrize(
    "uri", ["", "/", "msg", 5, ["/msg"], "/a//b", "//a", "/a?b", "/a#b", "/a[b]", "/(a)", "/a/.", "/..", "/a\n", "/a\tb"]
)
def test_what_is_no_uri(uri: object) -> None:
    assert problem_of(uri) is not None


@pytest.mark.parametrize("uri", ["/msg", "/a/b/c", "/api2", "/a b", "/ü", "/a.php", "/~bob", "/a-b_c", "/rest", "/a@b", "/.well-known/x"])
def test_what_is_a_uri(uri: str) -> None:
    assert problem_of(uri) is None
