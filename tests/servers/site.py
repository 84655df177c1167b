"""A served gateway in front of each back end, and a look at all that an attacker might change there.

The servers grant rights to the gateway's whole domain where they can, as an administrator may have done: whatever is refused here is
refused by the gateway.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import Empty
from typing import Any

from tests.cli.process import serving
from tests.scripting.listening import Quiet, listening
from tests.servers.client import Client, online
from tests.servers.conftest import installed
from tests.servers.curl import Answer, Curl, Request, at, in_json, xml
from tests.servers.process import COMPONENT, DOMAIN, USERS, XmppServer
from tests.servers.tigase import Tigase
from tigrest.backends.component.c2s import ClientPort, ClientPortSettings
from tigrest.xmpp.jid import JID

EVE = "eve@elsewhere.example"
"""A caller of another domain: the gateway knows his password, no server does."""

KEY = "bootstrap-key"
COMMANDS = "http://jabber.org/protocol/commands"
DEVICES = "eu.siacs.conversations.axolotl.devicelist"

SITES = ("embedded", "prosody", "ejabberd", "prosody-13", "ejabberd-26", "tigase", "prosody-as-users")
"""The back ends, of which Tigase is played; at the last, commands run as their callers, and Prosody decides."""

AS_USERS = frozenset({"embedded", "prosody-as-users"})
"""Where ``adhoc_as = "user"``."""


class Webhook:
    """A webhook that answers what it is told to.

    Args:
        url: where it listens.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.answer: tuple[str, str] | None = None
        """Content type and body of the next answer; 204 without."""
        self.asked = threading.Event()


@contextmanager
def answering_webhook() -> Iterator[Webhook]:
    """Run a webhook in a thread."""

    class Hook(Quiet):
        def do_POST(self) -> None:
            self.read_body()
            media, body = webhook.answer or ("", "")
            self.answer(200 if body else 204, body.encode(), media)
            webhook.asked.set()

    with listening(Hook) as url:
        webhook = Webhook(url)
        yield webhook


class Site:
    """A back end with a served gateway.

    Args:
        kind: one of :data:`SITES`.
        curl: sends requests to the gateway.
        webhook: gets the messages for the gateway's addresses.
    """

    def __init__(self, kind: str, curl: Curl, webhook: Webhook) -> None:
        self.kind, self.curl, self.webhook = kind, curl, webhook
        self.known: dict[str, str] | None = None
        """What :meth:`state` has found last, while nobody has done what is allowed."""

    def send(self, request: Request) -> Answer:
        """Send a request."""
        return self.curl.send(request)

    def state(self) -> dict[str, str]:
        """Return all that an attacker might want to change, as it is now."""
        found = {f"password of {user}": str(self.accepts(user, password)) for user, password in USERS.items()}
        found["account mallory"] = str(self.send(Request("GET", "/rest/user/mallory@localhost", login="admin")).status)
        return found | self._seen()

    def _seen(self) -> dict[str, str]:
        raise NotImplementedError

    def accepts(self, user: str, password: str) -> bool:
        """Tell whether a password is still that of a user."""
        raise NotImplementedError

    def inbox(self, user: str) -> list[str]:
        """Return what came for ``bob`` or ``admin`` since the last call, each as ``kind from: text``."""
        raise NotImplementedError

    def admins_stanza(self, stanza: str) -> Answer:
        """Have an admin send a stanza through ``/rest/stream``."""
        return self.send(xml(stanza, "/rest/stream", login="admin", headers=(("Api-Key", KEY),)))


class EmbeddedSite(Site):
    """The embedded domain: looked at by bob and an admin through the gateway itself."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._read = dict.fromkeys(USERS, 0)

    def _seen(self) -> dict[str, str]:
        def asked(payload: str, user: str = "bob") -> str:
            return _plain(self.send(xml(f"<iq type='get' id='q' to='{user}@localhost'>{payload}</iq>", login=user)).body)

        return {
            "vCard of bob": asked("<vCard xmlns='vcard-temp'/>"),
            "devices of bob": asked(_items(DEVICES)),
            "vCard4 of bob": asked(_items("urn:xmpp:vcard4")),
            "what bob got": "\n".join(self.inbox("bob")),
            "what the admin got": "\n".join(self.inbox("admin")),
            "virtual hosts": self._command("vhost-man@localhost", "comp-repo-item-remove"),
            "API keys": self._command(COMPONENT, "api-key-remove"),
        }

    def accepts(self, user: str, password: str) -> bool:
        """Ask the gateway, which forgets a login when the password changes."""
        return self.send(in_json({"body": "x"}, "/rest/echo", login=f"{user}:{password}")).status == 200

    def inbox(self, user: str) -> list[str]:
        """Return the offline messages that were not seen yet."""
        fields = [{"var": "accountjid", "value": f"{user}@localhost"}]
        answer = self._command("localhost", "urn:tigrest:admin#get-offline-messages", fields)
        if not answer.startswith('{"command"'):
            return [answer]
        found = json.loads(answer)
        rows = [{field["var"]: field["value"] for field in item["fields"]} for item in found["command"]["reported"][0].get("items", [])]
        new = rows[self._read[user] :]
        self._read[user] = len(rows)
        return [f"message from {row['from']}: {row['body'] or ''}" for row in new]

    def _command(self, to: str, node: str, fields: list[dict[str, str]] | None = None) -> str:
        command = {"node": node, "fields": fields or []}
        return _plain(self.send(in_json({"command": command}, f"/rest/adhoc/{at(to)}", login="admin")).body)


class ServerSite(Site):
    """A real server: looked at by bob and an admin, who are online."""

    def __init__(self, kind: str, curl: Curl, webhook: Webhook, server: XmppServer, bob: Client, admin: Client) -> None:
        super().__init__(kind, curl, webhook)
        self.server, self.bob, self.admin = server, bob, admin
        self._markers = 0

    def _seen(self) -> dict[str, str]:
        def asked(payload: str) -> str:
            return _plain(str(self.bob.ask("type='get'", payload)))

        keys = self.admin.ask(f"type='set' to='{COMPONENT}'", f"<command xmlns='{COMMANDS}' node='api-key-remove'/>")
        return {
            "what bob got": "\n".join(self.inbox("bob")),
            "what the admin got": "\n".join(self.inbox("admin")),
            "roster of bob": asked("<query xmlns='jabber:iq:roster'/>"),
            "vCard of bob": asked("<vCard xmlns='vcard-temp'/>"),
            "devices of bob": asked(_items(DEVICES)),
            "private storage of bob": asked("<query xmlns='jabber:iq:private'><x xmlns='urn:x'/></query>"),
            "API keys": _plain(str(keys)),
        }

    def accepts(self, user: str, password: str) -> bool:
        """Log in at the server: the gateway remembers logins for a while."""
        port = ClientPort(ClientPortSettings(host="127.0.0.1", port=self.server.c2s, domain=DOMAIN, tls="allow"))
        return asyncio.run(port.check(JID(f"{user}@{DOMAIN}"), password))

    def inbox(self, user: str) -> list[str]:
        """Return all that came before a message that is sent now."""
        client = self.bob if user == "bob" else self.admin
        self._markers += 1
        marker = f"marker {self._markers}"
        assert self.admins_stanza(f"<message type='chat' to='{client.jid}'><body>{marker}</body></message>").status == 200
        found: list[str] = []
        while True:
            try:
                stanza = client.incoming.get(timeout=10)
            except Empty:
                raise AssertionError(f"{marker} did not come") from None
            body = stanza.xml.findtext("{jabber:client}body", "")
            if body == marker:
                return found
            if (stanza.name, stanza["from"]) != ("presence", client.jid):  # its own comes back
                found.append(f"{stanza.name} from {stanza['from']}: {body}")


class Sites:
    """The running sites: each is started when it is first needed, and anew after an attack that got through.

    Args:
        folder: for their files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, tuple[Site, ExitStack]] = {}
        self._number = 0

    @contextmanager
    def use(self, kind: str) -> Iterator[Site]:
        """Give the site of a kind, and stop it after an exception: who knows what has happened to it."""
        if kind not in self._running:
            with ExitStack() as stack:
                site = self._start(kind, stack)
                self._running[kind] = site, stack.pop_all()
        try:
            yield self._running[kind][0]
        except BaseException:
            self._discard(kind)
            raise

    def _discard(self, kind: str) -> None:
        self._running.pop(kind)[1].close()

    def stop(self) -> None:
        """Stop all."""
        for kind in list(self._running):
            self._discard(kind)

    def _start(self, kind: str, stack: ExitStack) -> Site:
        self._number += 1
        folder = self._folder / f"{kind}-{self._number}"
        folder.mkdir()
        webhook = stack.enter_context(answering_webhook())
        if kind == "embedded":
            base = stack.enter_context(_gateway(folder, webhook, _embedded(folder)))
            return EmbeddedSite(kind, _curl(base, stack), webhook)
        server = _server(kind.removesuffix("-as-users"), folder / "server")
        stack.callback(server.stop)
        server.start()
        base = stack.enter_context(_gateway(folder, webhook, _component(server, kind in AS_USERS)))
        bob, admin = (stack.enter_context(online(server, user)) for user in ("bob", "admin"))
        return ServerSite(kind, _curl(base, stack), webhook, server, bob, admin)


def _server(kind: str, folder: Path) -> XmppServer:
    """Return a server that grants rights to the gateway's whole domain, where it can."""
    return Tigase(folder) if kind == "tigase" else installed(kind)(folder, exact="false")


def _curl(base: str, stack: ExitStack) -> Curl:
    curl = Curl(base, USERS | {EVE: "evepw"})
    stack.callback(curl.close)
    return curl


@contextmanager
def _gateway(folder: Path, webhook: Webhook, settings: dict[str, str]) -> Iterator[str]:
    """Run ``tigrest serve``; gives its URL once it is ready."""
    common = {
        "STATE__DATABASE": str(folder / "state.sqlite3"),
        "WEBHOOKS": f'[{{name = "hook", url = "{webhook.url}", stanzas = ["message"], content_type = "application/xmpp+xml"}}]',
        "AUTH__ACCOUNTS": f'[{{jid = "{EVE}", password = "evepw"}}]',
        "SCRIPTS__RELOAD": "false",
    }
    variables = {f"TIGREST__{name}": value for name, value in (common | settings).items()}
    with serving(cwd=folder, HTTP_API_KEY_BOOTSTRAP=KEY, **variables) as (_, base):
        curl, end = Curl(base, {}), time.monotonic() + 20
        while curl.send(Request("GET", "/health/ready", login="")).status != 200:
            assert time.monotonic() < end, (folder / "log").read_text()
            time.sleep(0.05)
        curl.close()
        yield base
        assert "Traceback" not in (folder / "log").read_text()


def _embedded(folder: Path) -> dict[str, str]:
    accounts = ", ".join(f'{{jid = "{user}@localhost", password = "{password}"}}' for user, password in USERS.items())
    return {"EMBEDDED__ACCOUNTS": f"[{accounts}]", "EMBEDDED__DATABASE": str(folder / "embedded.sqlite3")}


def _component(server: XmppServer, as_users: bool) -> dict[str, str]:
    return {
        **server.settings(),
        "XMPP__SEND_AS": "user",
        "XMPP__ADHOC_AS": "user" if as_users else "gateway",
        "BOSH__URL": f"http://127.0.0.1:{server.http}/http-bind",
    }


def _items(node: str) -> str:
    return f"<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='{node}'/></pubsub>"


def _plain(answer: str) -> str:
    """Return an answer without what is different each time."""
    without_sessions = re.sub(r'(sessionid=)"[^"]*"|("sessionid":\s*)"[^"]*"', r'\1\2""', answer)
    return re.sub(r""" (id|to|from)=("[^"]*"|'[^']*')""", "", without_sessions)
