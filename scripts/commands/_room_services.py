"""Shared by the commands about rooms: where they are. XEP-0045 §6.1"""

import asyncio
from xml.etree import ElementTree as ET

from tigrest import JID, NotConnected, NotSupported, Service, StanzaTimeout

from ._iqs import PROBE_SECONDS, TIMEOUT, features, info, items

MUC = "http://jabber.org/protocol/muc"


async def conferences(service: Service) -> str:
    """Tell why there are no rooms: the domain lists no conference service that can be asked."""
    try:
        found = await services(service, PROBE_SECONDS)
    except NotSupported as error:
        return str(error)
    if found:
        return ""
    cure = f'on Prosody add a Component "rooms.{service.domain}" "muc", on ejabberd load mod_muc'
    return f"{service.domain} lists no conference service (XEP-0045); {cure}"


async def services(gateway: Service, timeout: float = TIMEOUT) -> list[JID]:
    """Return the conference services that the served domain lists.

    Args:
        gateway: asks.
        timeout: seconds to wait for each answer.

    Raises:
        NotSupported, NotConnected, StanzaTimeout: none was found, and one could not be asked.

    XEP-0045 §6.1
    """
    own = {str(gateway.domain), str(gateway.jid)}
    listed = dict.fromkeys(item.get("jid", "") for item in await items(gateway, gateway.domain, timeout) if not item.get("node"))
    candidates = [jid for jid in listed if jid and jid not in own and "@" not in jid]
    asked = await asyncio.gather(*(info(gateway, jid, timeout) for jid in candidates), return_exceptions=True)
    found = [JID(jid) for jid, said in zip(candidates, asked, strict=True) if isinstance(said, ET.Element) and MUC in features(said)]
    trouble = next((said for said in asked if isinstance(said, NotSupported | NotConnected | StanzaTimeout)), None)
    if not found and trouble is not None:
        raise trouble
    return found
