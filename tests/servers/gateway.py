"""A gateway in front of a server of the tests."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers.process import SECRET, XmppServer
from tigrest.testing import TestGateway, serving


def settings(server: XmppServer, **xmpp: Any) -> dict[str, Any]:
    """Return the section ``[xmpp]`` for a server."""
    link = {"backend": "component", "secret": SECRET, "port": server.component, "c2s_port": server.c2s, "c2s_tls": "allow"}
    return link | {"send_as": "user"} | xmpp


@contextmanager
def gateway_for(server: XmppServer, state: Path | None = None, **xmpp: Any) -> Iterator[TestGateway]:
    """Run a gateway as the component of a server.

    Args:
        server: which.
        state: file of its state; in memory when ``None``.
        xmpp: further settings of ``[xmpp]``.
    """
    sections: dict[str, Any] = {"xmpp": settings(server, **xmpp), "bosh": {"url": f"http://127.0.0.1:{server.http}/http-bind"}}
    if state is not None:
        sections["state"] = {"database": str(state)}
    with serving(**sections) as gateway:
        eventually(lambda: gateway.service.connected)
        yield gateway


def eventually(ask: Any, seconds: float = 20.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not ask():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)
