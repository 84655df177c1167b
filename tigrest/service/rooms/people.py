"""The people in a room, as one of our occupants sees them; a room decides how many it names, so all together are bounded."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tigrest.xmpp.occupant import Occupant

CHARACTERS = 512
"""Characters of nickname and address for which somebody counts once more: they may have some 4000."""


@dataclass
class PeopleBudget:
    """Counts the people remembered for all rooms.

    Args:
        limit: most of them.
        taken: how many there are; those who take more memory count for several.
    """

    limit: int
    taken: int = 0


class People:
    """Occupants of a room.

    Args:
        budget: of all rooms together.
        limit: most of them that this room may take.
    """

    def __init__(self, budget: PeopleBudget, limit: int) -> None:
        self._budget, self._limit, self._taken = budget, limit, 0
        self._by_nick: dict[str, Occupant] = {}

    def __len__(self) -> int:
        """Return how many are known."""
        return len(self._by_nick)

    def get(self, nick: str) -> Occupant | None:
        """Return who has a nickname; ``None`` where it is not known."""
        return self._by_nick.get(nick)

    def all(self) -> list[Occupant]:
        """Return all that are known, sorted by nickname."""
        return sorted(self._by_nick.values(), key=lambda occupant: occupant.nick)

    def add(self, occupant: Occupant) -> None:
        """Remember somebody, or what is new about him; nothing happens when too many are known already."""
        known = self._by_nick.get(occupant.nick)
        if known is not None and occupant.jid is None and known.jid is not None:
            occupant = replace(occupant, jid=known.jid)
        more = _share(occupant) - (0 if known is None else _share(known))
        if more > 0 and (self._taken + more > self._limit or self._budget.taken + more > self._budget.limit):
            return
        self._take(more)
        self._by_nick[occupant.nick] = occupant

    def remove(self, nick: str) -> None:
        """Forget somebody."""
        if (known := self._by_nick.pop(nick, None)) is not None:
            self._take(-_share(known))

    def clear(self) -> None:
        """Forget all of them."""
        self._take(-self._taken)
        self._by_nick.clear()

    def _take(self, more: int) -> None:
        self._taken += more
        self._budget.taken += more


def _share(occupant: Occupant) -> int:
    """Return for how many somebody counts."""
    return 1 + (len(occupant.nick) + len(occupant.jid or "")) // CHARACTERS
