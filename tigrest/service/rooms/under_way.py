"""Messages to a room that have not come back yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tigrest.concurrency.deadlines import Deadlines
from tigrest.errors import TigrestError
from tigrest.xmpp.namespaces import STANZA_IDS
from tigrest.xmpp.stanza import Stanza

_SID = STANZA_IDS.encode()
_ORIGIN_ID = f"{{{STANZA_IDS}}}origin-id"


class Message:
    """A message to a room, until the room has sent it back. A context manager: at its end nobody waits for it any more.

    Args:
        stanza: as it is sent.
        deadline: when it should have come back, by the clock of the event loop.
        all_of_room: where it is noted.
    """

    def __init__(self, stanza: Stanza, deadline: float, all_of_room: UnderWay) -> None:
        self.stanza, self.deadline = stanza, deadline
        self.echo: asyncio.Future[Stanza] = asyncio.get_running_loop().create_future()
        """The message as the room sent it to all."""
        self._all = all_of_room

    def expire(self) -> None:
        """Raise a timeout at who waits."""
        self._all.expire(self)

    def fail(self, error: TigrestError) -> None:
        """Raise an error at who waits."""
        if not self.echo.done():
            self.echo.set_exception(error)

    def __enter__(self) -> Message:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._all.discard(self)


class UnderWay:
    """The messages to one room that have not come back yet, in the order in which they were sent.

    Args:
        deadlines: expire them.
        unanswered: makes the error for one that has not come back in time.
    """

    def __init__(self, deadlines: Deadlines, unanswered: Callable[[Message], TigrestError]) -> None:
        self._deadlines, self._error_for = deadlines, unanswered
        self._by_id: dict[str, Message] = {}
        self._keeps_ids = False

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._by_id)

    def __contains__(self, id: str) -> bool:
        """Return whether one with an id is among them."""
        return id in self._by_id

    def add(self, stanza: Stanza, seconds: float) -> Message:
        """Note a message before it is sent.

        Args:
            stanza: has an id that no other has.
            seconds: until it should have come back.
        """
        message = Message(stanza, self._deadlines.after(seconds), self)
        self._by_id[stanza.id] = message
        self._deadlines.add(message)
        return message

    def discard(self, message: Message) -> None:
        """Forget a message: nobody waits for it any more."""
        if self._by_id.get(message.stanza.id) is message:
            del self._by_id[message.stanza.id]
        self._deadlines.discard(message)
        if message.echo.done() and not message.echo.cancelled():
            message.echo.exception()  # retrieved, also where its waiter has gone
        else:
            message.echo.cancel()

    def complete(self, echo: Stanza) -> None:
        """Give a message that has come back to who waits for it.

        Some services write ids of their own: then the ``origin-id`` inside tells, and at last the text. XEP-0359 §3.2, XEP-0045 §7.4
        """
        message = self._by_id.get(echo.id)
        if message is not None:
            self._keeps_ids = True
        elif not self._keeps_ids:
            message = self._by_origin(echo) or self._by_text(echo)
        if message is not None and not message.echo.done():
            message.echo.set_result(echo)

    def get(self, id: str) -> Message | None:
        """Return the one with an id; ``None`` where there is none."""
        return self._by_id.get(id)

    def expire(self, message: Message) -> None:
        """Raise a timeout at who waits for a message."""
        message.fail(self._error_for(message))

    def fail(self, error: TigrestError) -> None:
        """Raise an error at all who wait."""
        for message in tuple(self._by_id.values()):
            message.fail(error)

    def _by_origin(self, echo: Stanza) -> Message | None:
        if not self._by_id or not echo.mentions(_SID):
            return None
        origin = echo.xml.find(_ORIGIN_ID)
        return self._by_id.get(origin.get("id", "")) if origin is not None else None

    def _by_text(self, echo: Stanza) -> Message | None:
        body = echo.body
        waiting = (message for message in self._by_id.values() if not message.echo.done())
        return next((message for message in waiting if message.stanza.body == body), None)
