"""The link to a server: kept up, with the requests that wait on it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from tigrest.backends.component.backoff import LAST_DELAY, Backoff
from tigrest.backends.component.stream import ComponentStream, StreamEnded
from tigrest.backends.component.window import Window
from tigrest.concurrency.deadlines import Deadlines
from tigrest.errors import InvalidStanza, NotConnected, StanzaTimeout, StanzaTooLarge, TigrestError
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import PING
from tigrest.xmpp.stanza import Stanza, make_stanza

log = logging.getLogger(__name__)

CONNECT_SECONDS = 10.0
"""How long connecting and the handshake may each take."""

PING_SECONDS = 60.0
"""Seconds of silence after which the server is asked whether it is there."""

BARRIER_SECONDS = 10.0
"""Seconds without a word from the server, while a barrier waits for its answer, after which the link is taken for dead."""

PATIENCE_SECONDS = 30.0
"""Seconds after which a server that talks but does not answer a barrier is taken for one that answers no pings."""

WATCH_SECONDS = 1.0
"""Seconds between two looks whether a barrier is due because of the time."""

MAX_PENDING = 10_000
"""Most requests that wait for their replies."""


@dataclass(slots=True, eq=False)
class _Pending:
    """A request that waits for its reply."""

    reply: asyncio.Future[Stanza]
    asked: JID
    id: str
    deadline: float
    timeout: float

    def complete(self, stanza: Stanza) -> None:
        """The reply is there."""
        if not self.reply.done():
            self.reply.set_result(stanza.with_(id=self.id or None))

    def fail(self, error: TigrestError) -> None:
        """There will be no reply."""
        if not self.reply.done():
            self.reply.set_exception(error)

    def expire(self) -> None:
        """The reply did not come in time."""
        self.fail(StanzaTimeout(f"{self.asked} did not answer within {self.timeout:g} s"))


@dataclass(slots=True, eq=False)
class _Barrier:
    """A ping that marks a place in the stream."""

    link: Link
    stream: ComponentStream
    asked: JID
    sent: float
    deadline: float

    def complete(self, _stanza: Stanza) -> None:
        """Note that the server has processed everything before it."""
        self.stream.window.passed()

    def fail(self, error: TigrestError) -> None:
        """Do nothing: the stream is over."""

    def expire(self) -> None:
        """Take the link for dead when nothing has come in for as long; else wait on, but not for ever."""
        self.link.overdue(self)


class Link:
    """Keeps a component connected to its server and matches replies with requests.

    Args:
        jid: our address.
        secret: shared with the server.
        host, port: where the server listens for components.
        domain: whom to ask whether the server is there.
        max_stanza: most bytes of a stanza that the server takes.
        on_stanza: called with everything that is not the reply to a request.
        on_up: called when the stream is open.
        on_down: called when it has ended.
    """

    def __init__(
        self,
        jid: JID,
        secret: str,
        host: str,
        port: int,
        domain: JID,
        max_stanza: int,
        on_stanza: Callable[[Stanza], None],
        on_up: Callable[[], None],
        on_down: Callable[[], None],
    ) -> None:
        self._jid, self._secret, self._host, self._port, self._domain = jid, secret, host, port, domain
        self._max_stanza = max_stanza
        self._on_stanza, self._on_up, self._on_down = on_stanza, on_up, on_down
        self._stream: ComponentStream | None = None
        self._pending: dict[str, _Pending | _Barrier] = {}
        self._deadlines = Deadlines()
        self._loop = asyncio.get_running_loop()
        self._ping = make_stanza("iq", "get", domain, ET.Element(f"{{{PING}}}ping"), sender=jid)
        self._prefix = secrets.token_hex(4)
        self._numbers = itertools.count(1)
        self._tasks: list[asyncio.Task[None]] = []
        self._tried = asyncio.Event()
        self._heard = 0.0
        """When the server last sent something, by the clock of the loop."""
        self._backoff = Backoff()
        self._stopping = False
        self.trouble = "not connected yet"
        """Why there is no connection, for people; empty while there is one."""

    @property
    def connected(self) -> bool:
        """Whether the stream is open."""
        return self._stream is not None and self._stream.is_open

    async def start(self, patience: float = 3.0) -> None:
        """Begin to connect; return once connected or refused, or when ``patience`` is over.

        Args:
            patience: seconds to wait for the outcome of the first attempt.
        """
        self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._watch())]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._tried.wait()

    async def stop(self) -> None:
        """Close the stream in good order and stop."""
        self._stopping = True
        stream = self._stream
        if stream is not None:
            stream.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2.0):
                    await asyncio.shield(stream.ended)
            stream.abort("closed by us")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._fail_all("the gateway is stopping")
        self._deadlines.stop()

    async def send(self, stanza: Stanza) -> None:
        """Send a stanza, as soon as the server keeps up.

        Raises:
            NotConnected: there is no connection, or the server does not keep up.
            StanzaTooLarge: the server would cut us off for it.
        """
        stream = self._open_stream()
        data = self._written(stanza)
        if not stream.window.has_room:
            stream = await self._wait(stream, stanza)
        self._write(stream, data)

    async def request(self, iq: Stanza, timeout: float) -> Stanza:
        """Send an iq and wait for its reply, which comes back with the id of the iq.

        Args:
            iq: of type get or set; without ``to`` it is for the server.
            timeout: seconds to wait.

        Raises:
            NotConnected: there is no connection, it went away before the reply, or too many wait for replies.
            StanzaTimeout: no reply in time.
        """
        stream = self._open_stream()
        if len(self._pending) >= MAX_PENDING:
            raise NotConnected(f"{MAX_PENDING} requests wait for replies already; try again", 1.0)
        asked, identity = iq.to or self._domain, self._next_id()
        data = self._written(iq.with_(to=asked, id=identity))
        if not stream.window.has_room:
            stream = await self._wait(stream, iq)
        pending = _Pending(self._loop.create_future(), asked, iq.id, self._deadlines.after(timeout), timeout)
        self._pending[identity] = pending
        self._deadlines.add(pending)
        try:
            self._write(stream, data)
            return await pending.reply
        finally:
            self._pending.pop(identity, None)
            self._deadlines.discard(pending)

    def _next_id(self) -> str:
        return f"{self._prefix}-{next(self._numbers):x}"

    def _open_stream(self) -> ComponentStream:
        stream = self._stream
        if stream is None or not stream.is_open:
            raise NotConnected(f"no connection to the XMPP server: {self.trouble}")
        return stream

    async def _wait(self, stream: ComponentStream, stanza: Stanza) -> ComponentStream:
        """Wait for a send permit. Write without awaiting in between: permits are granted in order."""
        await stream.window.room(_bare_sender(stanza))
        return self._open_stream()

    def _written(self, stanza: Stanza) -> bytes:
        """Write a stanza as it goes out: with prepared addresses, and an iq with an id. RFC 6120 §8.2.3"""
        if stanza.kind == "iq" and not stanza.id:
            stanza = stanza.with_(id=self._next_id())
        data = stanza.prepared().to_bytes("")
        if len(data) > self._max_stanza:
            raise StanzaTooLarge(f"the {stanza.kind} has {len(data)} bytes, but the server takes {self._max_stanza} ([xmpp] max_stanza)")
        return data

    def _write(self, stream: ComponentStream, data: bytes) -> None:
        try:
            stream.write(data)
            if stream.window.sent(len(data)):
                self._mark(stream)
        except StreamEnded as error:
            raise NotConnected(f"no connection to the XMPP server: {error}") from None

    def _mark(self, stream: ComponentStream) -> None:
        """Send a barrier::

        <iq type="get" to="example.org" from="http.example.org" id="…"><ping xmlns="urn:xmpp:ping"/></iq>

        XEP-0199
        """
        identity = self._next_id()
        now = self._loop.time()
        barrier = _Barrier(self, stream, self._domain, now, now + BARRIER_SECONDS)
        self._pending[identity] = barrier
        self._deadlines.add(barrier)
        stream.write(self._ping.with_(id=identity).to_bytes(""))

    def overdue(self, barrier: _Barrier) -> None:
        """Decide what a barrier without an answer means: a dead link, a slow server, or one that answers no pings."""
        now, stream = self._loop.time(), barrier.stream
        silent = now - max(self._heard, barrier.sent)
        if silent >= BARRIER_SECONDS:
            stream.abort(f"the server did not answer for {silent:.0f} s")
        elif now - barrier.sent < PATIENCE_SECONDS:
            barrier.deadline = now - silent + BARRIER_SECONDS
            self._deadlines.add(barrier)
        else:
            log.warning("the server does not answer pings; how far it has got is not known any more")
            stream.window.stop_counting()

    def _receive(self, stanza: Stanza) -> None:
        self._heard = self._loop.time()
        if stanza.kind == "iq" and stanza.type in ("result", "error"):
            self._complete(stanza)
            return
        try:
            self._on_stanza(stanza)
        except Exception:
            log.exception("a %s could not be dealt with", stanza.kind)

    def _complete(self, stanza: Stanza) -> None:
        """Give a reply to the request it belongs to; one from a stranger, or too late, is nobody's."""
        pending = self._pending.get(stanza.id)
        if pending is None:
            return
        try:
            if (stanza.sender or self._domain) != pending.asked:
                log.debug("a reply from %s to a request to %s was ignored", stanza.attributes.get("from"), pending.asked)
                return
        except InvalidStanza:
            return
        del self._pending[stanza.id]
        self._deadlines.discard(pending)
        pending.complete(stanza)

    def _fail_all(self, reason: str) -> None:
        waiting, self._pending = self._pending, {}
        for pending in waiting.values():
            self._deadlines.discard(pending)
            pending.fail(NotConnected(f"no reply from the XMPP server: {reason}"))

    async def _run(self) -> None:
        while True:
            try:
                stream = await self._connect()
            except (OSError, TimeoutError, StreamEnded) as error:
                delay = self._explain(error)
                self._tried.set()
            else:
                delay = await self._live(stream)
            await asyncio.sleep(delay)

    async def _live(self, stream: ComponentStream) -> float:
        """Use a stream until it ends; return the delay until the next attempt to connect."""
        self._stream, self.trouble = stream, ""
        began = self._heard = self._loop.time()
        log.info("connected to %s:%d as %s", self._host, self._port, self._jid)
        self._on_up()
        self._tried.set()
        ended = await stream.ended
        self._stream, self.trouble = None, str(ended)
        self._fail_all(str(ended))
        self._on_down()
        level = logging.INFO if self._stopping else logging.WARNING
        lost = stream.window.unconfirmed
        fate = f"; the last {lost} stanzas sent may not have got there" if lost and not self._stopping else ""
        log.log(level, "the link to %s:%d is down: %s%s", self._host, self._port, ended, fate)
        return self._backoff.after_link(self._loop.time() - began, ended.condition)

    async def _connect(self) -> ComponentStream:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_SECONDS):
            _, stream = await loop.create_connection(
                lambda: ComponentStream(self._jid, self._secret, self._receive, Window()), self._host, self._port
            )
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await asyncio.shield(stream.ready)
        except BaseException:
            stream.abort("no handshake")
            raise
        return stream

    def _explain(self, error: Exception) -> float:
        """Say why there is no connection, once for each reason; return the delay until the next attempt."""
        delay = self._backoff.after_failure()
        if isinstance(error, StreamEnded):
            trouble = _handshake_trouble(error, self._jid)
            delay = LAST_DELAY if error.condition in ("not-authorized", "host-unknown") else delay
        else:
            reason = "no answer" if isinstance(error, TimeoutError) else getattr(error, "strerror", None) or str(error)
            trouble = f"{self._host}:{self._port} cannot be reached: {reason}; check [xmpp] host and port, and that the server runs"
        if trouble != self.trouble:
            log.error("%s", trouble)
        self.trouble = trouble
        return delay

    async def _watch(self) -> None:
        """Send barriers that are due because of the time: behind the last stanzas of a burst, and into a long silence."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            stream = self._stream
            if stream is None or not stream.is_open:
                continue
            is_silent = self._loop.time() - self._heard >= PING_SECONDS
            if stream.window.is_barrier_due(is_silent):
                self._mark(stream)


def _bare_sender(stanza: Stanza) -> str:
    """Return the bare address that a stanza is from, prepared if it is one; an error to a malformed one is from what is none."""
    try:
        sender = stanza.sender
    except InvalidStanza:
        return stanza.attributes["from"].partition("/")[0]
    return sender.bare if sender is not None else ""


def _handshake_trouble(error: StreamEnded, jid: JID) -> str:
    """What a refused handshake means, and what to do."""
    cures = {
        "not-authorized": "the secret is wrong; [xmpp] secret must be the one that the server has for this component",
        "host-unknown": f"the server does not know the component {jid}; configure it there, or correct [xmpp] jid",
        "conflict": f"another program is connected as {jid}; stop it, or let the server kick the old connection",
    }
    return f"{cures[error.condition]} ({error.condition})" if error.condition in cures else str(error)
