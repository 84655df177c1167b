"""Limits of the delivery to webhooks."""

from __future__ import annotations

from dataclasses import dataclass, field

from tigrest.state.batches import BatchLimits


@dataclass(frozen=True)
class WebhookLimits:
    """Limits of the delivery to webhooks.

    Args:
        buffered_stanzas: most stanzas that wait in memory to be stored.
        buffered_bytes: most bytes of them.
        stored_together: most stanzas stored in one transaction.
        remove_seconds: how long a delivery that is over may stay in the store, if nothing else is written. What is in it after a crash
            is delivered again.
        batches: when the store is written.
        senders: most senders in memory for each webhook; further ones wait in the store until one of these has nothing left.
        first_bytes: most bytes of the first deliveries of senders that are kept in memory, so that they are not read again.
        page: deliveries that are read together to find further senders.
        turn: most deliveries of one sender before it is another's turn.
        link_seconds: most seconds between attempts to send a reply while there is no link.
        poll_seconds: seconds between looks at what ``tigrest webhooks`` has changed.
        refuse_seconds: how long it may take at the end to tell senders that their stanzas could not be stored.
    """

    buffered_stanzas: int = 10_000
    buffered_bytes: int = 64 * 1024 * 1024
    stored_together: int = 200
    remove_seconds: float = 0.1
    batches: BatchLimits = field(default_factory=lambda: BatchLimits(pause_seconds=0.01))
    senders: int = 1000
    first_bytes: int = 4 * 1024 * 1024
    page: int = 100
    turn: int = 16
    link_seconds: float = 5.0
    poll_seconds: float = 2.0
    refuse_seconds: float = 2.0
