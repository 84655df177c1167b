"""The authenticated caller."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal

from tigrest.xmpp.jid import JID

Via = Literal["basic", "key", "open", "webhook", "xmpp", "ctl", "bearer", "page"]
"""Means of authentication: HTTP Basic, an API key alone, ``[auth] open_access``; ``webhook`` for the answers of webhooks, ``xmpp`` for
stanzas, whose sender the XMPP server has authenticated; ``ctl`` for users of the operating system at the socket of ``tigrest ctl``;
``bearer`` for tokens, which stand for their owners; ``page`` for a page in a browser, without a login."""

NOBODY: frozenset[str] = frozenset()
USER = frozenset({"user"})
ADMIN = frozenset({"user", "admin"})


@dataclass(frozen=True, slots=True)
class Principal:
    """The authenticated caller of a request. Handlers get it as the argument ``principal``.

    Args:
        jid: bare address of the caller; ``None`` where an API key or a webhook acts without a login.
        roles: ``user`` for whoever has logged in, ``admin`` for those in ``[auth] admins`` too.
        via: how he got in.
        name: of the API key, the token, the webhook or the user of the operating system; empty when there is none.
        address: IP address of the client; empty when it is unknown.
        scopes: of the token that he came with; none where he came otherwise.
        has_chosen: whether he chose the scopes himself, when a client got the token by his login: they limit him, and give him nothing.
        by_password: whether a client got the token by his password, which it knows.
    """

    jid: JID | None
    roles: frozenset[str] = NOBODY
    via: Via = "basic"
    name: str = ""
    address: str = ""
    scopes: frozenset[str] = NOBODY
    has_chosen: bool = False
    by_password: bool = False
    is_admin: bool = field(init=False, compare=False, repr=False)
    """True when he has the role admin."""
    _hash: int = field(init=False, compare=False, repr=False)
    """Of all by which the same user may come as several callers: those of one hash are compared one by one for each request."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_admin", "admin" in self.roles)
        object.__setattr__(self, "_hash", hash((self.jid, self.name, self.address, self.roles)))

    def with_roles(self, roles: frozenset[str]) -> Principal:
        """Return him with other roles; memoised, since each call of a command by a token asks for it."""
        return self if roles == self.roles else _with_roles(self, roles)

    def without_owner(self) -> Principal:
        """Return the bearer of a token as somebody whom it does not stand for: nobody in particular."""
        return replace(self, jid=None, roles=NOBODY)

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        """Name the caller for logs and messages: his address, else what he came with."""
        return str(self.jid) if self.jid is not None else f"{self.via} {self.name}".rstrip()


@lru_cache(maxsize=1024)
def _with_roles(principal: Principal, roles: frozenset[str]) -> Principal:
    return replace(principal, roles=roles)
