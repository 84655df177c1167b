"""vCards set in their owners' names, at a server that tells nobody whether it was done; real ones: ``tests/servers/test_avatars.py``."""

from __future__ import annotations

import asyncio
from xml.etree import ElementTree as ET

import pytest

from tigrest.backends.component.own_vcard import OwnVCards
from tigrest.errors import NotSupported, StanzaError
from tigrest.xmpp.jid import JID
from tigrest.xmpp.stanza import Stanza

ALICE = JID("alice@example.org")


class Server:
    """Keeps vCards, in its own time; without ``keeps``, none."""

    def __init__(self, keeps: bool = True) -> None:
        self.keeps = keeps
        self.vcards: dict[JID, ET.Element] = {}

    async def send(self, stanza: Stanza) -> None:
        assert (stanza.sender, stanza.payload is not None) == (stanza.to, True)
        if self.keeps:
            asyncio.get_running_loop().call_later(0.05, self._keep, stanza)

    def _keep(self, stanza: Stanza) -> None:
        assert stanza.to is not None
        assert stanza.payload is not None
        self.vcards[stanza.to] = stanza.payload

    async def request(self, iq: Stanza, timeout: float = 1.0) -> Stanza:
        await asyncio.sleep(0)
        assert iq.to is not None
        vcard = self.vcards.get(iq.to)
        return iq.error_reply(StanzaError("item-not-found")) if vcard is None else iq.reply(vcard)

    async def exists(self, jid: JID) -> bool:
        return True


def setting(name: str) -> Stanza:
    return Stanza.parse(f"<iq type='set' id='{name}'><vCard xmlns='vcard-temp'><FN>{name}</FN></vCard></iq>")


async def test_who_sets_a_vcard_while_another_does_is_told_of_his_own() -> None:
    server = Server()
    vcards = OwnVCards(server)
    replies = await asyncio.gather(*[vcards.request(ALICE, setting(f"n{number}"), 1.0) for number in range(3)])
    assert [(reply.type, reply.id) for reply in replies] == [("result", f"n{number}") for number in range(3)]
    assert "".join(server.vcards[ALICE].itertext()) == "n2"


async def test_what_is_not_there_afterwards_was_not_done() -> None:
    with pytest.raises(NotSupported, match="is not there"):
        await OwnVCards(Server(keeps=False)).request(ALICE, setting("x"), 1.0)
