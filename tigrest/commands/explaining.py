"""Explain decisions: for each group of permissions, why somebody may call a command or a handler, or may not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tigrest.auth.permission_entries import HANDLER, Attempt, Called
from tigrest.auth.permissions import Permissions, Verdict
from tigrest.auth.principal import NOBODY, Principal
from tigrest.auth.token_store import TokenStore
from tigrest.auth.tokens import principal_of
from tigrest.commands.context import CommandContext, Frontend
from tigrest.commands.registry import Commands
from tigrest.errors import InvalidValue, NotFound
from tigrest.scripting.called_handlers import CalledHandler, called_handlers
from tigrest.scripting.handler import METHODS
from tigrest.scripting.lifecycle import Scripts
from tigrest.scripting.table import Table
from tigrest.spelling import nearest
from tigrest.xmpp.jid import JID

ANYBODY = ("nobody", "-")
"""Stand for a caller who has not logged in."""


async def explain_call(
    ctx: CommandContext, caller: str, name: str, frontend: Frontend = "http", address: str = "", method: str = ""
) -> list[Verdict]:
    """Return what each group of permissions says about a call of a command or a handler; nothing is called.

    Args:
        ctx: of the command that wants to know.
        caller: address of the caller, or the name of a token; ``nobody`` or ``-`` for somebody who has not logged in.
        name: of the command, or of the handler: ``rest:`` with its URI or the path of a request.
        frontend: how it would be called.
        address: IP address of the caller; empty for an unknown one.
        method: of HTTP; only where handlers of one path differ in who may call them.

    Returns:
        The rights of admins first, the declared role last. The call is allowed when one of them allows it.

    Raises:
        UnknownCommand: there is no such command.
        NotFound: there is no such handler, or no such token.
        InvalidValue: the caller is no address, or it is not clear which handler is meant.
    """
    policy = ctx.gateway.policy
    called: Called
    values: Mapping[str, str] | None = None
    path = ""
    if name.startswith(HANDLER):
        path = name.removeprefix(HANDLER)
        called, values = _find_handler(ctx.get(Scripts).table, policy.permissions, path, method.upper())
        frontend = "http"
    else:
        called = ctx.get(Commands).find(name, ctx.version)
    principal = policy.acting(await _principal(ctx, caller, address), called)
    return policy.permissions.explain(Attempt(principal, called, frontend, path, values))


async def _principal(ctx: CommandContext, caller: str, address: str) -> Principal:
    """Return a caller by his address, or by the name of his token.

    Raises:
        NotFound: there is neither.
    """
    if caller in ANYBODY:
        return Principal(None, NOBODY, "open", address=address)
    policy = ctx.gateway.policy
    try:
        jid = JID(caller).bare
    except ValueError:
        jid = None
    if jid is not None and jid.local:
        return Principal(jid, policy.roles_of(jid), address=address)
    token = next((token for token in await ctx.get(TokenStore).list() if token.name == caller), None)
    if token is None:
        raise NotFound(f"there is no token {caller[:80]!r}; write its name, an address as local@domain, or - for somebody without a login")
    return principal_of(token, policy.roles_of(token.owner), address)


def _find_handler(table: Table, permissions: Permissions, path: str, method: str) -> tuple[CalledHandler, Mapping[str, str] | None]:
    """Return the handler of a URI or of the path of a request, and the parts of such a path.

    Raises:
        NotFound: there is none.
        InvalidValue: several are there, of which the callers are not the same.
    """
    handlers = called_handlers(table.routes)
    found: dict[CalledHandler, Mapping[str, str] | None]
    found = {handler: None for handler in handlers if path in handler.uris and method in ("", *handler.route.endpoints)}
    found = found or dict(_at_path(table, handlers, path, (method,) if method else METHODS))
    if not found:
        near = nearest(path, [uri for handler in handlers for uri in handler.uris])
        raise NotFound(f"there is no handler at {path[:80]!r}{f'; did you mean {HANDLER}{near}?' if near else ''}")
    if len({(handler.role, permissions.naming(handler)) for handler in found}) > 1:
        methods = sorted({each for handler in found for each in handler.route.methods})
        raise InvalidValue(f"there are several handlers at {path[:80]}; say which method: {', '.join(methods)}")
    return next(iter(found.items()))


def _at_path(
    table: Table, handlers: Iterable[CalledHandler], path: str, methods: Iterable[str]
) -> Iterator[tuple[CalledHandler, Mapping[str, str]]]:
    """Find the handlers that answer requests at a path."""
    by_route = {handler.route: handler for handler in handlers}
    for method in methods:
        match = table.match(method, path)
        if match is not None and match.route is not None and match.endpoint is not None:
            handler = by_route[match.route]
            yield handler, handler.values(match.endpoint, match.groups)
