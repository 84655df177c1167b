"""A share for each caller of what can be waited for, so that nobody uses it up alone."""

from __future__ import annotations

from collections.abc import Hashable
from types import TracebackType

from tigrest.auth.principal import Principal
from tigrest.errors import TooManyWaiting


class Shares:
    """Counts what each caller waits for.

    Args:
        limit: most that one may wait for at a time.
        what: it is, for the message, in the plural.
    """

    def __init__(self, limit: int, what: str) -> None:
        self.limit, self.what = limit, what
        self._taken: dict[Hashable, int] = {}

    def of(self, principal: Principal) -> Share:
        """Return the share of a caller, to be used in a ``with`` statement."""
        return Share(self, self._taken, principal.jid or (principal.via, principal.name))


class Share:
    """One place in the share of a caller, for as long as a ``with`` statement runs."""

    __slots__ = ("_key", "_shares", "_taken")

    def __init__(self, shares: Shares, taken: dict[Hashable, int], key: Hashable) -> None:
        self._shares, self._taken, self._key = shares, taken, key

    def __enter__(self) -> None:
        """Take a place.

        Raises:
            TooManyWaiting: the caller has his share already.
        """
        count = self._taken.get(self._key, 0)
        if count >= self._shares.limit:
            raise TooManyWaiting(self._shares.limit, self._shares.what)
        self._taken[self._key] = count + 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Give it back."""
        count = self._taken[self._key] - 1
        if count:
            self._taken[self._key] = count
        else:
            del self._taken[self._key]
