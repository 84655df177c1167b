"""Ad-hoc commands as values. XEP-0050"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from tigrest.xmpp.forms import DataForm, Field
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import COMMANDS, OUT_OF_BAND, ROSTER, SERVICE_ADMINISTRATION
from tigrest.xmpp.roster import RosterItem, roster_of
from tigrest.xmpp.stanza import Stanza
from tigrest.xmpp.xml import split_name

ADMIN_NODES = f"{SERVICE_ADMINISTRATION}#"
"""Prefix of the nodes of commands for administrators. XEP-0133 §4"""

ACTIONS = ("execute", "next", "prev", "complete", "cancel")
"""Actions of a requester. XEP-0050 §4.1"""

STATES = ("executing", "completed", "canceled")
"""Values of the attribute ``status`` of a command. XEP-0050 §4.1"""

NOTE_TYPES = ("info", "warn", "error")
"""Types of notes, by growing severity. XEP-0050 §4.3"""

STAGE_ACTIONS = ("prev", "next", "complete")
"""Actions that a stage may offer. XEP-0050 §4.2"""

ITEM = "item-list"
"""Field of Tigase's forms that names the item to work on. Tigase HTTP API guide"""

MARKER = Field("command-marker", ("command-marker",), "hidden")
"""Field of Tigase's forms that distinguishes a submitted form from a request for one. Tigase HTTP API guide"""


@dataclass(frozen=True)
class Note:
    """A note of the responder.

    Args:
        text: text for people.
        type: one of :data:`NOTE_TYPES`.
    """

    text: str
    type: str = "info"


@dataclass(frozen=True)
class ResultUrl:
    """A result that is elsewhere. XEP-0066 §3

    Args:
        url: where it is.
        desc: text for people; empty for none.
    """

    url: str
    desc: str = ""


@dataclass(frozen=True)
class CommandReply:
    """The response to a command.

    Args:
        jid: the responder.
        node: node of the command.
        status: one of :data:`STATES`; empty when the responder does not say.
        sessionid: id of the session, for the next stage; empty when there is none.
        actions: actions allowed next, the default first.
        form: the form to fill in, or the result: of several forms the last one that asks for something, else the first one.
        forms: all forms, in order.
        notes: notes of the responder.
        urls: results that are elsewhere.
        roster: contacts, when a form carries a roster (``get-user-roster``).
        is_single_stage: whether an executing command says nothing of actions, so that this is its only stage.
        unused: names of given values that no stage asked for.
    """

    jid: JID
    node: str
    status: str = ""
    sessionid: str = ""
    actions: tuple[str, ...] = ()
    form: DataForm | None = None
    forms: tuple[DataForm, ...] = ()
    notes: tuple[Note, ...] = ()
    urls: tuple[ResultUrl, ...] = ()
    roster: tuple[RosterItem, ...] = ()
    is_single_stage: bool = True
    unused: tuple[str, ...] = ()

    @classmethod
    def of(cls, jid: JID, node: str, element: ET.Element) -> CommandReply:
        """Parse a ``command`` element.

        Args:
            jid: the responder.
            node: node of the command.
            element: the payload of its reply.
        """
        name = f"{{{COMMANDS}}}"
        actions = element.find(f"{name}actions")
        forms = DataForm.find_all(element)
        return cls(
            jid=jid,
            node=node,
            status=element.get("status", ""),
            sessionid=element.get("sessionid", ""),
            actions=_actions(actions),
            form=next((form for form in reversed(forms) if form.asks), forms[0] if forms else None),
            forms=forms,
            notes=tuple(Note((n.text or "").strip(), n.get("type", "info")) for n in element.findall(f"{name}note")),
            urls=tuple(_urls(element)),
            roster=roster_of(next(element.iter(f"{{{ROSTER}}}query"), None)),
            is_single_stage=actions is None,
        )

    @classmethod
    def parse(cls, jid: JID, node: str, stanza: bytes) -> CommandReply:
        """Parse a stanza that was kept, with a ``command`` element.

        Args:
            jid: the responder.
            node: node of the command.
            stanza: the reply.
        """
        payload = Stanza.received(stanza).payload
        return cls(jid, node) if payload is None else cls.of(jid, node, payload)

    @property
    def is_executing(self) -> bool:
        """Return whether the responder waits for the next request. Tigase has forms without status and session."""
        is_form = self.form is not None and self.form.type == "form"
        return self.status == "executing" or (not self.status and not self.sessionid and is_form)

    @property
    def default_action(self) -> str:
        """Return the action that takes the command on.

        Without ``actions`` that is ``complete``; with them the one that they name, else ``next``. XEP-0050 §3.4
        """
        if self.is_single_stage:
            return "complete"
        return next((action for action in self.actions if action != "prev"), "execute")

    @property
    def severity(self) -> str:
        """Return the type of the worst note; ``info`` when there is none. XEP-0050 §4.3"""
        return max((note.type for note in self.notes if note.type in NOTE_TYPES), key=NOTE_TYPES.index, default="info")


def _actions(element: ET.Element | None) -> tuple[str, ...]:
    """Parse the actions of a stage, the default first: the one that is named, else ``next``. XEP-0050 §3.4, §4.2"""
    if element is None:
        return ()
    offered = dict.fromkeys(name for name in (split_name(child.tag)[1] for child in element) if name in STAGE_ACTIONS)
    default = element.get("execute", "")
    if default in STAGE_ACTIONS:
        offered.setdefault(default)
    order = {"next": 1, "complete": 2, default: 0}
    return tuple(sorted(offered, key=lambda action: order.get(action, 3)))


def _urls(element: ET.Element) -> Iterator[ResultUrl]:
    """Parse the addresses of results: ``<x xmlns="jabber:x:oob"><url/><desc/></x>``. XEP-0050 §2.4, XEP-0066 §3"""
    name = f"{{{OUT_OF_BAND}}}"
    for x in element.findall(f"{name}x"):
        yield ResultUrl(x.findtext(f"{name}url", "").strip(), x.findtext(f"{name}desc", "").strip())
