"""Permissions of handlers: for those that a group of ``[api.permissions]`` names it decides, instead of their ``requiredRole``."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from starlette.types import Scope

from tigrest.auth.admission import Admission
from tigrest.auth.permission_entries import Attempt
from tigrest.auth.principal import Principal, Via
from tigrest.errors import LoginRequired, RoleRequired
from tigrest.http.requests import client_address
from tigrest.scripting.called_handlers import CalledHandler, called_handlers
from tigrest.scripting.routes import Route
from tigrest.scripting.routing import RouteMatch
from tigrest.scripting.table import Table
from tigrest.service.decisions import refusal_of_call
from tigrest.service.policy import Policy

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _OptionalLogin:
    """Requirements of a handler whose callers may log in and do not have to: what they need is for the groups to say."""

    api_key: bool
    role: None = None

    def auth_required(self, api_key: str | None) -> bool:
        """Return whether it demands a login."""
        return False


class HandlerPermissions:
    """The handlers that groups name. Others are not looked at.

    Args:
        admission: authenticates callers.
        policy: has the groups.
    """

    def __init__(self, admission: Admission, policy: Policy) -> None:
        self._admission, self._policy = admission, policy
        self.named: Mapping[Route, CalledHandler] = {}
        """The handlers that a group names, by their routes."""
        self._reported: set[str] = set()

    def serve(self, table: Table) -> None:
        """Find the handlers of a table that groups name, and log what groups name and is no handler, each once."""
        permissions, handlers = self._policy.permissions, called_handlers(table.routes)
        self.named = {handler.route: handler for handler in handlers if permissions.naming(handler)}
        for problem in permissions.unknown_handlers(handlers):
            if problem not in self._reported:
                self._reported.add(problem)
                log.warning("%s", problem)

    async def admit(self, called: CalledHandler, match: RouteMatch, scope: Scope, headers: Mapping[bytes, bytes]) -> Principal:
        """Authenticate a caller, and check that a group allows him to call a handler.

        Where the handler says that an API key stands in for a login, it does so here too.

        Args:
            called: the handler.
            match: its method, and the parts of the path.
            scope: of the request (ASGI).
            headers: of the request, by name in lower case.

        Raises:
            KeyRequired, LoginRequired, RoleRequired: he may not.
            TooManyFailures, NotConnected: as :meth:`tigrest.auth.logins.Logins.login`.
        """
        assert match.endpoint is not None
        route, address = called.route, client_address(scope)
        principal = await self._admission.admit(_OptionalLogin(route.api_key), scope["path"], scope["query_string"], headers, address)
        if principal.jid is None:
            if _stands_in(principal, route):
                return principal
            principal = principal if principal.name else anonymous(headers, address)
        attempt = Attempt(principal, called, "http", scope["path"], called.values(match.endpoint, match.groups))
        decision = self._policy.allowed(principal, "call", attempt)
        if not decision.allowed:
            raise refusal_of_call(decision)
        principal = self._policy.caller_of(attempt)
        if principal.jid is None and route.role is not None and "user" in match.endpoint.invocation.names:
            if principal.via == "bearer":
                raise RoleRequired(f"the token {principal.name} is not for {called.name}, which is for a user")
            raise LoginRequired(f"{called.name} is for a user: log in")  # its script relies on there being one
        return principal


def _stands_in(principal: Principal, route: Route) -> bool:
    """Return whether the API key of a caller stands in for a login at a handler, or that it is open without a key does."""
    has_key = bool(principal.name) or principal.via == "open"
    return has_key and route.asks_auth_required and not route.auth_required(principal.name or "open_access")


def anonymous(headers: Mapping[bytes, bytes], address: str) -> Principal:
    """Return the caller who has not logged in: one for whom his network may count, or a page in a browser.

    Args:
        headers: of the request, by name in lower case.
        address: his IP address; empty when it is unknown.
    """
    is_page = b"origin" in headers or headers.get(b"sec-fetch-site", b"none") != b"none"
    return _anonymous(address, "page" if is_page else "open")


@lru_cache(maxsize=1024)
def _anonymous(address: str, via: Via) -> Principal:
    return Principal(None, via=via, address=address)
