"""The list of commands, as MongooseIM's REST API had it at ``GET /api/commands``, with what it did not say."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from tigrest.commands.context import CommandContext
from tigrest.commands.registry import Commands
from tigrest.scripting.commands import Command

_ACTIONS = {"GET": "read", "POST": "create", "PUT": "update", "DELETE": "delete"}
"""Words for what a method does. MongooseIM 5.1, "mongoose_commands" """


@dataclass(frozen=True)
class ListedCommand:
    """A command in the list.

    Args:
        path: below ``/api``; arguments in it have a colon, as in ``/contacts/:caller``.
        name: of it.
        method: of HTTP.
        desc: what it does, in one line.
        category: the first of its tags.
        args: words for the types of its arguments, by name.
        action: ``read``, ``create``, ``update`` or ``delete``, by the method.
        version: of this definition.
        tags: all of them.
        role: what the caller has to be; ``None`` for anybody.
        available: whether the XMPP server can do what it needs.
        reason: why it is not available; ``None`` when it is.
    """

    path: str
    name: str
    method: str
    desc: str
    category: str
    args: dict[str, str]
    action: str
    version: int
    tags: list[str]
    role: str | None
    available: bool
    reason: str | None


def listed_command(command: Command, reason: str) -> ListedCommand:
    """Return a command as the list shows it.

    Args:
        command: which.
        reason: why it is not available; empty when it is.
    """
    method, path = command.route or (command.methods[0], f"/{command.name}")
    return ListedCommand(
        path=path.replace("{", ":").replace("}", ""),
        name=command.name,
        method=method,
        desc=command.summary,
        category=command.category,
        args={argument.name: argument.type.listed for argument in command.arguments},
        action=_ACTIONS[method],
        version=command.version,
        tags=list(command.tags),
        role=command.role,
        available=not reason,
        reason=reason or None,
    )


async def list_commands(ctx: CommandContext) -> list[ListedCommand]:
    """Return the commands that a caller may run, sorted by path, in the definitions that count for the version he asks for.

    Args:
        ctx: of the command that wants to know.
    """
    commands = ctx.get(Commands)
    visible = [command for command in commands.all(ctx.version) if ctx.may_call(command)]
    reasons = await asyncio.gather(*(commands.reason(command) for command in visible))
    listed = [listed_command(command, reason) for command, reason in zip(visible, reasons, strict=True)]
    return sorted(listed, key=lambda entry: (entry.path, entry.method))
