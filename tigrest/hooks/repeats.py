"""Send the message of a post once, although its sender posts it again: by his ``Idempotency-Key``, or by the id of his delivery.

Only what was sent is remembered. Whoever has a delivery that failed sent again, after he has repaired what was wrong, gets it sent.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, replace

from tigrest.auth.hook_store import Hook
from tigrest.errors import StorageUnavailable, TooManyIdempotencyKeys
from tigrest.formats.content import media_type
from tigrest.hooks.outcome import HookOutcome
from tigrest.hooks.post import MULTIPART, HookPost
from tigrest.http.idempotency import IDEMPOTENCY_KEY, MAX_KEY, Idempotency, KeyFate, key_digest, read_key
from tigrest.http.sealed_answers import AnswerSeal
from tigrest.service.outbound import IdSeed, id_seed
from tigrest.state.idempotency import KeyClaim, StoredAnswer

log = logging.getLogger(__name__)

DELIVERY_HEADERS = (
    *("x-github-delivery", "x-gitea-delivery", "x-forgejo-delivery", "x-gogs-delivery"),
    *("webhook-id", "x-gitlab-event-uuid"),
)
"""Headers that name a delivery, in lower case. The first one counts.

GitHub's is the same for all deliveries of an event, redeliveries among them; Gitea and Forgejo make a new one for a redelivery; that of
Standard Webhooks stays the same for all attempts. GitLab sends an ``Idempotency-Key`` besides, since version 17.4.
https://docs.github.com/en/webhooks/webhook-events-and-payloads#delivery-headers,
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md,
https://docs.gitlab.com/user/project/integrations/webhooks/#delivery-headers
"""

Deliver = Callable[[], Awaitable[HookOutcome]]
"""Sends the message of a post."""


class HookRepeats:
    """Tells posts that come again.

    Args:
        idempotency: stores what was sent.
    """

    def __init__(self, idempotency: Idempotency) -> None:
        self._idempotency = idempotency

    async def once(self, hook: Hook, post: HookPost, headers: Sequence[tuple[bytes, bytes]], deliver: Deliver) -> HookOutcome:
        """Send the message of a post, unless it was sent before.

        Args:
            hook: the hook; it owns the key.
            post: what was posted.
            headers: of the request (ASGI).
            deliver: sends the message.

        Returns:
            The outcome, or that of the first time.

        Raises:
            InvalidValue: the ``Idempotency-Key`` is malformed.
            RequestInFlight: the same post is being executed.
            IdempotencyMismatch: the ``Idempotency-Key`` came with another post before.
            TooManyIdempotencyKeys, StorageUnavailable: the ``Idempotency-Key`` cannot be stored.
            Exception: whatever ``deliver`` raises.
        """
        content = _content_hash(post)
        if any(name == IDEMPOTENCY_KEY for name, _ in headers):
            named = ["hook", hook.name, read_key(headers)]
        elif delivery := delivery_of(post.headers):
            named = ["hook delivery", hook.name, *delivery, content]
        else:
            return await deliver()
        claim = KeyClaim(key_digest("key", *named), key_digest("caller", "hook", hook.name), key_digest("content", *named, content))
        try:
            stored = await self._idempotency.claim(claim)
        except (StorageUnavailable, TooManyIdempotencyKeys) as error:
            if named[0] == "hook":
                raise
            log.warning("hook %s: a delivery is not remembered, and would be sent again: %s", hook.name, error)
            return await deliver()
        if stored is not None:
            return replace(HookOutcome(**json.loads(AnswerSeal(named).open(stored).body or b"{}")), is_repeat=True)
        return await self._execute(claim, named, deliver)

    async def _execute(self, claim: KeyClaim, named: Sequence[str], deliver: Deliver) -> HookOutcome:
        """Send a message with ids made of the key, and store what repeats get."""
        seed = IdSeed(key_digest("stanzas", *named))
        token = id_seed.set(seed)
        try:
            outcome = await deliver()
            fate: KeyFate = "forgotten" if outcome.ignored else "open" if seed.is_uncertain else "final"
            answer = StoredAnswer(200, (), json.dumps(asdict(outcome)).encode())
            await self._idempotency.settle(claim, AnswerSeal(named).seal(answer), fate)
            return outcome
        except Exception:
            await self._idempotency.settle(claim, None, "open" if seed.has_sent else "forgotten")
            raise
        finally:
            seed.is_open = False
            id_seed.reset(token)
            self._idempotency.leave(claim)


def delivery_of(headers: Mapping[str, str]) -> tuple[str, str] | None:
    """Return name and value of the header that names a delivery; ``None`` where there is none.

    Args:
        headers: by name in lower case.
    """
    return next(((name, headers[name]) for name in DELIVERY_HEADERS if 0 < len(headers.get(name, "")) <= MAX_KEY), None)


def _content_hash(post: HookPost) -> str:
    """Return a hash of what is posted; of a multipart form its fields, as clients make a new boundary for each attempt."""
    is_multipart = media_type(post.content_type) == MULTIPART
    digest = hashlib.sha256(repr([sorted(post.query.items()), list(post.fields) if is_multipart else post.content_type]).encode())
    digest.update(b"" if is_multipart else post.body)
    return digest.hexdigest()
