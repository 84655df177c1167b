"""How logging is set up."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tigrest.observability import logs
from tigrest.observability.context import request_id


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    names = [logs.ACCESS, *logs._QUIET]
    before = root.level, root.handlers[:], {name: logging.getLogger(name).level for name in names}
    root.handlers = []
    yield
    logging.captureWarnings(False)
    root.setLevel(before[0])
    root.handlers = before[1]
    for name, level in before[2].items():
        logging.getLogger(name).setLevel(level)


def test_a_line_has_level_logger_and_request_id(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", False)
    token = request_id.set("abc-1")
    logging.getLogger("tigrest.x").info("hello %s", "you")
    request_id.reset(token)
    logging.getLogger("my_script").debug("too fine")
    assert capsys.readouterr().err.endswith(" INFO tigrest.x [abc-1] hello you\n")


def test_a_message_stays_in_its_line_and_a_traceback_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", False)
    try:
        raise ValueError("x")
    except ValueError:
        logging.getLogger("tigrest.x").exception("path %s", "/a\n2026 INFO forged\x1b[2J")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith(r"path /a\x0a2026 INFO forged\x1b[2J")
    assert lines[1] == "Traceback (most recent call last):"


@pytest.mark.parametrize(
    "name", ["slixmpp.xmlstream.xmlstream", "uvicorn.error", "sqlalchemy.engine", "aiosqlite", "httpx2", "httpcore2.http11"]
)
def test_loggers_that_tell_secrets_are_quiet_even_when_debugging(name: str) -> None:
    logs.configure("debug", True)
    assert not logging.getLogger(name).isEnabledFor(logging.INFO)
    assert logging.getLogger("tigrest.x").isEnabledFor(logging.DEBUG)


@pytest.mark.parametrize("wanted", [True, False])
def test_the_access_log_is_switched_by_itself(wanted: bool) -> None:
    logs.configure("error", wanted)
    assert logging.getLogger(logs.ACCESS).isEnabledFor(logging.INFO) is wanted
