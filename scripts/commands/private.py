"""Commands about the private storage of users (XEP-0049), by ejabberd's names."""

from xml.etree import ElementTree as ET

from tigrest import (
    JID,
    CommandContext,
    InvalidValue,
    KeyedLock,
    NoSuchUser,
    NotSupported,
    ServerFailed,
    Service,
    Stanza,
    StanzaError,
    command,
)

from ._admin import account_of, expect_account
from ._iqs import TIMEOUT, iq, written
from ._needs import privilege

PRIVATE = "jabber:iq:private"

NOT_THERE = ("service-unavailable", "feature-not-implemented")
"""Conditions of who does not know a namespace. RFC 6120 §8.4"""

_CHANGES = KeyedLock("changes of the private storage")
"""Held while something is stored: what is read back is one's own."""

USER = {"user": "bob", "host": "example.org"}


@command(
    tags=("private",),
    effect="read",
    errors=(NoSuchUser, NotSupported),
    needs=(privilege(PRIVATE, "get"),),
    result="res",
    example=({**USER, "element": "storage", "ns": "storage:rosternotes"}, '<storage xmlns="storage:rosternotes"/>'),
)
async def private_get(ctx: CommandContext, user: str, host: str, element: str, ns: str) -> str:
    """Get some information from a user private storage.

    Args:
        user: local part of the user's address.
        host: domain of the user.
        element: name of the stored element.
        ns: its namespace.

    Returns:
        The element as XML; an empty one when nothing is stored.
    """
    account = account_of(ctx, user, host)
    wanted = _parsed(ET.Element(f"{{{ns}}}{element}"))
    if wanted.tag != f"{{{ns}}}{element}" or len(wanted):
        raise InvalidValue(f"{element[:80]!r} is not the name of an element")
    await expect_account(ctx.gateway, account)
    return written(await _read(ctx.gateway, account, wanted))


@command(
    tags=("private",),
    errors=(NoSuchUser, NotSupported),
    needs=(privilege(PRIVATE, "both"),),
    example={**USER, "element": "<storage xmlns='storage:rosternotes'/>"},
)
async def private_set(ctx: CommandContext, user: str, host: str, element: str) -> None:
    """Set to the user private storage.

    Args:
        user: local part of the user's address.
        host: domain of the user.
        element: XML with a namespace of its own; it takes the place of what is stored by this name and namespace.
    """
    account = account_of(ctx, user, host)
    given = _parsed(element)
    await expect_account(ctx.gateway, account)
    async with _CHANGES.holding(account):
        await _ask(ctx.gateway, account, "set", given)
        kept = await _read(ctx.gateway, account, ET.Element(given.tag))
    if _shape(kept) != _shape(given):
        raise ServerFailed(f"{ctx.gateway.domain} took what is to be stored for {account}, but does not keep it")


def _parsed(element: ET.Element | str) -> ET.Element:
    """Check an element that is to be stored.

    Raises:
        InvalidStanza: it is no XML that may be sent.
        InvalidValue: it is no element with a namespace of its own.
    """
    text = element if isinstance(element, str) else written(element)
    stanza = Stanza.parse(f"<iq type='set'>{text}</iq>")
    found = stanza.payload
    if found is None or not found.tag.startswith("{") or found.tag.startswith("{jabber:client}"):
        raise InvalidValue("element is XML with a namespace of its own, such as <storage xmlns='storage:rosternotes'/>")
    return found


async def _read(gateway: Service, account: JID, wanted: ET.Element) -> ET.Element:
    """Return what is stored by the name of an element. XEP-0049 §3.2"""
    query = (await _ask(gateway, account, "get", wanted)).payload
    found = None if query is None else query.find(wanted.tag)
    return wanted if found is None else found


async def _ask(gateway: Service, account: JID, type: str, element: ET.Element) -> Stanza:
    query = ET.Element(f"{{{PRIVATE}}}query")
    query.append(element)
    try:
        return (await gateway.request_as(account, iq(type, account, query), TIMEOUT)).raise_error()
    except StanzaError as error:
        if error.condition not in NOT_THERE:
            raise
        raise NotSupported(f"{gateway.domain} has no private storage (XEP-0049): it answers {error.condition}") from None


def _shape(element: ET.Element) -> tuple[object, ...]:
    """Return what an element says, whatever the order of its attributes and the space between its children."""
    return element.tag, sorted(element.items()), (element.text or "").strip(), [_shape(child) for child in element]
