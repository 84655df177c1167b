"""What a web page can do with the login that a browser remembers: Chromium in front of ``tigrest serve``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.cli.process import serving
from tests.servers.browser import Browser, chromium, page

SCRIPT = '''
import asyncio

from tigrest import Handler, Match, Result


class Received(Handler):
    """List the messages that came in."""

    regex = "/heard"
    match = Match(own=True)
    texts = []

    def exec_get(self):
        return {"heard": self.texts}

    def on_message(self, body):
        self.texts.append(body)


class Open(Handler):
    """Lets anybody post."""

    regex = "/open"

    def exec_post(self):
        Received.texts.append("open")
        return {}


class Page(Handler):
    """A page of ours."""

    regex = "/page"

    def exec_get(self):
        return Result("text/html", "<body>")


class Xml(Handler):
    """A reply as a stranger may send it."""

    regex = "/xml/(.*)"
    requiredRole = "user"

    def exec_get(self, media):
        script = "fetch('/rest/message/chat/x@http.localhost', {method: 'POST', headers: {'Content-Type': 'text/plain'}, body: 'script'})"
        return Result(media, f"<iq><script xmlns='http://www.w3.org/1999/xhtml'>{script}</script></iq>")
'''

CONFIG = """
[auth]
admins = ["alice@localhost"]

[[embedded.accounts]]
jid = "alice@localhost"
password = "secret"
"""

TO = "x@http.localhost"

POST_FORM = """
const form = document.createElement('form');
form.method = 'POST'; form.action = %r;
for (const [name, value] of Object.entries({body: %r, to: 'x@http.localhost'})) {
    const field = document.createElement('input');
    field.name = name; field.value = value; form.append(field);
}
document.body.append(form);
form.submit();
"""

FETCH = """
const answer = await fetch(%r, {method: 'POST', mode: %r, credentials: 'include', headers: {'Content-Type': 'text/plain'}, body: %r});
return answer.type + ' ' + answer.status;
"""

SANDBOXED = """
const frame = document.createElement('iframe');
frame.sandbox = 'allow-scripts allow-forms';
frame.srcdoc = '<form method=POST action=%s><input name=body value=sandbox><input name=to value=x@http.localhost></form>'
    + '<script>document.forms[0].submit()</' + 'script>';
document.body.append(frame);
await new Promise(resolve => setTimeout(resolve, 500));
"""

LISTEN = """
const source = new EventSource(%r, {withCredentials: %s});
return await new Promise(resolve => {
    source.onopen = () => resolve('open');
    source.onmessage = () => resolve('message');
    source.onerror = () => { source.close(); resolve('error'); };
});
"""


@dataclass
class World:
    """A browser that is logged in, and the origins it meets."""

    browser: Browser
    gateway: str
    stranger: str
    neighbour: str
    friend: str

    def heard(self) -> list[str]:
        """Return the messages that were sent."""
        self.browser.open(f"{self.gateway}/rest/page")
        texts: list[str] = self.browser.run("return (await (await fetch('/rest/heard?type=json')).json()).heard")
        return texts


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("browser")
    (folder / "scripts" / "rest").mkdir(parents=True)
    (folder / "scripts" / "rest" / "heard.py").write_text(SCRIPT)
    with ExitStack() as stack:
        stranger, friend = (stack.enter_context(page("<body>")) for _ in range(2))
        config = folder / "config.toml"
        config.write_text(f'{CONFIG}\n[http]\ncors_origins = ["http://LOCALHOST:{friend}"]\n')
        _, base = stack.enter_context(serving("--config", str(config), cwd=folder))
        browser = stack.enter_context(chromium(folder))
        browser.open(base.replace("//", "//alice:secret@") + "/rest/version/localhost?type=json")  # from now on it is logged in
        here = f"http://localhost:{stranger}/"
        yield World(browser, base, here, f"http://127.0.0.1:{stranger}/", f"http://localhost:{friend}/")


def attacks(world: World, origin: str) -> None:
    """Do what a page can do."""
    browser, rest = world.browser, f"{world.gateway}/rest"
    browser.open(origin)
    assert browser.run(FETCH % (f"{rest}/message/chat/{TO}", "no-cors", "fetched")) == "opaque 0"
    assert browser.run(FETCH % (f"{rest}/open", "no-cors", "")) == "opaque 0"
    assert "TypeError" in browser.run(FETCH % (f"{rest}/message/chat/{TO}", "cors", "fetched"))
    browser.run(SANDBOXED % rest)
    browser.run(POST_FORM % (rest, "form"))
    time.sleep(0.5)  # it leaves the page


@pytest.mark.parametrize("who", ["stranger", "neighbour"])
def test_a_page_of_another_origin_sends_nothing(world: World, who: str) -> None:
    attacks(world, getattr(world, who))
    assert world.heard() == []


def test_a_page_of_another_origin_reads_nothing(world: World) -> None:
    world.browser.open(world.stranger)
    for credentials in ("true", "false"):
        assert world.browser.run(LISTEN % (f"{world.gateway}/rest/events", credentials)) == "error"
    reading = "try { return (await fetch(%r, {credentials: 'include'})).status } catch (error) { return error.name }"
    assert world.browser.run(reading % f"{world.gateway}/rest/version/localhost") == "TypeError"


@pytest.mark.parametrize("media", ["application/xml", "application/xmpp+xml", "text/xml; charset=utf-8", "image/svg+xml"])
def test_xml_from_strangers_runs_no_script(world: World, media: str) -> None:
    world.browser.open(f"{world.gateway}/rest/xml/{media}")
    time.sleep(0.3)
    assert world.heard() == []


def test_our_own_pages_and_those_of_cors_origins_may_send(world: World) -> None:
    world.browser.open(f"{world.gateway}/rest/page")
    url = f"{world.gateway}/rest/message/chat/{TO}"
    assert world.browser.run(FETCH % (url, "same-origin", "own")) == "basic 202"
    world.browser.open(world.friend)
    login = "headers: {'Content-Type': 'text/plain', Authorization: 'Basic ' + btoa('alice:secret')}"
    assert world.browser.run(f"return (await fetch({url!r}, {{method: 'POST', body: 'friend', {login}}})).status") == 202
    assert sorted(world.heard()) == ["friend", "own"]
