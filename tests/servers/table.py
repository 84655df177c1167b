"""What works with which server: tried by a request for each built-in function, for the table of ``docs/servers.md``."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.servers.client import Client, befriend
from tests.servers.gateway import eventually
from tests.tables import PageTable
from tigrest.backends.component.backend import Component
from tigrest.gateway.demo import picture
from tigrest.testing import API_KEY, TestGateway
from tigrest.xmpp.jid import JID

PAGE = PageTable("servers.md")
ADMIN, ALICE, BOB = "admin:adminpw", "alice:alicepw", "bob:bobpw"
ADD_USER = "http://jabber.org/protocol/admin#add-user"
INFO = "<query xmlns='http://jabber.org/protocol/disco#info'/>"
PING = "<ping xmlns='urn:xmpp:ping'/>"
VERSION = "<query xmlns='jabber:iq:version'/>"
YES = "yes"


@dataclass
class Trial:
    """A gateway in front of a server, with two users online.

    Args:
        gateway: the gateway.
        alice: a user who is online; ``None`` on the embedded domain, which has no clients.
        bob: another.
    """

    gateway: TestGateway
    alice: Client | None
    bob: Client | None

    def settle(self) -> None:
        """Wait until the gateway knows what the server delivers."""
        backend = self.gateway.gateway.backend
        if isinstance(backend, Component):
            eventually(lambda: backend.software)
            self.gateway.client.portal.call(backend.probes.try_iqs)

    def iq(self, to: str, payload: str) -> Any:
        """Send an iq as an admin."""
        stanza = f"<iq type='get' id='q' to='{to}'>{payload}</iq>"
        return self.gateway.post("/rest", login=ADMIN, type="application/xml", content=stanza)

    def user(self, method: str, user: str, password: str = "") -> Any:
        """Call the handler of accounts."""
        options: dict[str, Any] = {"json": {"user": {"password": password}}} if password else {}
        return self.gateway.request(method, f"/rest/user/{user}@localhost", login=ADMIN, **options)

    def version(self) -> str:
        """Return name and version of the server, without the parts behind the second number."""
        text = self.iq("localhost", VERSION).text
        [name], version = re.findall("<name>(.*?)</name>", text), re.search(r"<version>(\d+\.\d+)", text)
        return f"{name} {version[1]}" if version else name


def said(answer: Any, *expected: int) -> str:
    """Return whether an answer is one of those expected, else its status."""
    return YES if answer.status_code in (expected or (200,)) else f"no ({answer.status_code})"


def logins(trial: Trial) -> str:
    """Log in with a right and with a wrong password."""
    wrong = trial.gateway.post("/rest/echo", login="alice:wrong", json={"to": "bob@localhost", "body": "x"})
    assert wrong.status_code == 401
    return said(trial.gateway.post("/rest/echo", login=ALICE, json={"to": "bob@localhost", "body": "x"}))


def message(sender: str) -> Callable[[Trial], str]:
    """Return how a message from an address is tried."""

    def tried(trial: Trial) -> str:
        body = f"hello from {sender}"
        answer = trial.gateway.post("/rest", login=ADMIN, json={"from": sender, "to": "bob@localhost", "body": body})
        if answer.status_code == 202 and trial.bob is not None:
            trial.bob.message(body)
        return said(answer, 202)

    return tried


def incoming(trial: Trial) -> str:
    """Have a user send a message to the gateway, which answers that nobody reads it."""
    if trial.bob is None:
        return said(trial.gateway.post("/rest", login=ALICE, json={"to": "bot@http.localhost", "body": "hello?"}), 202)
    trial.bob.send("<message to='bot@http.localhost' type='chat' id='m'><body>hello?</body></message>")
    trial.bob.expect(lambda stanza: stanza["type"] == "error" and stanza["id"] == "m")
    return YES


def rooms(trial: Trial) -> str:
    """Ask the service of rooms what it is."""
    answer = trial.iq("rooms.localhost", INFO)
    return "none there" if answer.status_code == 200 and "conference" not in answer.text else said(answer)


def commands(trial: Trial) -> str:
    """List the commands of the server."""
    return said(trial.gateway.get("/rest/adhoc/localhost?type=json", login=ADMIN))


def get_user(trial: Trial) -> str:
    """Look for an account that there is, and for one that there is not."""
    there, nowhere = trial.user("GET", "bob"), trial.user("GET", "nobody")
    return said(there) if nowhere.status_code == 404 else said(nowhere, 404)


def get_avatar(trial: Trial) -> str:
    """Look for the photo of a vCard."""
    if trial.bob is None:
        return said(trial.gateway.get("/rest/avatar/bob@localhost"), 200, 404)
    photo = f"<PHOTO><TYPE>image/png</TYPE><BINVAL>{b64encode(picture('bob')).decode()}</BINVAL></PHOTO>"
    trial.bob.ask("type='set'", f"<vCard xmlns='vcard-temp'>{photo}</vCard>")
    trial.gateway.service.avatars.cache.forget(JID("bob@localhost"))
    return said(trial.gateway.get("/rest/avatar/bob@localhost"))


def put_avatar(trial: Trial) -> str:
    """Set an avatar."""
    return said(trial.gateway.put("/rest/avatar/alice@localhost", login=ALICE, type="image/png", content=picture("alice")))


def status(trial: Trial) -> str:
    """Show a user as online."""
    answer = trial.gateway.post("/rest/user/bob@localhost/status/desk", api_key=API_KEY, json={"show": "dnd"}).json()["status"]
    if answer["success"] and trial.alice is not None:
        trial.alice.presence("bob@localhost/desk")
    return YES if answer["success"] else "no (says why)"


def prebind(trial: Trial) -> str:
    """Open a BOSH session."""
    fields = [{"var": "from", "value": "alice@localhost"}, {"var": "hold", "value": "1"}, {"var": "wait", "value": "60"}]
    command = {"node": "pre-bind-bosh-session", "fields": fields}
    return said(trial.gateway.post("/rest/adhoc/bosh@localhost", login=ALICE, json={"command": command}))


ROWS: dict[str, Callable[[Trial], str]] = {
    "logins with the passwords of its users": logins,
    "messages from the gateway's address": message("http.localhost"),
    "messages from users' addresses (`send_as`)": message("alice@localhost"),
    "messages to the gateway's addresses": incoming,
    "iqs to the server": lambda trial: said(trial.iq("localhost", PING)),
    "iqs to rooms and other components": rooms,
    "`GET /rest/adhoc` of the server": commands,
    "`GET /rest/user`": get_user,
    "`PUT /rest/user`": lambda trial: said(trial.user("PUT", "dora", "one")),
    "`POST /rest/user`": lambda trial: said(trial.user("POST", "dora", "two")),
    "`DELETE /rest/user`": lambda trial: said(trial.user("DELETE", "dora")),
    "`GET /rest/users`": lambda trial: said(trial.gateway.get("/rest/users/", login=ADMIN)),
    "`GET /rest/avatar`": get_avatar,
    "`PUT /rest/avatar`": put_avatar,
    "status of users": status,
    "BOSH pre-binding": prebind,
}
"""Functions, and how each is tried."""


def column(trial: Trial) -> list[str]:
    """Try everything; return the column of the table, from its heading."""
    trial.settle()
    if trial.alice is not None and trial.bob is not None:
        befriend(trial.alice, trial.bob)
    return [trial.version(), *[row(trial) for row in ROWS.values()]]
