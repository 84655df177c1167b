"""Requests to an entity, and the functions that answer them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from tigrest.errors import NotPermitted
from tigrest.xmpp.jid import JID


@dataclass(frozen=True)
class IqRequest:
    """An iq of type get or set, checked.

    Args:
        type: ``get`` or ``set``.
        payload: its one payload element.
        sender: address that it is from.
        to: address that it is for.
        is_admin: whether the sender may administer the domain.
    """

    type: str
    payload: ET.Element
    sender: JID
    to: JID
    is_admin: bool

    @property
    def is_owner(self) -> bool:
        """Return whether the sender may act for the account that is asked."""
        return self.is_admin or self.sender.bare == self.to.bare

    def expect_admin(self) -> None:
        """Refuse the request unless an administrator sent it.

        Raises:
            NotPermitted: the sender is none.
        """
        if not self.is_admin:
            raise NotPermitted(f"{self.sender.bare} is not an administrator of this domain")

    def expect_owner(self) -> None:
        """Refuse the request unless the owner of the account or an administrator sent it.

        Raises:
            NotPermitted: the sender is neither.
        """
        if not self.is_owner:
            raise NotPermitted(f"{self.sender.bare} may not change what belongs to {self.to.bare}")


IqAnswer = Callable[[IqRequest], Awaitable[ET.Element | None]]
"""Returns the payload of the result, or ``None`` for an empty one; raises to refuse."""

IqAnswers = Mapping[tuple[str, str], IqAnswer]
"""Functions by iq type and ``{namespace}name`` of the payload."""
