"""Provide the objects that handlers ask for by ``inject()``: plugins first, then the gateway's own."""

from __future__ import annotations

from collections.abc import Callable

from tigrest.backends.adhoc import AdHoc
from tigrest.backends.backend import UserRepository
from tigrest.inbound.events import Events
from tigrest.plugins import Plugins, hookimpl
from tigrest.service import Service
from tigrest.service.avatars import Avatars


def provider(plugins: Plugins, service: Service, events: Events) -> Callable[[type], object | None]:
    """Return what gives the object for a type.

    Args:
        plugins: asked first.
        service: access to XMPP.
        events: the event stream.
    """
    plugins.add(_Core(events), "core")
    return lambda wanted: plugins.provide(wanted, service)


class _Core:
    """Provide what is the gateway's own, as a plugin that comes last."""

    def __init__(self, events: Events) -> None:
        self._events = events

    @hookimpl(trylast=True)
    def tigrest_provide(self, type: type, service: Service) -> object | None:
        """Return the service or one of its parts."""
        parts: dict[object, object] = {
            Service: service,
            UserRepository: service.users,
            AdHoc: service.adhoc,
            Avatars: service.avatars,
            Events: self._events,
        }
        return parts.get(type)
