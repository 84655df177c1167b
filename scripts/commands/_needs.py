"""Needs of commands: functions for ``@command(needs=(…))``, which return why the XMPP server cannot do what a command does, or nothing."""

from collections.abc import Awaitable, Callable
from functools import cache

from tigrest import Service

Need = Callable[[Service], Awaitable[str]]


@cache
def admin_command(*names: str) -> Need:
    """Return what needs one of some commands for administrators (XEP-0133).

    Args:
        names: without ``http://jabber.org/protocol/admin#``, the best first, e.g. ``add-user``.
    """

    async def need(service: Service) -> str:
        return await service.admin_commands.trouble(*names)

    return need


@cache
def node(name: str, cure: str) -> Need:
    """Return what needs an ad-hoc command of the served domain by its whole node (XEP-0050).

    Args:
        name: the node.
        cure: where it is to be had, for people.
    """

    async def need(service: Service) -> str:
        offered = {item.node for item in await service.adhoc.list(service.domain, timeout=5.0)}
        return "" if name in offered else f"{service.domain} does not offer the gateway the command {name}; {cure}"

    return need


@cache
def privilege(namespace: str, type: str = "both") -> Need:
    """Return what needs to send iqs in the name of users (XEP-0356, or the server's trust).

    Args:
        namespace: of the payload, e.g. ``jabber:iq:roster``.
        type: ``get``, ``set`` or ``both``.
    """

    async def need(service: Service) -> str:
        types = ("get", "set") if type == "both" else (type,)
        return next((trouble for each in types if (trouble := service.delegation_trouble(each, namespace))), "")

    return need


@cache
def any_of(*needs: Need) -> Need:
    """Return what needs one thing of several."""

    async def need(service: Service) -> str:
        troubles = []
        for each in needs:
            trouble = await each(service)
            if not trouble:
                return ""
            troubles.append(trouble)
        return "; and ".join(troubles)

    return need
