"""Ask the XMPP server what it is, what it grants the gateway, and which built-in handlers work with it (``tigrest check --live``)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from tigrest.backends.component.backend import Component
from tigrest.errors import NotConnected, NotSupported, StanzaError, StanzaTimeout, TigrestError
from tigrest.gateway import Gateway
from tigrest.gateway.cures import Cures, Software, cures_for
from tigrest.service import Service
from tigrest.xmpp.commands import ADMIN_NODES
from tigrest.xmpp.disco import DiscoItem, items_of, items_query
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import COMMANDS, PUBSUB, SOFTWARE_VERSION
from tigrest.xmpp.presence import UserStatus
from tigrest.xmpp.stanza import make_stanza

ALL_USERS = "all users"
"""Node where ejabberd lists its accounts for administrators (XEP-0030)."""

PREBIND = "pre-bind-bosh-session"
"""Node of Tigase's command that opens BOSH sessions. Tigase HTTP API guide §2.3"""

LIST_ACCOUNTS = "get-registered-users-list"

ADMINISTRATION = {
    "PUT /rest/user": "add-user",
    "POST /rest/user": "change-user-password",
    "DELETE /rest/user": "delete-user",
    "GET /rest/users": LIST_ACCOUNTS,
}
"""Handlers, and the command of XEP-0133 that each needs."""

ASK_SECONDS = 5.0
"""Timeout of each request to the server, in seconds."""


@dataclass(frozen=True)
class Check:
    """One thing that was checked.

    Args:
        name: the handler or feature.
        works: whether it works.
        note: what it needs where it does not work; where it does, what to know, or empty.
    """

    name: str
    works: bool
    note: str = ""


@dataclass(frozen=True)
class Diagnostics:
    """Diagnostics: what the server is and grants, and what works with it.

    Args:
        server: the server's software.
        privileges: privileges that it grants (XEP-0356), in words.
        commands: nodes of its ad-hoc commands.
        checks: what works and what does not.
    """

    server: Software
    privileges: str
    commands: tuple[str, ...]
    checks: tuple[Check, ...]


async def diagnose(gateway: Gateway) -> Diagnostics:
    """Ask the server behind a running gateway.

    Raises:
        NotConnected: the link to it is down; the message says why.
    """
    backend = gateway.backend
    if not backend.connected:
        raise NotConnected(backend.link.trouble if isinstance(backend, Component) else "the embedded domain is not running")
    software, commands = await _software(gateway), await _commands(gateway)
    if not isinstance(backend, Component):
        return Diagnostics(software, "all", commands, (Check("everything", True, "the embedded domain needs nothing"),))
    await backend.probes.try_iqs(software.name)
    cures = cures_for(software, gateway.service.jid, gateway.service.domain)
    return Diagnostics(software, backend.privileges.summary(), commands, tuple(await _checks(gateway, backend, commands, cures)))


async def _software(gateway: Gateway) -> Software:
    try:
        query = make_stanza("iq", "get", gateway.service.domain, ET.Element(f"{{{SOFTWARE_VERSION}}}query"), id="version")
        payload = (await gateway.service.request(query, ASK_SECONDS)).raise_error().payload
    except TigrestError as error:
        return Software(trouble=str(error))
    name, version = (payload.findtext(f"{{{SOFTWARE_VERSION}}}{key}", "") if payload is not None else "" for key in ("name", "version"))
    return Software(name, version)


async def _commands(gateway: Gateway) -> tuple[str, ...]:
    try:
        return tuple(item.node for item in await gateway.service.adhoc.list(gateway.service.domain, timeout=ASK_SECONDS))
    except TigrestError:
        return ()


async def _checks(gateway: Gateway, backend: Component, commands: tuple[str, ...], cures: Cures) -> list[Check]:
    service = gateway.service
    trusted = service.policy.send_as == "user"
    sends = "from the gateway's addresses" + (" and the users'" if trusted else f" only; for the users': {cures.trust}")
    nobody = JID.of("tigrest-check", service.domain)
    return [
        await _attempt("logins", service.check_credentials(nobody, "-"), "check [xmpp] c2s_host, c2s_port, c2s_tls"),
        Check("POST /rest/stream", not backend.probes.users_trouble, backend.probes.users_trouble or sends),
        Check("iqs to other services", not backend.probes.iqs_trouble, backend.probes.iqs_trouble),
        Check("GET /rest/avatar", True, "public ones, and those for contacts" if _as_owner(gateway, backend) else "public ones"),
        Check("PUT /rest/avatar", _acts(backend, "set"), "" if _acts(backend, "set") else cures.avatars),
        Check("/rest/adhoc", bool(commands), f"{len(commands)} commands" if commands else cures.administration),
        await _status_of_tigase(service) if backend.is_tigase else _status(service, backend, cures),
        *[_administration(name, node, commands, cures) for name, node in ADMINISTRATION.items()],
        await _attempt("BOSH pre-bind", _bosh(service), cures.bosh),
        await _rights(gateway, cures),
    ]


def _status(service: Service, backend: Component, cures: Cures) -> Check:
    name = "POST /rest/user/…/status"
    if service.policy.send_as != "user":
        return Check(name, False, cures.trust)
    if not backend.privileges.allows_roster:
        return Check(name, False, cures.roster)
    seen = backend.privileges.sees_presence
    return Check(name, True, "" if seen else f"contacts who come online later do not see it: {cures.presence}")


async def _status_of_tigase(service: Service) -> Check:
    """Show a presence of nobody, and take it back: Tigase has a command for that, and does not look whether there is an account."""
    probe = JID.of("tigrest-check", service.domain, "tigrest-check")
    outcome = await service.set_status(UserStatus(probe))
    if outcome.success:
        outcome = await service.set_status(UserStatus(probe, available=False))
    return Check("POST /rest/user/…/status", outcome.success, outcome.reason)


async def _rights(gateway: Gateway, cures: Cures) -> Check:
    """Find out whether another address of our domain has the rights of ours.

    The address of each user at the gateway lies in our domain. Some servers grant rights to a whole domain by default.
    """
    service = gateway.service
    commands, users = await asyncio.gather(*(_seen_by_nobody(gateway, node) for node in (COMMANDS, ALL_USERS)))
    administration = [item for item in commands if item.node.startswith(ADMIN_NODES)]
    seen = [text for text, items in (("administration commands", administration), ("user list", users)) if items]
    if not seen:
        return Check("rights", True, f"those of {service.jid} are its alone")
    return Check("rights", False, f"any {_nobody(service.jid)} sees the {' and the '.join(seen)}: {cures.rights}")


def _nobody(jid: JID) -> JID:
    """Return an address at the gateway that no user has."""
    return JID.of("nobody", jid.domain)


async def _seen_by_nobody(gateway: Gateway, node: str) -> list[DiscoItem]:
    """Return the items of a node of the server that another address of our domain gets; none when it is refused. XEP-0030 §4"""
    service = gateway.service
    query = make_stanza("iq", "get", service.domain, items_query(node), sender=_nobody(service.jid))
    try:
        return items_of((await gateway.backend.request(query, ASK_SECONDS)).raise_error().payload)
    except TigrestError:
        return []


def _as_owner(gateway: Gateway, backend: Component) -> bool:
    """Return whether avatars are asked for in the name of their owners."""
    return gateway.config.avatars.as_owner and _acts(backend, "get")


def _administration(name: str, node: str, commands: tuple[str, ...], cures: Cures) -> Check:
    if ADMIN_NODES + node in commands:
        return Check(name, True)
    administers = any(command.startswith(ADMIN_NODES) for command in commands)
    return Check(name, False, cures.account_list if administers and node == LIST_ACCOUNTS else cures.administration)


def _acts(backend: Component, type: str) -> bool:
    return backend.borrows or backend.privileges.allows_iq(type, PUBSUB)


async def _bosh(service: Service) -> None:
    """Log in with credentials that cannot be right: the refusal shows that BOSH works. A server that pre-binds itself has a command.

    Raises:
        NotSupported: it has none.
    """
    if service.bosh is None:
        bosh = JID.of("bosh", service.domain)
        try:
            offered = await service.adhoc.list(bosh, timeout=ASK_SECONDS)
        except (StanzaError, StanzaTimeout) as error:
            raise NotSupported(f"{bosh} lists no commands: {error}") from None
        if not any(item.node == PREBIND for item in offered):
            raise NotSupported(f"{bosh} has no command {PREBIND}")
        return
    try:
        await service.bosh.prebind(JID.of("tigrest-check", service.domain), "-")
    except StanzaError:
        return


async def _attempt(name: str, work: Awaitable[object], cure: str) -> Check:
    try:
        await work
    except (NotConnected, NotSupported) as error:
        return Check(name, False, f"{error}; {cure}")
    return Check(name, True)
