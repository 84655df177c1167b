"""Ad-hoc commands as values. XEP-0050"""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree as ET

from tigrest.xmpp.forms import DataForm, Field
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import COMMANDS, ROSTER, SERVICE_ADMINISTRATION
from tigrest.xmpp.roster import RosterItem, roster_of
from tigrest.xmpp.xml import split_name

ADMIN_NODES = f"{SERVICE_ADMINISTRATION}#"
"""Prefix of the nodes of commands for administrators. XEP-0133 §4"""

ACTIONS = ("execute", "next", "prev", "complete", "cancel")
"""Actions of a requester. XEP-0050 §4.1"""

STATES = ("executing", "completed", "canceled")
"""Values of the attribute ``status`` of a command. XEP-0050 §4.1"""

NOTE_TYPES = ("info", "warn", "error")
"""Types of notes. XEP-0050 §4.3"""

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
class CommandReply:
    """The response to a command.

    Args:
        jid: the responder.
        node: node of the command.
        status: one of :data:`STATES`; empty when the responder does not say.
        sessionid: id of the session, for the next stage; empty when there is none.
        actions: actions allowed next, the default first.
        form: the form to fill in, or the result.
        notes: notes of the responder.
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
        """Parse a ``command`` element.

        Args:
            jid: the responder.
            node: node of the command.
            element: the payload of its reply.
        """
        name = f"{{{COMMANDS}}}"
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
            roster=roster_of(next(element.iter(f"{{{ROSTER}}}query"), None)),
        )

    @property
    def awaits_form(self) -> bool:
        """Return whether a session is open whose form is to be filled in."""
        return self.status == "executing" and bool(self.sessionid) and self.form is not None and self.form.type == "form"
