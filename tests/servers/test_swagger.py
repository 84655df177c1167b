"""Swagger UI in Chromium, in front of ``tigrest serve``: log in, try a command, see the result."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.process import serving, tigrest
from tests.servers.browser import Browser, fill_in
from tests.waiting import eventually

COMMAND = '''
from tigrest import CommandContext, Conflict, command


@command(tags=("greetings",), errors=(Conflict,), example=({"user": "bob", "times": 2}, "hello bob hello bob"))
async def greet(ctx: CommandContext, user: str, times: int = 1) -> str:
    """Greet somebody.

    Args:
        user: whom.
        times: how often.
    """
    return f"{' '.join([f'hello {user}'] * times)} from {ctx.principal}"


@command(tags=("greetings",), role=None, effect="read")
async def hour(ctx: CommandContext) -> int:
    """Tell the hour."""
    return 12
'''

CONFIG = """
[auth]
admins = ["alice@localhost"]

[[embedded.accounts]]
jid = "alice@localhost"
password = "pässword"

[api]
docs = "{docs}"
"""

FIND = """
const wait = (what, find) => new Promise((found, missed) => {
  const end = Date.now() + 20000;
  const look = () => {
    const it = find();
    if (it) found(it); else if (Date.now() > end) missed(new Error(`there is no ${what}`)); else setTimeout(look, 50);
  };
  look();
});
const element = (selector) => wait(selector, () => document.querySelector(selector));
const write = (input, text) => {
  const prototype = input instanceof HTMLTextAreaElement ? HTMLTextAreaElement : HTMLInputElement;
  Object.getOwnPropertyDescriptor(prototype.prototype, 'value').set.call(input, text);
  input.dispatchEvent(new Event('input', {bubbles: true}));
  input.dispatchEvent(new Event('change', {bubbles: true}));
};
const operations = () => [...document.querySelectorAll('.opblock-summary-path')].map((each) => each.dataset.path);
"""
"""Functions for pages: wait for an element, and write into a field as a reader does, which React has to hear of."""

FILTER = """
write(await element('.operation-filter-input'), 'greetings');
await wait('other operations than those of the filter', () => operations().length && operations().every((each) => /greet|hour/.test(each)));
return operations();
"""
"""Look for the commands: of more than a hundred operations the page has only those in it that are to be seen."""

LOG_IN = """
(await element('.btn.authorize')).click();
write(await element('input[name=username]'), 'alice');
write(await element('input[name=password]'), 'pässword');
(await element('.auth-btn-wrapper button[type=submit]')).click();
await wait('way out', () => [...document.querySelectorAll('.auth-btn-wrapper button')].find((each) => each.textContent === 'Logout'));
(await element('.close-modal')).click();
await wait('command of admins', () => operations().includes('/api/greet'));
return operations();
"""

GIVE_TOKEN = """
(await element('.btn.authorize')).click();
const field = await element('#auth-bearer-value');
write(field, '%s');
field.closest('form').querySelector('button[type=submit]').click();
await wait('way out', () => [...document.querySelectorAll('.auth-btn-wrapper button')].find((each) => each.textContent === 'Logout'));
(await element('.close-modal')).click();
await wait('command of admins', () => operations().includes('/api/greet'));
return operations();
"""

LOG_IN_ON_THE_PAGE = """
(await element('.btn.authorize')).click();
write(await element('#client_id_authorizationCode'), '%s');
const form = document.querySelector('#client_id_authorizationCode').closest('.auth-container');
form.querySelector('button.authorize').click();
return true;
"""

SIGNED_IN = """
await wait('way out', () => [...document.querySelectorAll('.auth-btn-wrapper button')].find((each) => each.textContent === 'Logout'));
(await element('.close-modal')).click();
await wait('command of admins', () => operations().includes('/api/greet'));
return operations();
"""

TRY = """
const block = await wait('operation', () => [...document.querySelectorAll('.opblock')].find(
  (each) => each.querySelector('[data-path="/api/%s"]')));
block.querySelector('.opblock-summary-control').click();
const within = (selector) => wait(selector, () => block.querySelector(selector));
%s
(await within('button.execute')).click();
const body = await within('.live-responses-table tr.response .highlight-code');
const status = await within('.live-responses-table tr.response .response-col_status');
status.closest('.responses-inner').scrollIntoView();
return [parseInt(status.textContent), body.querySelector('code, pre').textContent];
"""


@contextmanager
def served(folder: Path, docs: str) -> Iterator[str]:
    """Serve the commands; gives the URL."""
    (folder / "scripts" / "commands").mkdir(parents=True)
    (folder / "scripts" / "commands" / "greetings.py").write_text(COMMAND)
    (folder / "config.toml").write_text(CONFIG.format(docs=docs))
    with serving("--config", "config.toml", cwd=folder) as (_, url):
        yield url


def token(folder: Path) -> str:
    """Make a token of the admin."""
    (folder / "config.toml").write_text(CONFIG.format(docs="public"))
    return tigrest(
        "token", "add", "page", "--for", "alice@localhost", "--scope", "admin", "--config", "config.toml", cwd=folder
    ).stdout.strip()


def tried(browser: Browser, command: str, fill: str = "") -> tuple[int, object]:
    """Try a command on the page; return the status and the result that it shows."""
    found = browser.run(FIND + TRY % (command, fill))
    assert isinstance(found, list), found
    status, shown = found
    return status, json.loads(shown)


def complaints(browser: Browser) -> list[str]:
    """Return what the browser complains of, but for its advice about the fields that Swagger UI has for clients."""
    return [each for each in browser.complaints() if " - [DOM] " not in each]


def keep(browser: Browser, name: str) -> None:
    """Keep a picture of the window where ``TIGREST_SCREENSHOTS`` says so."""
    if folder := os.environ.get("TIGREST_SCREENSHOTS"):
        (Path(folder) / f"{name}.png").write_bytes(browser.screenshot())


def test_who_logs_in_on_the_page_tries_a_command_and_sees_the_result(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, "public") as url:
        browser.open(f"{url}/api/docs")
        before = browser.run(FIND + FILTER)
        assert "/api/hour" in before
        assert "/api/greet" not in before
        after = browser.run(FIND + LOG_IN)
        assert "/api/greet" in after, after
        keep(browser, "logged-in")
        assert tried(browser, "greet") == (200, "hello bob hello bob from alice@localhost")
        keep(browser, "result")
        assert complaints(browser) == []


def test_a_mistake_is_shown_as_a_problem(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, "public") as url:
        browser.open(f"{url}/api/docs")
        browser.run(FIND + FILTER)
        browser.run(FIND + LOG_IN)
        status, problem = tried(
            browser, "greet", """write(await within('textarea.body-param__text'), '{"user": "bob", "times": "often"}');"""
        )
        assert status == 422
        assert isinstance(problem, dict)
        assert problem["argument"] == "times"
        assert [each for each in complaints(browser) if "422" not in each] == []


def test_a_token_counts_on_the_page_too(browser: Browser, tmp_path: Path) -> None:
    given = token(tmp_path)
    with served(tmp_path, "public") as url:
        browser.open(f"{url}/api/docs")
        browser.run(FIND + FILTER)
        found = browser.run(FIND + GIVE_TOKEN % given)
        assert "/api/greet" in found, found
        assert tried(browser, "greet") == (200, "hello bob hello bob from alice@localhost")
        assert complaints(browser) == []


def test_a_login_on_the_page_of_the_gateway_counts_on_the_page_too(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, "public") as url:
        redirect = ("--redirect-uri", f"{url}/api/docs/signed-in")
        done = tigrest("client", "add", "API page", "--public", *redirect, "--config", "config.toml", cwd=tmp_path)
        client = done.stdout.strip().removeprefix("CLIENT_ID=")
        browser.open(f"{url}/api/docs")
        browser.run(FIND + FILTER)
        assert browser.run(FIND + LOG_IN_ON_THE_PAGE % client) is True
        eventually(lambda: len(browser.windows()) == 2)
        first, popup = browser.windows()
        browser.switch(popup)
        fill_in(browser, "Log in", username="alice", password="pässword")
        fill_in(browser, "Allow access?")
        eventually(lambda: browser.windows() == [first])
        browser.switch(first)
        found = browser.run(FIND + SIGNED_IN)
        assert "/api/greet" in found, found
        assert tried(browser, "greet") == (200, "hello bob hello bob from alice@localhost")
        assert complaints(browser) == []


def test_the_login_of_the_browser_counts_where_the_page_is_for_admins(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, "admin") as url:
        browser.open(url.replace("//", "//alice:p%C3%A4ssword@", 1) + "/api/docs")  # as the browser's own dialog would
        browser.open(f"{url}/api/docs")
        browser.run(FIND + FILTER)
        assert tried(browser, "hour") == (200, 12)
        assert complaints(browser) == []
