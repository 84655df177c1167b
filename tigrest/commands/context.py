"""Context of a command: caller, gateway and services, passed to its function before the arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeVar

from tigrest.auth.permission_entries import Attempt
from tigrest.auth.principal import Principal
from tigrest.commands.registry import Commands
from tigrest.errors import NotPermitted, NotSupported, UnknownCommand
from tigrest.observability.context import request_id
from tigrest.scripting.commands import Command
from tigrest.service import BoundedService, Service
from tigrest.spelling import nearest

T = TypeVar("T")

Frontend = Literal["http", "ctl", "adhoc"]
"""Ways in which commands are called: HTTP, the command line, ad-hoc commands over XMPP."""


class CommandContext:
    """One call of a command: the first argument of its function.

    Args:
        gateway: access to XMPP with the rights of the gateway, for what the command itself has decided.
        principal: the caller.
        frontend: how he calls.
        request_id: id of the request; empty for that of the request being served.
        version: of the API that the caller asked for; ``None`` for the latest.
        provide: gives what ``inject()`` gives handlers; ``None`` for what nobody provides.
    """

    __slots__ = ("_provide", "_request_id", "frontend", "gateway", "principal", "version")

    def __init__(
        self,
        gateway: Service,
        principal: Principal,
        frontend: Frontend,
        request_id: str,
        version: int | None,
        provide: Callable[[type], object | None],
    ) -> None:
        self.gateway, self.principal, self.frontend, self.version = gateway, principal, frontend, version
        self._request_id, self._provide = request_id, provide

    @property
    def request_id(self) -> str:
        """Return the id of the request, as in the log and in errors."""
        return self._request_id or request_id()

    @property
    def service(self) -> BoundedService:
        """Return the access to XMPP as the caller may use it: for whatever he has a hand in."""
        return self.gateway.for_(self.principal)

    def may_call(self, command: Command) -> bool:
        """Return whether the caller may call a command, perhaps with some arguments only."""
        return self.gateway.policy.allowed(self.principal, "call", Attempt(self.principal, command, self.frontend)).allowed

    def find(self, name: str) -> Command:
        """Return a command that the caller may call.

        Raises:
            UnknownCommand: there is no such command, or none yet in that version; only those that he may call are named.
            NotPermitted: he may not call it.
        """
        commands = self.get(Commands)
        try:
            found = commands.find(name, self.version)
        except UnknownCommand:
            if commands.versions(name) and self.may_call(commands.find(name)):
                raise
            raise UnknownCommand(name, nearest(name, [each.name for each in commands.all() if self.may_call(each)])) from None
        if not self.may_call(found):
            raise NotPermitted(f"{found.name} is not for you to call")
        return found

    def get(self, wanted: type[T]) -> T:
        """Return what ``inject()`` would give a handler for a type.

        Args:
            wanted: the type, e.g. ``UserRepository``.

        Raises:
            NotSupported: nobody provides one.
        """
        found = self._provide(wanted)
        if found is None:
            raise NotSupported(f"nothing provides {wanted.__name__}; a plugin may (tigrest_provide)")
        assert isinstance(found, wanted)
        return found
