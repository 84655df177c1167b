"""Shared by the commands about vCards. XEP-0054"""

import re
from xml.etree import ElementTree as ET

from tigrest import JID, InvalidValue, KeyedLock, NotFound, ServerFailed, Service, StanzaError

from ._admin import expect_account
from ._iqs import answer, iq

VCARD = "vcard-temp"

_CHANGES = KeyedLock("changes of the vCard")
"""Held while a vCard is changed: it is written as a whole."""

_NAME = re.compile(r"[A-Z][A-Z0-9-]*")


async def read(gateway: Service, user: JID) -> ET.Element:
    """Return the vCard of a user; an empty one where he has none.

    Raises:
        NoSuchUser: there is no such account, as far as the server tells.
    """
    try:
        vcard = await answer(gateway, iq("get", user, ET.Element(f"{{{VCARD}}}vCard")))
    except StanzaError as error:
        if error.condition not in ("item-not-found", "service-unavailable"):
            raise
        await expect_account(gateway, user)
        if error.condition == "service-unavailable":
            raise
        return ET.Element(f"{{{VCARD}}}vCard")
    if not len(vcard):
        await expect_account(gateway, user)
    return vcard


def value_of(vcard: ET.Element, *path: str) -> str | None:
    """Return the text at a path of names, such as ``N``, ``FAMILY``; ``None`` when there is none.

    ``TEL``, ``HOME`` is the number of the telephone that is marked so, and the like.
    """
    names = [_checked(name) for name in path]
    for element in vcard.findall(f"{{{VCARD}}}{names[0]}"):
        inner = element.find("/".join(f"{{{VCARD}}}{name}" for name in names[1:])) if names[1:] else element
        if inner is None:
            continue
        marked = (element.findtext(f"{{{VCARD}}}{name}") for name in ("NUMBER", "USERID"))
        return inner.text or next((text for text in marked if text), "")
    return None


async def write(gateway: Service, user: JID, text: str, *path: str) -> None:
    """Set the text at a path of names in the vCard of a user, and look at what is there then. An empty one is taken out.

    Raises:
        NoSuchUser: there is no such account, as far as the server tells.
        NotSupported: the server does not let us.
        ServerFailed: it took the vCard, but does not keep this.
    """
    names = [_checked(name) for name in path]
    await expect_account(gateway, user)
    async with _CHANGES.holding(user):
        await _change(gateway, user, text, names)


async def _change(gateway: Service, user: JID, text: str, names: list[str]) -> None:
    vcard = await read(gateway, user)
    parent = vcard
    for name in names[:-1]:
        found = parent.find(f"{{{VCARD}}}{name}")
        parent = ET.SubElement(parent, f"{{{VCARD}}}{name}") if found is None else found
    for element in parent.findall(f"{{{VCARD}}}{names[-1]}"):
        parent.remove(element)
    if text:
        ET.SubElement(parent, f"{{{VCARD}}}{names[-1]}").text = text
    (await gateway.request_as(user, iq("set", user, vcard))).raise_error()
    kept = value_of(await read(gateway, user), *names) or ""
    if kept.split() != text.split():
        raise ServerFailed(f"{gateway.domain} took the vCard of {user}, but does not keep {' '.join(names)} of it")


def expect_value(value: str | None, user: JID, *path: str) -> str:
    """Return a value that is there.

    Raises:
        NotFound: it is not.
    """
    if value is None:
        raise NotFound(f"the vCard of {user} has no {' '.join(path)}")
    return value


def _checked(name: str) -> str:
    upper = name.upper()
    if not _NAME.fullmatch(upper):
        raise InvalidValue(f"{name[:80]!r} is not the name of a field: write NICKNAME, FN, TITLE and the like (XEP-0054)")
    return upper
