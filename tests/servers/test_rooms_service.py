"""Messages to chat rooms end in an honest answer, on real servers, with clients who watch."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.servers.client import Client, online
from tests.servers.gateway import gateway_for
from tests.servers.process import XmppServer
from tigrest.testing import TestGateway

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


@pytest.mark.parametrize("send_as", ["gateway", "user"])
def test_the_six_ways_to_say_something_in_a_room_arrive(server: XmppServer, send_as: str) -> None:
    with watched(server, send_as=send_as) as (gateway, admin), room_of(admin) as room:
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
        rooms: Any = gateway.service.rooms  # blocks in a thread
        sent = rooms.send(room, "by script")
        echo = admin.message("by script")
        assert (echo["from"], echo["id"]) == (f"{room}/tigrest", sent.id)
        assert json.json()["id"]
        assert json.json()["stanza_id"]
        seen = gateway.get(f"/rest/room/{room}", login=BOB, headers={"Accept": "application/json"}).json()
        assert [one["nick"] for one in seen["occupants"]] == sorted(["Admin", "admin", "bob", "reporter", "tigrest"])
