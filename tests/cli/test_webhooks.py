"""``tigrest webhooks``, while the gateway runs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.process import tigrest
from tests.inbound.webhooks.receiver import Receiver, Response
from tests.inbound.webhooks.world import World, message
from tests.waiting import until

DATABASE = "state.sqlite3"


async def run(folder: Path, *arguments: str) -> Any:
    return await asyncio.to_thread(tigrest, "webhooks", *arguments, cwd=folder, TIGREST__STATE__DATABASE=DATABASE)


async def listed(folder: Path, *options: str) -> list[dict[str, Any]]:
    done = await run(folder, "list", "--json", *options)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.fixture
async def world(tmp_path: Path) -> Any:
    receiver = Receiver()
    await receiver.start()
    yield World(receiver, tmp_path)
    await receiver.kill()


async def test_what_is_dead_is_listed_replayed_and_dropped(world: World) -> None:
    folder = world.folder
    world.receiver.response = Response(503)
    async with world.webhooks(world.target(max_attempts=2)) as webhooks:
        for text in ("one", "two", "three"):
            webhooks.offer(message(text))
        await until(lambda: len(world.sent) == 3)
        await until(lambda: webhooks.statistics()["hook"].dead == 3)
        before = await listed(folder)
        assert [
            (one["id"], one["webhook"], one["sender"], one["kind"], one["state"], one["attempts"], one["problem"]) for one in before
        ] == [(number, "hook", "alice@example.org", "message", "dead", 2, "503 Words") for number in (1, 2, 3)]
        ids = [request.headers["webhook-id"] for request in world.receiver.requests]
        assert before[0]["webhook_id"] == ids[0]
        assert before[0]["age"] >= 0

        shown = (await run(folder, "list", "--dead")).stdout
        assert shown.splitlines()[0].split() == ["ID", "STATE", "WEBHOOK", "SENDER", "KIND", "ATTEMPTS", "AGE", "PROBLEM"]
        assert shown.splitlines()[1].split()[:6] == ["1", "dead", "hook", "alice@example.org", "message", "2"]
        assert "one" not in shown

        world.receiver.response = Response(202)
        world.receiver.requests.clear()
        assert (await run(folder, "replay", "2")).stdout == "1 to be tried again\n"
        await until(lambda: webhooks.statistics()["hook"].delivered == 1)
        assert world.receiver.texts == ["two"]
        assert world.receiver.requests[0].headers["webhook-id"] == ids[2]
        await until(lambda: webhooks.statistics()["hook"].dead == 2)

        assert (await run(folder, "drop", "1")).stdout == "1 dropped\n"
        assert (await run(folder, "replay", "--all")).stdout == "1 to be tried again\n"
        await until(lambda: world.receiver.texts == ["two", "three"])
    assert await listed(folder, "--all") == []


async def test_what_is_replayed_without_a_gateway_is_delivered_at_its_start(world: World) -> None:
    world.receiver.response = Response(500)
    async with world.webhooks(world.target(max_attempts=1)) as webhooks:
        webhooks.offer(message("one"))
        webhooks.offer(message("two"))
        await until(lambda: webhooks.statistics()["hook"].dead == 2)
    assert (await run(world.folder, "replay", "--all")).returncode == 0
    assert [one["state"] for one in await listed(world.folder)] == ["replayed", "replayed"]
    assert await listed(world.folder, "--dead") == []
    world.receiver.response = Response(202)
    world.receiver.requests.clear()
    async with world.webhooks():
        await until(lambda: world.receiver.texts == ["one", "two"])


async def test_an_unknown_delivery_is_an_error_and_nothing_is_touched(world: World) -> None:
    await world.receiver.kill()
    async with world.webhooks() as webhooks:
        webhooks.offer(message())
    done = await run(world.folder, "replay", "1")
    assert (done.returncode, done.stderr) == (1, "tigrest: there is no dead delivery 1; see tigrest webhooks list\n")
    done = await run(world.folder, "drop", "1", "2")
    assert (done.returncode, done.stderr) == (1, "tigrest: there is no delivery 2; see tigrest webhooks list\n")
    assert (await run(world.folder, "drop", "--all")).stdout == "0 dropped\n"
    assert [one["state"] for one in await listed(world.folder)] == ["waiting"]
    assert (await run(world.folder, "drop", "1")).stdout == "1 dropped\n"


async def test_the_list_is_cut_unless_all_is_asked_for(world: World) -> None:
    await world.receiver.kill()
    async with world.webhooks() as webhooks:
        for number in range(101):
            webhooks.offer(message(str(number)))
    done = await run(world.folder, "list")
    assert len(done.stdout.splitlines()) == 101
    assert done.stderr == "only the first 100; --all shows more\n"
    assert len(await listed(world.folder, "--all")) == 101
