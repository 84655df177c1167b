"""Apprise itself, as a program, against hooks of a served gateway. ``make soak`` installs and runs it; no other run collects this file."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path

from tests.cli.process import environment, serving, tigrest
from tigrest.xmpp.stanza import Stanza

APPRISE = Path(sys.prefix) / "apprise"
"""Where ``make soak`` puts Apprise: apart, so that what it requires does not decide what is installed for tigrest."""


def texts(cwd: Path) -> list[str]:
    """Return what has arrived for alice, who is offline."""
    with contextlib.closing(sqlite3.connect(cwd / "var" / "tigrest.sqlite3")) as connection:
        stanzas = [Stanza.of(row[0]) for row in connection.execute("SELECT stanza FROM embedded_messages ORDER BY id")]
    return [stanza.xml.findtext("{jabber:client}body") or "" for stanza in stanzas]


def notify(url: str, *arguments: str, cwd: Path) -> int:
    """Send a notification by the command of Apprise, and return its exit code, which is 0 when it was taken."""
    command = [sys.executable, "-c", "from apprise.cli import main; main()", *arguments, url]
    variables = environment(PYTHONPATH=str(APPRISE), PYTHONWARNINGS="default", HOME=str(cwd))
    return subprocess.run(command, cwd=cwd, env=variables, capture_output=True, timeout=60).returncode


def test_what_apprise_sends_arrives_and_a_wrong_secret_is_told(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("no space")
    with serving(cwd=tmp_path) as (_, base):
        host = base.removeprefix("http://")
        secrets = {}
        for name in ("apprise", "gotify"):
            added = tigrest("hook", "add", name, "--format", name, "--to", "alice@localhost", cwd=tmp_path)
            assert added.returncode == 0, added.stderr
            secrets[name] = added.stdout.strip()
        json, gotify = (
            f"json://any:{secrets['apprise']}@{host}/rest/hooks/apprise",
            f"gotify://{host}/rest/hooks/gotify/{secrets['gotify']}",
        )
        body = ("-b", "It failed: no space – at Zoë's", "-n", "failure")
        assert notify(json, "-t", "Backup", *body, cwd=tmp_path) == 0
        assert notify(json, "-b", "With a file", "-a", "log.txt", cwd=tmp_path) == 0
        assert notify(gotify, "-t", "Backup", *body, cwd=tmp_path) == 0
        assert notify(f"json://any:wrong-secret-of-it@{host}/rest/hooks/apprise", *body, cwd=tmp_path) == 1
    first, second, third = texts(tmp_path)
    assert first == "‼ Backup\nIt failed: no space – at Zoë's"
    assert second.startswith("With a file")
    assert third.endswith("Backup\nIt failed: no space – at Zoë's")
