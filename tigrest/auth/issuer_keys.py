"""Public keys of an identity provider: fetched by HTTPS, cached, and used further while the provider is down. RFC 7517"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2
import orjson
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OctKey, OKPKey, RSAKey

from tigrest.auth.issuer_settings import DISCOVERY, is_safe_url
from tigrest.concurrency.single_flight import SingleFlight
from tigrest.errors import IssuerUnavailable
from tigrest.hosts import tls_for
from tigrest.observability.log_limit import LogLimit

log = logging.getLogger(__name__)

PublicKey = RSAKey | ECKey | OKPKey

KEY_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
"""Types of keys by how the names of their algorithms begin; secrets, which HS256 uses, are not among them. RFC 7518 §3.1, RFC 9864 §2"""

_RSA_CHARACTERS = 2048 // 6
"""Fewest characters of an RSA modulus in base64: NIST disallows shorter ones. RFC 7518 §3.3"""


@dataclass(frozen=True)
class IssuerKeyLimits:
    """Limits of fetching keys.

    Args:
        document_bytes: of the largest document.
        fetch_seconds: deadline of one document.
        fresh_seconds: age at which the keys are fetched again.
        retry_seconds: least interval between two attempts, for keys that are not known or a provider that is down.
        keys: most keys of a provider that are used.
        log_seconds: interval between two lines in the log about a provider that does not answer.
    """

    document_bytes: int = 262_144
    fetch_seconds: float = 5.0
    fresh_seconds: float = 600.0
    retry_seconds: float = 10.0
    keys: int = 50
    log_seconds: float = 60.0


class _Unusable(Exception):
    """The provider cannot be reached, or answers something that cannot be used."""


Fetch = Callable[[str], Awaitable[bytes]]
"""Fetch the document of a URL; raise ``OSError`` or ``httpx2.HTTPError`` where there is none."""


def document_fetcher(limits: IssuerKeyLimits) -> Fetch:
    """Return a function that fetches small documents; it follows no redirects, and uses no proxy of the environment."""

    async def fetch(url: str) -> bytes:
        headers = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "tigrest"}
        content = bytearray()
        async with asyncio.timeout(limits.fetch_seconds):
            verify = await asyncio.to_thread(tls_for, url)
            async with httpx2.AsyncClient(verify=verify, trust_env=False) as client, client.stream("GET", url, headers=headers) as response:
                if response.status_code != 200:
                    raise OSError(f"it answers {response.status_code}")
                async for chunk in response.aiter_raw():
                    content += chunk
                    if len(content) > limits.document_bytes:
                        raise OSError(f"it sends more than {limits.document_bytes} bytes")
        return bytes(content)

    return fetch


class IssuerKeys:
    """Public keys of one identity provider.

    Args:
        issuer: URL by which the provider calls itself.
        jwks_url: where its keys are; empty where it tells itself, by OpenID Connect Discovery.
        limits: of fetching.
        fetch: fetches a document; by HTTP when absent.
        clock: tells monotonic seconds.
    """

    def __init__(
        self,
        issuer: str,
        jwks_url: str = "",
        limits: IssuerKeyLimits | None = None,
        fetch: Fetch | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer, self._jwks_url, self._clock = issuer, jwks_url, clock
        self._limits = limits or IssuerKeyLimits()
        self._fetch = fetch or document_fetcher(self._limits)
        self._keys: tuple[PublicKey, ...] = ()
        self._fresh_until: float | None = None
        self._next_attempt = float("-inf")
        self._trouble = ""
        self._flights: SingleFlight[str, None] = SingleFlight()
        self._complaints = LogLimit(self._limits.log_seconds, clock)

    async def find(self, kid: str | None, algorithm: str) -> Sequence[PublicKey]:
        """Return the keys that may have signed a token; none where there is no such key.

        Args:
            kid: name of the key in the header of the token; ``None`` where it names none.
            algorithm: of the signature.

        Raises:
            IssuerUnavailable: the keys were never read, and cannot be read now.

        RFC 7515 §4.1.4
        """
        if self._fresh_until is None or self._fresh_until <= self._clock():
            await self._refresh()
        found = self._matching(kid, algorithm)
        if not found:
            await self._refresh()
            found = self._matching(kid, algorithm)
        return found

    async def read(self) -> int:
        """Read the keys, unless that was tried a moment ago, and return how many there are.

        Raises:
            IssuerUnavailable: there are none.
        """
        await self._refresh()
        return len(self._keys)

    def _matching(self, kid: str | None, algorithm: str) -> list[PublicKey]:
        wanted = KEY_TYPES.get(algorithm[:2])
        return [
            key for key in self._keys if key.key_type == wanted and (kid is None or key.kid == kid) and key.alg in (None, "", algorithm)
        ]

    async def _refresh(self) -> None:
        """Fetch the keys again, unless that was tried a moment ago; where it fails, those read last stay.

        Raises:
            IssuerUnavailable: there are none.
        """
        if self._next_attempt <= self._clock():
            await self._flights.run("keys", self._read)
        if self._fresh_until is None:
            raise IssuerUnavailable(f"the keys of {self._issuer} cannot be read now: {self._trouble}")

    async def _read(self) -> None:
        try:
            self._keys = await self._fetched()
        except _Unusable as error:
            self._trouble = str(error)
            if self._complaints.admit() is not None:
                kept = "those read last stay valid" if self._fresh_until is not None else "its tokens are refused with 503"
                log.error("the keys of %s cannot be read: %s; %s", self._issuer, error, kept)
        else:
            self._fresh_until = self._clock() + self._limits.fresh_seconds
            log.debug("%d keys of %s read", len(self._keys), self._issuer)
        self._next_attempt = self._clock() + self._limits.retry_seconds

    async def _fetched(self) -> tuple[PublicKey, ...]:
        url = self._jwks_url or await self._discovered()
        listed = (await self._document(url)).get("keys")
        if not isinstance(listed, list):
            raise _Unusable(f"{url} is no set of keys (RFC 7517 §5)")
        keys = [key for data in listed[: self._limits.keys] if (key := _public_key(data)) is not None]
        if not keys:
            raise _Unusable(f"{url} has no public key for signatures of RSA (2048 bits or more), EC or OKP")
        return tuple(keys)

    async def _discovered(self) -> str:
        """Return where the keys are, as the provider tells. OpenID Connect Discovery 1.0 §4.3"""
        document = await self._document(self._issuer.removesuffix("/") + DISCOVERY)
        if document.get("issuer") != self._issuer:
            called = str(document.get("issuer", "nothing"))[:200]
            raise _Unusable(f"it calls itself {called}, and [[auth.issuers]] url has to be the same to the letter")
        url = document.get("jwks_uri")
        if not isinstance(url, str) or not is_safe_url(url):
            raise _Unusable("its jwks_uri is no https:// URL")
        return url

    async def _document(self, url: str) -> dict[str, Any]:
        try:
            document = orjson.loads(await self._fetch(url))
        except TimeoutError:
            raise _Unusable(f"{url}: no answer within {self._limits.fetch_seconds:g} s") from None
        except ValueError:
            raise _Unusable(f"{url} is no JSON") from None
        except (OSError, httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL) as error:
            raise _Unusable(f"{url}: {str(error) or type(error).__name__}") from None
        if not isinstance(document, dict):
            raise _Unusable(f"{url} is no JSON object")
        return document


def _public_key(data: object) -> PublicKey | None:
    """Return a key that verifies signatures; ``None`` for another one: secrets, keys for encryption, kinds not known. RFC 7517 §4"""
    if not isinstance(data, dict) or data.get("use", "sig") != "sig" or data.get("kty") not in KEY_TYPES.values():
        return None
    if data["kty"] == "RSA" and len(str(data.get("n", ""))) < _RSA_CHARACTERS:
        return None
    try:
        key = JWKRegistry.import_key(data)
        key.check_key_op("verify")
    except (JoseError, ValueError, TypeError, KeyError) as error:
        log.debug("a key of a provider is not understood: %s", error)
        return None
    return None if isinstance(key, OctKey) else key
