"""Who is turned away, what he is told, and what the log says."""

from __future__ import annotations

import logging

import pytest

from tigrest.backends.component.entrance import Entrance
from tigrest.xmpp.stanza import Stanza


class RecordedEntrance:
    """An entrance, and what it sends."""

    def __init__(self) -> None:
        self.sent: list[Stanza] = []
        self.now = 1000.0
        self.entrance = Entrance(self.sent.append, lambda: self.now)

    def conditions(self) -> list[str]:
        return [stanza.error.condition for stanza in self.sent if stanza.error is not None]


def flawed(kind: str = "message", **attributes: str) -> Stanza:
    return Stanza.flawed(kind, {"from": "a@b/c", "to": "x@y", "id": "1"} | attributes, "namespace 'a b' is not a URI reference")


def test_a_sound_stanza_comes_in_with_prepared_addresses() -> None:
    link = RecordedEntrance()
    stanza = link.entrance.admit(Stanza.parse("<message from='A@B./C' to='X@Y'><body>b</body></message>"))
    assert stanza is not None
    assert (stanza.attributes, stanza.body, link.sent) == ({"from": "a@b/C", "to": "x@y"}, "b", [])


@pytest.mark.parametrize(
    ("stanza", "answers"),
    [
        (flawed(), ["not-acceptable"]),
        (flawed(type="chat"), ["not-acceptable"]),
        (flawed("iq", type="get"), ["not-acceptable"]),
        (flawed("iq", type="set"), ["not-acceptable"]),
        (flawed(type="error"), []),
        (flawed(type="groupchat"), []),
        (flawed(type="headline"), []),
        (flawed("presence"), []),
        (Stanza.flawed("message", {"to": "x@y"}, "no sender"), []),
        (Stanza.parse("<message from='a@b' to='x@y/\U0001f4f1'/>"), ["jid-malformed"]),
        (Stanza.parse("<message from='a@b/\U0001f4f1' to='x@y'/>"), ["jid-malformed"]),
    ],
)
def test_who_is_turned_away_is_told_once(stanza: Stanza, answers: list[str]) -> None:
    link = RecordedEntrance()
    assert link.entrance.admit(stanza) is None
    assert link.conditions() == answers
    for error in link.sent:
        assert (error.attributes["to"], error.attributes["from"]) == (stanza.attributes["from"], stanza.attributes["to"])


def test_the_log_does_not_grow(caplog: pytest.LogCaptureFixture) -> None:
    link = RecordedEntrance()
    with caplog.at_level(logging.DEBUG):
        for _ in range(1000):
            link.entrance.admit(flawed(**{"from": "a@b/" + "c" * 1000}))
        link.now += 61
        link.entrance.admit(flawed())
    assert len(caplog.records) == 2
    assert "999 others" in caplog.messages[1]
    assert all(len(message) < 400 for message in caplog.messages)
