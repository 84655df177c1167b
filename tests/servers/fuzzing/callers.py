"""Who sends requests to the gateway."""

from __future__ import annotations

import base64

from tests.servers.process import USERS

KEY = "fuzz-key"
MALLORY = ("mallory", "mallorypw")
"""A plain user who does what he likes."""

WHO = (b"X-Who", b"is asking")
MARK = b"%b: %b\r\n" % WHO
"""Stands in a request for the headers that say who it is from."""


def _login(name: str, password: str) -> bytes:
    return b"Authorization: Basic %b\r\n" % base64.b64encode(f"{name}:{password}".encode())


CALLERS = {
    "a stranger": b"",
    "a stranger with a key": b"Api-Key: %b\r\n" % KEY.encode(),
    "a plain user": _login(*MALLORY),
    "an admin": _login("admin", USERS["admin"]),
    "an admin with a key": _login("admin", USERS["admin"]) + b"Api-Key: %b\r\n" % KEY.encode(),
}
"""Each request comes from each of them."""
