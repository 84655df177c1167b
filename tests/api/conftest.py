"""What the tests of commands over HTTP share: ways to serve commands written in the test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tigrest.testing import TestGateway, serving

ServeCommands = Callable[..., TestGateway]

HEAD = """
import asyncio
import enum
import time
from dataclasses import dataclass
from typing import *
from typing_extensions import TypedDict
from tigrest import *
"""


def start(stack: ExitStack, folder: Path, source: str, **sections: Any) -> TestGateway:
    """Serve the commands of a script until the stack is left."""
    (folder / "script.py").write_text(HEAD + dedent(source))
    running = stack.enter_context(serving(commands=[folder], builtins=False, **sections))
    assert running.gateway.table.problems == ()
    return running


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeCommands]:
    """Serve commands, once for the same source and settings: ``share('''@command() …''', api={"mounts": {…}})``."""
    with ExitStack() as stack:
        started: dict[str, TestGateway] = {}

        def share(source: str, **sections: Any) -> TestGateway:
            key = repr((source, sections))
            if key not in started:
                started[key] = start(stack, tmp_path_factory.mktemp("shared"), source, **sections)
            return started[key]

        yield share
