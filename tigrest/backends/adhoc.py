"""The asking side of ad-hoc commands (XEP-0050)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol
from xml.etree import ElementTree as ET

from tigrest.concurrency.threads import callable_from_threads
from tigrest.errors import InvalidValue, StanzaError
from tigrest.xmpp.commands import ACTIONS, CommandReply
from tigrest.xmpp.disco import DiscoItem, items_of, items_query
from tigrest.xmpp.forms import DataForm, submit
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import COMMANDS
from tigrest.xmpp.stanza import Stanza, make_stanza

REFUSES_EARLY_FORM = ("feature-not-implemented", "service-unavailable")
"""Conditions by which servers refuse a form in the first request (ejabberd does for commands without a form)."""

FieldValues = Mapping[str, str | Sequence[str]]


class Requests(Protocol):
    """Sends iqs and returns their replies, on an event loop."""

    loop: asyncio.AbstractEventLoop

    async def request(self, iq: Stanza, timeout: float = ...) -> Stanza:
        """Send an iq and wait for its reply."""


@callable_from_threads
class AdHoc:
    """Lists and executes ad-hoc commands.

    Args:
        requests: sends the iqs, from the address that the commands are executed by.
    """

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self.loop = requests.loop

    async def list(self, to: JID | str, timeout: float = 30.0) -> list[DiscoItem]:
        """List the commands that an entity offers.

        Args:
            to: address of the entity.
            timeout: seconds to wait.

        Raises:
            NotPermitted: the caller that this is for may not run them.
            StanzaError, StanzaTimeout, NotConnected: as :meth:`tigrest.service.Service.request`.

        XEP-0050 §2.2
        """
        return items_of(await self._ask("get", JID(to), items_query(COMMANDS), timeout), str(to))

    async def execute(
        self,
        to: JID | str,
        node: str,
        fields: FieldValues | None = None,
        *,
        sessionid: str = "",
        action: str = "",
        timeout: float = 30.0,
    ) -> CommandReply:
        """Execute a command, or its next stage.

        Complete fields need one call only: when the responder opens a session and answers its form first (Prosody,
        ejabberd), that form is filled in and submitted within the call. Without fields the form itself comes back.

        Args:
            to: address of the entity.
            node: of the command.
            fields: values by name.
            sessionid: of the session to continue, from an earlier reply.
            action: one of :data:`ACTIONS`; empty for the responder's default.
            timeout: seconds to wait for each reply.

        Raises:
            InvalidValue: unknown action, or one that needs a session.
            NotPermitted: the caller that this is for may not run them.
            StanzaError, StanzaTimeout, NotConnected: as :meth:`tigrest.service.Service.request`.

        XEP-0050 §2.4
        """
        if action and action not in ACTIONS:
            raise InvalidValue(f"action is {action!r}; use one of {', '.join(ACTIONS)}")
        if action in ("next", "prev", "cancel") and not sessionid:
            raise InvalidValue(f"action {action!r} needs the sessionid of the command it goes on with")
        jid = JID(to)
        values = [(var, (value,) if isinstance(value, str) else tuple(value)) for var, value in (fields or {}).items()]
        form = submit(values) if fields else None
        try:
            reply = await self._command(jid, node, form, sessionid, action, timeout)
        except StanzaError as error:
            if form is None or sessionid or error.condition not in REFUSES_EARLY_FORM:
                raise
            reply = await self._command(jid, node, None, "", action, timeout)
        if values and not sessionid and reply.awaits_form:
            return await self._command(jid, node, submit(values, reply.form), reply.sessionid, _finish(reply), timeout)
        return reply

    async def _command(self, to: JID, node: str, form: DataForm | None, sessionid: str, action: str, timeout: float) -> CommandReply:
        attributes = {"node": node, "sessionid": sessionid, "action": action}
        command = ET.Element(f"{{{COMMANDS}}}command", {k: v for k, v in attributes.items() if v})
        if form is not None:
            command.append(form.to_element())
        reply = await self._ask("set", to, command, timeout)
        return CommandReply(to, node) if reply is None else CommandReply.of(to, node, reply)

    async def _ask(self, type: str, to: JID, payload: ET.Element, timeout: float) -> ET.Element | None:
        iq = make_stanza("iq", type, to, payload, id="adhoc")
        return (await self._requests.request(iq, timeout)).raise_error().payload


def _finish(reply: CommandReply) -> str:
    """Return the action that submits the first form: ``complete`` where the responder offers it, else ``next``. XEP-0050 §3.4"""
    return "complete" if not reply.actions or "complete" in reply.actions else "next"
