"""Files: uploaded by HTTP, fetched at their URLs, on the embedded domain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tigrest.testing import TestGateway, serving

JSON = {"Accept": "application/json"}
LIMIT = 3 * 1024 * 1024


@pytest.fixture(scope="module")
def domain() -> Iterator[TestGateway]:
    with serving(http={"max_upload": LIMIT, "max_body": 1000}) as running:
        yield running


def fetched(domain: TestGateway, answer: Any) -> Any:
    assert answer.status_code == 200, answer.text
    return domain.get(urlsplit(answer.json()["url"]).path)


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/rest/upload?filename=b.html", {"content": b"<script>", "type": "text/html"}),
        ("/rest/upload/b.html", {"content": b"<script>", "type": "text/html"}),
        ("/rest/upload", {"files": {"file": ("b.html", b"<script>", "text/html")}}),
    ],
)
def test_a_file_is_at_its_url_and_runs_nothing(domain: TestGateway, path: str, options: dict[str, Any]) -> None:
    file = fetched(domain, domain.post(path, login="alice", **options))
    assert (file.status_code, file.content, file.headers["content-type"]) == (200, b"<script>", "text/html; charset=utf-8")
    assert file.headers["content-disposition"] == 'attachment; filename="b.html"'
    assert file.headers["content-security-policy"] == "default-src 'none'; sandbox"


def test_put_takes_a_file_as_curl_t_sends_it_and_the_answer_may_be_xml(domain: TestGateway) -> None:
    answer = domain.put("/rest/upload/b.txt?type=xml", login="alice", content=b"hello")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/xml")
    assert answer.text.startswith("<result><url>")
    assert "/b.txt</url>" in answer.text


@pytest.mark.parametrize("size", [1001, LIMIT])
def test_a_file_may_be_larger_than_other_bodies(domain: TestGateway, size: int) -> None:
    data = bytes(range(251)) * (size // 251 + 1)
    assert fetched(domain, domain.post("/rest/upload?filename=big", login="alice", content=data[:size])).content == data[:size]
    small = {"files": {"file": ("big", data[: size - 300])}}
    assert fetched(domain, domain.post("/rest/upload", login="alice", **small)).content == data[: size - 300]


def chunked() -> Iterator[bytes]:
    yield b"hello"


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        ({"content": b"x" * (LIMIT + 1)}, 413, "[http] max_upload"),
        ({"files": {"file": ("b", b"x" * LIMIT)}}, 413, "[http] max_upload"),
        ({"content": b""}, 400, "there is no file"),
        ({"content": chunked()}, 411, "Content-Length"),
        ({"files": {"file": ("b.txt", b"")}}, 400, "the file is empty"),
        ({"files": {"a": ("b.txt", b"x"), "b": ("c.txt", b"y")}}, 400, "several files"),
        ({"files": {"a": (None, "x")}}, 400, "has no file"),
        ({"content": b"nonsense", "type": "multipart/form-data; boundary=x"}, 400, ""),
    ],
)
def test_what_is_no_file_of_a_known_and_small_enough_size_is_refused(
    domain: TestGateway, options: dict[str, Any], status: int, words: str
) -> None:
    refused = domain.post("/rest/upload", login="alice", headers=JSON, **options)
    assert (refused.status_code, words in refused.text) == (status, True), refused.text


def test_only_users_upload(domain: TestGateway) -> None:
    assert domain.post("/rest/upload", content=b"hello").status_code == 401


def test_a_slot_takes_one_file_of_its_size(domain: TestGateway) -> None:
    query = {"to": "upload.localhost", "upload_request": {"filename": "b.txt", "size": 5, "content-type": "text/plain"}}
    slot = domain.post("/rest", login="alice", json=query).json()["upload_slot"]
    put = urlsplit(slot["put"]["url"]).path
    assert domain.put(put, content=b"hell").status_code == 400
    assert domain.put(put, content=b"hello").status_code == 404
    slot = domain.post("/rest", login="alice", json=query).json()["upload_slot"]
    put = urlsplit(slot["put"]["url"]).path
    assert (domain.get(put).status_code, domain.put(put, content=chunked()).status_code) == (404, 411)
    assert domain.put(put, content=b"hello", headers={"Origin": "https://client.example.org"}).status_code == 201
    assert domain.get(urlsplit(slot["get"]["url"]).path, headers={"Range": "bytes=1-2"}).content == b"el"
    assert domain.get("/upload/../../etc/passwd").status_code == 404
    assert domain.get("/upload/aaaaaaaaaaaaaaaaaaaaaa/b.txt").status_code == 404


def test_the_service_is_found_by_disco_and_says_its_limit(domain: TestGateway) -> None:
    items = domain.get("/rest/items/localhost?type=json", login="alice").json()["items"]
    assert "upload.localhost" in [item["jid"] for item in items]
    info = domain.get("/rest/disco/upload.localhost?type=json", login="alice").json()["disco"]
    assert "urn:xmpp:http:upload:0" in info["features"]
    assert str(LIMIT) in str(info["extensions"])
    query = {"to": "upload.localhost", "upload_request": {"filename": "b.txt", "size": LIMIT + 1}}
    assert domain.post("/rest", login="alice", json=query).json()["error"]["condition"] == "not-acceptable"


def test_scripts_upload_too(tmp_path: Path) -> None:
    (tmp_path / "report.py").write_text(
        "from tigrest import Handler\n"
        "class Report(Handler):\n"
        "    regex = '/report'\n"
        "    def exec_get(self, service):\n"
        "        return service.upload('report.csv', 4, '', b'a;b\\n')\n"
    )
    with serving(tmp_path) as gateway:
        url = gateway.get("/rest/report").text
        assert gateway.get(urlsplit(url).path).text == "a;b\n"


# Messages with files


def stored(domain: TestGateway) -> int:
    """Return how many files the domain has."""
    files = domain.gateway.parts.files
    assert files is not None
    return len(list(files._place.glob("*.file")))


def sent_with(domain: TestGateway, path: str, **options: Any) -> tuple[Any, list[Any]]:
    with domain.recording() as sent:
        answer = domain.post(path, login="alice", headers=JSON, **options)
    return answer, sent


@pytest.mark.parametrize("path", ["/rest/message/chat/bob@localhost", "/rest"])
@pytest.mark.parametrize("body", ["Look!", None])
def test_a_message_goes_with_its_file(domain: TestGateway, path: str, body: str | None) -> None:
    fields = {"to": "bob@localhost"} if path == "/rest" else {}
    files = {"file": ("b.png", b"\x89PNG" + b"x" * 70_000, "image/png")}
    answer, [message] = sent_with(domain, path, data=fields | ({"body": body} if body else {}), files=files)
    assert answer.status_code in (200, 202), answer.text
    url = message.xml.findtext("{jabber:x:oob}x/{jabber:x:oob}url")
    assert (message.type, str(message.to)) == ("chat", "bob@localhost")
    assert message.xml.findtext("{jabber:client}body") == (body or url)
    assert domain.get(urlsplit(url).path).content == files["file"][1]


def test_a_form_of_parts_without_a_file_is_a_message_as_any_form(domain: TestGateway) -> None:
    answer, [message] = sent_with(domain, "/rest/message/chat/bob@localhost", files={"body": (None, "Hello")})
    assert (answer.status_code in (200, 202), message.xml.findtext("{jabber:client}body")) == (True, "Hello")


@pytest.mark.parametrize(
    ("path", "fields", "file", "status", "words"),
    [
        ("/rest/message/chat/localhost", {}, b"x", 403, "announcement"),
        ("/rest/message/chat/bob@localhost", {"bdy": "x"}, b"x", 400, "bdy"),
        ("/rest/message/chat/bob@localhost", {"oob_url": "https://example.org/"}, b"x", 400, "leave out oob"),
        ("/rest/presence/available/bob@localhost", {}, b"x", 422, "goes with a message"),
        ("/rest", {"kind": "iq", "to": "localhost"}, b"x", 422, "goes with a message"),
        ("/rest/room/bob@localhost", {}, b"x", 404, "is no room"),
        ("/rest/room/bob@localhost/nick", {}, b"x", 404, "is no room"),
        ("/rest/room/hall@rooms.localhost", {"from": "alice@localhost"}, b"x", 400, "leave out from"),
        ("/rest/room/hall@rooms.localhost", {"nick": "\u200b"}, b"x", 400, "resource"),
        ("/rest/message/groupchat/bob@localhost", {}, b"x", 404, "is no room"),
        ("/rest", {"type": "groupchat", "to": "bob@localhost"}, b"x", 404, "is no room"),
        ("/rest/message/chat/bob@localhost", {}, b"", 400, "empty"),
        ("/rest/message/chat/bob@localhost", {}, b"x" * LIMIT, 413, "[http] max_upload"),
    ],
)
def test_a_message_that_is_refused_is_not_sent_and_uploads_nothing(
    domain: TestGateway, path: str, fields: dict[str, str], file: bytes, status: int, words: str
) -> None:
    before = stored(domain)
    answer, sent = sent_with(domain, path, data=fields, files={"file": ("b.txt", file)})
    assert (answer.status_code, words in answer.text, sent) == (status, True, []), answer.text
    assert stored(domain) == before


def test_other_bodies_of_messages_are_no_larger_than_before(domain: TestGateway) -> None:
    refused = domain.post("/rest/message/chat/bob@localhost", login="alice", json={"body": "x" * 1000}, headers=JSON)
    assert (refused.status_code, "[http] max_body" in refused.text) == (413, True)
    refused = domain.post("/rest", login="alice", content=chunked_text(), headers=JSON, type="text/plain")
    assert (refused.status_code, "[http] max_body" in refused.text) == (413, True)


def chunked_text() -> Iterator[bytes]:
    for _ in range(20):
        yield b"x" * 100


def test_a_repeated_upload_with_its_key_has_the_url_of_the_first(domain: TestGateway) -> None:
    urls = set()
    for _ in range(2):
        headers = JSON | {"Idempotency-Key": '"one"'}
        answer = domain.post("/rest/upload?filename=b.bin", login="alice", content=b"x" * (2 * 1024 * 1024), headers=headers)
        assert answer.status_code == 200, answer.text
        urls.add(answer.json()["url"])
    assert len(urls) == 1


def test_a_file_goes_to_a_room_with_its_password(domain: TestGateway) -> None:
    domain.put("/rest/room/hall@rooms.localhost", login="bob", json={"nick": "bob"})
    files = {"file": ("b.png", b"\x89PNG" + b"x" * 70_000, "image/png")}
    fields = {"nick": "reporter", "password": "x"}
    answer = domain.post("/rest/room/hall@rooms.localhost", login="alice", data=fields, files=files, headers=JSON)
    assert (answer.status_code, "id" in answer.json()) == (200, True), answer.text
    shown = domain.get("/rest/room/hall@rooms.localhost", login="alice", headers=JSON).json()
    assert "reporter" in [each["nick"] for each in shown["occupants"]]
    refused = domain.post("/rest/room/none@rooms.localhost", login="alice", data={"bdy": "x"}, files=files, headers=JSON)
    assert (refused.status_code, "bdy" in refused.text) == (400, True)
