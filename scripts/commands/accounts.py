"""Commands about accounts, by ejabberd's names."""

import secrets

from tigrest import (
    CommandContext,
    InvalidValue,
    Logins,
    NoSuchUser,
    NotSupported,
    Secret,
    ServerFailed,
    TokenStore,
    UserExists,
    command,
)

from ._admin import Undone, account_of, end_sessions, expect_account, expect_host, run_for
from ._needs import admin_command

LOOKUPS = ("get-registered-users-list", "user-stats", "get-user-properties", "get-user-info")
"""Commands that tell whether there is an account."""

BOB = {"user": "bob", "host": "example.org"}


@command(
    tags=("accounts",),
    errors=(UserExists, InvalidValue, ServerFailed),
    needs=(admin_command("add-user"),),
    example=({**BOB, "password": "correct horse"}, "User bob@example.org successfully registered"),
)
async def register(ctx: CommandContext, user: str, host: str, password: Secret) -> str:
    """Register a user.

    The server is asked for a login with the new password: some say that they have added an account with a password that they do not take.

    Args:
        user: local part of the address.
        host: the served domain.
        password: of the new account.

    Returns:
        A sentence that names the account.
    """
    account = account_of(ctx, user, host)
    await ctx.gateway.users.add(account, password.value)
    return f"User {account} successfully registered"


@command(
    tags=("accounts",),
    errors=(NoSuchUser,),
    needs=(admin_command("delete-user"),),
    example=(BOB, "User bob@example.org successfully unregistered"),
)
async def unregister(ctx: CommandContext, user: str, host: str) -> str:
    """Unregister a user: delete the account and all it owns.

    Args:
        user: local part of the address.
        host: the served domain.

    Returns:
        A sentence that names the account.
    """
    account = account_of(ctx, user, host)
    await ctx.gateway.users.remove(account)
    return f"User {account} successfully unregistered"


@command(
    tags=("accounts",),
    errors=(NoSuchUser, InvalidValue, ServerFailed),
    needs=(admin_command("change-user-password"),),
    example=({**BOB, "newpass": "battery staple"}, None),
)
async def change_password(ctx: CommandContext, user: str, host: str, newpass: Secret) -> None:
    """Change the password of an account.

    Logins with the old password, and event streams, end at once.

    Args:
        user: local part of the address.
        host: the served domain.
        newpass: the new password.
    """
    await ctx.gateway.users.set_password(account_of(ctx, user, host), newpass.value)


@command(tags=("accounts",), effect="read", errors=(InvalidValue,), needs=(admin_command(*LOOKUPS),), example=(BOB, True))
async def check_account(ctx: CommandContext, user: str, host: str) -> bool:
    """Check whether there is an account.

    Args:
        user: local part of the address.
        host: the served domain.

    Returns:
        Whether there is one.
    """
    return await ctx.gateway.users.exists(account_of(ctx, user, host))


@command(tags=("accounts",), effect="read", errors=(InvalidValue,), example=({**BOB, "password": "correct horse"}, True))
async def check_password(ctx: CommandContext, user: str, host: str, password: Secret) -> bool:
    """Check the password of an account, by a login at the server.

    Wrong passwords count as failed logins: after ten of an account, further checks wait (429, `Retry-After`).

    Args:
        user: local part of the address.
        host: the served domain.
        password: to check.

    Returns:
        Whether it is right; an account that does not exist has none.
    """
    account = account_of(ctx, user, host)
    return await ctx.get(Logins).verify(account, password.value, ctx.principal.address)


@command(
    tags=("accounts",),
    errors=(NoSuchUser, ServerFailed),
    needs=(admin_command("change-user-password"), admin_command("end-user-session")),
    example=({**BOB, "reason": "Spam"}, None),
)
async def ban_account(ctx: CommandContext, user: str, host: str, reason: str) -> None:
    """Ban an account: set a random password, revoke its tokens, and end its sessions.

    Nobody knows the password; `change_password` gives the account back. The reason stands in the log of the gateway only.

    Args:
        user: local part of the address.
        host: the served domain.
        reason: why; for the log.
    """
    account = account_of(ctx, user, host)
    await ctx.gateway.users.set_password(account, secrets.token_urlsafe(24))
    await ctx.get(TokenStore).revoke_all(account)
    await end_sessions(ctx.gateway, account)


@command(
    "ban_account",
    version=2,
    tags=("accounts",),
    errors=(NoSuchUser, NotSupported, ServerFailed),
    needs=(admin_command("disable-user"), admin_command("end-user-session")),
    example=({**BOB, "reason": "Spam"}, None),
)
async def disable_account(ctx: CommandContext, user: str, host: str, reason: str) -> None:
    """Ban an account: disable it, revoke its tokens, and end its sessions.

    It keeps its password, and `unban_account` enables it again. Servers that cannot disable accounts have version 0 of this command,
    which sets a random password. The reason stands in the log of the gateway only.

    Args:
        user: local part of the address.
        host: the served domain.
        reason: why; for the log.
    """
    account = account_of(ctx, user, host)
    await expect_account(ctx.gateway, account)
    try:
        await run_for(ctx.gateway, "disable-user", account)
    except Undone as error:  # Prosody offers the command with any store of accounts
        raise NotSupported(f"{error}; version 0 of this command sets a random password instead") from None
    await ctx.get(TokenStore).revoke_all(account)
    await end_sessions(ctx.gateway, account)


@command(version=2, tags=("accounts",), errors=(NoSuchUser, ServerFailed), needs=(admin_command("reenable-user"),), example=(BOB, None))
async def unban_account(ctx: CommandContext, user: str, host: str) -> None:
    """Enable an account that `ban_account` has disabled.

    Args:
        user: local part of the address.
        host: the served domain.
    """
    account = account_of(ctx, user, host)
    await expect_account(ctx.gateway, account)
    await run_for(ctx.gateway, "reenable-user", account)


@command(
    tags=("accounts",),
    effect="read",
    errors=(InvalidValue,),
    needs=(admin_command("get-registered-users-list"),),
    example=({"host": "example.org"}, ["alice", "bob"]),
)
async def registered_users(ctx: CommandContext, host: str) -> list[str]:
    """List the accounts of a host.

    Args:
        host: the served domain.

    Returns:
        Their local parts, sorted.
    """
    expect_host(ctx, host)
    return [account.local for account in await ctx.gateway.users.list()]
