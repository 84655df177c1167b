"""Commands that send messages and other stanzas, from the caller."""

from typing import Literal

from tigrest import JID, CommandContext, Conflict, InvalidStanza, NotFound, NotPermitted, Stanza, command

TIMEOUT = 20.0
"""Seconds that an iq waits for its reply."""


@command(
    tags=("stanza",),
    role="user",
    errors=(NotPermitted, NotFound, Conflict),
    renamed={"caller": "from"},
    route="POST /messages",
    example={"type": "headline", "from": "http.example.org", "to": "bob@example.org", "subject": "Restart", "body": "In 5 minutes"},
)
async def send_message(
    ctx: CommandContext,
    *,
    type: Literal["chat", "normal", "headline", "groupchat"] = "chat",
    from_: JID | None = None,
    to: JID,
    subject: str = "",
    body: str,
) -> None:
    """Send a message to a local or remote bare or full JID.

    An error that comes back before the server has processed it, e.g. for an unknown user of the server, is the error of the command.
    A message of type groupchat without sender is said in the room `to`, by an occupant of the gateway under the caller's name; the error of
    the room is that of the command.

    Args:
        type: of the message.
        from_: sender: an address of the caller's, or of the gateway for its admins; without it that is chosen.
        to: recipient.
        subject: may be empty.
        body: text; may be empty where there is a subject.
    """
    if not body and not subject:
        raise InvalidStanza("a message has a body or a subject")
    texts = {"body": body, "subject": subject}
    message = {"kind": "message", "type": type, "to": to, **{name: text for name, text in texts.items() if text}}
    if type == "groupchat" and from_ is None:
        await ctx.service.rooms.send(to, message)
    else:
        await ctx.service.send_confirmed(message if from_ is None else {**message, "from": from_})


@command(
    tags=("stanza",),
    role="user",
    errors=(NotPermitted, NotFound),
    route="POST /stanzas",
    example={"from": "http.example.org", "to": "bob@example.org", "stanza": "<message><ext attr='value'/></message>"},
)
async def send_stanza(ctx: CommandContext, *, from_: JID | None = None, to: JID | None = None, stanza: str) -> None:
    """Send a stanza; provide From JID and valid To JID.

    An iq of type get or set waits for its reply: an error is the error of the command. So is one that comes back for anything else before
    the server has processed it.

    Args:
        from_: sender, as for `send_message`; without it that of the stanza, or the caller.
        to: recipient; without it that of the stanza.
        stanza: one message, presence or iq in XML.
    """
    given = Stanza.parse(stanza)
    addresses = {"sender": from_, "to": to}
    addressed = given.with_(**{name: jid for name, jid in addresses.items() if jid is not None})
    if addressed.awaits_reply:
        (await ctx.service.request(addressed, TIMEOUT)).raise_error()
    else:
        await ctx.service.send_confirmed(addressed)
