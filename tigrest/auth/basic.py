"""Parse the header of HTTP Basic authentication. RFC 7617"""

from __future__ import annotations

import base64
import re

from tigrest.errors import InvalidJID, LoginRequired
from tigrest.xmpp.jid import JID

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def read_basic(authorization: bytes, domain: str) -> tuple[JID, str]:
    """Read who the caller claims to be, and his password.

    Args:
        authorization: value of the header ``Authorization``, e.g. ``b"Basic YWxpY2VAbG9jYWxob3N0OnNlY3JldA=="``.
        domain: that of a username without one.

    Returns:
        The bare address and the password, which is not empty. The resource of a full address is dropped.

    Raises:
        LoginRequired: the header is not understood. The message shows nothing of it.

    RFC 7617 §2
    """
    scheme, _, token = authorization.strip().partition(b" ")
    if scheme.lower() != b"basic":
        raise LoginRequired("the scheme of the Authorization header is not understood; use Basic, or Bearer with a token")
    username, colon, password = _decode(token).partition(":")
    if not colon:
        raise LoginRequired("the Basic login has no colon between username and password")
    if not password:
        raise LoginRequired("the password of the login is empty")
    return read_username(username, domain), password


def _decode(token: bytes) -> str:
    try:
        text = base64.b64decode(token.strip(b" "), validate=True).decode()
    except UnicodeDecodeError:
        raise LoginRequired("the Basic login is not UTF-8") from None
    except ValueError:
        raise LoginRequired("the Basic login is not base64") from None
    check_characters(text)
    return text


def check_characters(text: str) -> None:
    """Refuse control characters in a username or password: a NUL would end the password within SASL PLAIN. RFC 7617 §2

    Raises:
        LoginRequired: there is one.
    """
    if _CONTROL.search(text):
        raise LoginRequired("the login has a control character")


def read_username(username: str, domain: str) -> JID:
    """Return the bare address of a username.

    Args:
        username: an address, or its local part alone. The resource of a full address is dropped.
        domain: that of a username without one.

    Raises:
        LoginRequired: it is no address. The message shows nothing of it.
    """
    bare, slash, resource = username.partition("/")
    try:
        jid = JID(username if "@" in bare else f"{bare}@{domain}{slash}{resource}").bare
    except InvalidJID:
        raise LoginRequired(f"the username of the login is not a JID; write user@{domain}, or user alone") from None
    return jid
