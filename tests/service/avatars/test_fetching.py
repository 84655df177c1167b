"""Fetching images from the web: which addresses, which answers, and what is sent along."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.servers.certificates import make_certificate
from tigrest.service.avatars.fetching import Fetcher, FetchLimits, is_public

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
)
def test_public_addresses(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.1.2.3", "169.254.169.254", "172.16.0.1", "192.0.0.1", "192.0.2.1", "192.88.99.1",
        "192.168.1.1", "198.18.0.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1",
        "2002:7f00:1::", "2002:a00:1::1", "fc00::1", "fd00::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
    ],
)  # fmt: skip
def test_addresses_that_only_we_reach(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]).encode() + body


class Site:
    """A web server: answers by path, and keeps the heads of requests."""

    def __init__(self, answers: Callable[[str], bytes]) -> None:
        self.answers, self.heads = answers, list[str]()
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.heads.append(head.lower())
            writer.write(self.answers(head.split(" ")[1]))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def site(answers: Callable[[str], bytes], tls: ssl.SSLContext | None = None) -> AsyncIterator[Site]:
    made = Site(answers)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


def anywhere(_address: object) -> bool:
    return True


async def test_an_image_is_fetched_with_nothing_that_tells_who_asks() -> None:
    async with site(lambda path: answer(PNG, "Set-Cookie: a=b") if path == "/a.png?x=%C3%A4" else b"") as web:
        fetch = Fetcher(anywhere)
        for _ in range(2):
            assert await fetch(f"http://localhost:{web.port}/a.png?x=%C3%A4#part") == PNG
        assert f"host: localhost:{web.port}\r\n" in web.heads[1]
        for secret in ("cookie", "authorization", "referer"):
            assert f"\n{secret}:" not in web.heads[1]


async def test_certificates_are_for_the_name_not_the_address(tmp_path: Path) -> None:
    for name, expected in (("localhost", PNG), ("other.example", None)):
        certificate = make_certificate(tmp_path / name, name)
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate.file("ejabberd"))
        async with site(lambda _: answer(PNG), tls) as web:
            assert await Fetcher(anywhere, certificate.trusted())(f"https://localhost:{web.port}/") == expected
            assert await Fetcher(anywhere)(f"https://localhost:{web.port}/") is None


@pytest.mark.parametrize(
    "reply",
    [
        answer(b"<svg/>", "Content-Type: image/png"),
        answer(b""),
        answer(PNG, status="404 Not Found"),
        answer(PNG, status="206 Partial Content"),
        answer(PNG, "Content-Encoding: gzip"),
        answer(PNG + bytes(FetchLimits().image_bytes)),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"10000\r\n" + PNG[:8] + bytes(65528) + b"\r\n") * 20,
        b"no http",
        b"",
        answer(b"", "Location: ftp://x/", status="302 Found"),
        answer(b"", "Location: http://[", status="302 Found"),
        answer(b"", "Location: //a:b@localhost/", status="302 Found"),
        answer(b"", "Location: /again", status="302 Found"),
    ],
)
async def test_what_is_no_image_is_nothing(reply: bytes) -> None:
    async with site(lambda _: reply) as web:
        assert await Fetcher(anywhere)(f"http://127.0.0.1:{web.port}/a") is None
        assert len(web.heads) <= 4


async def test_addresses_are_checked_and_the_checked_one_is_used() -> None:
    async with site(lambda _: answer(PNG)) as web:
        asked: list[str] = []

        def only_that(address: object) -> bool:
            asked.append(str(address))
            return str(address) in ("127.0.0.1", "::1")

        assert await Fetcher(only_that)(f"http://localhost:{web.port}/") == PNG
        assert set(asked) <= {"127.0.0.1", "::1"}
        for url in (
            "http://localhost",
            "http://127.0.0.1",
            "http://0x7f.1",
            "http://2130706433",
            "http://0",
            "http://[::1]",
            "http://[::ffff:127.0.0.1]",
        ):
            assert await Fetcher()(f"{url}:{web.port}/") is None
        for url in ("http://nowhere.invalid/", "http://" + "a" * 300 + "/", "http://a..b/", "http://-/"):
            assert await Fetcher()(url) is None
        assert len(web.heads) == 1


async def test_every_redirect_is_checked() -> None:
    async with site(lambda _: answer(PNG)) as inside:

        def redirect(path: str) -> bytes:
            return (
                answer(b"", f"Location: http://127.0.0.2:{inside.port}/" if path == "/in" else "Location: /png", status="302 Found")
                if path != "/png"
                else answer(PNG)
            )

        async with site(redirect) as web:
            fetch = Fetcher(lambda address: str(address) == "127.0.0.1")
            assert await fetch(f"http://127.0.0.1:{web.port}/relative") == PNG
            assert await fetch(f"http://127.0.0.1:{web.port}/in") is None
        assert inside.heads == []


async def test_it_ends_in_time() -> None:
    async with site(lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + PNG) as web, asyncio.timeout(5):
        forever = asyncio.Event()

        async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await forever.wait()
            writer.close()

        silent = await asyncio.start_server(hang, "127.0.0.1", 0)
        async with silent:
            assert (
                await Fetcher(anywhere, limits=FetchLimits(seconds=0.2))(f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}/") is None
            )
            forever.set()
            await asyncio.sleep(0.01)
        assert await Fetcher(anywhere, limits=FetchLimits(seconds=0.2))(f"http://127.0.0.1:{web.port}/") is None
