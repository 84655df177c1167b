"""Chat rooms as scripts and callers use them: enter, speak, look who is there, leave."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from tigrest.concurrency.caller import while_there
from tigrest.concurrency.threads import callable_from_threads
from tigrest.errors import InvalidStanza, InvalidValue, NotConnected, NotFound
from tigrest.formats.stanza_json.reading import from_json
from tigrest.service.rooms.place import Place
from tigrest.service.rooms.places import GATEWAY_OWNER, Places
from tigrest.service.rooms.refusals import NotJoined
from tigrest.service.shares import Shares
from tigrest.service.stanzas import StanzaLike, stanza_of
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import STANZA_IDS
from tigrest.xmpp.occupant import Occupant
from tigrest.xmpp.stanza import Stanza
from tigrest.xmpp.xml import check_carriable, escape_attribute

T = TypeVar("T")

_SID = STANZA_IDS.encode()

_STANZA_ID = re.compile(
    rb"<stanza-id(?=[^>]*? xmlns=['\"]"
    + re.escape(_SID)
    + rb"['\"])(?=[^>]*? id=['\"](?P<id>[\w.:-]+)['\"])(?=[^>]*? by=['\"](?P<by>[\w.@-]+)['\"])"
)
"""A room's id of a message as servers write it, found without building a tree; what is written otherwise is found there."""


@dataclass(frozen=True)
class RoomMessage:
    """A message that a room has sent to all who are in it.

    Args:
        id: of the stanza, as it was sent.
        stanza_id: the room's own id of it, by which its archive knows it; ``None`` where the room gives none. XEP-0359
    """

    id: str
    stanza_id: str | None = None


@dataclass(frozen=True)
class Speaker:
    """Somebody who speaks in rooms.

    Args:
        address: bare address of ours that he speaks from.
        nick: his nickname where he names none.
        owner: whose places they are.
        admit: refuses a stanza that he may not send.
        share: counts what he waits for; ``None`` where it is not limited.
    """

    address: JID
    nick: str
    owner: str
    admit: Callable[[Stanza], None]
    share: Shares | None = None


@callable_from_threads
class Rooms:
    """Chat rooms (XEP-0045): ``service.rooms`` for scripts, ``service.for_(principal).rooms`` for callers.

    The gateway is in a room under an address of its own, so that it hears what becomes of each message. It enters by itself when
    something is sent there, stays for a while, and enters again when the room or the link was lost.

    Args:
        places: of all who speak.
        speaker: who speaks.
        new_id: makes ids of stanzas.
    """

    def __init__(self, places: Places, speaker: Speaker, new_id: Callable[[], str]) -> None:
        self.loop = asyncio.get_running_loop()
        self._places, self._speaker, self._new_id = places, speaker, new_id

    async def join(self, room: JID | str, nick: str | None = None, *, password: str | None = None) -> str:
        """Enter a room, and return the nickname that we have there; nothing happens where we are in it under this nickname.

        Args:
            room: bare address.
            nick: nickname; by default the one we have there already, that of the configuration, or the caller's own name. Where somebody
                else has such a default, it is a similar one: ``tigrest_2``.
            password: of the room.

        Raises:
            InvalidValue, InvalidJID: it is no address of a room, or nobody can have that nickname or password.
            NotPermitted: the room wants a password, is for members only, or has banned us.
            NotFound: there is no room.
            Conflict: the nickname is taken, or the caller is in too many rooms.
            Unavailable: the room is full, or there is no server.
            StanzaTimeout: it did not answer in time.
        """
        jid = _room(room)
        check_carriable(password or "", "password")
        wanted = self._nick(jid, nick)
        self._speaker.admit(self._addressed(Stanza("presence", {}, "", b"/>"), jid, wanted, jid.with_resource(wanted)))
        place = self._place(jid, wanted)
        if password is not None and place.state == "out":
            place.password = password
        await self._waiting(partial(self._places.enter, place, exact=nick is not None))
        return place.nick

    async def leave(self, room: JID | str, nick: str | None = None) -> None:
        """Leave a room.

        Args:
            room: bare address.
            nick: nickname; by default all that the caller has there.

        Raises:
            NotFound: he is not in it.
        """
        jid = _room(room)
        places = [place for place in self._own(jid) if nick is None or nick in (place.nick, place.wanted_nick)]
        if not places:
            raise _not_in(jid)
        for place in places:
            await self._places.leave(place)

    async def send(
        self, room: JID | str, message: StanzaLike, *, nick: str | None = None, password: str | None = None, exact: bool = True
    ) -> RoomMessage:
        """Say something in a room; return when the room has sent it to all who are in it. Messages are sent in the order of the calls.

        Args:
            room: bare address.
            message: text; or a message with whatever it carries, as bytes, a dict, an element or a stanza.
            nick: see :meth:`join`.
            password: of the room.
            exact: ``False`` takes a similar nickname where somebody else has the one given, too.

        Raises:
            InvalidStanza, MalformedContent: it is no message.
            NotPermitted: also where we have no voice in the room, or are thrown out meanwhile.
            Conflict: also where a message with the same id is under way.
            Exception: as :meth:`join`.
        """
        jid = _room(room)
        check_carriable(password or "", "password")
        wanted = self._nick(jid, nick)
        stanza = self._addressed(_groupchat(jid, message), jid, wanted, jid)
        self._speaker.admit(stanza)
        exact = exact and nick is not None
        echo = await self._waiting(partial(self._said, jid, wanted, _with_origin_id(stanza), Place.say, password, exact))
        return RoomMessage(stanza.id, _stanza_id(echo, jid))

    async def prepare(self, room: JID | str, *, nick: str | None = None, password: str | None = None) -> None:
        """Enter a room as :meth:`send` does, before something is made ready that is to be said there, such as a file that is uploaded.

        Args:
            room, nick, password: as for :meth:`send`.

        Raises:
            Exception: as :meth:`join`.
        """
        jid = _room(room)
        check_carriable(password or "", "password")
        wanted = self._nick(jid, nick)
        self._speaker.admit(self._addressed(Stanza("presence", {}, "", b"/>"), jid, wanted, jid.with_resource(wanted)))
        await self._waiting(partial(self._entered_place, jid, wanted, password, exact=nick is not None))

    async def whisper(self, room: JID | str, nick: str, message: StanzaLike, *, sender: str | None = None) -> str:
        """Send a private message to somebody in a room, and return its id.

        Args:
            room: bare address.
            nick: nickname of the recipient.
            message: as for :meth:`send`.
            sender: our own nickname; see ``nick`` of :meth:`join`.

        Raises:
            NotFound: nobody there has that nickname.
            Exception: as :meth:`send`.

        XEP-0045 §7.5
        """
        jid = _room(room)
        wanted, to = self._nick(jid, sender), jid.with_resource(nick)
        stanza = self._addressed(_message(to, message).with_(type="chat"), jid, wanted, to)
        self._speaker.admit(stanza)
        await self._waiting(partial(self._said, jid, wanted, stanza, Place.whisper, None, sender is not None))
        return stanza.id

    async def set_subject(self, room: JID | str, text: str, *, nick: str | None = None) -> RoomMessage:
        """Change the subject of a room. Args, raised errors: as :meth:`send`. XEP-0045 §8.1"""
        return await self.send(room, {"subject": text}, nick=nick)

    def occupants(self, room: JID | str) -> list[Occupant]:
        """Return who is in a room, sorted by nickname.

        Raises:
            NotFound: the caller is not in it.
        """
        return self._entered(room).people.all()

    def subject(self, room: JID | str) -> str:
        """Return the subject of a room; empty where it has none.

        Raises:
            NotFound: the caller is not in it.
        """
        return self._entered(room).subject

    def nick(self, room: JID | str) -> str:
        """Return the nickname that the caller has in a room.

        Raises:
            NotFound: he is not in it.
        """
        return self._entered(room).nick

    def wanted_nick(self, room: JID | str) -> str:
        """Return the nickname with which the caller wanted to enter a room: another than :meth:`nick` where somebody else had it.

        Raises:
            NotFound: he is not in it.
        """
        return self._entered(room).wanted_nick

    def is_in(self, room: JID | str) -> bool:
        """Return whether the caller is in a room."""
        return any(place.state == "in" for place in self._own(_room(room)))

    def _entered(self, room: JID | str) -> Place:
        jid = _room(room)
        place = next((place for place in self._own(jid) if place.state == "in"), None)
        if place is None:
            raise _not_in(jid)
        return place

    def _own(self, room: JID) -> list[Place]:
        """Return the places of the speaker in a room, the last used first."""
        return self._places.of(self._speaker.owner, room, self._speaker.address)

    def _nick(self, room: JID, nick: str | None) -> str:
        """Return the nickname that is wanted in a room, as it is in addresses."""
        if nick is not None:
            return room.with_resource(nick).resource
        if places := self._own(room):
            return places[0].wanted_nick
        known = self._places.settings.get(room) if self._speaker.owner == GATEWAY_OWNER else None
        return room.with_resource(known.nick if known is not None else self._speaker.nick).resource

    def _addressed(self, stanza: Stanza, room: JID, nick: str, to: JID) -> Stanza:
        return stanza.addressed(self._places.occupant(self._speaker.address, nick), to, stanza.id or self._new_id())

    def _place(self, room: JID, nick: str) -> Place:
        place = self._places.place(room, self._speaker.address, nick, self._speaker.owner)
        known = self._places.settings.get(room)
        if known is not None and not place.password and self._speaker.address == self._places.own_address:
            place.password = known.password
        return place

    async def _said(
        self,
        room: JID,
        nick: str,
        stanza: Stanza,
        say: Callable[[Place, Stanza], Awaitable[T]],
        password: str | None,
        exact: bool,
    ) -> T:
        """Have something said in a room; where the room does not know us any more, once more after entering it again."""
        for _ in range(2):
            place = await self._entered_place(room, nick, password, exact=exact)
            try:
                return await say(place, stanza)
            except NotJoined as error:
                if place.state == "in":
                    place.end(error)
        raise NotConnected(f"{room} does not know us, although it has let us in", 5.0)

    async def _entered_place(self, room: JID, nick: str, password: str | None, *, exact: bool) -> Place:
        """Return our place in a room, which is entered unless we are in it."""
        place = self._place(room, nick)
        if place.state != "in" or (exact and place.is_similar):
            if password is not None and place.state == "out":
                place.password = password
            await self._places.enter(place, exact=exact, is_asked_for=False)
        return place

    async def _waiting(self, work: Callable[[], Awaitable[T]]) -> T:
        """Start an operation and await it, counted against the caller's limit; cancel it when he disconnects.

        Raises:
            TooManyWaiting: he waits for too many already; nothing is started.
            CallerGone: he has disconnected.
        """
        share, owner = self._speaker.share, self._speaker.owner
        if share is None:
            return await work()
        share.take(owner)
        try:
            return await while_there(work())
        finally:
            share.give_back(owner)


def _room(given: JID | str) -> JID:
    """Return the address of a room.

    Raises:
        InvalidJID: it is no address.
        InvalidValue: it is none of a room.
    """
    jid = JID(given)
    if jid.resource or not jid.local:
        raise InvalidValue(f"{str(jid)[:80]!r} is not the address of a room, such as hall@rooms.example.org: name and service, no slash")
    return jid


def _not_in(room: JID) -> NotFound:
    return NotFound(f"you are not in {room}: enter it, or send something there")


def _message(to: JID, given: StanzaLike) -> Stanza:
    """Make a message of a text, or of what stands for a stanza.

    Raises:
        InvalidStanza: it is no message.
    """
    if isinstance(given, str) and not isinstance(given, JID):
        return from_json({"body": given}, kind="message", to=to)
    stanza = from_json(given, kind="message", to=to) if isinstance(given, dict) else stanza_of(given)
    if stanza.kind != "message":
        raise InvalidStanza(f"a {stanza.kind} is nothing to say in a room: send a message")
    return stanza


def _groupchat(room: JID, given: StanzaLike) -> Stanza:
    stanza = _message(room, given)
    if stanza.is_empty:
        raise InvalidStanza("there is nothing to say: give the message a body, or something else")
    return stanza if stanza.type == "groupchat" else stanza.with_(type="groupchat")


def _with_origin_id(stanza: Stanza) -> Stanza:
    """Add the id inside the message, where services find it that write an id of their own. XEP-0359 §3.2"""
    if stanza.mentions(_SID):
        return stanza
    return stanza.extended_by(f'<origin-id xmlns="{STANZA_IDS}" id="{escape_attribute(stanza.id)}"/>')


def _stanza_id(echo: Stanza, room: JID) -> str | None:
    """Return the id that the room itself has given to a message. XEP-0359 §3.1"""
    if not echo.mentions(_SID) or not echo.mentions(b"stanza-id"):
        return None
    if (quick := _STANZA_ID.search(bytes(echo))) is not None and quick["by"].decode() == room:
        return quick["id"].decode()
    given = (each for each in echo.xml.iterfind(f"{{{STANZA_IDS}}}stanza-id") if each.get("by") == room)
    return next((each.get("id") for each in given), None)
