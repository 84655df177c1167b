"""Commands about tokens, by the names of ejabberd."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from tigrest import BareJID, CommandContext, Commands, InvalidValue, NotPermitted, Secret, TokenStore, command


@dataclass
class IssuedToken:
    """A new token, which is shown this once."""

    token: str
    scopes: list[str]
    expires_in: int


@dataclass
class ListedToken:
    """A token in a list, without itself."""

    name: str
    user: str
    scopes: list[str]
    expires: str | None
    last_used: str | None
    last_address: str | None


@command(
    tags=("oauth",),
    version=1,
    secret_result=True,
    errors=(InvalidValue, NotPermitted),
    example=(
        {"jid": "bot@example.org", "ttl": 3600, "scopes": ["send_message"]},
        {"token": "tgt_…", "scopes": ["send_message"], "expires_in": 3600},
    ),
)
async def oauth_issue_token(ctx: CommandContext, jid: BareJID, ttl: int, scopes: list[str]) -> IssuedToken:
    """Make a token that stands for a user.

    `tigrest token add` makes one with a name of your own, and one that does not expire. Who calls this with a token makes only tokens
    with scopes of that one, unless it has the scope admin.

    Args:
        jid: whom it stands for.
        ttl: its lifetime in seconds.
        scopes: what it is for: admin, user, rest, tags and names of commands, and scopes that permissions name.

    Returns:
        The token, which cannot be read again.
    """
    caller = ctx.principal
    if caller.via == "bearer" and "admin" not in caller.scopes and (beyond := set(scopes) - caller.scopes):
        raise NotPermitted(f"the token {caller.name} has not the scope {min(beyond)[:80]}, and makes none that has")
    ctx.get(Commands).check_scopes(scopes)
    name = f"{jid} {datetime.now(UTC):%Y-%m-%d %H:%M:%S} {secrets.token_hex(4)}"
    token = await ctx.get(TokenStore).add(name, jid, scopes, ttl)
    return IssuedToken(token, scopes, ttl)


@command("oauth_issue_token", tags=("oauth",), version=0, errors=(InvalidValue, NotPermitted), secret_result=True)
async def oauth_issue_token_0(ctx: CommandContext, jid: BareJID, ttl: int, scopes: str) -> IssuedToken:
    """Make a token that stands for a user.

    Args:
        jid: whom it stands for.
        ttl: its lifetime in seconds.
        scopes: what it is for, with semicolons between.

    Returns:
        The token, which cannot be read again.
    """
    return await oauth_issue_token(ctx, jid, ttl, [scope for scope in scopes.split(";") if scope])


@command(tags=("oauth",), effect="read")
async def oauth_list_tokens(ctx: CommandContext) -> list[ListedToken]:
    """List the tokens: names and limits, never themselves.

    Returns:
        The tokens, sorted by name.
    """
    return [
        ListedToken(
            token.name,
            str(token.owner),
            sorted(token.scopes),
            None if token.expires is None else datetime.fromtimestamp(token.expires, UTC).isoformat(timespec="seconds"),
            token.last_used or None,
            token.last_address or None,
        )
        for token in await ctx.get(TokenStore).list()
    ]


@command(tags=("oauth",))
async def oauth_revoke_token(ctx: CommandContext, token: Secret) -> None:
    """Make a token invalid from now on.

    Args:
        token: itself. One that there is not is none afterwards either.
    """
    await ctx.get(TokenStore).revoke_token(token.value)
