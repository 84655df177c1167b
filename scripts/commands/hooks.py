"""Commands about hooks, to which other programs post."""

from dataclasses import dataclass

from tigrest import BareJID, CommandContext, HookReceiver, InvalidValue, NotConnected, NotFound, command


@dataclass
class NewHook:
    """A new hook; its secret is shown this once."""

    path: str
    secret: str


@dataclass
class ListedHook:
    """A hook in a list, without its secret."""

    name: str
    format: str
    to: str
    room: bool
    last_used: str | None
    last_outcome: str | None


@command(
    tags=("hook",),
    errors=(InvalidValue,),
    example=(
        {"name": "alerts", "format": "alertmanager", "to": "ops@rooms.example.org", "room": True},
        {"path": "/rest/hooks/alerts", "secret": "tgh_…"},
    ),
)
async def add_hook(
    ctx: CommandContext, name: str, format: str, to: BareJID, room: bool = False, nick: str = "", signed: bool = False
) -> NewHook:
    """Make a hook, to which a program posts what becomes messages.

    `tigrest hook add` does so too, and takes a template or a secret of your own.

    Args:
        name: the last part of its URL.
        format: what is posted: alertmanager, github, json, text, and others.
        to: user, or room, that gets the messages.
        room: whether it is a room.
        nick: nickname in the room; that is the name of the hook by default.
        signed: whether senders sign with the secret, whatever the format: it is kept as it is, not as a hash.

    Returns:
        The path to post to, and the secret, which cannot be read again.
    """
    secret = await ctx.get(HookReceiver).add(name, format, to, is_room=room, nick=nick, is_signed=signed)
    return NewHook(f"/rest/hooks/{name}", secret)


@command(tags=("hook",), effect="read")
async def list_hooks(ctx: CommandContext) -> list[ListedHook]:
    """List the hooks: where they lead, and what became of the last post.

    Returns:
        The hooks, sorted by name.
    """
    return [
        ListedHook(hook.name, hook.format, str(hook.to), hook.is_room, hook.last_used or None, hook.last_outcome or None)
        for hook in await ctx.get(HookReceiver).list()
    ]


@command(tags=("hook",), errors=(NotFound, NotConnected))
async def test_hook(ctx: CommandContext, name: str) -> str:
    """Send a test message to whom a hook sends.

    Args:
        name: of the hook.

    Returns:
        The id of the message.
    """
    return await ctx.get(HookReceiver).send_test(name)


@command(tags=("hook",), errors=(NotFound,))
async def revoke_hook(ctx: CommandContext, name: str) -> None:
    """Make a hook invalid from now on.

    Args:
        name: of the hook.
    """
    await ctx.get(HookReceiver).revoke(name)
