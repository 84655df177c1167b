"""An XMPP client of a user, in a thread of its own: it logs in, collects what comes in, and sends."""

from __future__ import annotations

import asyncio
import queue
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from slixmpp import ClientXMPP
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatcherId

from tests.servers.process import USERS, XmppServer
from tigrest.concurrency.loop import new_event_loop

PRESENCES = ("available", "unavailable", "away", "chat", "dnd", "xa")


class Client:
    """A user who is online.

    Args:
        server: where.
        user: local part.
        resource: of his session.
    """

    def __init__(self, server: XmppServer, user: str, resource: str = "phone") -> None:
        self.jid = f"{user}@localhost/{resource}"
        self.incoming: queue.Queue[Any] = queue.Queue()
        self._server = server
        self._loop = new_event_loop()
        self._online = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self.jid, daemon=True)
        self.xmpp: Any = None
        self._password = USERS.get(user, f"{user}pw")  # those that tests make

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        xmpp = self.xmpp = ClientXMPP(self.jid, self._password, sasl_mech="PLAIN")
        xmpp.loop = self._loop
        xmpp.enable_plaintext, xmpp.enable_starttls, xmpp.enable_direct_tls = True, False, False
        xmpp.plugin["feature_mechanisms"].unencrypted_plain = True
        xmpp.add_event_handler("session_start", self._begin)
        for event in ("message", "message_error", "presence_error", *[f"presence_{kind}" for kind in PRESENCES]):
            xmpp.add_event_handler(event, self.incoming.put)
        xmpp.connect("127.0.0.1", self._server.c2s)
        self._loop.run_forever()
        self._loop.close()

    def _begin(self, _event: Any) -> None:
        self.xmpp.send_raw("<presence/>")
        self._online.set()

    def send(self, stanza: str) -> None:
        """Send a stanza as it is."""
        self._loop.call_soon_threadsafe(self.xmpp.send_raw, stanza)

    def expect(self, wanted: Callable[[Any], bool], seconds: float = 10.0) -> Any:
        """Wait for a stanza."""
        end = time.monotonic() + seconds
        seen: list[Any] = []
        while True:
            try:
                stanza = self.incoming.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{self.jid} got only {[str(stanza) for stanza in seen]}") from None
            if wanted(stanza):
                return stanza
            seen.append(stanza)

    def ask(self, iq: str, payload: str) -> Any:
        """Send an iq and wait for its reply.

        Args:
            iq: attributes ``type`` and ``to``, as ``type='get' to='example.org'``.
            payload: its one child.
        """
        identity = secrets.token_hex(4)
        self.xmpp.register_handler(Callback(identity, MatcherId(identity), self.incoming.put, once=True))
        self.send(f"<iq id='{identity}' {iq}>{payload}</iq>")
        return self.expect(lambda stanza: stanza["id"] == identity)

    def message(self, body: str) -> Any:
        """Wait for a message with this body."""
        return self.expect(lambda stanza: stanza.name == "message" and stanza["body"] == body)

    def presence(self, sender: str, kind: str = "available") -> Any:
        """Wait for a presence from somebody: ``available`` or ``unavailable``."""

        def wanted(stanza: Any) -> bool:
            is_there = stanza.xml.get("type", "available") == kind
            return bool(stanza.name == "presence" and stanza["from"] == sender and is_there)

        return self.expect(wanted)

    def start(self) -> None:
        """Log in."""
        self._thread.start()
        assert self._online.wait(15), f"{self.jid} could not log in"

    def stop(self) -> None:
        """Log out."""

        async def leave() -> None:
            await self.xmpp.disconnect(wait=1.0)
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._loop.stop()

        asyncio.run_coroutine_threadsafe(leave(), self._loop)
        self._thread.join(10)


@contextmanager
def online(server: XmppServer, user: str, resource: str = "phone") -> Iterator[Client]:
    """Give a user who is online for the time being."""
    client = Client(server, user, resource)
    client.start()
    try:
        yield client
    finally:
        client.stop()


def befriend(alice: Client, bob: Client) -> None:
    """Have two users subscribe to each other's presence."""
    one, other = (client.jid.partition("/")[0] for client in (alice, bob))
    for client, who in ((alice, other), (bob, one)):
        client.send(f"<presence type='subscribe' to='{who}'/>")
    time.sleep(0.3)
    for client, who in ((alice, other), (bob, one)):
        client.send(f"<presence type='subscribed' to='{who}'/>")
    time.sleep(0.3)
