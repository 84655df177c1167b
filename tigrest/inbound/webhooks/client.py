"""Send one signed POST to a webhook, and read the response."""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import re
import time

import httpx2

from tigrest.errors import StanzaError
from tigrest.hosts import tls_for
from tigrest.inbound.webhooks.answers import MAX_BODY, Codec, NoResponse, WebhookResponse
from tigrest.inbound.webhooks.target import Target
from tigrest.webhooks import sign
from tigrest.xmpp.stanza import Stanza

ACCEPT = "application/xmpp+xml, application/json, application/x-www-form-urlencoded, text/plain"
"""Media types that a response may have."""

IDLE_SECONDS = 3.0
"""Seconds that an idle connection is kept; less than receivers keep theirs, which close it without notice."""

_LANGUAGE = re.compile(r"[A-Za-z0-9-]{1,35}")


class WebhookClient:
    """Posts stanzas to one webhook. Redirects are not followed, proxies of the environment are not used.

    Args:
        target: the webhook.
        codec: writes stanzas.
    """

    def __init__(self, target: Target, codec: Codec) -> None:
        self._target, self._codec = target, codec
        self._client: httpx2.AsyncClient | None = None

    async def start(self) -> None:
        """Make the client."""
        limits = httpx2.Limits(max_connections=2 * self._target.concurrency, keepalive_expiry=IDLE_SECONDS)
        tls = tls_for(self._target.url)
        self._client = httpx2.AsyncClient(
            verify=tls, trust_env=False, follow_redirects=False, timeout=None, limits=limits
        )  # post() bounds it all

    async def stop(self) -> None:
        """Close all connections."""
        if self._client is not None:
            await self._client.aclose()

    async def post(self, stanza: Stanza, id: str) -> WebhookResponse | NoResponse:
        """Deliver a stanza once.

        Args:
            stanza: what to deliver.
            id: the header ``webhook-id``.

        Raises:
            TigrestError: the stanza cannot be written in the webhook's content type.
        """
        body = self._codec.write(stanza, self._target.content_type)
        try:
            async with asyncio.timeout(self._target.timeout):
                return await self._send(self._target.address(stanza), self._headers(stanza, id, body), body)
        except TimeoutError:
            return no_answer(self._target.timeout)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            return _away(f"cannot be reached: {error}", unreachable=True)
        except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, OSError) as error:
            return _away(f"the connection failed: {type(error).__name__}: {error}")

    def _headers(self, stanza: Stanza, id: str, body: bytes) -> dict[str, str]:
        timestamp = int(time.time())
        headers = {
            "content-type": self._target.content_type,
            "accept": ACCEPT,
            "accept-encoding": "identity",
            "user-agent": "tigrest",
            "webhook-id": id,
            "webhook-timestamp": str(timestamp),
        }
        if self._target.secret is not None:
            headers["webhook-signature"] = sign(self._target.secret, id, timestamp, body)
        if self._target.authorization is not None:
            headers["authorization"] = self._target.authorization
        if _LANGUAGE.fullmatch(language := stanza.attributes.get("xml:lang", "")):
            headers["content-language"] = language
        return headers

    async def _send(self, url: str, headers: dict[str, str], body: bytes) -> WebhookResponse:
        assert self._client is not None, "start() first"
        async with self._client.stream("POST", url, headers=headers, content=body) as response:
            content = await _content(response)
            content_type = response.headers.get("content-type", "").strip()
            return WebhookResponse(response.status_code, response.reason_phrase, content_type, content, _retry_after(response))


def no_answer(seconds: float) -> NoResponse:
    """Return the outcome of a request that timed out after some seconds."""
    return NoResponse(f"no answer within {seconds:g} s", StanzaError("remote-server-timeout", "wait"))


def _away(problem: str, unreachable: bool = False) -> NoResponse:
    return NoResponse(problem[:300], StanzaError("recipient-unavailable", "wait"), unreachable)


async def _content(response: httpx2.Response) -> bytes | None:
    """Return the body; ``None`` when it is too large, or compressed although we asked for no compression."""
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        return None
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > MAX_BODY:
            return None
    return bytes(content)


def _retry_after(response: httpx2.Response) -> float:
    """Return the seconds of the header ``Retry-After``, which is a number or a date; 0 without one. RFC 9110 §10.2.3"""
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:10])
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    return 0.0
