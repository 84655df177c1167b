"""What is served besides handlers: the contract of mounts."""

import asyncio
import logging
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

from tests.http.conftest import Serve
from tigrest.http.mounts import AnyResponse, Mount, MountRequest, Mounts
from tigrest.http.replies import Reply
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
    gateway = at(serve(), Mount("/closed", echo, ("GET", "POST")), Mount("/open", echo, ("POST",), checks_origin=False))
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
