"""The people in a room, as one of our occupants sees them; a room decides how many it names, so all together are bounded."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tigrest.xmpp.occupant import Occupant


@dataclass
class PeopleBudget:
    """Counts the people remembered for all rooms.

    Args:
        limit: most of them.
        taken: how many there are.
    """

    limit: int
    taken: int = 0


class People:
    """Who is in a room.

    Args:
        budget: of all rooms together.
    """

    def __init__(self, budget: PeopleBudget) -> None:
        self._budget = budget
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
        if known is None:
            if self._budget.taken >= self._budget.limit:
                return
            self._budget.taken += 1
        elif occupant.jid is None and known.jid is not None:
            occupant = replace(occupant, jid=known.jid)
        self._by_nick[occupant.nick] = occupant

    def remove(self, nick: str) -> None:
        """Forget somebody."""
        if self._by_nick.pop(nick, None) is not None:
            self._budget.taken -= 1

    def clear(self) -> None:
        """Forget all of them."""
        self._budget.taken -= len(self._by_nick)
        self._by_nick.clear()
