"""Ad-hoc commands as values (XEP-0050)."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree as ET

from tigrest.xmpp.forms import DataForm
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import COMMANDS, ROSTER, SERVICE_ADMINISTRATION
from tigrest.xmpp.roster import RosterItem, roster_of
from tigrest.xmpp.xml import split_name

ADMIN_NODES = f"{SERVICE_ADMINISTRATION}#"
"""Beginning of the nodes of the commands for administrators. XEP-0133"""

ACTIONS = ("execute", "next", "prev", "complete", "cancel")
"""What a requester may ask of a command. XEP-0050 §3.1"""

STATES = ("executing", "completed", "canceled")
"""Values of the attribute ``status`` of a command. XEP-0050 §3.2"""

NOTE_TYPES = ("info", "warn", "error")
"""Types of notes. XEP-0050 §3.3"""


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
        """Whether a session is open and the responder wants the form that came with it filled in."""
        return self.status == "executing" and bool(self.sessionid) and self.form is not None and self.form.type == "form"
