"""The asking side of ad-hoc commands (XEP-0050)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from xml.etree import ElementTree as ET

from tigrest.dataform import DataForm, submit
from tigrest.errors import InvalidValue, StanzaError
from tigrest.jid import JID
from tigrest.safexml import split_name
from tigrest.stanza import Stanza, make
from tigrest.threads import callable_from_threads

NAMESPACE = "http://jabber.org/protocol/commands"
DISCO_ITEMS = "http://jabber.org/protocol/disco#items"
ADMIN = "http://jabber.org/protocol/admin#"
"""Beginning of the nodes of the commands for administrators. XEP-0133"""

ACTIONS = ("execute", "next", "prev", "complete", "cancel")

REFUSES_EARLY_FORM = ("feature-not-implemented", "service-unavailable")
"""What servers say that want no form before they have asked for one (ejabberd, for commands that ask nothing)."""

FieldValues = Mapping[str, str | Sequence[str]]


class Requests(Protocol):
    """What asking needs: an event loop and a way to send an iq and get its reply."""

    loop: asyncio.AbstractEventLoop

    async def request(self, iq: Stanza, timeout: float = ...) -> Stanza:
        """Send an iq and wait for its reply."""


@dataclass(frozen=True)
class CommandItem:
    """One command on offer."""

    jid: str
    node: str
    name: str | None


@dataclass(frozen=True)
class Note:
    """A remark of the responder; ``type`` is ``info``, ``warn`` or ``error``."""

    text: str
    type: str = "info"


@dataclass(frozen=True)
class RosterItem:
    """A contact in a reply that carries a roster."""

    jid: str
    subscription: str
    name: str
    groups: tuple[str, ...]


@dataclass(frozen=True)
class CommandReply:
    """What came back from a command.

    Args:
        jid, node: who was asked for what.
        status: ``executing``, ``completed`` or ``canceled``; empty when the responder does not say.
        sessionid: to go on with, when ``status`` is ``executing``; empty when there is none.
        actions: what may be done next, the default first.
        form: the form to fill in, or the result.
        notes: remarks.
        roster: contacts, when the form carries a roster (``get-user-roster``).
    """

    jid: JID
    node: str
    status: str = ""
    sessionid: str = ""
    actions: tuple[str, ...] = ()
    form: DataForm | None = None
    notes: tuple[Note, ...] = ()
    roster: tuple[RosterItem, ...] = ()

    @classmethod
    def of(cls, jid: JID, node: str, element: ET.Element) -> CommandReply:
        """Read a ``command`` element."""
        name = f"{{{NAMESPACE}}}"
        actions = element.find(f"{name}actions")
        offered = [split_name(child.tag)[1] for child in actions] if actions is not None else []
        default = actions.get("execute", "") if actions is not None else ""
        notes = tuple(Note((n.text or "").strip(), n.get("type", "info")) for n in element.findall(f"{name}note"))
        return cls(
            jid=jid,
            node=node,
            status=element.get("status", ""),
            sessionid=element.get("sessionid", ""),
            actions=tuple(sorted(offered, key=lambda action: action != default)),
            form=DataForm.find(element),
            notes=notes,
            roster=_roster(element),
        )

    @property
    def awaits_form(self) -> bool:
        """Whether a session is open and the responder wants the form that came with it filled in."""
        return self.status == "executing" and bool(self.sessionid) and self.form is not None and self.form.type == "form"


@callable_from_threads
class AdHoc:
    """Lists and executes ad-hoc commands.

    Args:
        requests: sends the iqs, from whom it is right.
    """

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self.loop = requests.loop

    async def list(self, to: JID | str, timeout: float = 30.0) -> list[CommandItem]:
        """List the commands that an entity offers.

        Args:
            to: whom to ask.
            timeout: seconds to wait.

        Raises:
            NotPermitted: the caller that this is for may not run them.
            StanzaError, StanzaTimeout, NotConnected: as :meth:`tigrest.service.Service.request`.

        XEP-0050 §2.2
        """
        query = ET.Element(f"{{{DISCO_ITEMS}}}query", {"node": NAMESPACE})
        reply = await self._ask("get", JID(to), query, timeout)
        items = reply.findall(f"{{{DISCO_ITEMS}}}item") if reply is not None else []
        return [CommandItem(item.get("jid", str(to)), item.get("node", ""), item.get("name")) for item in items]

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
        """Execute a command, or go on with one.

        Complete fields need one call only: when the responder opens a session and answers its form first (Prosody,
        ejabberd), that form is filled in and submitted within the call. Without fields the form itself comes back.

        Args:
            to: whom to ask.
            node: which command.
            fields: values by name.
            sessionid: session to go on with, from an earlier reply.
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
        command = ET.Element(f"{{{NAMESPACE}}}command", {k: v for k, v in attributes.items() if v})
        if form is not None:
            command.append(form.to_element())
        reply = await self._ask("set", to, command, timeout)
        return CommandReply(to, node) if reply is None else CommandReply.of(to, node, reply)

    async def _ask(self, type: str, to: JID, payload: ET.Element, timeout: float) -> ET.Element | None:
        iq = make("iq", type, to, payload, id="adhoc")
        return (await self._requests.request(iq, timeout)).raise_error().payload


def _finish(reply: CommandReply) -> str:
    """The action that submits the first form: what the responder offers, completing if it may."""
    return "complete" if not reply.actions or "complete" in reply.actions else "next"


def _roster(element: ET.Element) -> tuple[RosterItem, ...]:
    ns = "{jabber:iq:roster}"
    query = next(element.iter(f"{ns}query"), None)
    if query is None:
        return ()
    return tuple(
        RosterItem(
            item.get("jid", ""),
            item.get("subscription", ""),
            item.get("name", ""),
            tuple(group.text or "" for group in item.findall(f"{ns}group")),
        )
        for item in query.findall(f"{ns}item")
    )
