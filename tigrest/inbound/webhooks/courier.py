"""Delivers what is stored for one webhook, each sender's stanzas in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tigrest.concurrency.backoff import Backoff
from tigrest.errors import InvalidStanza, RetryLater, StanzaError, TigrestError
from tigrest.inbound.webhooks.answers import Answer, Codec, NoResponse, refusal, reply_to
from tigrest.inbound.webhooks.endpoint import Endpoint, no_answer
from tigrest.inbound.webhooks.lanes import Lane, Lanes
from tigrest.inbound.webhooks.store import ANSWERED, DEAD, FAILED, WAITING, Delivery, Store
from tigrest.inbound.webhooks.target import Target
from tigrest.inbound.webhooks.writer import Writer, new_id
from tigrest.observability.log_limit import LogLimit
from tigrest.state.trouble import TROUBLE
from tigrest.xmpp.stanza import Stanza

log = logging.getLogger(__name__)

Send = Callable[[Stanza], Awaitable[None]]

PAGE = 100
"""Deliveries read together when looking for senders."""

LINK_SECONDS = 5.0
"""Most seconds between attempts to send a reply while there is no link."""

TURN = 16
"""Deliveries of one sender before it is another's turn."""

STOPPING = NoResponse("the gateway is stopping", StanzaError("resource-constraint", "wait", "the gateway is stopping"))
"""What came of an iq whose turn did not come before the end."""


@dataclass(frozen=True)
class Pause:
    """That a sender has to wait.

    Args:
        delay: seconds.
        may_be_woken: whether it is over when the webhook is there again.
    """

    delay: float
    may_be_woken: bool = False


class Courier:
    """Serves one webhook.

    Args:
        target: which.
        store: what waits.
        writer: writes down what came of it.
        codec: writes stanzas and reads answers.
        send: sends replies.
        backoff: delays between attempts.
    """

    def __init__(self, target: Target, store: Store, writer: Writer, codec: Codec, send: Send, backoff: Backoff) -> None:
        self.target = target
        self.delivered = 0
        """Deliveries that were answered for good, and iqs."""
        self.failed = 0
        """Attempts that were not."""
        self._store, self._writer, self._codec, self._send, self._backoff = store, writer, codec, send, backoff
        self._endpoint = Endpoint(target, codec)
        self._lanes = Lanes()
        self._news = asyncio.Event()
        self._iqs = asyncio.Semaphore(target.concurrency)
        self._trouble = False
        self._is_stopping = False
        self._log_limit = LogLimit()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin with what is stored."""
        self._is_stopping = False
        await self._endpoint.start()
        self._news.set()
        workers = [asyncio.create_task(self._work()) for _ in range(self.target.concurrency)]
        self._tasks = [asyncio.create_task(self._look()), *workers]

    async def stop(self) -> None:
        """Stop; what is under way is delivered again after the next start, and iqs that still wait for their turn are refused."""
        self._is_stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._lanes.clear()
        await self._endpoint.stop()

    def notice(self) -> None:
        """Look for what is new in the store."""
        self._news.set()

    async def ask(self, iq: Stanza) -> Stanza:
        """Deliver an iq at once, and tell the reply; an error when there is none in time."""
        try:
            async with asyncio.timeout(self.target.timeout), self._iqs:
                outcome = STOPPING if self._is_stopping else await self._post(iq, new_id())
        except TimeoutError:
            outcome = no_answer(self.target.timeout)
        except (TigrestError, ValueError) as error:
            log.warning("webhook %s: an iq cannot be written as %s: %s", self.target.name, self.target.content_type, error)
            return iq.error_reply(StanzaError("internal-server-error"))
        if outcome is not STOPPING:
            self._count(outcome)
        reply = self._reply(iq, outcome)
        return reply if reply is not None else iq.error_reply(StanzaError("internal-server-error"))

    async def _look(self) -> None:
        """Find out who has something to deliver."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                while self._lanes.has_room and await self._look_at_page():
                    pass
            except TROUBLE as error:
                self._complain(error)
                await asyncio.sleep(self._backoff.first)
                self._news.set()

    async def _look_at_page(self) -> bool:
        rows = await self._store.page(self.target.name, self._lanes.cursor, PAGE)
        for row in rows:
            self._lanes.notice(row)
        return len(rows) == PAGE

    async def _work(self) -> None:
        while True:
            lane, first = await self._lanes.next()
            try:
                pause = await self._serve(lane, first)
            except TROUBLE as error:
                self._complain(error)
                pause = Pause(self._backoff.delay(lane.pauses + 1))
            except Exception:
                log.exception("webhook %s: deliveries of %s are interrupted", self.target.name, lane.sender)
                pause = Pause(self._backoff.delay(lane.pauses + 1))
            if pause is not None:
                lane.pauses += 1
                self._lanes.park(lane, pause.delay, pause.may_be_woken)
            elif self._lanes.give_back(lane):
                self._news.set()

    async def _serve(self, lane: Lane, first: Delivery | None) -> Pause | None:
        """Let a sender have his turn."""
        if first is not None:
            pause = await self._settle(first, lane)
            lane.done = lane.done if pause else first.number
            return pause
        upto = lane.noticed
        rows = await self._store.of_sender(self.target.name, lane.sender, lane.done, upto, TURN)
        for row in rows:
            if (pause := await self._settle(row, lane)) is not None:
                return pause
            lane.done, lane.pauses = row.number, 0
        if len(rows) < TURN:
            lane.done = upto
        return None

    async def _settle(self, row: Delivery, lane: Lane) -> Pause | None:
        """Bring a delivery one step on; tell whether it has to be waited for."""
        if row.state != WAITING:
            return await self._finish(row, self._stored_reply(row), row.state == FAILED, row.problem, lane)
        try:
            stanza = Stanza.received(row.stanza)
            outcome = await self._post(stanza, row.id)
        except (TigrestError, ValueError) as error:
            return await self._give_up(row, f"cannot be written as {self.target.content_type}: {error}", lane)
        self._count(outcome)
        if outcome.is_final:
            return await self._finish(row, self._reply(stanza, outcome), False, "", lane)
        if row.attempts + 1 < self.target.max_attempts:
            await self._writer.change(row.number, WAITING, row.attempts + 1, outcome.problem, None)
            is_away = isinstance(outcome, NoResponse) and outcome.unreachable
            return Pause(self._backoff.delay(row.attempts + 1, outcome.retry_after), is_away)
        return await self._finish(row, self._reply(stanza, outcome), True, outcome.problem, lane)

    def _stored_reply(self, row: Delivery) -> Stanza | None:
        """Return the reply that could not be sent before; ``None`` when there is none, or none that may be sent."""
        try:
            return Stanza.received(row.reply) if row.reply else None
        except InvalidStanza as error:
            log.warning("webhook %s: a stored reply to %s cannot be sent: %s", self.target.name, row.sender, error)
            return None

    async def _give_up(self, row: Delivery, problem: str, lane: Lane) -> Pause | None:
        try:
            reply = refusal(Stanza.received(row.stanza), StanzaError("internal-server-error"))
        except InvalidStanza:
            reply = None
        return await self._finish(row, reply, True, problem, lane)

    async def _finish(self, row: Delivery, reply: Stanza | None, is_dead: bool, problem: str, lane: Lane) -> Pause | None:
        """Send the reply, and write down that the delivery is over; keep the reply while it cannot be sent."""
        attempts = row.attempts + 1 if row.state == WAITING else row.attempts
        try:
            if reply is not None:
                await self._send(reply)
        except RetryLater:
            if row.state == WAITING:
                await self._writer.change(row.number, FAILED if is_dead else ANSWERED, attempts, problem, bytes(reply or b""))
            return Pause(min(self._backoff.delay(lane.pauses + 1), LINK_SECONDS))
        except TigrestError as error:
            log.warning("webhook %s: a reply to %s cannot be sent: %s", self.target.name, row.sender, error)
        if not is_dead:
            self._writer.remove(row.number)
            return None
        log.warning(
            "webhook %s: delivery %s of %s is dead after %s attempts: %s", self.target.name, row.number, row.sender, attempts, problem
        )
        await self._writer.change(row.number, DEAD, attempts, problem, None)
        return None

    async def _post(self, stanza: Stanza, identity: str) -> Answer | NoResponse:
        """Make an attempt; one that ends as nobody expects has failed like any other."""
        try:
            return await self._endpoint.post(stanza, identity)
        except (TigrestError, ValueError):
            raise
        except Exception as error:
            log.exception("webhook %s: an attempt ended badly", self.target.name)
            return NoResponse(f"internal error: {type(error).__name__}", StanzaError("internal-server-error"))

    def _complain(self, error: Exception) -> None:
        """Log that the store cannot be read, once in a while: it is tried again and again."""
        if self._log_limit.admit() is not None:
            log.error("webhook %s: the store cannot be read: %s", self.target.name, getattr(error, "orig", None) or error)

    def _reply(self, stanza: Stanza, outcome: Answer | NoResponse) -> Stanza | None:
        try:
            return reply_to(stanza, outcome, self._codec)
        except Exception:
            log.exception("webhook %s: an answer cannot be understood", self.target.name)
            return None

    def _count(self, outcome: Answer | NoResponse) -> None:
        """Count an attempt, and tell the log when the webhook goes away and when it is back."""
        if outcome.is_final:
            self.delivered += 1
        else:
            self.failed += 1
        if isinstance(outcome, Answer):
            if self._trouble:
                log.info("webhook %s: answers again", self.target.name)
                self._lanes.wake()
            self._trouble = False
            if outcome.body is None:
                log.warning("webhook %s: an answer is too large or compressed and was not read", self.target.name)
        elif not self._trouble:
            log.warning("webhook %s: %s", self.target.name, outcome.problem)
            self._trouble = True
