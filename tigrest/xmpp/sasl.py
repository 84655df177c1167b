"""SASL mechanisms, client side: PLAIN, SCRAM, OAUTHBEARER and X-OAUTH2. RFC 4422"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from typing import Literal, Protocol

from tigrest.errors import InvalidValue, NotConnected
from tigrest.xmpp.saslprep import saslprep

HASHES = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512", "SCRAM-SHA-1": "sha1"}
"""Supported SCRAM mechanisms and their hash functions, in order of preference."""

MIN_ITERATIONS = 4096
"""Least iteration count accepted: with fewer, an eavesdropper on an unencrypted connection could guess the password. RFC 7677 §4"""

MAX_ITERATIONS = 10_000_000
"""Greatest iteration count accepted: some seconds of one core, so that a server cannot keep us busy for hours."""

LoginSecret = Literal["password", "token"]
"""Kinds of secrets to log in with: a password, or a token of the server."""

_TOKEN = re.compile(r"[!-~]{1,4096}", re.ASCII)
_TOKEN_OF_SERVER = re.compile(r"[A-Za-z0-9._~+/=:;-]{20,4096}", re.ASCII)
_NUMBER = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_NONCE = re.compile(r"[!-+\--~]+", re.ASCII)


class Refused(Exception):
    """The login is wrong; nothing is wrong with the server."""


class Mechanism(Protocol):
    """A SASL mechanism in one exchange with a server."""

    name: str

    def first(self) -> bytes:
        """Return the initial response. RFC 4422 §3.3"""

    async def answer(self, challenge: bytes) -> bytes:
        """Compute the response to a challenge. RFC 4422 §3.4

        Raises:
            NotConnected: the challenge does not fit the mechanism.
        """

    def finish(self, data: bytes) -> None:
        """Verify the additional data that came with success; empty when none came. RFC 4422 §3.6

        Raises:
            NotConnected: the server did not prove that it knows the password.
        """


def choose_mechanism(offered: Collection[str], user: str, password: str, plain: bool) -> Mechanism | None:
    """Choose a mechanism: PLAIN where it is safe, since it is the cheapest, else the first of :data:`HASHES`.

    Args:
        offered: names of the mechanisms that the server offers.
        user: local part of the account.
        password: its password, without NUL.
        plain: whether the connection is safe from eavesdroppers, so that the password itself may be sent.

    Returns:
        ``None`` when no offered mechanism may be used.

    Raises:
        Refused: the password has a character that SASLprep forbids, so that no server accepts it by SCRAM.

    RFC 6120 §6.3.3
    """
    if plain and "PLAIN" in offered:
        return Plain(user, password)
    name = next((name for name in HASHES if name in offered), None)
    return Scram(name, user, password) if name is not None else None


def is_token(text: str) -> bool:
    """Return whether a text can be sent as a token: printable ASCII without spaces, at most 4096 characters. RFC 6750 §2.1"""
    return _TOKEN.fullmatch(text) is not None


def looks_like_token(secret: str) -> bool:
    """Return whether a secret may be a token rather than a password: those of servers are long, and made of few characters."""
    return _TOKEN_OF_SERVER.fullmatch(secret) is not None


class Plain:
    """SASL PLAIN, which sends the password itself. RFC 4616

    Args:
        user: local part of the account.
        password: its password, without NUL.
    """

    name = "PLAIN"

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._password = password

    def first(self) -> bytes:
        """Return user and password, with an empty authorization identity. RFC 4616 §2"""
        return f"\0{self._user}\0{self._password}".encode()

    async def answer(self, challenge: bytes) -> bytes:
        """Refuse any challenge: PLAIN has none."""
        raise NotConnected("the server asks something in SASL PLAIN, which has no questions")

    def finish(self, data: bytes) -> None:
        """Accept anything: PLAIN does not authenticate the server."""


class Scram:
    """SCRAM without channel binding: proves that both sides know the password, without sending it.

    Derives the key in a thread, which goes on to its end when :meth:`answer` is cancelled.

    Args:
        name: one of :data:`HASHES`.
        user: local part of the account.
        password: its password.
        nonce: client nonce, in printable ASCII without commas; empty for a random one.

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
        """Return the client-first-message. RFC 5802 §7"""
        return f"n,,{self._bare}".encode()

    async def answer(self, challenge: bytes) -> bytes:
        """Compute the client-final-message; or verify the server-final-message, which may come as a challenge too. RFC 5802 §5"""
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
        """Verify the server's signature, which has to come exactly once. RFC 5802 §3"""
        if self._verified and not data:
            return
        if not self._signature or self._verified or not hmac.compare_digest(data[:2] + _decoded(data[2:]), b"v=" + self._signature):
            raise NotConnected("the server accepts the login, but does not prove that it knows the password: it may be an impostor")
        self._verified = True

    def _read(self, message: bytes) -> tuple[str, bytes, int]:
        """Parse the server-first-message.

        Returns:
            Nonce, salt and iteration count.

        RFC 5802 §7
        """
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


class OAuthBearer:
    """OAUTHBEARER: sends a token, which tells the server who it is for.

    Args:
        token: as :func:`is_token` has it.

    RFC 7628
    """

    name = "OAUTHBEARER"

    def __init__(self, token: str) -> None:
        self._token = token

    def first(self) -> bytes:
        """Return the token, with neither an authorization identity nor the host. RFC 7628 §3.1"""
        return f"n,,\x01auth=Bearer {self._token}\x01\x01".encode()

    async def answer(self, challenge: bytes) -> bytes:
        """Acknowledge the reason of a refusal, which follows then. RFC 7628 §3.2.3"""
        return b"\x01"

    def finish(self, data: bytes) -> None:
        """Accept anything: OAUTHBEARER does not authenticate the server."""


class XOAuth2(Plain):
    """X-OAUTH2 of ejabberd: PLAIN with a token in place of the password.

    Args:
        user: local part of the account.
        token: of the server, for this account.

    https://docs.ejabberd.im/developer/ejabberd-api/oauth/#x-oauth2-authentication
    """

    name = "X-OAUTH2"


def _prepared(password: str) -> bytes:
    try:
        return saslprep(password).encode()
    except InvalidValue:
        raise Refused from None


def _decoded(text: bytes) -> bytes:
    """Decode base64; return nothing when it is malformed."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
