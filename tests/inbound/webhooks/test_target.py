"""Which stanzas a webhook is for, and where they go."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

import httpx2
import pytest

from tests.inbound.webhooks.world import World, message
from tests.waiting import until
from tigrest.config.fields import URL_VARIABLES
from tigrest.config.models import WebhookConfig
from tigrest.inbound.webhooks import Target
from tigrest.inbound.webhooks.target import EVENTS, variables
from tigrest.xmpp.jid import JID
from tigrest.xmpp.stanza import Stanza, make_stanza

EVIL = [
    "a@b/../../../etc/passwd",
    "a@b/..%2f..%2f",
    "a@b/?x=1&y=2#z",
    "a@b/\r\nHost: evil",
    "a@b/ü ☃ \U0001f600",
    "a@b/@evil.example:80/",
    "a@b/\\\\evil",
    "..",
    ".",
    "a@b/{from}{kind}",
    "a@b/+ ;=",
]


def to(jid: str, kind: str = "message", type: str = "") -> Stanza:
    return make_stanza(kind, type, jid, sender=jid)


@pytest.mark.parametrize(
    ("jid", "event"),
    [("a@x", "bare"), ("a@x/r", "full"), ("x", "host"), ("x/r", "host")],
)
def test_the_form_of_the_address_selects(jid: str, event: str) -> None:
    for one in ("bare", "full", "host"):
        assert Target("a", "http://a", events=[one]).selects("message", JID(jid)) == (one == event)
    assert Target("a", "http://a").selects("presence", JID(jid))
    assert not Target("a", "http://a", stanzas=["message", "iq"]).selects("presence", JID(jid))


def test_the_configuration_knows_the_same_variables_and_forms_of_addresses() -> None:
    assert sorted(variables(to("a@b"))) == sorted(URL_VARIABLES)
    assert WebhookConfig(url="http://a").events == EVENTS
    for name in URL_VARIABLES:
        assert "{" not in Target("a", f"http://a/{{{name}}}").address(to("a@b"))


@pytest.mark.parametrize("jid", EVIL)
def test_an_address_cannot_leave_path_and_query(jid: str) -> None:
    url = Target("a", "http://user:pw@host:8080/a/{to}/b?q={from}&k={kind}").address(to(jid))
    assert url.isascii()
    assert url.isprintable()
    parts = urlsplit(url)
    assert parts.netloc == "host:8080"
    start, prefix, middle, end = parts.path.split("/")
    assert (start, prefix, unquote(middle), end) == ("", "a", jid, "b")
    assert parse_qs(parts.query) == {"q": [jid], "k": ["message"]}
    assert not parts.fragment
    sent = httpx2.URL(url)  # it does not undo what we did
    assert (sent.host, sent.port, sent.raw_path.decode()) == ("host", 8080, url.removeprefix("http://host:8080"))


@pytest.mark.parametrize("kind", ["message", "presence", "iq"])
@pytest.mark.parametrize("type", ["..", "a/b", "x y", "", "%2e"])
def test_a_type_that_there_is_not_is_the_default(kind: str, type: str) -> None:
    url = Target("a", "http://host/{kind}/{type}").address(to("a@b", kind, type))
    assert url == f"http://host/{kind}/" + {"message": "normal", "presence": "available", "iq": "get"}[kind]


def test_types_that_there_are_are_filled_in() -> None:
    target = Target("a", "http://host/{type}")
    assert target.address(to("a@b", "message", "groupchat")) == "http://host/groupchat"
    assert target.address(to("a@b", "presence", "subscribe")) == "http://host/subscribe"


def test_a_url_without_a_path_has_the_root() -> None:
    assert Target("a", "https://host").address(to("a@b")) == "https://host/"
    assert Target("a", "https://host?{to}").address(to("a@b")) == "https://host/?a%40b"


def test_a_password_becomes_basic_and_shows_nowhere() -> None:
    target = Target("a", "http://us%40er:p%C3%A4ss:w@host/x", secret="hush")
    assert target.authorization == "Basic dXNAZXI6cMOkc3M6dw=="
    assert Target("a", "http://host/").authorization is None
    assert "host/x" not in repr(target)
    assert "hush" not in repr(target)


async def test_what_is_sent(world: World) -> None:
    url = world.receiver.url.replace("//", "//me:pw@") + "/{kind}/{type}?to={to}"
    stanza = message(to="shop@http.example.org/a/../b", type="").with_(**{"xml:lang": "de"})
    async with world.webhooks(Target("x", url)) as webhooks:
        webhooks.offer(stanza)
        await until(lambda: world.receiver.requests)
    [request] = world.receiver.requests
    assert (request.method, request.target) == ("POST", "/message/normal?to=shop%40http.example.org%2Fa%2F..%2Fb")
    assert request.headers["authorization"] == "Basic bWU6cHc="
    assert request.headers["content-type"] == "application/json"
    assert request.headers["content-language"] == "de"
    assert "application/json" in request.headers["accept"]
    assert b'"kind": "message"' in request.body
