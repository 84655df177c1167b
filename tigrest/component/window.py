"""How much the server may be given before it has dealt with what it has: so that it, and nobody before it, sets the pace.

The component protocol says nothing of what was dealt with. So after so many stanzas a ping goes along. Servers deal with the
stanzas of a stream in order, so its answer says that everything before it has been dealt with. While too many of these barriers
are unanswered, or the operating system takes no more bytes, whoever wants to send waits his turn; when too many wait, further
ones are told to come back.
"""

from __future__ import annotations

import asyncio
from collections import deque

from tigrest.errors import NotConnected

STEP = 64
"""Stanzas between two barriers."""

STEP_BYTES = 65536
"""Bytes after which a barrier comes, however few the stanzas."""

BARRIERS = 4
"""Most barriers unanswered."""

MAX_WAITING = 750
"""Most that wait their turn."""

WAIT_SECONDS = 10.0
"""How long one waits at most."""


class Window:
    """Counts what is on the way to the server, and holds back what would be too much."""

    def __init__(self) -> None:
        self._stanzas = self._bytes = 0
        self._steps: deque[int] = deque()
        """Barriers unanswered: how many may go when each is passed."""
        self._missed = 0
        """How many might have gone while the operating system took no more."""
        self._paused = False
        self._counts = True
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def has_room(self) -> bool:
        """Whether one more may be sent now."""
        return len(self._steps) < BARRIERS and not self._paused and not self._waiting

    async def room(self) -> None:
        """Wait until one more may be sent, in turn.

        Raises:
            NotConnected: too many wait, or it takes too long.
        """
        if self.has_room:
            return
        if len(self._waiting) >= MAX_WAITING:
            raise NotConnected(f"the XMPP server does not keep up: {MAX_WAITING} stanzas wait for it already; try again", 1.0)
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self._let_in(1)  # it was our turn; now it is the next one's
            elif turn in self._waiting:
                self._waiting.remove(turn)
            if isinstance(error, TimeoutError):
                raise NotConnected("the XMPP server does not keep up", 1.0) from None
            raise

    def sent(self, size: int) -> bool:
        """Count a stanza.

        Args:
            size: in bytes.

        Returns:
            Whether a barrier is due.
        """
        self._stanzas += 1
        self._bytes += size
        if self._stanzas < STEP and self._bytes < STEP_BYTES:
            return False
        if self._counts:
            self._steps.append(self._stanzas if self._bytes >= STEP_BYTES else STEP)
        self._stanzas = self._bytes = 0
        return self._counts

    def passed(self) -> None:
        """A barrier was answered."""
        many = self._steps.popleft() if self._steps else 0
        if self._paused:
            self._missed += many
        else:
            self._let_in(many)

    def pause(self) -> None:
        """The operating system takes no more."""
        self._paused = True

    def resume(self) -> None:
        """It takes more."""
        many, self._missed, self._paused = self._missed, 0, False
        if len(self._steps) < BARRIERS:
            self._let_in(max(many, STEP))

    def stop_counting(self) -> None:
        """Send no more barriers: this server does not answer them. Bytes still count."""
        self._counts = False
        self._steps.clear()
        self._let_in(len(self._waiting))

    def open(self) -> None:
        """Let everybody go, for there is nothing to wait for any more."""
        self._steps.clear()
        self._paused = False
        self._let_in(len(self._waiting))

    def _let_in(self, many: int) -> None:
        while many > 0 and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                many -= 1
