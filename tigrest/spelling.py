"""Names that are nearly other names."""

from __future__ import annotations

import difflib
import heapq
import itertools
from collections.abc import Iterable

COMPARED = 16
"""Most names that are compared letter by letter, which takes 80 µs each: callers choose what they are compared with."""

LONGEST = 200
"""Characters of the longest name that is nearly another one: callers choose names of a megabyte."""


def nearest(name: str, names: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the most similar of some names; ``None`` when none is similar.

    Args:
        name: what was written; whether in capitals does not matter. A very long one is similar to none.
        names: what could have been meant.
        cutoff: how similar it must be: 1 for the same, as :mod:`difflib` has it.
    """
    if len(name) > LONGEST:
        return None
    known = {known.lower(): known for known in names}
    written = name.lower()
    candidates: Iterable[str] = known
    if len(known) > COMPARED:
        pairs = _pairs(written)
        candidates = heapq.nlargest(COMPARED, known, lambda other: len(pairs & _pairs(other)) - abs(len(written) - len(other)) / 2)
    close = difflib.get_close_matches(written, candidates, 1, cutoff)
    return known[close[0]] if close else None


def _pairs(word: str) -> set[str]:
    """Return the pairs of neighbouring letters in a word, its ends included."""
    return set(map("".join, itertools.pairwise(f"^{word}$")))


def slips(first: str, second: str) -> int:
    """Count the slips between two words: letters that are missing, added or changed, and neighbours that are swapped.

    The optimal string alignment distance (Damerau, Levenshtein).
    """
    before: list[int] = []
    row = list(range(len(second) + 1))
    for i, letter in enumerate(first, start=1):
        before, above, row = row, before, [i]
        for j, other in enumerate(second, start=1):
            fewest = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == second[j - 2] and first[i - 2] == other:
                fewest = min(fewest, above[j - 2] + 1)
            row.append(fewest)
    return row[-1]
