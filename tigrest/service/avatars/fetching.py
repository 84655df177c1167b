"""Fetch images from the web for callers, but never from private addresses (SSRF)."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urljoin

import httpx2

from tigrest.formats.images import image_type
from tigrest.hosts import tls_for
from tigrest.service.avatars.encodings import web_address

log = logging.getLogger(__name__)

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_HEADERS = {"Accept": "image/*", "Accept-Encoding": "identity", "User-Agent": "tigrest"}

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv6 addresses that lead to the IPv4 addresses in their last 32 bits. RFC 6052 §2.1"""

NOT_ROUTED = tuple(ipaddress.ip_network(text) for text in ("64:ff9b:1::/48", "192.88.99.0/24", "2001::/32", "fec0::/10", "::/96"))
"""Networks that must not be reached though Python's tables, or older ones of them, call them global: local NAT64, relays of 6to4,
Teredo, site-local, IPv4-compatible."""


@dataclass(frozen=True)
class FetchLimits:
    """Limits of fetching images.

    Args:
        image_bytes: of the largest image.
        redirects: that are followed.
        seconds: deadline of one fetch: DNS, connections, redirects and image.
        fetches: most at once.
        resolves: most host names resolved at once: resolvers are slow, and the threads that wait for them are few.
        addresses: of one host that are tried.
    """

    image_bytes: int = 1024 * 1024
    redirects: int = 3
    seconds: float = 5.0
    fetches: int = 16
    resolves: int = 2
    addresses: int = 3


class _Refused(Exception):
    """A URL may not be fetched, or what was fetched is not accepted."""


def is_public(address: IPAddress) -> bool:
    """Tell whether an address belongs to the public internet.

    Private, loopback, link-local, shared, reserved, multicast and unspecified addresses do not, nor do IPv6 addresses that lead to such
    an IPv4 address.

    RFC 6890
    """
    inner = _embedded(address)
    if inner is not None:
        return is_public(inner)
    reachable = address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified or address.is_link_local)
    return reachable and not any(address in network for network in NOT_ROUTED if network.version == address.version)


def _embedded(address: IPAddress) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 address leads to, if any. RFC 4291 §2.5.5.2, RFC 3056 §2, RFC 6052 §2.1"""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


class Fetcher:
    """Fetches images.

    Args:
        is_allowed: decides whether an IP address may be connected to.
        trust: whom to believe the names of ``https`` servers; the usual authorities by default.
        limits: of fetching.
    """

    def __init__(
        self,
        is_allowed: Callable[[IPAddress], bool] = is_public,
        trust: ssl.SSLContext | None = None,
        limits: FetchLimits = FetchLimits(),
    ) -> None:
        self._is_allowed = is_allowed
        self._trust, self._limits = trust, limits
        self._fetches, self._resolves = asyncio.Semaphore(limits.fetches), asyncio.Semaphore(limits.resolves)

    async def __call__(self, url: str) -> bytes | None:
        """Fetch an image.

        Every host is resolved once, its addresses are checked, and the connection goes to an address that was checked. There are no
        cookies and no credentials, and no proxy of the environment is used.

        Args:
            url: its address, as :func:`~tigrest.service.avatars.encodings.web_address` writes it.

        Returns:
            Its bytes, which are one of the formats that :func:`~tigrest.formats.images.image_type` knows; ``None`` when there is no
            such image in time.
        """
        try:
            async with asyncio.timeout(self._limits.seconds), self._fetches:
                return await self._follow(url)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError, _Refused) as error:  # OSError, ValueError: what is no name in DNS
            log.debug("an avatar was not fetched: %s: %s", type(error).__name__, error)
            return None

    async def _follow(self, url: str) -> bytes:
        for _ in range(self._limits.redirects + 1):
            target = httpx2.URL(url)
            async with httpx2.AsyncClient(verify=self._tls if target.scheme == "https" else tls_for(url), trust_env=False) as client:
                response = await self._open(client, target)
                try:
                    if not response.has_redirect_location:
                        return await _image(response, self._limits.image_bytes)
                    url = web_address(urljoin(url, response.headers["location"]))
                finally:
                    await response.aclose()
            if not url:
                raise _Refused(f"{target.host} redirects to what is no web address")
        raise _Refused(f"{target.host} redirects more than {self._limits.redirects} times")

    async def _open(self, client: httpx2.AsyncClient, target: httpx2.URL) -> httpx2.Response:
        """Send a request to a checked address of the host; its head and the TLS handshake name the host.

        Raises:
            httpx2.ConnectError: none of the addresses answers.
        """
        host = target.raw_host.decode("ascii")
        addresses = await self._resolve(host, target.port or (443 if target.scheme == "https" else 80))
        headers = {**_HEADERS, "Host": target.netloc.decode("ascii")}
        for address in addresses[:-1]:
            with contextlib.suppress(httpx2.ConnectError):
                return await client.send(_request(target, address, headers, host), stream=True)
        return await client.send(_request(target, addresses[-1], headers, host), stream=True)

    async def _resolve(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host, IPv4 first.

        Raises:
            _Refused: one of its addresses may not, so that nobody hides it among others.
        """
        async with self._resolves:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [ipaddress.ip_address(str(entry[4][0])) for entry in found]
        if not addresses or not all(self._is_allowed(address) for address in addresses):
            raise _Refused(f"{host} is not on the public internet")
        return [str(address) for address in sorted(addresses, key=lambda address: address.version)][: self._limits.addresses]

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Return what verifies the hosts of all ``https`` addresses."""
        return self._trust or tls_for("https://")


def _request(target: httpx2.URL, address: str, headers: dict[str, str], host: str) -> httpx2.Request:
    return httpx2.Request("GET", target.copy_with(host=address, fragment=None), headers=headers, extensions={"sni_hostname": host})


async def _image(response: httpx2.Response, most: int) -> bytes:
    """Read an image.

    Args:
        response: whose head is read.
        most: bytes that it may have.

    Raises:
        _Refused: it is none, or too large.
    """
    if response.status_code != 200 or response.headers.get("content-encoding", "identity") != "identity":
        raise _Refused(f"{response.request.headers['host']} answered {response.status_code}, or compressed")
    data = bytearray()
    async for chunk in response.aiter_raw():
        data += chunk
        if len(data) > most:
            raise _Refused(f"{response.request.headers['host']} has more than {most} bytes")
    if not image_type(bytes(data[:32])):
        raise _Refused(f"{response.request.headers['host']} has no image there")
    return bytes(data)
