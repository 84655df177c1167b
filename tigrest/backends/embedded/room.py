"""A chat room of the embedded domain: who is in it, who belongs to it, and its options. XEP-0045"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tigrest.errors import StanzaError
from tigrest.xmpp.forms import FORM_TYPE, DataForm, Field
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import MUC
from tigrest.xmpp.occupant import Occupant

CONFIG = f"{MUC}#roomconfig"

TITLE, PERSISTENT, LISTED, MEMBERS_ONLY, PROTECTED, SECRET = (
    f"muc#roomconfig_{name}" for name in ("roomname", "persistentroom", "publicroom", "membersonly", "passwordprotectedroom", "roomsecret")
)

ROOM_FIELDS = (
    Field(FORM_TYPE, (CONFIG,), "hidden"),
    Field(TITLE, ("",), "text-single", "Title"),
    Field(PERSISTENT, ("0",), "boolean", "Stays while nobody is in it"),
    Field(LISTED, ("1",), "boolean", "Is listed"),
    Field(MEMBERS_ONLY, ("0",), "boolean", "Is for members only"),
    Field(PROTECTED, ("0",), "boolean", "Has a password"),
    Field(SECRET, ("",), "text-private", "Password"),
)
"""Options with their defaults. XEP-0045 §15.5.3"""

ROOM_FEATURES = (
    (PERSISTENT, "muc_persistent", "muc_temporary"),
    (LISTED, "muc_public", "muc_hidden"),
    (MEMBERS_ONLY, "muc_membersonly", "muc_open"),
    (PROTECTED, "muc_passwordprotected", "muc_unsecured"),
)
"""Options with the features of rooms that have them, and that have them not. XEP-0045 §15.3"""

AFFILIATIONS = ("owner", "admin", "member", "outcast")
"""Affiliations that are stored. XEP-0045 §5.2"""

MAX_AFFILIATIONS = 1000
"""Most people with an affiliation to one room."""


@dataclass
class Room:
    """A room.

    Args:
        nicks: who is in it, and under which nickname.
        affiliations: of bare addresses.
        options: values of :data:`ROOM_FIELDS`.
        subject: its subject.
    """

    nicks: dict[JID, str] = field(default_factory=dict)
    affiliations: dict[JID, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=lambda: {option.var: option.value for option in ROOM_FIELDS})
    subject: str = ""

    def is_on(self, option: str) -> bool:
        """Return whether an option is on."""
        return self.options[option] in ("1", "true")

    @property
    def is_persistent(self) -> bool:
        """Return whether it stays while nobody is in it."""
        return self.is_on(PERSISTENT)

    @property
    def is_public(self) -> bool:
        """Return whether it is listed."""
        return self.is_on(LISTED)

    @property
    def features(self) -> list[str]:
        """Return what tells of the options in the answer to disco#info."""
        return [yes if self.is_on(option) else no for option, yes, no in ROOM_FEATURES]

    def occupant(self, jid: JID) -> Occupant:
        """Return somebody who is in the room, as others see him."""
        affiliation = self.affiliations.get(jid.bare, "none")
        return Occupant(self.nicks[jid], jid, affiliation, "moderator" if affiliation in ("owner", "admin") else "participant")

    def by_nick(self, nick: str) -> JID | None:
        """Return who has a nickname; ``None`` where nobody has."""
        return next((jid for jid, other in self.nicks.items() if other == nick), None)

    def expect_entry(self, jid: JID, nick: str, password: str) -> None:
        """Refuse who may not enter.

        Raises:
            StanzaError: he is banned, no member, has not the password, or somebody else has the nickname. XEP-0045 §7.2
        """
        affiliation = self.affiliations.get(jid.bare, "none")
        if affiliation == "outcast":
            raise StanzaError("forbidden", "auth", f"{jid.bare} is banned")
        if self.is_on(MEMBERS_ONLY) and affiliation == "none":
            raise StanzaError("registration-required", "auth", "this room is for members only")
        if self.is_on(PROTECTED) and affiliation != "owner" and password != self.options[SECRET]:
            raise StanzaError("not-authorized", "auth", "this room wants its password")
        if self.by_nick(nick) not in (None, jid):
            raise StanzaError("conflict", text="somebody else has that nickname")

    def affiliate(self, jid: JID, affiliation: str) -> None:
        """Give somebody an affiliation, or take it away.

        Raises:
            StanzaError: there is no such affiliation, or there are too many people with one, or no owner would be left.
        """
        if affiliation not in (*AFFILIATIONS, "none"):
            raise StanzaError("bad-request", "modify", f"there is no affiliation {affiliation[:40]!r}")
        if jid.bare not in self.affiliations and len(self.affiliations) >= MAX_AFFILIATIONS:
            raise StanzaError("resource-constraint", "wait", "too many people belong to this room")
        others = [each for each, has in self.affiliations.items() if has == "owner" and each != jid.bare]
        if self.affiliations.get(jid.bare) == "owner" and affiliation != "owner" and not others:
            raise StanzaError("conflict", text="the room would have no owner")  # XEP-0045 §10.5.1
        self.affiliations.pop(jid.bare, None)
        if affiliation != "none":
            self.affiliations[jid.bare] = affiliation

    def form(self) -> DataForm:
        """Return the form of the options. XEP-0045 §10.2"""
        return DataForm("form", tuple(replace(each, values=(self.options.get(each.var, each.value),)) for each in ROOM_FIELDS))

    def configure(self, form: DataForm) -> None:
        """Take over options out of a form; those that it has not stay."""
        for each in ROOM_FIELDS[1:]:
            if (given := form.field(each.var)) is not None:
                self.options[each.var] = given.value
