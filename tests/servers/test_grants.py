"""What servers grant to the gateway's address, and what to the others of its domain, as ``docs/`` says: a user's is one of them."""

from __future__ import annotations

from tests.servers.client import Client, online
from tests.servers.newer import NewerEjabberd
from tests.servers.process import COMPONENT, XmppServer
from tests.servers.raw import RawComponent, raw_component

NEWER_TOO = True

NOBODY = f"nobody@{COMPONENT}"
ADD_USER = "<command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/admin#add-user' action='execute'/>"
ROSTER = "<query xmlns='jabber:iq:roster'/>"


def test_commands_are_for_the_exact_address(server: XmppServer) -> None:
    with raw_component(server) as component:
        component.await_privileges()  # until then, newer versions of ejabberd drop iqs
        assert "executing" in component.ask(COMPONENT, "type='set' to='localhost'", ADD_USER)
        assert "<forbidden" in component.ask(NOBODY, "type='set' to='localhost'", ADD_USER)


def test_rosters_are_for_the_whole_domain_of_the_component(server: XmppServer) -> None:
    with raw_component(server) as component:
        component.await_privileges()
        for sender in (COMPONENT, NOBODY):
            assert "<error" not in component.ask(sender, "type='get' to='bob@localhost'", ROSTER)


def test_messages_are_for_the_exact_address_on_ejabberd_only(server: XmppServer) -> None:
    with raw_component(server) as component, online(server, "bob") as bob:
        component.await_privileges()
        arrived = [arrives(component, server, bob, sender) for sender in (NOBODY, COMPONENT)]
        assert arrived == [server.name == "Prosody", True]


def arrives(component: RawComponent, server: XmppServer, bob: Client, sender: str) -> bool:
    """Send bob a message in alice's name; tell whether it comes before one that nobody has to allow. XEP-0356 §5"""
    message = f"<message xmlns='jabber:client' from='alice@localhost' to='{bob.jid}' type='chat'><body>of {sender}</body></message>"
    forwarded = f"<forwarded xmlns='urn:xmpp:forward:0'>{message}</forwarded>"
    version = 1 if server.name == "ejabberd" and not isinstance(server, NewerEjabberd) else 2  # of XEP-0356
    privilege = f"<privilege xmlns='urn:xmpp:privilege:{version}'>{forwarded}</privilege>"
    component.send(f"<message from='{sender}' to='localhost' id='privileged'>{privilege}</message>")
    component.send(f"<message from='{sender}' to='{bob.jid}' type='chat'><body>own of {sender}</body></message>")
    bodies = (f"of {sender}", f"own of {sender}")
    first = bob.expect(lambda stanza: stanza.name == "message" and stanza["body"] in bodies)
    return bool(first["body"] == bodies[0])
