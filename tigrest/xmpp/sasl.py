"""SASL mechanisms as a client: proving a password to a server, and having the server prove that it knows it too."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from typing import Protocol

from tigrest.errors import InvalidValue, NotConnected
from tigrest.xmpp.saslprep import saslprep

HASHES = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512", "SCRAM-SHA-1": "sha1"}
"""The SCRAM mechanisms known, the preferred one first."""

MIN_ITERATIONS = 4096
"""Fewest rounds of key derivation: with fewer, whoever listens on an unencrypted line guesses the password too quickly. RFC 7677 §4"""

MAX_ITERATIONS = 10_000_000
"""Most rounds of key derivation that a server may have us do: some seconds of one core."""

_NUMBER = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_NONCE = re.compile(r"[!-+\--~]+", re.ASCII)


class Refused(Exception):
    """The login is not accepted: it is wrong, not the server."""


class Mechanism(Protocol):
    """A way to prove a password."""

    name: str

    def first(self) -> bytes:
        """The initial response."""

    async def answer(self, challenge: bytes) -> bytes:
        """Answer a challenge of the server.

        Raises:
            NotConnected: the challenge is not one of this mechanism.
        """

    def finish(self, data: bytes) -> None:
        """Check the server's last word; empty when it gave none.

        Raises:
            NotConnected: the server did not prove that it knows the password.
        """


def choose(offered: Collection[str], user: str, password: str, plain: bool) -> Mechanism | None:
    """Choose the mechanism: the cheapest that is safe, then the strongest.

    Args:
        offered: names of those the server offers.
        user: the local part.
        password: without NUL.
        plain: whether nobody can listen, so that the password itself may be sent.

    Returns:
        ``None`` when none of those offered may be used.

    Raises:
        Refused: no server accepts such a password by SCRAM.

    RFC 6120 §6.3.3
    """
    if plain and "PLAIN" in offered:
        return Plain(user, password)
    name = next((name for name in HASHES if name in offered), None)
    return Scram(name, user, password) if name is not None else None


class Plain:
    """The password itself; only where nobody listens. RFC 4616"""

    name = "PLAIN"

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._password = password

    def first(self) -> bytes:
        """User and password; no other identity to act as."""
        return f"\0{self._user}\0{self._password}".encode()

    async def answer(self, challenge: bytes) -> bytes:
        """There is nothing to ask."""
        raise NotConnected("the server asks something in SASL PLAIN, which has no questions")

    def finish(self, data: bytes) -> None:
        """The server proves nothing."""


class Scram:
    """A proof of the password that does not show it, and proves the server likewise. No channel binding.

    The key is derived in a thread. A cancelled derivation ends by itself, unheard.

    Args:
        name: one of :data:`HASHES`.
        user: the local part.
        password: any text.
        nonce: random; given by tests only.

    Raises:
        Refused: the password has a character that SASLprep forbids.

    RFC 5802, RFC 7677
    """

    def __init__(self, name: str, user: str, password: str, nonce: str = "") -> None:
        self.name = name
        self._hash = HASHES[name]
        self._password = _prepared(password)
        self._nonce = nonce or secrets.token_urlsafe(24)
        self._bare = f"n={user.replace('=', '=3D').replace(',', '=2C')},r={self._nonce}"
        self._signature = b""
        self._verified = False

    def first(self) -> bytes:
        """The client-first-message."""
        return f"n,,{self._bare}".encode()

    async def answer(self, challenge: bytes) -> bytes:
        """Answer the server-first-message; or take its final one, which it may send as a challenge too."""
        if self._signature:
            self.finish(challenge)
            return b""
        nonce, salt, iterations = self._read(challenge)
        salted = await asyncio.to_thread(hashlib.pbkdf2_hmac, self._hash, self._password, salt, iterations)
        final = f"c=biws,r={nonce}"
        message = b",".join((self._bare.encode(), challenge, final.encode()))
        key = self._hmac(salted, b"Client Key")
        proof = _xor(key, self._hmac(hashlib.new(self._hash, key).digest(), message))
        self._signature = self._hmac(self._hmac(salted, b"Server Key"), message)
        return f"{final},p={base64.b64encode(proof).decode()}".encode()

    def finish(self, data: bytes) -> None:
        """Check the server's signature, which comes exactly once."""
        if self._verified and not data:
            return
        if not self._signature or self._verified or not hmac.compare_digest(data[:2] + _decoded(data[2:]), b"v=" + self._signature):
            raise NotConnected("the server accepts the login, but does not prove that it knows the password: it may be an impostor")
        self._verified = True

    def _read(self, message: bytes) -> tuple[str, bytes, int]:
        """Read the server-first-message: nonce, salt, iterations."""
        try:
            fields = {part[:2]: part[2:] for part in message.decode().split(",")}
            nonce, salt, count = fields["r="], _decoded(fields["s="].encode()), fields["i="]
        except (UnicodeDecodeError, KeyError):
            raise NotConnected(f"the server does not speak {self.name} as RFC 5802 has it") from None
        if "m=" in fields or not salt or not _NONCE.fullmatch(nonce) or not nonce.startswith(self._nonce) or nonce == self._nonce:
            raise NotConnected(f"the server does not speak {self.name} as RFC 5802 has it")
        if not _NUMBER.fullmatch(count) or not MIN_ITERATIONS <= int(count) <= MAX_ITERATIONS:
            raise NotConnected(
                f"the server asks for {count[:12]} iterations of {self.name}; configure it for {MIN_ITERATIONS} to {MAX_ITERATIONS}"
            )
        return nonce, salt, int(count)

    def _hmac(self, key: bytes, message: bytes) -> bytes:
        return hmac.digest(key, message, self._hash)


def _prepared(password: str) -> bytes:
    try:
        return saslprep(password).encode()
    except InvalidValue:
        raise Refused from None


def _decoded(text: bytes) -> bytes:
    """Decode base64; empty when it is none."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
