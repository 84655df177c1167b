"""The component back end: an external component (XEP-0114) on a real XMPP server."""
