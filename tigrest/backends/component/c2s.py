"""Checks of passwords and tokens by a login on the server's c2s port: STARTTLS and SASL."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal, TypeVar
from xml.etree import ElementTree as ET

from tigrest.backends.component.client_stream import ClientStream, ClientStreamLimits, condition, explained, shown
from tigrest.errors import InvalidJID, NotConnected, NotSupported
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import BIND, SASL, STARTTLS
from tigrest.xmpp.sasl import LoginSecret, Mechanism, OAuthBearer, Refused, XOAuth2, choose_mechanism, is_token, looks_like_token

log = logging.getLogger(__name__)

R = TypeVar("R")

_Login = Callable[[ClientStream, ET.Element], Awaitable[R]]
"""What is done on a connection, encrypted as configured, with the stream features that the server offers there."""

WRONG_LOGIN = {"not-authorized", "credentials-expired", "account-disabled", "invalid-authzid", "malformed-request"}
"""Conditions of a failure that mean a wrong password or account; others are troubles of the server. RFC 6120 §6.5"""


@dataclass(frozen=True, kw_only=True)
class ClientPortLimits:
    """Limits of password checks.

    Args:
        check_seconds: timeout of a check.
        connecting: most connections on which the server has not sent its features yet. ejabberd queues 5 unless its ``backlog`` is
            set; further connections are dropped, and retried by the operating system after a second or more.
        reported: most different troubles that are logged until the next check that works.
        stream: of each connection.
    """

    check_seconds: float = 10.0
    connecting: int = 4
    reported: int = 20
    stream: ClientStreamLimits = field(default_factory=ClientStreamLimits)


@dataclass(frozen=True, kw_only=True)
class ClientPortSettings:
    """The c2s port of the server, and how it is used.

    Args:
        host, port: where the server accepts clients.
        domain: of the users that are checked; the server's certificate must be valid for it, whatever ``host`` is.
        tls: ``"require"``: only encrypted; ``"allow"``: encrypted where offered; ``"never"``. Where TLS is used, the
            certificate is verified. Without TLS the password itself is sent to this host only, elsewhere SCRAM is used.
        authorities: certificates in PEM that are trusted; empty for the system's (``SSL_CERT_FILE`` names others).
        limits: of the checks.
    """

    host: str
    port: int
    domain: str
    tls: Literal["require", "allow", "never"]
    authorities: str = field(default="", repr=False)
    limits: ClientPortLimits = field(default_factory=ClientPortLimits)


class ClientPort:
    """Checks passwords and tokens on the port where the server accepts clients.

    Every check opens a connection of its own, and closes it before it returns. No presence is sent, so the user is not shown as online; a
    resource is bound only to learn whom a token stands for.

    Args:
        settings: the port, and how it is used.
        ssl_context: trusted authorities; made of ``settings.authorities`` when absent.

    RFC 6120 §5, §6
    """

    def __init__(self, settings: ClientPortSettings, ssl_context: ssl.SSLContext | None = None) -> None:
        self._settings, self._limits = settings, settings.limits
        self._name = f"{settings.host}:{settings.port}"
        self._ssl_context = ssl_context or ssl.create_default_context(cadata=settings.authorities or None)
        self._connecting = asyncio.Semaphore(settings.limits.connecting)
        self._troubles: set[str] = set()

    async def check(self, jid: JID, password: str) -> bool:
        """Check a password. Log once when checks begin to fail, and once when they work again.

        Returns:
            Whether the server accepts it; false for users of other domains, without a connection.

        Raises:
            NotConnected: the check failed: the server cannot be reached, closes the connection, takes too long, or TLS and
                mechanisms do not fit; the message says what to configure.
        """

        async def login(stream: ClientStream, features: ET.Element) -> bool:
            return await _authenticate(stream, self._choose(stream, features, jid.local, password))

        return self._serves(jid) and _is_sendable(password) and await self._run(login, False)

    async def check_login(self, jid: JID, secret: str) -> LoginSecret | None:
        """Check a password; where it is refused, and looks like a token, try it as one, where the server offers X-OAUTH2.

        Returns:
            What it is; ``None`` when the server does not accept it.

        Raises:
            NotConnected: as :meth:`check`.
        """

        async def login(stream: ClientStream, features: ET.Element) -> LoginSecret | None:
            with suppress(Refused):
                if await _authenticate(stream, self._choose(stream, features, jid.local, secret)):
                    return "password"
            if not (stream.is_private and looks_like_token(secret) and XOAuth2.name in _mechanisms(features)):
                return None
            return "token" if await _authenticate(stream, XOAuth2(jid.local, secret)) else None

        return await self._run(login, None) if self._serves(jid) and _is_sendable(secret) else None

    async def owner_of_token(self, token: str) -> JID | None:
        """Return the bare address that a token logs in, which the server tells when a resource is bound; ``None`` when it is refused.

        Raises:
            NotSupported: the server does not offer OAUTHBEARER, or not over a connection that is safe from eavesdroppers.
            NotConnected: as :meth:`check`.

        RFC 7628
        """

        async def login(stream: ClientStream, features: ET.Element) -> JID | None:
            if OAuthBearer.name not in _mechanisms(features):
                raise NotSupported(f"the XMPP server on {self._name} offers no {OAuthBearer.name}")
            if not stream.is_private:
                raise NotSupported(f"the connection to the XMPP server on {self._name} is not encrypted, so no token is sent there")
            if not await _authenticate(stream, OAuthBearer(token)):
                return None
            return await _bound(stream, await stream.open(self._settings.domain))

        owner = await self._run(login, None) if is_token(token) else None
        return owner if owner is not None and self._serves(owner) else None

    def _serves(self, jid: JID) -> bool:
        return jid.domain == self._settings.domain and bool(jid.local)

    def _report(self, trouble: str) -> None:
        """Log why a check failed, unless that was logged since the last check that worked."""
        if trouble not in self._troubles and len(self._troubles) < self._limits.reported:
            self._troubles.add(trouble)
            log.warning("logins cannot be checked: %s", trouble)

    def _recover(self) -> None:
        if self._troubles:
            self._troubles.clear()
            log.info("logins can be checked again by the XMPP server on %s", self._name)

    async def _run(self, login: _Login[R], refused: R) -> R:
        """Do something on a connection of its own, within the time; log when it begins to fail, and when it works again.

        Args:
            login: what to do.
            refused: the result for a password that SASL cannot carry.
        """
        try:
            result = await self._decide(login)
        except Refused:
            return refused
        except NotConnected as error:
            self._report(str(error))
            raise
        self._recover()
        return result

    async def _decide(self, login: _Login[R]) -> R:
        try:
            async with asyncio.timeout(self._limits.check_seconds), self._connection() as (stream, features):
                result = await login(stream, await self._secure(stream, features))
                await stream.close()
                return result
        except TimeoutError:
            seconds = self._limits.check_seconds
            raise NotConnected(f"the XMPP server on {self._name} did not decide a login in {seconds:g} s") from None

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[ClientStream, ET.Element]]:
        """Open a connection; yield it with the stream features that the server offers."""
        async with AsyncExitStack() as stack:
            async with self._connecting:
                stream = await ClientStream.connect(self._settings.host, self._settings.port, self._limits.stream)
                stack.push_async_callback(stream.abort)
                features = await stream.open(self._settings.domain)
            yield stream, features

    async def _secure(self, stream: ClientStream, features: ET.Element) -> ET.Element:
        """Encrypt the stream as configured.

        Returns:
            The stream features that are valid now.
        """
        offered = features.find(f"{{{STARTTLS}}}starttls") is not None
        if not offered and not _mechanisms(features):
            raise stream.broken(f"offers neither TLS nor logins without it; give it a certificate for {self._settings.domain}")
        if self._settings.tls == "require" and not offered:
            raise stream.broken(
                f"offers no STARTTLS; give it a certificate for {self._settings.domain}, "
                'or, if it runs on this machine, set [xmpp] c2s_tls = "allow"'
            )
        if self._settings.tls == "never" or not offered:
            return features
        stream.send(f"<starttls xmlns='{STARTTLS}'/>")
        answer = await stream.next()
        if answer.tag != f"{{{STARTTLS}}}proceed":
            raise stream.broken(f"offers STARTTLS but does not do it (<{shown(answer.tag)}>): is its certificate in order?")
        await stream.start_tls(self._ssl_context, self._settings.domain)
        return await stream.open(self._settings.domain)

    def _choose(self, stream: ClientStream, features: ET.Element, user: str, password: str) -> Mechanism:
        offered = _mechanisms(features)
        mechanism = choose_mechanism(offered, user, password, stream.is_private)
        if mechanism is not None:
            return mechanism
        if not stream.is_encrypted and features.find(f"{{{STARTTLS}}}starttls") is not None:
            raise stream.broken('offers no login without TLS; set [xmpp] c2s_tls = "require"')
        if not stream.is_private and "PLAIN" in offered:
            raise stream.broken("wants passwords in clear over the network; configure a certificate or SCRAM there")
        names = ", ".join(sorted(name[:40] for name in offered)[:10]) or "none"
        raise stream.broken(f"offers no SASL mechanism that can be used (offered: {names}); enable PLAIN or SCRAM-SHA-256 there")


def _mechanisms(features: ET.Element) -> set[str]:
    """Return the names of the SASL mechanisms that the server offers. RFC 6120 §6.4.1"""
    return {(element.text or "").strip() for element in features.iterfind(f"{{{SASL}}}mechanisms/{{{SASL}}}mechanism")}


def _is_sendable(password: str) -> bool:
    """Tell whether SASL can carry a password: it is not empty, and has no NUL and no lone surrogate."""
    return bool(password) and "\0" not in password and not any("\ud800" <= char <= "\udfff" for char in password)


async def _authenticate(stream: ClientStream, mechanism: Mechanism) -> bool:
    """Run a mechanism.

    ::

        <auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'>biwsbj1hbGljZS...</auth>
        <challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>cj1meWtvK2Qy...</challenge>
        <response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>Yz1iaXdzLHI9...</response>
        <success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>dj1ybUYqcVYw...</success>

    RFC 6120 §6.4
    """
    stream.send(f"<auth xmlns='{SASL}' mechanism='{mechanism.name}'>{_encoded(mechanism.first())}</auth>")
    while True:
        answer = await stream.next()
        match answer.tag.removeprefix(f"{{{SASL}}}"):
            case "challenge":
                response = await mechanism.answer(_decoded(stream, answer))
                stream.send(f"<response xmlns='{SASL}'>{_encoded(response)}</response>")
            case "success":
                mechanism.finish(_decoded(stream, answer))
                return True
            case "failure":
                if condition(answer, SASL) not in WRONG_LOGIN:
                    raise stream.broken(f"cannot check logins by {mechanism.name} now: {explained(answer, SASL)}")
                return False
            case _:
                raise stream.broken(f"sends <{shown(answer.tag)}> in the middle of a login")


async def _bound(stream: ClientStream, features: ET.Element) -> JID:
    """Bind a resource that the server names, and return the bare address that it is one of.

    ::

        <iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>
        <iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>alice@localhost/4db06f06</jid></bind></iq>

    RFC 6120 §7.6
    """
    if features.find(f"{{{BIND}}}bind") is None:
        raise stream.broken("accepts a token, but lets it bind no resource")
    stream.send(f"<iq type='set' id='bind'><bind xmlns='{BIND}'/></iq>")
    answer = await stream.next()
    try:
        return JID(answer.findtext(f"{{{BIND}}}bind/{{{BIND}}}jid", "")).bare
    except InvalidJID:
        raise stream.broken(f"accepts a token, but does not tell whose it is (<{shown(answer.tag)}>)") from None


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decoded(stream: ClientStream, element: ET.Element) -> bytes:
    text = (element.text or "").strip()
    try:
        return b"" if text == "=" else base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise stream.broken("sends a SASL message that is not base64") from None
