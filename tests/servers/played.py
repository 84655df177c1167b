"""XMPP servers that cannot be installed here, played: the common part, which a module for each server makes particular.

A played server listens for components (XEP-0114) and for clients (RFC 6120, RFC 6121 §3 without rosters) on free ports of the loopback,
in a thread of this process. It takes the part of :class:`~tests.servers.process.XmppServer`, so that gateways and clients of the tests
connect to it as to a real one.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import signal
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from tests.servers.played_stream import ACCEPT, CLIENT, Connection
from tests.servers.process import COMPONENT, DOMAIN, SECRET, USERS, XmppServer

SASL, BIND = "urn:ietf:params:xml:ns:xmpp-sasl", "urn:ietf:params:xml:ns:xmpp-bind"
STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
VERSION, COMMANDS, PING = "jabber:iq:version", "http://jabber.org/protocol/commands", "urn:xmpp:ping"
DISCO_INFO, DISCO_ITEMS = "http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items"
ITERATIONS = 4096
"""Of SCRAM. RFC 5802 §5.1"""

NO_REPLY = "no reply"
"""Given by a handler of an iq: nothing is sent back."""


class Refused(Exception):
    """An iq is answered with an error. RFC 6120 §8.3

    Args:
        condition: defined condition.
        type: ``auth``, ``cancel``, ``modify`` or ``wait``.
        text: for people; none when empty.
        payload: of the iq, repeated in the error where the server does that.
    """

    def __init__(self, condition: str, type: str = "cancel", text: str = "", payload: str = "") -> None:
        super().__init__(condition)
        self.condition, self.type, self.text, self.payload = condition, type, text, payload


Handler = Callable[[ET.Element], str]
"""Answers an iq (its namespace is :data:`CLIENT`) with the payload of the result as XML; or :data:`NO_REPLY`; or raises ``Refused``."""


class Played(XmppServer):
    """A played server.

    Args:
        folder: not used.
        options: switches, see the subclasses.

    Attributes:
        accounts: passwords by local part.
        offline: messages for accounts that have no client online, in order.
        received: every stanza of the component, in order.
    """

    software, version = "", ""
    """Of XEP-0092."""
    mechanisms: tuple[str, ...] = ("SCRAM-SHA-1", "PLAIN")
    """Of SASL, on the client port."""

    @staticmethod
    def trouble() -> str:
        """Return that nothing keeps it from being started."""
        return ""

    def __init__(self, folder: Path, **options: str) -> None:
        super().__init__(folder, **options)
        self.accounts = dict(USERS)
        self.components = {COMPONENT: SECRET}
        self.offline: list[ET.Element] = []
        self.received: list[ET.Element] = []
        self.link: Connection | None = None
        """The component's stream while it is connected."""
        self.clients: list[Connection] = []
        self.handlers: dict[str, Handler] = {f"{{{PING}}}ping": lambda iq: "", f"{{{VERSION}}}query": self.tell_version}
        """Answers to iqs for the domain and its accounts, by the tag of the payload; others are ``service-unavailable``."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()

    # what subclasses change

    def greet(self, link: Connection, name: str) -> bool:
        """Let a component go on to its handshake, or refuse it before; where it is refused, this has sent the answer and closed.

        Args:
            link: its stream, which is open.
            name: its address.
        """
        return True

    def handshake(self, link: Connection, name: str, digest: str, stream: str) -> bool:
        """Accept or refuse a component; where it is refused, this has sent the answer and closed.

        Args:
            link: its stream.
            name: its address.
            digest: of its secret.
            stream: id of the stream.
        """
        secret = self.components.get(name)
        if secret is None or not hmac.compare_digest(hashlib.sha1(f"{stream}{secret}".encode()).hexdigest(), digest):
            link.stream_error("host-unknown" if secret is None else "not-authorized")
            return False
        return True

    def from_component(self, stanza: ET.Element) -> None:
        """Deal with a stanza of the component."""
        self.route(stanza)

    def password_of(self, user: str) -> str | None:
        """Return the password that an account logs in with now; ``None`` refuses every login."""
        return self.accounts.get(user)

    def logged_in(self, client: Connection) -> None:
        """Note that a client has sent its first available presence."""

    def logged_out(self, client: Connection) -> None:
        """Note that a client has gone."""

    def tell_version(self, iq: ET.Element) -> str:
        """Tell the software. XEP-0092"""
        return f"<query xmlns='{VERSION}'><name>{self.software}</name><version>{self.version}</version></query>"

    # stanzas

    def route(self, stanza: ET.Element) -> None:
        """Deliver a stanza, or answer it where it is for the domain or an account."""
        to = stanza.get("to", DOMAIN)
        name, bare = stanza.tag.rpartition("}")[2], to.partition("/")[0]
        if bare.rpartition("@")[2] == COMPONENT:
            if self.link is not None:
                self.link.send(stanza)
            return
        there = [client for client in self.clients if client.jid == to] if "/" in to else []
        if name == "iq" and there:
            there[0].send(stanza)
        elif name == "iq":
            self._answer(stanza)
        elif "@" in bare:
            self._deliver(stanza, there or [client for client in self.online(bare) if client.is_available], name == "message")

    def online(self, bare: str) -> list[Connection]:
        """Return the clients of an account."""
        return [client for client in self.clients if client.jid.partition("/")[0] == bare]

    def _deliver(self, stanza: ET.Element, clients: list[Connection], is_kept: bool) -> None:
        for client in clients:
            client.send(stanza)
        if is_kept and not clients:
            self.offline.append(stanza)

    def _answer(self, iq: ET.Element) -> None:
        if iq.get("type") not in ("get", "set"):
            return
        payload = next(iter(iq), None)
        handler = self.handlers.get(payload.tag if payload is not None else "", _unavailable)
        try:
            answer = handler(iq)
        except Refused as refused:
            text = f"<text xmlns='{STANZAS}'>{escape(refused.text)}</text>" if refused.text else ""
            error = f"<error type='{refused.type}'><{refused.condition} xmlns='{STANZAS}'/>{text}</error>"
            self._reply(iq, "error", refused.payload + error)
            return
        if answer is not NO_REPLY:
            self._reply(iq, "result", answer)

    def _reply(self, iq: ET.Element, type: str, content: str) -> None:
        reply = ET.fromstring(f"<iq xmlns='{CLIENT}'>{content}</iq>")
        addresses = {"from": iq.get("to", DOMAIN), "to": iq.get("from", ""), "id": iq.get("id", ""), "type": type}
        reply.attrib.update(addresses)
        self.route(reply)

    # streams

    async def _serve_component(self, link: Connection) -> None:
        name = (await link.opened()).get("to", "")
        stream = secrets.token_hex(4)
        link.open(**{"from": name, "id": stream})
        if not self.greet(link, name):
            return
        child = await link.child()
        if child is None or not self.handshake(link, name, child.text or "", stream):
            return
        link.jid, self.link = name, link
        link.write("<handshake/>")
        try:
            while (stanza := await link.child()) is not None:
                self.received.append(stanza)
                self.from_component(stanza)
        finally:
            if self.link is link:
                self.link = None

    async def _serve_client(self, client: Connection) -> None:
        user = ""
        while not user:
            await self._offer(client, "".join(f"<mechanism>{name}</mechanism>" for name in self.mechanisms), "mechanisms", SASL)
            while not user:
                child = await client.child()
                if child is None:
                    return
                user = await self._login(client, child)
        client.restart()
        await self._offer(client, "", "bind", BIND)
        try:
            while (stanza := await client.child()) is not None:
                self._from_client(client, user, stanza)
        finally:
            if client in self.clients:
                self.clients.remove(client)
                self.logged_out(client)

    async def _offer(self, client: Connection, content: str, name: str, namespace: str) -> None:
        await client.opened()
        client.open(**{"from": DOMAIN, "id": secrets.token_hex(4), "version": "1.0"})
        client.write(f"<stream:features><{name} xmlns='{namespace}'>{content}</{name}></stream:features>")

    async def _login(self, client: Connection, auth: ET.Element) -> str:
        """Log a client in; return the local part, empty when it was refused. RFC 6120 §6"""
        message = base64.b64decode(auth.text or "").decode()
        try:
            if auth.get("mechanism") == "PLAIN":
                _, user, password = message.split("\0")
                is_right, final = password == self.password_of(user), ""
            else:
                user, is_right, final = await self._scram(client, message)
        except ValueError:
            user, is_right, final = "", False, ""
        if not is_right:
            client.write(f"<failure xmlns='{SASL}'><not-authorized/></failure>")
            return ""
        client.write(f"<success xmlns='{SASL}'>{base64.b64encode(final.encode()).decode()}</success>")
        return user

    async def _scram(self, client: Connection, first: str) -> tuple[str, bool, str]:
        """Exchange the messages of SCRAM-SHA-1; return local part, whether the password is right, and the last message. RFC 5802 §5"""
        bare = first.split(",", 2)[2]
        user = _attribute(bare, "n").replace("=2C", ",").replace("=3D", "=")
        salt, nonce = secrets.token_bytes(12), _attribute(bare, "r") + secrets.token_hex(8)
        challenge = f"r={nonce},s={base64.b64encode(salt).decode()},i={ITERATIONS}"
        client.write(f"<challenge xmlns='{SASL}'>{base64.b64encode(challenge.encode()).decode()}</challenge>")
        response = await client.child()
        final = base64.b64decode((response.text if response is not None else "") or "").decode()
        unproved, _, proof = final.rpartition(",p=")
        salted = hashlib.pbkdf2_hmac("sha1", (self.password_of(user) or secrets.token_hex()).encode(), salt, ITERATIONS)
        signed = f"{bare},{challenge},{unproved}"
        key = hmac.digest(salted, b"Client Key", "sha1")
        signature = hmac.digest(hashlib.sha1(key).digest(), signed.encode(), "sha1")
        is_right = base64.b64decode(proof) == bytes(a ^ b for a, b in zip(key, signature, strict=True))
        server = hmac.digest(hmac.digest(salted, b"Server Key", "sha1"), signed.encode(), "sha1")
        return user, is_right and self.password_of(user) is not None, f"v={base64.b64encode(server).decode()}"

    def _from_client(self, client: Connection, user: str, stanza: ET.Element) -> None:
        bind = stanza.find(f"{{{BIND}}}bind")
        if bind is not None:
            resource = bind.findtext(f"{{{BIND}}}resource") or secrets.token_hex(4)
            client.jid = f"{user}@{DOMAIN}/{resource}"
            self.clients.append(client)
            stanza.set("from", client.jid)
            self._reply(stanza, "result", f"<bind xmlns='{BIND}'><jid>{escape(client.jid)}</jid></bind>")
            return
        stanza.set("from", client.jid)
        if stanza.tag.endswith("}presence") and not stanza.get("to"):
            was, client.is_available = client.is_available, stanza.get("type") is None
            if client.is_available and not was:
                self.logged_in(client)
        else:
            stanza.set("to", stanza.get("to", client.jid.partition("/")[0]))
            self.route(stanza)

    # life

    def start(self) -> None:
        """Listen on both ports, in a thread of its own."""
        started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(started,), name=self.name, daemon=True)
        self._thread.start()
        assert started.wait(10), f"{self.name} does not listen"

    def _run(self, started: threading.Event) -> None:
        assert self._loop is not None
        self._loop.run_until_complete(self._listen())
        self._loop.call_soon(started.set)
        self._loop.run_forever()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _listen(self) -> None:
        for port, serve, namespace in ((self.component, self._serve_component, ACCEPT), (self.c2s, self._serve_client, CLIENT)):
            self._servers.append(await asyncio.start_server(self._accepting(serve, namespace), "127.0.0.1", port))

    def _accepting(
        self, serve: Callable[[Connection], Coroutine[Any, Any, None]], namespace: str
    ) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
        async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = Connection(reader, writer, namespace)
            try:
                with suppress(ConnectionError):
                    await serve(connection)
                connection.write("</stream:stream>")
            finally:
                await connection.closed()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.get_running_loop().create_task(run(reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return accept

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.link, self.clients = None, []

    def do(self, work: Callable[[], object]) -> None:
        """Do something in the server's thread, such as sending a stanza, and wait until it is done."""
        assert self._loop is not None
        done = threading.Event()

        def run() -> None:
            work()
            done.set()

        self._loop.call_soon_threadsafe(run)
        assert done.wait(10)

    def log(self) -> str:
        """Return nothing: it writes no log."""
        return ""

    def add_user(self, user: str, password: str) -> None:
        """Make an account."""
        self.accounts[user] = password

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Close all streams and stop listening."""
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop = self._thread = None


def _attribute(message: str, name: str) -> str:
    """Return an attribute of a SCRAM message. RFC 5802 §5.1"""
    return next(part[2:] for part in message.split(",") if part.startswith(f"{name}="))


def _unavailable(iq: ET.Element) -> str:
    raise Refused("service-unavailable")
