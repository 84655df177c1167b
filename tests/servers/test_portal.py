"""A web portal as Snikket's: it registers, logs users in, does what they ask for on their own accounts, and logs them out.

What it sends is what such a portal sends to Prosody's ``mod_http_oauth2`` and ``mod_rest``; only the URL is the gateway's.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

import httpx2
import pytest

from tests.cli.process import serving
from tests.servers.conftest import installed
from tests.servers.gateway import eventually
from tests.servers.process import USERS

ADMIN = ("admin", "adminpw")
OWNER = "http://jabber.org/protocol/pubsub#owner"
PUBSUB = "http://jabber.org/protocol/pubsub"
NICKNAME = "http://jabber.org/protocol/nick"
STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
SCOPE = "prosody:restricted xmpp prosody:admin"
PING = {"kind": "iq", "type": "get", "to": "localhost", "ping": True}

_numbers = itertools.count(1)


@dataclass
class Session:
    """Somebody who is logged in to the portal."""

    base: str
    user: str
    token: str
    scope: set[str]

    def post(self, **options: Any) -> httpx2.Response:
        """Send a stanza."""
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return httpx2.post(f"{self.base}/rest", headers=headers, timeout=60, **options)

    def iq(self, type: str, payload: str, to: str = "") -> ET.Element:
        """Send an iq in XML, and return the reply. Whatever is not 200 is a failure of the connection to the portal."""
        stanza = f"<iq xmlns='jabber:client' type='{type}' to='{to or f'{self.user}@localhost'}' id='1'>{payload}</iq>"
        answer = self.post(content=stanza, headers={"Content-Type": "application/xmpp+xml", "Accept": "application/xmpp+xml"})
        assert answer.status_code == 200, answer.text
        return ET.fromstring(answer.content)

    def items(self, node: str, owner: str = "") -> ET.Element:
        """Get the items of a PEP node."""
        return self.iq("get", f"<pubsub xmlns='{PUBSUB}'><items node='{node}' max_items='1'/></pubsub>", owner)

    def publish(self, node: str, item: str, id: str = "current") -> ET.Element:
        """Publish an item to a PEP node."""
        return self.iq("set", f"<pubsub xmlns='{PUBSUB}'><publish node='{node}'><item id='{id}'>{item}</item></publish></pubsub>")


@dataclass
class Portal:
    """The portal, with its registration."""

    base: str
    client: tuple[str, str]
    is_embedded: bool

    def ask_for_token(self, user: str, password: str) -> httpx2.Response:
        """Log somebody in."""
        form = {"grant_type": "password", "username": user, "password": password, "scope": SCOPE}
        return httpx2.post(f"{self.base}/oauth2/token", data=form, auth=self.client, timeout=60)

    def log_in(self, user: str, password: str) -> Session:
        """Log somebody in, and check what the portal checks."""
        answer = self.ask_for_token(user, password)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["token_type"] == "bearer"
        return Session(self.base, user, body["access_token"], set(body["scope"].split()))

    def new_user(self) -> tuple[str, str]:
        """Have an administrator make an account."""
        user, password = f"guest{next(_numbers)}", "first password"
        answer = httpx2.put(f"{self.base}/rest/user/{user}", json={"user": {"password": password}}, auth=ADMIN, timeout=60)
        assert answer.status_code == 200, answer.text
        return user, password


@pytest.fixture(scope="module", params=["embedded", "prosody", "prosody-13", "ejabberd-26"])
def portal(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    folder = tmp_path_factory.mktemp(f"{request.param}-portal")
    settings = {"AUTH__TOKENS": '{register = "open"}'}
    with ExitStack() as stack:
        if request.param == "embedded":
            accounts = ", ".join(f'{{jid = "{user}@localhost", password = "{password}"}}' for user, password in USERS.items())
            settings |= {"EMBEDDED__ACCOUNTS": f"[{accounts}]"}
        else:
            server = installed(request.param)(folder / "server", granted=OWNER)
            stack.callback(server.stop)
            server.start()
            settings |= server.settings()
        _, base = stack.enter_context(serving(cwd=folder, **{f"TIGREST__{key}": value for key, value in settings.items()}))
        eventually(lambda: httpx2.get(f"{base}/health/ready").status_code == 200)
        registration = {
            "client_name": "Snikket Web Portal",
            "client_uri": "https://chat.example.org",
            "redirect_uris": ["https://chat.example.org/callback"],
            "grant_types": ["password"],
            "token_endpoint_auth_method": "client_secret_post",
            "scope": SCOPE,
        }
        answer = httpx2.post(f"{base}/oauth2/register", json=registration)
        assert answer.status_code == 201, answer.text
        yield Portal(base, (answer.json()["client_id"], answer.json()["client_secret"]), request.param == "embedded")
        log = (folder / "log").read_text()
        assert "Traceback" not in log
        assert "tgt_" not in log


def condition(reply: ET.Element) -> str:
    """Return the condition of an error; empty for a result."""
    found = reply.find(f".//{{{STANZAS}}}*")
    return "" if found is None else found.tag.rpartition("}")[2]


def test_a_wrong_password_is_an_invalid_grant(portal: Portal) -> None:
    answer = portal.ask_for_token("alice", "wrong")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_scopes_tell_the_portal_who_is_an_admin(portal: Portal) -> None:
    assert portal.log_in("alice", USERS["alice"]).scope == {"prosody:restricted", "xmpp"}
    assert portal.log_in(*ADMIN).scope == {"prosody:restricted", "xmpp", "prosody:admin"}


def test_the_session_is_tried_and_the_server_asked_for_its_version(portal: Portal) -> None:
    session = portal.log_in("alice", USERS["alice"])
    payloads: list[dict[str, Any]] = [{"ping": True}, {"version": {}}]
    for payload in payloads:
        answer = session.post(json={"kind": "iq", "type": "get", "id": "1", "to": "localhost", **payload})
        assert (answer.status_code, answer.json()["type"]) == (200, "result"), answer.text


@pytest.mark.parametrize("is_admin", [False, True])
def test_users_have_a_nickname_an_avatar_and_a_vcard(portal: Portal, is_admin: bool) -> None:
    session = portal.log_in(*(ADMIN if is_admin else portal.new_user()))
    if not is_admin:
        assert condition(session.items(NICKNAME)) in ("", "item-not-found"), "nothing yet: in a 200, which the portal reads"
    assert session.publish(NICKNAME, f"<nick xmlns='{NICKNAME}'>Al</nick>").get("type") == "result"
    assert session.items(NICKNAME).findtext(f".//{{{NICKNAME}}}nick") == "Al"
    data, metadata, id = "urn:xmpp:avatar:data", "urn:xmpp:avatar:metadata", "111f4b3c50d7b0df729d299bc6f8e9ef9066971f"
    assert session.publish(data, f"<data xmlns='{data}'>YQ==</data>", id).get("type") == "result"
    info = f"<metadata xmlns='{metadata}'><info id='{id}' bytes='1' type='image/png'/></metadata>"
    assert session.publish(metadata, info, id).get("type") == "result"
    assert session.items(data).findtext(f".//{{{data}}}data") == "YQ=="
    card = "<vCard xmlns='vcard-temp'><FN>Al</FN></vCard>"
    assert session.iq("set", card).get("type") == "result"
    assert session.iq("get", "<vCard xmlns='vcard-temp'/>").findtext(".//{vcard-temp}FN") == "Al"


def test_users_say_who_sees_their_profile(portal: Portal) -> None:
    session = portal.log_in(*portal.new_user())
    session.publish(NICKNAME, f"<nick xmlns='{NICKNAME}'>Al</nick>")
    asked = session.iq("get", f"<pubsub xmlns='{OWNER}'><configure node='{NICKNAME}'/></pubsub>")
    if portal.is_embedded:  # whose nodes cannot be configured
        assert condition(asked) == "service-unavailable"
    else:
        assert asked.find(f".//{{{OWNER}}}configure") is not None, ET.tostring(asked)


def test_users_change_their_passwords(portal: Portal) -> None:
    user, old = portal.new_user()
    session = portal.log_in(user, old)
    query = f"<query xmlns='jabber:iq:register'><username>{user}</username><password>second password</password></query>"
    assert session.iq("set", query, "localhost").get("type") == "result"
    assert portal.ask_for_token(user, old).json()["error"] == "invalid_grant"
    following = portal.log_in(user, "second password")
    eventually(lambda: session.post(json=PING).status_code == 401)
    assert following.post(json=PING).status_code == 200, "what was granted by the new password stays"


def test_nobody_reaches_the_account_of_another(portal: Portal) -> None:
    session = portal.log_in("alice", USERS["alice"])
    headers = {"Content-Type": "application/xmpp+xml"}
    for to, payload in (
        ("localhost", "<query xmlns='jabber:iq:register'><username>bob</username><password>mine</password></query>"),
        ("bob@localhost", "<query xmlns='jabber:iq:register'><username>bob</username><password>mine</password></query>"),
        ("bob@localhost", "<query xmlns='jabber:iq:register'><username>alice</username><password>mine</password></query>"),
        ("bob@localhost", f"<pubsub xmlns='{PUBSUB}'><publish node='{NICKNAME}'><item/></publish></pubsub>"),
        ("bob@localhost", "<vCard xmlns='vcard-temp'><FN>Eve</FN></vCard>"),
    ):
        answer = session.post(content=f"<iq type='set' to='{to}'>{payload}</iq>", headers=headers)
        assert answer.status_code == 403, (to, payload, answer.text)
    assert portal.log_in("bob", USERS["bob"]).user == "bob"


def test_logging_out_ends_the_token(portal: Portal) -> None:
    session = portal.log_in("alice", USERS["alice"])
    assert session.post(json=PING).status_code == 200
    assert httpx2.post(f"{portal.base}/oauth2/revoke", data={"token": session.token}).status_code == 200
    assert session.post(json=PING).status_code == 401
