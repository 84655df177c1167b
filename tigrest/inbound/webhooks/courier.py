"""Deliver what is stored for one webhook, in order for each sender."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tigrest.concurrency.backoff import Backoff
from tigrest.concurrency.tasks import TaskSet
from tigrest.errors import InvalidStanza, RetryLater, StanzaError, TigrestError
from tigrest.inbound.webhooks.answers import Codec, NoResponse, WebhookResponse, refusal, reply_to_outcome
from tigrest.inbound.webhooks.client import WebhookClient, no_answer
from tigrest.inbound.webhooks.limits import WebhookLimits
from tigrest.inbound.webhooks.sender_queues import SenderQueue, SenderQueues
from tigrest.inbound.webhooks.store import Delivery, DeliveryState, Store
from tigrest.inbound.webhooks.target import Target
from tigrest.inbound.webhooks.writer import DeliveryWriter, new_id
from tigrest.observability.log_limit import LogLimit
from tigrest.state.database_errors import RETRYABLE_ERRORS, reason
from tigrest.xmpp.stanza import Stanza

log = logging.getLogger(__name__)

SendStanza = Callable[[Stanza], Awaitable[None]]

STOPPING = NoResponse("the gateway is stopping", StanzaError("resource-constraint", "wait", "the gateway is stopping"))
"""Outcome of an iq that was still queued when the gateway stopped."""


@dataclass(frozen=True)
class RetryWait:
    """The wait of a sender before the next attempt.

    Args:
        delay: seconds.
        may_be_woken: whether it ends as soon as the webhook answers again.
    """

    delay: float
    may_be_woken: bool = False


class Courier:
    """Makes the deliveries of one webhook.

    Args:
        target: the webhook.
        store: the deliveries.
        writer: writes outcomes to the store.
        codec: writes stanzas and reads responses.
        send: sends replies.
        backoff: delays between attempts.
        limits: of the delivery.
    """

    def __init__(
        self,
        *,
        target: Target,
        store: Store,
        writer: DeliveryWriter,
        codec: Codec,
        send: SendStanza,
        backoff: Backoff,
        limits: WebhookLimits,
    ) -> None:
        self.target = target
        self.delivered = 0
        """Requests with a final response, iqs included."""
        self.failed = 0
        """Requests without one."""
        self._store, self._writer, self._codec, self._send = store, writer, codec, send
        self._backoff, self._limits = backoff, limits
        self._client = WebhookClient(target, codec)
        self._queues = SenderQueues(limits)
        self._news = asyncio.Event()
        self._iqs = asyncio.Semaphore(target.concurrency)
        self._trouble = False
        self._is_stopping = False
        self._log_limit = LogLimit()
        self._tasks = TaskSet()

    async def start(self) -> None:
        """Begin to deliver what is stored."""
        self._is_stopping = False
        await self._client.start()
        self._news.set()
        self._tasks.start(self._look())
        for _ in range(self.target.concurrency):
            self._tasks.start(self._work())

    async def stop(self) -> None:
        """Stop. Unfinished deliveries are made again after the next start; queued iqs are refused."""
        self._is_stopping = True
        await self._tasks.stop()
        self._queues.clear()
        await self._client.stop()

    def notice(self) -> None:
        """Look for new deliveries in the store."""
        self._news.set()

    async def ask(self, iq: Stanza) -> Stanza:
        """Deliver an iq at once, and return the reply; an error when there is none in time."""
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
        """Read from the store who has something to deliver."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                while self._queues.has_room and await self._look_at_page():
                    pass
            except RETRYABLE_ERRORS as error:
                self._complain(error)
                await asyncio.sleep(self._backoff.first)
                self._news.set()

    async def _look_at_page(self) -> bool:
        rows = await self._store.page(self.target.name, self._queues.cursor, self._limits.page)
        for row in rows:
            self._queues.notice(row)
        return len(rows) == self._limits.page

    async def _work(self) -> None:
        while True:
            queue, first = await self._queues.next()
            try:
                wait = await self._serve(queue, first)
            except RETRYABLE_ERRORS as error:
                self._complain(error)
                wait = RetryWait(self._backoff.delay(queue.pauses + 1))
            except Exception:
                log.exception("webhook %s: deliveries of %s are interrupted", self.target.name, queue.sender)
                wait = RetryWait(self._backoff.delay(queue.pauses + 1))
            if wait is not None:
                queue.pauses += 1
                self._queues.park(queue, wait.delay, wait.may_be_woken)
            elif self._queues.give_back(queue):
                self._news.set()

    async def _serve(self, queue: SenderQueue, first: Delivery | None) -> RetryWait | None:
        """Make the next deliveries of a sender; return the wait before his next attempt, if one failed."""
        if first is not None:
            wait = await self._settle(first, queue)
            queue.done = queue.done if wait else first.number
            return wait
        upto = queue.noticed
        rows = await self._store.of_sender(self.target.name, queue.sender, after=queue.done, upto=upto, limit=self._limits.turn)
        for row in rows:
            if (wait := await self._settle(row, queue)) is not None:
                return wait
            queue.done, queue.pauses = row.number, 0
        if len(rows) < self._limits.turn:
            queue.done = upto
        return None

    async def _settle(self, row: Delivery, queue: SenderQueue) -> RetryWait | None:
        """Make an attempt of a delivery; return the wait before the next one, if it is not over."""
        if row.state != DeliveryState.WAITING:
            return await self._finish(row, queue, self._stored_reply(row), is_dead=row.state == DeliveryState.FAILED, problem=row.problem)
        try:
            stanza = Stanza.received(row.stanza)
            outcome = await self._post(stanza, row.id)
        except (TigrestError, ValueError) as error:
            return await self._give_up(row, f"cannot be written as {self.target.content_type}: {error}", queue)
        self._count(outcome)
        if outcome.is_final:
            return await self._finish(row, queue, self._reply(stanza, outcome))
        if row.attempts + 1 < self.target.max_attempts:
            await self._writer.change(row.number, DeliveryState.WAITING, attempts=row.attempts + 1, problem=outcome.problem)
            is_away = isinstance(outcome, NoResponse) and outcome.unreachable
            return RetryWait(self._backoff.delay(row.attempts + 1, outcome.retry_after), is_away)
        return await self._finish(row, queue, self._reply(stanza, outcome), is_dead=True, problem=outcome.problem)

    def _stored_reply(self, row: Delivery) -> Stanza | None:
        """Return the reply that could not be sent before; ``None`` when there is none, or none that may be sent."""
        try:
            return Stanza.received(row.reply) if row.reply else None
        except InvalidStanza as error:
            log.warning("webhook %s: a stored reply to %s cannot be sent: %s", self.target.name, row.sender, error)
            return None

    async def _give_up(self, row: Delivery, problem: str, queue: SenderQueue) -> RetryWait | None:
        try:
            reply = refusal(Stanza.received(row.stanza), StanzaError("internal-server-error"))
        except InvalidStanza:
            reply = None
        return await self._finish(row, queue, reply, is_dead=True, problem=problem)

    async def _finish(
        self, row: Delivery, queue: SenderQueue, reply: Stanza | None, *, is_dead: bool = False, problem: str = ""
    ) -> RetryWait | None:
        """Send the reply, and store that the delivery is over; store the reply while it cannot be sent.

        Args:
            row: the delivery.
            queue: of its sender.
            reply: what he gets; ``None`` for nothing.
            is_dead: whether it was given up.
            problem: why; empty unless it was.

        Returns:
            The wait before the reply is sent again; ``None`` when it is over.
        """
        attempts = row.attempts + 1 if row.state == DeliveryState.WAITING else row.attempts
        try:
            if reply is not None:
                await self._send(reply)
        except RetryLater:
            if row.state == DeliveryState.WAITING:
                state = DeliveryState.FAILED if is_dead else DeliveryState.ANSWERED
                await self._writer.change(row.number, state, attempts=attempts, problem=problem, reply=bytes(reply or b""))
            return RetryWait(min(self._backoff.delay(queue.pauses + 1), self._limits.link_seconds))
        except TigrestError as error:
            log.warning("webhook %s: a reply to %s cannot be sent: %s", self.target.name, row.sender, error)
        if not is_dead:
            self._writer.remove(row.number)
            return None
        log.warning(
            "webhook %s: delivery %s of %s is dead after %s attempts: %s", self.target.name, row.number, row.sender, attempts, problem
        )
        await self._writer.change(row.number, DeliveryState.DEAD, attempts=attempts, problem=problem)
        return None

    async def _post(self, stanza: Stanza, identity: str) -> WebhookResponse | NoResponse:
        """Make an attempt; an unexpected exception counts as one that failed."""
        try:
            return await self._client.post(stanza, identity)
        except (TigrestError, ValueError):
            raise
        except Exception as error:
            log.exception("webhook %s: an attempt ended badly", self.target.name)
            return NoResponse(f"internal error: {type(error).__name__}", StanzaError("internal-server-error"))

    def _complain(self, error: Exception) -> None:
        """Log that the store cannot be read; at most once a minute, since it is tried again and again."""
        if self._log_limit.admit() is not None:
            log.error("webhook %s: the store cannot be read: %s", self.target.name, reason(error))

    def _reply(self, stanza: Stanza, outcome: WebhookResponse | NoResponse) -> Stanza | None:
        try:
            return reply_to_outcome(stanza, outcome, self._codec)
        except Exception:
            log.exception("webhook %s: an answer cannot be understood", self.target.name)
            return None

    def _count(self, outcome: WebhookResponse | NoResponse) -> None:
        """Count an attempt, and log when the webhook goes away and when it is back."""
        if outcome.is_final:
            self.delivered += 1
        else:
            self.failed += 1
        if isinstance(outcome, WebhookResponse):
            if self._trouble:
                log.info("webhook %s: answers again", self.target.name)
                self._queues.wake()
            self._trouble = False
            if outcome.body is None:
                log.warning("webhook %s: an answer is too large or compressed and was not read", self.target.name)
        elif not self._trouble:
            log.warning("webhook %s: %s", self.target.name, outcome.problem)
            self._trouble = True
