"""What tries the OpenAPI document: schemathesis and openapi-python-client, in a virtual environment of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.process import serving

PYTHON = Path(sys.prefix) / "openapi" / "bin" / "python"
"""Where ``tests/servers/install.sh`` puts them."""

LOGIN = ("tester@localhost", "secret")

KEY = "tester-key"

CONFIG = f"""
[http]
request_timeout = 10.0

[api]
docs = "public"

[auth]
admins = ["{LOGIN[0]}"]

[[auth.accounts]]
jid = "{LOGIN[0]}"
password = "{LOGIN[1]}"

[[auth.api_keys]]
name = "tester"
key = "{KEY}"

[[embedded.accounts]]
jid = "alice@localhost"
password = "secret"
"""
"""The admin is an account of the gateway, which no command can change."""


def expect_installed() -> None:
    """Skip the test where the tools are not installed; in CI that is an error."""
    if PYTHON.exists():
        return
    if os.environ.get("CI"):
        pytest.fail("schemathesis and openapi-python-client are not installed")
    pytest.skip("schemathesis and openapi-python-client are not installed: run tests/servers/install.sh")


def run_tool(arguments: Sequence[str | Path], cwd: Path, timeout: float) -> subprocess.CompletedProcess[str]:
    """Run a module of the tools, or a script, to its end.

    Args:
        arguments: of Python.
        cwd: the directory.
        timeout: seconds that it may take.
    """
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "TIGREST"))}
    command = [PYTHON, *arguments]
    return subprocess.run(command, cwd=cwd, env=mine, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the built-in scripts on an embedded domain; gives the URL."""
    (folder / "config.toml").write_text(CONFIG)
    with serving("--config", "config.toml", cwd=folder) as (_, url):
        yield url
