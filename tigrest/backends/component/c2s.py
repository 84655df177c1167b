"""Checking passwords as a client would: on the server's c2s port, up to the login and no further."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Literal
from xml.etree import ElementTree as ET

from tigrest.backends.component.client_stream import ClientStream, condition, explained, shown
from tigrest.errors import NotConnected
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import SASL, STARTTLS
from tigrest.xmpp.sasl import Mechanism, Refused, choose_mechanism

log = logging.getLogger(__name__)

REFUSALS = {"not-authorized", "credentials-expired", "account-disabled", "invalid-authzid", "malformed-request"}
"""Conditions that say: this login is wrong. All others say that it cannot be told now. RFC 6120 §6.5"""

MAX_REPORTED = 20
"""Different troubles that are logged until the server can be asked again."""

MAX_ARRIVING = 4
"""Most connections that the server has not greeted yet. ejabberd keeps 5 waiting unless its ``backlog`` is set; what comes on top
is dropped, and tried again by the system after a second or more."""


class ClientPort:
    """The port where the server accepts clients.

    Every check is a connection of its own, closed before the answer is given. There is no session and no presence, so
    nobody sees the user online.

    Args:
        host: where the server accepts clients.
        port: the same.
        domain: whose users are checked, and whom the server's certificate must be for, whatever ``host`` is.
        tls: ``"require"``: only encrypted; ``"allow"``: encrypted where offered; ``"never"``. Where TLS is used, the
            certificate is verified. Without TLS the password itself is sent to this host only, elsewhere SCRAM is used.
        ssl_context: whom to trust; the system's authorities when absent (``SSL_CERT_FILE`` names others).
        timeout: seconds for a check, all in all.

    RFC 6120 §5, §6
    """

    def __init__(
        self,
        host: str,
        port: int,
        domain: str,
        tls: Literal["require", "allow", "never"],
        ssl_context: ssl.SSLContext | None = None,
        timeout: float = 10.0,
    ) -> None:
        self._host = host
        self._port = port
        self._domain = domain
        self._tls = tls
        self._ssl_context = ssl_context or ssl.create_default_context()
        self._timeout = timeout
        self._arriving = asyncio.Semaphore(MAX_ARRIVING)
        self._troubles: set[str] = set()

    async def check(self, jid: JID, password: str) -> bool:
        """Check a password. Log once when the server cannot be asked, and once when it can again.

        Returns:
            Whether the server accepts it. Never for users of other domains, who are not asked about.

        Raises:
            NotConnected: the server cannot tell: it is out of reach, breaks off, takes too long, or TLS and mechanisms do not
                fit; the message says what to configure.
        """
        if jid.domain != self._domain or not jid.local or not _is_sendable(password):
            return False
        try:
            accepted = await self._decide(jid, password)
        except Refused:
            return False
        except NotConnected as error:
            self._report(str(error))
            raise
        self._recover()
        return accepted

    def _report(self, trouble: str) -> None:
        """Log why the server cannot be asked, unless that was logged since it last could."""
        if trouble not in self._troubles and len(self._troubles) < MAX_REPORTED:
            self._troubles.add(trouble)
            log.warning("logins cannot be checked: %s", trouble)

    def _recover(self) -> None:
        if self._troubles:
            self._troubles.clear()
            log.info("logins can be checked again by the XMPP server on %s:%d", self._host, self._port)

    async def _decide(self, jid: JID, password: str) -> bool:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._login(jid, password)
        except TimeoutError:
            raise NotConnected(f"the XMPP server on {self._host}:{self._port} did not decide a login in {self._timeout:g} s") from None

    async def _login(self, jid: JID, password: str) -> bool:
        async with self._connection() as (stream, features):
            features = await self._secure(stream, features)
            accepted = await _authenticate(stream, self._choose(stream, features, jid.local, password))
            await stream.close()
        return accepted

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[ClientStream, ET.Element]]:
        """A connection of one's own, and what the server offers there."""
        async with AsyncExitStack() as stack:
            async with self._arriving:
                stream = await ClientStream.connect(self._host, self._port)
                stack.push_async_callback(stream.abort)
                features = await stream.open(self._domain)
            yield stream, features

    async def _secure(self, stream: ClientStream, features: ET.Element) -> ET.Element:
        """Encrypt the stream as configured.

        Returns:
            The features that hold now.
        """
        offered = features.find(f"{{{STARTTLS}}}starttls") is not None
        if self._tls == "require" and not offered:
            raise stream.broken('offers no STARTTLS; configure a certificate there, or set [xmpp] c2s_tls = "allow"')
        if self._tls == "never" or not offered:
            return features
        stream.send(f"<starttls xmlns='{STARTTLS}'/>")
        answer = await stream.next()
        if answer.tag != f"{{{STARTTLS}}}proceed":
            raise stream.broken(f"offers STARTTLS but does not do it (<{shown(answer.tag)}>): is its certificate in order?")
        await stream.start_tls(self._ssl_context, self._domain)
        return await stream.open(self._domain)

    def _choose(self, stream: ClientStream, features: ET.Element, user: str, password: str) -> Mechanism:
        offered = {(element.text or "").strip() for element in features.iterfind(f"{{{SASL}}}mechanisms/{{{SASL}}}mechanism")}
        mechanism = choose_mechanism(offered, user, password, stream.is_private)
        if mechanism is not None:
            return mechanism
        if not stream.is_encrypted and features.find(f"{{{STARTTLS}}}starttls") is not None:
            raise stream.broken('offers no login without TLS; set [xmpp] c2s_tls = "require"')
        if not stream.is_private and "PLAIN" in offered:
            raise stream.broken("wants passwords in clear over the network; configure a certificate or SCRAM there")
        names = ", ".join(sorted(name[:40] for name in offered)[:10]) or "none"
        raise stream.broken(f"offers no SASL mechanism that can be used (offered: {names}); enable PLAIN or SCRAM-SHA-256 there")


def _is_sendable(password: str) -> bool:
    """Whether a server could know such a password: it is not empty, and has no NUL and no half of a character."""
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
                if condition(answer, SASL) not in REFUSALS:
                    raise stream.broken(f"cannot check logins by {mechanism.name} now: {explained(answer, SASL)}")
                return False
            case _:
                raise stream.broken(f"sends <{shown(answer.tag)}> in the middle of a login")


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decoded(stream: ClientStream, element: ET.Element) -> bytes:
    text = (element.text or "").strip()
    try:
        return b"" if text == "=" else base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise stream.broken("sends a SASL message that is not base64") from None
