"""The embedded back end: one XMPP domain inside the process, its state in SQL.

Start with :class:`tigrest.backends.embedded.domain.EmbeddedDomain`.
"""
