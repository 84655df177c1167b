"""Shared by the commands about rosters: RFC 6121 §2, as servers let components do it (XEP-0356 §4), and get-user-roster (XEP-0133 §4.8)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from xml.etree import ElementTree as ET

from tigrest import JID, CommandReply, KeyedLock, NotFound, NotSupported, ServerFailed, Service, Stanza, StanzaError

from ._admin import expect_account
from ._iqs import PROBE_SECONDS, answer, iq, refused

ROSTER = "jabber:iq:roster"

_CHANGES = KeyedLock("changes of the roster")
"""Held while a roster is changed: what is read back is one's own."""

Subscription = Literal["none", "from", "to", "both"]
"""Types of subscriptions: in which direction presence goes. RFC 6121 §2.1.2.5"""


@dataclass(frozen=True)
class RosterContact:
    """A contact in a roster.

    Args:
        jid: address.
        nick: what the user calls it.
        subscription: ``none``, ``to``, ``from`` or ``both``.
        pending: ``subscribe`` while the contact has not answered, else ``none``.
        groups: that it is in.
    """

    jid: str
    nick: str
    subscription: str
    pending: str
    groups: tuple[str, ...]


async def readable(service: Service) -> str:
    """Tell why rosters cannot be read, if so: the server answers no iq about an account that is not there, and has no command for it."""
    trouble = await _probe(service, "get")
    if not trouble or not await service.admin_commands.trouble("get-user-roster"):
        return ""
    return trouble


async def writable(service: Service) -> str:
    """Tell why rosters cannot be changed, if so: nobody is taken out of the roster of an account that is not there."""
    return await _probe(service, "get") or await _probe(service, "set", _item(f"nobody@{service.domain}", subscription="remove"))


async def _probe(service: Service, type: str, *items: ET.Element) -> str:
    probe = iq(type, f"tigrest-probe@{service.domain}", _query(*items))
    error = (await service.request(probe, PROBE_SECONDS)).error
    if error is not None and error.condition == "internal-server-error":
        return f"{service.domain} fails when a component changes a roster ({error.condition}), as ejabberd 23 does; 26 does not"
    if error is not None and (type == "get" or refused(error)):
        cure = f"on a server, grant {service.jid} roster {'both' if type == 'set' else 'get'} by XEP-0356, as tigrest check --live says"
        none = "has no rosters, as the embedded domain never has"
        return f"{service.domain} {none}, or does not let the gateway {type} them ({error.condition}): {cure}"
    return ""


async def contacts(gateway: Service, user: JID) -> list[RosterContact]:
    """Return the roster of a user, sorted by address; so are the groups of each contact, whose order Prosody does not keep.

    Raises:
        NoSuchUser: there is no such account, as far as the server tells.
        NotSupported: the server does not let us read it.
    """
    try:
        found = _parse(await answer(gateway, iq("get", user, _query())))
    except StanzaError as error:
        if not refused(error, "service-unavailable"):
            raise
        found = await _told_by_command(gateway, user)
    if not found:  # servers show an empty roster for those who have no account
        await expect_account(gateway, user)
    return sorted((replace(contact, groups=tuple(sorted(contact.groups))) for contact in found), key=lambda contact: contact.jid)


async def _told_by_command(gateway: Service, user: JID) -> list[RosterContact]:
    """Return the roster that a command of the server shows: as an element, as XML in a text (Prosody), or as lines (ejabberd)."""
    reply = await gateway.admin_commands.run("get-user-roster", {"accountjid": user, "accountjids": [user]}, account=user)
    if reply.roster:
        return [RosterContact(each.jid, each.name, each.subscription or "none", "none", each.groups) for each in reply.roster]
    written = "\n".join(_values(reply, "roster"))
    if written:
        payload = Stanza.parse(f"<iq type='result'>{written}</iq>").payload
        return [] if payload is None else _parse(payload)
    return list(_lines(_values(reply, "contacts")))


def _values(reply: CommandReply, var: str) -> tuple[str, ...]:
    return reply.form.values(var) if reply.form is not None else ()


def _lines(lines: Sequence[str]) -> Iterator[RosterContact]:
    for line in lines:
        jid, nick, subscription, groups = (*(part.strip() for part in line.split(";", 3)), "", "", "")[:4]
        if jid:
            yield RosterContact(jid, nick, subscription or "none", "none", tuple(each for each in groups.split(", ") if each))


async def put(gateway: Service, user: JID, contact: RosterContact) -> None:
    """Write a contact into a roster, and look at what is there then.

    Raises:
        NoSuchUser: there is no such account, as far as the server tells.
        NotSupported: the server keeps another subscription; the roster is as it was.
        ServerFailed: it keeps another nick, or other groups.
    """
    await expect_account(gateway, user)
    async with _CHANGES.holding(user):
        before = await _contact(gateway, user, contact.jid)
        await _send(gateway, user, _written(contact))
        after = await _contact(gateway, user, contact.jid)
        if after is None or after.subscription != contact.subscription:
            await _send(gateway, user, _item(contact.jid, subscription="remove") if before is None else _written(before))
            kept = "nothing" if after is None else f"the subscription {after.subscription}"
            cure = "that is for the user's clients"
            raise NotSupported(f"{gateway.domain} keeps {kept} when a component sets {contact.subscription}; {cure}")
    if (after.nick, sorted(after.groups)) != (contact.nick, sorted(contact.groups)):
        raise ServerFailed(f"{gateway.domain} keeps {contact.jid} with the nick {after.nick!r} in {', '.join(after.groups) or 'no group'}")


async def remove(gateway: Service, user: JID, contact: JID) -> None:
    """Take a contact out of a roster.

    Raises:
        NotFound: it is not there.
        ServerFailed: the server says that it is done, but keeps it.
    """
    async with _CHANGES.holding(user):
        if await _contact(gateway, user, contact) is None:
            raise NotFound(f"{contact} is not in the roster of {user}")
        await _send(gateway, user, _item(contact, subscription="remove"))
        if await _contact(gateway, user, contact) is not None:
            raise ServerFailed(f"{gateway.domain} has not taken {contact} out of the roster of {user}")


async def _contact(gateway: Service, user: JID, jid: str) -> RosterContact | None:
    return next((each for each in await contacts(gateway, user) if each.jid == jid), None)


async def _send(gateway: Service, user: JID, item: ET.Element) -> None:
    try:
        await answer(gateway, iq("set", user, _query(item)))
    except StanzaError as error:
        if not refused(error, "internal-server-error"):
            raise
        raise NotSupported(f"{gateway.domain} does not let the gateway change the roster of {user}: {error}") from None


def _parse(query: ET.Element) -> list[RosterContact]:
    return [
        RosterContact(
            item.get("jid", ""),
            item.get("name", ""),
            item.get("subscription", "none"),
            item.get("ask", "none"),
            tuple(group.text or "" for group in item.iter(f"{{{ROSTER}}}group")),
        )
        for item in query.iter(f"{{{ROSTER}}}item")
    ]


def _query(*items: ET.Element) -> ET.Element:
    query = ET.Element(f"{{{ROSTER}}}query")
    query.extend(items)
    return query


def _item(jid: str, **attributes: str) -> ET.Element:
    return ET.Element(f"{{{ROSTER}}}item", {"jid": str(jid), **attributes})


def _written(contact: RosterContact) -> ET.Element:
    item = _item(contact.jid, subscription=contact.subscription, **({"name": contact.nick} if contact.nick else {}))
    for group in contact.groups:
        ET.SubElement(item, f"{{{ROSTER}}}group").text = group
    return item
