"""What a plain user may not do, tried by every way in, in front of each back end; and what he may. Tables of ``docs/security.md``."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from tests.servers.attacks import ADMINS_USES, ATTACKS, NOT_GRANTED, USES, WEBHOOK_ATTACK, WEBHOOK_ATTACKS, Attack, Use
from tests.servers.curl import Answer
from tests.servers.gateway import eventually
from tests.servers.site import COMMANDS, SITES, ServerSite, Site, Sites

SECURITY = Path(__file__).parent.parent.parent / "docs" / "security.md"

CASES = [pytest.param(site, attack, id=f"{site}: {attack.name}") for site in SITES for attack in ATTACKS if site in attack.sites]
USE_CASES = [pytest.param(site, use, id=f"{site}: {use.name}") for site in SITES for use in (*USES, *ADMINS_USES) if site in use.sites]


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    running = Sites(tmp_path_factory.mktemp("attacks"))
    yield running
    running.stop()


@pytest.mark.parametrize(("kind", "attack"), CASES)
def test_a_plain_user_may_not(kind: str, attack: Attack, sites: Sites) -> None:
    with sites.use(kind) as site:
        problems = tried(site, attack)
        assert not problems, "\n".join(problems)


def tried(site: Site, attack: Attack) -> list[str]:
    """Try an attack; return what came through, and what has changed."""
    before = site.known or site.state()
    answers = [(request, answer) for request in attack.requests for answer in site.curl.run(request)]
    problems = [f"not refused: {answer} ← {request}" for request, answer in answers if not is_refused(site, attack, answer)]
    if problems:
        time.sleep(0.3)  # for what has been set going
    site.known = site.state()
    return problems + changes(before, site.known)


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return what is different."""
    return [f"{name}: {before[name]!r} → {now!r}" for name, now in after.items() if now != before[name]]


def is_refused(site: Site, attack: Attack, answer: Answer) -> bool:
    """Tell whether an answer refuses, and says why."""
    if condition := answer.error or answer.condition:
        return site.kind in attack.by_server and condition in NOT_GRANTED
    return answer.status in attack.statuses and len(answer.detail) > 10


@pytest.mark.parametrize("kind", SITES)
@pytest.mark.parametrize(("sender", "payload"), WEBHOOK_ATTACKS)
def test_the_answer_of_a_webhook_may_not(kind: str, sender: str, payload: str, sites: Sites) -> None:
    with sites.use(kind) as site:
        before = site.known or site.state()
        stanza = f"<message from='admin@localhost' to='bob@localhost' type='normal'>{payload}</message>"
        site.webhook.answer = "application/xmpp+xml", stanza
        site.webhook.asked.clear()
        assert site.admins_stanza(f"<message from='{sender}' to='hook@http.localhost'><body>hello hook</body></message>").status == 200
        assert site.webhook.asked.wait(10)
        site.webhook.answer = None
        time.sleep(0.1)  # for its answer
        site.known = site.state()
        assert changes(before, site.known) == []


@pytest.mark.parametrize(("kind", "use"), USE_CASES)
def test_use_goes_on(kind: str, use: Use, sites: Sites) -> None:
    with sites.use(kind) as site:
        site.known = None
        if isinstance(site, ServerSite):
            offer_a_command(site)
        site.inbox("bob")
        answers = [(request, site.send(request)) for request in use.requests]
        refused = [f"{answer} ← {request}" for request, answer in answers if not is_answered(use, answer)]
        assert not refused, "\n".join(refused)
        came: list[str] = []

        def all_came() -> bool:
            came.extend(site.inbox("bob"))
            return all(any(line.endswith(f": {words}") for line in came) for words in use.got)

        eventually(all_came, 5.0)  # ejabberd makes announcements in a process of their own


def is_answered(use: Use, answer: Answer) -> bool:
    """Tell whether an answer is one that is expected."""
    return answer.status in use.statuses and not (use.results and answer.error)


def offer_a_command(site: ServerSite) -> None:
    """Have bob's client answer commands, as a bot's does."""
    if "commands" in [handler.name for handler in site.bob.xmpp._XMLStream__handlers]:
        return

    def answer(iq: Any) -> None:
        site.bob.xmpp.send_raw(str(iq.reply()))

    path = f"{{jabber:client}}iq/{{{COMMANDS}}}command"
    site.bob.xmpp.register_handler(Callback("commands", MatchXPath(path), answer))


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        ("What is refused", [*[attack.name for attack in ATTACKS], WEBHOOK_ATTACK]),
        ("What stays open", [use.name for use in USES]),
    ],
)
def test_the_page_on_security_has_what_is_tested_here(heading: str, names: list[str]) -> None:
    section = SECURITY.read_text("utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \|", section, re.MULTILINE)
    assert rows[1:] == names
