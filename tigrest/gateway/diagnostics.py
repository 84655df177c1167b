"""Ask the XMPP server what it is, what it grants the gateway, and which built-in handlers work with it (``tigrest check --live``)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from xml.etree import ElementTree as ET

from tigrest.backends.backend import Backend
from tigrest.backends.component.backend import Component
from tigrest.backends.component.pseudo_sessions import status_command
from tigrest.backends.component.software import withholds_rosters
from tigrest.errors import DomainNotServed, NotConnected, NotSupported, ServerFailed, StanzaTimeout, TigrestError
from tigrest.gateway import Gateway
from tigrest.gateway.cures import Cures, Software, cures_for
from tigrest.gateway.probe_account import NotTried, ProbeAccount, ProbeAccountLimits
from tigrest.gateway.server_description import ask_commands, ask_software
from tigrest.gateway.shared_link import count_replies
from tigrest.gateway.upload_check import check_upload
from tigrest.xmpp.commands import ADMIN_NODES
from tigrest.xmpp.disco import DiscoItem, items_of, items_query
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import COMMANDS, DISCO_INFO, DISCO_ITEMS, PUBSUB
from tigrest.xmpp.presence import UserStatus
from tigrest.xmpp.stanza import make_stanza

ALL_USERS = "all users"
"""Node where ejabberd lists its accounts for administrators (XEP-0030)."""

LIST_ACCOUNTS = "get-registered-users-list"

LOGIN_CURE = "check [xmpp] c2s_host, c2s_port, c2s_tls"

BUILT_INS = (
    "logins",
    "POST /rest/stream",
    "iqs to other services",
    "GET /rest/avatar",
    "PUT /rest/avatar",
    "/rest/adhoc",
    "POST /rest/user/…/status",
    "POST /rest/upload",
    "PUT /rest/user",
    "POST /rest/user",
    "DELETE /rest/user",
    "GET /rest/users",
    "BOSH pre-bind",
    "rights",
)
"""Checks with an account, in the order in which they are read."""


class State(StrEnum):
    """Result of a check."""

    WORKS = "works"
    FAILS = "does not"
    UNTRIED = "not tried"


@dataclass(frozen=True)
class Check:
    """One thing that was checked.

    Args:
        name: the handler or feature.
        state: whether it was done, was tried in vain, or was not tried.
        note: why it does not work and what it needs, or why it was not tried; where it works, what to know, or empty.
    """

    name: str
    state: State
    note: str = ""


@dataclass(frozen=True)
class Diagnostics:
    """Diagnostics: what the server is and grants, and what works with it.

    Args:
        server: the server's software.
        privileges: privileges that it grants (XEP-0356), in words.
        commands: nodes of its ad-hoc commands.
        checks: what works, what does not, and what was not tried.
    """

    server: Software
    privileges: str
    commands: tuple[str, ...]
    checks: tuple[Check, ...]


@dataclass(frozen=True, kw_only=True)
class DiagnosticsLimits:
    """Limits of a diagnosis; times in seconds.

    Args:
        ask_seconds: timeout of each question to the server.
        step_seconds: longest time for one check.
        total_seconds: time after which nothing more is tried; what was made is removed after that.
        pings: number of pings that show whether another connection of this component takes a part of the replies.
        ping_seconds: wait for the replies to these.
        account: of what is done with the probe account.
    """

    ask_seconds: float = 5.0
    step_seconds: float = 12.0
    total_seconds: float = 60.0
    pings: int = 16
    ping_seconds: float = 2.0
    account: ProbeAccountLimits = field(default_factory=ProbeAccountLimits)


@dataclass(frozen=True, kw_only=True)
class CheckListener:
    """Watchers of a diagnosis under way.

    Args:
        progress: called with the name of each check before it begins.
        warn: called with a line about an account that was left behind.
    """

    progress: Callable[[str], None]
    warn: Callable[[str], None]


async def diagnose(gateway: Gateway, listener: CheckListener, limits: DiagnosticsLimits = DiagnosticsLimits()) -> Diagnostics:
    """Try everything with the server behind a running gateway, with an account that is made for it and removed in every case.

    Raises:
        NotConnected: the link to it is down; the message says why.
    """
    backend = gateway.backend
    if not backend.connected:
        raise NotConnected(backend.link.trouble if isinstance(backend, Component) else "the embedded domain is not running")
    link: tuple[Check, ...] = ()
    if isinstance(backend, Component):
        listener.progress("link")
        link = (await _check_link(backend, limits),)
        if link[0].state == State.FAILS:  # nothing that waits for a reply would tell the truth, nor be good for who gets ours
            checks = (*link, *(Check(name, State.UNTRIED, "replies would get lost: see link") for name in BUILT_INS))
            return Diagnostics(Software(backend.software, trouble="replies get lost"), backend.privileges.summary(), (), checks)
    listener.progress("the server's version and commands")
    try:
        software = await ask_software(gateway.service, limits.ask_seconds)
    except DomainNotServed as error:
        return await _check_unserved(gateway, str(error), _Attempts(listener, limits))
    commands = await ask_commands(gateway.service, limits.ask_seconds)
    if isinstance(backend, Component):
        backend.probes.recognise(software.name)
        await backend.probes.try_iqs()
    checks = await _check_built_ins(gateway, software, commands, listener, limits)
    return Diagnostics(software, _privileges(backend), commands, (*link, *checks))


def _privileges(backend: Backend) -> str:
    return backend.privileges.summary() if isinstance(backend, Component) else "all"


async def _check_link(component: Component, limits: DiagnosticsLimits) -> Check:
    """Look whether all that comes in for this component comes here."""
    jid = component.jid
    replies = await count_replies(component.link, jid, component.domain, limits.pings, limits.ping_seconds)
    if replies.is_shared:
        note = (
            f"another connection of {jid} takes a part of what comes in: {replies.count} of {limits.pings} pings were answered here. "
            "The server lets both connect: stop the other one and check again, or check with another [xmpp] jid"
        )
        return Check("link", State.FAILS, note)
    return Check("link", State.WORKS) if replies.count else Check("link", State.UNTRIED, "the server answers no pings")


async def _check_unserved(gateway: Gateway, refusal: str, attempts: _Attempts) -> Diagnostics:
    """Try logins only, where the server does not serve the domain: for all else it may look elsewhere, for seconds each time."""
    trouble = f"the server does not serve {gateway.service.domain}"
    probe = ProbeAccount(gateway.service, gateway.backend, attempts.limits.account)
    logins = await attempts.run("logins", probe.log_in, LOGIN_CURE)
    others = (Check(name, State.UNTRIED, f"{trouble}: see link") for name in BUILT_INS if name != logins.name)
    checks = (Check("link", State.FAILS, f"{trouble}: {refusal}"), logins, *others)
    return Diagnostics(Software(trouble="see link"), _privileges(gateway.backend), (), checks)


async def _check_built_ins(
    gateway: Gateway, software: Software, commands: tuple[str, ...], listener: CheckListener, limits: DiagnosticsLimits
) -> tuple[Check, ...]:
    """Check everything with an account that is made for it and removed in every case."""
    probe = ProbeAccount(gateway.service, gateway.backend, limits.account)
    try:
        return await _Diagnosis(gateway, software, commands, probe, _Attempts(listener, limits)).checks()
    finally:
        left = "interrupted"
        try:
            left = await probe.clean_up()
        finally:
            if left:
                listener.warn(f"the probe account {probe.jid} may have been left behind, remove it by hand: {left}")


class _Attempts:
    """Tries one thing after the other, each for a bounded time."""

    def __init__(self, listener: CheckListener, limits: DiagnosticsLimits) -> None:
        self.limits = limits
        self._listener = listener
        self._clock = asyncio.get_running_loop().time
        self._end = self._clock() + limits.total_seconds

    async def run(self, name: str, work: Callable[[], Awaitable[str]], cure: str = "") -> Check:
        """Try something.

        Args:
            name: of the check.
            work: does it; returns the note.
            cure: what to do where the server refuses it.
        """
        seconds = min(self.limits.step_seconds, self._end - self._clock())
        if seconds <= 0:
            return Check(name, State.UNTRIED, f"the {self.limits.total_seconds:g} s for all checks were over")
        self._listener.progress(name)
        try:
            async with asyncio.timeout(seconds):
                return Check(name, State.WORKS, await work())
        except NotTried as error:
            return Check(name, State.UNTRIED, str(error))
        except TimeoutError:
            return Check(name, State.FAILS, f"not done within {seconds:.3g} s")
        except TigrestError as error:
            is_refusal = not isinstance(error, ServerFailed | StanzaTimeout)
            return Check(name, State.FAILS, "; ".join(part for part in (_reason(error), cure if is_refusal else "") if part))


def _reason(error: TigrestError) -> str:
    """Return the message of an error, without a general cure where there is an exact one."""
    text = str(error)
    return text.partition(";")[0].partition(": grant ")[0] if isinstance(error, NotSupported) else text


class _Diagnosis:
    """Checks everything, with a probe account.

    Args:
        gateway: runs.
        software: of the server.
        commands: nodes of its ad-hoc commands.
        probe: not made yet.
        attempts: bounds them.
    """

    def __init__(self, gateway: Gateway, software: Software, commands: tuple[str, ...], probe: ProbeAccount, attempts: _Attempts) -> None:
        self._gateway, self._service, self._probe, self._attempts = gateway, gateway.service, probe, attempts
        self._component = gateway.backend if isinstance(gateway.backend, Component) else None
        self._commands, self._software = commands, software
        self._cures: Cures = cures_for(software, gateway.service.jid, gateway.service.domain)

    async def checks(self) -> tuple[Check, ...]:
        """Check everything, in the order in which it can be done; return it in the order in which it is read."""
        run, probe, cures = self._attempts.run, self._probe, self._cures
        added = await run("PUT /rest/user", probe.add, cures.administration)
        listed = await run("GET /rest/users", probe.list_all, self._list_cure())
        logins = await run("logins", probe.log_in, LOGIN_CURE)
        stream = await run("POST /rest/stream", self._send, cures.trust)
        iqs = await run("iqs to other services", self._ask_service)
        published = await run("PUT /rest/avatar", self._publish, cures.avatars)
        avatar = await run("GET /rest/avatar", self._read_avatar)
        status = await run("POST /rest/user/…/status", self._show_status)
        upload = await run("POST /rest/upload", self._upload, cures.uploads)
        bosh = await run("BOSH pre-bind", probe.open_bosh, cures.bosh)
        rights = await run("rights", self._compare_rights, cures.rights)
        changed = await run(
            "POST /rest/user", lambda: self._administer("change-user-password", probe.change_password), cures.administration
        )
        removed = await run("DELETE /rest/user", lambda: self._administer("delete-user", probe.remove), cures.administration)
        return logins, stream, iqs, avatar, published, self._adhoc(), status, upload, added, changed, removed, listed, bosh, rights

    def _list_cure(self) -> str:
        administers = any(command.startswith(ADMIN_NODES) for command in self._commands)
        return self._cures.account_list if administers else self._cures.administration

    async def _administer(self, node: str, work: Callable[[], Awaitable[str]]) -> str:
        """Run a command of the server with the probe account; without one, find out whether it is offered."""
        if not self._probe.is_made and ADMIN_NODES + node not in self._commands:
            raise NotSupported(f"{self._service.domain} does not offer the gateway {ADMIN_NODES}{node}")
        return await work()

    async def _send(self) -> str:
        """Send a message through the server to ourselves, from our address and, where configured, from a user's."""
        await self._probe.send_message(self._service.jid)
        if self._component is None or self._service.policy.addresses.send_as != "user":
            return "from the gateway's addresses" + ("" if self._component is None else f" only; for the users': {self._cures.trust}")
        if trouble := self._component.probes.users_trouble:
            raise NotSupported(trouble)
        await self._probe.send_message(self._probe.jid)
        return "from the gateway's addresses and the users'"

    async def _ask_service(self) -> str:
        """Ask another service of the server, such as its rooms, what it is. XEP-0030 §3, §4"""
        if self._component is not None and (trouble := self._component.probes.iqs_trouble):
            raise ServerFailed(trouble)
        service, seconds = self._service, self._attempts.limits.ask_seconds
        items = await service.request(make_stanza("iq", "get", service.domain, ET.Element(f"{{{DISCO_ITEMS}}}query")), seconds)
        others = {item.jid for item in items_of(items.raise_error().payload)} - {service.domain, service.jid}
        other = next((jid for jid in sorted(others) if not JID(jid).local and jid.endswith(f".{service.domain}")), "")
        if not other:
            raise NotTried(f"{service.domain} lists no other service")
        await service.request(make_stanza("iq", "get", JID(other), ET.Element(f"{{{DISCO_INFO}}}query")), seconds)
        return f"{other} answers"

    async def _upload(self) -> str:
        if self._component is not None and (trouble := self._component.probes.iqs_trouble):
            raise ServerFailed(trouble)
        return await check_upload(self._gateway)

    async def _publish(self) -> str:
        if not self._probe.is_made and not self._acts("set"):
            raise NotSupported("the server does not let the gateway act for its users")
        return await self._probe.publish_avatar()

    async def _read_avatar(self) -> str:
        as_owner = self._gateway.config.avatars.as_owner and self._acts("get")
        return await self._probe.read_avatar() or ("public ones, and those for contacts" if as_owner else "public ones")

    async def _show_status(self) -> str:
        component, cures = self._component, self._cures
        if component is None or component.is_tigase:
            return await self._probe.show_status(needs_account=component is None)
        if withholds_rosters(self._software.name):  # no setting would help
            raise ServerFailed(cures.roster)
        if self._service.policy.addresses.send_as != "user" or component.probes.users_trouble:
            raise ServerFailed(cures.trust)
        if not component.privileges.allows_roster:
            raise ServerFailed(cures.roster)
        note = await self._probe.show_status()
        seen = component.privileges.sees_presence
        return note if seen else f"{note}; contacts who come online later do not see it: {cures.presence}"

    def _adhoc(self) -> Check:
        count = len(self._commands)
        return (
            Check("/rest/adhoc", State.WORKS, f"{count} commands")
            if count
            else Check("/rest/adhoc", State.FAILS, self._cures.administration)
        )

    async def _compare_rights(self) -> str:
        """Find out whether another address of our domain has the rights of ours.

        The address of each user at the gateway lies in our domain. Some servers grant rights to a whole domain by default.
        """
        service = self._service
        commands, users = await asyncio.gather(*(self._seen_by_nobody(node) for node in (COMMANDS, ALL_USERS)))
        administration = next((item.node for item in commands if item.node.startswith(ADMIN_NODES)), "")
        if administration and not await self._is_run_for_nobody(administration):
            administration = ""  # it is listed for everybody, and run for few
        seen = [text for text, items in (("administration commands", administration), ("user list", users)) if items]
        if seen:
            raise NotSupported(f"any {_nobody(service.jid)} sees the {' and the '.join(seen)}")
        if self._component is not None and self._component.is_tigase and await self._is_nobody_believed():
            raise NotSupported(f"any {_nobody(service.jid)} may say that a user is online")
        return f"those of {service.jid} are its alone"

    async def _seen_by_nobody(self, node: str) -> list[DiscoItem]:
        """Return the items of a node of the server that another address of our domain gets; none when it is refused. XEP-0030 §4"""
        query = make_stanza("iq", "get", self._service.domain, items_query(node), sender=_nobody(self._service.jid))
        try:
            return items_of((await self._gateway.backend.request(query, self._attempts.limits.ask_seconds)).raise_error().payload)
        except NotConnected:  # which refuses nothing
            raise
        except TigrestError:
            return []

    async def _is_run_for_nobody(self, node: str) -> bool:
        """Tell whether another address of our domain gets an answer to the beginning of a command. XEP-0050 §2.2"""
        command = ET.Element(f"{{{COMMANDS}}}command", {"node": node, "action": "execute"})
        iq = make_stanza("iq", "set", self._service.domain, command, sender=_nobody(self._service.jid))
        return (await self._gateway.backend.request(iq, self._attempts.limits.ask_seconds)).error is None

    async def _is_nobody_believed(self) -> bool:
        """Tell whether Tigase takes presences from another address of our domain: its ``trusted`` has addresses, or whole domains."""
        shown = UserStatus(JID.of("tigrest-check", self._service.domain, "nobody"), available=False)
        command = status_command(shown, self._service.jid, None).with_(sender=_nobody(self._service.jid))
        error = (await self._gateway.backend.request(command, self._attempts.limits.ask_seconds)).error
        return error is None or error.condition == "item-not-found"

    def _acts(self, type: str) -> bool:
        component = self._component
        return component is None or component.borrows or component.privileges.allows_iq(type, PUBSUB)


def _nobody(jid: JID) -> JID:
    """Return an address at the gateway that no user has."""
    return JID.of("nobody", jid.domain)
