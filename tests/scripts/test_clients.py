"""Requests as the programs that people have at hand send them: each works, or is told what to add."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.curl import SHELLS, Shell, listening
from tigrest.testing import PASSWORD, TestGateway, serving

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
MESSAGE = '{"to": "bob@localhost", "body": "Hello"}'


@pytest.fixture(scope="module")
def gateway() -> Iterator[TestGateway]:
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def base(gateway: TestGateway) -> Iterator[str]:
    with listening(gateway) as url:
        yield url


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("options", "path", "status", "said"),
    [
        (f"--json '{MESSAGE}'", "", 202, ""),
        (f"-H 'Content-Type: application/json' -d '{MESSAGE}'", "", 202, ""),
        ("-d to=bob@localhost -d body=Hello", "", 202, ""),
        ("-d to=bob@localhost --data-urlencode 'body=Hello & [good] bye?'", "", 202, ""),
        ("-d Hello", "/message/chat/bob@localhost", 202, ""),
        ("--data-urlencode 'Hello, you & me'", "/message/chat/bob@localhost", 202, ""),
        ("-H 'Content-Type: text/plain' -d '[FIRING:1] disk full'", "/message/chat/bob@localhost", 202, ""),
        ("-X POST -H 'Content-Type: application/json' -T message.json", "", 202, ""),
        ("--get -d type=json", "/version/localhost", 200, '"name":"tigrest"'),
        (f"-d '{MESSAGE}'", "", 415, "Content-Type: application/json"),
        ("-d @message.json", "", 415, "Content-Type: application/json"),
        ("-X POST -T message.json", "", 415, "Content-Type: application/json"),
        ("-d '<presence/>'", "", 415, "Content-Type: application/xml"),
        ("-T message.json", "", 404, "PUT is not implemented here; there is GET, POST"),
        ("-F to=bob@localhost -F body=Hello", "", 202, ""),
    ],
)
def test_curl(shell: str, base: str, tmp_path: Path, options: str, path: str, status: int, said: str) -> None:
    (tmp_path / "message.json").write_text(MESSAGE)
    answer = Shell(shell, tmp_path).paste(f"curl -u alice:{PASSWORD} {options} {base}/rest{path}")
    assert (answer.status, answer.error) == (status, ""), answer
    assert said in answer.text


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("options", "status"),
    [
        ("--post-data='to=bob@localhost&body=Hello'", "202"),
        (f"--header='Content-Type: application/json' --post-data='{MESSAGE}'", "202"),
        (f"--post-data='{MESSAGE}'", "415"),
    ],
)
def test_wget(shell: str, base: str, tmp_path: Path, options: str, status: str) -> None:
    if shutil.which("wget") is None:
        pytest.skip("wget is not installed")
    login = f"--auth-no-challenge --user=alice --password={PASSWORD}"
    line = f"wget --no-config --no-verbose --server-response -O - {login} {options} {base}/rest 2>&1 | sed 's/.*HTTP.1.1 \\([0-9]*\\).*/status \\1/'"
    assert f"status {status}" in Shell(shell, tmp_path).run(line)


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        # requests and httpie: data= and --form, json= and the default, a text without type
        (FORM, urlencode({"to": "bob@localhost", "body": "Hello"}), 202),
        (JSON, MESSAGE, 202),
        ("", MESSAGE, 415),
        ("", "Hello", 415),
        # Apprise: json:// and form:// with fields renamed, ?:message=body&:title=&:type=&:version=
        (JSON, '{"body": "Hello"}', 202),
        (FORM, "body=Hello", 202),
    ],
)
def test_programs_in_python(gateway: TestGateway, content_type: str, body: str, status: int) -> None:
    headers = {"Accept": "*/*", **({"Content-Type": content_type} if content_type else {})}
    assert gateway.post("/rest", login="alice", content=body, headers=headers).status_code == status
