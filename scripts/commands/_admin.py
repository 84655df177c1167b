"""Accounts and sessions by the server's commands for administrators (XEP-0133), whatever their forms look like."""

import asyncio
import contextlib
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from tigrest import JID, CommandContext, CommandReply, DataForm, InvalidValue, NoSuchUser, NotSupported, ServerFailed, Service, UserExists

LAST = "jabber:iq:last"
"""Namespace of last activity, and of a server's uptime. XEP-0012"""

AT_ONCE = 8
"""Requests about single users that run at the same time."""

PAUSES = (0.05, 0.1, 0.2, 0.4)
"""Seconds between looks whether a session has ended: Prosody ends it after it has answered."""

_EVERYTHING = ("none", "all")
"""Values of ``max_items`` for all of them; Prosody has the second. XEP-0133 §4.20"""

_NUMBERS = {"get-online-users-num": "onlineusersnum", "get-sessions-num": "onlineuserssessionsnum"}
"""Commands that tell the number of sessions, and the field of the result; Openfire has the second. XEP-0133 §4.15"""

_RESOURCE = re.compile(r" - (.*): [^:]*\([^()]*\), IP: \[.*\]")
"""A line of Prosody's list of online users with details: a resource of the user in the line before."""

_RESOURCES = re.compile(r"(\S+) \((\d+):(.*)\)")
"""A line of Tigase's list of online users: address, number of sessions, and resources."""


class Undone(ServerFailed):
    """The server says in a note that it did not do what a command asked."""


@dataclass(frozen=True)
class Session:
    """A session of a user.

    Args:
        resource: of his client.
        ip: its IP address; empty when the server does not tell.
        port: its port; ``None`` when the server does not tell.
    """

    resource: str
    ip: str = ""
    port: int | None = None


def expect_host(ctx: CommandContext, host: str) -> None:
    """Check that a host is the served domain.

    Raises:
        InvalidValue: it is another.
    """
    served = ctx.gateway.domain
    if JID(host) != served:
        raise InvalidValue(f"{host[:80]} is not served here; host is {served}")


def account_of(ctx: CommandContext, user: str, host: str) -> JID:
    """Return the address of an account of the served domain.

    Args:
        ctx: of the call.
        user: its local part.
        host: the served domain.

    Raises:
        InvalidValue: the host is another.
        InvalidJID: this can be no address.
    """
    expect_host(ctx, host)
    account = JID(f"{user}@{host}")
    if not account.local or account.resource:
        raise InvalidValue(f"{user[:80]!r} is not the local part of an address")
    return account


async def expect_account(service: Service, account: JID) -> None:
    """Check that there is an account, where the server tells: several do nothing for others, and say that it is done.

    Raises:
        NoSuchUser: there is none.
    """
    with contextlib.suppress(NotSupported):
        if not await service.users.exists(account):
            raise NoSuchUser(f"there is no account {account}")


async def expect_none(service: Service, account: JID) -> None:
    """Check that there is no account yet, where the server tells.

    Raises:
        UserExists: there is one.
    """
    with contextlib.suppress(NotSupported):
        if await service.users.exists(account):
            raise UserExists(f"there is an account {account} already")


async def run_for(service: Service, command: str, account: JID) -> CommandReply:
    """Run a command about one account, which forms name ``accountjid`` or ``accountjids``.

    Raises:
        Undone: it was not done, as the server says in a note.
        TigrestError: as ``service.admin_commands.run``.
    """
    fields = {"accountjid": account, "accountjids": [account]}
    reply = await service.admin_commands.run(command, fields, account=account.bare)
    refused = next((note.text for note in reply.notes if "could not be" in note.text), "")
    if refused:
        raise Undone(f"the server did not do {command} for {account}: {' '.join(refused.split())}")
    return reply


async def read_all(service: Service, command: str) -> DataForm:
    """Run a command that tells something, and return its result: all items, with the details that there are.

    Raises:
        TigrestError: as ``service.admin_commands.run``.
    """
    reply = await service.admin_commands.run(command)
    if reply.is_executing and reply.form is not None:
        fields = dict(_wanted(service, reply.form))
        reply = await service.admin_commands.run(command, fields or {"max_items": "none"}, sessionid=reply.sessionid)
    return reply.form or DataForm("result")


def _wanted(service: Service, form: DataForm) -> Iterable[tuple[str, str]]:
    if form.field("details") is not None:
        yield "details", "true"
    if form.field("domainjid") is not None:
        yield "domainjid", service.domain
    limit = form.field("max_items")
    if limit is not None:
        offered = [option.value for option in limit.options] or ["none"]
        whole = next((value for value in offered if value.lower() in _EVERYTHING), "")
        if not whole and not limit.is_open:
            raise NotSupported(f"{service.domain} does not list all at once: max_items is one of {', '.join(offered)}")
        yield "max_items", whole or "none"


async def number(service: Service, command: str, var: str) -> int:
    """Return the number that a command tells.

    Args:
        service: runs it.
        command: which.
        var: field of the result.

    Raises:
        ServerFailed: it tells none.
        TigrestError: as ``service.admin_commands.run``.
    """
    text = (await read_all(service, command)).value(var).strip()
    if not text.isdecimal():
        raise ServerFailed(f"{service.domain} did not answer {command} with a number")
    return int(text)


async def sessions_of(service: Service, account: JID) -> list[Session]:
    """Return the sessions of a user.

    Raises:
        NoSuchUser: there is no such account, as far as the server tells.
        NotSupported: the server does not tell resources.
        TigrestError: as ``service.admin_commands.run``.
    """
    if not await service.admin_commands.trouble("user-stats"):
        with contextlib.suppress(ServerFailed):  # Tigase has no resources in what it answers
            form = (await run_for(service, "user-stats", account.bare)).form
            if form is not None and form.field("onlineresources") is not None:
                return _sessions_in(form)
    jids = [jid for jid in await online(service, asks_each=False) if jid.bare == account.bare]
    if not all(jid.resource for jid in jids):
        raise NotSupported(f"{service.domain} does not tell with which resources {account.bare} is online")
    return [Session(jid.resource) for jid in jids]


def _sessions_in(form: DataForm) -> list[Session]:
    """Return the sessions in the statistics of a user. XEP-0133 §4.10"""
    resources, addresses = (_lines(form.values(var)) for var in ("onlineresources", "ipaddresses"))
    known = addresses if len(addresses) == len(resources) else [""] * len(resources)
    found = [Session(resource, *_endpoint(address)) for resource, address in zip(resources, known, strict=True)]
    return sorted(found, key=lambda session: session.resource)


async def online(service: Service, *, asks_each: bool = True) -> list[JID]:
    """Return who is online, sorted: with his resource where the server tells, else once by his bare address.

    Args:
        service: asks the server.
        asks_each: whether to ask about each user where the list has no resources.

    Raises:
        TigrestError: as ``service.admin_commands.run``.
    """
    form = await read_all(service, "get-online-users-list")
    lines = _lines(form.values("onlineuserjids"))
    lines = lines or _lines(next((field.values for field in form.fields if field.var.startswith("Users:")), ()))
    jids = sorted(_listed(lines))
    users = [jid for jid in jids if not jid.resource]
    if not users or not asks_each or await service.admin_commands.trouble("user-stats"):
        return jids
    permits = asyncio.Semaphore(AT_ONCE)

    async def ask(user: JID) -> list[JID]:
        async with permits:
            return [user.with_resource(session.resource) for session in await sessions_of(service, user)]

    found = await asyncio.gather(*map(ask, dict.fromkeys(users)))
    return sorted([*(jid for jid in jids if jid.resource), *(jid for some in found for jid in some)])


def _listed(lines: Iterable[str]) -> list[JID]:
    """Return the addresses in a list of online users, with resources where it has them."""
    found: list[JID] = []
    for line in lines:
        if found and (match := _RESOURCE.fullmatch(line)):
            user = found.pop() if found and not found[-1].resource else found[-1]
            found.append(user.bare.with_resource(match[1]))
        elif match := _RESOURCES.fullmatch(line.strip()):
            resources = match[3].split(",")
            is_told = len(resources) == int(match[2])
            user = _address(match[1])
            found += [user.with_resource(each.strip()) for each in resources] if is_told else [user]
        else:
            found.append(_address(line.strip()))
    return found


def _address(text: str) -> JID:
    """Return an address that the server tells.

    Raises:
        ServerFailed: it is none.
    """
    try:
        return JID(text)
    except ValueError:
        raise ServerFailed(f"the server's list of online users has {text[:80]!r}, which is no address") from None


async def count_online(service: Service) -> int:
    """Return the number of sessions: as the server tells it, else by counting them.

    Raises:
        TigrestError: as ``service.admin_commands.run``.
    """
    for command, var in _NUMBERS.items():
        if not await service.admin_commands.trouble(command):
            return await number(service, command, var)
    return len(await online(service))


async def end_sessions(service: Service, jid: JID) -> None:
    """End the session of a full address, or all of a bare one, and wait, not for long, until they have ended.

    That they go on is no failure: clients come back by themselves.

    Raises:
        TigrestError: as ``service.admin_commands.run``.
    """
    await run_for(service, "end-user-session", jid)
    with contextlib.suppress(NotSupported):
        for pause in PAUSES:
            left = await sessions_of(service, jid)
            if not any(not jid.resource or session.resource == jid.resource for session in left):
                return
            await asyncio.sleep(pause)


def _lines(values: Iterable[str]) -> list[str]:
    """Return the values of a field that has several, in elements or in lines."""
    return [line for value in values for line in value.splitlines() if line.strip()]


def _endpoint(text: str) -> tuple[str, int | None]:
    """Return IP address and port: ejabberd tells both, Prosody the address only."""
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(text.strip("[] "))), None
    address, _, port = text.rpartition(":")
    return (address.strip("[]"), int(port)) if port.isdecimal() else (text, None)
