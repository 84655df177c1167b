"""Deliver stanzas to all configured webhooks."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from tigrest.concurrency.backoff import Backoff
from tigrest.concurrency.tasks import TaskSet
from tigrest.errors import InvalidStanza, NotPermitted, StanzaError
from tigrest.inbound.rejections import Rejections
from tigrest.inbound.webhooks.answers import Codec, refusal
from tigrest.inbound.webhooks.courier import Courier
from tigrest.inbound.webhooks.limits import WebhookLimits
from tigrest.inbound.webhooks.store import Delivery, DeliveryState, Store
from tigrest.inbound.webhooks.target import Target
from tigrest.inbound.webhooks.writer import DeliveryWriter, QueuedStanza
from tigrest.observability.metrics import Metrics
from tigrest.state.database import Database
from tigrest.state.database_errors import RETRYABLE_ERRORS
from tigrest.xmpp.jid import JID
from tigrest.xmpp.stanza import Stanza

log = logging.getLogger(__name__)


class Sender(Protocol):
    """Sends what webhooks answer, within their rights."""

    def addressed(self, stanza: Stanza) -> Stanza:
        """Return a stanza as it may be sent.

        Raises:
            NotPermitted: a webhook may not answer that.
        """

    async def send(self, stanza: Stanza) -> None:
        """Send a stanza.

        Raises:
            NotPermitted: a webhook may not answer that.
            NotConnected: there is no link now.
        """


@dataclass(frozen=True)
class Statistics:
    """Numbers of one webhook.

    Args:
        waiting: deliveries that are stored and not over.
        dead: deliveries that were given up.
        delivered: requests since the start that were answered for good, iqs included.
        failed: requests since the start that were not.
    """

    waiting: int
    dead: int
    delivered: int
    failed: int


class Webhooks:
    """Delivers stanzas to webhooks and sends their answers back.

    Args:
        targets: where to; names are different.
        database: where deliveries are stored; started here, stopped by its owner.
        codec: reads and writes stanzas in the content types of the targets.
        sender: sends what webhooks answer, within their rights.
        jid: our address; only stanzas to its domain are selected.
        backoff: delays between attempts.
        limits: of the delivery; the defaults of :class:`~tigrest.inbound.webhooks.limits.WebhookLimits`.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        *,
        database: Database,
        codec: Codec,
        sender: Sender,
        jid: JID,
        backoff: Backoff | None = None,
        limits: WebhookLimits | None = None,
    ) -> None:
        self._domain, self._sender = jid.domain, sender
        self._limits = limits or WebhookLimits()
        self._store = Store(database)
        self._writer = DeliveryWriter(self._store, self._notice, self._limits)
        self._couriers = [
            Courier(
                target=target,
                store=self._store,
                writer=self._writer,
                codec=codec,
                send=sender.send,
                backoff=backoff or Backoff(),
                limits=self._limits,
            )
            for target in targets
        ]
        self._counts: dict[tuple[str, str], int] = {}
        self._tasks = TaskSet()
        self._overflow = Rejections(sender.send, "webhooks")
        self._is_open = True

    def add_metrics(self, metrics: Metrics) -> None:
        """Add the numbers of deliveries to the metrics."""
        metrics.gauge("tigrest_webhook_deliveries", "Deliveries of webhooks.", ("webhook", "state"), self._numbers)

    def _numbers(self) -> Iterator[tuple[tuple[str, str], float]]:
        for name, statistics in self.statistics().items():
            for state, number in asdict(statistics).items():
                yield (name, state), number

    async def start(self) -> None:
        """Start to deliver what is stored, and accept stanzas.

        Raises:
            ConfigError: the database cannot be used.
        """
        await self._store.start()
        self._counts = await self._store.counts()
        self._tell_orphans()
        if not self._couriers:
            return
        self._is_open = True
        self._writer.requeue()
        for courier in self._couriers:
            await courier.start()
        self._tasks.start(self._watch())

    async def stop(self) -> None:
        """Stop delivering, and store what has been taken; tell the senders of what cannot be stored, so the link must still be up."""
        self._is_open = False
        await self._tasks.stop()
        for courier in self._couriers:
            await courier.stop()
        await self._refuse(await self._writer.stop())
        await self._overflow.stop()

    def offer(self, stanza: Stanza) -> bool:
        """Take a message or presence for every webhook that selects it; return whether there is one. Does not block, raises nothing.

        Where there is no room for it, its sender is told by ``resource-constraint``.
        """
        couriers = self._selecting(stanza) if stanza.kind != "iq" else []
        if not couriers:
            return False
        sender, data, now = _sender(stanza), stanza.to_bytes(""), time.time()
        taken = [QueuedStanza(courier.target.name, sender, stanza.kind, data, now) for courier in couriers]
        if not self._is_open or not self._writer.offer(taken):
            reason = "too many stanzas wait for webhooks" if self._is_open else "the gateway is stopping"
            self._overflow.tell(refusal(stanza, StanzaError("resource-constraint", "wait", reason)))
        return True

    async def _refuse(self, left: Sequence[QueuedStanza]) -> None:
        """Tell the senders of what could not be stored, each once, however many webhooks it was for."""
        error = StanzaError("resource-constraint", "wait", "the gateway could not store what it had taken, and is stopping")
        stanzas = dict.fromkeys((taken.stanza, taken.created) for taken in left)
        try:
            async with asyncio.timeout(self._limits.refuse_seconds):
                for data, _ in stanzas:
                    if (told := refusal(Stanza.received(data), error)) is not None:
                        await self._overflow.deliver(told)
        except TimeoutError:
            log.error("not all of %d senders could be told that what they sent was not stored", len(stanzas))

    async def answer(self, iq: Stanza) -> Stanza | None:
        """Deliver an iq of type get or set to the first webhook that selects it.

        Returns:
            The reply, a result or an error, addressed to who asked; ``None`` when no webhook selects it.
        """
        couriers = self._selecting(iq)
        if not couriers:
            return None
        reply = await couriers[0].ask(iq)
        try:
            return self._sender.addressed(reply)
        except NotPermitted as error:
            log.warning("webhook %s: its reply to an iq is not sent: %s", couriers[0].target.name, error)
            return iq.error_reply(StanzaError("internal-server-error"))

    def statistics(self) -> dict[str, Statistics]:
        """Return the numbers of each webhook; those of stored deliveries as of the last poll."""
        return {
            courier.target.name: Statistics(
                sum(count for (name, state), count in self._counts.items() if name == courier.target.name and state != DeliveryState.DEAD),
                self._counts.get((courier.target.name, DeliveryState.DEAD), 0),
                courier.delivered,
                courier.failed,
            )
            for courier in self._couriers
        }

    async def deliveries(self, webhook: str = "", *, dead_only: bool = True, after: int = 0, limit: int = 100) -> Sequence[Delivery]:
        """Return stored deliveries in order, without the stanzas.

        Args:
            webhook: name of the only webhook to look at; empty for all.
            dead_only: whether to leave out what waits.
            after: number of the last delivery that is known; 0 for none.
            limit: how many at most.
        """
        return await self._store.list(dead_only, limit, webhook=webhook, after=after)

    async def replay(self, numbers: Sequence[int] | None, webhook: str = "") -> int:
        """Have dead deliveries tried again now; return how many.

        Args:
            numbers: which; all when absent.
            webhook: name of the only webhook to take all of; empty for every webhook.

        Raises:
            NotFound: one of the numbers is not there, or not dead; none is touched then.
        """
        replayed = await self._store.replay(numbers, webhook)
        if self._couriers:
            self._writer.requeue()
        return replayed

    async def drop(self, numbers: Sequence[int] | None, webhook: str = "") -> int:
        """Delete deliveries; return how many. One that is under way may still arrive.

        Args:
            numbers: which, dead or waiting; all that are dead when absent.
            webhook: name of the only webhook to take all of; empty for every webhook.

        Raises:
            NotFound: one of the numbers is not there; none is touched then.
        """
        return await self._store.drop(numbers, webhook)

    def _selecting(self, stanza: Stanza) -> list[Courier]:
        """Return the couriers of the webhooks that select a stanza: one to our domain; of iqs only those that await a reply."""
        try:
            to = stanza.to
        except InvalidStanza:
            return []
        if to is None or to.domain != self._domain or (stanza.kind == "iq" and not stanza.awaits_reply):
            return []
        return [courier for courier in self._couriers if courier.target.selects(stanza.kind, to)]

    def _notice(self) -> None:
        for courier in self._couriers:
            courier.notice()

    async def _watch(self) -> None:
        """Poll the store for changes by ``tigrest webhooks``, and count deliveries."""
        while True:
            await asyncio.sleep(self._limits.poll_seconds)
            try:
                self._counts = await self._store.counts()
            except RETRYABLE_ERRORS as error:
                log.debug("deliveries were not counted: %s", error)
                continue
            if any(state == DeliveryState.REPLAYED for _, state in self._counts):
                self._writer.requeue()

    def _tell_orphans(self) -> None:
        names = {courier.target.name for courier in self._couriers}
        for name in sorted({name for name, state in self._counts if state != DeliveryState.DEAD} - names):
            log.warning("deliveries wait for webhook %s, which is not configured; see tigrest webhooks list", name)


def _sender(stanza: Stanza) -> str:
    """Return the sender whose order a stanza is part of."""
    try:
        sender = stanza.sender
    except InvalidStanza:
        return stanza.attributes["from"][:1000]
    return sender.bare if sender is not None else ""
