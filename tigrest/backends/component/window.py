"""Flow control towards the XMPP server.

XEP-0114 has no acknowledgements, so every 64 stanzas (or 64 KiB) a ping acts as one: servers process the stanzas of a stream in
order, so the reply to such a barrier acknowledges everything before it. At most 4 barriers may be unanswered. Senders wait for a
permit while there are more, or while the socket is not writable; when too many wait, further ones are refused.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import dataclass
from typing import NamedTuple

from tigrest.errors import NotConnected


@dataclass(frozen=True, kw_only=True)
class WindowLimits:
    """Limits of the flow control.

    Args:
        step: stanzas between two barriers.
        step_bytes: bytes after which a barrier is due, however few the stanzas.
        barriers: most unanswered barriers.
        waiting: most senders that wait for a permit.
        wait_seconds: longest wait for a permit, in seconds.
    """

    step: int = 64
    step_bytes: int = 65536
    barriers: int = 4
    waiting: int = 750
    wait_seconds: float = 10.0


class _Turn(NamedTuple):
    """A sender that waits for a permit."""

    permit: asyncio.Future[None]
    sender: str


class Window:
    """Grants permits to send, so that the number of unacknowledged stanzas is bounded.

    Args:
        limits: how many, and how long to wait.
    """

    def __init__(self, limits: WindowLimits | None = None) -> None:
        self._limits = limits = limits or WindowLimits()
        self._step, self._step_bytes, self._barriers = limits.step, limits.step_bytes, limits.barriers
        self._stanzas = self._bytes = 0
        self._steps: deque[int] = deque()
        """Unanswered barriers: the number of permits that the answer to each releases."""
        self._missed = 0
        """Permits released while the socket was not writable; granted on resume."""
        self._paused = False
        self._counts = True
        """False once the server is known not to answer pings."""
        self._waiting: deque[_Turn] = deque()
        self._senders: Counter[str] = Counter()
        """Number of waiting senders by address."""

    @property
    def has_room(self) -> bool:
        """Return whether a stanza may be sent now."""
        return len(self._steps) < self._barriers and not self._paused and not self._waiting

    async def room(self, sender: str = "") -> None:
        """Wait for a permit to send a stanza; permits are granted in order.

        When too many wait, the newest waiting stanza of the address with most of them is refused, so that one sender cannot use up
        the queue for all.

        Args:
            sender: bare address that the stanza is from.

        Raises:
            NotConnected: too many wait, or the wait takes too long.
        """
        if self.has_room:
            return
        if len(self._waiting) >= self._limits.waiting:
            self._make_room(sender)
        turn = _Turn(asyncio.get_running_loop().create_future(), sender)
        self._waiting.append(turn)
        self._senders[sender] += 1
        try:
            async with asyncio.timeout(self._limits.wait_seconds):
                await turn.permit
        except BaseException as error:
            if turn in self._waiting:
                self._waiting.remove(turn)
                self._leave(turn)
            elif turn.permit.done() and not turn.permit.cancelled() and turn.permit.exception() is None:
                self._let_in(1)  # granted but not used: pass it on
            if isinstance(error, TimeoutError):
                raise NotConnected("the XMPP server does not keep up", 1.0) from None
            raise

    def _make_room(self, sender: str) -> None:
        """Refuse the newest waiting stanza of the address that has most of them.

        Args:
            sender: address that wants to wait too.

        Raises:
            NotConnected: no other address has more than the sender would have.
        """
        waiting = self._limits.waiting
        refusal = NotConnected(f"the XMPP server does not keep up: {waiting} stanzas wait for it already; try again", 1.0)
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
        if self._stanzas < self._step and self._bytes < self._step_bytes:
            return False
        if self._counts:
            self._steps.append(self._stanzas if self._bytes >= self._step_bytes else self._step)
        self._stanzas = self._bytes = 0
        return self._counts

    @property
    def counts(self) -> bool:
        """Return whether the server answers barriers, as far as is known."""
        return self._counts

    @property
    def unconfirmed(self) -> int:
        """Return the number of stanzas sent since the last answered barrier; 0 where the server answers none."""
        return sum(self._steps) + self._stanzas if self._counts else 0

    def is_barrier_due(self, is_silent: bool) -> bool:
        """Tell whether a barrier is due because of the time, and count it as sent if so.

        None is due while another one is unanswered: that one shows whether the server is alive.

        Args:
            is_silent: whether the server has sent nothing for so long that it has to be pinged.
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
            many = max(many, self._step - self._stanzas)
        if self._paused:
            self._missed += many
        else:
            self._let_in(many)

    def pause(self) -> None:
        """Grant no permits: the socket is not writable."""
        self._paused = True

    def resume(self) -> None:
        """Grant permits again: the socket is writable."""
        many, self._missed, self._paused = self._missed, 0, False
        if len(self._steps) < self._barriers:
            self._let_in(max(many, self._step))

    def stop_counting(self) -> None:
        """Send no more barriers, as this server does not answer them. Only the socket limits senders then."""
        self._counts = False
        self._steps.clear()
        self._let_in(len(self._waiting))

    def open(self) -> None:
        """Grant all permits: the stream has ended, so senders shall see that at once."""
        self._stanzas = self.unconfirmed
        self._steps.clear()
        self._paused = False
        self._let_in(len(self._waiting))

    def _let_in(self, many: int) -> None:
        """Grant permits to those that have waited longest."""
        while many > 0 and self._waiting:
            turn = self._waiting.popleft()
            self._leave(turn)
            if not turn.permit.done():
                turn.permit.set_result(None)
                many -= 1
