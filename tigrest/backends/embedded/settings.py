"""Settings and limits of the embedded domain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tigrest.backends.embedded.pep import PepLimits
from tigrest.backends.entities.commands import CommandSessionLimits
from tigrest.xmpp.jid import JID


@dataclass(frozen=True, kw_only=True)
class EmbeddedLimits:
    """Limits of the embedded domain.

    Args:
        messages: most offline messages of a user; further ones are refused.
        pep: of personal eventing.
        occupants: most people in all chat rooms together.
        command_sessions: of the sessions of the domain's own commands.
    """

    messages: int = 1000
    occupants: int = 1000
    pep: PepLimits = field(default_factory=PepLimits)
    command_sessions: CommandSessionLimits = field(default_factory=CommandSessionLimits)


@dataclass(frozen=True, kw_only=True)
class EmbeddedSettings:
    """Settings of an embedded domain.

    Args:
        jid: our own address.
        domain: the domain whose users are served.
        accounts: plain passwords by address. Accounts that are missing are created at the start; a stored password that does not
            verify is replaced.
        limits: of the domain.
    """

    jid: JID
    domain: JID
    accounts: Mapping[JID, str] = field(default_factory=dict, repr=False)
    limits: EmbeddedLimits = field(default_factory=EmbeddedLimits)
