"""Starting and stopping: what was started is stopped, in order, whatever fails."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tigrest.config import Config
from tigrest.errors import ConfigError
from tigrest.gateway import Gateway
from tigrest.inbound.webhooks import Webhooks
from tigrest.passwords import Passwords
from tigrest.state.location import MEMORY

SCRIPT = """
import asyncio
from pathlib import Path
from tigrest import Handler

FOLDER = Path(__file__).parent

class Life(Handler):
    regex = "/life"
    async def startup(self, service):
        self.service = service
        (FOLDER / "up").touch()
        await asyncio.sleep({seconds})
    async def shutdown(self):
        (FOLDER / "down").write_text(str(self.service.connected))
    def exec_get(self): return "ok"
"""


def make(folder: Path, seconds: float = 0, **sections: Any) -> Gateway:
    """Return a gateway with one script, whose start takes some seconds."""
    (folder / "life.py").write_text(SCRIPT.format(seconds=seconds))
    config: dict[str, Any] = {"embedded": {"database": MEMORY}, "state": {"database": MEMORY}, "scripts": {"reload": False}}
    return Gateway(Config.model_validate(config | sections), [folder], Passwords(1, 8, 1))


async def left_by(work: Callable[[], Awaitable[None]]) -> set[asyncio.Task[Any]]:
    """Tasks that some work leaves behind."""
    before = asyncio.all_tasks()
    await work()
    await asyncio.sleep(0)
    return asyncio.all_tasks() - before


def is_closed(gateway: Gateway) -> bool:
    """Return whether the database of the gateway is closed."""
    try:
        return gateway.parts.databases.state.engine is None
    except AssertionError:
        return True


def test_a_gateway_that_was_not_started_says_so(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="not started"):
        make(tmp_path).service  # noqa: B018 - raises


async def test_stopping_leaves_nothing_behind_and_a_second_time_is_harmless(tmp_path: Path) -> None:
    gateway = make(tmp_path)

    async def work() -> None:
        await gateway.start()
        assert gateway.backend.connected
        await gateway.stop()
        await gateway.stop()

    assert await left_by(work) == set()
    assert not gateway.backend.connected
    assert is_closed(gateway)


async def test_scripts_shut_down_while_the_link_is_up(tmp_path: Path) -> None:
    gateway = make(tmp_path)
    await gateway.start()
    await gateway.stop()
    assert (tmp_path / "down").read_text() == "True"


async def test_what_was_started_is_stopped_when_a_later_part_cannot_start(tmp_path: Path) -> None:
    gateway = make(tmp_path, embedded={"database": str(tmp_path)})

    async def work() -> None:
        with pytest.raises(ConfigError, match="cannot be used"):
            await gateway.start()

    assert await left_by(work) == set()
    assert is_closed(gateway)
    await gateway.stop()


async def test_what_was_started_is_stopped_when_the_start_is_cancelled(tmp_path: Path) -> None:
    gateway = make(tmp_path, seconds=60)

    async def work() -> None:
        starting = asyncio.create_task(gateway.start())
        while not (tmp_path / "up").exists():
            await asyncio.sleep(0.01)
        assert gateway.backend.connected
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting

    assert await left_by(work) == set()
    assert not gateway.backend.connected
    assert is_closed(gateway)


async def test_a_part_that_fails_to_stop_is_logged_and_the_others_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_webhooks: Webhooks) -> None:
        raise ValueError("too tired")

    monkeypatch.setattr(Webhooks, "stop", fail)
    gateway = make(tmp_path)
    await gateway.start()
    await gateway.stop()
    assert not gateway.backend.connected
    assert is_closed(gateway)
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.exc_info
    assert "too tired" in str(record.exc_info[1])


async def test_a_part_that_does_not_end_in_time_is_named_and_the_others_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reached = asyncio.Event()

    async def hang(_webhooks: Webhooks) -> None:
        reached.set()
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(Webhooks, "stop", hang)
    gateway = make(tmp_path)
    await gateway.start()
    stopping = asyncio.create_task(gateway.stop())
    await reached.wait()
    stopping.cancel()  # as the limit of time for stopping does
    with pytest.raises(asyncio.CancelledError):
        await stopping
    assert not gateway.backend.connected
    assert is_closed(gateway)
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        f"{hang.__qualname__} was given up before it had ended"
    ]
