"""Commands that tell users of something: announcements and invitations."""

from dataclasses import dataclass

from tigrest import CommandContext, DataForm, InvalidValue, ServerFailed, UserExists, command

from ._admin import account_of, expect_host, expect_none
from ._needs import admin_command, node

CREATE_ACCOUNT = "urn:xmpp:invite#create-account"
"""Node of the command that makes an invitation. XEP-0401 §4"""

TEXT_FIELDS = ("announcement", "body")
"""Names of the field for the text: of XEP-0133 §4.23, and ejabberd's."""

INVITES = "on Prosody invites_adhoc has it; ejabberd's mod_invites keeps it to users of the domain"


@dataclass(frozen=True)
class Invitation:
    """An invitation.

    Args:
        user: local part of the account; ``None`` when whoever is invited chooses it.
        uri: address for XMPP clients.
        url: of a page for browsers; ``None`` when there is none.
        expires: until when it is valid; ``None`` when the server does not tell.
    """

    user: str | None
    uri: str
    url: str | None
    expires: str | None


@command(
    tags=("announce",),
    errors=(InvalidValue,),
    needs=(admin_command("announce"),),
    example=({"subject": "Maintenance", "text": "We are back at noon.", "host": "example.org"}, "Announcement sent to 12 online users"),
)
async def announce(ctx: CommandContext, subject: str, text: str, host: str) -> str:
    """Send a message to all users who are online.

    Args:
        subject: of the message; may be empty.
        text: of the message.
        host: the served domain.

    Returns:
        What the server says, or that it was sent.
    """
    expect_host(ctx, host)
    if not text.strip():
        raise InvalidValue("text is empty")
    commands = ctx.gateway.admin_commands
    reply = await commands.run("announce")
    form = reply.form or DataForm("form")
    place = next((name for name in TEXT_FIELDS if form.field(name) is not None), "")
    if not reply.is_executing or not place:
        raise ServerFailed(f"{host} has no field for the text in its form of announcements")
    has_subject = form.field("subject") is not None
    lines = text.splitlines() if has_subject or not subject else [subject, "", *text.splitlines()]
    done = await commands.run("announce", {"subject": subject, place: lines}, sessionid=reply.sessionid)
    return next((note.text for note in done.notes if note.text), f"Announcement sent to the online users of {host}")


@command(
    tags=("accounts",),
    errors=(UserExists, InvalidValue),
    needs=(node(CREATE_ACCOUNT, INVITES),),
    example=(
        {"user": "", "host": "example.org"},
        {
            "user": None,
            "uri": "xmpp:example.org?register;preauth=Xy7",
            "url": "https://example.org/invite?Xy7",
            "expires": "2026-12-03T16:23:58Z",
        },
    ),
)
async def invite(ctx: CommandContext, user: str, host: str) -> Invitation:
    """Invite somebody to make an account.

    Args:
        user: local part that the account shall have; empty to leave the choice to whoever is invited, as Prosody always does.
        host: the served domain.

    Returns:
        The invitation, with the name that is kept for it.
    """
    expect_host(ctx, host)
    service = ctx.gateway
    account = account_of(ctx, user, host) if user else None
    if account is not None:
        await expect_none(service, account)
    fields = {"username": account.local if account is not None else ""}
    reply = await service.adhoc.execute(service.domain, CREATE_ACCOUNT, fields, ignore_unknown=True)
    complaint = next((note.text for note in reply.notes if note.type == "error"), "")
    form = reply.form
    if complaint or reply.is_executing or form is None or not form.value("uri"):
        raise ServerFailed(f"{host} made no invitation: {complaint or 'it does not tell an address'}")
    is_kept = account is not None and "username" not in reply.unused
    return Invitation(
        user=account.local if account is not None and is_kept else None,
        uri=form.value("uri"),
        url=form.value("landing-url") or form.value("landing_url") or None,
        expires=form.value("expire") or None,
    )
