"""Signatures of requests, as Standard Webhooks has them: an HMAC over id, time and body.

::

    webhook-id: msg_2b0d…
    webhook-timestamp: 1767225600
    webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=

Standard Webhooks 1.0.0, https://www.standardwebhooks.com/
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping

PREFIX = "whsec_"
"""Prefix of a secret that is written in Base64."""

TOLERANCE = 300.0
"""Seconds that the clocks of sender and receiver may differ, the way included."""


def key_of(secret: str) -> bytes:
    """Return the key that a secret stands for.

    Args:
        secret: ``whsec_`` and Base64, or plain text, which is then taken as it is, in UTF-8.

    Raises:
        ValueError: what follows ``whsec_`` is not Base64.
    """
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(f"a secret that begins with {PREFIX} goes on in Base64") from None


def sign(secret: str, id: str, timestamp: int, body: bytes) -> str:
    """Write the signature of a request, ``v1,`` and Base64.

    Args:
        secret: see :func:`key_of`.
        id: the header ``webhook-id``.
        timestamp: the header ``webhook-timestamp``, in seconds since 1970.
        body: as it is sent.
    """
    digest = hmac.digest(key_of(secret), f"{id}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def verify(secret: str, headers: Mapping[str, str], body: bytes, tolerance: float = TOLERANCE, now: float | None = None) -> bool:
    """Tell whether a request was signed with a secret, lately.

    For those who receive: ``from tigrest.webhooks import verify``.

    Args:
        secret: see :func:`key_of`.
        headers: of the request; case of the names does not matter. Several signatures may stand in one, with spaces between.
        body: of the request, as it came, not decoded.
        tolerance: seconds that the request may be old, or too new.
        now: seconds since 1970; the clock's when absent.
    """
    given = {name.lower(): value for name, value in headers.items()}
    identity, text = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    if not identity or not text.isascii() or not text.isdigit() or len(text) > 15:
        return False
    if abs((time.time() if now is None else now) - int(text)) > tolerance:
        return False
    expected = sign(secret, identity, int(text), body).encode()
    matches = [hmac.compare_digest(expected, one.encode()) for one in given.get("webhook-signature", "").split()]
    return any(matches)
