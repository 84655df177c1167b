"""Recognition of the server's software, and the permission that Tigase wants to see."""

from __future__ import annotations

import pytest

from tigrest.backends.component.software import is_tigase, software_of, with_permission
from tigrest.errors import StanzaTimeout
from tigrest.xmpp.jid import JID
from tigrest.xmpp.stanza import Stanza

OURS, DOMAIN = JID("rest.example.org"), JID("example.org")
VERSION = "<query xmlns='jabber:iq:version'><name>Prosody</name><version>0.12</version></query>"
IDENTITIES = (
    "<query xmlns='http://jabber.org/protocol/disco#info'><identity category='component' type='router' name='no'/>"
    "<identity category='server' type='im' name='Tigase ver. 8.4.0'/></query>"
)


@pytest.mark.parametrize(
    ("answers", "name"),
    [
        ({"jabber:iq:version": VERSION}, "Prosody"),
        ({"jabber:iq:version": VERSION, "disco#info": IDENTITIES}, "Prosody"),
        ({"disco#info": IDENTITIES}, "Tigase ver. 8.4.0"),
        ({"jabber:iq:version": "<query xmlns='jabber:iq:version'/>", "disco#info": IDENTITIES}, "Tigase ver. 8.4.0"),
        ({"jabber:iq:version": "", "disco#info": ""}, ""),
        ({}, ""),
    ],
)
async def test_a_server_is_recognised_by_its_version_or_its_identity(answers: dict[str, str], name: str) -> None:
    async def request(iq: Stanza) -> Stanza:
        for namespace, payload in answers.items():
            if iq.mentions(namespace.encode()):
                return Stanza.received(f"<iq type='result' from='example.org'>{payload}</iq>")
        raise StanzaTimeout("no answer")

    assert await software_of(request, DOMAIN) == name
    assert is_tigase(name) is ("Tigase" in name)


@pytest.mark.parametrize(
    ("stanza", "is_marked"),
    [
        ("<iq type='set' to='example.org'><x/></iq>", True),
        ("<iq type='get'><x/></iq>", True),
        ("<iq type='set' to='sess-man@example.org'><x/></iq>", True),
        ("<iq type='set' to='sess-man@example.org/a'><x/></iq>", True),
        ("<iq type='set' to='ext.example.org'><x/></iq>", True),
        ("<iq type='get' to='alice@example.org'><x/></iq>", True),
        ("<iq type='get' to='alice@example.org/phone'><x/></iq>", False),
        ("<iq type='get' to='elsewhere.net'><x/></iq>", False),
        ("<iq type='get' to='badexample.org'><x/></iq>", False),
        ("<iq type='result' to='example.org'><x/></iq>", False),
        ("<message to='example.org'><body>x</body></message>", False),
    ],
)
def test_what_the_gateway_asks_inside_tigase_is_marked(stanza: str, is_marked: bool) -> None:
    own = Stanza.parse(stanza).with_(sender=OURS)
    assert ('perm="ADMIN"' in str(with_permission(own, OURS, DOMAIN))) is is_marked
    for sender in ("alice@rest.example.org", "rest.example.org/x", "alice@example.org"):
        assert "perm=" not in str(with_permission(own.with_(sender=JID(sender)), OURS, DOMAIN))
