"""Limit what each caller waits for, so that none exhausts it for all."""

from __future__ import annotations

from tigrest.errors import TooManyWaiting


class Shares:
    """Counts what each caller waits for.

    Args:
        limit: most that one may wait for at a time.
        what: it is, for the message, in the plural.
    """

    def __init__(self, limit: int, what: str) -> None:
        self.limit, self.what = limit, what
        self._taken: dict[str, int] = {}

    def take(self, caller: str) -> None:
        """Count one more; :meth:`give_back` must follow when it does not wait any more.

        Args:
            caller: whose share it is.

        Raises:
            TooManyWaiting: he has his share already.
        """
        count = self._taken.get(caller, 0)
        if count >= self.limit:
            raise TooManyWaiting(self.limit, self.what)
        self._taken[caller] = count + 1

    def give_back(self, caller: str) -> None:
        """Count one less."""
        count = self._taken[caller] - 1
        if count:
            self._taken[caller] = count
        else:
            del self._taken[caller]
