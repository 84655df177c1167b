"""Webhooks with everything around them: a database, a receiver, a link that may be down, and codecs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from tests.inbound.webhooks.receiver import Receiver
from tigrest.concurrency.backoff import Backoff
from tigrest.errors import MalformedContent, NotConnected, TigrestError
from tigrest.inbound.webhooks import Target, Webhooks
from tigrest.inbound.webhooks.limits import WebhookLimits
from tigrest.inbound.webhooks.store import Delivery, Store
from tigrest.state.database import Database, DatabaseLimits
from tigrest.xmpp.jid import JID
from tigrest.xmpp.stanza import Stanza

US = JID("http.example.org")
XML = "application/xmpp+xml"
JSON = "application/json"
LIMITS = WebhookLimits(poll_seconds=0.05)
QUICK = Backoff(first=0.01, last=0.05, patience=0.3)


class TinyCodec:
    """XML as it is, and of JSON ``kind``, ``type`` and ``body``."""

    def read(self, content_type: str, body: bytes, *, kind: str | None = None, type: str | None = None, to: str | None = None) -> Stanza:
        media_type = content_type.partition(";")[0]
        if media_type == XML:
            return Stanza.parse(body)
        if media_type != JSON:
            raise MalformedContent(f"{media_type} is not read here")
        value = json.loads(body)
        kind = kind or value.get("kind", "message")
        attribute = f' type="{value["type"]}"' if "type" in value else ""
        inside = f"<body>{escape(value['body'])}</body>" if "body" in value else ""
        return Stanza.parse(f"<{kind}{attribute}>{inside}</{kind}>")

    def write(self, stanza: Stanza, media_type: str) -> bytes:
        if "unwritable" in stanza.id:
            raise MalformedContent("no form for this")
        if media_type == XML:
            return stanza.to_bytes("")
        return json.dumps({"kind": stanza.kind, **stanza.attributes}).encode()


class World:
    """All of it; :attr:`is_up` is whether the link is."""

    def __init__(self, receiver: Receiver, folder: Path, location: str = "") -> None:
        self.receiver, self.folder = receiver, folder
        self.location = location or str(folder / "state.sqlite3")
        self.database_limits = DatabaseLimits()
        self.sent: list[Stanza] = []
        self.is_up = True
        self.refused = 0
        self.refusal: TigrestError = NotConnected()
        """What sending raises while the link is down."""

    def addressed(self, stanza: Stanza) -> Stanza:
        return stanza

    async def send(self, stanza: Stanza) -> None:
        if not self.is_up:
            self.refused += 1
            raise self.refusal
        self.sent.append(stanza)

    def target(self, path: str = "/hook", **options: Any) -> Target:
        given: dict[str, Any] = {"name": "hook", "url": self.receiver.url + path, "content_type": XML, "max_attempts": 1000}
        return Target(**(given | options))

    @asynccontextmanager
    async def webhooks(self, *targets: Target, backoff: Backoff = QUICK, limits: WebhookLimits = LIMITS) -> AsyncIterator[Webhooks]:
        """Webhooks on the same database each time."""
        database = Database(self.location, self.database_limits)
        chosen = targets or (self.target(),)
        webhooks = Webhooks(chosen, database=database, codec=TinyCodec(), sender=self, jid=US, backoff=backoff, limits=limits)
        try:
            await webhooks.start()
            yield webhooks
        finally:
            await webhooks.stop()
            await database.stop()

    async def stored(self) -> Sequence[Delivery]:
        """Return what is in the store."""
        database = Database(self.location)
        try:
            store = Store(database)
            await store.start()
            return await store.list()
        finally:
            await database.stop()


def message(
    text: str = "hi", sender: str = "alice@example.org/desk", to: str = "shop@http.example.org", type: str = "chat", id: str = "m1"
) -> Stanza:
    attribute = f' type="{type}"' if type else ""
    return Stanza.parse(f'<message from="{sender}" to="{to}" id="{id}"{attribute}><body>{escape(text)}</body></message>')


def iq(type: str = "get", to: str = "http.example.org") -> Stanza:
    return Stanza.parse(f'<iq from="alice@example.org/desk" to="{to}" id="q1" type="{type}"><query xmlns="jabber:iq:version"/></iq>')
