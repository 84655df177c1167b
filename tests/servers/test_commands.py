"""Ad-hoc commands of entities that others wrote, through a gateway in front of a real server. XEP-0004, XEP-0050"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers.conftest import installed
from tests.servers.gateway import eventually, gateway_for
from tests.servers.peers import Biboumi, Peer, Slidge
from tests.servers.process import XmppServer
from tests.servers.prosody import Prosody
from tigrest.testing import TestGateway

LOGIN = "admin:adminpw"
ADMIN = "http://jabber.org/protocol/admin#"
IRC_SERVER = "irc.example.org@irc.localhost"


@pytest.fixture(scope="module")
def prosody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[XmppServer]:
    installed("prosody")
    server = Prosody(tmp_path_factory.mktemp("prosody"), components=f"{Biboumi.jid} {Slidge.jid}", forms="true")
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def gateway(prosody: XmppServer) -> Iterator[TestGateway]:
    with gateway_for(prosody) as running:
        yield running


def started(kind: type[Peer], server: XmppServer, folder: Path) -> Iterator[Peer]:
    """Run a peer, unless it is not installed, which is a clear skip (and an error in CI, where it is)."""
    if not kind.is_installed():
        assert "CI" not in os.environ, f"{kind.name} is not installed; tests/servers/install.sh does that"
        pytest.skip(f"{kind.name} is not installed: {kind.package}")
    peer = kind(server, folder)
    try:
        peer.start()
        yield peer
    finally:
        peer.stop()


@pytest.fixture(scope="module")
def biboumi(prosody: XmppServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    yield from started(Biboumi, prosody, tmp_path_factory.mktemp("biboumi"))


@pytest.fixture(scope="module")
def slidge(prosody: XmppServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    yield from started(Slidge, prosody, tmp_path_factory.mktemp("slidge"))


def post(gateway: TestGateway, to: str, values: dict[str, Any] | None = None, **command: Any) -> Any:
    """Execute a command, with these values in its form."""
    if values is not None:
        command["fields"] = [{"var": var, "value": value} for var, value in values.items()]
    return gateway.post(f"/rest/adhoc/{to}", login=LOGIN, json={"command": command})


def run(gateway: TestGateway, to: str, values: dict[str, Any] | None = None, **command: Any) -> dict[str, Any]:
    """Execute a command that works."""
    answer = post(gateway, to, values, **command)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["command"]
    return found


def shown(command: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a form."""
    return {field["var"]: field.get("value") for field in command["fields"]}


# biboumi


def test_one_setting_of_biboumi_leaves_the_others(gateway: TestGateway, biboumi: Peer) -> None:
    before = {"nick": "romeo", "pass": "secret", "ports": ["7000", "7001"], "realname": "Romeo", "after_connect_commands": "one\ntwo"}
    assert run(gateway, IRC_SERVER, before, node="configure")["note"]["value"] == "Configuration successfully applied."
    run(gateway, IRC_SERVER, {"realname": "Changed"}, node="configure")
    after = shown(run(gateway, IRC_SERVER, node="configure"))
    assert after.items() >= (before | {"realname": "Changed", "after_connect_commands": ["one", "two"]}).items()
    run(gateway, IRC_SERVER, {"ports": "7002\n7003", "nick": None}, node="configure")
    after = shown(run(gateway, IRC_SERVER, node="configure"))
    assert (after["ports"], after.get("nick"), after["pass"]) == (["7002", "7003"], None, "secret")


def test_stages_of_biboumi_by_hand_keep_what_the_form_has(gateway: TestGateway, biboumi: Peer) -> None:
    to = "irc.by-hand.example@irc.localhost"
    form = run(gateway, to, node="configure")
    done = run(gateway, to, {"nick": "juliet"}, node="configure", sessionid=form["sessionid"])
    assert done["status"] == "completed"
    after = shown(run(gateway, to, node="configure"))
    assert (after["nick"], after["ports"]) == ("juliet", shown(form)["ports"])


def test_what_biboumi_does_not_know_is_told(gateway: TestGateway, biboumi: Peer) -> None:
    refused = post(gateway, IRC_SERVER, {"real_name": "x"}, node="configure")
    assert refused.status_code == 400
    assert "no field 'real_name'; it has 'address'" in refused.json()["detail"]
    missing = post(gateway, "irc.localhost", node="nonsense")
    assert (missing.status_code, missing.json()["condition"]) == (404, "item-not-found")
    assert post(gateway, "irc.localhost", {"name": "x"}, node="hello", sessionid="nonsense").status_code == 400


# slidge


def test_stages_of_slidge_take_one_post(gateway: TestGateway, slidge: Peer) -> None:
    done = run(gateway, Slidge.jid, {"size": "l", "text": "a\n\nb", "confirm": True}, node="order")
    [table] = done["reported"]
    assert (done["status"], table["label"], [column["label"] for column in table["columns"]]) == ("completed", "Ordered", ["Size", "Lines"])
    assert [shown({"fields": row["fields"]}) for row in table["items"]] == [{"size": "l", "lines": "3"}]


def test_a_stage_of_slidge_that_asks_for_more_comes_back(gateway: TestGateway, slidge: Peer) -> None:
    sure = run(gateway, Slidge.jid, {"size": "l"}, node="order")
    assert (sure["status"], sure["title"], list(shown(sure)), sure["actions"]) == ("executing", "Sure?", ["confirm"], ["next"])
    done = run(gateway, Slidge.jid, {"confirm": False}, node="order", sessionid=sure["sessionid"])
    assert done["note"]["value"] == "You canceled the operation"


def test_a_user_registers_with_slidge_in_two_stages(gateway: TestGateway, slidge: Peer) -> None:
    preferences = run(gateway, Slidge.jid, {"password": "pw"}, node="jabber:iq:register")
    assert preferences["title"] == "Preferences"
    done = run(gateway, Slidge.jid, {"sync_avatar": False}, node="jabber:iq:register", sessionid=preferences["sessionid"])
    assert done["note"]["value"] == "Success, welcome!"
    kept = shown(run(gateway, Slidge.jid, node="https://slidge.im/command/core/preferences"))
    assert (kept["sync_avatar"], kept["sync_presence"]) == ("0", "1")


def test_what_slidge_does_not_offer_is_told(gateway: TestGateway, slidge: Peer) -> None:
    refused = post(gateway, Slidge.jid, {"size": "xl"}, node="order")
    assert (refused.status_code, refused.json()["detail"]) == (400, "field 'size' does not offer 'xl'; it has 's', 'm', 'l'")
    assert run(gateway, Slidge.jid, {"siez": "l"}, node="order")["unused"] == ["siez"]
    assert post(gateway, Slidge.jid, node="nonsense").status_code == 404


# Prosody's forms


def test_all_types_of_fields_go_back_to_prosody(gateway: TestGateway) -> None:
    done = run(gateway, "localhost", {"text-single": "Juliet", "list-multi": ["two", "one"], "text-multi": "1\n\n3"}, node="all-types")
    sent = {row["fields"][0]["value"]: row["fields"][1]["value"] for row in done["reported"][0]["items"]}
    assert sent == {
        "FORM_TYPE": "urn:test:forms",
        "boolean": "1",
        "jid-multi": ["a@example.org", "b@example.org"],
        "jid-single": "c@example.org",
        "list-multi": ["one", "two"],
        "list-single": "red",
        "text-multi": ["1", "", "3"],
        "text-private": "swordfish",
        "text-single": "Juliet",
    }


def test_a_form_of_prosody_may_be_sent_back_as_it_came(gateway: TestGateway) -> None:
    form = run(gateway, "localhost", node="all-types")
    assert run(gateway, "localhost", **form)["note"]["value"] == "Thank you"


def test_a_newline_in_one_line_is_refused(gateway: TestGateway) -> None:
    refused = post(gateway, "localhost", {"text-private": "a\nb"}, node="all-types")
    assert (refused.status_code, "'text-private' takes one line" in refused.json()["detail"]) == (400, True)


def test_a_wizard_takes_one_post_or_one_for_each_page(gateway: TestGateway) -> None:
    done = run(gateway, "localhost", {"a": "x", "b": "y"}, node="wizard")
    assert {(note["type"], note["value"]) for note in done["notes"]} == {("info", "a=x b=y"), ("warn", "Twice is once too often")}
    assert done["note"]["type"] == "warn"
    first = run(gateway, "localhost", node="wizard")
    second = run(gateway, "localhost", {"a": "2"}, node="wizard", sessionid=first["sessionid"])
    assert (second["actions"], shown(second)) == (["next", "prev"], {"b": None})
    back = run(gateway, "localhost", node="wizard", sessionid=first["sessionid"], action="prev")
    assert shown(back) == {"a": "2"}
    run(gateway, "localhost", node="wizard", sessionid=first["sessionid"])
    summary = run(gateway, "localhost", {"b": "3"}, node="wizard", sessionid=first["sessionid"])
    assert summary["fields"][0]["value"] == "All right?"
    done = run(gateway, "localhost", node="wizard", sessionid=first["sessionid"])
    assert "a=2 b=3" in [note["value"] for note in done["notes"]]


def test_a_session_that_fails_is_cancelled_at_prosody(gateway: TestGateway, prosody: XmppServer) -> None:
    refused = post(gateway, "localhost", {"a": "x", "b": "y", "c": "z"}, node="wizard")
    assert refused.status_code == 400
    assert "no field 'c'; it has 'a', 'b'" in refused.json()["detail"]
    eventually(lambda: "canceled in stage 3" in prosody.log())
    endless = post(gateway, "localhost", {"a": "x"}, node="endless")
    assert (endless.status_code, "more than 20 stages" in endless.json()["detail"]) == (502, True)
    eventually(lambda: "endless canceled" in prosody.log())


def test_tables_and_results_elsewhere_of_prosody_are_complete(gateway: TestGateway) -> None:
    report = run(gateway, "localhost", node="report")
    assert [table["columns"] for table in report["reported"]] == [[{"var": "jid", "label": "JID"}], [{"var": "groups", "label": "GROUPS"}]]
    assert [table["items"][0]["fields"][0]["value"] for table in report["reported"]] == [["1", "2"], ["1", "2"]]
    assert report["urls"] == [{"url": "https://example.org/report", "desc": "The rest"}]
    assert report["note"] == {"value": "Half of it", "type": "error"}


# Both servers


@pytest.fixture(scope="module")
def everywhere(server: XmppServer) -> Iterator[TestGateway]:
    with gateway_for(server) as running:
        yield running


def test_an_announcement_with_a_typo_is_sent_to_nobody(everywhere: TestGateway, server: XmppServer) -> None:
    form = shown(run(everywhere, "localhost", node=f"{ADMIN}announce"))
    body = "announcement" if "announcement" in form else "body"
    refused = post(everywhere, "localhost", {"subject": "Hello", "annoncement": "lost"}, node=f"{ADMIN}announce")
    assert (refused.status_code, f"'{body}'" in refused.json()["detail"]) == (400, True)
    assert run(everywhere, "localhost", {"subject": "Hello", body: "one\ntwo"}, node=f"{ADMIN}announce")["status"] == "completed"


@pytest.mark.parametrize(
    ("to", "node"),
    [
        ("localhost", "nonsense"),
        ("localhost", f"{ADMIN}nonsense"),
        ("nobody@localhost", "x"),
        ("alice@localhost/phone", "x"),
        ("alice@localhost%2Fphone", "x"),
        ("alice@localhost", "x"),
        ("rooms.localhost", "x"),
    ],
)
def test_who_or_what_is_not_there_is_404(everywhere: TestGateway, to: str, node: str) -> None:
    for values in (None, {"a": "b"}):
        missing = post(everywhere, to, values, node=node)
        assert missing.status_code == 404, missing.text


@pytest.mark.parametrize("to", ["nobody@localhost", "alice@localhost/phone", "alice@localhost%2Fphone"])
def test_commands_of_who_is_not_there_are_404(everywhere: TestGateway, to: str) -> None:
    missing = everywhere.get(f"/rest/adhoc/{to}", login=LOGIN)
    assert missing.status_code == 404, missing.text
