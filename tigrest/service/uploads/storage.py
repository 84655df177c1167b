"""Send files to the HTTP storage of an upload service. XEP-0363 §5"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

import httpx2

from tigrest.errors import InvalidValue, ServerFailed, StanzaTimeout
from tigrest.hosts import is_loopback, tls_for
from tigrest.service.uploads.slots import UploadSlot

MAX_REASON = 100
"""Most characters of the reason phrase of a storage that callers get to read."""


@dataclass(frozen=True)
class StorageLimits:
    """Limits of one upload, in seconds.

    Args:
        connect: until the storage takes the connection.
        write: until it takes a part of the file.
        answer: until it answers once it has the whole.
    """

    connect: float = 10.0
    write: float = 60.0
    answer: float = 60.0


class Storage:
    """Sends files by HTTP, part by part. Redirects are not followed, proxies of the environment are not used.

    The URL comes from the XMPP server, which the gateway trusts: it may be on a private network.

    Args:
        authorities: certificates in PEM to trust besides the system's; empty for none.
        limits: of time.
    """

    def __init__(self, authorities: str = "", limits: StorageLimits = StorageLimits()) -> None:
        self._authorities, self._limits = authorities, limits

    def check(self, slot: UploadSlot) -> None:
        """Refuse a slot without TLS, unless it is on this machine.

        Raises:
            ServerFailed: it is such a one.

        XEP-0363 §5
        """
        for url in (slot.put, slot.get):
            parts = urlsplit(url)
            if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
                raise ServerFailed(f"the upload service gave a URL without TLS, at http://{parts.hostname}: have it give https URLs")

    async def put(self, slot: UploadSlot, size: int, content_type: str, chunks: AsyncIterator[bytes]) -> None:
        """Send a file.

        Args:
            slot: where to.
            size: of the file in bytes.
            content_type: its media type.
            chunks: the file; not touched before the storage takes the connection.

        Raises:
            ServerFailed: the storage cannot be reached, or answers otherwise than that it has the file.
            StanzaTimeout: it takes nothing, or does not answer, for too long.
            InvalidValue: the file has another size.
            Exception: whatever ``chunks`` raises. The connection is closed, so that no part of a file counts as the whole.
        """
        own = {"content-type": content_type, "content-length": str(size), "user-agent": "tigrest"}
        headers = [*slot.headers, *own.items()]
        limits = self._limits
        timeout = httpx2.Timeout(connect=limits.connect, write=limits.write, read=limits.answer, pool=None)
        host = httpx2.URL(slot.put).netloc.decode("ascii")

        def await_answer() -> None:  # httpx limits each read alone: a storage might send line after line for ever
            deadline.reschedule(asyncio.get_running_loop().time() + limits.answer)

        try:
            async with (
                asyncio.timeout(None) as deadline,
                self._client(slot.put, timeout) as client,
                client.stream("PUT", slot.put, headers=headers, content=_exactly(size, chunks, await_answer)) as response,
            ):
                status, reason = response.status_code, response.reason_phrase
        except (httpx2.TimeoutException, TimeoutError) as error:
            raise StanzaTimeout(f"the storage at {host} did not take the file in time ({type(error).__name__})") from None
        except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, OSError) as error:
            raise ServerFailed(f"the storage at {host} did not take the file: {str(error) or type(error).__name__}") from None
        if status in (200, 201, 204):
            return
        how = "redirects elsewhere, which is not followed" if 300 <= status < 400 else "did not take the file"
        raise ServerFailed(f"the storage at {host} {how}: it answered {status} {reason[:MAX_REASON]}".rstrip())

    async def fetch(self, url: str, size: int) -> bytes:
        """Return a file of some size, or what is there instead of it.

        Args:
            url: of the file.
            size: bytes after which no more is read.

        Raises:
            ServerFailed: the storage cannot be reached, or does not have it.
            StanzaTimeout: it does not answer for too long.
        """
        limits, host = self._limits, httpx2.URL(url).netloc.decode("ascii")
        timeout = httpx2.Timeout(connect=limits.connect, write=limits.write, read=limits.answer, pool=None)
        data = b""
        try:
            async with (
                asyncio.timeout(limits.answer),
                self._client(url, timeout) as client,
                client.stream("GET", url, headers={"user-agent": "tigrest"}) as response,
            ):
                if response.status_code != 200:
                    raise ServerFailed(f"the storage at {host} does not give back what it took: it answered {response.status_code}")
                async for part in response.aiter_bytes():
                    data += part
                    if len(data) > size:
                        break
        except (httpx2.TimeoutException, TimeoutError) as error:
            raise StanzaTimeout(f"the storage at {host} did not give back what it took in time ({type(error).__name__})") from None
        except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, OSError) as error:
            raise ServerFailed(f"the storage at {host} does not give back what it took: {str(error) or type(error).__name__}") from None
        return data

    def _client(self, url: str, timeout: httpx2.Timeout) -> httpx2.AsyncClient:
        """Return a client for a URL, which trusts only whom the gateway trusts."""
        verify = self._tls if url.startswith("https:") else tls_for(url)
        return httpx2.AsyncClient(verify=verify, trust_env=False, follow_redirects=False, timeout=timeout)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        context = tls_for("https:")
        if self._authorities:
            context.load_verify_locations(cadata=self._authorities)
        return context


async def _exactly(size: int, chunks: AsyncIterator[bytes], at_end: Callable[[], None]) -> AsyncIterator[bytes]:
    """Return the parts of a file, and check that it has the size that was said.

    Args:
        size: in bytes.
        chunks: the parts.
        at_end: called when all of them were taken.

    Raises:
        InvalidValue: it has another.
    """
    sent = 0
    async for chunk in chunks:
        sent += len(chunk)
        if sent > size:
            break
        yield chunk
    if sent != size:
        raise InvalidValue(f"the file was said to have {size} bytes, and has {'more' if sent > size else sent}")
    at_end()
