"""Commands about the gateway and the XMPP server."""

from dataclasses import dataclass
from typing import Literal

from tigrest import (
    CommandContext,
    InvalidValue,
    NotConnected,
    NotSupported,
    ServerFailed,
    Service,
    Stanza,
    StanzaError,
    __version__,
    command,
    log_level,
    set_log_level,
)

from ._admin import LAST, count_online, number

SOFTWARE_VERSION = "jabber:iq:version"

Statistic = Literal["registeredusers", "onlineusers", "onlineusersnode", "uptimeseconds", "processes"]
"""Names of statistics, as ejabberd has them."""

LEVELS = ("none", "critical", "error", "warning", "info", "debug")
"""Log levels by ejabberd's numbers, from 0."""


@dataclass(frozen=True)
class Versions:
    """Versions of what runs.

    Args:
        gateway: of the gateway.
        server: name of the XMPP server's software; ``None`` when it does not tell.
        version: of the XMPP server; ``None`` when it does not tell.
        os: of its machine; ``None`` when it does not tell.
    """

    gateway: str
    server: str | None = None
    version: str | None = None
    os: str | None = None


@command(
    tags=("server",), role=None, effect="read", errors=(NotConnected,), example=({}, "The gateway http.example.org serves example.org.")
)
async def status(ctx: CommandContext) -> str:
    """Tell whether the gateway serves, and whether the XMPP server is connected.

    Returns:
        A sentence; 503 while the server is not connected. Admins are told the version of the gateway.
    """
    gateway = ctx.gateway
    version = f" {__version__}" if ctx.principal.is_admin else ""
    if not gateway.connected:
        raise NotConnected(f"The gateway {gateway.jid}{version} is not connected to {gateway.domain}.")
    return f"The gateway {gateway.jid}{version} serves {gateway.domain}."


@command(
    tags=("server",),
    effect="read",
    example=({}, {"gateway": __version__, "server": "Prosody", "version": "13.0.6", "os": "Linux"}),
)
async def version(ctx: CommandContext) -> Versions:
    """Tell the versions of the gateway and of the XMPP server.

    Returns:
        What they tell of themselves.
    """
    try:
        reply = await _ask(ctx.gateway, SOFTWARE_VERSION)
    except StanzaError:
        return Versions(__version__)
    told = {each: _text(reply, each) or None for each in ("name", "version", "os")}
    return Versions(__version__, told["name"], told["version"], told["os"])


@command(
    tags=("statistics",),
    effect="read",
    errors=(NotSupported,),
    example=({"name": "registeredusers"}, 6),
    result="stat",
)
async def stats(ctx: CommandContext, name: Statistic) -> int:
    """Tell a figure about the XMPP server.

    Args:
        name: registered accounts, sessions of users (the server's and those of its node: no difference is made), or its uptime in
            seconds. `processes` is for clients of ejabberd, which has such; others answer 501.

    Returns:
        The figure.
    """
    service = ctx.gateway
    if name == "registeredusers":
        return await _registered(service)
    if name == "uptimeseconds":
        return await _uptime(service)
    if name == "processes":
        raise NotSupported(f"{service.domain} does not tell the number of its processes over XMPP")
    return await count_online(service)


async def _registered(service: Service) -> int:
    if not await service.admin_commands.trouble("get-registered-users-num"):
        return await number(service, "get-registered-users-num", "registeredusersnum")
    return len(await service.users.list())


async def _uptime(service: Service) -> int:
    """Ask the server for the seconds since its start. XEP-0012 §5"""
    try:
        payload = (await _ask(service, LAST)).payload
    except StanzaError as error:
        raise NotSupported(f"{service.domain} does not tell its uptime (XEP-0012): it answers {error.condition}") from None
    seconds = payload.get("seconds", "") if payload is not None else ""
    if not seconds.isdecimal():
        raise ServerFailed(f"{service.domain} did not tell its uptime")
    return int(seconds)


async def _ask(service: Service, namespace: str) -> Stanza:
    return (await service.request(f"<iq type='get' id='ask' to='{service.domain}'><query xmlns='{namespace}'/></iq>")).raise_error()


def _text(reply: Stanza, name: str) -> str:
    return (reply.payload.findtext(f"{{{SOFTWARE_VERSION}}}{name}", "") if reply.payload is not None else "").strip()


@dataclass
class LogLevel:
    """The level, as ejabberd's clients read it in version 0.

    Args:
        levelatom: its name.
    """

    levelatom: str


@command(tags=("logs",), effect="read", example=({}, {"levelatom": "info"}))
async def get_loglevel(ctx: CommandContext) -> LogLevel:
    """Tell how much the gateway logs.

    Returns:
        The level as `levelatom`.
    """
    return LogLevel(log_level())


@command("get_loglevel", version=2, tags=("logs",), effect="read", example=({}, "info"), result="levelatom")
async def get_loglevel_alone(ctx: CommandContext) -> str:
    """Tell how much the gateway logs.

    Returns:
        One of none, critical, error, warning, info, debug.
    """
    return log_level()


@command(tags=("logs",), errors=(InvalidValue,), example=({"loglevel": "debug"}, None))
async def set_loglevel(ctx: CommandContext, loglevel: str) -> None:
    """Change how much the gateway logs, until it ends.

    Args:
        loglevel: one of none, critical, error, warning, info, debug; or ejabberd's numbers for them, 0 to 5.
    """
    if loglevel.isdecimal() and loglevel not in map(str, range(len(LEVELS))):
        raise InvalidValue(f"{loglevel[:40]} is no log level: the numbers are 0 ({LEVELS[0]}) to 5 ({LEVELS[5]})")
    set_log_level(LEVELS[int(loglevel)] if loglevel.isdecimal() else loglevel)
