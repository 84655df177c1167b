import pytest

from tigrest.errors import InvalidValue
from tigrest.xmpp.jid import JID
from tigrest.xmpp.kinds import SHOWS
from tigrest.xmpp.presence import UserStatus

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
