"""The contract of back ends: the embedded domain and the component of a real server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from tigrest.backends.entities.commands import AdHocCommands
from tigrest.backends.inbound import Inbound
from tigrest.xmpp.jid import JID
from tigrest.xmpp.presence import StatusOutcome, UserStatus
from tigrest.xmpp.sasl import LoginSecret
from tigrest.xmpp.stanza import Stanza

REQUEST_TIMEOUT = 30.0
"""Default timeout of a request, in seconds."""

SERVICES = frozenset({"sess-man", "vhost-man", "monitor", "stats", "bosh", "c2s", "s2s", "ws2s", "message-router", "message-archive"})
"""Local parts of the served domain that are services instead of users, with any resource (Tigase)."""


@runtime_checkable
class UserRepository(Protocol):
    """The accounts of the XMPP domain. Scripts may ask for it: ``users: UserRepository = inject()``."""

    async def add(self, jid: JID, password: str, email: str | None = None) -> None:
        """Create an account.

        Raises:
            UserExists: there is one.
            InvalidValue: the address is not of a domain served here, or servers take no such password.
            ServerFailed: the server says that it was done, but does not accept a login with the password.
        """

    async def remove(self, jid: JID) -> None:
        """Delete an account and all it owns.

        Raises:
            NoSuchUser: there is none.
        """

    async def exists(self, jid: JID) -> bool:
        """Return whether there is an account of an address; its resource does not matter.

        Raises:
            NotConnected: the server cannot be asked.
        """

    async def set_password(self, jid: JID, password: str) -> None:
        """Change the password of an account.

        Raises:
            NoSuchUser: there is none.
            InvalidValue: servers take no such password.
            ServerFailed: the server says that it was done, but does not accept a login with the password.
        """

    async def list(self, domain: str | None = None) -> list[JID]:
        """List the accounts, sorted.

        Args:
            domain: only those of this domain; all when ``None``.
        """


class LoginPort(Protocol):
    """Checks logins of users at their server, by their passwords or by tokens of the server.

    Each call takes the time of a login; callers cache.
    """

    async def check(self, jid: JID, password: str) -> bool:
        """Return whether a password is right.

        Raises:
            NotConnected: the server cannot be reached, or does not decide.
        """

    async def check_login(self, jid: JID, secret: str) -> LoginSecret | None:
        """Check what somebody logs in with: his password, or a token that the server has given him.

        Returns:
            Which of them it is; ``None`` when it is not accepted.

        Raises:
            NotConnected: as :meth:`check`.
        """

    async def owner_of_token(self, token: str) -> JID | None:
        """Return the bare address that a token of the server stands for; ``None`` when the server does not accept it.

        Raises:
            NotSupported: the server takes no tokens that tell by themselves for whom they are.
            NotConnected: as :meth:`check`.
        """


class Backend(Protocol):
    """Access to XMPP: the embedded domain, or a component of a server."""

    jid: JID
    """Our own address."""
    domain: JID
    """The domain whose users are served."""
    users: UserRepository
    login_port: LoginPort | None
    """Checks tokens of the server; ``None`` where it has none."""
    inbound: Inbound
    """Gets the stanzas that come in for our own addresses."""

    @property
    def connected(self) -> bool:
        """Return whether stanzas can be sent now."""

    async def start(self) -> None:
        """Begin to connect; return when ready or, for a link that keeps trying, once trying."""

    async def stop(self) -> None:
        """Close in good order. Requests that wait end with :class:`~tigrest.errors.NotConnected`."""

    async def send(self, stanza: Stanza) -> None:
        """Hand over a stanza; returns when it is accepted, which says nothing about delivery.

        Args:
            stanza: has a ``from`` already checked by the caller.

        Raises:
            NotConnected: there is no server now.
        """

    async def send_confirmed(self, stanza: Stanza, timeout: float) -> None:
        """Hand over a stanza and wait until the server has processed it. What bounced at once has come in at :attr:`inbound` by then.

        Args:
            stanza: has a ``from`` already checked by the caller.
            timeout: seconds to wait.

        Raises:
            NotConnected: there is no server now, or it went away before the confirmation: the message says that it may have arrived.
            StanzaTimeout: it was not confirmed in time, or this server cannot confirm; it was sent nevertheless.
            StanzaError: it bounced, where the back end itself knows that.
        """

    def learns_bounces(self, sender: JID) -> bool:
        """Return whether errors for stanzas that an address has sent become known here; else they go to its owner.

        Args:
            sender: an address that may be sent from.
        """

    async def request(self, iq: Stanza, timeout: float) -> Stanza:
        """Send an iq of type get or set and wait for its reply, be it a result or an error.

        Args:
            iq: has a ``from`` already checked by the caller.
            timeout: seconds to wait.

        Raises:
            NotConnected: there is no server, or it went away before the reply.
            StanzaTimeout: no reply in time.
        """

    async def request_as(self, owner: JID, iq: Stanza, timeout: float) -> Stanza:
        """Send an iq in the name of a user and wait for its reply, as :meth:`request`.

        Args:
            owner: bare address of the user.
            iq: of type get or set, without ``from``.
            timeout: seconds to wait.

        Raises:
            NotSupported: the server does not let us; the message says what to grant.
        """

    def delegation_trouble(self, type: str, namespace: str) -> str:
        """Return why :meth:`request_as` cannot send iqs of a type and namespace; empty when it can.

        Args:
            type: get or set.
            namespace: of the payload.
        """

    async def check_credentials(self, jid: JID, password: str) -> bool:
        """Check a password against the server. Takes the time of a login; callers cache.

        Raises:
            NotConnected: the server cannot be reached, or does not decide.
        """

    async def set_presence(self, presence: UserStatus) -> StatusOutcome:
        """Show the presence of a user at a resource of ours, or take it back."""

    @property
    def opens_bosh(self) -> bool:
        """Return whether BOSH sessions are opened by a command of the server itself (``bosh@domain``, Tigase)."""

    def offer(self, *groups: AdHocCommands) -> None:
        """Offer ad-hoc commands at our own address, in place of those before."""

    def on_link(self, changed: Callable[[bool], None]) -> None:
        """Add a callback for the connection to XMPP: called with true when stanzas can be sent from now on, with false when they cannot."""

    def on_account_change(self, changed: Callable[[JID], None]) -> None:
        """Add a callback for every account whose password changes or that is deleted through the gateway, in whatever way.

        For all caches about accounts: logins, event streams. The callback may be called more than once for a change, and without a
        change; on a real server only after the server has answered.
        """
