"""All places of ours in rooms: found, bounded, entered again, and left when nobody uses them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator

from tigrest.concurrency.deadlines import Deadlines
from tigrest.concurrency.tasks import TaskSet
from tigrest.errors import Conflict, InvalidJID, NotConnected, NotFound, NotPermitted, TigrestError, Unavailable
from tigrest.observability.metrics import Metrics
from tigrest.service.policy import Policy
from tigrest.service.rooms.history import RoomHistory
from tigrest.service.rooms.invitations import invitation_in
from tigrest.service.rooms.kicks import Kicks
from tigrest.service.rooms.limits import RoomLimits
from tigrest.service.rooms.making import Making
from tigrest.service.rooms.people import People, PeopleBudget
from tigrest.service.rooms.place import Place
from tigrest.service.rooms.settings import RoomSettings
from tigrest.service.rooms.wire import Wire
from tigrest.xmpp.jid import JID
from tigrest.xmpp.occupant import Occupant
from tigrest.xmpp.rooms import item_of, said_now, sent_before, without_claims
from tigrest.xmpp.stanza import Stanza

log = logging.getLogger(__name__)

OCCUPANT_RESOURCE = "rooms:"
"""Beginning of the resources of our addresses that are occupants of rooms. The nickname follows: each has an address of its own."""

GATEWAY_OWNER = ""
"""Owner of the places of scripts and of the configuration."""


class Places:
    """All places of ours in rooms. To be used on the event loop.

    Args:
        wire: sends.
        policy: knows our addresses and who is an admin.
        limits: of time and memory.
    """

    def __init__(self, wire: Wire, policy: Policy, limits: RoomLimits) -> None:
        self._wire, self._policy, self.limits = wire, policy, limits
        self._by_address: dict[str, dict[str, Place]] = {}
        self._by_room: dict[str, dict[str, Place]] = {}
        self._budget = PeopleBudget(limits.occupants)
        self._kicks = Kicks(limits)
        self.making = Making(wire, policy.addresses.jid, limits)
        """Makes rooms of the configuration."""
        self._deadlines = Deadlines()
        self._tasks = TaskSet()
        self._sweeping: asyncio.TimerHandle | None = None
        self.settings: dict[str, RoomSettings] = {}
        """Rooms of the configuration by their addresses."""
        self._is_linked = False

    def add_metrics(self, metrics: Metrics) -> None:
        """Add the number of places to the metrics."""

        def count() -> list[tuple[tuple[str], float]]:
            states = [place.state for place in self]
            return [((state,), states.count(state)) for state in ("in", "entering", "out")]

        metrics.gauge("tigrest_rooms", "Places of the gateway in chat rooms.", ("state",), count)

    def __iter__(self) -> Iterator[Place]:
        """Iterate over all places there are now."""
        return iter([place for places in self._by_room.values() for place in places.values()])

    def configure(self, rooms: Iterable[RoomSettings]) -> None:
        """Take over the rooms of the configuration: enter those that are new, leave those that are gone."""
        wanted = {room.jid: room for room in rooms}
        before, self.settings = self.settings, {str(jid): room for jid, room in wanted.items()}
        for jid, room in before.items():
            place = self.find(room.jid, self._policy.addresses.room_owner, room.nick)
            if place is not None and self.settings.get(jid) != room:
                self._tasks.start(self._give_up(place))
        for jid, room in wanted.items():
            if room.stay and before.get(jid) != room:
                self._tasks.start(self._stay(room))

    def start(self, rooms: Iterable[RoomSettings] = ()) -> None:
        """Begin to enter the rooms of the configuration, and to look for places that are idle or silent."""
        self.configure(rooms)
        self._sweeping = asyncio.get_running_loop().call_later(self.limits.sweep_seconds, self._sweep)

    async def stop(self) -> None:
        """Leave all rooms."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        await self._tasks.stop()
        for place in self:
            await self._give_up(place)
        self._deadlines.stop()

    # Places

    @property
    def own_address(self) -> JID:
        """Return our address that is in rooms for scripts and admins."""
        return self._policy.addresses.room_owner

    def occupant(self, address: JID, nick: str) -> JID:
        """Return the address of ours that is in rooms under a nickname.

        Raises:
            InvalidJID: the nickname is too long.
        """
        return address.with_resource(f"{OCCUPANT_RESOURCE}{nick}")

    def find(self, room: JID, address: JID, nick: str) -> Place | None:
        """Return our place in a room under a nickname, if there is one.

        Args:
            room: its bare address.
            address: bare address of ours.
            nick: nickname that was wanted.
        """
        return self._by_room.get(room, {}).get(f"{address}/{OCCUPANT_RESOURCE}{nick}")

    def of(self, owner: str, room: JID, address: JID) -> list[Place]:
        """Return the places of an owner in a room, the last used first.

        Args:
            owner: whose they are.
            room: its bare address.
            address: bare address of ours that he speaks from now. An admin who comes with a token for less, or is none any more, does
                not see through the eyes of the owner of rooms.
        """
        of_room = self._by_room.get(room, {}).values()
        places = [place for place in of_room if place.owner == owner and place.account == address]
        return places if len(places) < 2 else sorted(places, key=lambda place: -place.used_at)

    def place(self, room: JID, address: JID, nick: str, owner: str) -> Place:
        """Return our place in a room under a nickname; a new one where there is none, not entered yet.

        Args:
            room: its bare address.
            address: bare address of ours that is to be the occupant.
            nick: nickname wanted.
            owner: whose place a new one is.

        Raises:
            InvalidJID: nobody can have that nickname.
            NotFound: it is the address of a user.
            Conflict: the owner has as many as he may, or somebody else has this nickname at the same address.
            Unavailable: there are as many as there may be in all.
        """
        occupant = self.occupant(address, nick)
        found = self._by_room.get(room, {}).get(occupant)
        if found is not None:
            if found.owner != owner and address != self.own_address:  # where all users share one address
                raise Conflict(f"the nickname {nick[:80]!r} is taken in {room}: choose another")
            return found
        room.with_resource(nick)  # raises for what is no nickname
        if room.domain in (self._policy.addresses.domain, self._policy.addresses.jid.domain):
            raise NotFound(f"{room} is no room: {room.domain} has none")
        places = list(self)
        if owner != GATEWAY_OWNER and sum(place.owner == owner for place in places) >= self.limits.rooms_of_caller:
            raise Conflict(f"you are in {self.limits.rooms_of_caller} rooms already, and may not be in more: leave one")
        if len(places) >= self.limits.rooms:
            raise Unavailable(f"the gateway is in {len(places)} rooms already, and may not be in more; try again later", 60.0)
        made = Place(
            room,
            occupant,
            nick,
            owner,
            wire=self._wire,
            deadlines=self._deadlines,
            limits=self.limits,
            people=People(self._budget, self.limits.occupants_of_place),
            history=self._history_of(room),
            ended=self._lost,
        )
        self._by_room.setdefault(room, {})[occupant] = self._by_address.setdefault(occupant, {})[room] = made
        return made

    def _history_of(self, room: JID) -> RoomHistory:
        known = next(iter(self._by_room.get(room, {}).values()), None)
        return RoomHistory(self.limits) if known is None else known.history

    async def enter(self, place: Place, *, exact: bool = False, is_asked_for: bool = True) -> None:
        """Enter the room of a place; one that cannot be entered is forgotten, unless the gateway stays there.

        Args:
            place: to be in.
            exact: whether it has to be under the nickname that is wanted; else a similar one is taken where somebody else has it.
            is_asked_for: whether somebody wants to enter; else he only wants to say something there.

        Raises:
            Unavailable: also where nobody has asked for it, and we have just been thrown out.
            Conflict: also where we are in it under a similar nickname already.
            Exception: as :meth:`Place.enter`.
        """
        if exact and place.is_similar and place.state == "in":
            await self._leave_for_exact_nick(place)
        try:
            if place.state == "out":
                (self._kicks.forgive if is_asked_for else self._kicks.refuse)(place)
                place.is_exact = exact
            await place.enter()
        finally:
            if place.state == "out" and not place.stays:
                self._forget(place)

    async def _leave_for_exact_nick(self, place: Place) -> None:
        """Leave a room in which we have a similar nickname, to enter it under the one wanted.

        Raises:
            Conflict: somebody has it still, or the place is needed as it is.
        """
        if place.people.get(place.wanted_nick) is not None:
            raise Conflict(f"somebody else is {place.wanted_nick!r} in {place.room}: take another nick")
        if place.stays or place.is_busy:
            raise Conflict(f"{place.wanted_nick!r} was taken in {place.room}, and we speak as {place.nick!r} there now: take another nick")
        await place.leave()

    async def leave(self, place: Place) -> None:
        """Leave the room of a place."""
        place.stays = False
        self._forget(place)
        await place.leave()

    async def _give_up(self, place: Place) -> None:
        """Leave the room of a place, if that is possible."""
        try:
            await self.leave(place)
        except TigrestError as error:
            log.debug("%s was not left: %s", place.room, error)

    def _forget(self, place: Place) -> None:
        for table, key, other in ((self._by_room, place.room, place.address), (self._by_address, place.address, place.room)):
            places = table.get(key, {})
            if places.get(other) is place:
                del places[other]
                if not places:
                    del table[key]

    # Staying

    async def _stay(self, room: RoomSettings) -> None:
        """Enter a room of the configuration, until it is left."""
        try:
            place = self.place(room.jid, self._policy.addresses.room_owner, room.nick, GATEWAY_OWNER)
        except (InvalidJID, NotFound, Unavailable) as error:
            log.error("[[rooms]] %s: %s", room.jid, error)
            return
        place.password, place.stays = room.password, True
        if self._is_linked:
            await self._enter_again(place)

    async def _enter_again(self, place: Place) -> None:
        """Enter a room, again and again, as long as there is a link and the gateway wants to stay in it."""
        while self._is_wanted(place):
            place.is_exact = place.is_exact and place.state != "out"
            try:
                await self.making.enter(place, self.settings.get(place.room))
                log.info("in room %s as %s", place.room, place.nick)
                return
            except TigrestError as error:
                if not self._is_wanted(place):
                    return  # it was left meanwhile
                log.log(logging.DEBUG if place.failures else logging.WARNING, "room %s cannot be entered: %s", place.room, error)
            place.failures += 1
            await asyncio.sleep(self.limits.rejoin.delay(place.failures))

    def _is_wanted(self, place: Place) -> bool:
        """Return whether the gateway wants to be in a place by itself, and has a link to enter it."""
        return place.stays and self._is_linked

    def _lost(self, place: Place, error: TigrestError) -> None:
        """Enter a room again that has removed us or was lost, where the gateway stays; else forget the place.

        Without a link all places are kept, for the next one.
        """
        if not self._is_linked:
            return
        if place.was_kicked:
            self._kicks.add(place)
        if not place.stays:
            self._forget(place)
            return
        log.warning("out of room %s: %s", place.room, error)
        place.failures += 1
        least = self.limits.removed_seconds if isinstance(error, NotPermitted) else 0.0
        self._tasks.start(self._after(max(least, self.limits.rejoin.delay(place.failures)), place))

    async def _after(self, seconds: float, place: Place) -> None:
        await asyncio.sleep(seconds)
        await self._enter_again(place)

    def on_link(self, is_up: bool) -> None:
        """Enter all rooms again when a link is there; note that we are in none when it has gone."""
        self._is_linked = is_up
        for place in self:
            if is_up:
                self._tasks.start(self._enter_again(place) if place.stays else self._return(place))
            else:
                place.end(NotConnected("the link to the XMPP server was lost"))

    async def _return(self, place: Place) -> None:
        """Enter a room again in which somebody was before the link was lost; forget it where that fails."""
        try:
            await self.enter(place, exact=place.is_exact)
        except TigrestError as error:
            log.debug("room %s was not entered again: %s", place.room, error)

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        now, limits = loop.time(), self.limits
        for place in self:
            if place.state == "out" and not place.stays:
                self._forget(place)  # its callers have gone away before it could be entered
            if place.state != "in":
                continue
            if not place.stays and not place.is_busy and now - place.used_at >= limits.idle_seconds:
                self._tasks.start(self._give_up(place))
            elif now - place.heard_at >= limits.silent_seconds:
                self._tasks.start(place.check())
        self._sweeping = loop.call_later(limits.sweep_seconds, self._sweep)

    # What comes in

    def take(self, stanza: Stanza) -> Stanza | None:
        """Take in a message or presence; return it as all others hear it, ``None`` where they are not to.

        What somebody has said in a room has its :attr:`~tigrest.xmpp.stanza.Stanza.occupant`.
        """
        address = stanza.attributes.get("to", "")
        places = self._by_address.get(address)
        room, _, nick = stanza.attributes.get("from", "").partition("/")
        place = places.get(room) if places is not None else None
        if place is None:
            return self._take_other(stanza, address)
        if stanza.kind == "presence":
            place.on_presence(stanza, nick)
            return None
        if stanza.type == "error":
            return None if place.on_error(stanza) else _unclaimed(stanza, place, nick)
        if stanza.type != "groupchat":
            return _heard(stanza, place, nick) if nick else stanza
        others = self._by_room[room]
        hearing = place.history.note(stanza, nick, address, asyncio.get_running_loop().time())
        if place.on_groupchat(stanza, nick, lambda nick: any(other.nick == nick for other in others.values())):
            return None
        if place.expects_history and sent_before(stanza, place.room) is not None:
            wanted = hearing != "known" and place.admit_old()
            return _heard(stanza, place, nick, is_duplicate=hearing == "again") if wanted else None
        counts = place if len(others) == 1 else next(other for other in others.values() if other.state == "in")
        return _heard(said_now(stanza, place.room), place, nick, is_duplicate=counts is not place)

    def _take_other(self, stanza: Stanza, address: str) -> Stanza | None:
        """Drop what comes late for an occupant who has left; accept invitations of admins."""
        if stanza.kind == "message" and (invitation := invitation_in(stanza, self._policy)) is not None:
            self._tasks.start(self._accept(invitation))
            return stanza
        is_of_room = stanza.kind == "presence" or stanza.type == "groupchat"
        return None if is_of_room and self._is_occupant(address) else stanza

    def _is_occupant(self, address: str) -> bool:
        bare, _, resource = address.partition("/")
        return resource.startswith(OCCUPANT_RESOURCE) or bare == self._policy.addresses.room_owner

    async def _accept(self, room: RoomSettings) -> None:
        """Enter a room to which an admin has invited the gateway."""
        known = self.settings.get(room.jid)
        try:
            place = self.place(room.jid, self._policy.addresses.room_owner, known.nick if known else room.nick, GATEWAY_OWNER)
            place.password = room.password or place.password
            await self.enter(place)
            place.stays = True
            log.info("in room %s as %s, by invitation", place.room, place.nick)
        except TigrestError as error:
            log.warning("the invitation to room %s was not followed: %s", room.jid, error)


def _unclaimed(error: Stanza, place: Place, nick: str) -> Stanza:
    """Return an error without claims of its sender, who may be an occupant; see :func:`~tigrest.xmpp.rooms.without_claims`."""
    return without_claims(error, has_ids=place.gives_ids) if nick else error


def _heard(message: Stanza, place: Place, nick: str, *, is_duplicate: bool = False) -> Stanza:
    """Return a message as all others hear it: with its occupant, and with what the room has told of him, not what he says himself."""
    occupant = place.people.get(nick) or Occupant(nick)
    told = item_of(occupant) if occupant.jid is not None else None
    return without_claims(message, has_ids=place.gives_ids).heard_from(occupant, is_duplicate=is_duplicate, told=told)
