"""What the tests of HTTP share: a way to serve scripts written in the test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tigrest.testing import TestGateway, serving

Serve = Callable[..., TestGateway]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serve handlers: ``serve('''class H(Handler): …''', http={"max_body": 10})``; templates and the like by ``files``."""
    with ExitStack() as stack:

        def start(source: str = "", files: dict[str, str] | None = None, builtins: bool = False, **sections: Any) -> TestGateway:
            if source:
                (tmp_path / "script.py").write_text("from tigrest import *\n" + dedent(source))
            for name, text in (files or {}).items():
                (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / name).write_text(dedent(text))
            running = stack.enter_context(serving(tmp_path, builtins=builtins, **sections))
            assert running.gateway.table.problems == ()
            return running

        yield start
