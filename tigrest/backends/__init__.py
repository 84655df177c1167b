"""Access to XMPP: the contract of back ends, and two of them: the component of a real server, and a domain inside the process."""
