"""Provide the objects that handlers ask for by ``inject()``: plugins first, then the gateway's own."""

from __future__ import annotations

from collections.abc import Callable

from tigrest.backends.adhoc import AdHoc
from tigrest.backends.backend import UserRepository
from tigrest.inbound.events import Events
from tigrest.plugins import Plugins, hookimpl
from tigrest.service import Service
from tigrest.service.avatars import Avatars


def provider(plugins: Plugins, service: Service, core: Core) -> Callable[[type], object | None]:
    """Return what gives the object for a type.

    Args:
        plugins: asked first.
        service: access to XMPP.
        core: what is the gateway's own.
    """
    plugins.add(core, "core")
    return lambda wanted: plugins.provide(wanted, service)


class Core:
    """Provide what is the gateway's own, as a plugin that comes last.

    Args:
        service: access to XMPP.
        events: the event stream.
    """

    def __init__(self, service: Service, events: Events) -> None:
        self._parts: dict[object, object] = {
            Service: service,
            UserRepository: service.users,
            AdHoc: service.adhoc,
            Avatars: service.avatars,
            Events: events,
        }

    def add(self, *parts: object) -> None:
        """Provide further parts, each for its class."""
        self._parts |= {type(part): part for part in parts}

    @hookimpl(trylast=True)
    def tigrest_provide(self, type: type, service: Service) -> object | None:
        """Return the service or one of its parts."""
        return self._parts.get(type)
