from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.inbound.webhooks.receiver import Receiver
from tests.inbound.webhooks.world import World


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    yield receiver
    await receiver.kill()


@pytest.fixture
def world(receiver: Receiver, tmp_path: Path, location: str) -> World:
    return World(receiver, tmp_path, location)
