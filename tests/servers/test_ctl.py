"""``tigrest ctl`` through a gateway in front of real servers: the lines of ejabberd's page about versions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ctl.shell import Shell
from tests.servers.gateway import gateway_for
from tests.servers.process import XmppServer

NEWER_TOO = True


@pytest.fixture(scope="module")
def shell(server: XmppServer) -> Iterator[Shell]:
    with gateway_for(server) as gateway:
        yield Shell(gateway)


def test_a_roster_is_printed_as_ejabberdctl_prints_it(shell: Shell) -> None:
    for contact, groups in (("jan", "group1,group2"), ("tom", "group3")):
        done = shell.ctl("add_rosteritem", "admin", "localhost", contact, "localhost", contact, groups, "none")
        if done.code:
            assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
            assert "not possible here" in done.err
            return
        assert (done.out, done.err) == ("", "")
    latest = shell.ctl("get_roster", "admin", "localhost")
    assert latest == (0, "jan@localhost\tjan\tnone\tnone\tgroup1,group2\ntom@localhost\ttom\tnone\tnone\tgroup3\n", "")
    first = shell.ctl("--version", "0", "get_roster", "admin", "localhost")
    assert first == (0, "jan@localhost\tjan\tnone\tnone\tgroup1;group2\ntom@localhost\ttom\tnone\tnone\tgroup3\n", "")
    table = shell.ctl("get_roster", "admin", "localhost", width=80)
    assert table.out.splitlines()[:2] == [
        "jid            nick  subscription  pending  groups",
        "jan@localhost  jan   none          none     group1,group2",
    ]


def test_help_says_what_the_server_cannot_do(shell: Shell) -> None:
    done = shell.ctl("help", "invite", width=200)
    assert done.code == 0
    assert ("Not possible here, because " in done.out) is (shell.ctl("invite", "bob", "localhost").code == 1)
