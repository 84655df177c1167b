"""The ways of ejabberd's HTTP API: results, errors, and what is put up with."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import ServeCommands
from tigrest.testing import TestGateway

SOURCE = """
class Option(TypedDict):
    name: str
    value: str

class Session(TypedDict):
    resource: str
    priority: int

@command(role=None, effect="read", result="stat")
def stats(ctx, name: str) -> int:
    return len(name)

@command("stats", version=1, role=None, effect="read", result="stat")
def stats_1(ctx, name: str) -> int:
    return len(name)

@command(role=None, effect="read", result="levelatom")
def get_loglevel(ctx) -> str:
    return "info"

@command(role=None, effect="read")
def check_account(ctx, user: str) -> bool:
    return user == "bob"

@command(role=None)
def set_nickname(ctx, user: str) -> None: ...

@command(role=None)
def register(ctx, user: str) -> str:
    if user == "bob":
        raise UserExists("User bob@localhost already registered")
    return f"User {user}@localhost successfully registered"

@command(role=None, effect="read")
def get_room_options(ctx, room: str) -> list[Option]:
    return [{"name": "title", "value": "A"}, {"name": "persistent", "value": "true"}] if room else []

@command(role=None, effect="read")
def sessions(ctx) -> list[Session]:
    return [{"resource": "phone", "priority": 5}]

@command(role=None)
def join(ctx, rooms: list[str], level: int = 0, limits: list[int] = ()) -> str:
    return f"{rooms} {level} {list(limits)}"

@command(role=None)
def create(ctx, options: list[Option]) -> str:
    return str(options)

@command()
def closed(ctx) -> None: ...

@command(role=None)
def fails(ctx) -> None:
    raise KeyError("secret detail")
"""

OLD, NEW = "/ejabberd/api", "/compatible"
PLACES = {OLD: {"version": 0, "compat": "ejabberd"}, NEW: {"compat": "ejabberd"}}


@pytest.fixture
def gateway(share: ServeCommands) -> TestGateway:
    return share(SOURCE, api={"mounts": PLACES})


@pytest.mark.parametrize(
    ("path", "arguments", "result"),
    [
        (f"{OLD}/stats", {"name": "abc"}, {"stat": 3}),
        (f"{OLD}/stats/v1", {"name": "abc"}, 3),
        (f"{NEW}/stats", {"name": "abc"}, 3),
        (f"{NEW}/stats/v0", {"name": "abc"}, {"stat": 3}),
        ("/api/stats?compat=ejabberd", {"name": "abc"}, 3),
        ("/api/stats/v0?compat=ejabberd", {"name": "abc"}, {"stat": 3}),
        ("/api/v0/stats", {"name": "abc"}, 3),
        (f"{OLD}/get_loglevel", {}, {"levelatom": "info"}),
        (f"{OLD}/check_account", {"user": "bob"}, 0),
        (f"{OLD}/check_account", {"user": "nobody"}, 1),
        ("/api/check_account", {"user": "nobody"}, False),
        (f"{OLD}/set_nickname", {"user": "bob"}, 0),
        ("/api/set_nickname", {"user": "bob"}, None),
        (f"{OLD}/register", {"user": "eve"}, "User eve@localhost successfully registered"),
        (f"{OLD}/get_room_options", {"room": "a"}, {"title": "A", "persistent": "true"}),
        (f"{OLD}/get_room_options", {"room": ""}, {}),
        ("/api/get_room_options", {"room": "a"}, [{"name": "title", "value": "A"}, {"name": "persistent", "value": "true"}]),
        (f"{OLD}/sessions", {}, [{"resource": "phone", "priority": 5}]),
    ],
)
def test_results_are_ejabberds_where_the_caller_wants_it(gateway: TestGateway, path: str, arguments: dict[str, str], result: Any) -> None:
    answer = gateway.post(path, json=arguments)
    assert (answer.status_code, answer.headers["content-type"], answer.json()) == (200, "application/json", result)


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "message"),
    [
        ("register", {"user": "bob"}, 409, 10090, "User bob@localhost already registered"),
        ("closed", {}, 401, 10, None),
        ("nosuch", {}, 401, 10, None),
        ("stats/vx", {}, 404, 40, None),
        ("stats", {}, 400, 400, None),
        ("stats", {"name": 5}, 422, 422, None),
        ("fails", {}, 500, 500, None),
    ],
)
def test_errors_have_ejabberds_members_and_codes(
    gateway: TestGateway, path: str, body: dict[str, Any], status: int, code: int, message: str | None
) -> None:
    for answer in (gateway.post(f"{OLD}/{path}", json=body), gateway.post(f"/api/{path}?compat=ejabberd", json=body)):
        error = answer.json()
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
        assert (error["status"], error["code"]) == ("error", code)
        assert message in (None, error["message"])
        assert "secret" not in answer.text
        assert ("www-authenticate" in answer.headers) is (status == 401)


def test_there_is_no_command_of_a_name_for_whoever_has_logged_in(gateway: TestGateway) -> None:
    answer = gateway.post(f"{OLD}/nosuch", json={}, login="alice")
    assert (answer.status_code, answer.json()["code"], answer.json()["message"]) == (404, 40, "there is no command 'nosuch'")


def test_a_wrong_argument_is_named(gateway: TestGateway) -> None:
    error = gateway.post(f"{OLD}/stats", json={"name": 5}).json()
    assert (error["argument"], error["reason"]) == ("name", "type")


def test_who_has_no_right_gets_code_32(gateway: TestGateway) -> None:
    answer = gateway.post(f"{OLD}/closed", json={}, login="alice")
    assert (answer.status_code, answer.json()["code"]) == (403, 32)


@pytest.mark.parametrize(
    ("given", "result"),
    [
        ({"rooms": "one"}, "['one'] 0 []"),
        ({}, "[] 0 []"),
        ({"rooms": ["a", "b"], "level": "12"}, "['a', 'b'] 12 []"),
        ({"rooms": [], "level": "-3", "limits": 7}, "[] -3 [7]"),
    ],
)
def test_what_ejabberd_puts_up_with_is_put_up_with(gateway: TestGateway, given: dict[str, Any], result: str) -> None:
    assert gateway.post(f"{OLD}/join", json=given).json() == result
    assert gateway.post("/api/join", json=given).status_code in (400, 422)


@pytest.mark.parametrize(
    "given", [{"rooms": 5}, {"rooms": [], "level": "12x"}, {"rooms": [], "level": None}, {"rooms": {}}, {"rooms": [[]]}]
)
def test_what_ejabberd_refuses_is_refused(gateway: TestGateway, given: dict[str, Any]) -> None:
    assert gateway.post(f"{OLD}/join", json=given).status_code == 422


def test_options_may_be_one_object(gateway: TestGateway) -> None:
    as_list, as_object = [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}], {"a": "1", "b": "2"}
    assert gateway.post(f"{OLD}/create", json={"options": as_list}).json() == str(as_list)
    assert gateway.post(f"{OLD}/create", json={"options": as_object}).json() == str(as_list)


@pytest.mark.parametrize("media", ["", "application/x-www-form-urlencoded", "text/plain"])
def test_json_is_read_whatever_its_type_says(gateway: TestGateway, media: str) -> None:
    assert gateway.post(f"{OLD}/stats", content=b'{"name":"abc"}', type=media).json() == {"stat": 3}
    assert gateway.post("/api/stats", content=b'{"name":"abc"}', type=media).status_code == 415


@pytest.mark.parametrize("body", [b"", b"\n", b"{}", b"[]", b" [ ] "])
def test_several_bodies_are_no_arguments(gateway: TestGateway, body: bytes) -> None:
    assert gateway.post(f"{OLD}/get_loglevel", content=body, type="application/json").json() == {"levelatom": "info"}


def test_get_changes_nothing_there_either(gateway: TestGateway) -> None:
    answer = gateway.get(f"{OLD}/register?user=eve")
    assert (answer.status_code, answer.headers["allow"], answer.json()["status"]) == (405, "POST", "error")
    assert gateway.get(f"{OLD}/stats?name=abc").json() == {"stat": 3}


def test_only_known_ways_may_be_asked_for(gateway: TestGateway) -> None:
    answer = gateway.post("/api/stats?compat=prosody", json={"name": "abc"})
    assert (answer.status_code, answer.json()["detail"]) == (400, "compat is 'prosody'; there is ejabberd")
    assert gateway.post("/api/stats?compat=%ff", json={"name": "abc"}).status_code == 400
