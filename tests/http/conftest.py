"""What the tests of HTTP share: ways to serve scripts written in the test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tigrest.testing import TestGateway, serving

Serve = Callable[..., TestGateway]


def start(stack: ExitStack, folder: Path, source: str, files: dict[str, str] | None, builtins: bool, **sections: Any) -> TestGateway:
    """Serve a folder with a script and other files until the stack is left."""
    if source:
        (folder / "script.py").write_text("from tigrest import *\n" + dedent(source))
    for name, text in (files or {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(dedent(text))
    running = stack.enter_context(serving(folder, builtins=builtins, **sections))
    assert running.gateway.table.problems == ()
    return running


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serve handlers: ``serve('''class H(Handler): …''', http={"max_body": 10})``; templates and the like by ``files``."""
    with ExitStack() as stack:

        def serve(source: str = "", files: dict[str, str] | None = None, builtins: bool = False, **sections: Any) -> TestGateway:
            return start(stack, tmp_path, source, files, builtins, **sections)

        yield serve


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Serve as :func:`serve` does, for tests that leave the gateway as it is: handlers and settings that are the same are served once."""
    with ExitStack() as stack:
        started: dict[str, TestGateway] = {}

        def share(source: str = "", files: dict[str, str] | None = None, builtins: bool = False, **sections: Any) -> TestGateway:
            key = repr((source, files, builtins, sections))
            if key not in started:
                started[key] = start(stack, tmp_path_factory.mktemp("shared"), source, files, builtins, **sections)
            return started[key]

        yield share
