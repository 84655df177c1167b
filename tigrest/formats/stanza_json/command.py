"""Ad-hoc commands in JSON. XEP-0050"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tigrest.formats.stanza_json.form_maps import FormData
from tigrest.formats.stanza_json.forms import DATA_FORM
from tigrest.formats.stanza_json.record import Record, attribute, child, children, own_text
from tigrest.formats.stanza_json.shapes import Flag
from tigrest.formats.stanza_json.values import ChoiceValue
from tigrest.xmpp.commands import ACTIONS, NOTE_TYPES, STATES
from tigrest.xmpp.namespaces import DATA_FORMS

OFFERED_ACTIONS = Record(
    attribute("execute", ChoiceValue("next", "prev", "complete")),
    child("prev", Flag()),
    child("next", Flag()),
    child("complete", Flag()),
)
NOTE = Record(attribute("type", ChoiceValue(*NOTE_TYPES)), own_text("text", always=True), shorthand="text")


class CommandShape(Record):
    """``{"node": "uptime"}`` or ``"uptime"`` is ``<command node="uptime"/>``.

    ``data`` is a form as a map, ignored beside ``form``. The first note is ``note``; several notes are ``notes`` as well.
    """

    def __init__(self) -> None:
        super().__init__(
            attribute("node", required=True),
            attribute("action", ChoiceValue(*ACTIONS)),
            attribute("sessionid"),
            attribute("status", ChoiceValue(*STATES)),
            child("actions", OFFERED_ACTIONS),
            child("note", NOTE),
            children("notes", "note", NOTE),
            child("form", DATA_FORM, name="x", namespace=DATA_FORMS),
            child("data", FormData(), name="x", namespace=DATA_FORMS),
            shorthand="node",
        )

    def normalised(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        hidden = {key for key, by in (("data", "form"), ("note", "notes")) if value.get(by) is not None}
        return {key: item for key, item in value.items() if key not in hidden} if hidden else value

    def simplified(self, found: dict[str, Any]) -> Any:
        if len(found.get("notes", ())) < 2:
            found.pop("notes", None)
        return found
