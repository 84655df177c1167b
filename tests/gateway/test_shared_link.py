"""Replies that another connection of the same component takes; real servers: ``tests/servers/test_live.py``."""

from __future__ import annotations

import asyncio

import pytest

from tigrest.errors import StanzaTimeout
from tigrest.gateway.shared_link import PingReplies, count_replies
from tigrest.xmpp.jid import JID
from tigrest.xmpp.stanza import Stanza


class Link:
    """Answers the pings that it is told to answer, with an error."""

    def __init__(self, answers: str) -> None:
        self.answers = answers
        self.senders: list[JID | None] = []

    async def request(self, iq: Stanza, timeout: float) -> Stanza:
        assert iq.to == "example.org/ping"
        self.senders.append(iq.sender)
        if self.answers[len(self.senders) - 1] == "-":
            await asyncio.sleep(timeout)
            raise StanzaTimeout("nothing came")
        return iq.with_(type="error")


@pytest.mark.parametrize(
    ("answers", "is_shared"),
    [("+++++", False), ("-----", False), ("++---", False), ("+-+--", True), ("-++++", True), ("----+", True)],
)
async def test_replies_that_are_missing_before_others_went_elsewhere(answers: str, is_shared: bool) -> None:
    link = Link(answers)
    replies = await count_replies(link, JID("http.example.org"), JID("example.org"), len(answers), 0.01)
    assert replies == PingReplies(tuple(answer == "+" for answer in answers))
    assert (replies.count, replies.is_shared) == (answers.count("+"), is_shared)
    assert len(set(link.senders)) == 5  # servers may choose by the address
