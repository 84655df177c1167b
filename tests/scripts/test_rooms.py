"""The handlers of rooms, on the rooms of the embedded domain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.waiting import eventually
from tigrest.testing import TestGateway, serving

HALL = "hall@rooms.localhost"
JSON = {"Accept": "application/json"}


def shown(gateway: TestGateway, login: str = "alice") -> Any:
    return gateway.get(f"/rest/room/{HALL}", login=login, headers=JSON).json()


def test_a_room_is_entered_spoken_in_shown_and_left() -> None:
    with serving() as gateway:
        assert gateway.get(f"/rest/room/{HALL}", login="alice").status_code == 404
        for options in (
            {"json": {"body": "hello", "nick": "reporter"}},
            {"data": {"body": "hello"}},
            {"content": "hello", "type": "text/plain"},
            {"content": "<message><subject>Bread</subject></message>", "type": "application/xmpp+xml"},
        ):
            answer = gateway.post(f"/rest/room/{HALL}", login="alice", **options)
            assert answer.status_code == 200, answer.text
        assert answer.text.startswith("<result><id>")
        assert gateway.put(f"/rest/room/{HALL}", login="bob", json={"nick": "reporter"}).status_code == 409
        assert gateway.put(f"/rest/room/{HALL}", login="bob").status_code == 200
        assert gateway.post(f"/rest/room/{HALL}/bob", login="alice", json={"body": "psst"}).status_code == 200
        assert gateway.post(f"/rest/room/{HALL}/nobody", login="alice", json={"body": "psst"}).status_code == 404
        seen = shown(gateway)
        assert (seen["nick"], seen["subject"]) == ("reporter", "Bread")
        assert [one["nick"] for one in seen["occupants"]] == ["bob", "reporter"]
        assert gateway.delete(f"/rest/room/{HALL}", login="alice").status_code == 204
        assert gateway.delete(f"/rest/room/{HALL}", login="alice").status_code == 404
        eventually(lambda: [one["nick"] for one in shown(gateway, "bob")["occupants"]] == ["bob"])


BAD: list[tuple[str, dict[str, Any], int]] = [
    (HALL, {"json": ["hello"]}, 400),
    (HALL, {"json": {"body": "hello", "from": "bob@localhost"}}, 400),
    (HALL, {"json": {"body": "hello", "password": 1}}, 400),
    (HALL, {"content": b'{"password": ' + b"[" * 100_000, "type": "application/json"}, 400),
    (HALL, {"json": {"body": "hello", "nicke": "x"}}, 400),
    (HALL, {"json": {"body": "hello", "nick": "x" * 2000}}, 400),
    (HALL, {"json": {"kind": "presence"}}, 400),
    (HALL, {"json": {"nick": "reporter", "password": "x"}}, 200),  # a nickname is something to say, by XEP-0172
    (HALL, {"content": b"", "type": "application/json"}, 400),
    (HALL, {"content": b"\xff", "type": "text/plain"}, 400),
    (HALL, {"content": b"<presence/>", "type": "application/xmpp+xml"}, 400),
    (f"{HALL}%2Fnick", {"json": {"body": "hello"}}, 404),
    ("rooms.localhost", {"json": {"body": "hello"}}, 400),
    ("alice@localhost", {"json": {"body": "hello"}}, 404),
    ("hall@http.localhost", {"json": {"body": "hello"}}, 404),
    ("hall@elsewhere.localhost", {"json": {"body": "hello"}}, 404),
    ("@@", {"json": {"body": "hello"}}, 400),
]


def test_what_cannot_be_said_in_a_room_is_refused() -> None:
    with serving() as gateway:
        for room, options, status in BAD:
            answer = gateway.post(f"/rest/room/{room}", login="alice", **options)
            assert answer.status_code == status, (room, options, answer.text)
        for body in (["nick"], {"nick": 1}, {"name": "x"}):
            assert gateway.put(f"/rest/room/{HALL}", login="alice", json=body).status_code == 400
        for options in ({"content": "x", "type": "text/plain"}, {"content": '{"nick": ', "type": "application/json"}):
            assert gateway.put(f"/rest/room/{HALL}", login="alice", **options).status_code == (415 if "x" in options["content"] else 400)
        many = '{"password": "x", "body": "hello", "x": [' + "{}," * 60_000 + "{}]}"  # parsing it would block the event loop
        for send in (gateway.put, gateway.post):
            answer = send(f"/rest/room/{HALL}", login="alice", content=many, type="application/json")
            assert (answer.status_code, "objects and arrays" in answer.text) == (400, True), answer.text
            form = {"content": "a=b&" * 2000 + "password=x", "type": "application/x-www-form-urlencoded"}
            answer = send(f"/rest/room/{HALL}", login="alice", **form)
            assert (answer.status_code, "number of fields" in answer.text or "1000" in answer.text) == (400, True), answer.text
        assert gateway.post(f"/rest/room/{HALL}", json={"body": "hello"}).status_code == 401


LISTENER = """
from tigrest import Handler, Match

class Hall(Handler):
    match = Match(type="groupchat")
    heard = []

    async def on_message(self, body, nick, room, real_jid):
        self.heard.append((nick, room, real_jid, body))

class Heard(Handler):
    regex = "/heard"

    async def exec_get(self):
        return {"heard": [list(each) for each in Hall.heard]}
"""


@pytest.mark.parametrize("rooms", [[], [{"jid": HALL, "nick": "concierge"}]])
def test_what_callers_say_is_not_heard_by_listeners_of_the_gateway(tmp_path: Path, rooms: list[dict[str, Any]]) -> None:
    (tmp_path / "hall.py").write_text(LISTENER)
    with serving(tmp_path, rooms=rooms) as gateway:
        assert gateway.post(f"/rest/room/{HALL}", login="alice", json={"body": "hello"}).status_code == 200
        names = [one["nick"] for one in shown(gateway)["occupants"]]
        assert names == ["alice", *[str(room["nick"]) for room in rooms]]
        assert gateway.get("/rest/heard", headers=JSON).json() == {"heard": []}
