"""A bot in one file, in front of each real server: dropped in while the gateway runs, edited, and the new version answers."""

from __future__ import annotations

from pathlib import Path

from tests.servers.client import Client, online
from tests.servers.gateway import eventually, settings
from tests.servers.process import XmppServer
from tests.servers.test_story import ask
from tigrest.scripting.listeners import Listener
from tigrest.testing import TestGateway, serving

BOTS = Path(__file__).parent.parent.parent / "examples" / "bots"


def say(client: Client, text: str, to: str = "echo@http.localhost") -> None:
    client.send(f"<message to='{to}' type='chat' id='m1'><body>{text}</body></message>")


def listeners(gateway: TestGateway) -> list[str]:
    return [str(listener.relative) for listener in gateway.gateway.table.of(Listener)]


def test_a_bot_is_dropped_in_answers_and_is_edited(server: XmppServer, tmp_path: Path) -> None:
    with serving(tmp_path, xmpp=settings(server), scripts={"reload": True}) as gateway, online(server, "alice") as alice:
        eventually(lambda: gateway.service.connected)
        say(alice, "hello")
        assert alice.expect(lambda stanza: stanza["type"] == "error")["id"] == "m1"

        source = (BOTS / "echo.py").read_text()
        (tmp_path / "echo.py").write_text(source)
        eventually(lambda: listeners(gateway) == ["echo.py", "echo.py"])
        say(alice, "hello")
        reply = alice.message("hello")
        assert (reply["from"], reply["to"], reply["type"]) == ("echo@http.localhost", alice.jid, "chat")
        alice.send("<presence type='subscribe' to='echo@http.localhost'/>")
        assert alice.presence("echo@http.localhost")["status"] == "Tell me something."

        before = gateway.gateway.table
        (tmp_path / "echo.py").write_text(source.replace("return body", "return body.upper()"))
        eventually(lambda: gateway.gateway.table is not before)
        say(alice, "hello")
        alice.message("HELLO")

        before = gateway.gateway.table
        (tmp_path / "echo.py").write_text("class")
        eventually(lambda: gateway.gateway.table is not before)
        say(alice, "still there?")
        alice.message("STILL THERE?")
        for n in range(50):
            say(alice, f"n{n}")
        seen = [alice.expect(lambda stanza: stanza["body"].startswith("N"))["body"] for _ in range(50)]
        assert seen == [f"N{n}" for n in range(50)]


def test_commands_and_iqs(server: XmppServer, tmp_path: Path) -> None:
    (tmp_path / "help.py").write_text((BOTS / "help.py").read_text())
    (tmp_path / "iqs.py").write_text(
        "from tigrest import Handler, Match, StanzaError\n"
        "class Iqs(Handler):\n"
        "    match = Match(xpath='{urn:example:sum}sum')\n"
        "    def on_iq(self, stanza):\n"
        "        numbers = [int(n.text) for n in stanza.payload]\n"
        "        if not numbers: raise StanzaError('bad-request', 'modify', 'nothing to add')\n"
        "        return f'<sum xmlns=\"urn:example:sum\">{sum(numbers)}</sum>'.encode()\n"
    )
    with serving(tmp_path, xmpp=settings(server)) as gateway, online(server, "admin") as admin:
        eventually(lambda: gateway.service.connected)
        say(admin, "/whoami", "help@http.localhost")
        admin.message("admin@localhost, admin")
        iq = "<iq type='get' to='{to}' id='q'><sum xmlns='urn:example:sum'>{inside}</sum></iq>"
        assert ">5<" in str(ask(admin, iq.format(to="http.localhost", inside="<n>2</n><n>3</n>")))
        assert ">7<" in str(ask(admin, iq.format(to="any@http.localhost/x", inside="<n>7</n>")))
        assert "nothing to add" in str(ask(admin, iq.format(to="http.localhost", inside="")))
        assert "internal-server-error" in str(ask(admin, iq.format(to="http.localhost", inside="<n>x</n>")))
        assert "tigrest" in str(ask(admin, "<iq type='get' to='http.localhost' id='q'><query xmlns='jabber:iq:version'/></iq>"))
