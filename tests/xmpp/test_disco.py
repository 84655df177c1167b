from xml.etree import ElementTree as ET

from tigrest.xmpp.disco import DiscoItem, items_of, items_query
from tigrest.xmpp.namespaces import COMMANDS
from tigrest.xmpp.xml import serialize

ITEMS = '<query xmlns="http://jabber.org/protocol/disco#items"><item jid="a.b" node="n" name="N"/><item/><other jid="c.d"/></query>'


def test_items_are_asked_for_at_a_node() -> None:
    assert serialize(items_query(COMMANDS)) == f'<query xmlns="http://jabber.org/protocol/disco#items" node="{COMMANDS}"/>'


def test_items_without_an_address_are_those_of_the_responder() -> None:
    assert items_of(ET.fromstring(ITEMS), "x.y") == [DiscoItem("a.b", "n", "N"), DiscoItem("x.y", "", None)]


def test_no_payload_has_no_items() -> None:
    assert items_of(None) == []
