"""XML namespaces of the protocols that the gateway speaks, each once."""

COMMANDS = "http://jabber.org/protocol/commands"
"""XEP-0050"""

DISCO_INFO = "http://jabber.org/protocol/disco#info"
"""XEP-0030"""

DISCO_ITEMS = "http://jabber.org/protocol/disco#items"
"""XEP-0030"""
