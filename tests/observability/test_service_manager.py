"""Messages to the service manager, whose socket the test plays."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from tigrest.observability.service_manager import MOST_UNSENT, ServiceManager


async def test_what_a_busy_service_manager_does_not_take_is_sent_later(tmp_path: Path) -> None:
    name = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as played:
        played.bind(name)
        played.setblocking(False)
        manager = ServiceManager({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "2000"})
        heard: list[bytes] = []

        async def hear(message: bytes) -> None:
            while message not in heard:
                try:
                    heard.append(played.recv(1000))
                except BlockingIOError:
                    await asyncio.sleep(0.01)

        with manager.watching():
            while not manager._unsent:  # it takes only so many
                manager.tell("WATCHDOG=1")
            manager.ready("http://127.0.0.1:9090")
            async with asyncio.timeout(15):
                await hear(b"READY=1\nSTATUS=listening on http://127.0.0.1:9090/rest/")
                heard.clear()
                await hear(b"WATCHDOG=1")
                with manager.reloading():
                    pass
                await hear(b"READY=1")
            assert [message for message in heard if message.startswith(b"RELOADING=1")]


async def test_a_service_manager_that_takes_nothing_costs_little(tmp_path: Path) -> None:
    name = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as played:
        played.bind(name)
        manager = ServiceManager({"NOTIFY_SOCKET": name})
        with manager.watching():
            for _ in range(10 * MOST_UNSENT):
                manager.tell("STATUS=busy")
            assert len(manager._unsent) == MOST_UNSENT
