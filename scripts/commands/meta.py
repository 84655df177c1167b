"""Commands about commands, and about the scripts that declare them."""

from tigrest import CommandContext, Commands, Conflict, ListedCommand, NotFound, NotPermitted, Scripts, command, list_commands


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


@command(
    "help",
    tags=("commands",),
    role=None,
    effect="read",
    errors=(NotFound, NotPermitted),
    example={"command": "status"},
)
async def describe(ctx: CommandContext, command: str = "") -> str:
    """Explain a command, or list all.

    Args:
        command: its name; empty for a line about each command that the caller may run.

    Returns:
        A text.
    """
    if not command:
        listed = await list_commands(ctx)
        return "\n".join(f"{each.name}: {each.desc}" for each in sorted(listed, key=lambda each: each.name))
    commands, found = ctx.get(Commands), ctx.find(command)
    versions = ", ".join(str(version) for version in commands.versions(found.name))
    lines = [" ".join([found.name, *(each.name for each in found.arguments)]), "", f"{found.summary}.", ""]
    lines += [found.text, ""] if found.text else []
    if found.arguments:
        shown = [
            f"  {each.name}: {each.type.name}{'' if each.is_required else ', optional'}. {each.description}" for each in found.arguments
        ]
        lines += ["Arguments:", *shown, ""]
    if found.result_text:
        lines += [f"Result: {found.result_text}", ""]
    lines += [f"Version: {found.version} of {versions}", f"Role: {found.role or 'none'}", f"Tags: {', '.join(found.tags)}"]
    if reason := await commands.reason(found):
        lines += ["", f"Not possible here, because {reason}"]
    return "\n".join(lines)


@command(tags=("server",), errors=(Conflict,), example=({}, "17 handlers and 40 commands are served"))
async def reload_handlers(ctx: CommandContext) -> str:
    """Load changed scripts now.

    Returns:
        How many handlers and commands are served. What cannot be loaded is 409, and named; its last good version keeps serving.
    """
    table = await ctx.get(Scripts).reload()
    if table.problems:
        raise Conflict("\n".join(str(problem) for problem in table.problems))
    commands = len(ctx.get(Commands).all())
    handlers = len({id(route.handler) for route in table.routes})
    return f"{handlers} handlers and {commands} commands are served"
