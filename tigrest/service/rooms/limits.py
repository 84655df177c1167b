"""Limits of what the gateway does in chat rooms."""

from __future__ import annotations

from dataclasses import dataclass, field

from tigrest.concurrency.backoff import Backoff


@dataclass(frozen=True)
class RoomLimits:
    """Limits of rooms: how long the gateway waits for them, stays in them, and how much it keeps of them.

    Args:
        join_seconds: to enter a room, in all.
        describe_seconds: of these, to ask what the address is.
        echo_seconds: until the room sends a message back.
        idle_seconds: after the last message sent there, the gateway leaves a room in which it does not have to stay.
        silent_seconds: of a room after which it is asked whether the gateway still is in it.
        ping_seconds: to answer that.
        sweep_seconds: between two looks for what is idle and what is silent.
        nicks: nicknames that are tried where nobody has asked for exactly one.
        rooms_of_caller: most places of a caller, a place being one nickname in one room.
        rooms: most places in all.
        occupants: most people remembered for all places together; one with a long nickname and address counts for several.
        occupants_of_place: most of them in one place, so that no room takes all.
        under_way: most messages of a place that wait to come back.
        subject_chars: most characters of a subject.
        history: most messages that a room is asked for when the gateway comes back to it.
        history_seconds: of the past for which it is asked at most.
        rejoin: delays between attempts to enter a room again.
        removed_seconds: least delay until it enters a room by itself again from which somebody has removed it.
    """

    join_seconds: float = 10.0
    describe_seconds: float = 4.0
    echo_seconds: float = 10.0
    idle_seconds: float = 600.0
    silent_seconds: float = 300.0
    ping_seconds: float = 30.0
    sweep_seconds: float = 20.0
    nicks: int = 5
    rooms_of_caller: int = 50
    rooms: int = 1000
    occupants: int = 100_000
    occupants_of_place: int = 20_000
    under_way: int = 1000
    subject_chars: int = 10_000
    history: int = 100
    history_seconds: float = 86_400.0
    rejoin: Backoff = field(default_factory=lambda: Backoff(first=1.0, last=300.0))
    removed_seconds: float = 60.0
