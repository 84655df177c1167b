"""Find owners of tokens whose accounts are gone: an XMPP server does not tell when it deletes one."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tigrest.errors import TigrestError
from tigrest.xmpp.jid import JID

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OwnerLimits:
    """Limits of asking the server about owners.

    Args:
        seconds: interval at which it is asked about the same owner again.
        again_seconds: interval after which it is asked again about one that it does not know.
        remembered: most owners that are remembered; beyond them all are forgotten.
    """

    seconds: float = 3600.0
    again_seconds: float = 50.0
    remembered: int = 10_000


class OwnerChecks:
    """Asks now and then whether there is an account.

    One is gone when the server says so twice, some time apart: tokens are deleted then, and a server whose storage fails for a moment must
    not be the end of them. One is asked about at once only, since some servers list all their accounts for it.

    Args:
        exists: tells whether there is an account.
        clock: tells monotonic seconds.
        limits: of asking.
    """

    def __init__(
        self,
        exists: Callable[[JID], Awaitable[bool]],
        clock: Callable[[], float] = time.monotonic,
        limits: OwnerLimits = OwnerLimits(),
    ) -> None:
        self._exists, self._clock, self._limits = exists, clock, limits
        self._due: dict[JID, float] = {}
        self._missing: set[JID] = set()
        self._is_asking = False

    async def is_gone(self, owner: JID) -> bool:
        """Return whether an account is known to be gone; asks when it was not asked for long.

        Args:
            owner: bare address of it.
        """
        now = self._clock()
        if self._is_asking or self._due.get(owner, now) > now:
            return False
        self._is_asking = True
        try:
            is_there = await self._exists(owner)
        except TigrestError as error:
            log.debug("whether there is an account %s is not known: %s", owner, error)
            is_there = True
        finally:
            self._is_asking = False
        if len(self._due) >= self._limits.remembered:
            self._due.clear()
            self._missing.clear()
        if is_there:
            self._missing.discard(owner)
            self._due[owner] = now + self._limits.seconds
            return False
        self._due[owner] = now + self._limits.again_seconds
        was_missing = owner in self._missing
        (self._missing.discard if was_missing else self._missing.add)(owner)
        return was_missing
