"""What the page about webhooks says is so."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.test_docs import blocks, section, tables
from tigrest.concurrency.backoff import Backoff
from tigrest.config.models import WebhookConfig
from tigrest.inbound.webhooks.answers import MAX_BODY
from tigrest.inbound.webhooks.limits import WebhookLimits
from tigrest.inbound.webhooks.store import DeliveryState
from tigrest.inbound.webhooks.target import EVENTS, Target
from tigrest.webhooks import sign
from tigrest.xmpp.conditions import ERRORS_BY_STATUS

PAGE = "webhooks.md"


def code(cell: str) -> str:
    return cell.strip("`")


def test_every_status_is_described_and_no_other() -> None:
    documented = {
        int(status): (code(kind), code(condition))
        for statuses, kind, condition in tables(section(PAGE, "Answers"))[1]
        for status in re.findall(r"\d{3}", statuses)
    }
    assert documented == ERRORS_BY_STATUS


def test_the_schedule_is_as_described() -> None:
    header, row = re.findall(r"^\| (attempts so far|next after) \|(.*)\|$", section(PAGE, "Messages and presence"), re.MULTILINE)
    plain = Backoff(jitter=(1.0, 1.0))
    delays = [int(cell.removesuffix(" s ")) for cell in row[1].split("|")]
    assert [plain.delay(number) for number in range(1, 11)] == delays
    assert header[1].split("|")[-1].strip() == "10 and more"
    total = sum(plain.delay(number) for number in range(1, Target("a", "http://a").max_attempts))
    assert 3400 < total < 3800


def test_numbers_are_as_described() -> None:
    limits = WebhookLimits()
    assert (limits.buffered_stanzas, limits.buffered_bytes, MAX_BODY, limits.senders) == (10_000, 64 * 2**20, 2**20, 1000)
    assert [code(row[0]) for row in tables(section(PAGE, "Commands"))[0]] == list(DeliveryState)
    assert [code(row[0]) for row in tables(section(PAGE, "Which stanzas"))[0]] == list(EVENTS)


def test_defaults_are_those_of_the_configuration() -> None:
    target, configured = Target("a", "http://a"), WebhookConfig(url="http://a")
    for name in ("content_type", "stanzas", "events", "timeout", "max_attempts", "concurrency"):
        assert getattr(target, name) == getattr(configured, name), name


@pytest.mark.parametrize("number", [0, 1])
def test_the_examples_of_verification_work(number: int) -> None:
    source = [block.text for block in blocks(PAGE, "python") if "def verify" in block.text or "def accepts" in block.text][number]
    names: dict[str, Any] = {}
    exec(source, names)
    now = int(time.time())
    for secret, good in (("change-me", True), ("other", False)):
        headers = {"webhook-id": "msg_1", "webhook-timestamp": str(now), "webhook-signature": sign(secret, "msg_1", now, b"{}")}
        accepted = names["accepts"](headers, b"{}") if "accepts" in names else names["verify"](b"change-me", headers, b"{}")
        assert accepted == good


def test_the_shell_computes_the_same(tmp_path: Path) -> None:
    [command] = [block.text for block in blocks(PAGE, "bash") if "dgst" in block.text]
    (tmp_path / "body").write_bytes(b'{"a": "\xc3\xa4"}')
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=tmp_path,
        env={"ID": "msg_1", "TIMESTAMP": "42", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"v1,{done.stdout.strip()}" == sign("change-me", "msg_1", 42, (tmp_path / "body").read_bytes())


def test_the_receiver_receives(tmp_path: Path) -> None:
    [source] = [block.text for block in blocks(PAGE, "python") if block.text.startswith("# receiver.py")]
    script = source.replace(
        'ThreadingHTTPServer(("127.0.0.1", 9000), Receiver).serve_forever()',
        'server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver); print(server.server_port, flush=True); server.serve_forever()',
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            url = f"http://127.0.0.1:{process.stdout.readline().strip()}/x"
            with urllib.request.urlopen(urllib.request.Request(url, b"hello", method="POST"), timeout=10) as response:
                assert response.status == 202
            assert "hello" in process.stdout.readline()
        finally:
            process.kill()
