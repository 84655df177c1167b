"""A place of ours in a room: one address under one nickname, from entering to leaving."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Any, Literal

from tigrest.concurrency.deadlines import Deadlines
from tigrest.errors import (
    Conflict,
    NotConnected,
    NotPermitted,
    NotSupported,
    StanzaError,
    StanzaTimeout,
    TigrestError,
    TooManyWaiting,
)
from tigrest.service.rooms.entrance import expect_room, give_up_creation, similar_nick
from tigrest.service.rooms.history import RoomHistory
from tigrest.service.rooms.limits import RoomLimits
from tigrest.service.rooms.people import People
from tigrest.service.rooms.refusals import NotJoined, is_kick, refused_entry, refused_message, removal
from tigrest.service.rooms.under_way import Message, UnderWay
from tigrest.service.rooms.wire import Wire
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import CLIENT
from tigrest.xmpp.rooms import CREATED, NO_HISTORY, RENAMED, SELF, RoomPresence, entering, leaving, nickname, read_presence, self_ping
from tigrest.xmpp.stanza import Stanza

log = logging.getLogger(__name__)

PROCESSED = frozenset({"service-unavailable", "feature-not-implemented"})
"""Conditions of the answer to a self-ping by which the room, where we are in, tells that it does not know pings. XEP-0410 §3.3"""

STILL_IN = PROCESSED | {"remote-server-timeout", "remote-server-not-found"}
"""Conditions of the answer to a self-ping that do not mean that we are out. XEP-0410 §3.3"""

_SUBJECT, _BODY = b"<subject", f"{{{CLIENT}}}body"

PlaceState = Literal["out", "entering", "in"]


class Place:
    """One occupant of ours in one room.

    Args:
        room: bare address of the room.
        address: full address of ours, which is the occupant's and nobody else's.
        nick: nickname wanted.
        owner: whose place it is, for limits.
        wire: sends.
        deadlines: expire what is waited for.
        limits: of time and memory.
        people: remembers who is in the room.
        history: remembers what was said there.
        ended: called when the room has removed us, or is lost.
    """

    def __init__(
        self,
        room: JID,
        address: JID,
        nick: str,
        owner: str,
        *,
        wire: Wire,
        deadlines: Deadlines,
        limits: RoomLimits,
        people: People,
        history: RoomHistory,
        ended: Callable[[Place, TigrestError], None],
    ) -> None:
        self.room, self.address, self.nick, self.owner = room, address, nick, owner
        self.account = address.bare
        """Our address without its resource, which several nicknames share."""
        self.wanted_nick = nick
        """The nickname that we entered with; the room may have given us another."""
        self.is_exact = False
        """True where no other nickname will do: its caller has named it himself."""
        self.is_similar = False
        """True where we are in the room under a similar nickname, as somebody else has ours."""
        self.password = ""
        self.stays = False
        """True where the gateway enters again by itself whenever it is out."""
        self.failures = 0
        """Attempts to enter that have failed one after the other."""
        self.state: PlaceState = "out"
        self.people = people
        """Occupants of the room."""
        self.history = history
        """What our occupants have heard in the room."""
        self.wants_history = False
        """True where we have been in the room, and hear what was said since."""
        self.was_kicked = False
        """True where somebody has thrown us out."""
        self.gives_ids = False
        """True where the room gives its occupants ids, and nobody else does. XEP-0421"""
        self.subject = ""
        self.used_at = self.heard_at = asyncio.get_running_loop().time()
        self._wire, self._limits, self._ended = wire, limits, ended
        self._under_way = UnderWay(deadlines, self._unanswered)
        self._entry: asyncio.Future[bool] | None = None
        self._entering: asyncio.Task[None] | None = None
        self._has_subject = self._has_told_nick = False
        self._old_left = 0

    @property
    def expects_history(self) -> bool:
        """Return whether the room may still send old messages: its subject follows them. XEP-0045 §7.2.15"""
        return not self._has_subject

    def admit_old(self) -> bool:
        """Return whether one more old message is to be heard: as many as were asked for, whatever the room sends."""
        self._old_left -= 1
        return self._old_left >= 0

    @property
    def is_busy(self) -> bool:
        """Return whether somebody waits for it."""
        return self.state == "entering" or bool(len(self._under_way))

    async def enter(self) -> None:
        """Enter the room, unless we are in it. Who comes meanwhile waits for the same attempt; it goes on when its callers go away.

        Raises:
            NotPermitted: the room wants a password, is for members only, or has banned us.
            NotFound: there is no room.
            Conflict: the nickname is taken.
            Unavailable: the room is full, or there is no server.
            NotConnected: somebody has left it meanwhile.
            StanzaTimeout: it did not answer in time.
        """
        if self.state == "in":
            return
        if self._entering is None or self._entering.done():
            self.state = "entering"
            self._entering = asyncio.create_task(self._enter())
            self._entering.add_done_callback(_retrieve)
        entering = self._entering
        await asyncio.wait({entering})
        if entering.cancelled():  # not by those who wait, but by :meth:`leave`
            raise NotConnected(f"{self.room} was left")
        entering.result()

    async def say(self, stanza: Stanza) -> Stanza:
        """Send a message to the room, and return it as the room sent it back.

        Args:
            stanza: to the room, from our address, with an id.

        Raises:
            NotJoined: the room does not know us any more.
            NotPermitted: we have no voice there, or were removed meanwhile.
            Conflict: a message with this id is under way.
            TooManyWaiting: too many messages are under way.
            StanzaTimeout: it has not come back in time.
        """
        with self._sending(stanza) as message:
            await self._wire.send(stanza)
            return await message.echo

    async def whisper(self, stanza: Stanza) -> None:
        """Send a private message to an occupant; return when the room has processed it. XEP-0045 §7.5

        Nothing comes back of it, so a self-ping behind it tells: the room answers in order.

        Raises:
            NotFound: nobody has that nickname.
            NotConnected: the link broke before the room had processed it.
            Exception: as :meth:`say`.
        """
        with self._sending(stanza) as message:
            await self._wire.send(stanza)
            asked = asyncio.ensure_future(self._wire.request(self._ping(), self._limits.echo_seconds))
            try:
                await asyncio.wait({asked, message.echo}, return_when=asyncio.FIRST_COMPLETED)
                if message.echo.done():
                    message.echo.result()
                else:
                    self._expect_processed(asked)
            finally:
                asked.cancel()
                asked.add_done_callback(_retrieve)

    def _expect_processed(self, asked: asyncio.Future[Stanza]) -> None:
        """Raise an error unless a self-ping that was sent behind a message tells that the room has processed both. XEP-0410 §3.3"""
        with contextlib.suppress(NotSupported):  # this server drops iqs: nothing tells
            error = asked.result().error
            if error is None or error.condition in PROCESSED:
                return
            if error.condition in STILL_IN:
                raise StanzaTimeout(f"the server of {self.room} does not answer ({error.condition})")
            raise NotJoined(f"{self.room} does not know us any more ({error.condition})")

    def _sending(self, stanza: Stanza) -> Message:
        if self.state != "in":
            raise NotJoined(f"{self.room} was left")
        if stanza.id in self._under_way:
            raise Conflict(f"a message with the id {stanza.id[:80]!r} is under way to {self.room}")
        if len(self._under_way) >= self._limits.under_way:
            raise TooManyWaiting(self._limits.under_way, f"messages to {self.room}")
        self.used_at = asyncio.get_running_loop().time()
        return self._under_way.add(stanza, self._limits.echo_seconds)

    async def check(self) -> None:
        """Find out whether we still are in the room, and end the place if not. XEP-0410"""
        self.heard_at = asyncio.get_running_loop().time()  # not to be asked again at once
        try:
            reply = await self._wire.request(self._ping(), self._limits.ping_seconds)
        except (StanzaTimeout, NotConnected, NotSupported):
            return  # nothing is known; what is sent next shows it
        error = reply.error
        if error is not None and error.condition not in STILL_IN and self.state == "in":
            self.end(NotConnected(f"{self.room} does not know us any more ({error.condition})"))

    async def leave(self) -> None:
        """Leave the room; what is under way there fails."""
        entering = self._entering
        if entering is not None and not entering.done():
            entering.cancel()  # which leaves as well
            await asyncio.wait({entering})
        elif self.state == "in":
            nick = self.nick
            self._close(NotConnected(f"{self.room} was left"))
            await self._wire.send(leaving(self.room, nick, self.address))

    def end(self, error: TigrestError) -> None:
        """Note that we are not in the room any more, and why."""
        was_in = self.state == "in"
        self.wants_history = not isinstance(error, NotPermitted)  # nor do we hear what was said where we were not to be
        self._close(error)
        if was_in:
            self._ended(self, error)

    def _close(self, error: TigrestError) -> None:
        self.state = "out"
        self.people.clear()
        self.subject, self._has_subject = "", False
        self._under_way.fail(error)
        if self._entry is not None and not self._entry.done():
            self._entry.set_exception(error)

    async def _enter(self) -> None:
        """Enter the room; whatever goes wrong, we are out then, and the room knows.

        XEP-0045 §7.2
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + self._limits.join_seconds
        self._entry = None  # until we knock: a presence about leaving before is none about entering now
        has_knocked = False
        try:
            async with asyncio.timeout_at(end):
                self.gives_ids = await expect_room(self._wire, self.room, self.address, self._limits.describe_seconds)
                has_knocked = True
                has_made = await self._knock()
            if has_made:
                raise await give_up_creation(self._wire, self.room, self.address, self._limits.describe_seconds)
        except BaseException as error:
            self._close(NotConnected(f"{self.room} could not be entered"))
            if has_knocked and not isinstance(error, StanzaError | NotConnected):
                await self._farewell()
            if isinstance(error, TimeoutError):
                raise StanzaTimeout(f"{self.room} did not let us in within {self._limits.join_seconds:g} s") from None
            if isinstance(error, StanzaError):
                raise refused_entry(self.room, self.wanted_nick, self.address, error) from None
            raise
        self.failures, self.was_kicked = 0, False
        self.used_at = self.heard_at = loop.time()
        self.history.begin(self.heard_at)

    async def _knock(self) -> bool:
        """Ask to be let in, under a similar nickname where somebody else has ours; return whether that has made the room."""
        self.is_similar = False
        nicks = [self.wanted_nick] if self.is_exact else [similar_nick(self.wanted_nick, number) for number in range(self._limits.nicks)]
        for nick in nicks:
            self.nick = nick
            self._entry = asyncio.get_running_loop().create_future()
            self._entry.add_done_callback(_retrieve)
            await self._wire.send(entering(self.room, nick, self.address, self.password, self._missed()))
            try:
                has_made = await self._entry
            except StanzaError as error:
                if error.condition != "conflict" or nick == nicks[-1]:
                    raise
            else:
                break
        self.is_similar = nick != self.wanted_nick
        if self.is_similar and not self._has_told_nick:
            log.warning("in room %s as %s: somebody else is %s there", self.room, self.nick, self.wanted_nick)
        self._has_told_nick = self.is_similar
        return has_made

    def _missed(self) -> Mapping[str, int]:
        """Return how much of its history the room is asked for: what was said since it or the link was lost."""
        seconds = self.history.seconds_missed(asyncio.get_running_loop().time()) if self.wants_history else 0
        self._old_left = self._limits.history if seconds else 0
        return {"seconds": seconds, "maxstanzas": self._limits.history} if seconds else NO_HISTORY

    async def _farewell(self) -> None:
        with contextlib.suppress(TigrestError):  # without a link the room loses us anyway
            await self._wire.send(leaving(self.room, self.nick, self.address))

    def _ping(self) -> Stanza:
        return self_ping(self.room, self.nick, self.address)

    def _unanswered(self, message: Message) -> TigrestError:
        """Return the error for a message that has not come back."""
        return StanzaTimeout(f"{self.room} has not sent the message back within {self._limits.echo_seconds:g} s")

    # What comes in

    def on_presence(self, presence: Stanza, nick: str) -> None:
        """Take in a presence of the room."""
        self.heard_at = asyncio.get_running_loop().time()
        if presence.type == "error":
            if self.state == "entering" and self._entry is not None and not self._entry.done() and (error := presence.error) is not None:
                self._entry.set_exception(error)
            return
        if self.state == "out" or not nick or presence.type not in ("", "unavailable"):
            return
        told = read_presence(presence, nick)
        is_self = (SELF in told.statuses and nickname(nick) != "") or (self.state == "in" and nick == self.nick)
        if presence.type == "unavailable":
            self._has_left(told, is_self)
            return
        self.people.add(told.occupant)
        if is_self:
            self.nick = nick
            if self._entry is not None and not self._entry.done():
                # Who has made a room owns it (XEP-0045 §10.1.1). ejabberd says so to the first who enters a room that an iq has made.
                has_made = CREATED in told.statuses and told.occupant.affiliation == "owner"
                self.state = "entering" if has_made else "in"
                self._entry.set_result(has_made)

    def _has_left(self, told: RoomPresence, is_self: bool) -> None:
        self.people.remove(told.occupant.nick)
        if not is_self:
            return
        if RENAMED in told.statuses and told.new_nick:
            self.nick = told.new_nick
        elif self.state == "in":
            self.was_kicked = is_kick(told)
            self.end(removal(self.room, told))
        elif SELF in told.statuses and self._entry is not None and not self._entry.done():
            self._entry.set_exception(removal(self.room, told))

    def on_error(self, error: Stanza) -> bool:
        """Take in an error for a message of ours; return whether it is one that is waited for.

        It is from the room, or from whom a private message was for: others in the room may send errors, too.
        """
        condition, sender = error.error, error.sender
        assert condition is not None
        told = self._under_way.get(error.id)
        if told is None or sender is None or sender not in (self.room, told.stanza.to):
            return False
        told.fail(refused_message(self.room, condition))
        return True

    def on_groupchat(self, message: Stanza, nick: str, ours: Callable[[str], bool]) -> bool:
        """Take in a message of the room.

        Args:
            message: of type groupchat.
            nick: whose message it is; empty for the room's own.
            ours: tells whether one of our occupants there has a nickname.

        Returns:
            Whether nobody else is to hear it: our own, and what the room says itself.
        """
        self.heard_at = asyncio.get_running_loop().time()
        is_first_subject = message.mentions(_SUBJECT) and self._take_subject(message)
        if nick == self.nick:
            self._under_way.complete(message)
            return True
        if nick and ours(nick):
            return True
        return bool(not nick or is_first_subject or self.state != "in")

    def _take_subject(self, message: Stanza) -> bool:
        """Note the subject, if a message has no body; return whether it is the first since we came in. XEP-0045 §7.2.15, §8.1"""
        subject = message.xml.findtext(f"{{{CLIENT}}}subject")
        if subject is None or message.xml.find(_BODY) is not None:
            return False
        is_first, self._has_subject = not self._has_subject, True
        self.subject = subject[: self._limits.subject_chars]
        return is_first


def _retrieve(future: asyncio.Future[Any]) -> None:
    """Retrieve the exception of a future that nobody may wait for any more."""
    if not future.cancelled():
        future.exception()
