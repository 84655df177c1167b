"""The link to a server: reconnects, and matches replies with requests."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import secrets
from collections.abc import Callable
from xml.etree import ElementTree as ET

from tigrest.backends.component.confirmations import Confirmations, cut_off
from tigrest.backends.component.lost_answers import LostAnswers, trouble_of
from tigrest.backends.component.padding import LONG_TAG, padded
from tigrest.backends.component.pending import Barrier, Pending
from tigrest.backends.component.reconnecting import Reconnecting
from tigrest.backends.component.settings import LinkSettings
from tigrest.backends.component.slicer import StreamEnded
from tigrest.backends.component.stream import ComponentStream
from tigrest.backends.component.troubles import handshake_trouble, not_yet, unreachable
from tigrest.backends.component.window import Window
from tigrest.concurrency.deadlines import Deadlines
from tigrest.concurrency.tasks import TaskSet
from tigrest.errors import InvalidStanza, NotConnected, StanzaTimeout, StanzaTooLarge
from tigrest.xmpp.jid import JID
from tigrest.xmpp.kinds import RESPONSES
from tigrest.xmpp.namespaces import PING
from tigrest.xmpp.stanza import Stanza, make_stanza

log = logging.getLogger(__name__)

PING_RESOURCE = "ping"
"""Resource of the served domain that is pinged: with ``mod_privilege``, some versions of ejabberd drop iqs to bare addresses."""


class Link:
    """Keeps a component connected to its server and matches replies with requests.

    Args:
        settings: the server, and our address and secret there.
        on_stanza: called with everything that is not the reply to a request.
        on_up: called when the stream is open.
        on_down: called when it has ended.
    """

    def __init__(
        self, settings: LinkSettings, *, on_stanza: Callable[[Stanza], None], on_up: Callable[[], None], on_down: Callable[[], None]
    ) -> None:
        self._settings, self._limits = settings, settings.limits
        self._jid, self._domain, self._max_stanza = settings.jid, settings.domain, settings.max_stanza
        self._max_pending = settings.limits.pending
        self._server = f"{settings.host}:{settings.port}"
        self._on_stanza, self._on_up, self._on_down = on_stanza, on_up, on_down
        self._stream: ComponentStream | None = None
        self._pending: dict[str, Pending | Barrier] = {}
        self._deadlines = Deadlines()
        self.confirmations = Confirmations(self._confirm, self._deadlines, settings.limits.confirming)
        """Senders who wait until the server has processed their stanzas."""
        self.lost = LostAnswers(settings.limits.regained)
        """Answers of the server that another connection gets, as far as is known since the stream was opened."""
        self._loop = asyncio.get_running_loop()
        self._pinged = JID(f"{settings.domain}/{PING_RESOURCE}")
        self._ping = make_stanza("iq", "get", self._pinged, ET.Element(f"{{{PING}}}ping"), sender=settings.jid)
        self._prefix = secrets.token_hex(4)
        self._numbers = itertools.count(1)
        self._tasks = TaskSet()
        self._tried = asyncio.Event()
        self._heard = 0.0
        """Time at which the server last sent something, by the clock of the loop."""
        self._reconnecting = Reconnecting(settings.limits.reconnect)
        self._stopping = False
        self.condition = ""
        """Condition of the stream error that ended the last stream; empty when there was none."""
        self.trouble = not_yet(self._server)
        """Reason why there is no connection, for people; empty while there is one."""
        self._logged = ""
        """Reason of the latest failure to connect, as logged; empty while connected."""

    @property
    def connected(self) -> bool:
        """Return whether the stream is open."""
        return self._stream is not None and self._stream.is_open

    async def start(self, patience: float = 3.0) -> None:
        """Begin to connect; return once connected or refused, or when ``patience`` is over.

        Args:
            patience: seconds to wait for the outcome of the first attempt.
        """
        self._tasks.start(self._run())
        self._tasks.start(self._watch())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._tried.wait()

    async def stop(self) -> None:
        """Close the stream in good order, and stop reconnecting."""
        self._stopping = True
        stream = self._stream
        if stream is not None:
            stream.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._limits.close_seconds):
                    await asyncio.shield(stream.ended)
            stream.abort("closed by us")
        await self._tasks.stop()
        self._fail_all("the gateway is stopping")
        self._deadlines.stop()

    async def send(self, stanza: Stanza) -> None:
        """Send a stanza; wait while the server does not keep up.

        Raises:
            NotConnected: there is no connection, or the server does not keep up.
            StanzaTooLarge: the server would close the stream because of it.
        """
        stream = self._open_stream()
        data = self._written(stanza)
        if not stream.window.has_room:
            stream = await self._wait(stream, stanza)
        self._write(stream, data)

    async def confirmed(self, timeout: float) -> None:
        """Wait until the server has processed everything that was sent before; call it without awaiting since.

        Args:
            timeout: seconds to wait.

        Raises:
            NotConnected: the link broke before; what was sent may have arrived.
            StanzaTimeout: the server has not confirmed it in time, or is known to answer no pings, which is raised at once.
        """
        stream = self._stream
        if stream is None or not stream.is_open:
            raise cut_off(self.trouble or "it has just ended")
        if not stream.window.counts:
            raise StanzaTimeout("the XMPP server answers no pings, so it confirms no stanzas")
        await self.confirmations.wait(timeout)

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
        if len(self._pending) >= self._max_pending:
            raise NotConnected(f"{self._max_pending} requests wait for replies already; try again", 1.0)
        asked, identity = iq.to or self._domain, self._next_id()
        data = self._written(iq.with_(to=asked, id=identity))
        if not stream.window.has_room:
            stream = await self._wait(stream, iq)
        pending = Pending(self._loop.create_future(), asked, iq.id, self._deadlines.after(timeout), timeout)
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
        if stream is None:
            raise NotConnected(f"no connection to the XMPP server: {self.trouble}")
        if not stream.is_open:  # it has just ended, and _live() has not noted that yet
            raise NotConnected(f"no connection to the XMPP server: {stream.ending}")
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
        return data if len(data) <= LONG_TAG else padded(data)

    def _write(self, stream: ComponentStream, data: bytes) -> None:
        try:
            stream.write(data)
            if stream.window.sent(len(data)):
                self._mark(stream)
        except StreamEnded as error:
            raise NotConnected(f"no connection to the XMPP server: {error}") from None

    def _confirm(self) -> None:
        """Send a barrier for those who wait for confirmations."""
        stream = self._stream
        if stream is None or not stream.is_open:
            return  # they are told when the end of the stream is noted
        try:
            self._mark(stream, is_counted=False)
        except StreamEnded as error:
            log.debug("a barrier was not sent: %s", error)

    def _mark(self, stream: ComponentStream, *, is_counted: bool = True) -> None:
        """Send a barrier, which any answer acknowledges, an error too::

        <iq type="get" to="example.org/ping" from="http.example.org" id="…"><ping xmlns="urn:xmpp:ping"/></iq>

        Args:
            stream: to the server.
            is_counted: whether flow control counts it.

        XEP-0199
        """
        identity, now = self._next_id(), self._loop.time()
        deadline, covered = now + self._limits.barrier_seconds, self.confirmations.covered()
        barrier = Barrier(
            identity, stream, self._pinged, now, deadline, self._overdue, self._answered, self.confirmations, covered, is_counted
        )
        self._pending[identity] = barrier
        self.lost.asked(identity)
        self._deadlines.add(barrier)
        stream.write(self._ping.with_(id=identity).to_bytes(""))

    def _overdue(self, barrier: Barrier) -> None:
        """Handle an unanswered barrier: the link is dead, its answer got lost, the server is slow, or it is one that answers no pings."""
        now, stream, limits = self._loop.time(), barrier.stream, self._limits
        silent = now - max(self._heard, barrier.sent)
        if silent >= limits.barrier_seconds:
            stream.abort(f"the server did not answer for {silent:.0f} s")
        elif self.lost.is_lost(barrier.id):
            self._lose(barrier)
        elif now - barrier.sent < limits.patience_seconds:
            barrier.deadline = now - silent + limits.barrier_seconds
            self._deadlines.add(barrier)
            if stream.window.counts and self.lost.is_latest(barrier.id):
                self._confirm()  # whether this one is answered tells a lost answer from a slow server
        else:
            log.warning("the server does not answer pings; how far it has got is not known any more")
            stream.window.stop_counting()
            self._forget(barrier, "the XMPP server answers no pings, so it confirms no stanzas")

    def _lose(self, barrier: Barrier) -> None:
        """Give up a barrier whose answer is lost: later ones were answered."""
        if self.lost.lose():
            log.error("%s", trouble_of(self._jid))
        barrier.release()
        self._forget(barrier, "the XMPP server has processed the stanza, but its answer got lost")

    def _forget(self, barrier: Barrier, reason: str) -> None:
        """Ignore the answer to a barrier, should it still come, and tell those who wait for it why."""
        self._pending.pop(barrier.id, None)
        self.lost.forget(barrier.id)
        barrier.fail(StanzaTimeout(reason))

    def _answered(self, barrier: Barrier) -> None:
        """Connect anew once answers that got lost arrive again."""
        if self.lost.answered(barrier.id) and barrier.stream.is_open:
            log.warning("answers of the server arrive again; connecting anew, as it took the privileges back with the other connection")
            barrier.stream.close()

    def _receive(self, stanza: Stanza) -> None:
        self._heard = self._loop.time()
        if stanza.kind == "iq" and stanza.type in RESPONSES:
            self._complete(stanza)
            return
        try:
            self._on_stanza(stanza)
        except Exception:
            log.exception("a %s could not be dealt with", stanza.kind)

    def _complete(self, stanza: Stanza) -> None:
        """Match a reply with its request; drop one from another address than was asked, or that is late."""
        pending = self._pending.get(stanza.id)
        if pending is None:
            return
        try:
            if (stanza.sender or self._domain) != pending.asked:
                reply = self._odd_reply(stanza, pending)
                if reply is None:
                    log.debug("a reply from %s to a request to %s was ignored", stanza.attributes.get("from"), pending.asked)
                    return
                stanza = reply
        except InvalidStanza:
            return
        del self._pending[stanza.id]
        self._deadlines.discard(pending)
        pending.complete(stanza)

    def _odd_reply(self, stanza: Stanza, pending: Pending | Barrier) -> Stanza | None:
        """Return a reply that is from another address than was asked, and is one all the same; else ``None``.

        The served domain may answer a ping of its resource. jabberd2 returns what it cannot route as it was sent, with an error.
        """
        if pending.asked is self._pinged and (stanza.sender or self._domain) == self._domain:
            return stanza
        if stanza.type == "error" and stanza.to == pending.asked:
            return stanza.with_(sender=stanza.to, to=stanza.sender)
        return None

    def _fail_all(self, reason: str) -> None:
        waiting, self._pending = self._pending, {}
        for pending in waiting.values():
            self._deadlines.discard(pending)
            pending.fail(NotConnected(f"no reply from the XMPP server: {reason}") if type(pending) is Pending else cut_off(reason))
        self.confirmations.fail_waiting(cut_off(reason))

    async def _run(self) -> None:
        while True:
            try:
                stream = await self._connect()
            except (OSError, TimeoutError, StreamEnded, ValueError) as error:  # ValueError: the host cannot be a name in DNS
                delay = self._explain(error)
                self._tried.set()
            else:
                delay = await self._live(stream)
            await asyncio.sleep(delay)

    async def _live(self, stream: ComponentStream) -> float:
        """Use a stream until it ends; return the delay until the next attempt to connect."""
        self._stream, self.lost, self.trouble, self._logged = stream, self.lost.anew(), "", ""
        began = self._heard = self._loop.time()
        log.info("connected to %s as %s", self._server, self._jid)
        self._on_up()
        self._tried.set()
        ended = await stream.ended
        self._stream, self.trouble, self.condition = None, str(ended), ended.condition
        self._fail_all(str(ended))
        self._on_down()
        level = logging.INFO if self._stopping else logging.WARNING
        lost = stream.window.unconfirmed
        fate = f"; the last {lost} stanzas sent may not have got there" if lost and not self._stopping else ""
        log.log(level, "the link to %s is down: %s%s", self._server, ended, fate)
        return self._reconnecting.after_link(self._loop.time() - began, ended.condition)

    async def _connect(self) -> ComponentStream:
        settings, limits = self._settings, self._limits

        def new_stream() -> ComponentStream:
            return ComponentStream(settings.jid, settings.secret, self._receive, Window(limits.window), limits.stream)

        async with asyncio.timeout(limits.connect_seconds):
            _, stream = await self._loop.create_connection(new_stream, settings.host, settings.port)
        if not self._tried.is_set():
            silence = StreamEnded("the server accepts connections, but has not answered yet", is_elsewhere=True)
            self.trouble = handshake_trouble(silence, self._jid, self._server)
        try:
            async with asyncio.timeout(limits.connect_seconds):
                await asyncio.shield(stream.ready)
        except BaseException as error:  # CancelledError too, even where the server has just accepted us
            stream.abort("no handshake")
            if not isinstance(error, TimeoutError):
                raise
            seconds = f"within {limits.connect_seconds:g} s"
            did = "opened the stream, but did not answer" if stream.is_greeted else "accepts connections, but said nothing"
            raise StreamEnded(f"the server {did} {seconds}", is_elsewhere=not stream.is_greeted) from None
        return stream

    def _explain(self, error: Exception) -> float:
        """Log why there is no connection, once for each reason; return the delay until the next attempt in seconds."""
        delay = self._reconnecting.after_failure()
        if isinstance(error, StreamEnded):
            trouble = handshake_trouble(error, self._jid, self._server)
            delay = self._reconnecting.after_refusal() if error.condition in ("not-authorized", "host-unknown") else delay
        else:
            trouble = unreachable(error, self._server)
        if trouble != self._logged:
            log.error("%s", trouble)
        self.trouble = self._logged = trouble
        return delay

    async def _watch(self) -> None:
        """Send barriers that are due because of the time: after a burst, in a long silence, and while answers get lost."""
        while True:
            await asyncio.sleep(self._limits.watch_seconds)
            stream = self._stream
            if stream is None or not stream.is_open:
                continue
            is_silent = self._loop.time() - self._heard >= self._limits.ping_seconds
            if stream.window.is_barrier_due(is_silent):
                self._mark(stream)
            elif self.lost.is_losing:
                self._mark(stream, is_counted=False)


def _bare_sender(stanza: Stanza) -> str:
    """Return the bare address that a stanza is from. A malformed one, which an error may have, is returned as it is written."""
    try:
        sender = stanza.sender
    except InvalidStanza:
        return stanza.attributes["from"].partition("/")[0]
    return sender.bare if sender is not None else ""
