"""How logging is set up."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tigrest.errors import InvalidValue
from tigrest.observability import logs
from tigrest.observability.context import begin_request, current_request, set_caller


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    names = [logs.ACCESS, *logs._QUIET, *logs._SILENT]
    before = root.level, root.handlers[:], {name: logging.getLogger(name).level for name in names}
    root.handlers = []
    yield
    logging.captureWarnings(False)
    root.setLevel(before[0])
    root.handlers = before[1]
    for name, level in before[2].items():
        logging.getLogger(name).setLevel(level)


def test_a_line_has_level_logger_request_and_caller(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", True)
    logger = logging.getLogger("tigrest.x")
    logger.info("outside")
    request = begin_request()
    logger.info("hello %s", "you")
    set_caller("alice@localhost")
    logger.info("hello again")
    logging.getLogger(logs.ACCESS).info("GET / 200 alice@localhost")
    set_caller("key x\n2026 INFO forged")
    logger.info("key")
    current_request.set(None)
    set_caller("nobody asks")
    logging.getLogger("my_script").debug("too fine")
    assert [line.split(" INFO ", 1)[1] for line in capsys.readouterr().err.splitlines()] == [
        "tigrest.x [-] outside",
        f"tigrest.x [{request.id}] hello you",
        f"tigrest.x [{request.id} alice@localhost] hello again",
        f"tigrest.access [{request.id}] GET / 200 alice@localhost",
        rf"tigrest.x [{request.id} key x\x0a2026 INFO forged] key",
    ]


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


def test_what_anybody_may_send_malformed_is_no_warning() -> None:
    logs.configure("debug", True)
    assert not logging.getLogger("python_multipart.multipart").isEnabledFor(logging.WARNING)
    assert logging.getLogger("python_multipart.multipart").isEnabledFor(logging.ERROR)


@pytest.mark.parametrize("wanted", [True, False])
def test_the_access_log_is_switched_by_itself(wanted: bool) -> None:
    logs.configure("error", wanted)
    assert logging.getLogger(logs.ACCESS).isEnabledFor(logging.INFO) is wanted


def test_the_level_is_changed_for_all_loggers_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", False)
    assert logs.log_level() == "info"
    for level in logs.LEVELS:
        logs.set_log_level(level)
        assert logs.log_level() == level
    logs.set_log_level("error")
    logging.getLogger("tigrest.x").warning("not now")
    logging.getLogger("tigrest.x").error("now")
    logging.getLogger("slixmpp").error("that too")
    logs.set_log_level("debug")
    assert not logging.getLogger("slixmpp").isEnabledFor(logging.INFO)
    logs.set_log_level("none")
    logging.getLogger("tigrest.x").critical("never")
    assert [line.split("] ")[1] for line in capsys.readouterr().err.splitlines()] == ["now", "that too"]


def test_a_level_between_two_is_told_as_the_one_that_logs_as_much() -> None:
    logging.getLogger().setLevel(logging.WARNING + 5)
    assert logs.log_level() == "warning"
    logging.getLogger().setLevel(1)
    assert logs.log_level() == "debug"


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(InvalidValue, match="use one of none, critical, error, warning, info, debug"):
        logs.set_log_level("loud")
