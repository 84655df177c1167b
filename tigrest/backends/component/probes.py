"""Find out by trying which of our stanzas the server drops: it tells nobody.

- jabberd2 takes no stanzas from users' addresses, and returns them to those; Prosody and ejabberd close the link over the first one,
  unless they trust the component.
- ejabberd with ``mod_privilege`` drops iqs to bare addresses: 24.10 to 24.12 all of them, later ones those outside its virtual hosts. All
  of them are dropped, too, until privileges have come, a moment after the handshake, and where none are granted.

So iqs to bare addresses wait on a new link, until it is known that they get there.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol
from xml.etree import ElementTree as ET

from tigrest.concurrency.tasks import TaskSet
from tigrest.errors import NotConnected, NotSupported, StanzaTimeout
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import PING, ROSTER
from tigrest.xmpp.stanza import Stanza, make_stanza

log = logging.getLogger(__name__)

PROBE_USER = "tigrest-probe"
"""Local part of the user in whose name a probe is sent; there need be no such account."""

_PING = f"{{{PING}}}ping"

_PASSING = (ROSTER.encode(), b"privileged_iq")
"""Texts in iqs that ejabberd takes all the same: it decides by what it has granted. XEP-0356 §4, §6"""


@dataclass(frozen=True, kw_only=True)
class ProbeLimits:
    """Limits of the probes, in seconds.

    Args:
        user_seconds: longest wait of stanzas from users' addresses for the outcome of the probe; without one they are sent.
        iq_seconds: wait for the reply to a probe by an iq; iqs to bare addresses wait for it.
        again_seconds: least time between two probes by iqs.
    """

    user_seconds: float = 1.0
    iq_seconds: float = 2.0
    again_seconds: float = 60.0


class ProbeLink(Protocol):
    """Sends the probes, without any check that depends on their outcome."""

    def send(self, stanza: Stanza) -> Awaitable[None]:
        """Send a stanza."""

    async def request(self, iq: Stanza, timeout: float) -> Stanza:
        """Send an iq and wait for its reply."""


class Probes:
    """Probes of the stanzas that the server delivers for us.

    Args:
        link: to the server.
        jid: our address there.
        domain: the served domain.
        tries_users: whether we mean to send from users' addresses.
        limits: of the probes.
    """

    def __init__(self, link: ProbeLink, jid: JID, domain: JID, *, tries_users: bool, limits: ProbeLimits) -> None:
        self._link, self._jid, self._domain, self._limits = link, jid, domain, limits
        self._loop = asyncio.get_running_loop()
        self._tries_users = tries_users
        self._tasks = TaskSet()
        self._probe = ""
        """Id of the probe that has not come back."""
        self._known = asyncio.Event()
        self._known.set()
        self._answers_us = asyncio.Event()
        """Set once it is known whether iqs to bare addresses of the served domain get there."""
        self._answers_us.set()
        self._iqs_known = asyncio.Event()
        """Set once it is known whether those to bare addresses elsewhere do."""
        self._iqs_known.set()
        self._tried_at = float("-inf")
        self._software = ""
        self._logged: set[str] = set()
        self.is_limited = False
        """Whether anything may be refused or wait: what is sent has to pass :meth:`check` then."""
        self.users_trouble = ""
        """Why nothing is sent from users' addresses, with the cure; empty when it is."""
        self.iqs_trouble = ""
        """Why some iqs are not sent, with the cure; empty when all are."""
        self._drops_all_iqs = self._is_undecided = False

    def begin(self) -> None:
        """Send a message from a user's address to ourselves, and a ping to the served domain, on a new link.

        Where the last link was closed because of a message, none is sent: the server would close each. Iqs to bare addresses wait from now
        on, until the ping is answered, :meth:`recognise` or :meth:`try_iqs`.
        """
        self._set_iqs_trouble("", drops_all=False)
        self._software, self._tried_at = "", float("-inf")
        self._answers_us.clear()
        self._iqs_known.clear()
        self._tasks.start(self._ping_server())
        if self._tries_users and not self._probe:
            self._probe = f"probe-{secrets.token_hex(8)}"
            self._known.clear()
            self._tasks.start(self._try_users(self._probe))
        self._update()

    def end(self, condition: str) -> None:
        """Note that the link has ended.

        Args:
            condition: of the stream error; ``invalid-from`` while the probe has not come back means that it was not taken.
        """
        self._set_iqs_trouble("", drops_all=False)
        self._iqs_are_known()
        if self._probe and condition == "invalid-from":
            self._set_users_trouble("closes the link over them (invalid-from)")
            return  # with the probe: none is sent on the next link
        self._probe = ""
        self._known.set()
        self._update()

    async def stop(self) -> None:
        """End the probes."""
        await self._tasks.stop()

    def take(self, message: Stanza) -> bool:
        """Take a message that is the probe; return whether it is.

        jabberd2 returns it as an error. RFC 6120 §8.3
        """
        if not self._probe or message.id != self._probe:
            return False
        self._probe = ""
        self._set_users_trouble("returns them to those as errors" if message.type == "error" else "")
        return True

    def answer(self, iq: Stanza) -> Stanza | None:
        """Answer a ping of ourselves to ourselves, so that no bot gets it; ``None`` for another iq. XEP-0199 §4.2"""
        is_ours = iq.type == "get" and iq.to == iq.sender == self._jid
        return iq.reply() if is_ours and iq.payload is not None and iq.payload.tag == _PING else None

    async def check(self, sender: JID | None) -> None:
        """Refuse an address to send from whose stanzas would be lost, once that is known.

        Raises:
            NotSupported: it is a user's, and the server takes none of those; the message says what to configure.
        """
        if sender is None or sender.domain != self._domain:
            return
        await self._known.wait()
        if self.users_trouble:
            raise NotSupported(self.users_trouble)

    async def drops(self, iq: Stanza) -> bool:
        """Tell whether the server would drop an iq, once that is known. Tries anew, for later ones, when that was found out long ago."""
        to = iq.to or self._domain
        if to.resource:
            return False
        is_inside = to.domain == self._domain
        await (self._answers_us if is_inside else self._iqs_known).wait()
        if not self.iqs_trouble or (is_inside and not self._drops_all_iqs) or any(map(iq.mentions, _PASSING)):
            return False
        if self._loop.time() - self._tried_at > self._limits.again_seconds:
            self._tasks.start(self.try_iqs())
        return True

    def recognise(self, software: str) -> None:
        """Note the server's software: only ejabberd drops iqs.

        Args:
            software: as the server says; empty when it does not.
        """
        self._software = software or self._software
        if self._is_innocent:
            self._set_iqs_trouble("", drops_all=False)
            self._iqs_are_known()
        elif software and self._is_undecided:
            self._tasks.start(self.try_iqs())

    @property
    def _is_innocent(self) -> bool:
        return bool(self._software) and "ejabberd" not in self._software.lower()

    async def try_iqs(self) -> None:
        """Ping ourselves, and the served domain, each at its bare address. XEP-0199 §4

        Only ejabberd, or what may be, is tried: other servers need not deliver what a component sends to itself.
        """
        self._tried_at = self._loop.time()
        try:
            if not self._is_innocent:
                await self._try_iqs()
        except NotConnected:
            return
        finally:
            self._iqs_are_known()

    def _iqs_are_known(self) -> None:
        """Let all iqs go on that wait."""
        self._answers_us.set()
        self._iqs_known.set()
        self._update()

    async def _ping_server(self) -> bool:
        """Ping the served domain; let the iqs to it go on, and return true, when anything comes back."""
        try:
            if not await self._answers(self._domain):
                return False
        except NotConnected:
            return False
        self._answers_us.set()
        self._update()
        return True

    async def _try_iqs(self) -> None:
        """Send the pings, and note what they show."""
        passing = self._domain.with_resource("ping")
        own, server, passed = await asyncio.gather(self._answers(self._jid), self._ping_server(), self._answers(passing))
        is_deaf = not server and not passed  # to all pings, which says nothing
        self._is_undecided = server and not self._software
        if own or is_deaf or self._is_undecided or self._is_innocent:
            self._set_iqs_trouble("", drops_all=False)
            return
        if server:
            which, cure = (
                "those to bare addresses that are not below its own hosts, such as rooms', other components' and other servers'",
                "",
            )
        else:
            which, cure = "those to bare addresses, even its own", "update it to 25.03 or later, or "
        cures = f"{cure}grant this component the namespaces it needs there (iq), or unload mod_privilege, which users' status needs"
        self._set_iqs_trouble(f"the server drops iqs of this component, {which}: ejabberd does so with mod_privilege; {cures}", not server)

    async def _answers(self, to: JID) -> bool:
        """Send a ping, and return whether a result or an error comes back in time: either means that the server delivers iqs. XEP-0199"""
        ping = make_stanza("iq", "get", to, ET.Element(_PING), sender=self._jid)
        try:
            await self._link.request(ping, self._limits.iq_seconds)
        except StanzaTimeout:
            return False
        return True

    async def _try_users(self, id: str) -> None:
        """Send the probe, and wait for it no longer than others shall wait for its outcome::

        <message from="tigrest-probe@example.org" to="http.example.org" id="probe-…" type="headline"/>
        """
        sender = JID.of(PROBE_USER, self._domain)
        message = Stanza.parse("<message type='headline'/>").with_(sender=sender, to=self._jid, id=id)
        try:
            async with asyncio.timeout(self._limits.user_seconds):
                await self._link.send(message)
                await self._known.wait()
        except (NotConnected, TimeoutError) as error:
            log.debug("whether the server takes stanzas from users' addresses is not known: %s", error)
        self._known.set()
        self._update()

    def _set_users_trouble(self, how: str) -> None:
        cure = 'let it trust this component, or set [xmpp] send_as = "gateway"'
        self.users_trouble = f"the server takes no stanzas from users' addresses: it {how}; {cure}" if how else ""
        self._known.set()
        self._update()
        self._log(self.users_trouble)

    def _set_iqs_trouble(self, trouble: str, drops_all: bool) -> None:
        self.iqs_trouble, self._drops_all_iqs = trouble, drops_all
        self._update()
        self._log(trouble)

    def _update(self) -> None:
        is_waiting = not (self._known.is_set() and self._answers_us.is_set() and self._iqs_known.is_set())
        self.is_limited = bool(is_waiting or self.users_trouble or self.iqs_trouble)

    def _log(self, trouble: str) -> None:
        """Log a trouble, once."""
        if trouble and trouble not in self._logged:
            self._logged.add(trouble)
            log.warning("%s", trouble)
