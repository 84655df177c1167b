"""Answer a request with an ``Idempotency-Key`` once, and its repeats with the same answer.

The key counts for one caller, method and path. Before the request is executed its claim is stored, then its answer:

- An answer below 400 is final, and so is an error that another XMPP entity answered with, unless it asks to wait: repeats get it.
- A request that may have had an effect but has no final answer (504, 5xx, a crash, no confirmation in time) is executed again when it is
  repeated. What it sends has ids that are made of the key, so that a stanza that is sent twice has the same id both times.
- A request that is refused before anything was sent is forgotten: its key may come again, with other content too.

draft-ietf-httpapi-idempotency-key-header-07
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.responses import FileResponse, StreamingResponse
from starlette.types import Message, Receive, Scope

from tigrest.auth.principal import Principal
from tigrest.auth.throttle import network_of
from tigrest.errors import (
    CallerGone,
    HandlerTimeout,
    IdempotencyMismatch,
    InvalidValue,
    MalformedContent,
    RequestInFlight,
    ServerFailed,
    StanzaError,
    StanzaTimeout,
    StorageUnavailable,
)
from tigrest.http.mounts import AnyResponse
from tigrest.http.replies import Reply
from tigrest.http.requests import client_address, has_body
from tigrest.http.sealed_answers import AnswerSeal
from tigrest.observability.metrics import Metrics
from tigrest.service.outbound import IdSeed, id_seed
from tigrest.state.idempotency import IdempotencyStore, KeyClaim, StoredAnswer

log = logging.getLogger(__name__)

IDEMPOTENCY_KEY = b"idempotency-key"
"""Header of requests that counts, in lower case."""

REPLAYED = (b"idempotent-replayed", b"true")
"""Header of an answer that is repeated."""

MAX_KEY = 255
"""Most characters of a key."""

FINGERPRINTED = 1024 * 1024
"""Bytes of a body that are compared; of a longer one its length is, too. So an upload need not be kept in memory."""

KEY_OUTCOMES = ("new", "resumed", "replayed", "conflict", "mismatch")
"""Outcomes of requests with a key, for the metrics."""

_STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"(?:[ ]*;[ -~]*)?')
_TOKEN = re.compile(r"[!#-+\--:<-\[\]-~]+")
_BOUNDARY = re.compile(rb'boundary="?([^";,\s]+)', re.IGNORECASE)
_CREDENTIAL = re.compile(rb"auth|cookie|key|secret|signature|token")
_RETRIED = frozenset({408, 425, 429})
"""Statuses below 500 after which a request is repeated as it was. RFC 9110 §15.5.9, RFC 6585 §4, RFC 8470 §5.2"""
_UNKNOWN_EFFECT = (CallerGone, HandlerTimeout, ServerFailed, StanzaTimeout)
_NOT_REPEATED = frozenset({"connection", "content-length", "date", "keep-alive", "set-cookie", "transfer-encoding"})
"""Headers that belong to one answer, in lower case."""

RunRequest = Callable[[Receive], Awaitable[AnyResponse]]
"""Executes the request, whose body comes from ``receive`` (ASGI)."""

AnswerError = Callable[[Exception], Reply]
"""Makes the answer for an error."""

KeyFate = Literal["final", "open", "forgotten"]
"""Fate of a key: repeats get the answer, are executed again, or count as something new."""


def read_key(headers: Sequence[tuple[bytes, bytes]]) -> str:
    """Return the idempotency key of a request: a string as structured fields have it, or the same without quotes.

    Args:
        headers: of the request (ASGI).

    Raises:
        InvalidValue: it is malformed, empty or too long, or there are several.

    RFC 9651 §3.3.3
    """
    values = [value for name, value in headers if name == IDEMPOTENCY_KEY]
    text = values[0].decode("latin-1").strip(" \t")
    if len(values) > 1:
        raise InvalidValue("there are several headers Idempotency-Key; send one")
    if (quoted := _STRING.fullmatch(text)) is not None:
        key = re.sub(r"\\(.)", r"\1", quoted[1])
    elif _TOKEN.fullmatch(text):
        key = text
    else:
        raise InvalidValue('the Idempotency-Key is empty or malformed; send a text in ASCII in quotes, such as "8e03978e-40d5"')
    if not key or len(key) > MAX_KEY:
        raise InvalidValue(f"the Idempotency-Key has {len(key)} characters; send 1 to {MAX_KEY}")
    return key


@dataclass(frozen=True)
class KeyedRequest:
    """A request with the header ``Idempotency-Key``, of an admitted caller.

    Args:
        scope: of the request (ASGI).
        receive: of the request (ASGI), with a limit.
        fields: header fields by name in lower case; of several of one name the first.
        principal: the caller; ``None`` where nobody has to log in.
        is_secret: whether the answer may not be stored.
    """

    scope: Scope
    receive: Receive
    fields: Mapping[bytes, bytes]
    principal: Principal | None
    is_secret: bool = False

    @property
    def is_known(self) -> bool:
        """Return whether the caller has logged in, or has an API key."""
        principal = self.principal
        return principal is not None and (principal.jid is not None or principal.name != "")

    @property
    def caller(self) -> str:
        """Return who calls: a user, an API key, or else a network."""
        return str(self.principal) if self.is_known else f"anyone at {network_of(client_address(self.scope))}"

    @property
    def credentials(self) -> list[str]:
        """Return what looks like credentials of an unknown caller, which a script may check itself."""
        if self.is_known:
            return []
        given = self.fields.items()
        return sorted(f"{name!r}: {value!r}" for name, value in given if name != IDEMPOTENCY_KEY and _CREDENTIAL.search(name))


class Idempotency:
    """Answers requests with an idempotency key.

    Args:
        store: their claims and answers.
        fingerprinted: bytes of a body that are compared.
    """

    def __init__(self, store: IdempotencyStore, fingerprinted: int = FINGERPRINTED) -> None:
        self._store, self._fingerprinted = store, fingerprinted
        self._counts = dict.fromkeys(KEY_OUTCOMES, 0)

    def add_metrics(self, metrics: Metrics) -> None:
        """Add the numbers of requests with a key, and of keys that are stored, to the metrics."""
        metrics.add(_Counter(self._counts))
        metrics.gauge("tigrest_idempotency_keys", "Idempotency keys that are stored.", (), lambda: [((), self._store.keys)])

    async def answer(self, request: KeyedRequest, run: RunRequest, failure: AnswerError) -> AnyResponse:
        """Answer a request: execute it, or return the answer to an earlier one with the same key.

        Args:
            request: the request.
            run: executes it.
            failure: makes the answer for an error, which is stored if it is final.

        Raises:
            InvalidValue: the key is malformed.
            RequestInFlight, IdempotencyMismatch: an earlier request with the key is being answered, or has another content.
            TooManyIdempotencyKeys, StorageUnavailable: as :meth:`tigrest.state.idempotency.IdempotencyStore.claim`.
            MalformedContent, ContentTooLarge: the body ends too early, or is too large.
            Exception: whatever ``run`` raises.
        """
        scope = request.scope
        key, caller = read_key(scope["headers"]), request.caller
        named = [caller, *request.credentials, scope["method"], scope["path"], key]
        body, receive = await _begin_body(request, self._fingerprinted)
        claim = KeyClaim(key_digest("key", *named), key_digest("caller", caller), _fingerprint(key, request, body, self._fingerprinted))
        stored, seal = await self.claim(claim), AnswerSeal(named)
        if stored is not None:
            return _reply_of(seal.open(stored))
        try:
            return await self._execute(request, claim, seal, IdSeed(key_digest("stanzas", *named)), receive, run, failure)
        finally:
            self.leave(claim)

    async def claim(self, claim: KeyClaim) -> StoredAnswer | None:
        """Store that a request is executed, unless it was before, and count it. Whoever executes it calls :meth:`leave` at the end.

        Returns:
            The answer to give; ``None``: the request is to be executed.

        Raises:
            Exception: as :meth:`tigrest.state.idempotency.IdempotencyStore.claim`.
        """
        try:
            outcome = await self._store.claim(claim)
        except RequestInFlight:
            self._counts["conflict"] += 1
            raise
        except IdempotencyMismatch:
            self._counts["mismatch"] += 1
            raise
        if isinstance(outcome, StoredAnswer):
            self._counts["replayed"] += 1
            return outcome
        self._counts[outcome] += 1
        return None

    async def _execute(
        self,
        request: KeyedRequest,
        claim: KeyClaim,
        seal: AnswerSeal,
        seed: IdSeed,
        receive: Receive,
        run: RunRequest,
        failure: AnswerError,
    ) -> AnyResponse:
        """Execute a request, and store what its repeats get."""
        token = id_seed.set(seed)
        try:
            answer = await run(receive)
        except Exception as error:
            reply = failure(error)
            await self._store_fate(request, claim, seal, reply, fate_of(error, reply.status, has_sent=seed.has_sent))
            raise
        finally:
            seed.is_open = False
            id_seed.reset(token)
        status = answer.status if isinstance(answer, Reply) else answer.status_code
        await self._store_fate(request, claim, seal, answer, "open" if seed.is_uncertain else fate_of(None, status, has_sent=seed.has_sent))
        return answer

    async def _store_fate(self, request: KeyedRequest, claim: KeyClaim, seal: AnswerSeal, answer: AnyResponse, fate: KeyFate) -> None:
        """Store what repeats get."""
        sealed = seal.seal(_stored(answer, is_secret=request.is_secret)) if fate == "final" else None
        await self.settle(claim, sealed, fate)

    def leave(self, claim: KeyClaim) -> None:
        """Note that a request is not being executed any more."""
        self._store.leave(claim)

    async def settle(self, claim: KeyClaim, answer: StoredAnswer | None, fate: KeyFate) -> None:
        """Store what repeats get. Where that fails they are executed again, as after a crash.

        Args:
            claim: the request.
            answer: encrypted; counts only where it is final.
            fate: what becomes of the key.
        """
        try:
            if fate == "final" and answer is not None:
                await self._store.complete(claim, answer)
            elif fate == "forgotten":
                await self._store.release(claim)
        except StorageUnavailable as error:
            log.warning("the answer for an Idempotency-Key is not stored, and a repeat will be executed again: %s", error)


def fate_of(error: Exception | None, status: int, *, has_sent: bool) -> KeyFate:
    """Return what becomes of a key.

    Args:
        error: what the request ended with; ``None`` for an answer.
        status: of the answer.
        has_sent: whether a message or presence was sent.
    """
    if isinstance(error, StanzaError):
        return "open" if error.type == "wait" else "final"
    if isinstance(error, _UNKNOWN_EFFECT):
        return "open"
    if status < 400:
        return "final"
    if not has_sent:
        return "forgotten"
    return "open" if status >= 500 or status in _RETRIED else "final"


async def _begin_body(request: KeyedRequest, size: int) -> tuple[bytes, Receive]:
    """Read the beginning of a body.

    Args:
        request: the request.
        size: bytes to read at least, unless the body is shorter.

    Returns:
        What was read, and a ``receive`` (ASGI) that gives the whole body.

    Raises:
        MalformedContent: the caller went away before the end of it.
    """
    receive = request.receive
    if not has_body(request.fields):
        return b"", receive
    parts, total, has_more = list[bytes](), 0, True
    while has_more and total < size:
        message = await receive()
        if message["type"] != "http.request":
            raise MalformedContent("the request ended before its body did")
        parts.append(message.get("body", b""))
        total += len(parts[-1])
        has_more = message.get("more_body", False)
    begun: list[Message] = [{"type": "http.request", "body": b"".join(parts), "more_body": has_more}]

    async def receive_all() -> Message:
        return begun.pop() if begun else await receive()

    return b"".join(parts), receive_all


def key_digest(purpose: str, *parts: str) -> str:
    """Return a hash of texts, in 43 characters; another one for each purpose."""
    return _base64(hashlib.sha256(json.dumps([purpose, *parts]).encode()).digest())


def _base64(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _fingerprint(key: str, request: KeyedRequest, body: bytes, size: int) -> str:
    """Return a hash of the content of a request: media type, query and body.

    It is keyed, since a body may have a password in it, which else could be guessed with the database alone. The boundary of a multipart
    body is left out, as clients make a new one for each attempt.
    """
    fields = request.fields
    content_type, length = fields.get(b"content-type", b""), fields.get(b"content-length", b"")
    query = b"&".join(part for part in request.scope["query_string"].split(b"&") if not part.startswith(b"api-key="))
    seen = body[:size]
    if content_type.lower().startswith(b"multipart/") and (boundary := _BOUNDARY.search(content_type)):
        content_type, seen = content_type.replace(boundary[1], b""), seen.replace(boundary[1], b"")
    digest = hmac.new(key.encode(), digestmod="sha256")
    for part in (content_type, query, length if len(body) >= size else b"", seen):
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return _base64(digest.digest())


def _stored(answer: AnyResponse, *, is_secret: bool) -> StoredAnswer:
    """Return an answer as it is stored: without body where it is streamed, or a secret; then a repeat of a 200 is 204."""
    if isinstance(answer, Reply):
        content_type = [(b"content-type", answer.content_type)] if answer.content_type else []
        status, headers = answer.status, [*content_type, *answer.headers]
    else:
        status, headers = answer.status_code, answer.raw_headers
    status = 204 if is_secret and status == 200 else status
    body = None if is_secret or isinstance(answer, StreamingResponse | FileResponse) else bytes(answer.body)
    texts = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
    return StoredAnswer(status, [each for each in texts if each[0] not in _NOT_REPEATED], body)


def _reply_of(stored: StoredAnswer) -> Reply:
    """Return the answer to a repeat."""
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in stored.headers]
    others = [each for each in headers if each[0] != b"content-type"]
    content_type = dict(headers).get(b"content-type", b"") if stored.body is not None else b""
    return Reply(stored.status, content_type, stored.body or b"", [*others, REPLAYED])


class _Counter(Collector):
    """Counts requests with a key, for Prometheus."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """Return the current numbers."""
        family = CounterMetricFamily("tigrest_idempotent_requests", "Requests with an idempotency key.", labels=["outcome"])
        for outcome, count in self._counts.items():
            family.add_metric([outcome], count)
        yield family
