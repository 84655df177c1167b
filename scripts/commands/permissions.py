"""Commands about permissions."""

from typing import Literal

from tigrest import CommandContext, InvalidValue, NotFound, Verdict, command, explain_call


@command(
    tags=("commands",),
    effect="read",
    errors=(NotFound, InvalidValue),
    dashes=("caller",),
    example=(
        {"caller": "alice@example.org", "name": "get_roster"},
        [
            {"group": "admins", "allows": False, "reason": "the caller is no admin ([auth] admins)"},
            {"group": "loopback", "allows": False, "reason": "it does not name get_roster"},
            {
                "group": "role",
                "allows": False,
                "reason": "get_roster needs the role admin, which alice@example.org does not have ([auth] admins)",
            },
        ],
    ),
)
async def explain(
    ctx: CommandContext,
    caller: str,
    name: str,
    frontend: Literal["http", "ctl", "adhoc"] = "http",
    address: str = "",
    method: str = "",
) -> list[Verdict]:
    """Tell who may call a command or a handler, and why, or why not.

    Nothing is called. The call is allowed when one of the groups allows it.

    Args:
        caller: address of a user, or the name of a token, or `-` or `nobody` for somebody who has not logged in.
        name: of the command, or of the handler: `rest:` with its URI or a path, such as `rest:/rest/stream`.
        frontend: how it would be called.
        address: IP address that the call would come from.
        method: of HTTP, where the handlers at a path are for different callers.

    Returns:
        What each group says.
    """
    return await explain_call(ctx, caller, name, frontend, address, method)
