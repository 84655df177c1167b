"""Check that a post to a hook comes from somebody who knows its secret: a token in one of several places, or a signature."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Iterator, Mapping

from tigrest.auth.hook_store import Hook, hash_secret
from tigrest.webhooks import verify

TOKEN_HEADERS = ("x-gotify-key", "x-gitlab-token")
"""Headers with the secret itself. https://gotify.net/docs/pushmsg, https://docs.gitlab.com/user/project/integrations/webhooks/"""

SIGNATURE_HEADERS = ("x-hub-signature-256", "x-gitea-signature", "x-forgejo-signature", "x-gogs-signature")
"""Headers with the HMAC-SHA256 of the body in hexadecimal digits, that of GitHub behind ``sha256=``.

https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries, https://docs.gitea.com/usage/webhooks
"""

STANDARD_HEADER = "webhook-signature"
"""Header of Standard Webhooks, which sign the time too: an old request is refused."""

_NO_DIGEST = "0" * 64
"""Compared with where there is no hook, so that it takes as long."""


def tokens_of(headers: Mapping[str, str], query: Mapping[str, str]) -> Iterator[str]:
    """Return what a request carries that may be the secret of a hook.

    Args:
        headers: by name in lower case.
        query: parameters of the URL.

    RFC 6750 §2.1, RFC 7617 §2
    """
    if token := query.get("token", ""):
        yield token
    scheme, _, value = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer":
        yield value.strip()
    elif scheme.lower() == "basic" and (password := _password(value)):
        yield password
    yield from (headers[name] for name in TOKEN_HEADERS if headers.get(name))


def is_signed(headers: Mapping[str, str]) -> bool:
    """Return whether a request has a signature, which takes its body to check."""
    return any(headers.get(name) for name in (*SIGNATURE_HEADERS, STANDARD_HEADER))


def has_token(hook: Hook | None, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
    """Return whether a request carries the secret of a hook.

    Args:
        hook: the hook; ``None`` for none, which takes as long.
        headers: by name in lower case.
        query: parameters of the URL.
    """
    digest = _NO_DIGEST if hook is None else hook.digest
    return any(hmac.compare_digest(digest, hash_secret(token)) for token in tokens_of(headers, query))


def has_signature(hook: Hook | None, headers: Mapping[str, str], body: bytes, clock: Callable[[], float] = time.time) -> bool:
    """Return whether a request is signed with the secret of a hook.

    Args:
        hook: the hook; ``None`` for none.
        headers: by name in lower case.
        body: of the request, as it came.
        clock: tells seconds of Unix time.
    """
    if hook is None or not hook.secret:
        return False
    if headers.get(STANDARD_HEADER):
        return verify(hook.secret, headers, body, now=clock())
    expected = hmac.digest(hook.secret.encode(), body, hashlib.sha256).hex().encode()
    given = [headers[name].removeprefix("sha256=").encode() for name in SIGNATURE_HEADERS if headers.get(name)]
    return any(hmac.compare_digest(expected, signature) for signature in given)


def _password(token: str) -> str:
    """Return the password of a Basic login; empty for what is none."""
    try:
        return base64.b64decode(token.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""
