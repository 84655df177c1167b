"""BOSH sessions that are logged in for somebody else to go on with ("pre-bind").

We ask for a session, log the user in with SASL PLAIN, restart the stream and bind a resource. What comes out are the session's
``sid`` and the next ``rid``, with which a client in a browser attaches and never sees the password::

    POST <body rid="1" to="example.com" hold="1" wait="60" …/>          → <body sid="abc" …><stream:features>…
    POST <body rid="2" sid="abc"><auth mechanism="PLAIN">…</auth></body> → <body><success/></body>
    POST <body rid="3" sid="abc" to="example.com" xmpp:restart="true"/>  → <body><stream:features>…
    POST <body rid="4" sid="abc"><iq type="set"><bind>…</iq></body>      → <body><iq type="result"><bind>…
    PreBound(rid=5, sid="abc", …)

XEP-0124, XEP-0206, RFC 6120 §6 and §7
"""

from __future__ import annotations

import asyncio
import base64
import logging
import re
import secrets
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import httpx2

from tigrest.concurrency.threads import callable_from_threads
from tigrest.errors import InvalidJID, InvalidStanza, InvalidValue, NotConnected, NotSupported, StanzaError
from tigrest.hosts import is_loopback, tls_for
from tigrest.xmpp.jid import JID
from tigrest.xmpp.kinds import RESPONSES
from tigrest.xmpp.namespaces import BIND, BOSH, CLIENT, SASL, SESSION, STREAMS, XMPP_OVER_BOSH
from tigrest.xmpp.stanza import Stanza
from tigrest.xmpp.xml import escape, escape_attribute, parse, split_name

log = logging.getLogger(__name__)

MAX_HOLD = 10
"""Most requests that a server may be asked to hold."""

MAX_WAIT = 3600
"""Most seconds that a server may be asked to hold a request."""

_FEATURES = f"{{{STREAMS}}}features"
_SUCCESS, _FAILURE = f"{{{SASL}}}success", f"{{{SASL}}}failure"
_SERVER = "the BOSH endpoint ([bosh] url)"
_CONDITION = re.compile(r"[a-z-]{1,40}")


@dataclass(frozen=True)
class BoshLimits:
    """Limits of opening sessions.

    Args:
        answer_bytes: of one answer that are read.
        opening: most sessions that are opened at a time: ejabberd's backlog for new connections is five long.
        poll_seconds: interval between two requests to a server that has not replied yet.
    """

    answer_bytes: int = 262_144
    opening: int = 8
    poll_seconds: float = 0.1


@dataclass(frozen=True)
class PreBound:
    """A session that awaits its client, as long as the server's limit on inactivity lets it (30 to 60 s mostly).

    Args:
        jid: full address, as bound.
        host: host name of the endpoint.
        rid: id that the client's first request must have.
        sid: id of the session. With ``rid`` it is as good as the password, so keep both secret.
        hold: most requests that the server holds.
        wait: most seconds that it holds them.
    """

    jid: JID
    host: str
    rid: int = field(repr=False)
    sid: str = field(repr=False)
    hold: int
    wait: int


@callable_from_threads
class BoshEndpoint:
    """Opens sessions at the XMPP server's BOSH endpoint. Construct it on the event loop.

    Redirects and the environment's proxies are not followed; TLS is verified with the system's certificates.

    Args:
        url: of the endpoint, e.g. ``https://example.com/http-bind``. Passwords go over ``http`` to the loopback only.
        domain: whose users are logged in.
        timeout: seconds that a pre-bind may take altogether.
        limits: of opening sessions.
    """

    def __init__(self, url: str, domain: str, timeout: float = 30.0, limits: BoshLimits = BoshLimits()) -> None:
        self.loop = asyncio.get_running_loop()
        self._url = url
        self._host = urlsplit(url).hostname or ""
        self._domain = domain
        self._timeout = timeout
        self._tls = tls_for(url)
        self._turns = asyncio.Semaphore(limits.opening)
        self._limits = limits

    async def prebind(self, jid: JID, password: str, hold: int = 1, wait: int = 60) -> PreBound:
        """Log a user in and bind a resource.

        Args:
            jid: the user. His resource is asked for; without one it is random.
            password: his, for SASL PLAIN.
            hold: most requests that the server may hold, 0 to :data:`MAX_HOLD`. It may choose fewer.
            wait: most seconds that it may hold them, 1 to :data:`MAX_WAIT`. It may choose fewer.

        Raises:
            InvalidValue: ``hold`` or ``wait`` is out of range, the password cannot be sent, or the user is not of the domain.
            NotSupported: the endpoint offers no PLAIN, or it is neither ``https`` nor on the loopback.
            NotConnected: it cannot be reached, does not speak BOSH, takes too long, or ends the session.
            StanzaError: ``not-authorized`` when the login is not accepted; otherwise what the server says to the resource,
                e.g. ``conflict``.

        XEP-0206 §3
        """
        self._check(jid, password, hold, wait)
        try:
            async with asyncio.timeout(self._timeout), self._turns, self._client() as client:
                session = _Session(client, self._url, self._domain, self._limits)
                try:
                    bound = await session.log_in(jid, password, hold, wait)
                except (StanzaError, NotSupported):
                    await session.terminate()
                    raise
        except TimeoutError:
            raise NotConnected(f"{_SERVER} did not answer within {self._timeout:g} s") from None
        log.info("a BOSH session of %s waits for its client", bound)
        return PreBound(bound, self._host, session.rid, session.sid, session.hold, session.wait)

    def _check(self, jid: JID, password: str, hold: int, wait: int) -> None:
        if not jid.local or jid.domain != self._domain:
            raise InvalidValue(f"{jid} is not a user of {self._domain}; BOSH sessions are opened for those only")
        if not password or "\0" in password:
            raise InvalidValue("the password is empty or has a NUL character")
        for name, value, least, most in (("hold", hold, 0, MAX_HOLD), ("wait", wait, 1, MAX_WAIT)):
            if not least <= value <= most:
                raise InvalidValue(f"{name} is {value}; use a number from {least} to {most}")
        if urlsplit(self._url).scheme != "https" and not is_loopback(self._host):
            raise NotSupported("[bosh] url is http:// and not on the loopback, where passwords do not go; use https://")

    def _client(self) -> httpx2.AsyncClient:
        headers = {"Accept-Encoding": "identity", "Content-Type": "text/xml; charset=utf-8", "User-Agent": "tigrest"}
        return httpx2.AsyncClient(verify=self._tls, trust_env=False, follow_redirects=False, timeout=self._timeout, headers=headers)


class _Session:
    """A session that is being opened.

    Args:
        client: sends the requests.
        url: of the endpoint.
        domain: of the user.
        limits: of opening sessions.
    """

    def __init__(self, client: httpx2.AsyncClient, url: str, domain: str, limits: BoshLimits) -> None:
        self._limits = limits
        self._client = client
        self._url = url
        self._domain = escape_attribute(domain)
        self.rid = secrets.randbelow(2**31) + 1
        self.sid = ""
        self.hold = self.wait = 0

    async def log_in(self, jid: JID, password: str, hold: int, wait: int) -> JID:
        """Authenticate and bind; return the bound address."""
        await self._authenticate(await self._open(hold, wait), jid.local, password)
        features = await self._restart()
        bound = await self._bind(jid.resource or secrets.token_hex(8))
        if bound.bare != jid.bare:
            raise NotConnected(f"{_SERVER} bound {bound} instead of {jid.bare}")
        if _needs_session(features):
            await self._ask("session", f'<session xmlns="{SESSION}"/>')
        return bound

    async def terminate(self) -> None:
        """Terminate the session; errors are ignored."""
        try:
            await self._send(attributes=' type="terminate"')
        except NotConnected as error:
            log.debug("ending a BOSH session: %s", error)

    async def _open(self, hold: int, wait: int) -> ET.Element:
        """Create the session; return its stream features. XEP-0124 §7"""
        body = await self._send(
            attributes=f' to="{self._domain}" hold="{hold}" wait="{wait}" ver="1.6" content="text/xml; charset=utf-8" xml:lang="en"'
            f' xmpp:version="1.0" xmlns:xmpp="{XMPP_OVER_BOSH}"'
        )
        self.sid = body.get("sid", "")
        if not self.sid:
            raise NotConnected(f"{_SERVER} gave no session id")
        self.hold, self.wait = _number(body.get("hold"), hold), _number(body.get("wait"), wait)
        return await self._first(body, _FEATURES)

    async def _authenticate(self, features: ET.Element, user: str, password: str) -> None:
        """Log in by SASL PLAIN. RFC 4616"""
        if "PLAIN" not in [mechanism.text for mechanism in features.iter(f"{{{SASL}}}mechanism")]:
            raise NotSupported(
                f"{_SERVER} offers no login with SASL PLAIN; the XMPP server must take the connection for a secure one "
                "(Prosody: consider_bosh_secure = true)"
            )
        token = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        body = await self._send(f'<auth xmlns="{SASL}" mechanism="PLAIN">{token}</auth>')
        answer = await self._first(body, _SUCCESS, _FAILURE)
        if answer.tag == _FAILURE:
            raise _refusal(answer, self._domain)

    async def _restart(self) -> ET.Element:
        """Restart the stream; return its features. XEP-0206 §5"""
        attributes = f' to="{self._domain}" xml:lang="en" xmpp:restart="true" xmlns:xmpp="{XMPP_OVER_BOSH}"'
        return await self._first(await self._send(attributes=attributes), _FEATURES)

    async def _bind(self, resource: str) -> JID:
        """Bind a resource. RFC 6120 §7"""
        payload = (await self._ask("bind", f'<bind xmlns="{BIND}"><resource>{escape(resource)}</resource></bind>')).payload
        text = payload.findtext(f"{{{BIND}}}jid", "") if payload is not None else ""
        try:
            return JID(text)
        except InvalidJID:
            raise NotConnected(f"{_SERVER} did not say which address it bound") from None

    async def _ask(self, id: str, payload: str) -> Stanza:
        """Send an iq of type set; return its result."""
        body = await self._send(f'<iq xmlns="{CLIENT}" type="set" id="{id}">{payload}</iq>')
        while True:
            answer = await self._first(body, f"{{{CLIENT}}}iq")
            try:
                stanza = Stanza.of(answer)
            except InvalidStanza:
                raise NotConnected(f"{_SERVER} sent a stanza that is none") from None
            if stanza.id == id and stanza.type in RESPONSES:
                return stanza.raise_error()
            body = await self._look()

    async def _first(self, body: ET.Element, *names: str) -> ET.Element:
        """Wait for one of some elements, from an answer on."""
        while (found := next((child for child in body if child.tag in names), None)) is None:
            body = await self._look()
        return found

    async def _look(self) -> ET.Element:
        """Poll for further elements."""
        await asyncio.sleep(self._limits.poll_seconds)
        return await self._send()

    async def _send(self, payload: str = "", attributes: str = "") -> ET.Element:
        """Send the next request; give the answer's ``body``.

        Raises:
            NotConnected: there is none, or it ends the session for another reason than a failed login.
        """
        sid = f' sid="{escape_attribute(self.sid)}"' if self.sid else ""
        request = f'<body xmlns="{BOSH}" rid="{self.rid}"{sid}{attributes}>{payload}</body>'
        self.rid += 1
        try:
            return _read(await self._post(request.encode()))
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise NotConnected(f"{_SERVER} cannot be reached: {type(error).__name__}") from None

    async def _post(self, request: bytes) -> bytes:
        async with self._client.stream("POST", self._url, content=request) as response:
            if response.status_code != 200:
                raise NotConnected(f"{_SERVER} answered with HTTP status {response.status_code}")
            answer = bytearray()
            async for chunk in response.aiter_raw():
                answer += chunk
                if len(answer) > self._limits.answer_bytes:
                    raise NotConnected(f"{_SERVER} answered with more than {self._limits.answer_bytes} bytes")
            return bytes(answer)


def _read(data: bytes) -> ET.Element:
    """Parse the ``body`` of an answer. XEP-0124 §17"""
    try:
        body = parse(data)
    except (ValueError, LookupError, ET.ParseError):
        raise NotConnected(f"{_SERVER} does not speak BOSH: its answer is not XML, or not harmless") from None
    if body.tag != f"{{{BOSH}}}body":
        raise NotConnected(f"{_SERVER} does not speak BOSH: its answer has no <body>")
    if body.get("type") in ("terminate", "error") and body.find(_FAILURE) is None:
        condition = body.get("condition", "")
        shown = condition if _CONDITION.fullmatch(condition) else "no condition"
        raise NotConnected(f"{_SERVER} ended the session: {shown}")
    return body


def _refusal(failure: ET.Element, source: str) -> StanzaError | NotConnected:
    """Return the exception for a failed login. RFC 6120 §6.5"""
    conditions = {split_name(child.tag)[1] for child in failure}
    if "temporary-auth-failure" in conditions:
        return NotConnected(f"{_SERVER} cannot check logins at the moment")
    text = failure.findtext(f"{{{SASL}}}text", "").strip()[:200]
    return StanzaError("not-authorized", "auth", text or "the login is not accepted", source)


def _needs_session(features: ET.Element) -> bool:
    """Return whether the server demands a session, as before RFC 6121. RFC 6121 §1.4"""
    session = features.find(f"{{{SESSION}}}session")
    return session is not None and session.find(f"{{{SESSION}}}optional") is None


def _number(text: str | None, fallback: int) -> int:
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) else fallback
