"""Callers of commands who send what they should not, and commands that do what they should not."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.api.conftest import ServeCommands
from tigrest.testing import TestGateway

SOURCE = """
class Level(enum.Enum):
    low = "low"
    high = "high"

@command(role=None)
def take(ctx, text: str, number: int = 0, level: Level = Level.low, who: JID | None = None, items: list[int] = (), on: bool = False) -> None: ...

@command(role=None, effect="read")
def look(ctx, text: str = "") -> int:
    return len(text)

@command(role=None)
def nothing(ctx) -> None: ...

@command(role=None)
def lies(ctx) -> int:
    return "sesame"

@command(role=None)
def leaves(ctx, how: str = "") -> None:
    raise SystemExit(3)

@command(role=None)
async def leaves_too(ctx) -> None:
    raise KeyboardInterrupt

@command(role=None)
async def waits(ctx) -> None:
    await asyncio.sleep(60)

@command(role=None)
def blocks(ctx) -> None:
    time.sleep(1.5)

@command(role=None)
async def never_ends(ctx) -> None:
    for _ in range(20):
        try:
            await asyncio.sleep(0.1)
        except asyncio.CancelledError:
            pass
"""

JSON = "application/json"


@pytest.fixture
def gateway(share: ServeCommands) -> TestGateway:
    return share(SOURCE, http={"request_timeout": 0.3})


@pytest.mark.parametrize(
    ("given", "status", "argument", "reason"),
    [
        ({}, 400, "text", "missing"),
        ({"text": "x", "nubmer": 1}, 400, "nubmer", "unknown"),
        ({"text": "x", "": 1}, 400, "", "unknown"),
        ({"text": 5}, 422, "text", "type"),
        ({"text": None}, 422, "text", "type"),
        ({"text": ["x"]}, 422, "text", "type"),
        ({"text": {"x": 1}}, 422, "text", "type"),
        ({"text": "x", "number": "5"}, 422, "number", "type"),
        ({"text": "x", "number": 1.5}, 422, "number", "type"),
        ({"text": "x", "number": True}, 422, "number", "type"),
        ({"text": "x", "level": "middle"}, 422, "level", "type"),
        ({"text": "x", "who": "@"}, 422, "who", "type"),
        ({"text": "x", "items": 5}, 422, "items", "type"),
        ({"text": "x", "items": [1, "2"]}, 422, "items", "type"),
        ({"text": "x", "on": "true"}, 422, "on", "type"),
    ],
)
def test_arguments_that_are_wrong_are_named(gateway: TestGateway, given: dict[str, Any], status: int, argument: str, reason: str) -> None:
    answer = gateway.post("/api/take", json=given)
    problem = answer.json()
    assert (answer.status_code, problem["argument"], problem["reason"], problem["code"]) == (status, argument, reason, status)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("media", "body", "argument"),
    [
        (JSON, '{"text":"a","text":"b"}', "text"),
        (JSON, '{"text":"a","t\\u0065xt":"a"}', "text"),
        (JSON, '{"text":{"k":1,"k":2}}', "k"),
        ("application/x-www-form-urlencoded", "text=a&text=b", "text"),
        ("application/xml", "<c><text>a</text><text>b</text></c>", "text"),
    ],
)
def test_what_is_given_twice_is_refused(gateway: TestGateway, media: str, body: str, argument: str) -> None:
    answer = gateway.post("/api/take", content=body, type=media, headers={"Accept": JSON})
    assert answer.status_code == 400
    if media != "application/xml":
        assert (answer.json()["argument"], answer.json()["reason"]) == (argument, "doubled")


def test_a_parameter_given_twice_is_refused(gateway: TestGateway) -> None:
    answer = gateway.get("/api/look?text=a&text=b")
    assert (answer.status_code, answer.json()["argument"], answer.json()["reason"]) == (400, "text", "doubled")
    assert gateway.get("/api/look?txet=a").json()["detail"] == "look has no argument 'txet'; did you mean 'text'?"
    assert gateway.get("/api/look?text=%ff").status_code == 400
    assert gateway.get("/api/look?" + "&".join(f"a{number}=1" for number in range(1001))).status_code == 400


@pytest.mark.parametrize("body", ["[]", '["text"]', "5", '"text"', "null", "true", "{", "{]", '{"text":}', "nul", "\x00", "{}{}", "'{}'"])
def test_a_body_that_is_no_object_is_400(gateway: TestGateway, body: str) -> None:
    assert gateway.post("/api/nothing", content=body, type=JSON).status_code == 400


@pytest.mark.parametrize("body", ["<a>text</a>", "<a><item>1</item><item>2</item></a>", "<a>", "<a/><b/>", "text", "<!DOCTYPE a><a/>"])
def test_a_document_without_arguments_is_400(gateway: TestGateway, body: str) -> None:
    assert gateway.post("/api/nothing", content=body, type="application/xml").status_code == 400


@pytest.mark.parametrize(
    "media", ["", "text/plain", "application/x-www-form-urlencoded", "application/octet-stream", "multipart/form-data", "json", "x"]
)
def test_json_under_another_type_is_415_and_says_what_to_add(gateway: TestGateway, media: str) -> None:
    answer = gateway.post("/api/take", content=b'{"text":"x"}', type=media)
    assert answer.status_code == 415
    assert "application/json" in answer.json()["detail"]
    assert "application/json" in answer.headers["accept"]


def test_a_charset_that_is_not_read_is_415(gateway: TestGateway) -> None:
    assert gateway.post("/api/nothing", content=b"{}", type="application/json; charset=klingon").status_code == 415
    assert gateway.post("/api/take", content='{"text":"ü"}'.encode("latin-1"), type="application/json; charset=latin-1").status_code == 200
    assert gateway.post("/api/take", content='{"text":"ü"}'.encode("latin-1"), type=JSON).status_code == 400


def test_a_large_body_is_read_and_one_over_the_limit_is_413(gateway: TestGateway) -> None:
    large, larger = (b'{"text":"%s"}' % (b"x" * size) for size in (1048576 - 11, 1048576))
    assert gateway.post("/api/take", content=large, type=JSON).status_code == 200
    assert gateway.post("/api/take", content=larger, type=JSON).status_code == 413
    assert gateway.post("/api/take", content=iter([larger]), type=JSON).status_code == 413
    assert gateway.post("/api/nothing", content=b" " * 1048576, type=JSON).status_code == 200


@pytest.mark.parametrize("depth", [300, 20_000])
def test_a_deep_body_is_400(gateway: TestGateway, depth: int) -> None:
    for body in ("[" * depth + "]" * depth, '{"text":' * depth + "1" + "}" * depth, '{"a":' + "[" * depth + "]" * depth + "}"):
        assert gateway.post("/api/nothing", content=body, type=JSON).status_code == 400
    answer = gateway.post("/api/nothing", content="<a>" * depth + "</a>" * depth, type="application/xml")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "path", ["nothing%00", "%ff", "nothing/v1%0A", "a" * 5000, "../nothing", "nothing%2fv1", ".", "v1/" * 500, "{name}"]
)
def test_odd_paths_are_400_or_404(gateway: TestGateway, path: str) -> None:
    answer = gateway.post(f"/api/{path}")
    assert answer.status_code in ((200, 400, 404) if "%2f" in path or path.startswith("..") else (400, 404))
    assert len(answer.text) < 1000


def test_a_command_that_does_not_return_what_it_declares_is_500_and_logged(gateway: TestGateway, caplog: pytest.LogCaptureFixture) -> None:
    answer = gateway.post("/api/lies")
    assert answer.status_code == 500
    assert "sesame" not in answer.text
    [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "lies (script.py) does not return what it declares" in caplog.text
    assert "sesame" not in record.getMessage()


@pytest.mark.parametrize("name", ["leaves", "leaves_too"])
def test_a_command_that_exits_is_500_and_the_gateway_goes_on(gateway: TestGateway, name: str, caplog: pytest.LogCaptureFixture) -> None:
    assert gateway.post(f"/api/{name}").status_code == 500
    assert "the script calls sys.exit()" in caplog.text or "the script raises KeyboardInterrupt" in caplog.text
    assert gateway.post("/api/nothing").status_code == 200


@pytest.mark.parametrize("name", ["waits", "blocks", "never_ends"])
def test_a_command_that_does_not_end_in_time_is_504(gateway: TestGateway, name: str) -> None:
    answer = gateway.post(f"/api/{name}")
    assert (answer.status_code, answer.json()["detail"]) == (504, f"{name} gave no result within 0.3 s")
