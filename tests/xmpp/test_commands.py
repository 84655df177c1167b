from xml.etree import ElementTree as ET

import pytest

from tigrest.xmpp.commands import CommandReply, Note
from tigrest.xmpp.forms import DataForm
from tigrest.xmpp.jid import JID
from tigrest.xmpp.roster import RosterItem

SERVER = JID("example.org")
OPEN = """
<command xmlns="http://jabber.org/protocol/commands" node="n" sessionid="s1" status="executing">
  <actions execute="complete"><prev/><complete/></actions><note type="warn"> Careful </note><note>Hello</note>
  <x xmlns="jabber:x:data" type="form"/>
</command>"""
ROSTER = """
<command xmlns="http://jabber.org/protocol/commands" node="n" status="completed"><x xmlns="jabber:x:data" type="result"><query
  xmlns="jabber:iq:roster"><item jid="a@b" subscription="both" name="A"><group>Friends</group></item><item jid="c@d"/></query></x></command>"""


def test_a_reply_with_a_form_waits_for_it() -> None:
    reply = CommandReply.of(SERVER, "n", ET.fromstring(OPEN))
    assert (reply.status, reply.sessionid, reply.form) == ("executing", "s1", DataForm("form"))
    assert reply.actions == ("complete", "prev")  # the default first
    assert reply.notes == (Note("Careful", "warn"), Note("Hello"))
    assert reply.awaits_form


@pytest.mark.parametrize(("there", "instead"), [("executing", "completed"), ('sessionid="s1"', ""), ('type="form"', 'type="result"')])
def test_a_reply_waits_for_no_form_without_session_or_form(there: str, instead: str) -> None:
    assert not CommandReply.of(SERVER, "n", ET.fromstring(OPEN.replace(there, instead))).awaits_form


def test_an_empty_reply_is_read() -> None:
    assert CommandReply.of(SERVER, "n", ET.fromstring('<command xmlns="http://jabber.org/protocol/commands"/>')) == CommandReply(
        SERVER, "n"
    )


def test_a_roster_inside_the_form_is_read() -> None:
    friend, other = CommandReply.of(SERVER, "n", ET.fromstring(ROSTER)).roster
    assert friend == RosterItem("a@b", "both", "A", ("Friends",))
    assert other == RosterItem("c@d", "", "", ())
    assert friend.sees_presence
    assert not other.sees_presence
