"""Settings and limits of a component and its link to the server."""

from __future__ import annotations

from dataclasses import dataclass, field

from tigrest.backends.component.account_changes import AccountChangeLimits
from tigrest.backends.component.presences import PresenceLimits
from tigrest.backends.component.probes import ProbeLimits
from tigrest.backends.component.reconnecting import ReconnectLimits
from tigrest.backends.component.stream import StreamLimits
from tigrest.backends.component.window import WindowLimits
from tigrest.xmpp.jid import JID


@dataclass(frozen=True, kw_only=True)
class LinkLimits:
    """Limits of the link. Times in seconds.

    Args:
        connect_seconds: for connecting, and again for the handshake.
        ping_seconds: silence of the server after which it is pinged.
        barrier_seconds: silence of the server while a barrier is unanswered, after which the link is dead.
        regained: barriers answered in a row after which answers that got lost arrive again.
        patience_seconds: after which a server that sends stanzas but does not answer a barrier counts as one that answers no pings.
        watch_seconds: between two checks whether a barrier is due because of the time.
        close_seconds: for the server to close its side at the end.
        pending: most requests that wait for their replies.
        confirming: most unanswered barriers sent for confirmations.
        window: of the flow control.
        stream: of each stream.
        reconnect: of the delays between attempts to connect.
    """

    connect_seconds: float = 10.0
    ping_seconds: float = 60.0
    barrier_seconds: float = 10.0
    regained: int = 12
    patience_seconds: float = 30.0
    watch_seconds: float = 1.0
    close_seconds: float = 2.0
    pending: int = 10_000
    confirming: int = 4
    window: WindowLimits = field(default_factory=WindowLimits)
    stream: StreamLimits = field(default_factory=StreamLimits)
    reconnect: ReconnectLimits = field(default_factory=ReconnectLimits)


@dataclass(frozen=True, kw_only=True)
class LinkSettings:
    """The server, and our address and secret there.

    Args:
        jid: our address.
        domain: the domain whose users are served; pinged to see whether the server is alive.
        secret: shared with the server.
        host, port: where the server listens for components.
        max_stanza: largest stanza that the server accepts, in bytes.
        limits: of the link.
    """

    jid: JID
    domain: JID
    secret: str = field(repr=False)
    host: str
    port: int
    max_stanza: int
    limits: LinkLimits = field(default_factory=LinkLimits)


@dataclass(frozen=True, kw_only=True)
class ComponentLimits:
    """Limits of the component.

    Args:
        answers: most inbound requests answered at the same time; as many further ones are told to wait, the others are dropped.
        privilege_seconds: wait for the announcement of privileges when the link is up.
        version_seconds: timeout of the question for the server's software.
        probes: of the probes that find out what the server delivers.
        account_changes: of what is remembered of changes of accounts.
        presences: of the presences of users.
    """

    answers: int = 500
    privilege_seconds: float = 1.0
    version_seconds: float = 5.0
    probes: ProbeLimits = field(default_factory=ProbeLimits)
    account_changes: AccountChangeLimits = field(default_factory=AccountChangeLimits)
    presences: PresenceLimits = field(default_factory=PresenceLimits)


@dataclass(frozen=True, kw_only=True)
class ComponentSettings:
    """Settings of a component.

    Args:
        link: the server, and our address and secret there.
        is_trusted: whether the server lets us send from its users' addresses (``send_as = "user"``).
        borrows: whether the server lets us send iqs from its users' addresses, and sends the replies to us (Prosody does).
        limits: of the component.
    """

    link: LinkSettings
    is_trusted: bool
    borrows: bool
    limits: ComponentLimits = field(default_factory=ComponentLimits)
