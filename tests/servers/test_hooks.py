"""What programs post to hooks arrives in rooms and at users of real servers, or is answered with the reason."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.process import serving, tigrest
from tests.hooks.test_hooks import FORMATS, SAMPLES, sample
from tests.servers.client import Client, online
from tests.servers.conftest import StartServer
from tests.servers.process import SECRET as LINK_SECRET
from tests.servers.process import XmppServer
from tests.servers.test_rooms_service import room_of, watched
from tigrest.auth.hook_store import make_hook
from tigrest.errors import InvalidValue
from tigrest.testing import TestGateway
from tigrest.xmpp.jid import JID

SECRET = "tgh_0123456789abcdef"


def add(gateway: TestGateway, name: str, format: str, to: str, **options: Any) -> None:
    hook = make_hook(name, format, JID(to), SECRET, **options)
    gateway.client.portal.call(gateway.gateway.parts.hook_store.add, hook)


def post(gateway: TestGateway, name: str, **options: Any) -> Any:
    return gateway.post(f"/rest/hooks/{name}", params={"token": SECRET}, **options)


def arrives(client: Client, text: str, sender: str) -> None:
    assert client.message(text)["from"] == sender


def test_each_format_shows_up_as_readable_text_in_a_room(server: XmppServer) -> None:
    with watched(server) as (gateway, admin), room_of(admin) as room:
        for format in FORMATS:
            add(gateway, format, format, room, is_room=True, nick="" if format != "text" else "Cron")
            name = next(path.stem for path in sorted(SAMPLES.glob("*.http")) if path.stem.startswith(format))
            answer = post(gateway, format, **sample(name))
            assert answer.status_code == 200, answer.text
            text = (SAMPLES / f"{name}.txt").read_text("utf-8").rstrip("\n")
            arrives(admin, text, f"{room}/{format if format != 'text' else 'Cron'}")
        add(gateway, "squatted", "text", room, is_room=True, nick="Admin")
        assert post(gateway, "squatted", content=b"still heard").status_code == 200
        arrives(admin, "still heard", f"{room}/Admin_2")


def test_what_cannot_arrive_is_said(server: XmppServer) -> None:
    with watched(server) as (gateway, admin), room_of(admin, membersonly="1") as room:
        add(gateway, "closed", "text", room, is_room=True)
        add(gateway, "nowhere", "text", "no-such-hall@rooms.localhost", is_room=True)
        add(gateway, "user", "text", "admin@localhost")
        add(gateway, "nobody", "text", "nobody@localhost")
        assert [post(gateway, name, content=b"hi").status_code for name in ("closed", "nowhere", "nobody", "user")] == [403, 404, 404, 200]
        arrives(admin, "hi", str(gateway.service.jid))
        for to in (room, "no-such-hall@rooms.localhost"):
            with pytest.raises(InvalidValue, match="is the address of a room"):
                gateway.client.portal.call(gateway.gateway.parts.hooks.add, "mistaken", "text", JID(to))
        outcomes = {hook.name: hook.last_outcome for hook in gateway.client.portal.call(gateway.gateway.parts.hooks.list)}
        assert outcomes["closed"].startswith("failed: ")


def test_a_hook_of_the_shell_reaches_a_client_and_a_room(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server("prosody")
    settings = {
        "XMPP__BACKEND": "component",
        "XMPP__SECRET": LINK_SECRET,
        "XMPP__PORT": str(server.component),
        "XMPP__C2S_PORT": str(server.c2s),
        "XMPP__C2S_TLS": "allow",
    }
    variables = {f"TIGREST__{key}": value for key, value in settings.items()}
    with serving(cwd=tmp_path, **variables) as (_, base), online(server, "admin") as admin, room_of(admin) as room:
        for name, to in (("cron", ["admin@localhost"]), ("ops", [room, "--room", "--nick", "Cron"])):
            added = tigrest("hook", "add", name, "--format", "text", "--to", *to, cwd=tmp_path, **variables)
            line = f"echo 'disk is full at {name}' | curl -sf -H 'Authorization: Bearer {added.stdout.strip()}' --data-binary @- {base}/rest/hooks/{name}"
            assert subprocess.run(["sh", "-c", line], capture_output=True, timeout=30).returncode == 0
            arrives(admin, f"disk is full at {name}", f"{room}/Cron" if name == "ops" else "http.localhost")
            tested = tigrest("hook", "test", name, cwd=tmp_path, **variables)
            assert (tested.returncode, tested.stderr) == (0, "")
            text = f"Test of the hook {name}: what is posted to it in the format text arrives here."
            arrives(admin, text, f"{room}/Cron" if name == "ops" else "http.localhost")
