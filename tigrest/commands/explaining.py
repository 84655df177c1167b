"""Why somebody may call a command, or may not: what each group of permissions says."""

from __future__ import annotations

from tigrest.auth.permission_entries import Attempt
from tigrest.auth.permissions import Verdict
from tigrest.auth.principal import NOBODY, Principal
from tigrest.commands.context import CommandContext, Frontend
from tigrest.commands.registry import Commands
from tigrest.errors import InvalidValue
from tigrest.xmpp.jid import JID

ANYBODY = "nobody"
"""Stands for a caller who has not logged in."""


def explain_call(ctx: CommandContext, caller: str, name: str, frontend: Frontend = "http", address: str = "") -> list[Verdict]:
    """Return what each group of permissions says about a call of a command; nothing is called.

    Args:
        ctx: of the command that wants to know.
        caller: address of the caller; ``nobody`` for somebody who has not logged in.
        name: of the command.
        frontend: how it would be called.
        address: IP address of the caller; empty for an unknown one.

    Returns:
        The rights of admins first, the declared role last. The call is allowed when one of them allows it.

    Raises:
        UnknownCommand: there is no such command.
        InvalidValue: the caller is no address.
    """
    command, policy = ctx.get(Commands).find(name, ctx.version), ctx.gateway.policy
    if caller == ANYBODY:
        principal = Principal(None, NOBODY, "open", address=address)
    else:
        jid = JID(caller).bare
        if not jid.local:
            raise InvalidValue(f"{caller} is no user: write local@domain, or {ANYBODY} for somebody who has not logged in")
        principal = Principal(jid, policy.roles_of(jid), address=address)
    return policy.permissions.explain(Attempt(principal, command, frontend))
