"""Hooks, to which other programs post, and their store in the database."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from tigrest.errors import InvalidValue, NotFound
from tigrest.state.database import Database
from tigrest.state.gateway_tables import GATEWAY, hooks
from tigrest.webhooks import key_of
from tigrest.xmpp.jid import JID

HOOK_PREFIX = "tgh_"
"""Beginning of every secret that the gateway makes for a hook."""

LEAST_SECRET = 16
"""Least characters of a secret that an administrator chooses: whoever knows it may send to the recipient."""

OUTCOME_LENGTH = 200
"""Most characters of the outcome that is kept of the last post."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Hook:
    """A place where a program posts what becomes a message.

    Args:
        name: the last part of its URL.
        format: name of the format that its posts have, such as ``alertmanager``.
        to: bare address of the user, or of the room.
        is_room: whether it is a room.
        nick: nickname in the room; empty for the name of the hook.
        template: path of the Jinja2 template that makes the text; empty for that of the format.
        digest: what :func:`hash_secret` gives for its secret.
        secret: the secret, where senders sign with it; else empty.
        created: when it was made, UTC in ISO 8601; empty when it is configured.
        last_used: when something was posted last, UTC in ISO 8601; empty for never.
        last_outcome: what became of it; empty for nothing yet.
    """

    name: str
    format: str
    to: JID
    is_room: bool
    nick: str
    template: str
    digest: str = field(repr=False)
    secret: str = field(repr=False)
    created: str = field(default="", compare=False)
    last_used: str = field(default="", compare=False)
    last_outcome: str = field(default="", compare=False)


def new_secret() -> str:
    """Make a secret of 256 random bits."""
    return HOOK_PREFIX + secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """Hash a secret the way it is kept: 64 hexadecimal digits of SHA-256."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def make_hook(
    name: str, format: str, to: JID, secret: str, *, is_room: bool = False, nick: str = "", template: str = "", signs: bool = False
) -> Hook:
    """Make a hook.

    Args:
        name: the last part of its URL: lower-case letters, digits, ``.``, ``_`` and ``-``.
        format: name of the format.
        to: bare address of the user or room.
        secret: what its senders have to know.
        is_room: whether ``to`` is a room.
        nick: nickname in the room; empty for the name of the hook.
        template: path of a template; empty for that of the format.
        signs: whether senders sign with the secret, which is kept as it is then.

    Raises:
        InvalidValue: one of them cannot be used. The message does not show the secret.
    """
    if not _NAME.fullmatch(name):
        raise InvalidValue(f"the name of a hook is {name[:80]!r}; use lower-case letters, digits, ., _ and -, at most 64")
    if not to.local or to.resource:
        raise InvalidValue(f"{to} is not the address of a user or a room: write local@domain")
    if nick and not is_room:
        raise InvalidValue("a nick is for rooms")
    if not nick.isprintable() or len(nick) > 200:
        raise InvalidValue("a nick has printable characters, at most 200")
    if len(secret) < LEAST_SECRET or not secret.isascii() or not secret.isprintable() or secret != secret.strip():
        raise InvalidValue(f"the secret of a hook has at least {LEAST_SECRET} characters of ASCII, without spaces around")
    try:
        key_of(secret)
    except ValueError as error:
        raise InvalidValue(str(error)) from None
    return Hook(name, format, to, is_room, nick, template, hash_secret(secret), secret if signs else "")


class HookStore:
    """Stores hooks in the database.

    Args:
        database: where; started and stopped by its owner.
        now: returns the time.
    """

    def __init__(self, database: Database, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database, self._now = database, now
        self.changes = 0
        """Changes of the hooks by this process so far; caches compare it."""

    async def start(self) -> None:
        """Open the database if it is not open, and bring it to the newest version.

        Raises:
            ConfigError: the database cannot be used.
        """
        await self._database.start(GATEWAY)

    async def add(self, hook: Hook) -> None:
        """Store a hook.

        Raises:
            InvalidValue: there is one of its name already.
        """
        row = {
            "name": hook.name,
            "format": hook.format,
            "recipient": str(hook.to),
            "is_room": int(hook.is_room),
            "nick": hook.nick,
            "template": hook.template,
            "digest": hook.digest,
            "secret": hook.secret,
            "created": self._time(),
        }
        try:
            async with self._database.begin() as connection:
                await connection.execute(insert(hooks).values(row))
        except IntegrityError:
            raise InvalidValue(f'there is a hook named "{hook.name}" already; revoke it first, or choose another name') from None
        self.changes += 1

    async def list(self) -> tuple[Hook, ...]:
        """Return all hooks, sorted by name."""
        async with self._database.begin() as connection:
            rows = (await connection.execute(select(hooks).order_by(hooks.c.name))).all()
        return tuple(_read(*row) for row in rows)

    async def revoke(self, name: str) -> None:
        """Delete a hook.

        Raises:
            NotFound: there is none of this name.
        """
        async with self._database.begin() as connection:
            deleted = (await connection.execute(delete(hooks).where(hooks.c.name == name))).rowcount
        if not deleted:
            raise NotFound(f'there is no stored hook named "{name}"; those of the configuration file are removed there')
        self.changes += 1

    async def note_use(self, name: str, outcome: str) -> None:
        """Store that something was posted to a hook now.

        Args:
            name: of the hook.
            outcome: what became of it.
        """
        values = {"last_used": self._time(), "last_outcome": outcome[:OUTCOME_LENGTH]}
        async with self._database.begin() as connection:
            await connection.execute(update(hooks).where(hooks.c.name == name).values(values))

    def _time(self) -> str:
        return self._now().isoformat(timespec="seconds")


def _read(
    name: str,
    format: str,
    recipient: str,
    is_room: int,
    nick: str,
    template: str,
    digest: str,
    secret: str,
    created: str,
    last_used: str | None,
    last_outcome: str | None,
) -> Hook:
    return Hook(name, format, JID(recipient), bool(is_room), nick, template, digest, secret, created, last_used or "", last_outcome or "")
