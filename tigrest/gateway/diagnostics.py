"""Ask the XMPP server what it is, what it grants the gateway, and which built-in handlers work with it (``tigrest check --live``)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from tigrest.backends.component.backend import Component
from tigrest.errors import NotConnected, NotSupported, StanzaError, TigrestError
from tigrest.gateway import Gateway
from tigrest.service import Service
from tigrest.xmpp.commands import ADMIN_NODES
from tigrest.xmpp.disco import DiscoItem, items_of, items_query
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import COMMANDS, PUBSUB, SOFTWARE_VERSION
from tigrest.xmpp.stanza import make_stanza

ALL_USERS = "all users"
"""Node where ejabberd lists its accounts for administrators (XEP-0030)."""

ADMINISTRATION = {
    "PUT /rest/user": "add-user",
    "POST /rest/user": "change-user-password",
    "DELETE /rest/user": "delete-user",
    "GET /rest/users": "get-registered-users-list",
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
        server: name and version of the server's software.
        privileges: privileges that it grants (XEP-0356), in words.
        commands: nodes of its ad-hoc commands.
        checks: what works and what does not.
    """

    server: str
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
    commands = await _commands(gateway)
    if not isinstance(backend, Component):
        return Diagnostics(await _software(gateway), "all", commands, (Check("everything", True, "the embedded domain needs nothing"),))
    privileges = backend.privileges
    return Diagnostics(await _software(gateway), privileges.summary(), commands, tuple(await _checks(gateway, backend, commands)))


async def _software(gateway: Gateway) -> str:
    try:
        query = make_stanza("iq", "get", gateway.service.domain, ET.Element(f"{{{SOFTWARE_VERSION}}}query"), id="version")
        payload = (await gateway.service.request(query, ASK_SECONDS)).raise_error().payload
    except TigrestError as error:
        return f"unknown ({error})"
    texts = [payload.findtext(f"{{{SOFTWARE_VERSION}}}{key}", "") if payload is not None else "" for key in ("name", "version")]
    return " ".join(text for text in texts if text) or "unknown"


async def _commands(gateway: Gateway) -> tuple[str, ...]:
    try:
        return tuple(item.node for item in await gateway.service.adhoc.list(gateway.service.domain, timeout=ASK_SECONDS))
    except TigrestError:
        return ()


async def _checks(gateway: Gateway, backend: Component, commands: tuple[str, ...]) -> list[Check]:
    service = gateway.service
    trusted = service.policy.send_as == "user"
    administrator = f"make {service.jid} an administrator of the server and enable ad-hoc administration there"
    sends = "from the gateway's addresses" + (" and the users'" if trusted else ' only; for the users\' set send_as = "user"')
    nobody = JID.of("tigrest-check", service.domain)
    return [
        await _attempt("logins", service.check_credentials(nobody, "-"), "[xmpp] c2s_host, c2s_port, c2s_tls"),
        Check("POST /rest/stream", True, sends),
        Check("GET /rest/avatar", True, "public ones, and those for contacts" if _as_owner(gateway, backend) else "public ones"),
        Check("PUT /rest/avatar", _acts(backend, "set"), "" if _acts(backend, "set") else f"grant iq set for {PUBSUB} (XEP-0356)"),
        Check("/rest/adhoc", bool(commands), f"{len(commands)} commands" if commands else administrator),
        _status(service, backend),
        *[_administration(name, node, commands, administrator) for name, node in ADMINISTRATION.items()],
        await _attempt("BOSH pre-bind", _bosh(service), "[bosh] url"),
        await _rights(gateway),
    ]


def _status(service: Service, backend: Component) -> Check:
    name = "POST /rest/user/…/status"
    if service.policy.send_as != "user":
        return Check(name, False, 'let the server trust this component with its users\' addresses, and set [xmpp] send_as = "user"')
    if not backend.privileges.allows_roster:
        return Check(name, False, f"grant {service.jid} the rosters (XEP-0356)")
    seen = backend.privileges.sees_presence
    return Check(name, True, "" if seen else f"contacts who come online later see it only if {service.jid} is granted presence")


async def _rights(gateway: Gateway) -> Check:
    """Find out whether another address of our domain has the rights of ours.

    The address of each user at the gateway lies in our domain. Some servers grant rights to a whole domain by default.
    """
    service = gateway.service
    commands, users = await asyncio.gather(*(_seen_by_nobody(gateway, node) for node in (COMMANDS, ALL_USERS)))
    administration = [item for item in commands if item.node.startswith(ADMIN_NODES)]
    seen = [text for text, items in (("administration commands", administration), ("user list", users)) if items]
    if not seen:
        return Check("rights", True, f"those of {service.jid} are its alone")
    cure = f'{{ user_regexp: {{ "^$": "{service.jid}" }} }} instead of server: on ejabberd, "{service.jid}" in admins on Prosody'
    return Check("rights", False, f"any {_nobody(service.jid)} sees the {' and the '.join(seen)}: grant to the exact address, {cure}")


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


def _administration(name: str, node: str, commands: tuple[str, ...], administrator: str) -> Check:
    works = ADMIN_NODES + node in commands
    need = f"the server does not offer {ADMIN_NODES}{node}" if commands else administrator
    return Check(name, works, "" if works else need)


def _acts(backend: Component, type: str) -> bool:
    return backend.borrows or backend.privileges.allows_iq(type, PUBSUB)


async def _bosh(service: Service) -> None:
    """Log in with credentials that cannot be right: the refusal shows that BOSH works. A server that pre-binds itself needs no endpoint."""
    if service.bosh is None:
        return
    try:
        await service.bosh.prebind(JID.of("tigrest-check", service.domain), "-")
    except StanzaError:
        return


async def _attempt(name: str, work: Awaitable[object], keys: str) -> Check:
    try:
        await work
    except (NotConnected, NotSupported) as error:
        return Check(name, False, f"{error}; check {keys}" if keys not in str(error) else str(error))
    return Check(name, True)
