"""Flow control towards the XMPP server: the server sets the pace, and nobody before it.

The component protocol (XEP-0114) has no acknowledgements. So after every 64 stanzas, or 64 KiB, a ping goes along as a barrier:
servers process the stanzas of a stream in order, so its answer says that everything before it has been processed. While too many
barriers are unanswered, or the operating system takes no more bytes, senders wait; when too many wait, further ones are refused.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import NamedTuple

from tigrest.errors import NotConnected

STEP = 64
"""Stanzas between two barriers."""

STEP_BYTES = 65536
"""Bytes after which a barrier comes, however few the stanzas."""

BARRIERS = 4
"""Most unanswered barriers."""

MAX_WAITING = 750
"""Most senders that wait for a permit."""

WAIT_SECONDS = 10.0
"""Most seconds to wait for a permit."""


class _Turn(NamedTuple):
    """A sender that waits for a permit."""

    permit: asyncio.Future[None]
    sender: str


class Window:
    """Grants permits to send, so that only so many stanzas are unconfirmed."""

    def __init__(self) -> None:
        self._stanzas = self._bytes = 0
        self._steps: deque[int] = deque()
        """Unanswered barriers: the number of permits that the answer to each releases."""
        self._missed = 0
        """Permits released while the socket was not writable; granted on resume."""
        self._paused = False
        self._counts = True
        self._waiting: deque[_Turn] = deque()
        self._senders: Counter[str] = Counter()
        """How many of those that wait are from each address."""

    @property
    def has_room(self) -> bool:
        """Whether a stanza may be sent now."""
        return len(self._steps) < BARRIERS and not self._paused and not self._waiting

    async def room(self, sender: str = "") -> None:
        """Wait for a permit to send a stanza; permits are granted in order.

        When too many wait, the last one of whoever has most there gives way, so that nobody fills the room for all.

        Args:
            sender: bare address that the stanza is from.

        Raises:
            NotConnected: too many wait, or it takes too long.
        """
        if self.has_room:
            return
        if len(self._waiting) >= MAX_WAITING:
            self._make_room(sender)
        turn = _Turn(asyncio.get_running_loop().create_future(), sender)
        self._waiting.append(turn)
        self._senders[sender] += 1
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await turn.permit
        except BaseException as error:
            if turn in self._waiting:
                self._waiting.remove(turn)
                self._leave(turn)
            elif turn.permit.done() and not turn.permit.cancelled() and turn.permit.exception() is None:
                self._let_in(1)  # it was our turn; now it is the next one's
            if isinstance(error, TimeoutError):
                raise NotConnected("the XMPP server does not keep up", 1.0) from None
            raise

    def _make_room(self, sender: str) -> None:
        """Refuse the last one of whoever has most that wait.

        Raises:
            NotConnected: that is the sender, or nobody has more than he would have.
        """
        refusal = NotConnected(f"the XMPP server does not keep up: {MAX_WAITING} stanzas wait for it already; try again", 1.0)
        [(greedy, most)] = self._senders.most_common(1)
        if most <= self._senders[sender] + 1:
            raise refusal
        last = next(turn for turn in reversed(self._waiting) if turn.sender == greedy)
        self._waiting.remove(last)
        self._leave(last)
        if not last.permit.done():
            last.permit.set_exception(refusal)

    def _leave(self, turn: _Turn) -> None:
        """Note that a sender waits no more."""
        self._senders[turn.sender] -= 1
        if not self._senders[turn.sender]:
            del self._senders[turn.sender]

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

    @property
    def unconfirmed(self) -> int:
        """Number of stanzas sent since the last barrier that was answered; 0 where the server answers none."""
        return sum(self._steps) + self._stanzas if self._counts else 0

    def is_barrier_due(self, is_silent: bool) -> bool:
        """Tell whether a barrier is due because of the time, and count it.

        None is due while another one is unanswered: that one tells whether the server is there.

        Args:
            is_silent: whether the server has sent nothing for so long that it has to be asked.
        """
        if self._steps or not (is_silent or (self._stanzas and self._counts)):
            return False
        self._steps.append(self._stanzas)
        self._stanzas = self._bytes = 0
        return True

    def passed(self) -> None:
        """Release the permits of a barrier that was answered."""
        many = self._steps.popleft() if self._steps else 0
        if not self._steps:  # nothing else would release permits, should what is sent with these be too little for a barrier
            many = max(many, STEP - self._stanzas)
        if self._paused:
            self._missed += many
        else:
            self._let_in(many)

    def pause(self) -> None:
        """Hold everybody back: the socket is not writable."""
        self._paused = True

    def resume(self) -> None:
        """Go on: the socket is writable again."""
        many, self._missed, self._paused = self._missed, 0, False
        if len(self._steps) < BARRIERS:
            self._let_in(max(many, STEP))

    def stop_counting(self) -> None:
        """Ask for no more barriers: this server does not answer them. Only the socket holds senders back then."""
        self._counts = False
        self._steps.clear()
        self._let_in(len(self._waiting))

    def open(self) -> None:
        """Let everybody go: the stream is over, so there is nothing to wait for any more."""
        self._stanzas = self.unconfirmed
        self._steps.clear()
        self._paused = False
        self._let_in(len(self._waiting))

    def _let_in(self, many: int) -> None:
        while many > 0 and self._waiting:
            turn = self._waiting.popleft()
            self._leave(turn)
            if not turn.permit.done():
                turn.permit.set_result(None)
                many -= 1
