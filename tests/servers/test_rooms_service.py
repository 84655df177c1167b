"""Messages to chat rooms end in an honest answer, on real servers, with clients who watch."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.servers.client import Client, online
from tests.servers.conftest import StartServer
from tests.servers.gateway import eventually, gateway_for, settings
from tests.servers.newer import NewerEjabberd
from tests.servers.process import XmppServer
from tests.servers.relay import relay_to
from tigrest.testing import TestGateway, serving

NEWER_TOO = True
NAMES = (f"hall{number}@rooms.localhost" for number in itertools.count())
OWNER = "http://jabber.org/protocol/muc#owner"
ALICE, BOB, ADMIN = (f"{user}:{password}" for user, password in (("alice", "alicepw"), ("bob", "bobpw"), ("admin", "adminpw")))


def enter(client: Client, room: str, nick: str) -> None:
    client.send(f"<presence to='{room}/{nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
    client.presence(f"{room}/{nick}")


def configure(client: Client, room: str, **options: str) -> None:
    fields = "".join(f"<field var='muc#roomconfig_{name}'><value>{value}</value></field>" for name, value in options.items())
    kind = "<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>"
    client.ask(f"type='set' to='{room}'", f"<query xmlns='{OWNER}'><x xmlns='jabber:x:data' type='submit'>{kind}{fields}</x></query>")


@contextmanager
def room_of(client: Client, nick: str = "Admin", **options: str) -> Iterator[str]:
    """Give a room that a client has made, and is in."""
    room = next(NAMES)
    enter(client, room, nick)
    configure(client, room, **options)
    yield room
    client.send(f"<presence to='{room}/{nick}' type='unavailable'/>")


@contextmanager
def watched(server: XmppServer, **xmpp: Any) -> Iterator[tuple[TestGateway, Client]]:
    with gateway_for(server, **xmpp) as gateway, online(server, "admin") as admin:
        yield gateway, admin


def test_the_six_ways_to_say_something_in_a_room_arrive(server: XmppServer) -> None:
    with watched(server, send_as="gateway") as (gateway, admin), room_of(admin) as room:
        json = gateway.post(f"/rest/room/{room}", login=ALICE, json={"body": "by JSON", "nick": "reporter"})
        assert json.status_code == 200, json.text
        assert admin.message("by JSON")["from"] == f"{room}/reporter"
        path = gateway.post(f"/rest/message/groupchat/{room}", login=ALICE, json={"body": "by path"})
        assert path.status_code == 200, path.text
        assert admin.message("by path")["from"] == f"{room}/reporter"
        form = gateway.post(f"/rest/room/{room}", login=BOB, data={"body": "by form"})
        assert form.status_code == 200, form.text
        assert admin.message("by form")["from"] == f"{room}/bob"
        as_admin = gateway.post("/rest", login=ADMIN, json={"kind": "message", "type": "groupchat", "to": room, "body": "as admin"})
        assert as_admin.status_code == 200, as_admin.text
        assert admin.message("as admin")["from"] == f"{room}/admin"
        text = gateway.post(f"/rest/room/{room}", login=BOB, content="as user", headers={"Content-Type": "text/plain"})
        assert text.status_code == 200, text.text
        assert admin.message("as user")["from"] == f"{room}/bob"
        command = gateway.post("/api/send_message", login=ALICE, json={"type": "groupchat", "to": room, "body": "by command"})
        assert command.status_code == 200, command.text
        assert admin.message("by command")["from"] == f"{room}/reporter"
        rooms: Any = gateway.service.rooms  # blocks in a thread
        sent = rooms.send(room, "by script")
        echo = admin.message("by script")
        assert (echo["from"], echo["id"]) == (f"{room}/tigrest", sent.id)
        assert json.json()["id"]
        assert json.json()["stanza_id"]
        seen = gateway.get(f"/rest/room/{room}", login=BOB, headers={"Accept": "application/json"}).json()
        assert [one["nick"] for one in seen["occupants"]] == sorted(["Admin", "admin", "bob", "reporter", "tigrest"])


def test_what_is_refused_says_why(server: XmppServer) -> None:
    with watched(server) as (gateway, admin):

        def say(room: str, login: str = ALICE, **body: str) -> Any:
            return gateway.post(f"/rest/room/{room}", login=login, json={"body": "hello", **body})

        with room_of(admin, passwordprotectedroom="1", roomsecret="open") as room:
            assert [say(room).status_code, say(room, password="wrong").status_code] == [403, 403]
            assert say(room, password="open").status_code == 200
        with room_of(admin, membersonly="1") as room:
            refused = say(room)
            assert (refused.status_code, "alice@http.localhost" in refused.text) == (403, True)
        with room_of(admin) as room:
            ban = "<item affiliation='outcast' jid='alice@http.localhost'/>"
            admin.ask(f"type='set' to='{room}'", f"<query xmlns='http://jabber.org/protocol/muc#admin'>{ban}</query>")
            assert say(room).status_code == 403
            assert say(room, BOB).status_code == 200
            assert say(room, ADMIN, nick="bob").status_code == 409
            assert gateway.post(f"/rest/room/{room}/nobody", login=BOB, json={"body": "psst"}).status_code == 404
            whisper = gateway.post(f"/rest/message/chat/{room}/Admin", login=BOB, json={"body": "psst"})
            assert whisper.status_code == 200, whisper.text
            assert admin.message("psst")["from"] == f"{room}/bob"
            kick = "<item nick='bob' role='none'><reason>behave</reason></item>"
            admin.ask(f"type='set' to='{room}'", f"<query xmlns='http://jabber.org/protocol/muc#admin'>{kick}</query>")
            eventually(lambda: gateway.get(f"/rest/room/{room}", login=BOB).status_code == 404)
        with room_of(admin, "alice") as room:
            assert say(room).status_code == 200  # nobody has asked for this nickname
            shown = gateway.get(f"/rest/room/{room}", login=ALICE, headers={"Accept": "application/json"}).json()
            assert (shown["nick"], shown["wanted_nick"]) == ("alice_2", "alice")
            assert say(room, nick="alice").status_code == 409
        with room_of(admin, maxusers="5") as room:
            full = [say(room, nick=f"n{number}") for number in range(5)]
            assert [one.status_code for one in full] == [200] * 4 + [503 if server.name == "ejabberd" else 200]  # Prosody has no limit
            assert ("is full" in full[-1].text, "Retry-After" in full[-1].headers) == (server.name == "ejabberd",) * 2
        with room_of(admin, moderatedroom="1", members_by_default="0") as room:
            assert say(room).status_code in (200, 403)  # who has no voice by default differs
        for wrong in (next(NAMES), "alice@localhost", "x@nowhere.localhost", "x@http.localhost"):
            answer = say(wrong)
            assert answer.status_code in ((403, 404) if "nowhere" in wrong else (404,)), f"{wrong} {answer.text}"  # ejabberd: policy
        assert say("rooms.localhost").status_code == 400
        assert gateway.delete(f"/rest/room/{next(NAMES)}", login=ALICE).status_code == 404


LISTENER = """
from tigrest import Handler, Match

class Hall(Handler):
    match = Match(type="groupchat")

    async def on_message(self, body, nick, room, real_jid):
        return f"{nick} in {room.local} said {body}, {real_jid is not None}"
"""


def test_listeners_hear_others_once_and_answer_and_invitations_are_followed(server: XmppServer, tmp_path: Any) -> None:
    (tmp_path / "hall.py").write_text(LISTENER)
    rooms = [{"jid": "lobby@rooms.localhost", "nick": "concierge"}]
    with serving(tmp_path, xmpp=settings(server), rooms=rooms) as gateway, online(server, "admin") as admin:
        eventually(lambda: gateway.service.connected)
        with room_of(admin, whois="anyone", membersonly="0") as room:
            admin.send(f"<message to='http.localhost'><x xmlns='jabber:x:conference' jid='{room}'/></message>")
            admin.presence(f"{room}/tigrest")
            assert gateway.post(f"/rest/room/{room}", login=BOB, json={"body": "not heard"}).status_code == 200
            admin.send(f"<message to='{room}' type='groupchat' id='q1'><body>hello</body></message>")
            answer = admin.message(f"Admin in {room.partition('@')[0]} said hello, True")
            assert answer["from"] == f"{room}/tigrest"
            admin.send(f"<message to='{room}' type='groupchat' id='q2'><body>last</body></message>")
            heard = admin.expect(lambda stanza: stanza["body"].startswith("Admin in"))
            assert heard["body"].endswith("said last, True")
        enter(admin, "lobby@rooms.localhost", "Admin")
        configure(admin, "lobby@rooms.localhost")
        admin.expect(lambda stanza: stanza["from"] == "lobby@rooms.localhost/concierge", 20.0)
        admin.send("<presence to='lobby@rooms.localhost/Admin' type='unavailable'/>")


MISSED = """
from tigrest import Handler, Match

class Missed(Handler):
    match = Match(type="groupchat")
    heard = []

    async def on_message(self, body, nick, sent_at):
        self.heard.append([nick, body, sent_at is not None])

class Heard(Handler):
    regex = "/heard"

    async def exec_get(self):
        return {"heard": Missed.heard}
"""


def test_what_is_said_while_the_link_is_cut_is_heard_once_and_marked(server: XmppServer, tmp_path: Any) -> None:
    (tmp_path / "missed.py").write_text(MISSED)
    with (
        relay_to(server.component) as relay,
        online(server, "admin") as admin,
        room_of(admin) as room,
        serving(tmp_path, xmpp=settings(server, port=relay.port), rooms=[{"jid": room}]) as gateway,
    ):

        def say(body: str) -> None:
            admin.send(f"<message to='{room}' type='groupchat' id='{body}'><body>{body}</body></message>")
            admin.message(body)

        def heard() -> Any:
            return gateway.get("/rest/heard", headers={"Accept": "application/json"}).json()["heard"]

        admin.presence(f"{room}/tigrest")
        assert gateway.post(f"/rest/room/{room}", login=BOB, json={"body": "not heard"}).status_code == 200
        say("live")
        eventually(lambda: heard() == [["Admin", "live", False]])
        relay.cut()
        eventually(lambda: not gateway.service.connected)
        say("missed")
        say("missed too")
        relay.mend()
        eventually(lambda: gateway.service.connected and gateway.service.rooms.is_in(room))
        eventually(lambda: len(heard()) >= 3)
        say("live again")
        expected = [["Admin", "live", False], ["Admin", "missed", True], ["Admin", "missed too", True], ["Admin", "live again", False]]
        eventually(lambda: len(heard()) >= 4)
        assert heard() == expected


def test_a_room_of_the_configuration_is_made_with_its_options_once(
    server: XmppServer, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    options = {"members_only": True, "title": "The lounge", "affiliations": "member=bob@http.localhost"}
    room: dict[str, Any] = {"jid": "lounge@rooms.localhost", "create": True, "options": options}
    names = {"room": "lounge", "service": "rooms.localhost"}
    if isinstance(server, NewerEjabberd):  # drops iqs of components to rooms
        with serving(tmp_path, xmpp=settings(server), rooms=[room]):
            eventually(lambda: "room lounge@rooms.localhost cannot be entered: create_room_with_opts is not possible here" in caplog.text)
        return
    for _ in range(2):
        with serving(tmp_path, xmpp=settings(server), rooms=[room]) as gateway:
            eventually(lambda: gateway.service.connected and gateway.service.rooms.is_in(room["jid"]))
            assert [gateway.post(f"/rest/room/{room['jid']}", login=who, json={"body": "x"}).status_code for who in (BOB, ALICE)] == [
                200,
                403,
            ]
            shown = gateway.post("/api/get_room_options", login=ADMIN, json=names).json()
            assert (shown["members_only"], shown["title"], shown["persistent"]) == ("true", "The lounge", "true")
        room["options"] = {"members_only": False}  # it is there already
    with gateway_for(server) as gateway:
        assert gateway.post("/api/destroy_room", login=ADMIN, json=names).status_code == 200


def test_who_is_thrown_out_while_he_speaks_hears_it_and_does_not_come_back_at_once(server: XmppServer) -> None:
    with watched(server) as (gateway, admin), room_of(admin) as room:

        def say(login: str = BOB) -> Any:
            return gateway.post(f"/rest/room/{room}", login=login, json={"body": "hello"})

        assert say().status_code == 200
        kick = "<item nick='bob' role='none'><reason>behave</reason></item>"
        admin.send(f"<iq id='kick' type='set' to='{room}'><query xmlns='http://jabber.org/protocol/muc#admin'>{kick}</query></iq>")
        answers: list[Any] = []
        while not answers or answers[-1].status_code == 200:
            answers.append(say())
        assert answers[-1].status_code in (403, 503), answers[-1].text
        refused = say()
        assert refused.status_code == 503
        assert 0 < int(refused.headers["Retry-After"]) <= 60
        assert gateway.put(f"/rest/room/{room}", login=BOB).status_code == 200
        assert say().status_code == 200


def test_a_room_and_a_server_that_come_back_are_entered_again(start_server: StartServer, tmp_path: Any) -> None:
    server = start_server("prosody")
    rooms = [{"jid": "lobby@rooms.localhost", "nick": "concierge"}]
    with serving(tmp_path, xmpp=settings(server), rooms=rooms) as gateway:
        eventually(lambda: gateway.service.connected)

        def make(room: str) -> None:
            options = [{"name": "persistent", "value": "true"}]
            names = {"room": room, "service": "rooms.localhost", "host": "localhost", "options": options}
            made = gateway.post("/api/create_room_with_opts", login=ADMIN, json=names)
            assert made.status_code == 200, made.text

        def say(room: str, text: str) -> int:
            return int(gateway.post(f"/rest/room/{room}@rooms.localhost", login=ALICE, json={"body": text}).status_code)

        make("lobby")
        eventually(lambda: gateway.service.rooms.is_in("lobby@rooms.localhost"))
        assert say("lobby", "one") == 200
        server.kill()
        eventually(lambda: not gateway.service.connected)
        assert say("lobby", "lost") == 503
        server.start()
        eventually(lambda: gateway.service.connected)
        eventually(lambda: gateway.service.rooms.is_in("lobby@rooms.localhost"))
        with online(server, "admin") as admin:
            enter(admin, "lobby@rooms.localhost", "Admin")
            assert say("lobby", "two") == 200
            assert admin.message("two")["from"] == "lobby@rooms.localhost/alice"
        destroyed = gateway.post("/api/destroy_room", login=ADMIN, json={"room": "lobby", "service": "rooms.localhost"})
        assert destroyed.status_code == 200, destroyed.text
        eventually(lambda: not gateway.service.rooms.is_in("lobby@rooms.localhost"))
        assert say("lobby", "three") == 404
