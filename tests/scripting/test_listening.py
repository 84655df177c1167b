"""Scripts that listen: what they are given, what becomes of what they return, and that none harms another."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.waiting import eventually
from tigrest.scripting.lanes import LaneLimits
from tigrest.scripting.listeners import Listener
from tigrest.scripting.listening import ListeningLimits
from tigrest.testing import TestGateway, serving
from tigrest.xmpp.stanza import Stanza

Bot = Callable[..., TestGateway]

HEAD = "import asyncio, time\nfrom xml.etree import ElementTree as ET\nfrom tigrest import *\n"


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    """Serve handler classes, given as the text behind the imports; again, to replace them."""
    with ExitStack() as stack:
        running: list[TestGateway] = []

        def serve(source: str, **sections: Any) -> TestGateway:
            (tmp_path / "bot.py").write_text(HEAD + source)
            if running:
                running[0].reload()
            else:
                running.append(stack.enter_context(serving(tmp_path, builtins=False, **sections)))
            assert [str(problem) for problem in running[0].gateway.table.problems] == []
            return running[0]

        yield serve


def limit(gateway: TestGateway, **limits: Any) -> None:
    """Set limits of scripts that listen, before anything comes in."""
    gateway.gateway.parts.listening.limits = ListeningLimits(**limits)


def handler(method: str, match: str = "", name: str = "Bot", more: str = "") -> str:
    lines = "".join(f"    {line}\n" for line in method.splitlines())
    return f"class {name}(Handler):\n" + (f"    match = Match({match})\n" if match else "") + more + lines


def message(
    body: str = "hello", to: str = "http.localhost", sender: str = "alice@localhost/desk", type: str = "chat", more: str = ""
) -> str:
    inside = f"<body>{body}</body>" if body else ""
    return f"<message from='{sender}' to='{to}' id='m1'{f' type={type!r}' if type else ''}>{inside}{more}</message>"


def iq(payload: str = "<time xmlns='urn:example:time'/>", to: str = "http.localhost", type: str = "get") -> str:
    return f"<iq from='alice@localhost/desk' to='{to}' id='q1' type='{type}'>{payload}</iq>"


def bodies(stanzas: list[Stanza]) -> list[str]:
    return [stanza.body for stanza in stanzas]


ECHO = "async def on_message(self, body): return body"


# What is heard


def test_text_that_is_returned_is_the_reply(bot: Bot) -> None:
    gateway = bot(handler(ECHO))
    [reply] = gateway.receive(message("a &lt; b", more="<thread>t1</thread>"))
    assert reply.body == "a < b"
    assert (reply.attributes["from"], reply.attributes["to"], reply.type) == ("http.localhost", "alice@localhost/desk", "chat")
    assert reply.xml.findtext("{jabber:client}thread") == "t1"
    assert reply.id not in ("", "m1")


@pytest.mark.parametrize("method", ["def on_message(self, body): return time.sleep(0.01) or body", ECHO])
def test_methods_may_be_plain_or_coroutines(bot: Bot, method: str) -> None:
    assert bodies(bot(handler(method)).receive(message())) == ["hello"]


def test_arguments_come_by_name(bot: Bot) -> None:
    gateway = bot(
        handler(
            "def on_message(self, body, stanza, amount: int, service, sender, unit='pieces'):\n"
            "    return f'{amount} {unit} {sender} {stanza.id} {service.jid} {body}'",
            r'body=r"(?P<amount>\d+)(?: (\w+))?"',
        )
    )
    assert bodies(gateway.receive(message(" 5 apples "))) == ["5 apples alice@localhost/desk m1 http.localhost  5 apples "]
    assert bodies(gateway.receive(message("5"))) == ["5 pieces alice@localhost/desk m1 http.localhost 5"]
    assert gateway.receive(message("five")) == []


def test_a_group_that_does_not_convert_is_told(bot: Bot) -> None:
    [reply] = bot(handler("def on_message(self, n: int): return str(n)", 'body="/n (.*)"')).receive(message("/n x"))
    assert reply.error is not None
    assert (reply.error.condition, reply.id) == ("bad-request", "m1")


@pytest.mark.parametrize(
    ("match", "heard", "not_heard"),
    [
        ('local="echo"', message(to="ECHO@http.localhost/x"), message(to="other@http.localhost")),
        ('local=""', message(), message(to="echo@http.localhost")),
        (r'to=r"shop-\d+@http\.localhost(/.*)?"', message(to="shop-7@http.localhost/x"), message(to="shop-x@http.localhost")),
        (r'sender=r"alice@localhost"', message(), message(sender="bob@localhost/desk")),
        ('type="chat"', message(), message(type="")),
        ('type="normal"', message(type="bogus"), message()),
        ('type=["chat", "groupchat"]', message(type="groupchat"), message(type="headline")),
        ('type="error"', message(type="error", body=""), message()),
        ('body="hel+o"', message(), message("hello you")),
        ('body="(?i)HELLO"', message("hello\n"), message("hell")),
        ('xpath="{urn:x}order"', message(more="<order xmlns='urn:x'/>"), message()),
        ("""xpath="x:order[@id='1']", namespaces={"x": "urn:x"}""", message("", more="<order xmlns='urn:x' id='1'/>"), message("", more="<order xmlns='urn:x'/>")),
        ('xpath="subject"', message("", more="<subject>s</subject>"), message()),
        ('xpath="."', message(""), message(to="echo@localhost")),
        ("own=True", message(sender="bot@http.localhost"), message(to="alice@localhost")),
        ("", message(type=""), message("")),
        ("", message(to="anybody@http.localhost/x"), message(type="error")),
        ("", message(type="headline"), message(type="groupchat")),
        ("", message(), message(sender="bot@http.localhost")),
        ("", message(), message("", more="<active xmlns='http://jabber.org/protocol/chatstates'/>")),
    ],
)  # fmt: skip
def test_only_what_fits_is_heard(bot: Bot, match: str, heard: str, not_heard: str) -> None:
    gateway = bot(handler('async def on_message(self, service): await service.send(\'<message to="bob@localhost" id="heard"/>\')', match))
    assert [stanza.id for stanza in gateway.receive(heard)] == ["heard"]
    assert gateway.receive(not_heard) == []


@pytest.mark.parametrize(("role", "heard"), [('"admin"', ["admin"]), ('"user"', ["admin", "alice"]), ("None", ["admin", "alice", "eve"])])
def test_a_role_says_whose_stanzas_are_heard(bot: Bot, role: str, heard: list[str]) -> None:
    gateway = bot(handler("async def on_message(self, sender): return sender.local", more=f"    requiredRole = {role}\n"))
    senders = ("admin@localhost/x", "alice@localhost/x", "eve@elsewhere.org/x")
    assert [body for sender in senders for body in bodies(gateway.receive(message(sender=sender)))] == heard


def test_each_listener_that_wants_a_message_gets_it(bot: Bot) -> None:
    gateway = bot(handler(ECHO, name="One") + handler(ECHO, 'local="a"', "Two") + handler(ECHO, 'local="b"', "Three"))
    assert len(gateway.receive(message(to="a@http.localhost"))) == 2
    assert len(gateway.receive(message(to="c@http.localhost"))) == 1


def test_one_class_may_serve_and_listen_with_one_startup(bot: Bot) -> None:
    gateway = bot(
        "class Both(Handler):\n"
        "    regex = '/heard'\n"
        "    match = Match(local='both', type='chat')\n"
        "    async def startup(self, service): self.heard, self.starts = [], getattr(self, 'starts', 0) + 1\n"
        "    async def on_message(self, body): self.heard.append(body)\n"
        "    async def on_presence(self, stanza): self.heard.append(stanza.type)\n"
        "    async def exec_get(self): return {'heard': self.heard, 'starts': self.starts}\n"
    )
    assert gateway.receive(message("one", to="both@http.localhost")) == []
    assert gateway.receive("<presence type='subscribe' from='alice@localhost' to='both@http.localhost'/>") == []
    assert gateway.get("/rest/heard?type=json").json() == {"heard": ["one", "subscribe"], "starts": 1}


def test_a_class_that_only_listens_is_no_route(bot: Bot) -> None:
    table = bot(handler(ECHO, 'local="echo", body="(?:/x )?.*"')).gateway.table
    assert [route for route in table.routes if route.relative.name == "bot.py"] == []
    [listener] = table.of(Listener)
    assert (listener.methods, listener.shown) == (["on_message"], "to echo@…, body (?:/x )?.*")


def test_the_index_shows_who_listens(bot: Bot) -> None:
    gateway = bot(handler(ECHO, 'local="echo"', more='    requiredRole = "user"\n'))
    entry = {"methods": ["on_message"], "stanzas": "to echo@…", "role": "user", "script": "bot.py"}
    assert gateway.get("/rest/", login="admin").json()["listeners"] == [entry]
    assert "to echo@…" in gateway.get("/rest/", login="admin", headers={"Accept": "text/html"}).text


# What becomes of results


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ("None", None),
        ("''", None),
        ("{'body': 'x'}", "<message type='chat' to='alice@localhost/desk' from='http.localhost'><body>x</body><thread>t</thread></message>"),
        ("{'type': 'normal', 'subject': 's', 'thread': 'u'}", "<message type='normal' to='alice@localhost/desk' from='http.localhost'><subject>s</subject><thread>u</thread></message>"),
        ("Stanza.parse('<message><body>x</body></message>')", "<message type='chat' to='alice@localhost/desk' from='http.localhost'><body>x</body></message>"),
        ("b'<message to=\"bob@localhost\" from=\"me@http.localhost\" type=\"normal\"/>'", "<message type='normal' to='bob@localhost' from='me@http.localhost'/>"),
        ("ET.fromstring('<presence type=\"unavailable\"/>')", "<presence type='unavailable' to='alice@localhost/desk' from='http.localhost'/>"),
        ("stanza", "<message type='chat' to='alice@localhost/desk' from='http.localhost'><body>hello</body><thread>t</thread></message>"),
    ],
)  # fmt: skip
def test_results_of_messages(bot: Bot, result: str, expected: str | None) -> None:
    sent = bot(handler(f"async def on_message(self, stanza): return {result}")).receive(message(more="<thread>t</thread>"))
    canonical = [ET.canonicalize(str(stanza.with_(id=None))) for stanza in sent]
    assert canonical == ([] if expected is None else [ET.canonicalize(expected.replace(" ", " xmlns='jabber:client' ", 1))])
    assert all(stanza.id not in ("", "m1") for stanza in sent)


def test_a_reply_to_a_room_goes_to_the_room_and_what_comes_back_of_it_is_not_heard(bot: Bot) -> None:
    gateway = bot(handler(ECHO, 'type="groupchat"'))
    [reply] = gateway.receive(message(sender="room@muc.localhost/bob", type="groupchat"))
    assert (reply.attributes["to"], reply.type) == ("room@muc.localhost", "groupchat")
    assert gateway.receive(reply.with_(sender="room@muc.localhost/us", to="http.localhost/x")) == []


def test_an_error_is_never_answered_but_may_be_passed_on(bot: Bot) -> None:
    gateway = bot(handler("async def on_message(self, body): return body or 'failed'", 'type="error"'))
    assert gateway.receive(message(type="error")) == []
    gateway = bot(handler("async def on_message(self): return {'to': 'admin@localhost', 'body': 'failed'}", 'type="error"'))
    assert bodies(gateway.receive(message(type="error"))) == ["failed"]


@pytest.mark.parametrize("result", ["5", "b'<x/>'", "'<oops'.encode()", "{'bdoy': 'x'}", "['x']", "Result('text/plain', 'x')"])
def test_what_cannot_be_sent_is_logged(bot: Bot, result: str, caplog: pytest.LogCaptureFixture) -> None:
    assert bot(handler(f"async def on_message(self): return {result}")).receive(message()) == []
    assert re.search(r"/bot\.py:\d+: Bot\.on_message returned what cannot be sent", caplog.text)


@pytest.mark.parametrize("kind", ["message", "iq"])
def test_a_coroutine_that_was_not_awaited_is_named(bot: Bot, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    source = f"async def late(): return 'hi'\nclass Bot(Handler):\n    async def on_{kind}(self): return late()\n"
    bot(source).receive(iq() if kind == "iq" else message())
    assert "it is a coroutine that was not awaited: write await" in caplog.text


def test_a_sender_that_is_not_ours_is_not_used(bot: Bot, caplog: pytest.LogCaptureFixture) -> None:
    assert bot(handler("async def on_message(self): return b'<message from=\"eve@elsewhere.org\"/>'")).receive(message()) == []
    assert "its reply cannot be sent: from eve@elsewhere.org is not allowed" in caplog.text


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ("{}", "<iq type='result'/>"),
        ("ET.Element('{urn:example:time}time', now='12')", "<iq type='result'><time xmlns='urn:example:time' now='12'/></iq>"),
        ("b'<time xmlns=\"urn:example:time\"/>'", "<iq type='result'><time xmlns='urn:example:time'/></iq>"),
        ("{'version': {'name': 'bot', 'version': '1'}}", "<iq type='result'><query xmlns='jabber:iq:version'><name>bot</name><version>1</version></query></iq>"),
        ("stanza.reply()", "<iq type='result'/>"),
        ("stanza", "<iq type='result'><time xmlns='urn:example:time'/></iq>"),
        ("stanza.error_reply(StanzaError('gone'))", "<iq type='error'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"),
        ("{'error': {'condition': 'gone'}}", "<iq type='error'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"),
    ],
)  # fmt: skip
def test_results_of_iqs(bot: Bot, result: str, expected: str) -> None:
    [reply] = bot(handler(f"async def on_iq(self, stanza): return {result}")).receive(iq())
    assert (reply.attributes["to"], reply.attributes["from"], reply.id) == ("alice@localhost/desk", "http.localhost", "q1")
    bare = reply.with_(to=None, sender=None, id=None)
    assert ET.canonicalize(str(bare)) == ET.canonicalize(expected.replace("<iq ", "<iq xmlns='jabber:client' ", 1))


@pytest.mark.parametrize("result", ["'text'", "5", "b'<a/><b/>'", "b'<message/>'", "b'<iq type=\"result\"><a/><b/></iq>'", "{'body': 'x'}"])
def test_an_iq_is_answered_even_by_what_cannot_be_sent(bot: Bot, result: str, caplog: pytest.LogCaptureFixture) -> None:
    [reply] = bot(handler(f"async def on_iq(self): return {result}")).receive(iq())
    assert reply.error is not None
    assert (reply.error.condition, reply.error.text) == ("internal-server-error", "")
    assert "Bot.on_iq returned what cannot be sent" in caplog.text


def test_an_iq_goes_to_the_first_that_answers_and_then_to_the_gateway(bot: Bot) -> None:
    mine = "async def on_iq(self, stanza): return {'version': {'name': '%s'}} if stanza.payload.tag == '{%s}time' else None"
    gateway = bot(handler(mine % ("one", "urn:none"), name="One") + handler(mine % ("two", "urn:example:time"), name="Two"))
    assert "two" in str(gateway.receive(iq())[0])
    assert gateway.receive(iq("<ping xmlns='urn:xmpp:ping'/>"))[0].type == "result"
    [reply] = gateway.receive(iq("<what xmlns='urn:what'/>"))
    assert reply.error is not None


@pytest.mark.parametrize(
    ("result", "expected"), [("{'type': 'subscribed'}", "subscribed"), ("Stanza.parse('<presence/>')", ""), ("None", None), ("'x'", None)]
)
def test_results_of_presence(bot: Bot, result: str, expected: str | None) -> None:
    gateway = bot(handler(f"async def on_presence(self): return {result}", 'type="subscribe"'))
    assert gateway.receive("<presence from='alice@localhost/x' to='http.localhost'/>") == []
    sent = gateway.receive("<presence type='subscribe' from='alice@localhost' to='bot@http.localhost'/>")
    assert [(stanza.kind, stanza.type, str(stanza.sender)) for stanza in sent] == (
        [] if expected is None else [("presence", expected, "bot@http.localhost")]
    )


# Errors


RAISED = [
    ("StanzaError('not-allowed', text='no')", "not-allowed"),
    ("ValueError('secret')", "internal-server-error"),
    ("SystemExit(1)", "internal-server-error"),
    ("GeneratorExit", "internal-server-error"),
    ("asyncio.CancelledError()", "internal-server-error"),
]


@pytest.mark.parametrize("keyword", ["async def", "def"])
@pytest.mark.parametrize(("raised", "condition"), RAISED)
def test_whatever_is_raised_goes_no_further(bot: Bot, keyword: str, raised: str, condition: str, caplog: pytest.LogCaptureFixture) -> None:
    gateway = bot(
        handler(
            f"{keyword} on_iq(self): raise {raised}\n{keyword} on_message(self): raise {raised}\n{keyword} on_presence(self): raise {raised}"
        )
        + handler(ECHO, 'local="well"', "Well")
    )
    [reply] = gateway.receive(iq())
    assert reply.error is not None
    assert reply.error.condition == condition
    assert "secret" not in str(reply)
    sent = gateway.receive(message(to="well@http.localhost"))
    assert "hello" in bodies(sent)
    assert [stanza.type for stanza in sent if stanza.type == "error"] == (["error"] if condition == "not-allowed" else [])
    assert gateway.receive("<presence from='alice@localhost/x' to='http.localhost'/>") == []
    if condition != "not-allowed":
        assert re.search(r"/bot\.py:\d+: Bot\.on_message failed", caplog.text)
        assert "Traceback" in caplog.text or "Cancelled" in caplog.text


def test_what_takes_too_long_is_given_up(bot: Bot, caplog: pytest.LogCaptureFixture) -> None:
    slow = "async def on_message(self, body):\n    await asyncio.sleep(9)\nasync def on_iq(self): await asyncio.sleep(9)"
    gateway = bot(handler(slow, more="    timeout = 0.1\n"))
    assert gateway.receive(message()) == []
    assert "Bot.on_message gave no result within 0.1 s" in caplog.text
    [reply] = gateway.receive(iq())
    assert reply.error is not None
    assert (reply.error.condition, reply.error.type) == ("remote-server-timeout", "wait")


def test_the_default_time_is_that_of_requests(bot: Bot, caplog: pytest.LogCaptureFixture) -> None:
    gateway = bot(handler("def on_message(self): time.sleep(0.3); return 'late'"), http={"request_timeout": 0.1})
    assert gateway.receive(message()) == []
    assert "within 0.1 s" in caplog.text


# Order, limits, reload


ORDER = """
class Bot(Handler):
    regex = "/log"
    lines = []
    async def on_message(self, body, sender):
        self.lines.append(f"{sender.local}{body}")
        await asyncio.sleep(0.001 if body.endswith("5") else 0)
        self.lines.append(f"{sender.local}{body}.")
    async def exec_get(self): return {"lines": self.lines}
"""


def push(gateway: TestGateway, *stanzas: str) -> float:
    """Have stanzas come in without waiting for anything; the longest time one took, in seconds."""

    async def take() -> float:
        inbound: Any = gateway.gateway.backend.inbound
        longest = 0.0
        for stanza in [Stanza.parse(text) for text in stanzas]:
            began = time.perf_counter()
            assert inbound.take(stanza)
            longest = max(longest, time.perf_counter() - began)
        return longest

    return float(gateway.client.portal.call(take))


def settle(gateway: TestGateway) -> None:
    gateway.client.portal.call(gateway.gateway.settle)


def test_messages_of_one_sender_stay_in_order_and_others_do_not_wait(bot: Bot) -> None:
    gateway = bot(ORDER)
    push(gateway, *[message(f"{n}", sender=f"{who}@localhost/x{n % 2}") for n in range(20) for who in ("a", "b", "c")])
    settle(gateway)
    lines = gateway.get("/rest/log?type=json").json()["lines"]
    for who in "abc":
        assert [line for line in lines if line[0] == who] == [f"{who}{n}{dot}" for n in range(20) for dot in ("", ".")]
    assert lines[:3] == ["a0", "b0", "c0"]


def record(gateway: TestGateway, monkeypatch: pytest.MonkeyPatch) -> list[Stanza]:
    """Return what the gateway sends from now on."""
    sent: list[Stanza] = []

    async def send(stanza: Stanza) -> None:
        sent.append(stanza)

    monkeypatch.setattr(gateway.gateway.backend, "send", send)
    return sent


def test_a_stuck_listener_harms_no_other_and_senders_are_told(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wait = handler("async def on_message(self): await asyncio.sleep(99)", 'local="stuck"', "Stuck", "    timeout = 100\n")
    gateway = bot(wait + handler(ECHO, 'local="well"', "Well"))
    limit(gateway, lane=LaneLimits(waiting=30, waiting_of_sender=5), stop_seconds=0.1)
    sent = record(gateway, monkeypatch)
    push(gateway, *[message(to="stuck@http.localhost") for _ in range(10)])
    eventually(lambda: len(sent) == 4)  # one runs, five wait
    push(gateway, *[message(to="stuck@http.localhost", sender=f"u{n}@localhost/x") for n in range(30)])
    eventually(lambda: len(sent) == 4 + 6)
    assert {(stanza.error.condition, stanza.error.type) for stanza in sent if stanza.error} == {("resource-constraint", "wait")}
    assert {stanza.id for stanza in sent} == {"m1"}
    push(gateway, message(to="well@http.localhost"))
    eventually(lambda: bodies(sent)[-1] == "hello")
    push(gateway, message(to="stuck@http.localhost", type="headline", sender="u77@localhost/x"))
    assert "their senders not told" in caplog.text


STUBBORN = """
async def on_message(self, body):
    if body == "stubborn":
        try: await asyncio.sleep(9)
        except asyncio.CancelledError: await asyncio.sleep(0.3)
    return body
async def on_iq(self):
    try: await asyncio.sleep(9)
    except asyncio.CancelledError: await asyncio.sleep(0.9)
"""


def test_what_does_not_give_up_in_time_holds_up_its_sender_only(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = bot(handler(STUBBORN.strip(), more="    timeout = 0.1\n"))
    sent = record(gateway, monkeypatch)
    push(gateway, message("stubborn"), message("behind"), message("beside", sender="bob@localhost/x"))
    settle(gateway)
    assert bodies(sent) == ["beside", "behind"]

    async def ask() -> Stanza:
        return await gateway.gateway.backend.request(Stanza.parse(iq()), 0.8)

    reply: Stanza = gateway.client.portal.call(ask)
    assert reply.error is not None


def test_nothing_waits_in_take(bot: Bot) -> None:
    gateway = bot(handler("def on_message(self, body): time.sleep(0.2)"))
    assert push(gateway, *[message(sender=f"u{n}@localhost/x") for n in range(50)]) < 0.2  # what waiting for a method would take


def test_a_new_version_answers_and_what_runs_in_the_old_one_finishes(bot: Bot, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    version = "async def on_message(self, body):\n    await asyncio.sleep(0.2)\n    return body + ' v%d'\nasync def shutdown(self): print('down %d')"
    gateway = bot(handler(version % (1, 1)))
    push(gateway, message("first"), message("second"))
    bot(handler(version % (2, 2)))
    sent = gateway.receive(message("third"))
    assert bodies(sent) == ["first v1", "second v1", "third v2"], "in order, each on the version that took it"
    assert "loaded" in caplog.text


def test_a_broken_edit_keeps_the_version_before(bot: Bot, tmp_path: Path) -> None:
    gateway = bot(handler(ECHO))
    (tmp_path / "bot.py").write_text("class")
    gateway.reload()
    assert bodies(gateway.receive(message())) == ["hello"]
    (tmp_path / "bot.py").unlink()
    gateway.reload()
    assert gateway.receive(message()) == []


def test_shutdown_waits_for_what_is_heard(bot: Bot, capsys: pytest.CaptureFixture[str]) -> None:
    source = handler(
        "async def on_message(self, body):\n    await asyncio.sleep(0.2)\n    print('done')\nasync def shutdown(self): print('down')"
    )
    gateway = bot(source)
    push(gateway, message())
    bot(handler(ECHO))
    settle(gateway)
    printed: list[str] = []

    def is_down() -> bool:
        printed.append(capsys.readouterr().out)
        return "down\n" in printed[-1]

    eventually(is_down)
    assert "".join(printed) == "done\ndown\n"


def test_a_gateway_that_stops_finishes_what_it_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = "async def on_message(self, body):\n    await asyncio.sleep(0.1)\n    print(body)\nasync def shutdown(self): print('down')"
    (tmp_path / "bot.py").write_text(HEAD + handler(source))
    with serving(tmp_path, builtins=False) as gateway:
        push(gateway, message("one"), message("two"))
    assert capsys.readouterr().out == "one\ntwo\ndown\n"


def test_a_gateway_that_stops_gives_up_what_does_not_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "bot.py").write_text(HEAD + handler("async def on_message(self): await asyncio.sleep(99)", more="    timeout = 100\n"))
    with serving(tmp_path, builtins=False) as gateway:
        limit(gateway, stop_seconds=0.1)
        push(gateway, message("one"), message("two"))
    assert "stanzas that scripts listened to were given up" in caplog.text


def test_too_many_iqs_are_told_to_wait(bot: Bot) -> None:
    gateway = bot(handler("async def on_iq(self):\n    await asyncio.sleep(0.2)\n    return {}"))
    limit(gateway, iqs=3)

    async def ask() -> list[str]:
        import asyncio

        backend = gateway.gateway.backend
        replies = await asyncio.gather(*[backend.request(Stanza.parse(iq()), 5.0) for _ in range(5)])
        return sorted(reply.error.condition if reply.error else reply.type for reply in replies)

    assert gateway.client.portal.call(ask) == ["resource-constraint"] * 2 + ["result"] * 3


# The examples


EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "bots"


@pytest.fixture(scope="module")
def examples() -> Iterator[TestGateway]:
    with serving(EXAMPLES, builtins=False) as gateway:
        assert gateway.gateway.table.problems == ()
        yield gateway


def test_the_echo_bot(examples: TestGateway) -> None:
    assert bodies(examples.receive(message("Hello, echo!", to="echo@http.localhost"))) == ["Hello, echo!"]
    assert examples.receive(message("Hello!", to="nobody@http.localhost")) == []
    sent = examples.receive("<presence type='subscribe' from='alice@localhost' to='echo@http.localhost'/>")
    assert [(stanza.type, str(stanza.sender), str(stanza.to)) for stanza in sent] == [
        ("subscribed", "echo@http.localhost", "alice@localhost"),
        ("", "echo@http.localhost", "alice@localhost"),
    ]


def test_the_help_bot(examples: TestGateway) -> None:
    def say(text: str, sender: str = "alice@localhost/desk") -> str:
        [reply] = examples.receive(message(text, to="help@http.localhost", sender=sender))
        return reply.body

    assert say("/help").splitlines()[0] == "/choose - choose one of several: /choose tea coffee"
    assert say("help") == say("/HELP ")
    assert say("/whoami") == "alice@localhost"
    assert say("/whoami", "admin@localhost/x") == "admin@localhost, admin"
    assert say("/choose tea coffee") in ("tea", "coffee")
    assert say("/dance") == "I do not know /dance. Try /help."
