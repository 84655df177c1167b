"""Devices that wait for their user to log in with another one. RFC 8628"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tigrest.auth.token_families import TokenClaim
from tigrest.auth.token_store import hash_token
from tigrest.errors import StorageUnavailable
from tigrest.state.database import Database
from tigrest.state.gateway_tables import oauth_devices
from tigrest.xmpp.jid import JID

USER_CODE_ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
"""Letters of user codes: without vowels they are no words, and easy to tell apart. RFC 8628 §6.1"""

USER_CODE_LENGTH = 8
"""Letters of a user code: 34 bits."""

_TOLERANCE = 0.5
"""Seconds by which a device may ask early: networks do not deliver its requests at even intervals."""

DeviceState = Literal["pending", "granted", "denied"]


@dataclass(frozen=True)
class DeviceLimits:
    """Limits of devices.

    Args:
        lifetime: of the codes, in seconds.
        interval: seconds between two questions of a device; each that comes earlier adds as many.
        waiting: most devices that wait at the same time.
        remembered: seconds for which codes are kept after their end, to tell devices that they are over.
    """

    lifetime: float = 600.0
    interval: float = 5.0
    waiting: int = 10_000
    remembered: float = 3600.0


@dataclass(frozen=True)
class DeviceCodes:
    """New codes, which cannot be read again.

    Args:
        device: with which the device asks for its token.
        user: which its user types, e.g. ``WDJB-MJHT``.
    """

    device: str
    user: str


@dataclass(frozen=True)
class Device:
    """A device that waits, or has waited.

    Args:
        digest: hash of its code.
        client: identifier of the client.
        scope: what it asks for; once it is granted, what was, in the words of the client.
        state: whether the user has answered, and what.
        owner: bare address of the user; ``None`` while he has not answered.
        is_over: whether the time of its codes is.
    """

    digest: str
    client: str
    scope: str
    state: DeviceState
    owner: JID | None
    is_over: bool


class DeviceStore:
    """Stores devices in the database, with hashes of their codes.

    Args:
        database: where; opened by whoever opens that of the tokens.
        limits: of devices.
        clock: tells seconds of Unix time.
    """

    def __init__(self, database: Database, limits: DeviceLimits | None = None, clock: Callable[[], float] = time.time) -> None:
        self._database, self.limits, self._clock = database, limits or DeviceLimits(), clock

    async def add(self, client: str, scope: str) -> DeviceCodes:
        """Store a device.

        Args:
            client: identifier of its client.
            scope: what it asks for.

        Raises:
            StorageUnavailable: as many devices wait as may.
        """
        codes, now, limits = DeviceCodes(secrets.token_urlsafe(32), _new_user_code()), self._clock(), self.limits
        row = {
            "digest": hash_token(codes.device),
            "user_digest": hash_token(plain_user_code(codes.user)),
            "client": client,
            "scope": scope,
            "state": "pending",
            "interval": limits.interval,
            "expires": now + limits.lifetime,
        }
        waiting = select(func.count()).select_from(oauth_devices).where(oauth_devices.c.expires > now)
        async with self._database.begin() as connection:
            await connection.execute(delete(oauth_devices).where(oauth_devices.c.expires < now - limits.remembered))
            if (await connection.execute(waiting)).scalar_one() >= limits.waiting:
                raise StorageUnavailable("as many devices wait for their users as may")
            await connection.execute(insert(oauth_devices).values(row))
        return codes

    async def find_by_user_code(self, code: str) -> Device | None:
        """Return the device that waits for a user who types a code; ``None`` when there is none, or, by chance, more than one.

        Args:
            code: as the user types it, in upper or lower case, with whatever between the letters.
        """
        is_his = (oauth_devices.c.user_digest == hash_token(plain_user_code(code))) & (oauth_devices.c.expires > self._clock())
        async with self._database.begin() as connection:
            rows = (await connection.execute(select(oauth_devices).where(is_his, oauth_devices.c.state == "pending"))).all()
        return self._read(rows[0]) if len(rows) == 1 else None

    async def answer(self, device: Device, owner: JID, scope: str | None) -> bool:
        """Store what a user has answered, and return whether the device still waits for that.

        Args:
            device: which.
            owner: bare address of the user.
            scope: what he grants, in the words of the client; ``None`` for nothing.
        """
        waiting = update(oauth_devices).where(
            oauth_devices.c.digest == device.digest, oauth_devices.c.state == "pending", oauth_devices.c.expires > self._clock()
        )
        values = {"state": "denied"} if scope is None else {"state": "granted", "scope": scope}
        async with self._database.begin() as connection:
            return bool((await connection.execute(waiting.values(owner=str(owner), **values))).rowcount)

    async def poll(self, code: str, client: str) -> tuple[Device, bool] | None:
        """Return the device of a device code, and whether it asks too often; ``None`` when there is none. RFC 8628 §3.5

        Args:
            code: of the device.
            client: identifier of its client.
        """
        now, is_it = self._clock(), (oauth_devices.c.digest == hash_token(code)) & (oauth_devices.c.client == client)
        async with self._database.begin() as connection:
            row = (await connection.execute(select(oauth_devices).where(is_it))).first()
            if row is None:
                return None
            is_early = row.polled is not None and now - row.polled < row.interval - _TOLERANCE
            interval = row.interval + self.limits.interval if is_early else row.interval
            await connection.execute(update(oauth_devices).where(is_it).values(polled=now, interval=interval))
        return self._read(row), is_early

    def claim(self, device: Device) -> TokenClaim:
        """Return what deletes a device in the transaction that stores what it gets."""

        async def claim(connection: AsyncConnection, _family: str) -> bool:
            return bool((await connection.execute(delete(oauth_devices).where(oauth_devices.c.digest == device.digest))).rowcount)

        return claim

    def _read(self, row: Any) -> Device:
        owner = None if row.owner is None else JID(row.owner)
        return Device(row.digest, row.client, row.scope, row.state, owner, row.expires <= self._clock())


def plain_user_code(code: str) -> str:
    """Return the letters of a user code as it is stored. RFC 8628 §6.1"""
    return "".join(letter for letter in code.upper() if letter in USER_CODE_ALPHABET)


def shown_user_code(code: str) -> str:
    """Return a user code as it is shown, e.g. ``WDJB-MJHT``; empty for what has no letter of one."""
    plain = plain_user_code(code)
    return f"{plain[:4]}-{plain[4:]}" if plain else ""


def _new_user_code() -> str:
    return shown_user_code("".join(secrets.choice(USER_CODE_ALPHABET) for _ in range(USER_CODE_LENGTH)))
