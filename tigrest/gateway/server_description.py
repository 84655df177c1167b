"""Ask the XMPP server what it is, and which ad-hoc commands it offers the gateway."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from xml.etree import ElementTree as ET

from tigrest.errors import DomainNotServed, StanzaError, TigrestError
from tigrest.gateway.cures import Software
from tigrest.service import Service
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import SOFTWARE_VERSION
from tigrest.xmpp.stanza import make_stanza

log = logging.getLogger(__name__)

NOT_SERVED = ("remote-server-not-found", "remote-server-timeout")
"""Conditions of a server that has looked for the domain elsewhere, in vain: it does not serve it. RFC 6120 §8.3.3.16, §8.3.3.17"""

SERVED = ("service-unavailable", "feature-not-implemented")
"""Conditions of a domain that is there, and does not tell its software. XEP-0092 §3"""


async def ask_software(service: Service, seconds: float) -> Software:
    """Return the software of the server, or why it is not known. XEP-0092

    Args:
        service: access to it.
        seconds: timeout.

    Raises:
        DomainNotServed: the server does not serve the domain.
    """
    try:
        query = make_stanza("iq", "get", service.domain, ET.Element(f"{{{SOFTWARE_VERSION}}}query"), id="version")
        payload = (await service.request(query, seconds)).raise_error().payload
    except TigrestError as error:
        condition = error.condition if isinstance(error, StanzaError) else ""
        if condition in NOT_SERVED:
            raise DomainNotServed(f"{error}; correct [xmpp] domain, or let the server serve it") from None
        if condition not in SERVED:
            await _expect_served(service, seconds)
        return Software(trouble=str(error))
    name, version = (payload.findtext(f"{{{SOFTWARE_VERSION}}}{key}", "") if payload is not None else "" for key in ("name", "version"))
    return Software(name, version)


async def _expect_served(service: Service, seconds: float) -> None:
    """Try a login of nobody: the stream of a client tells whether the server knows the domain. RFC 6120 §4.9.3.6

    Raises:
        DomainNotServed: it does not.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            try:
                await service.check_credentials(JID.of("nobody", service.domain), "-")
            except DomainNotServed:
                raise
            except TigrestError as error:  # the check of logins tells it
                log.debug("whether the server serves the domain is not known: %s", error)


async def ask_commands(service: Service, seconds: float) -> tuple[str, ...]:
    """Return the nodes of the server's ad-hoc commands; none where it does not tell. XEP-0050 §3.1

    Args:
        service: access to it.
        seconds: timeout.
    """
    try:
        return tuple(item.node for item in await service.adhoc.list(service.domain, timeout=seconds))
    except TigrestError:
        return ()
