"""Stanzas for our domain, delivered to URLs: stored first, signed, retried, in order for each sender.

::

    targets = [Target("orders", "https://example.org/hook/{kind}")]
    webhooks = Webhooks(targets, database=database, codec=codec, sender=sender, jid=JID("http.example.org"))
    await webhooks.start()
    webhooks.offer(stanza)
"""

from tigrest.inbound.webhooks.target import Target
from tigrest.inbound.webhooks.webhooks import Statistics, Webhooks

__all__ = ["Statistics", "Target", "Webhooks"]
