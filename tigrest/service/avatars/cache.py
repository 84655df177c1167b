"""The cache of avatars."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import NamedTuple

from tigrest.service.avatars.avatar import Avatar
from tigrest.service.avatars.entries import SOURCES
from tigrest.xmpp.jid import JID

ENTRY_BYTES = 512
"""Bytes that an entry costs besides its image."""


class Key(NamedTuple):
    """The key of a look-up.

    Args:
        jid: whose avatar, a bare address.
        source: the only place looked at; empty for all.
        as_owner: whether the server was asked in the name of the owner too, who may see more than a stranger.
    """

    jid: JID
    source: str
    as_owner: bool


class AvatarCache:
    """Caches what was found, bounded in bytes and seconds.

    Args:
        max_bytes: most bytes kept; the least recently used go first.
        seconds: how long a found avatar is served from here.
        miss_seconds: how long "has none" is believed.
    """

    def __init__(self, max_bytes: int = 64 * 1024 * 1024, seconds: float = 300.0, miss_seconds: float = 15.0) -> None:
        self.max_bytes, self.seconds, self.miss_seconds = max_bytes, seconds, miss_seconds
        self.generation = 0
        """Grows with every :meth:`forget`; the outcome of a look-up begun before is not cached."""
        self._entries: OrderedDict[Key, tuple[float, Avatar | None]] = OrderedDict()
        self._bytes = 0

    def get(self, key: Key) -> tuple[bool, Avatar | None]:
        """Look up: whether it is known, and the avatar or ``None`` for "has none"."""
        entry = self._entries.get(key)
        if entry is None:
            return False, None
        if entry[0] < time.monotonic():
            self._drop(key)
            return False, None
        self._entries.move_to_end(key)
        return True, entry[1]

    def put(self, key: Key, avatar: Avatar | None) -> None:
        """Remember what was found."""
        self._drop(key)
        self._entries[key] = (time.monotonic() + (self.seconds if avatar else self.miss_seconds), avatar)
        self._bytes += _weight(avatar)
        while self._bytes > self.max_bytes:
            self._drop(next(iter(self._entries)))

    def forget(self, jid: JID) -> None:
        """Forget all about a user."""
        self.generation += 1
        for source in ("", *SOURCES):
            for as_owner in (False, True):
                self._drop(Key(jid, source, as_owner))

    def _drop(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= _weight(entry[1])


def _weight(avatar: Avatar | None) -> int:
    return ENTRY_BYTES + (len(avatar.data) if avatar else 0)
