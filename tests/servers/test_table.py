"""The table of ``docs/servers.md`` is what the servers do; ``make table`` writes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.servers.client import online
from tests.servers.conftest import KINDS, NEWER, OTHERS, StartServer
from tests.servers.gateway import gateway_for
from tests.servers.process import USERS
from tests.servers.table import PAGE, ROWS, Trial, column
from tigrest.testing import serving

FOR_USERS = {"jabberd2": "gateway"}
"""``send_as`` where it is not ``"user"``."""


@contextmanager
def trial(kind: str, start_server: StartServer) -> Iterator[Trial]:
    """Run a gateway in front of a server, with all that its page says."""
    if kind == "embedded":
        accounts = [{"jid": f"{user}@localhost", "password": password} for user, password in USERS.items()]
        with serving(embedded={"accounts": accounts}, xmpp={"adhoc_as": "gateway"}) as gateway:
            yield Trial(gateway, None, None)
        return
    server = start_server(kind)
    with ExitStack() as stack:
        gateway = stack.enter_context(gateway_for(server, send_as=FOR_USERS.get(kind, "user")))
        alice, bob = (stack.enter_context(online(server, user)) for user in ("alice", "bob"))
        yield Trial(gateway, alice, bob)


@pytest.mark.parametrize("kind", ["embedded", *KINDS, *NEWER, *OTHERS])
def test_each_server_does_what_its_column_says(kind: str, start_server: StartServer) -> None:
    with trial(kind, start_server) as tried:
        seen = column(tried)
    PAGE.check(list(ROWS), seen)


def test_the_table_has_a_row_for_each_function() -> None:
    assert PAGE.columns()[""] == ["", *ROWS]
