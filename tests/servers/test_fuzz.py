"""Whatever is sent to it, by HTTP and by XMPP, the served gateway stays up, keeps its link, and serves everybody else.

``make soak`` does the same for longer, with other values each time. A failure shows what was sent.
"""

from __future__ import annotations

import os
import random
import time

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.servers.fuzzing.batches import Batch, batches
from tests.servers.fuzzing.world import world_of
from tests.servers.process import XmppServer

MINUTES = float(os.environ.get("TIGREST_SOAK_MINUTES") or 0)
"""For both servers together; 0 in an ordinary run of the tests."""

SECONDS = MINUTES * 60 / 2 or 10.0
"""For each server."""

SEED = int(os.environ.get("TIGREST_SOAK_SEED") or (random.randrange(1_000_000) if MINUTES else 1))
"""What the values come from."""

ROUND = settings(
    max_examples=5,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
"""Batches between two looks at those who mean no harm. Nothing is shrunk: what led to a failure may be over."""


def test_nothing_that_is_sent_harms_anybody(server: XmppServer, tmp_path_factory: pytest.TempPathFactory) -> None:
    rounds = 0
    with world_of(server, tmp_path_factory.mktemp("fuzz")) as world:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end and not world.trouble:

            @seed(SEED + rounds)
            @ROUND
            @given(batches())
            def play(batch: Batch) -> None:
                if time.monotonic() < end and not world.trouble:
                    world.run(batch)

            play()
            rounds += 1
            if not world.trouble:
                world.check_honest_people()
        print(f"\n{server.name}, SEED={SEED}, {rounds} rounds: {world}")  # noqa: T201 - for make soak
    if world.findings or world.trouble:
        pytest.fail("\n\n".join([f"SEED={SEED}", *world.findings.values(), world.trouble]), pytrace=False)
