import pytest

from tigrest.errors import InvalidValue
from tigrest.xmpp.jid import JID
from tigrest.xmpp.kinds import SHOWS
from tigrest.xmpp.presence import Activity, UserStatus

DESK = JID("alice@example.org/desk")


@pytest.mark.parametrize("show", ["", *SHOWS])
def test_each_show_is_taken(show: str) -> None:
    assert UserStatus(DESK, show=show).show == show


@pytest.mark.parametrize(
    ("jid", "show", "priority", "culprit"),
    [
        (JID("alice@example.org"), "", 0, "is not the full address of a user"),
        (JID("example.org/desk"), "", 0, "is not the full address of a user"),
        (DESK, "busy", 0, "show is 'busy'; use one of chat, away, xa, dnd"),
        (DESK, "", 128, "priority is 128"),
        (DESK, "", -129, "priority is -129"),
    ],
)
def test_what_is_no_presence_is_refused(jid: JID, show: str, priority: int, culprit: str) -> None:
    with pytest.raises(InvalidValue, match=culprit):
        UserStatus(jid, show=show, priority=priority)


@pytest.mark.parametrize(
    ("status", "activity", "culprit"),
    [
        ("a\0b", None, r"status: XML cannot carry the character U\+0000, at 1"),
        ("", Activity("talking", "", "\x01"), r"the text of the activity: XML cannot carry the character U\+0001, at 0"),
        ("", Activity(""), "the category of the activity is ''; use one of XEP-0108"),
        ("", Activity("a/><x xmlns='y'/"), "the category of the activity is "),
        ("", Activity("talking", "on the phone"), "the type of the activity is 'on the phone'"),
        ("", Activity("}talking"), "the category of the activity is "),
    ],
)
def test_what_would_not_arrive_as_it_is_is_refused(status: str, activity: Activity | None, culprit: str) -> None:
    with pytest.raises(InvalidValue, match=culprit):
        UserStatus(DESK, status=status, activity=activity)
