"""The scriptable REST gateway for XMPP servers."""
