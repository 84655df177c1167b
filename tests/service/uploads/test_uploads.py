"""From a file to its URL: service, slot, storage."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.service.uploads.fakes import DOMAIN, US, FakeStorage, Xmpp, slot, stored
from tigrest.errors import (
    ContentTooLarge,
    InvalidValue,
    NotSupported,
    QuotaExceeded,
    ServerFailed,
    StanzaError,
    StanzaTimeout,
    TigrestError,
    Unavailable,
)
from tigrest.service.uploads import StorageLimits, UploadLimits, Uploads
from tigrest.service.uploads.services import UploadServices
from tigrest.service.uploads.storage import Storage
from tigrest.xmpp.stanza import Stanza

STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
QUICK = StorageLimits(connect=5.0, write=0.3, answer=0.3)


def uploads(xmpp: Xmpp, clock: list[float] | None = None) -> Uploads:
    now = clock or [0.0]
    return Uploads(xmpp, UploadServices(xmpp, DOMAIN, US, clock=lambda: now[0] + 1), Storage(limits=QUICK))


class Parts:
    """A file that tells whether it was read."""

    def __init__(self, *parts: bytes, error: Exception | None = None) -> None:
        self.parts, self.error, self.was_read = parts, error, False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.was_read = True
        for part in self.parts:
            yield part
        if self.error is not None:
            raise self.error


async def test_a_file_arrives_with_its_type_and_only_the_headers_that_a_service_may_set() -> None:
    headers = (
        "<header name='Authorization'>Bearer x\n y</header><header name='Host'>evil.example</header>"
        "<header name='cookie'>a=1</header><header name='Content-Length'>1</header>"
    )
    async with stored(FakeStorage()) as storage:
        xmpp = Xmpp(slot(storage.url, headers=headers))
        url = await uploads(xmpp).upload(xmpp, "../b.txt", 5, "text/plain", Parts(b"he", b"llo"))
    assert url == "https://files.example.org/a/b.txt"
    [request], [asked] = storage.requests, xmpp.requests
    assert (request.line, request.body) == ("PUT /up/b.txt HTTP/1.1", b"hello")
    assert asked.attrib == {"filename": "b.txt", "size": "5", "content-type": "text/plain"}
    sent = dict(request.headers)
    assert {name: sent[name] for name in ("authorization", "cookie", "content-type", "content-length")} == {
        "authorization": "Bearer x y",
        "cookie": "a=1",
        "content-type": "text/plain",
        "content-length": "5",
    }
    assert sent["host"] == storage.url.split("/")[2]


@pytest.mark.parametrize(
    ("refusal", "error", "words"),
    [
        (
            f"<error type='modify'><not-acceptable xmlns='{STANZAS}'/>"
            "<file-too-large xmlns='urn:xmpp:http:upload:0'><max-file-size>4</max-file-size></file-too-large></error>",
            ContentTooLarge,
            r"4 bytes \(max-file-size of upload.example.org\)",
        ),
        (
            f"<error type='wait'><resource-constraint xmlns='{STANZAS}'/><text xmlns='{STANZAS}'>Daily quota</text></error>",
            QuotaExceeded,
            "Daily quota",
        ),
        (f"<error type='auth'><forbidden xmlns='{STANZAS}'/></error>", StanzaError, "forbidden from upload.example.org"),
        (slot("http://files.example.org/up"), ServerFailed, "without TLS"),
        (slot("file:///etc/passwd"), ServerFailed, "cannot be read"),
        (slot("https://files.example.org/up", get="javascript:alert(1)"), ServerFailed, "cannot be read"),
        (slot("https://files .example.org/a"), ServerFailed, "cannot be read"),
        (slot("https://files.example.org/a&#10;b"), ServerFailed, "cannot be read"),
        ("<slot xmlns='urn:xmpp:http:upload:0'/>", ServerFailed, "without URLs"),
    ],
)
async def test_what_the_service_refuses_is_an_error_before_the_file_is_read(refusal: str, error: type[TigrestError], words: str) -> None:
    xmpp, file = Xmpp(refusal), Parts(b"hello")
    with pytest.raises(error, match=words):
        await uploads(xmpp).upload(xmpp, "b.txt", 5, "", file)
    assert not file.was_read


async def test_too_large_and_empty_files_are_refused_without_asking_for_a_slot() -> None:
    xmpp, file = Xmpp(max_size=4), Parts(b"hello")
    with pytest.raises(ContentTooLarge, match=r"4 bytes \(max-file-size of upload.example.org\)"):
        await uploads(xmpp).upload(xmpp, "b.txt", 5, "", file)
    with pytest.raises(InvalidValue, match="empty"):
        await uploads(xmpp).upload(xmpp, "b.txt", 0, "", file)
    assert (xmpp.requests, file.was_read) == ([], False)


async def test_a_domain_without_a_service_says_what_to_configure() -> None:
    xmpp = Xmpp(services=())
    with pytest.raises(NotSupported, match="http_file_share"):
        await uploads(xmpp).upload(xmpp, "b.txt", 5, "", b"hello")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", "answered 500 Oops"),
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
            "redirects elsewhere, which is not followed: it answered 302",
        ),
        (b"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n", "answered 413"),
        (b"HTTP/1.1 500 " + b"Oops" * 10_000 + b"\r\nContent-Length: 0\r\n\r\n", "answered 500 (Oops){25}$"),
        (b"nonsense\r\n\r\n", "did not take the file: ."),
    ],
)
async def test_a_storage_that_does_not_take_a_file_is_told_with_its_status(answer: bytes, words: str) -> None:
    async with stored(FakeStorage(answer)) as storage:
        xmpp = Xmpp(slot(storage.url))
        with pytest.raises(ServerFailed, match=words):
            await uploads(xmpp).upload(xmpp, "b.txt", 5, "", b"hello")


async def test_a_storage_that_is_away_or_silent() -> None:
    async with stored(FakeStorage(answer=b"")) as storage:
        xmpp = Xmpp(slot(storage.url))
        with pytest.raises(StanzaTimeout, match="in time"):
            await uploads(xmpp).upload(xmpp, "b.txt", 5, "", b"hello")
    with pytest.raises(ServerFailed, match="did not take the file: ."):
        await uploads(xmpp).upload(xmpp, "b.txt", 5, "", b"hello")


async def test_a_storage_that_never_ends_its_answer_is_not_waited_for() -> None:
    async with stored(FakeStorage(b"HTTP/1.1 100 Continue\r\n\r\n", repeats=True)) as storage:
        xmpp = Xmpp(slot(storage.url))
        with pytest.raises(StanzaTimeout, match="in time"):
            await uploads(xmpp).upload(xmpp, "b.txt", 5, "", b"hello")


async def test_an_error_without_words_is_told_by_its_name() -> None:
    async with stored(FakeStorage()) as storage:
        xmpp = Xmpp(slot(storage.url))
        with pytest.raises(ServerFailed, match="did not take the file: ConnectionResetError"):
            await uploads(xmpp).upload(xmpp, "b.txt", 5, "", Parts(b"he", error=ConnectionResetError()))


@pytest.mark.parametrize(
    ("file", "error"),
    [
        (Parts(b"hell"), InvalidValue),
        (Parts(b"hello", b"o"), InvalidValue),
        (Parts(b"he", error=ConnectionResetError("the caller has gone")), ServerFailed),
        (Parts(b"he", error=InvalidValue("cut off")), InvalidValue),
    ],
)
async def test_a_file_of_another_size_never_counts_as_whole(file: Parts, error: type[TigrestError]) -> None:
    async with stored(FakeStorage()) as storage:
        xmpp = Xmpp(slot(storage.url))
        with pytest.raises(error):
            await uploads(xmpp).upload(xmpp, "b.txt", 5, "", file)
    assert not any(request.is_complete for request in storage.requests if file.parts != (b"hello", b"o"))


async def test_the_service_is_remembered_for_a_while_and_looked_for_again_when_it_is_gone() -> None:
    clock = [0.0]
    async with stored(FakeStorage()) as storage:
        xmpp = Xmpp(slot(storage.url))
        files = uploads(xmpp, clock)
        await files.upload(xmpp, "b.txt", 5, "", b"hello")
        first = len(xmpp.asked)
        await files.upload(xmpp, "b.txt", 5, "", b"hello")
        assert len(xmpp.asked) == first + 1
        xmpp.services = ("files.example.org",)
        await files.upload(xmpp, "b.txt", 5, "", b"hello")
        assert str(xmpp.asked[-1].to) == "files.example.org"
        before = len(xmpp.asked)
        clock[0] = 1000.0
        await files.upload(xmpp, "b.txt", 5, "", b"hello")
        assert len(xmpp.asked) > before + 1
        xmpp.slot = f"<error type='cancel'><service-unavailable xmlns='{STANZAS}'/></error>"
        with pytest.raises(StanzaError, match="service-unavailable"):
            await files.upload(xmpp, "b.txt", 5, "", b"hello")


async def test_letters_of_other_alphabets_in_a_url_are_encoded() -> None:
    """ejabberd 26 writes them as they are in the name of the file."""
    async with stored(FakeStorage()) as storage:
        xmpp = Xmpp(slot(storage.url.replace("b.txt", "\u00ef%20b.txt"), get="https://files.example.org/\u00ef plan.txt"))
        assert await uploads(xmpp).upload(xmpp, "b.txt", 5, "", b"hello") == "https://files.example.org/%C3%AF%20plan.txt"
    assert storage.requests[0].line == "PUT /up/%C3%AF%20b.txt HTTP/1.1"


class Unheard:
    """A caller whose iqs do not reach the service."""

    async def request(self, iq: Stanza, timeout: float) -> Stanza:
        raise NotSupported("the server drops iqs of this component")


async def test_the_gateway_asks_where_the_iqs_of_callers_do_not_arrive() -> None:
    async with stored(FakeStorage()) as storage:
        xmpp = Xmpp(slot(storage.url))
        assert await uploads(xmpp).upload(Unheard(), "b.txt", 5, "", b"hello")
    assert len(xmpp.requests) == 1


@pytest.mark.parametrize(
    ("retry", "least", "most"),
    [("stamp='2999-01-01T00:00:00Z'", 1e9, 1e11), ("stamp='soon'", 3600, 3600), ("stamp='2001-01-01T00:00:00Z'", 1, 1)],
)
async def test_a_quota_says_when_to_try_again(retry: str, least: float, most: float) -> None:
    """XEP-0363 §7"""
    xmpp = Xmpp(f"<error type='wait'><resource-constraint xmlns='{STANZAS}'/><retry xmlns='urn:xmpp:http:upload:0' {retry}/></error>")
    with pytest.raises(QuotaExceeded) as caught:
        await uploads(xmpp).upload(xmpp, "b.txt", 5, "", b"hello")
    assert least <= caught.value.retry_after <= most


async def test_uploads_at_once_have_a_limit() -> None:
    xmpp = Xmpp()
    few = Uploads(xmpp, UploadServices(xmpp, DOMAIN, US), Storage(), UploadLimits(at_once=0))
    with pytest.raises(Unavailable, match="try again"):
        await few.upload(xmpp, "b.txt", 5, "", b"hello")
