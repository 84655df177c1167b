from xml.etree import ElementTree as ET

import pytest

from tigrest.xmpp.commands import CommandReply, Note, ResultUrl
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
    assert reply.is_executing


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


def command(inside: str, attributes: str = 'status="executing" sessionid="s"') -> CommandReply:
    return CommandReply.of(
        SERVER, "n", ET.fromstring(f'<command xmlns="http://jabber.org/protocol/commands" {attributes}>{inside}</command>')
    )


@pytest.mark.parametrize(
    ("actions", "offered", "default"),
    [
        ("", (), "complete"),
        ("<actions/>", (), "execute"),
        ("<actions><prev/></actions>", ("prev",), "execute"),
        ("<actions><complete/><next/><prev/></actions>", ("next", "complete", "prev"), "next"),
        ("<actions><complete/></actions>", ("complete",), "complete"),
        ('<actions execute="complete"><prev/><next/><complete/></actions>', ("complete", "next", "prev"), "complete"),
        ('<actions execute="next"><complete/></actions>', ("next", "complete"), "next"),
        ('<actions execute="cancel"><next/><cancel/><dance/></actions>', ("next",), "next"),
        ('<actions execute="prev"><prev/><complete/></actions>', ("prev", "complete"), "complete"),
    ],
)
def test_the_action_that_takes_a_command_on_is_the_one_that_the_stage_names(actions: str, offered: tuple[str, ...], default: str) -> None:
    reply = command(actions)
    assert (reply.actions, reply.default_action) == (offered, default)


def form(kind: str, inside: str = "") -> str:
    return f'<x xmlns="jabber:x:data" type="{kind}">{inside}</x>'


ASKING = '<field var="{}" type="text-single"/>'


@pytest.mark.parametrize(
    ("forms", "counts"),
    [
        ([form("form", ASKING.format("a")), form("form", ASKING.format("b"))], 1),
        ([form("form", ASKING.format("a")), form("form", '<field type="fixed"/>'), form("result")], 0),
        ([form("result"), form("form", ASKING.format("a"))], 1),
        ([form("result"), form("form", '<field var="h" type="hidden"/>')], 0),
    ],
)
def test_of_several_forms_the_last_one_that_asks_for_something_counts(forms: list[str], counts: int) -> None:
    reply = command("".join(forms))
    assert len(reply.forms) == len(forms)
    assert reply.form == reply.forms[counts]


def test_results_that_are_elsewhere_are_read() -> None:
    oob = '<x xmlns="jabber:x:oob"><url> http://x/ </url><desc>Here</desc></x><x xmlns="jabber:x:oob"><url>http://y/</url></x>'
    assert command(oob).urls == (ResultUrl("http://x/", "Here"), ResultUrl("http://y/"))


def test_the_severity_is_that_of_the_worst_note() -> None:
    notes = "<note>a</note><note type='warn'>b</note><note type='odd'>c</note>"
    assert command(notes).severity == "warn"
    assert command(notes + "<note type='error'>d</note><note type='info'/>").severity == "error"
    assert command("").severity == "info"
    assert [note.type for note in command(notes).notes] == ["info", "warn", "odd"]


@pytest.mark.parametrize(
    ("attributes", "inside", "executing"),
    [
        ('status="executing"', "", True),
        ("", form("form"), True),
        ("", form("result"), False),
        ("", "", False),
        ('status="completed"', form("form"), False),
        ('sessionid="s"', form("form"), False),
    ],
)
def test_a_form_without_status_and_session_waits_to_be_filled_in(attributes: str, inside: str, executing: bool) -> None:
    assert command(inside, attributes).is_executing is executing
