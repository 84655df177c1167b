"""What schemathesis makes of the document, against ``tigrest serve``: no answer that is not described, no error of ours."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.process import tigrest
from tests.servers.openapi_tools import KEY, LOGIN, expect_installed, run_tool, served

MINUTES = float(os.environ.get("TIGREST_SOAK_MINUTES") or 0)
"""For each login; 0 in an ordinary run of the tests."""

SECONDS = int(MINUTES * 60) or 30
"""What a run may take at most; it begins with what finds most."""

ALL = "examples,coverage,fuzzing"
"""Phases: the examples of the document, values at the limits of what it allows, random ones."""

SETTINGS = """
[checks]
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "501", "503", "504"]
"""
"""5xx that the document has: the server cannot, is away, gives no answer in time. 500 and 502 are there too, and are faults."""

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)

ENDLESS = "/rest/events"
"""An event stream, which ends when the caller goes."""


UNDESCRIBED = """
from tigrest import Handler, HTTPException


class Teapot(Handler):
    regex = r"/teapot/([^/]+)"
    description = {"GET": {"answers": {200: "Tea"}}}

    def exec_get(self, size):
        raise HTTPException(418, "no coffee")


class Broken(Handler):
    regex = r"/broken/([^/]+)"

    def exec_get(self, size):
        raise ValueError(size)
"""


BASIC = ("--auth", ":".join(LOGIN))


def bearer(folder: Path) -> tuple[str, str]:
    """Return the options of a login with a new token, for the gateway in a folder."""
    made = tigrest("token", "add", "tester", "--for", LOGIN[0], "--scope", "admin", "--config", "config.toml", cwd=folder)
    return "--header", f"Authorization: Bearer {made.stdout.strip()}"


def tried(folder: Path, url: str, seconds: int, login: Sequence[str], *options: str, phases: str = ALL) -> subprocess.CompletedProcess[str]:
    """Try what the document describes.

    Args:
        folder: of the gateway.
        url: of the gateway.
        seconds: that it may take.
        login: options of it.
        options: further ones.
        phases: which of :data:`ALL`.
    """
    (folder / "schemathesis.toml").write_text(SETTINGS)
    start = ["-c", "from schemathesis.cli import schemathesis; schemathesis()", "--config-file", "schemathesis.toml", "run"]
    key = ["--header", f"Api-Key: {KEY}"]
    scope = ["--checks", ",".join(CHECKS), "--phases", phases, "--max-time", str(seconds), "--continue-on-failure"]
    rest = [
        "--seed",
        os.environ.get("TIGREST_SOAK_SEED") or "1",
        "--no-shrink",
        "--suppress-health-check",
        "all",
        "--warnings",
        "off",
        "--generation-database",
        "none",
    ]
    return run_tool([*start, f"{url}/api/openapi.json", *login, *key, *scope, *rest, *options], folder, seconds + 120)


@pytest.mark.parametrize("way", ["basic", "bearer"])
def test_all_that_is_answered_is_described(tmp_path: Path, way: str) -> None:
    expect_installed()
    with served(tmp_path) as url:
        login, phases = (BASIC, ALL) if way == "basic" else (bearer(tmp_path), ALL if MINUTES else "examples")
        done = tried(tmp_path, url, SECONDS, login, "--exclude-path", ENDLESS, phases=phases)
        log = (tmp_path / "log").read_text()
    if done.returncode:
        pytest.fail(done.stdout[-20000:])
    number = re.search(r"(\d+) generated", done.stdout)
    assert number is not None
    assert int(number[1]) > 80, done.stdout[-2000:]
    assert "Traceback" not in log, log[-20000:]


def test_what_is_not_described_would_be_found(tmp_path: Path) -> None:
    expect_installed()
    (tmp_path / "scripts" / "rest").mkdir(parents=True)
    (tmp_path / "scripts" / "rest" / "wrong.py").write_text(UNDESCRIBED)
    with served(tmp_path) as url:
        done = tried(tmp_path, url, 5, BASIC, "--include-path-regex", "/rest/(teapot|broken)/")
    assert done.returncode == 1, done.stdout
    assert "Undocumented status code" in done.stdout
    assert "Server error" in done.stdout
