"""XMPP as its RFCs have it, without I/O."""
