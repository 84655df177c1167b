"""``tigrest hook``: hooks as administrators make them, and programs post to them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import httpx2
import pytest
import yaml  # type: ignore[import-untyped]

from tests.cli.process import ROOT, demo, serving, tigrest, without_delays
from tests.hooks.test_hooks import FORMATS
from tests.waiting import eventually


def add(cwd: Path, *arguments: str, stdin: str = "") -> str:
    done = tigrest("hook", "add", *arguments, cwd=cwd, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_hook_is_made_used_listed_and_revoked(tmp_path: Path) -> None:
    with serving("--access-log", cwd=tmp_path) as (_, base), httpx2.Client(base_url=base) as client:
        secret = add(tmp_path, "backup", "--format", "text", "--to", "alice@localhost")
        assert re.fullmatch(r"tgh_[A-Za-z0-9_-]{43}", secret)
        words = secret[4:].encode()
        assert client.post("/rest/hooks/backup", content=b"done", params={"token": secret}).status_code == 200
        assert client.post("/rest/hooks/backup", content=b"", headers={"Authorization": f"Bearer {secret}"}).status_code == 422
        eventually(lambda: "failed:" in tigrest("hook", "list", cwd=tmp_path).stdout)
        listed = tigrest("hook", "list", cwd=tmp_path).stdout
        assert re.search(r"^backup +text +alice@localhost +\d{4}-\S+ +failed: the post has not the format text", listed, re.MULTILINE), (
            listed
        )
        [entry] = json.loads(tigrest("hook", "list", "--json", cwd=tmp_path).stdout)
        assert (entry["to"], entry["room"], entry["signed"], entry["template"]) == ("alice@localhost", False, False, None)
        tested = tigrest("hook", "test", "backup", cwd=tmp_path)
        assert (tested.returncode, tested.stderr) == (0, "")
        assert tigrest("hook", "revoke", "backup", cwd=tmp_path).stdout == "backup is revoked\n"
        eventually(lambda: client.post("/rest/hooks/backup", content=b"x", params={"token": secret}).status_code == 401)
        assert tigrest("hook", "test", "backup", cwd=tmp_path).returncode == 1
        log = (tmp_path / "log").read_text()
        assert "POST /rest/hooks/backup 200" in log
        assert words not in log.encode() + listed.encode() + (tmp_path / "var" / "tigrest.sqlite3").read_bytes()
        assert "Traceback" not in without_delays(log)


def test_a_template_is_read_each_time_and_the_log_says_why_one_fails(tmp_path: Path) -> None:
    template = tmp_path / "door.txt"
    template.write_text("{{ who or 'Somebody' }} is at the {{ door }} door")
    with serving(cwd=tmp_path) as (_, base), httpx2.Client(base_url=base) as client:
        secret = "a secret of one's own"
        assert (
            add(
                tmp_path,
                "door",
                "--format",
                "json",
                "--to",
                "alice@localhost",
                "--template",
                "door.txt",
                "--secret-file",
                "-",
                stdin=secret,
            )
            == ""
        )

        def post() -> int:
            return client.post("/rest/hooks/door", json={"door": "front"}, auth=("x", secret)).status_code

        assert post() == 200
        template.write_text("\n{{ door.__class__ }}")
        assert post() == 500
        template.unlink()
        assert post() == 500
        template.write_text("{{ door }}")
        assert post() == 200
        log = (tmp_path / "log").read_text()
        assert f"the template {template}:2 fails: a template may not read the attribute __class__" in log
        assert f"the template {template} fails: " in log
        eventually(lambda: "sent" in tigrest("hook", "list", cwd=tmp_path).stdout)


def test_hooks_of_the_configuration_work_too(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[[hooks]]\nname = "ci"\nformat = "slack"\nto = "alice@localhost"\nsecret = "0123456789abcdef"\n')
    with serving("--config", str(config), cwd=tmp_path) as (_, base), httpx2.Client(base_url=base) as client:
        answer = client.post("/rest/hooks/ci?token=0123456789abcdef", data={"payload": '{"text": "built"}'})
        assert (answer.status_code, answer.headers["content-type"], answer.text) == (200, "text/plain", "ok")
    config.write_text(
        config.read_text() + '[[hooks]]\nname = "fax"\nformat = "fax"\nto = "a@b"\nsecret = "0123456789abcdef"\ntemplate = "no.txt"\n'
    )
    checked = tigrest("check", "--config", str(config), cwd=tmp_path)
    assert checked.returncode == 1
    assert 'hook "fax": there is no format "fax"\nno.txt:1: template: ' in checked.stdout
    assert tigrest("hook", "revoke", "ci", "--config", str(config), cwd=tmp_path).stderr.startswith(
        'tigrest: there is no stored hook named "ci"'
    )


def test_a_repeat_with_its_key_sends_nothing_more(tmp_path: Path) -> None:
    with serving(cwd=tmp_path) as (_, base), httpx2.Client(base_url=base) as client:
        secret = add(tmp_path, "text", "--format", "text", "--to", "alice@localhost")
        headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": '"night-1"'}
        first, second = (client.post("/rest/hooks/text", content=b"once", headers=headers) for _ in range(2))
        assert (first.status_code, second.text, second.headers["idempotent-replayed"]) == (200, first.text, "true")
        other = client.post("/rest/hooks/text", content=b"once", headers=headers | {"Authorization": "Bearer wrong"})
        assert other.status_code == 401
    assert demo(tmp_path)["passwords"]


def test_who_makes_a_hook_is_told_how_to_try_it_and_that_rooms_need_their_option(tmp_path: Path) -> None:
    def told(name: str, *arguments: str) -> str:
        return tigrest("hook", "add", name, *arguments, cwd=tmp_path).stderr

    text = told("text", "--format", "text", "--to", "alice@localhost")
    assert "Try it: tigrest hook test text; or echo Hello | curl -H 'Authorization: Bearer SECRET' --data-binary @- http" in text
    room = ("--format", "grafana", "--to", "hall@rooms.localhost")
    assert "hall@rooms.localhost is taken for a user of another server; for a room make the hook with --room" in told("user", *room)
    assert told("room", *room, "--room").startswith(
        "Hook room: http://127.0.0.1:8080/rest/hooks/room (by [http] host and port: no gateway answers) sends to room hall@rooms.localhost\n"
        "Try it: tigrest hook test room\n"
    )


def test_while_a_gateway_runs_its_url_is_printed_and_a_room_is_not_taken_for_a_user(tmp_path: Path) -> None:
    def made(name: str, to: str, *more: str) -> subprocess.CompletedProcess[str]:
        return tigrest("hook", "add", name, "--format", "text", "--to", to, *more, cwd=tmp_path)

    with serving(cwd=tmp_path) as (_, base):
        assert f"Hook user: {base}/rest/hooks/user sends to alice@localhost\n" in made("user", "alice@localhost").stderr
        assert f"--data-binary @- {base}/rest/hooks/abroad\n" in made("abroad", "bob@nowhere.example").stderr
        refused = made("hall", "hall@rooms.localhost")
        room = "--to hall@rooms.localhost is the address of a room; make the hook with --room"
        assert (refused.returncode, refused.stdout, refused.stderr) == (2, "", f"tigrest: {room}\n")
        assert made("hall", "hall@rooms.localhost", "--room").returncode == 0
        assert "is not the address of a user or a room" in made("rooms", "rooms.localhost").stderr
        command = tigrest("ctl", "add_hook", "lobby", "text", "lobby@rooms.localhost", cwd=tmp_path)
        assert (command.returncode, command.stderr) == (
            1,
            "tigrest: lobby@rooms.localhost is the address of a room, so room has to be true\n",
        )
        assert f"try: curl {base}/rest/there/world\n" in tigrest("new", "there", cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["revoke", "none"], 1, 'there is no stored hook named "none"'),
        (["add", "x", "--format", "fax", "--to", "a@b"], 2, '--format "fax" is no format; there is alertmanager, apprise, '),
        (["add", "x", "--format", "text", "--to", "a@b@c"], 2, "--to: "),
        (["add", "x", "--format", "text", "--to", "b"], 1, "is not the address of a user or a room"),
        (["add", "X", "--format", "text", "--to", "a@b"], 1, "the name of a hook is 'X'"),
        (["add", "x", "--format", "text", "--to", "a@b", "--template", "none.txt"], 2, "--template none.txt:1: template: "),
        (["add", "x", "--format", "text", "--to", "a@b", "--secret-file", "none"], 2, "--secret-file none: "),
        (["add", "x", "--format", "text", "--to", "a@b", "--secret-file", "-"], 1, "at least 16 characters"),
        (["add", "x", "--format", "text"], 2, "--to"),
        (["test", "x"], 3, "no gateway"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    done = tigrest("hook", *arguments, cwd=tmp_path)
    assert words in done.stderr
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)


PAGE = (ROOT / "docs" / "alerts.md").read_text("utf-8")
EXAMPLES = ROOT / "examples" / "hooks"
ELSEWHERE = "https://xmpp.example.com"


def test_the_page_shows_what_arrives_and_the_examples() -> None:
    shown = [text for text in re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL) if not text.startswith("{#")]
    made = {path.stem: path.read_text("utf-8") for path in (ROOT / "tests" / "hooks" / "samples").glob("*.txt")}
    assert [text for text in shown if text not in made.values()] == []
    for format in FORMATS:
        assert any(name.startswith(format) and text in shown for name, text in made.items()), format
    for path in EXAMPLES.glob("*.y*ml"):
        text = path.read_text("utf-8")
        assert text.partition("\n")[2] in PAGE, path.name
        assert yaml.safe_load(text)
    assert all(path.suffix in (".yml", ".yaml") or f"../examples/hooks/{path.name}" in PAGE for path in EXAMPLES.iterdir())


def test_the_lines_of_the_page_work_as_printed(tmp_path: Path) -> None:
    blocks = re.findall(r"^```bash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    adding = {name: line for text in blocks for line in text.splitlines() if (name := "".join(re.findall(r"tigrest hook add (\S+)", line)))}
    posting = [line for text in blocks for line in text.splitlines() if "curl " in line]
    assert len(posting) == 4
    with serving(cwd=tmp_path) as (_, base):
        for line in posting:
            [name] = re.findall(r"/rest/hooks/(\w+)", line)
            format = "".join(re.findall(r"--format (\S+)", adding[name]))
            secret = add(tmp_path, name, "--format", format, "--to", "alice@localhost")
            assert pasted(line.replace("SECRET", secret), base, tmp_path) == "200", line
        secret = add(tmp_path, "cron2", "--format", "text", "--to", "alice@localhost")
        (tmp_path / "header").write_text(f"Authorization: Bearer {secret}\n")
        script = (
            (EXAMPLES / "to-xmpp")
            .read_text()
            .replace(ELSEWHERE, base)
            .replace("/etc/to-xmpp.header", "header")
            .replace("hooks/cron", "hooks/cron2")
        )
        (tmp_path / "to-xmpp").write_text(script)
        for text in ("", "tar: disk is full"):
            done = subprocess.run(["sh", "to-xmpp"], cwd=tmp_path, input=text, capture_output=True, text=True, timeout=30)
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        eventually(lambda: re.search(r"^cron2 .*sent", tigrest("hook", "list", cwd=tmp_path).stdout, re.MULTILINE))


def pasted(line: str, base: str, cwd: Path) -> str:
    """Paste a line, and return the status of the answer."""
    command = line.replace(ELSEWHERE, base).replace("curl ", "curl -s -o answer -w '%{http_code}' ")
    return subprocess.run(["sh", "-c", command], cwd=cwd, capture_output=True, text=True, timeout=30).stdout
