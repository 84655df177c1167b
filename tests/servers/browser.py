"""Headless Chromium, driven through chromedriver's HTTP API (W3C WebDriver), and pages of other origins for it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from tests.scripting.listening import Quiet, listening
from tests.servers.process import free_ports
from tests.waiting import eventually

BROWSER, DRIVER = "chromium", "chromedriver"

OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,1000",
)


def is_installed() -> bool:
    """Return whether Chromium and its driver are there."""
    return which(BROWSER) is not None and which(DRIVER) is not None


class Browser:
    """One window of Chromium.

    Args:
        base: URL of its WebDriver session.
    """

    def __init__(self, base: str) -> None:
        self._base = base

    def open(self, url: str) -> None:
        """Go to a page and wait until it is loaded."""
        _call("POST", f"{self._base}/url", {"url": url})

    def run(self, script: str) -> Any:
        """Run the body of an async function in the page, and return what it returns."""
        wrapped = f"const done = arguments[0]; (async () => {{ {script} }})().then(done, error => done(String(error)))"
        return _call("POST", f"{self._base}/execute/async", {"script": wrapped, "args": []})

    def windows(self) -> list[str]:
        """Return the windows that are open, the first one first."""
        return [*_call("GET", f"{self._base}/window/handles")]

    def switch(self, window: str) -> None:
        """Go on in another window."""
        _call("POST", f"{self._base}/window", {"handle": window})

    def complaints(self) -> list[str]:
        """Return what the browser has logged since the last time, such as what a page's policy refused."""
        return [entry["message"] for entry in _call("POST", f"{self._base}/se/log", {"type": "browser"})]

    def screenshot(self) -> bytes:
        """Return the window as a PNG file."""
        return base64.b64decode(_call("GET", f"{self._base}/screenshot"))


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """Start Chromium with an empty profile, and end it.

    Args:
        folder: for the profile and the log.
    """
    if not is_installed():
        assert "CI" not in os.environ, "Chromium is not installed; tests/servers/install.sh does that"
        pytest.skip("Chromium is not installed; as root: apt-get install chromium chromium-driver")
    (port,) = free_ports(1)
    with (folder / "chromedriver.log").open("wb") as log:
        driver = subprocess.Popen([DRIVER, f"--port={port}"], stdout=log, stderr=log)
    try:
        base = f"http://127.0.0.1:{port}"
        _wait_for(base)
        options = {"args": [*OPTIONS, f"--user-data-dir={folder / 'profile'}"], "binary": which(BROWSER)}
        always = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        wanted = {"capabilities": {"alwaysMatch": always}}
        session = f"{base}/session/{_call('POST', f'{base}/session', wanted)['sessionId']}"
        try:
            yield Browser(session)
        finally:
            _call("DELETE", session)
    finally:
        driver.terminate()
        driver.wait(10)


@contextmanager
def page(html: str) -> Iterator[int]:
    """Serve a page at every path of a free port of 127.0.0.1; gives the port."""

    class Page(Quiet):
        def do_GET(self) -> None:
            self.answer(200, html.encode(), "text/html; charset=utf-8")

    with listening(Page) as url:
        yield urlsplit(url).port or 0


def fill_in(browser: Browser, title: str, **values: str) -> None:
    """Fill in the form of the page of a title, and press its first button."""
    is_shown(browser, title)
    assert browser.run(
        f"for (const [name, text] of Object.entries({json.dumps(values)})) document.querySelector(`[name=${{name}}]`).value = text;"
        "const press = () => document.querySelector('button').click(); setTimeout(press, 0); return true;"
    )


def is_shown(browser: Browser, title: str) -> None:
    """Wait for a page."""
    eventually(lambda: browser.run("return document.readyState + document.title") == f"complete{title}")


def _call(method: str, url: str, body: object = None) -> Any:
    data = json.dumps(body).encode() if body is not None else None
    try:
        with urlopen(Request(url, data, {"Content-Type": "application/json"}, method=method), timeout=60) as answer:
            return json.load(answer)["value"]
    except HTTPError as error:
        raise AssertionError(error.read().decode()) from None


def _wait_for(base: str) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            urlopen(f"{base}/status", timeout=5).close()
            return
        except URLError:
            assert time.monotonic() < end, "chromedriver does not answer"
            time.sleep(0.05)
