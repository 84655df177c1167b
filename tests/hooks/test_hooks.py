"""Hooks on the embedded domain: what is posted arrives as a message, and what cannot be used is said."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import eventually
from tigrest.auth.hook_store import make_hook
from tigrest.scripting.hook_formats import HookFormat
from tigrest.testing import TestGateway, serving
from tigrest.xmpp.jid import JID

SECRET = "tgh_0123456789abcdef"
SAMPLES = Path(__file__).with_name("samples")
FORMATS = ("alertmanager", "apprise", "github", "gitea", "gitlab", "gotify", "grafana", "json", "ntfy", "slack", "text", "uptime-kuma")


def add(gateway: TestGateway, name: str, format: str, **options: Any) -> None:
    """Store a hook for bob."""
    gateway.client.portal.call(gateway.gateway.parts.hook_store.add, make_hook(name, format, JID("bob@localhost"), SECRET, **options))


@pytest.fixture(scope="module")
def gateway() -> Iterator[TestGateway]:
    with serving() as running:
        for name in FORMATS:
            add(running, name, name)
        add(running, "ntfy-json", "ntfy")
        yield running


def post(gateway: TestGateway, name: str, **options: Any) -> tuple[Any, list[str]]:
    """Post to a hook with its secret; gives the answer and the texts that arrive."""
    options.setdefault("params", {"token": SECRET})
    with gateway.recording() as sent:
        answer = gateway.post(f"/rest/hooks/{name}", **options)
    return answer, [str(stanza.xml.findtext("{jabber:client}body")) for stanza in sent]


def sample(name: str) -> dict[str, Any]:
    """Return headers and body of a sample."""
    head, _, body = (SAMPLES / f"{name}.http").read_text("utf-8").partition("\n\n")
    head, body = ("", head.lstrip("\n")) if ": " not in head.partition("\n")[0] else (head, body)
    return {"headers": dict(line.split(": ", 1) for line in head.splitlines()), "content": body.strip().encode()}


def test_there_is_a_format_for_each_program(gateway: TestGateway) -> None:
    assert sorted(each.format for each in gateway.gateway.table.of(HookFormat)) == sorted(FORMATS)


@pytest.mark.parametrize("name", sorted(path.stem for path in SAMPLES.glob("*.http")))
def test_what_a_program_posts_arrives_as_readable_text(gateway: TestGateway, name: str) -> None:
    format = next(each for each in FORMATS if name.startswith(each))
    answer, texts = post(gateway, format, **sample(name))
    assert (answer.status_code, len(texts)) == (200, 1), answer.text
    expected = SAMPLES / f"{name}.txt"
    if os.environ.get("TIGREST_WRITE_SAMPLES"):
        expected.write_text(f"{texts[0]}\n", "utf-8")
    assert f"{texts[0]}\n" == expected.read_text("utf-8")
    assert answer.text == "ok" if format == "slack" else list(answer.json()) == ["id"]


@pytest.mark.parametrize("title", ["=?x?q?a?=", "=?utf-8?b?a?=", "=?utf-8?b?//8=?=", "=?hex?q?zz?="])
def test_a_malformed_encoded_word_is_shown_as_it_is(gateway: TestGateway, title: str) -> None:
    answer, [text] = post(gateway, "ntfy", content=b"said", headers={"Title": title})
    assert answer.status_code == 200
    assert title in text


def test_an_alert_storm_is_one_message_of_bounded_length(gateway: TestGateway) -> None:
    data = json.loads(sample("alertmanager")["content"])
    data["alerts"] = []
    for number in range(500):
        labels = {"alertname": "InstanceDown", "severity": "critical", "instance": "db" * 100, "number": number}
        alert = {"status": "resolved" if number % 5 == 0 else "firing", "labels": labels, "annotations": {"summary": "is down " * 100}}
        data["alerts"].append(alert)
    answer, [text] = post(gateway, "alertmanager", json=data | {"truncatedAlerts": 3})
    assert answer.status_code == 200
    assert text.startswith("[FIRING:400] InstanceDown (critical)")
    assert "\n[RESOLVED:100] InstanceDown (critical)" in text
    assert [each in text for each in ("… and 390 more", "… and 90 more", "… and 3 that Alertmanager left out")] == [True] * 3
    assert text.endswith(data["externalURL"])
    assert len(text) < 5000


FORM = "application/x-www-form-urlencoded"
JSON_BODY = b'{"alerts": [], "groupKey": "x"}'


def test_no_character_of_a_post_acts_in_the_client_of_the_reader(gateway: TestGateway) -> None:
    _, texts = post(gateway, "json", json={"text": "ab\u202ec\u202dd\x9b31me\x7ff\x00\x1bg\u200f\u2067h\u2069 1\u20282\x853\r\n4"})
    assert texts == ["abcd31mefg\u200f\u2067h\u2069 1\n2\n3\n4"]


@pytest.mark.parametrize(
    ("hook", "options", "detail"),
    [
        ("alertmanager", {"content": b""}, "the body is empty"),
        ("alertmanager", {"content": b"  \n"}, "the body is empty"),
        ("text", {"content": b"\n"}, "the body is empty"),
        ("json", {"content": b""}, "the body is empty"),
        ("gotify", {"content": b"\xff\xfe{"}, "the body is not JSON"),
        ("text", {"content": b"caf\xe9"}, "is not text in UTF-8"),
        ("json", {"content": b'{"a": "caf\xe9"}'}, "the body is not JSON"),
        ("json", {"content": b"[" * 5000 + b"]" * 5000}, "the body is not JSON"),
        ("alertmanager", {"content": b'{"alerts": ' + b"[" * 300 + b"]" * 300 + b"}"}, "nested more than"),
        ("json", {"content": b"[[]," + b"[]," * 60_000 + b"[]]"}, "objects and arrays"),
        ("alertmanager", {"json": [1, 2]}, "no object; it looks like json"),
        ("alertmanager", {"json": {"alerts": {"a": 1}, "groupKey": 1}}, "there is no alerts and groupKey of Alertmanager"),
        ("alertmanager", {"data": {"payload": "{}"}}, "it looks like"),
        ("slack", {"data": {"text": "x"}}, "the form has no field payload with JSON; it looks like"),
        ("slack", {"data": {"payload": "[1]"}}, "there is no object in the field payload"),
        ("slack", {"json": {"blocks": "x", "attachments": [1, None, {"fields": 3, "actions": {}}]}}, "there is no text, blocks or"),
        ("gitea", {"data": {"text": "x"}, "headers": {"X-Gitea-Event": "push"}}, "the form has no field payload with JSON"),
        ("gitea", {"data": {"payload": ["{}", "{}"]}, "headers": {"X-Gogs-Event": "push"}}, "the form has 2 fields payload; send one"),
        ("github", {"data": {"payload": ["{}", "{}"]}, "headers": {"X-GitHub-Event": "push"}}, "the form has 2 fields payload; send one"),
        ("gitea", {"files": {"payload": b"{}"}, "headers": {"X-Gitea-Event": "push"}}, "no field payload with JSON; a file is none"),
        ("gitea", {"data": dict.fromkeys(map(str, range(1001)), "x"), "headers": {"X-Gitea-Event": "push"}}, "more than 1000 fields"),
        ("gitea", {"content": b"payload=%FF", "type": FORM, "headers": {"X-Gitea-Event": "push"}}, "the form cannot be read"),
        ("uptime-kuma", {"data": {"data": "no"}}, "the form has no field data with JSON"),
        ("slack", {"data": {"payload": '{"text": "x", "blocks": [' + "{}," * 60_000 + "{}]}"}}, "objects and arrays"),
        ("slack", {"data": {"payload": '{"text": NaN}'}}, "with JSON: JSON cannot be read"),
        ("github", {"data": {"payload": "[" * 300 + "]" * 300}, "headers": {"X-GitHub-Event": "push"}}, "nested more than"),
        ("uptime-kuma", {"data": {"data": '{"msg": "\\ud800"}'}}, "with JSON: JSON cannot be read"),
        ("json", {"content": b"[" + b"1," * 260_000 + b"1]"}, "more than 250000 values"),
        ("github", {"json": {"zen": "x"}}, "there is no header X-GitHub-Event; it looks like json"),
        ("github", {"json": {"a": 1}, "headers": {"X-GitHub-Event": "push"}}, "there is no ref and after of a push"),
        ("gitea", {"data": {"payload": '{"ref": "x"}'}, "headers": {"X-Gitea-Event": "push"}}, "there is no ref and after of a push"),
        ("gitlab", {"json": {"object_kind": "push"}, "headers": {"X-Gitlab-Event": "Push Hook"}}, "there is no ref and after of a push"),
        ("gitlab", {"json": {"object_kind": "push"}}, "there is no header X-Gitlab-Event"),
        ("apprise", {"json": {"message": "x"}}, "it looks like gotify"),
        ("gotify", {"json": {"text": "x"}}, "it looks like"),
        ("ntfy", {"content": b"", "type": "text/plain"}, "there is no text"),
        ("text", {"content": b"\x07\x0b", "type": "text/plain"}, "the text that it makes is empty"),
        ("text", {"data": {"text": "x"}, "type": f"{FORM}; charset=none"}, "is not text"),
    ],
)
def test_what_has_not_the_format_is_422_and_sends_nothing(gateway: TestGateway, hook: str, options: dict[str, Any], detail: str) -> None:
    answer, texts = post(gateway, hook, **options)
    assert (answer.status_code, texts) == (422, [])
    assert detail in answer.text


@pytest.mark.parametrize("looks", [each for each in FORMATS if each not in ("json", "text", "ntfy")])
def test_a_post_for_another_hook_says_which_format_it_has(gateway: TestGateway, looks: str) -> None:
    wrong = "uptime-kuma" if looks != "uptime-kuma" else "grafana"
    name = next(path.stem for path in sorted(SAMPLES.glob("*.http")) if path.stem.startswith(looks))
    answer, texts = post(gateway, wrong, **sample(name))
    assert (answer.status_code, texts) == (422, [])
    assert answer.text.count(f"; it looks like {looks}") == 1, answer.text


@pytest.mark.parametrize(
    ("hook", "event", "body", "reason"),
    [
        ("github", "x-github-event: check_suite", {"action": "completed"}, "the event check_suite means nothing to people"),
        ("github", "x-github-event: issues", {"action": "labeled"}, "an issue that is labeled"),
        ("github", "x-github-event: issues", [], ""),
        (
            "github",
            "x-github-event: workflow_run",
            {"action": "completed", "workflow_run": {"conclusion": "success"}},
            "a workflow that is",
        ),
        ("gitea", "x-gitea-event: package", {}, "the event package means"),
        ("gitlab", "x-gitlab-event: Job Hook", {"object_kind": "build"}, "the event build means"),
        ("gitlab", "x-gitlab-event: Pipeline Hook", {"object_kind": "pipeline", "object_attributes": {"status": "running"}}, "a pipeline"),
        ("alertmanager", "x-a: b", json.loads(JSON_BODY), "there is no alert in it"),
    ],
)
def test_what_means_nothing_to_people_is_ignored_with_the_reason(
    gateway: TestGateway, hook: str, event: str, body: Any, reason: str
) -> None:
    name, value = event.split(": ")
    answer, texts = post(gateway, hook, json=body, headers={name: value})
    assert texts == []
    if reason:
        assert (answer.status_code, answer.json()["ignored"][: len(reason)]) == (202, reason)
    else:
        assert answer.status_code == 422


KEYS = (
    *("alerts", "groupKey", "orgId", "commonLabels", "heartbeat", "monitor", "msg", "text", "blocks", "attachments", "message", "topic"),
    *("version", "type", "tags", "repository", "commits", "ref", "after", "issue", "comment", "project", "object_attributes", "commit"),
)
"""Keys that formats read."""

ODD: list[Any] = [None, True, 1.5, "x", [], [1, None, [{}]], {}, {"a": [{}]}, [{"labels": 1, "type": [], "text": {"text": 1}}]]
EVENTS = ("push", "issues", "pull_request", "issue_comment", "release", "workflow_run", "pull_request_review", "create")
KINDS = {"issues": "issue", "pull_request": "merge_request", "workflow_run": "pipeline", "issue_comment": "note"}


@pytest.mark.parametrize("format", FORMATS)
def test_no_format_fails_at_json_that_it_does_not_expect(gateway: TestGateway, format: str) -> None:
    for value in ODD:
        for event in EVENTS if format in ("github", "gitea", "gitlab") else EVENTS[:1]:
            body = dict.fromkeys(KEYS, value) | {"action": "created", "object_kind": KINDS.get(event, event)}
            for more in ({}, {"ruleName": value, "state": value}):
                answer, _ = post(gateway, format, json=body | more, headers={f"x-{format}-event": event})
                assert answer.status_code in (200, 202, 422), (value, event, answer.text)


def test_a_user_that_there_is_not_is_404_and_the_outcome_says_so(gateway: TestGateway) -> None:
    hook = make_hook("nobody", "text", JID("nobody@localhost"), SECRET)
    gateway.client.portal.call(gateway.gateway.parts.hook_store.add, hook)
    answer, _ = post(gateway, "nobody", content=b"hi")
    assert answer.status_code == 404

    def outcome() -> str:
        hooks = gateway.client.portal.call(gateway.gateway.parts.hooks.list)
        return str(next(each.last_outcome for each in hooks if each.name == "nobody"))

    eventually(lambda: outcome().startswith("failed: "))


def test_a_hook_that_takes_a_room_for_a_user_says_how_it_is_made(gateway: TestGateway) -> None:
    hook = make_hook("hall", "text", JID("hall@rooms.localhost"), SECRET)
    gateway.client.portal.call(gateway.gateway.parts.hook_store.add, hook)
    answer, _ = post(gateway, "hall", content=b"hi")
    assert answer.status_code == 406
    assert "hall@rooms.localhost: this is the address of a room: make the hook with --room, or room = true in [[hooks]]" in answer.text


def test_a_huge_body_is_413(gateway: TestGateway) -> None:
    for hook in ("text", "json"):
        answer, texts = post(gateway, hook, content=b"x" * (1024 * 1024 + 1))
        assert (answer.status_code, texts) == (413, [])


def test_text_without_characters_that_xml_cannot_carry_arrives(gateway: TestGateway) -> None:
    answer, texts = post(gateway, "text", content="a\x00b\x1b[31mred\x0c\r\n\r\n\r\n\r\n<b>&amp; ☃\ufffe".encode(), type="text/plain")
    assert (answer.status_code, texts) == (200, ["ab[31mred\n\n<b>&amp; ☃"])


def test_text_in_another_charset_arrives(gateway: TestGateway) -> None:
    _, texts = post(gateway, "text", content="Käse".encode("latin-1"), type="text/plain; charset=iso-8859-1")
    assert texts == ["Käse"]


def test_long_text_is_cut(gateway: TestGateway) -> None:
    _, [text] = post(gateway, "text", content=b"word " * 10_000, type="text/plain")
    assert (len(text) < 5020, text.endswith("… (cut)")) == (True, True)


def test_forms_of_several_parts_are_read(gateway: TestGateway) -> None:
    for hook, field in (("gotify", "message"), ("text", "text")):
        answer, texts = post(gateway, hook, files={field: (None, "Backup done"), "file": ("a.txt", b"x")})
        assert (answer.status_code, texts) == (200, ["Backup done"])


@pytest.mark.parametrize("name", ["gitea-push", "github-push", "slack", "uptime-kuma-down"])
def test_json_that_curl_calls_a_form_is_read(gateway: TestGateway, name: str) -> None:
    given = sample(name)
    headers = {key: value for key, value in given["headers"].items() if key != "Content-Type"}
    hook = next(each for each in FORMATS if name.startswith(each))
    answer, texts = post(gateway, hook, content=given["content"], headers=headers, type=FORM)
    assert (answer.status_code, len(texts)) == (200, 1), answer.text


def test_each_way_to_post_reaches_the_hook(gateway: TestGateway) -> None:
    gotify = {"message": "from a client of Gotify"}
    with gateway.recording() as sent:
        answers = [
            gateway.post("/rest/hooks/gotify/message", json=gotify, headers={"X-Gotify-Key": SECRET}),
            gateway.put("/rest/hooks/ntfy", content=b"from ntfy", headers={"Authorization": f"Bearer {SECRET}"}),
            gateway.post("/rest/hooks", json={"topic": "ntfy", "message": "as JSON"}, login=f":{SECRET}"),
            gateway.post("/rest/hooks/", json={"topic": "ntfy", "message": "as JSON"}, login=f"me:{SECRET}"),
            gateway.post("/rest/hooks/text/", content=b"with a slash", params={"token": SECRET}),
        ]
    assert [answer.status_code for answer in answers] == [200] * 5
    assert len(sent) == 5
    assert {str(stanza.to) for stanza in sent} == {"bob@localhost"}
    assert {str(stanza.sender) for stanza in sent} == {"http.localhost"}


@pytest.mark.parametrize("content", [b"", b"text", b"[]", b'{"message": "x"}', b'{"topic": ["x"]}'])
def test_a_post_to_no_hook_is_422(gateway: TestGateway, content: bytes) -> None:
    assert gateway.post("/rest/hooks", content=content).status_code == 422


def test_a_hook_that_there_is_not_is_answered_like_a_wrong_secret(gateway: TestGateway) -> None:
    answers = [gateway.post(path, content=b"x", params={"token": "wrong"}) for path in ("/rest/hooks/text", "/rest/hooks/none")]
    answers.append(gateway.post("/rest/hooks", json={"topic": "none"}))
    shown = [(answer.status_code, answer.headers["www-authenticate"], answer.text.partition("<request_id>")[0]) for answer in answers[:2]]
    assert shown[0] == shown[1]
    assert [answer.status_code for answer in answers] == [401, 401, 401]


def test_no_secret_reaches_a_log(gateway: TestGateway, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    post(gateway, "text", content=b"private words")
    post(gateway, "text", content=b"")
    gateway.post("/rest/hooks/text", content=b"private words", params={"token": "wrong-secret-of-16"})
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith(("tigrest", "uvicorn")))
    assert "POST /rest/hooks/text 200" in logged
    assert [word for word in (SECRET, "wrong-secret-of-16", "private words") if word in logged] == []


OWN = """
from tigrest import *

class Printer(Handler):
    hookFormat = "printer"
    hookAnswer = "thanks"

    def read_hook(self, post: HookPost):
        if post.text() == "nothing":
            return ["no dict"]
        return {"name": post.object()["printer"], "by": post.headers.get("user-agent"), "more": post.query.get("x"), "token": post.query.get("token")}
"""


def test_a_format_is_two_files(tmp_path: Path) -> None:
    folder = tmp_path / "hooks"
    folder.mkdir()
    (folder / "printer.txt").write_text("{{ name }} by {{ by }}{{ more }}{{ token }}")
    (folder / "printer.py").write_text(OWN)
    with serving(tmp_path) as gateway:
        add(gateway, "printer", "printer")
        query = {"token": SECRET, "x": "!"}
        answer, texts = post(gateway, "printer", json={"printer": "Laser"}, headers={"User-Agent": "cups"}, params=query)
        assert (answer.status_code, answer.text, texts) == (200, "thanks", ["Laser by cups!"])
        for body in (b"{}", b"nothing", b"{"):
            answer, texts = post(gateway, "printer", content=body)
            assert (answer.status_code, texts) == (422 if body == b"{" else 500, [])
        answer, _ = post(gateway, "printer", content=b"text", type="text/plain")
        assert "it looks like text" in answer.text
        (folder / "printer.txt").write_text("changed")
        gateway.reload()
        assert post(gateway, "printer", json={"printer": "Laser"})[1] == ["changed"]
        (folder / "printer.py").unlink()
        gateway.reload()
        assert post(gateway, "printer", json={"printer": "Laser"})[0].status_code == 500


def test_large_json_is_shown_in_part(gateway: TestGateway) -> None:
    answer, [text] = post(gateway, "json", json=[{"number": number} for number in range(20_000)])
    assert (answer.status_code, text[:14], len(text) < 5020) == (200, '[{"number":0},', True)
