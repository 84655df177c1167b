"""Commands about sessions of users, by ejabberd's names."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from tigrest import (
    JID,
    CommandContext,
    InvalidValue,
    NoSuchUser,
    NotFound,
    NotSupported,
    ServerFailed,
    Service,
    StanzaError,
    command,
)

from ._admin import LAST, Session, account_of, count_online, end_sessions, expect_account, online, run_for, sessions_of
from ._needs import admin_command, any_of, privilege

TIME = "urn:xmpp:time"
BOB = {"user": "bob", "host": "example.org"}

_OFFSET = re.compile(r"([+-])(\d{2}):(\d{2})")


@dataclass(frozen=True)
class LastActivity:
    """Last activity of a user.

    Args:
        timestamp: in UTC; ``None`` when that is not known.
        status: `ONLINE`, the status with which he left, or `NOT FOUND`.
    """

    timestamp: str | None
    status: str


@command(tags=("session",), effect="read", needs=(admin_command("get-online-users-list"),), example=({}, ["alice@example.org/phone"]))
async def connected_users(ctx: CommandContext) -> list[str]:
    """List the sessions of users who are online.

    Returns:
        Full addresses, sorted; bare ones where the server does not tell resources.
    """
    return [str(jid) for jid in await online(ctx.gateway)]


@command(
    tags=("session", "statistics"),
    effect="read",
    needs=(admin_command("get-online-users-list", "get-online-users-num", "get-sessions-num"),),
    example=({}, 2),
    result="num_sessions",
)
async def connected_users_number(ctx: CommandContext) -> int:
    """Count the sessions of users who are online.

    Returns:
        Their number.
    """
    return await count_online(ctx.gateway)


@command(
    tags=("session",),
    effect="read",
    errors=(NoSuchUser, InvalidValue),
    needs=(admin_command("user-stats", "get-online-users-list"),),
    example=(BOB, [{"resource": "phone", "ip": "192.0.2.7", "port": 50122}]),
)
async def user_sessions_info(ctx: CommandContext, user: str, host: str) -> list[Session]:
    """List the sessions of a user.

    Args:
        user: local part of the address.
        host: the served domain.

    Returns:
        One record for each session.
    """
    account = account_of(ctx, user, host)
    await expect_account(ctx.gateway, account)
    return await sessions_of(ctx.gateway, account)


@command(
    tags=("session",),
    errors=(NoSuchUser, NotFound, InvalidValue),
    needs=(admin_command("end-user-session"), admin_command("user-stats", "get-online-users-list")),
    example=({**BOB, "resource": "phone", "reason": "Stuck"}, None),
)
async def kick_session(ctx: CommandContext, user: str, host: str, resource: str, reason: str) -> None:
    """End a session of a user.

    His client may come back by itself.

    Args:
        user: local part of the address.
        host: the served domain.
        resource: of the session.
        reason: why; for the log of the gateway only.
    """
    account = account_of(ctx, user, host)
    await expect_account(ctx.gateway, account)
    jid = account.with_resource(resource)
    if all(session.resource != jid.resource for session in await sessions_of(ctx.gateway, account)):
        raise NotFound(f"{jid} is not online")
    await end_sessions(ctx.gateway, jid)


@command(
    tags=("session",),
    errors=(NoSuchUser, InvalidValue),
    needs=(admin_command("end-user-session"), admin_command("user-stats", "get-online-users-list")),
    example=(BOB, 2),
    result="num_resources",
)
async def kick_user(ctx: CommandContext, user: str, host: str) -> int:
    """End the sessions of a user.

    Args:
        user: local part of the address.
        host: the served domain.

    Returns:
        How many there were.
    """
    return await _kick(ctx, user, host)


@command(
    "kick_user",
    version=2,
    tags=("session",),
    errors=(NoSuchUser, InvalidValue),
    needs=(admin_command("end-user-session"), admin_command("user-stats", "get-online-users-list")),
    example=(BOB, "Kicked sessions: 2"),
)
async def kick_user_and_tell(ctx: CommandContext, user: str, host: str) -> str:
    """End the sessions of a user.

    His clients may come back by themselves.

    Args:
        user: local part of the address.
        host: the served domain.

    Returns:
        How many there were, in words.
    """
    return f"Kicked sessions: {await _kick(ctx, user, host)}"


async def _kick(ctx: CommandContext, user: str, host: str) -> int:
    account = account_of(ctx, user, host)
    await expect_account(ctx.gateway, account)
    sessions = await sessions_of(ctx.gateway, account)
    if sessions:
        await end_sessions(ctx.gateway, account)
    return len(sessions)


@command(
    tags=("last",),
    effect="read",
    errors=(NoSuchUser, InvalidValue, NotSupported),
    needs=(any_of(admin_command("get-user-lastlogin"), privilege(LAST, "get")),),
    example=(BOB, {"timestamp": "2026-11-26T16:22:25Z", "status": "Lunch"}),
)
async def get_last(ctx: CommandContext, user: str, host: str) -> LastActivity:
    """Tell when a user was last online.

    Where the server tells the time by the clock on its wall (ejabberd), and lets the gateway not ask in the user's name (XEP-0356,
    `jabber:iq:last`), a time before a change to or from daylight saving time is an hour wrong.

    Args:
        user: local part of the address.
        host: the served domain.

    Returns:
        Time and status.
    """
    account = account_of(ctx, user, host)
    await expect_account(ctx.gateway, account)
    if await _is_online(ctx.gateway, account):
        return LastActivity(timestamp=_written(datetime.now(UTC)), status="ONLINE")
    if not ctx.gateway.delegation_trouble("get", LAST):
        return await _last_activity(ctx.gateway, account)
    return await _last_login(ctx.gateway, account)


async def _is_online(service: Service, account: JID) -> bool:
    if await service.admin_commands.trouble("user-stats"):
        return False
    return bool(await sessions_of(service, account))


async def _last_activity(service: Service, account: JID) -> LastActivity:
    """Ask in the name of the user. XEP-0012 §3"""
    try:
        reply = await service.request_as(account, f"<iq type='get' id='last' to='{account}'><query xmlns='{LAST}'/></iq>")
        query = reply.raise_error().payload
    except StanzaError as error:
        if error.condition not in ("service-unavailable", "feature-not-implemented"):
            raise
        cure = "on Prosody load mod_lastactivity, on ejabberd mod_last"
        raise NotSupported(f"{service.domain} does not tell when users were last online (XEP-0012); {cure}") from None
    seconds = query.get("seconds", "") if query is not None else ""
    if query is None or not seconds.isdecimal():
        raise ServerFailed(f"{service.domain} did not tell when {account} was last online")
    status = (query.text or "").strip()
    if seconds == "0" and not status:  # so Prosody says that it knows nothing: he is not online
        return LastActivity(timestamp=None, status="NOT FOUND")
    return LastActivity(timestamp=_written(datetime.now(UTC) - timedelta(seconds=int(seconds))), status=status)


async def _last_login(service: Service, account: JID) -> LastActivity:
    """Ask by the command for administrators. XEP-0133 §4.9"""
    form = (await run_for(service, "get-user-lastlogin", account)).form
    told = form.value("lastlogin").strip() if form is not None else ""
    if told == "Online":
        return LastActivity(timestamp=_written(datetime.now(UTC)), status="ONLINE")
    try:
        local = datetime.fromisoformat(told)
    except ValueError:  # in words: never
        return LastActivity(timestamp=None, status="NOT FOUND")
    if local.tzinfo is None:
        local = local.replace(tzinfo=await _zone(service))
    return LastActivity(timestamp=_written(local.astimezone(UTC)), status="")


async def _zone(service: Service) -> timezone:
    """Return the time zone of the server; UTC when it does not tell. XEP-0202 §2"""
    try:
        reply = (await service.request(f"<iq type='get' id='time' to='{service.domain}'><time xmlns='{TIME}'/></iq>")).raise_error()
    except StanzaError:
        return UTC
    offset = _OFFSET.fullmatch((reply.payload.findtext(f"{{{TIME}}}tzo", "") if reply.payload is not None else "").strip())
    if offset is None:
        return UTC
    minutes = int(offset[2]) * 60 + int(offset[3])
    return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes))


def _written(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
