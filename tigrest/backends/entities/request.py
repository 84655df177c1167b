"""What an entity is asked, and what answers it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from tigrest.errors import NotPermitted
from tigrest.xmpp.jid import JID


@dataclass(frozen=True)
class Request:
    """An iq that asks for something.

    Args:
        type: ``get`` or ``set``.
        payload: what it asks.
        sender: who asks.
        to: who is asked.
        is_admin: whether the sender may administer the domain.
    """

    type: str
    payload: ET.Element
    sender: JID
    to: JID
    is_admin: bool

    @property
    def is_owner(self) -> bool:
        """Whether the sender may act for the account that is asked."""
        return self.is_admin or self.sender.bare == self.to.bare

    def expect_admin(self) -> None:
        """Refuse all but administrators.

        Raises:
            NotPermitted: the sender is none.
        """
        if not self.is_admin:
            raise NotPermitted(f"{self.sender.bare} is not an administrator of this domain")

    def expect_owner(self) -> None:
        """Refuse all but the owner of the account and administrators.

        Raises:
            NotPermitted: the sender is neither.
        """
        if not self.is_owner:
            raise NotPermitted(f"{self.sender.bare} may not change what belongs to {self.to.bare}")


Answer = Callable[[Request], Awaitable[ET.Element | None]]
"""Gives the payload of the result, or ``None`` for an empty one; raises to refuse."""

Answers = Mapping[tuple[str, str], Answer]
"""Answers by iq type and ``{namespace}name`` of the payload."""
