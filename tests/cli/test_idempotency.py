"""A gateway is killed while it executes requests with idempotency keys, and the next one gets their repeats."""

from __future__ import annotations

import contextlib
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2

from tests.cli.process import demo, serving
from tests.waiting import eventually
from tigrest.xmpp.stanza import Stanza

SCRIPT = """
import asyncio
from pathlib import Path

from tigrest import Handler


class Send(Handler):
    regex = "/send/(before|after|never)"
    requiredRole = "user"
    idempotencyKey = True

    async def exec_post(self, service, when):
        await self.hold(when, "before")
        id = await service.message("bob@localhost", f"held {when}")
        await self.hold(when, "after")
        return {"id": id}

    async def hold(self, when, now):
        if when == now and Path("hold").exists():
            Path(f"held-{when}").touch()
            await asyncio.sleep(60)
"""


def post(base: str, login: tuple[str, str], when: str) -> httpx2.Response:
    headers = {"Idempotency-Key": f"key-{when}", "Accept": "application/json"}
    return httpx2.post(f"{base}/rest/send/{when}", headers=headers, auth=login, timeout=20)


def hang(base: str, login: tuple[str, str], when: str) -> None:
    """Send a request whose answer never comes."""
    with contextlib.suppress(httpx2.TransportError):
        post(base, login, when)


def delivered(cwd: Path, when: str) -> list[str]:
    """Return the ids of the messages that were delivered."""
    with contextlib.closing(sqlite3.connect(cwd / "var" / "tigrest.sqlite3")) as connection:
        stanzas = [Stanza.of(row[0]) for row in connection.execute("SELECT stanza FROM embedded_messages ORDER BY id")]
    return [stanza.id for stanza in stanzas if f"held {when}<" in str(stanza)]


def test_what_was_under_way_at_a_kill_is_sent_again_with_the_same_id_and_nothing_else_is(tmp_path: Path) -> None:
    script = tmp_path / "scripts" / "rest" / "send.py"
    script.parent.mkdir(parents=True)
    script.write_text(SCRIPT)
    (tmp_path / "hold").touch()
    with serving(cwd=tmp_path) as (process, base):
        login = ("alice", demo(tmp_path)["passwords"]["alice"])
        done = post(base, login, "never")
        with ThreadPoolExecutor(2) as pool:
            for when in ("before", "after"):
                pool.submit(hang, base, login, when)
                eventually((tmp_path / f"held-{when}").exists)
            process.kill()
    assert done.status_code == 200
    assert [len(delivered(tmp_path, when)) for when in ("never", "before", "after")] == [1, 0, 1]
    (tmp_path / "hold").unlink()
    with serving(cwd=tmp_path) as (_, base):
        answers = {when: [post(base, login, when) for _ in range(2)] for when in ("never", "before", "after")}
    for when, (first, second) in answers.items():
        assert (first.status_code, "idempotent-replayed" in first.headers) == (200, when == "never")
        assert (second.content, second.headers["idempotent-replayed"]) == (first.content, "true")
    assert answers["never"][0].content == done.content
    assert delivered(tmp_path, "never") == [done.json()["id"]]
    assert delivered(tmp_path, "before") == [answers["before"][0].json()["id"]]
    assert delivered(tmp_path, "after") == [answers["after"][0].json()["id"]] * 2
