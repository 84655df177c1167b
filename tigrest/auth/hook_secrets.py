"""Check that a post to a hook comes from somebody who knows its secret: a token in one of several places, or a signature."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from tigrest.auth.hook_store import Hook, hash_secret
from tigrest.webhooks import TOLERANCE, verify

TOKEN_HEADERS = ("x-gotify-key", "x-gitlab-token")
"""Headers with the secret itself. https://gotify.net/docs/pushmsg, https://docs.gitlab.com/user/project/integrations/webhooks/"""

GITHUB_HEADER = "x-hub-signature-256"
"""Header of GitHub: the HMAC-SHA256 of the body, of a form too, in hexadecimal digits behind ``sha256=``.

https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

GITEA_HEADERS = ("x-gitea-signature", "x-forgejo-signature", "x-gogs-signature")
"""Headers of Gitea, Forgejo and Gogs: the HMAC-SHA256 of the JSON in hexadecimal digits, which in a form is the field ``payload``.

https://docs.gitea.com/usage/webhooks; ``newDefaultRequest`` in ``services/webhook/deliver.go`` of Gitea, ``NewRequest`` in
``services/webhook/default.go`` of Forgejo, ``prepareHookTasks`` in ``internal/database/webhook.go`` of Gogs
"""

GRAFANA_HEADER, GRAFANA_TIME_HEADER = "x-grafana-alerting-signature", "x-grafana-alerting-timestamp"
"""Headers of Grafana: the HMAC-SHA256 of the body in hexadecimal digits, or of time, colon and body where a header for the time is set.

https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/#hmac-signature
"""

STANDARD_HEADER = "webhook-signature"
"""Header of Standard Webhooks, which sign the time too: an old request is refused."""

_PAYLOAD = re.compile(rb"payload=((?:[^%&=\r\n]+|%[0-9A-Fa-f]{2})*+)")
"""Form of Gitea, Forgejo and Gogs, which has this field alone: nothing may stand beside what is signed."""

_NO_DIGEST = "0" * 64
"""Compared with where there is no hook, so that it takes as long."""

_NO_SECRET = "0" * 32
"""Checked with where there is no hook, or none with a secret, so that it takes as long: forms of a stranger take long to decode."""


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
    return any(headers.get(name) for name in (GITHUB_HEADER, *GITEA_HEADERS, GRAFANA_HEADER, STANDARD_HEADER))


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
        hook: the hook; ``None`` for none, which takes as long.
        headers: by name in lower case.
        body: of the request, as it came.
        clock: tells seconds of Unix time.
    """
    secret = "" if hook is None else hook.secret
    return _is_signed_with(secret or _NO_SECRET, headers, body, clock) and bool(secret)


def _is_signed_with(secret: str, headers: Mapping[str, str], body: bytes, clock: Callable[[], float]) -> bool:
    if headers.get(STANDARD_HEADER):
        return verify(secret, headers, body, now=clock())
    if headers.get(GRAFANA_HEADER):
        return _is_signed_by_grafana(secret, headers, body, clock())
    if headers.get(GITHUB_HEADER) and _matches(secret, body, headers[GITHUB_HEADER].removeprefix("sha256=")):
        return True
    given = [headers[name].removeprefix("sha256=") for name in GITEA_HEADERS if headers.get(name)]
    return bool(given) and _is_signed_by_gitea(secret, given, headers.get("content-type", ""), body)


def _is_signed_by_gitea(secret: str, signatures: Iterable[str], content_type: str, body: bytes) -> bool:
    """Return whether one of some signatures is that of Gitea, Forgejo or Gogs.

    Args:
        secret: that it is signed with.
        signatures: in hexadecimal digits.
        content_type: of the request.
        body: of the request, as it came.
    """
    is_form = content_type.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded"
    if is_form and (form := _PAYLOAD.fullmatch(body)) is not None:
        body = binascii.a2b_qp(form[1].replace(b"+", b" ").replace(b"%", b"="))  # in a fifth of the time of urllib: strangers may send 1 MB
    return any(_matches(secret, body, signature) for signature in signatures)


def _is_signed_by_grafana(secret: str, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Return whether a request has the signature of Grafana, and is not too old where it has a time.

    Args:
        secret: that it is signed with.
        headers: by name in lower case.
        body: of the request, as it came.
        now: seconds of Unix time.
    """
    text = headers.get(GRAFANA_TIME_HEADER, "")
    if text and (not text.isascii() or not text.isdigit() or len(text) > 15 or abs(now - int(text)) > TOLERANCE):
        return False
    return _matches(secret, f"{text}:".encode() + body if text else body, headers[GRAFANA_HEADER])


def _matches(secret: str, signed: bytes, signature: str) -> bool:
    """Return whether a signature in hexadecimal digits is the HMAC-SHA256 of something; takes the same time wherever it differs."""
    return hmac.compare_digest(hmac.digest(secret.encode(), signed, hashlib.sha256).hex().encode(), signature.encode())


def _password(token: str) -> str:
    """Return the password of a Basic login; empty for what is none."""
    try:
        return base64.b64decode(token.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""
