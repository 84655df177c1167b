"""The servers of the tests start and stop."""

from tests.servers.process import XmppServer


def test_it_runs(server: XmppServer) -> None:
    assert server.process is not None
    assert server.process.poll() is None
