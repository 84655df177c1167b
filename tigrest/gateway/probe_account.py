"""A probe account: made at the server to find out what works, used as callers use accounts, and removed again."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from tigrest.backends.backend import Backend
from tigrest.errors import NoSuchUser, NotConnected, NotPermitted, NotSupported, ServerFailed, StanzaError, StanzaTimeout, TigrestError
from tigrest.gateway.demo import picture
from tigrest.service import Service
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import ROSTER
from tigrest.xmpp.presence import UserStatus
from tigrest.xmpp.roster import roster_of
from tigrest.xmpp.stanza import Stanza, make_stanza

RESOURCE = "tigrest-check"
BOSH_NODE = "pre-bind-bosh-session"
"""Command by which Tigase opens BOSH sessions. Tigase HTTP API guide §2.2.4"""


class NotTried(Exception):
    """Something was not tried; the text says why."""


@dataclass(frozen=True, kw_only=True)
class ProbeAccountLimits:
    """Limits of what is done with a probe account, in seconds.

    Args:
        arrival_seconds: wait for a message or presence that the server sends back.
        removal_seconds: longest time to remove the account in the end, in which a lost link may come back.
        poll_seconds: interval of looking for the link.
    """

    arrival_seconds: float = 4.0
    removal_seconds: float = 20.0
    poll_seconds: float = 0.1


class ProbeAccount:
    """An account with a random name and password.

    Args:
        service: access to XMPP.
        backend: its back end, where what comes in is seen.
        limits: of waiting.
    """

    def __init__(self, service: Service, backend: Backend, limits: ProbeAccountLimits = ProbeAccountLimits()) -> None:
        self.jid = JID.of(f"tigrest-probe-{secrets.token_hex(6)}", service.domain)
        self.is_made = False
        self._service, self._backend, self._limits = service, backend, limits
        self._password = secrets.token_urlsafe(18)
        self._may_be_there = self._has_avatar = False
        self._avatar = picture(self.jid)

    async def add(self) -> str:
        """Make the account."""
        self._may_be_there = True
        try:
            await self._service.users.add(self.jid, self._password, f"{self.jid.local}@{self.jid.domain}")
        except (NotSupported, NotPermitted):
            self._may_be_there = False
            raise
        self.is_made = True
        return "an account was made, and removed in the end"

    async def change_password(self) -> str:
        """Change its password."""
        self._expect_made()
        password = secrets.token_urlsafe(18)
        await self._service.users.set_password(self.jid, password)
        self._password = password
        return ""

    async def remove(self) -> str:
        """Remove it, and see that it is gone."""
        self._expect_made()
        await self._service.users.remove(self.jid)
        if await self._service.users.exists(self.jid):
            raise ServerFailed(f"the server says that {self.jid} was removed, but it is still there")
        self.is_made = self._may_be_there = False
        return ""

    async def clean_up(self) -> str:
        """Remove the account if it may still be there; return why that failed, or nothing."""
        if not self._may_be_there:
            return ""
        try:
            async with asyncio.timeout(self._limits.removal_seconds):
                await linked(self._backend, self._limits.poll_seconds)
                await self._service.users.remove(self.jid)
        except NoSuchUser:
            pass
        except TimeoutError:
            return f"not done within {self._limits.removal_seconds:g} s"
        except TigrestError as error:
            return str(error)
        self.is_made = self._may_be_there = False
        return ""

    async def list_all(self) -> str:
        """List the accounts, and find this one among them."""
        accounts = await self._service.users.list()
        if self.is_made and self.jid not in accounts:
            raise ServerFailed("the list of accounts lacks one that was just made")
        return f"accounts: {len(accounts) - self.is_made}"

    async def log_in(self) -> str:
        """Log in with the password, and with a wrong one."""
        if await self._service.check_credentials(self.jid, "-"):
            raise ServerFailed("the server accepts a wrong password")
        if not self.is_made:
            raise NotTried("a wrong login is refused; there is no probe account to try a right one with")
        if not await self._service.check_credentials(self.jid, self._password):
            raise ServerFailed("the server refuses the password that the probe account was made with")
        return ""

    async def send_message(self, sender: JID) -> None:
        """Send a message to the gateway itself, through the server, and wait for it.

        Args:
            sender: the gateway's address, or that of a user, of whom there need not be an account.
        """
        identity = self._service.new_id()
        message = Stanza.parse("<message type='headline'/>").with_(sender=sender, to=self._service.jid, id=identity)
        async with self._arrival(lambda stanza: stanza.kind == "message" and stanza.id == identity) as came:
            await self._service.send(message)
            try:
                async with asyncio.timeout(self._limits.arrival_seconds):
                    stanza = await came
            except TimeoutError:
                raise NotTried(f"a message from {sender} to {self._service.jid} is taken, but does not come back") from None
        stanza.raise_error()

    async def publish_avatar(self) -> str:
        """Set the avatar of the account."""
        self._expect_made()
        await self._service.avatars.set(self.jid, self._avatar)
        self._has_avatar = True
        return ""

    async def read_avatar(self) -> str:
        """Get the avatar that was set."""
        if not self._has_avatar:
            raise NotTried("none could be set, to be asked for")
        for as_owner, note in ((False, ""), (True, "public ones; the server shows one that is set here to contacts only")):
            avatar = await self._service.avatars.get(self.jid, as_owner=as_owner)
            if avatar is not None and avatar.data == self._avatar:
                return note
        raise ServerFailed("the avatar that was set does not come back")

    async def show_status(self, needs_account: bool = True) -> str:
        """Show a presence of the account and take it back; see both as a contact where the server lets us have one.

        Args:
            needs_account: false at a server that shows presences of anybody, whether there is such an account or not (Tigase).
        """
        if needs_account:
            self._expect_made()
        contact = self._service.jid if self._service.jid.local else JID.of(RESOURCE, self._service.jid.domain)
        is_seen = await self._befriend(contact)
        shown = self.jid.with_resource(RESOURCE)
        await self._set_status(UserStatus(shown, show="xa", status="tigrest check"), is_seen)
        await self._set_status(UserStatus(shown, available=False), is_seen)
        return "shown and withdrawn, as a contact saw" if is_seen else "shown and withdrawn; whether contacts see it was not tried"

    async def _set_status(self, status: UserStatus, is_seen: bool) -> None:
        presence_type = "" if status.available else "unavailable"
        async with self._arrival(lambda stanza: _is_presence(stanza, status.jid, presence_type)) as came:
            outcome = await self._service.set_status(status)
            if not outcome.success:
                raise ServerFailed(outcome.reason)
            try:
                async with asyncio.timeout(self._limits.arrival_seconds):
                    await came if is_seen else None
            except TimeoutError:
                raise ServerFailed(f"a contact did not see the status {'shown' if status.available else 'withdrawn'}") from None

    async def _befriend(self, contact: JID) -> bool:
        """Put an address of the gateway into the roster, as one who sees the presence; return whether the server did it. XEP-0356 §5.2"""
        query = ET.Element(f"{{{ROSTER}}}query")
        wanted = ET.fromstring(ET.tostring(query))
        ET.SubElement(wanted, f"{{{ROSTER}}}item", {"jid": contact, "subscription": "from"})
        try:
            await self._ask_roster("set", wanted)
            roster = roster_of(await self._ask_roster("get", query))
        except TigrestError:
            return False
        return any(item.jid == contact and item.sees_presence for item in roster)

    async def _ask_roster(self, type: str, payload: ET.Element) -> ET.Element | None:
        iq = make_stanza("iq", type, self.jid, payload, id="roster")
        return (await self._service.request(iq, self._limits.arrival_seconds)).raise_error().payload

    async def open_bosh(self) -> str:
        """Open a BOSH session for the account; it ends with the account."""
        endpoint = self._service.bosh
        if endpoint is None and not self._backend.opens_bosh:
            raise NotTried("the embedded domain has no BOSH")
        if endpoint is None:
            return await self._open_bosh_by_command()
        try:
            await endpoint.prebind(self.jid, self._password if self.is_made else "-")
        except StanzaError as error:
            if self.is_made:
                raise
            raise NotTried(f"a wrong login is refused ({error.condition}); there is no probe account to try a right one with") from None
        return "a session was opened"

    async def _open_bosh_by_command(self) -> str:
        bosh = JID.of("bosh", self._service.domain)
        try:
            offered = await self._service.adhoc.list(bosh, timeout=self._limits.arrival_seconds)
        except (StanzaError, StanzaTimeout) as error:
            raise NotSupported(f"{bosh} lists no commands: {error}") from None
        if not any(item.node == BOSH_NODE for item in offered):
            raise NotSupported(f"{bosh} has no command {BOSH_NODE}")
        self._expect_made()
        reply = await self._service.adhoc.execute(bosh, BOSH_NODE, {"from": self.jid, "hold": "1", "wait": "60"})
        if reply.form is None or not reply.form.value("sid"):
            raise ServerFailed(f"{bosh} opened no session")
        return "a session was opened, by the server's own command"

    def _expect_made(self) -> None:
        if not self.is_made:
            raise NotTried("there is no probe account to try it with")
        if not self._backend.connected:
            raise NotConnected("the link to the server was lost meanwhile")

    @asynccontextmanager
    async def _arrival(self, is_it: Callable[[Stanza], bool]) -> AsyncIterator[asyncio.Future[Stanza]]:
        """Keep a message or presence that comes in from everybody else; yield what waits for it."""
        came: asyncio.Future[Stanza] = asyncio.get_running_loop().create_future()

        def belongs(stanza: Stanza) -> bool:
            if not is_it(stanza):
                return False
            if not came.done():
                came.set_result(stanza)
            return True

        release = self._backend.inbound.claim(belongs)
        try:
            yield came
        finally:
            release()


async def linked(backend: Backend, poll_seconds: float = 0.05) -> None:
    """Wait until a back end is connected.

    Args:
        backend: tries to connect.
        poll_seconds: interval of looking.
    """
    while not backend.connected:  # noqa: ASYNC110 – back ends have no event for it
        await asyncio.sleep(poll_seconds)


def _is_presence(stanza: Stanza, sender: JID, presence_type: str) -> bool:
    return stanza.kind == "presence" and stanza.sender == sender and stanza.type == presence_type
