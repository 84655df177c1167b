"""Commands about the gateway and the XMPP server."""

from tigrest import CommandContext, __version__, command


@command(tags=("server",), role=None, effect="read", example=({}, "The gateway http.example.org 0.1.0 serves example.org."))
async def status(ctx: CommandContext) -> str:
    """Tell whether the gateway serves, and whether the XMPP server is connected.

    Returns:
        A sentence.
    """
    gateway = ctx.gateway
    link = "serves" if gateway.connected else "is not connected to"
    return f"The gateway {gateway.jid} {__version__} {link} {gateway.domain}."
