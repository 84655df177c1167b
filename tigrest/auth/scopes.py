"""Scopes of tokens: which of them do something."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from tigrest.spelling import nearest

GENERAL_SCOPES = ("admin", "user", "rest")
"""Scopes that are no names or tags of commands."""


def powerless(scopes: Iterable[str], words: Collection[str], named: Collection[str]) -> Iterator[str]:
    """Find scopes by which a token may do nothing.

    Args:
        scopes: those of the token.
        words: names and tags of all commands.
        named: scopes that permissions name.

    Returns:
        A phrase for each, with the nearest scope.
    """
    known = {*GENERAL_SCOPES, *words, *named}
    for scope in scopes:
        if scope not in known:
            near = nearest(scope, known)
            hint = f"; did you mean {near}?" if near else ""
            yield f"the scope {scope[:64]!r} is no command, no tag, none of {', '.join(GENERAL_SCOPES)}, and in no permissions{hint}"
