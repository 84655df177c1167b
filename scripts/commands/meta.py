"""Commands about commands."""

from tigrest import CommandContext, ListedCommand, command, list_commands


@command(tags=("commands",), role=None, effect="read", route="GET /commands")
async def list_methods(ctx: CommandContext) -> list[ListedCommand]:
    """List commands.

    Those that the caller may run, in the definitions that count for the version of the API that he asks for.

    Returns:
        The commands, sorted by path.
    """
    return await list_commands(ctx)


@command(tags=("commands",), role=None, effect="read")
async def commands(ctx: CommandContext) -> list[ListedCommand]:
    """List commands, as `list_methods` does.

    Returns:
        The commands, sorted by path.
    """
    return await list_commands(ctx)
