"""What is served besides handlers: the contract of mounts."""

import asyncio
import json
import logging
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import StreamingResponse

from tests.http.conftest import Serve
from tigrest.errors import RoleRequired
from tigrest.http.mounts import AnyResponse, Mount, MountRequest, Mounts, ServedMount
from tigrest.http.replies import Reply
from tigrest.observability.context import request_id
from tigrest.scripting.handler import METHODS
from tigrest.testing import API_KEY, TestGateway

OTHER = {"Origin": "https://evil.example"}


async def echo(request: MountRequest) -> Reply:
    """Tell what arrived."""
    body = await request.body()
    return Reply(200, b"text/plain", f"{request.method} {request.rest!r} {request.principal} {body.decode()}".encode())


def at(gateway: TestGateway, *mounts: Mount) -> TestGateway:
    """Register mounts."""
    for mount in mounts:
        gateway.gateway.parts.app.add(mount)
    return gateway


def test_an_exact_path_wins_over_prefixes_and_a_longer_prefix_over_a_shorter_one() -> None:
    mounts = Mounts()
    paths = [("/a", True), ("/a/b/c", True), ("/a/b", True), ("/a/b/c", False), ("/", False), ("/rest/", False)]
    for path, is_prefix in paths:
        mounts.add(Mount(path, echo, is_prefix=is_prefix))
    found = {path: mount.uri if (mount := mounts.find(path)) else None for path in ("/", "/a", "/a/", "/ab", "/a/b", "/a/b/c", "/a/b/c/d")}
    assert found == {"/": "/", "/a": "/a/*", "/a/": "/a/*", "/ab": None, "/a/b": "/a/b/*", "/a/b/c": "/a/b/c", "/a/b/c/d": "/a/b/c/*"}
    assert mounts.find("/rest") is None


def test_a_prefix_that_does_not_have_a_path_leaves_it_to_a_shorter_one() -> None:
    mounts = Mounts()
    mounts.add(Mount("/a/b", echo, is_prefix=True, has=lambda path: path.endswith(".txt")))
    mounts.add(Mount("/a", echo, is_prefix=True))
    assert [mount.path for path in ("/a/b/x.txt", "/a/b/x") if (mount := mounts.find(path))] == ["/a/b", "/a"]


@pytest.mark.parametrize("is_prefix", [True, False])
def test_two_mounts_at_one_path_are_an_error_that_names_both(is_prefix: bool) -> None:
    async def other(request: MountRequest) -> Reply:
        raise NotImplementedError

    mounts = Mounts()
    mounts.add(Mount("/a", echo, is_prefix=is_prefix))
    mounts.add(Mount("/a", echo, is_prefix=not is_prefix))
    with pytest.raises(ValueError, match=r"two mounts at /a: .*echo and .*other; give one another path"):
        mounts.add(Mount("/a", other, is_prefix=is_prefix))


@pytest.mark.parametrize(
    "wrong", [{"path": "a"}, {"path": ""}, {"path": "/a/", "is_prefix": True}, {"path": "/a", "methods": ("HEAD", "GOT")}]
)
def test_a_mount_that_cannot_be_served_is_an_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is not a path for a mount|known are GET"):
        Mount(answer=echo, **wrong)


def test_methods_are_answered_as_those_of_handlers(serve: Serve) -> None:
    gateway = at(serve(), Mount("/tool", echo, ("GET", "POST")), Mount("/in", echo, ("POST",)))
    assert gateway.get("/tool").text == "GET '' None "
    assert gateway.post("/tool", content=b"hello").text == "POST '' None hello"
    head = gateway.request("HEAD", "/tool")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "13", b"")
    for path, allow in {"/tool": "GET, POST, HEAD, OPTIONS", "/in": "POST, OPTIONS"}.items():
        options, refused = gateway.request("OPTIONS", path), gateway.delete(path)
        assert (options.status_code, options.headers["allow"], options.content) == (204, allow, b"")
        assert (refused.status_code, refused.headers["allow"]) == (404, allow)
        assert refused.headers["content-type"] == "application/problem+xml"
    assert gateway.get("/in").status_code == gateway.request("HEAD", "/in").status_code == 404
    assert "allow" not in gateway.get("/tools").headers


def test_a_prefix_gets_the_rest_of_the_path(serve: Serve) -> None:
    gateway = at(serve(), Mount("/box", echo, is_prefix=True))
    answers = [gateway.get(path).text for path in ("/box", "/box/", "/box/a/b%20c", "/box//x")]
    assert answers == ["GET '' None ", "GET '' None ", "GET 'a/b c' None ", "GET '/x' None "]
    assert gateway.get("/boxes").status_code == 404


def test_bodies_have_the_limit_of_handlers_bodies(serve: Serve) -> None:
    gateway = at(serve(http={"max_body": 10}), Mount("/in", echo, ("POST",)))
    assert gateway.post("/in", content=b"0123456789").status_code == 200
    assert gateway.post("/in", content=b"0123456789a").status_code == 413
    assert gateway.post("/in", content=iter([b"012345", b"6789a"])).status_code == 413


def test_pages_of_other_origins_send_nothing_unsafe_unless_a_mount_allows_it(serve: Serve) -> None:
    gateway = at(serve(), Mount("/closed", echo, ("GET", "POST")), Mount("/open", echo, ("POST",), origins="any"))
    assert gateway.post("/closed", headers=OTHER).status_code == 403
    assert gateway.get("/closed", headers=OTHER).status_code == 200
    assert gateway.post("/open", headers=OTHER).status_code == 200
    assert gateway.post("/nowhere", headers=OTHER).status_code == 403


@pytest.mark.parametrize(
    ("login", "sent", "status", "caller"),
    [
        ("ignored", "", 200, None),
        ("ignored", "alice:wrong", 200, None),
        ("optional", "", 200, None),
        ("optional", "alice:wrong", 401, None),
        ("optional", "alice", 200, "alice@localhost"),
        ("optional", "key", 200, "key test"),
        ("user", "", 401, None),
        ("user", "key", 401, None),
        ("user", "alice", 200, "alice@localhost"),
        ("admin", "alice", 403, None),
        ("admin", "admin", 200, "admin@localhost"),
    ],
)
def test_callers_are_authenticated_as_a_mount_demands(serve: Serve, login: Any, sent: str, status: int, caller: str | None) -> None:
    gateway = at(serve(), Mount("/mine", echo, login=login))
    answer = gateway.get("/mine", api_key=API_KEY) if sent == "key" else gateway.get("/mine", login=sent)
    assert answer.status_code == status
    assert ("www-authenticate" in answer.headers) is (status == 401)
    if status == 200:
        assert answer.text == f"GET '' {caller} "
    assert gateway.request("OPTIONS", "/mine").status_code == 204


async def fail(request: MountRequest) -> AnyResponse:
    """Fail, or take too long."""
    match request.rest:
        case "taken":
            raise HTTPException(409, "taken", {"X-Why": "so"})
        case "slow":
            await asyncio.sleep(5)
        case "own-timeout":
            raise TimeoutError("secret detail")
    raise KeyError("secret detail")


def test_errors_become_problem_documents(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    gateway = at(serve(http={"request_timeout": 0.2}), Mount("/fail", fail, is_prefix=True))
    answers = {path: gateway.get(f"/fail/{path}?type=json") for path in ("taken", "slow", "own-timeout", "other")}
    assert {path: (answer.status_code, answer.json()["status"]) for path, answer in answers.items()} == {
        "taken": (409, 409),
        "slow": (504, 504),
        "own-timeout": (500, 500),
        "other": (500, 500),
    }
    assert answers["taken"].headers["x-why"] == "so"
    assert answers["slow"].json()["detail"] == "/fail/* gave no answer within 0.2 s"
    assert "secret" not in answers["other"].text
    failures = [record.getMessage() for record in caplog.records if record.exc_info]
    assert failures == ["GET /fail/own-timeout failed in the gateway, at /fail/*", "GET /fail/other failed in the gateway, at /fail/*"]


async def stream(request: MountRequest) -> StreamingResponse:
    """Answer piece by piece."""

    async def pieces() -> Any:
        for piece in ("a", "b"):
            yield piece

    return StreamingResponse(pieces(), media_type="text/plain")


def test_requests_are_counted_and_logged_by_the_name_of_the_mount(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    gateway = at(serve(), Mount("/box", echo, is_prefix=True, login="user"), Mount("/stream", stream))
    with caplog.at_level(logging.INFO, "tigrest.access"):
        gateway.get("/box/1", login="alice")
        gateway.get("/box/2")
        assert gateway.get("/stream").text == "ab"
        gateway.get("/health/live")
    text = gateway.get("/metrics").text
    for route, status in (("/box/*", 200), ("/box/*", 401), ("/stream", 200), ("/health/live", 200)):
        assert f'tigrest_requests_total{{method="GET",route="{route}",status="{status}"}} 1.0' in text
    lines = [record.getMessage() for record in caplog.records if record.name == "tigrest.access"]
    assert "GET /box/1 200" in lines[0]
    assert " alice@localhost " in lines[0]
    assert " - " in lines[1]


SHADOWS = """
class Tool(Handler):
    regex = "/tool"
    def exec_get(self): return "script"
"""


def test_below_rest_a_handlers_method_wins_over_a_mounts(serve: Serve) -> None:
    gateway = at(serve(SHADOWS), Mount("/rest/tool", echo, ("GET", "POST")), Mount("/tool", echo))
    assert gateway.get("/rest/tool").text == "script"
    assert gateway.post("/rest/tool").text == "POST '' None "
    assert gateway.request("OPTIONS", "/rest/tool").headers["allow"] == "GET, POST, HEAD, OPTIONS"
    assert gateway.get("/tool").text == "GET '' None "


def test_the_index_and_the_handler_of_its_path_allow_their_methods_together(serve: Serve) -> None:
    gateway = serve(builtins=True)
    assert gateway.request("OPTIONS", "/rest").headers["allow"] == "GET, POST, HEAD, OPTIONS"
    assert gateway.get("/rest").status_code == 200
    assert gateway.post("/rest").status_code == 401


@dataclass(frozen=True)
class Command:
    """A command of the API below: what it requires of callers, and by which method it is called."""

    role: str | None = None
    api_key: bool = False
    method: str = "POST"

    def auth_required(self, api_key: str | None) -> bool:
        """Return whether it requires a login."""
        return self.role is not None and api_key is None


COMMANDS = {"ping": Command(method="GET"), "send": Command("user"), "reload": Command("admin"), "key": Command(api_key=True)}


async def api(request: MountRequest) -> Reply:
    """Run a command: find it, admit the caller, read the content. What is no command, or is called otherwise, has an answer of its own."""
    command = COMMANDS.get(request.rest)
    if command is None:
        raise HTTPException(404, f"there is no command {request.rest[:20]}")
    request.name_route(f"/apis/{request.rest}")
    if request.method != command.method:
        raise HTTPException(405, f"{request.rest} is called by {command.method}", {"Allow": command.method})
    principal = await request.admit(command)
    if command.method == "POST" and (await request.json()).get("fail"):
        raise KeyError("secret detail")
    return Reply(200, b"application/json", json.dumps({"by": str(principal), "id": request_id()}).encode())


@pytest.mark.parametrize(
    ("method", "command", "sent", "status", "caller"),
    [
        ("GET", "ping", "", 200, "None"),
        ("GET", "ping", "alice", 200, "alice@localhost"),
        ("GET", "ping", "alice:wrong", 401, ""),
        ("GET", "nothing", "alice:wrong", 404, ""),
        ("DELETE", "send", "alice:wrong", 405, ""),
        ("POST", "send", "", 401, ""),
        ("POST", "send", "alice", 200, "alice@localhost"),
        ("POST", "send", "key", 200, "key test"),
        ("POST", "reload", "alice", 403, ""),
        ("POST", "reload", "admin", 200, "admin@localhost"),
        ("POST", "key", "", 403, ""),
        ("POST", "key", "key", 200, "key test"),
    ],
)
def test_a_mount_may_find_what_is_asked_for_before_it_admits_the_caller(
    serve: Serve, caplog: pytest.LogCaptureFixture, method: str, command: str, sent: str, status: int, caller: str
) -> None:
    gateway = at(serve(), Mount("/apis", api, METHODS, is_prefix=True))
    who = {"api_key": API_KEY} if sent == "key" else {"login": sent}
    with caplog.at_level(logging.INFO, "tigrest.access"):
        answer = gateway.request(method, f"/apis/{command}", content=b"{}", type="application/json", **who)
    assert answer.status_code == status
    assert ("www-authenticate" in answer.headers) is (status == 401)
    assert answer.headers.get("allow") == ("POST" if status == 405 else None)
    if status == 200:
        assert answer.json()["by"] == caller
        assert f" {'-' if caller == 'None' else caller} " in [entry.getMessage() for entry in caplog.records][-1]
    label = f"/apis/{command}" if command in COMMANDS else "/apis/*"
    assert f'tigrest_requests_total{{method="{method}",route="{label}",status="{status}"}} 1.0' in gateway.get("/metrics").text


def test_the_api_is_fenced_as_handlers_are(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    gateway = at(serve(http={"max_body": 30}), Mount("/apis", api, METHODS, is_prefix=True))
    options: dict[str, Any] = {"login": "alice", "type": "application/json"}
    assert gateway.post("/apis/send", content=b"{}", headers=OTHER, **options).status_code == 403
    assert gateway.post("/apis/send", content=b'"' + b"a" * 40 + b'"', **options).status_code == 413
    assert gateway.post("/apis/send", content=b"{", **options).status_code == 400
    answer = gateway.post("/apis/send", content=b'{"fail": true}', **options)
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.json()["request_id"] in answer.json()["detail"]
    assert [entry.getMessage() for entry in caplog.records if entry.exc_info] == ["POST /apis/send failed in the gateway, at /apis/send"]


async def token(request: MountRequest) -> AnyResponse:
    """Give a token for a form, as OAuth does. RFC 6749 §4.3.2, §5.2"""
    form = await request.form()
    if form.get("grant_type") == "strange":
        raise RoleRequired("not for you")
    if form.get("grant_type") == "stream":
        return await stream(request)
    if form.get("grant_type") != "password":
        return Reply(400, b"application/json", b'{"error": "unsupported_grant_type"}', [(b"cache-control", b"no-store")])
    if form.get("password") != "secret":
        raise HTTPException(401, "the client is unknown", {"WWW-Authenticate": "Bearer", "X-Why": "so"})
    return Reply(200, b"application/json", b'{"access_token": "t"}')


@pytest.mark.parametrize("configured", [[], ["https://app.example"]])
def test_pages_of_every_origin_may_call_a_mount_that_is_open_to_them(serve: Serve, configured: list[str]) -> None:
    mounts = Mount("/oauth/tokens", token, ("POST",), origins="any"), Mount("/closed", echo, ("GET", "POST"))
    gateway = at(serve(http={"cors_origins": configured, "max_body": 100}), *mounts)
    asking = OTHER | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    preflight = gateway.request("OPTIONS", "/oauth/tokens", headers=asking)
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, "*")
    assert preflight.headers["access-control-allow-methods"] == preflight.headers["allow"] == "POST, OPTIONS"
    assert "Authorization" in preflight.headers["access-control-allow-headers"]
    sent = [{"grant_type": "password", "password": "secret"}, {"grant_type": "password"}, {}, {"grant_type": "strange"}, {"x": "y" * 100}]
    answers = [gateway.post("/oauth/tokens", data=form, headers=OTHER) for form in (*sent, {"grant_type": "stream"})]
    assert [answer.status_code for answer in answers] == [200, 401, 400, 403, 413, 200]
    assert [answer.headers.get_list("access-control-allow-origin") for answer in answers] == [["*"]] * 6
    assert all("access-control-allow-credentials" not in answer.headers for answer in answers)
    assert gateway.request("PUT", "/oauth/tokens", headers=OTHER).headers["access-control-allow-origin"] == "*"
    assert gateway.post("/closed", headers=OTHER).status_code == 403
    assert "access-control-allow-origin" not in gateway.get("/closed", headers=OTHER).headers
    assert "access-control-allow-origin" not in gateway.get("/nowhere", headers=OTHER).headers


@pytest.mark.parametrize("configured", [["https://app.example"], ["*"]])
def test_pages_of_other_origins_neither_read_nor_send_a_page_where_users_log_in(serve: Serve, configured: list[str]) -> None:
    """RFC 9700 §2.6: the authorisation endpoint supports no CORS."""
    gateway = serve(http={"cors_origins": configured}, auth={"tokens": {"register": "open"}})
    asking = OTHER | {"Access-Control-Request-Method": "POST"}
    for path in ("/oauth2/authorize", "/oauth/authorize", "/oauth2/device", "/oauth/device"):
        answers = [gateway.get(path, headers=OTHER), gateway.request("OPTIONS", path, headers=asking), gateway.post(path, headers=OTHER)]
        assert answers[-1].status_code == 403, path
        assert [name for answer in answers for name in answer.headers if name.startswith("access-control")] == [], path


def test_a_challenge_of_its_own_takes_the_place_of_ours(serve: Serve) -> None:
    script = """
    class Challenge(Handler):
        regex = "/challenge/(own|ours)"
        def exec_get(self, whose):
            raise HTTPException(401, "no", {"WWW-Authenticate": "Bearer"} if whose == "own" else {"X-Why": "so"})
    """
    gateway = at(serve(script), Mount("/token", token, ("POST",)))
    answers = [
        gateway.post("/token", data={"grant_type": "password"}),
        gateway.get("/rest/challenge/own"),
        gateway.get("/rest/challenge/ours"),
    ]
    challenges = [answer.headers.get_list("www-authenticate") for answer in answers]
    assert challenges == [["Bearer"], ["Bearer"], ['Basic realm="tigrest"']]
    assert answers[0].headers["x-why"] == answers[2].headers["x-why"] == "so"


def test_a_mount_may_have_a_time_limit_of_its_own(serve: Serve) -> None:
    gateway = at(serve(http={"request_timeout": 30.0}), Mount("/fail", fail, is_prefix=True, timeout=0.05))
    assert gateway.get("/fail/slow?type=json").json()["detail"] == "/fail/* gave no answer within 0.05 s"


def test_a_request_has_what_starlettes_constructor_sets() -> None:
    async def receive() -> Any:
        raise NotImplementedError

    async def send(message: Any) -> None:
        raise NotImplementedError

    scope = {"type": "http", "path": "/a/b", "headers": []}
    request = MountRequest(scope, receive, send, {}, ServedMount(Mount("/a", echo, is_prefix=True), *[None] * 3))  # type: ignore[arg-type]
    theirs = vars(Request(scope, receive, send))
    assert {name: getattr(request, name) for name in theirs} == theirs
    assert request.rest == "b"
