"""The ways to XMPP: the contract, and what keeps it – a component link to a server, and a domain inside the process."""
