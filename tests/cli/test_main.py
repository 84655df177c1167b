"""The command line: usage, exit codes, one clean line for each problem."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.process import TIGREST, environment, tigrest
from tigrest.cli import serving
from tigrest.cli.program import run_program
from tigrest.errors import ConfigError, NotConnected, TigrestError


@pytest.mark.parametrize(
    "command",
    [
        "",
        "serve",
        "check",
        "routes",
        "ctl",
        "hash-password",
        "new",
        "api-key",
        "api-key add",
        "api-key list",
        "api-key revoke",
        "webhooks",
        "webhooks list",
        "webhooks replay",
    ],
)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["tigrest", *command.split(), "--help"])
    assert run_program() == 0
    assert capsys.readouterr().out.startswith(f"Usage: tigrest {command}".rstrip())


def test_the_version_is_shown(tmp_path: Path) -> None:
    done = tigrest("--version", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("tigrest")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["bogus"], "No such command 'bogus'; see tigrest --help"),
        (["serve", "--nope"], "No such option: --nope; see tigrest serve --help"),
        (["api-key"], "Missing command; see tigrest api-key --help"),
        (["api-key", "add"], "Missing argument 'NAME'; see tigrest api-key add --help"),
        (
            ["api-key", "add", "a", "--path", "("],
            '--path "(" is not a regular expression: missing ), unterminated subpattern at position 0',
        ),
        (["api-key", "add", " "], "the name of a key is empty"),
        (["webhooks", "drop"], "name the deliveries by their ID, or all of them by --all; see tigrest webhooks list"),
        (["webhooks", "replay", "1", "--all"], "name the deliveries by their ID, or all of them by --all; see tigrest webhooks list"),
        (["check", "--config", "no.toml"], "no.toml: cannot be read: No such file or directory; check --config and TIGREST_CONFIG"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["tigrest", *arguments])
    assert run_program() == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", f"tigrest: {line}\n")


def test_an_empty_host_is_wrong_usage(tmp_path: Path) -> None:
    done = tigrest("serve", "--host", "", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "tigrest: --host is empty; name an address such as 127.0.0.1\n")


@pytest.mark.parametrize("port", ["x", "-1", "65536"])
def test_a_port_that_is_none_is_wrong_usage(port: str, tmp_path: Path) -> None:
    done = tigrest("serve", "--port", port, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("tigrest: Invalid value for '--port'")
    assert done.stderr.count("\n") == 1


def test_without_a_command_help_is_shown_as_an_error(tmp_path: Path) -> None:
    done = tigrest(cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: tigrest")


@pytest.mark.parametrize(
    ("error", "code", "lines"),
    [
        (ConfigError("a: b", "c: d"), 2, ["tigrest: a: b", "tigrest: c: d"]),
        (NotConnected("server is away"), 3, ["tigrest: server is away"]),
        (TigrestError("no"), 1, ["tigrest: no"]),
        (KeyboardInterrupt(), 130, []),
    ],
)
def test_errors_become_exit_codes(
    error: BaseException, code: int, lines: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise error

    monkeypatch.setattr(sys, "argv", ["tigrest", "serve"])
    monkeypatch.setattr(serving, "serve_forever", fail)
    monkeypatch.setattr("tigrest.observability.logs.configure", lambda *_: None)
    assert run_program() == code
    assert capsys.readouterr().err.splitlines() == lines


def test_a_surprise_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["tigrest", "serve"])
    monkeypatch.setattr(serving, "serve_forever", lambda *_: 1 // 0)
    monkeypatch.setattr("tigrest.observability.logs.configure", lambda *_: None)
    assert run_program() == 1
    assert "ZeroDivisionError" in caplog.text


def test_a_bad_configuration_is_reported_line_by_line(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "config.toml").write_text("[http]\nprot = 1\nhost = 2\n")
    done = tigrest("serve", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "tigrest: etc/config.toml:3: http.host: is a whole number; expected text in quotes",
        "tigrest: etc/config.toml:2: http.prot: unknown key; did you mean http.port?",
    ]


def test_a_reader_that_leaves_early_gets_no_traceback(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*TIGREST, "routes"], cwd=tmp_path, env=environment(), stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")
