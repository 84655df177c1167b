"""Scopes: which of those that a client asks for a user can grant, in the words of the client. RFC 6749 §3.3"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from tigrest.auth.scopes import GENERAL_SCOPES

FOREIGN_SCOPES = {
    "xmpp": "user",
    "prosody:restricted": "user",
    "prosody:user": "user",
    "prosody:registered": "user",
    "prosody:member": "user",
    "prosody:admin": "admin",
    "prosody:operator": "admin",
    "ejabberd:user": "user",
    "ejabberd:admin": "admin",
}
"""Scopes that clients of XMPP servers ask for, and ours.

https://modules.prosody.im/mod_http_oauth2, https://docs.ejabberd.im/developer/ejabberd-api/permissions/
"""

DEFAULT_SCOPE = "user"
"""Scope of a client that asks for none. RFC 6749 §3.3"""


@dataclass(frozen=True)
class Granted:
    """Granted part of a scope.

    Args:
        scope: in the words of the client, with spaces between; empty for nothing.
        scopes: in ours.
    """

    scope: str
    scopes: frozenset[str]


def grant_of(asked: str, *, is_admin: bool, is_command: Callable[[str], bool], limit: str = "") -> Granted:
    """Return what can be granted; what is not known, or not his to grant, is left out.

    Args:
        asked: what a client asks for, with spaces between.
        is_admin: whether the user has the role admin.
        is_command: tells whether commands have a name or a tag.
        limit: scopes beyond which the client may not go; empty for no limit.
    """
    limits = {FOREIGN_SCOPES.get(word, word) for word in limit.split()}
    granted: dict[str, str] = {}
    for word in asked.split():
        meaning = FOREIGN_SCOPES.get(word, word)
        is_his = is_admin if meaning == "admin" else meaning in GENERAL_SCOPES or is_command(meaning)
        if is_his and (not limits or meaning in limits):
            granted[word] = meaning
    return Granted(" ".join(granted), frozenset(granted.values()))


def in_words(scopes: Collection[str]) -> list[str]:
    """Return what scopes of ours are for, for the user who is asked to grant them; the widest first."""
    named = sorted(set(scopes) - set(GENERAL_SCOPES))
    return [_WORDS[scope] for scope in GENERAL_SCOPES if scope in scopes] + [f"Run for you what is named “{name}”" for name in named]


_WORDS = {
    "admin": "Do all that you may do as an administrator: accounts, messages and settings of everybody",
    "user": "Act for you: send messages, read and change your contacts, your profile and your status; not your password",
    "rest": "Use for you what the gateway offers to users below /rest",
}
